"""Training of the integer discrete flow."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.idf import network_tensors
from astrocodec.lossless.idf_network import SIZES, IdfNetwork
from astrocodec.lossless.patch_recipe import patch_recipe
from astrocodec.lossless.pixel_format import PixelFormat


def recipe(form: PixelFormat, options: dict[str, str], batch: Callable[[int], Tensor] | None) -> Recipe:
    """The recipe of a size; ``size=small rate=0.002``."""
    return patch_recipe("idf", SIZES, IdfNetwork, network_tensors, form, options, batch)
