"""Training of PixelCNN++: descends on bits per pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossless.pixelcnn_network import PixelCnnNetwork
from astrocodec.lossless.pixelcnn_plan import SIZES
from astrocodec.lossy.integer_network import layer_tensors
from astrocodec.lossy.weights import save_weights


def loss(network: nn.Module, symbols: Tensor) -> tuple[Tensor, Mapping[str, float]]:
    """Bits of a pixel."""
    assert isinstance(network, PixelCnnNetwork)
    return network.bits(symbols).mean() / (network.form.frames * SIDE**2), {}


def recipe(form: PixelFormat, options: dict[str, str], batch: Callable[[int], Tensor] | None) -> Recipe:
    """The recipe of a size; ``size=small rate=0.002``."""
    name = options.pop("size", "small")
    rate = float(options.pop("rate", 2e-3))
    if name not in SIZES or options:
        raise ValueError(
            f"size {name!r} and options {sorted(options)} found, allowed are size={'|'.join(SIZES)} and rate"
        )

    def none(step: int) -> Tensor:
        raise ValueError("there is nothing to learn from")

    return Recipe(PixelCnnNetwork(SIZES[name], form), batch or none, loss, _save, rate)


def _save(network: nn.Module, folder: Path) -> Path:
    assert isinstance(network, PixelCnnNetwork)
    tensors: dict[str, NDArray[Any]] = {}
    for name, layer in network.plan.layers().items():
        tensors |= layer_tensors(network.layer(name).exact(layer.reach), name)
    about = {"system": "pixelcnn", "size": network.size.about(), "format": network.form.about()}
    return save_weights(tensors, about, "pixelcnn", folder)
