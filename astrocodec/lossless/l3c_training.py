"""Training of L3C: descends on bits per pixel, those of latents among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossless.l3c import network_tensors
from astrocodec.lossless.l3c_network import SIZES, L3cNetwork
from astrocodec.lossless.patches import SIDE
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossy.weights import save_weights


def loss(network: nn.Module, symbols: Tensor) -> tuple[Tensor, Mapping[str, float]]:
    """Bits of a pixel."""
    assert isinstance(network, L3cNetwork)
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

    return Recipe(L3cNetwork(SIZES[name], form), batch or none, loss, _save, rate)


def _save(network: nn.Module, folder: Path) -> Path:
    assert isinstance(network, L3cNetwork)
    about = {"system": "l3c", "size": network.size.about(), "format": network.form.about()}
    return save_weights(network_tensors(network), about, "l3c", folder)
