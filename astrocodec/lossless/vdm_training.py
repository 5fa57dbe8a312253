"""Training of the variational diffusion model."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.patch_recipe import patch_recipe
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.vdm import network_tensors
from astrocodec.lossless.vdm_network import SIZES, VdmNetwork


def recipe(form: PixelFormat, options: dict[str, str], batch: Callable[[int], Tensor] | None) -> Recipe:
    """The recipe of a size; ``size=small rate=0.002``."""
    return patch_recipe("vdm", SIZES, VdmNetwork, network_tensors, form, options, batch)
