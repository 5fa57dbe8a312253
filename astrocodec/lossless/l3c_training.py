"""Training of L3C; bits of latents are among those of pixels."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.l3c import network_tensors
from astrocodec.lossless.l3c_network import SIZES, L3cNetwork
from astrocodec.lossless.patch_recipe import patch_recipe
from astrocodec.lossless.pixel_format import PixelFormat


def recipe(form: PixelFormat, options: dict[str, str], batch: Callable[[int], Tensor] | None) -> Recipe:
    """The recipe of a size; ``size=small rate=0.002``."""
    return patch_recipe("l3c", SIZES, L3cNetwork, network_tensors, form, options, batch)
