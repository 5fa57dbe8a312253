"""Training of PixelCNN++."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.patch_recipe import patch_recipe
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_network import PixelCnnNetwork, network_tensors
from astrocodec.lossless.pixelcnn_plan import SIZES


def recipe(form: PixelFormat, options: dict[str, str], batch: Callable[[int], Tensor] | None) -> Recipe:
    """The recipe of a size; ``size=small rate=0.002``."""
    return patch_recipe("pixelcnn", SIZES, PixelCnnNetwork, network_tensors, form, options, batch)
