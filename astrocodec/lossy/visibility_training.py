"""How ELIC and QH-VAE learn visibilities: rate and error, and the errors of magnitudes and phases beside (Chen 2026).

``L = R + lambda D + lambda1 |magnitude error| + lambda2 |phase error|``: bits of a sample, its squared error as the
level weighs it, and errors in scales and radian.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.learning.visibility_pictures import VisibilityPictures
from astrocodec.lossy import elic_network, elic_tiles, qhvae_network, qhvae_tiles
from astrocodec.lossy.hyperprior_training import SLOW
from astrocodec.lossy.transforms import LEVELS, rate_weights
from astrocodec.lossy.visibility_planes import SPAN

_GROUPS = (8, 8, 16, 32, 64)
# As many latents as 8 x 8 samples have numbers: with fewer, as the published sizes have, part of the noise is lost.
ELIC_SIZES = {
    "small": elic_network.Size(24, _GROUPS, 24, heads=(2,)),
    "published": replace(elic_network.SIZES["published"], heads=(2,)),
}
QHVAE_SIZES = {
    "small": qhvae_network.Size(32, 48, ((8,), (8,), (16,), (sum(_GROUPS),)), heads=(2,)),
    "published": replace(qhvae_network.SIZES["published"], heads=(2,)),
}
_NUMBERS = ("count", "side", "batch")
_FAINT = 0.1  # product of magnitudes, in scales, at which phases count half


def phase_error(made: Tensor, x: Tensor) -> Tensor:
    """Angles between complex numbers (n, 2, ...), 0 to pi; of numbers near 0, whose phase is anybody's, less."""
    along = (made * x).sum(1, keepdim=True)
    across = made[:, :1] * x[:, 1:] - made[:, 1:] * x[:, :1]
    size = (along.square() + across.square()).sqrt().detach()
    angle: Tensor = torch.atan2(across.abs(), along + 1e-12)
    return angle * (size / (size + _FAINT))


def magnitudes(x: Tensor) -> Tensor:
    """Of complex numbers (n, 2, ...)."""
    return (x.square().sum(1, keepdim=True) + 1e-6).sqrt()


def loss_of(of_magnitude: float, of_phase: float) -> Callable[[nn.Module, Any], tuple[Tensor, Mapping[str, float]]]:
    """What descends, for lambda1 and lambda2."""

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
        x, counts, level = batch
        made, bits = network(x, level)
        rate = bits / (x.shape[2] * x.shape[3])
        number = counts.flatten(1).sum(1).clamp(min=1)

        def mean(of: Tensor) -> Tensor:
            return (of * counts).flatten(1).sum(1) / number

        error = mean((made - x).square().sum(1, keepdim=True))
        truth, found = SPAN * (x - 0.5), SPAN * (made - 0.5)
        magnitude = mean((magnitudes(found) - magnitudes(truth)).abs())
        phase = mean(phase_error(found, truth))
        weighed = rate_weights(level) * error
        total = rate + weighed + of_magnitude * magnitude + of_phase * phase
        shown = {"bits": rate, "mse": SPAN**2 * error / 2, "magnitude": magnitude, "phase": phase}
        # High levels, where bits and errors are large, count less, and so do crops whose sources make errors large.
        return (total / (0.5 + 0.35 * level) / (1 + weighed.detach())).mean(), {
            key: float(of.detach().mean()) for key, of in shown.items()
        }

    return loss


def _batches(pictures: VisibilityPictures, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    x, counts = pictures.at(step)
    generator = torch.Generator().manual_seed(1_000_003 * seed + step)
    return x, counts, torch.randint(LEVELS, (len(x),), generator=generator)


def _recipe(
    network: nn.Module, options: dict[str, str], seed: int, save: Callable[[nn.Module, Path], Path],
    slow: Mapping[str, float],
) -> Recipe:  # fmt: skip
    folder = options.pop("corpus", None)
    numbers: dict[str, Any] = {name: int(options.pop(name)) for name in _NUMBERS if name in options}
    rate, of_magnitude, of_phase = (
        float(options.pop(name, usual)) for name, usual in (("rate", "1e-3"), ("lambda1", "0"), ("lambda2", "0"))
    )
    if options:
        raise ValueError(
            f"options {', '.join(options)} found, allowed are size, rate, lambda1, lambda2, corpus, count, side, batch"
        )
    pictures = VisibilityPictures(seed, folder=Path(folder) if folder else None, **numbers)
    loss = loss_of(of_magnitude, of_phase)
    return Recipe(network, lambda step: _batches(pictures, seed, step), loss, save, rate, slow)


def elic(options: dict[str, str], seed: int) -> Recipe:
    """The recipe of ELIC; ``size=small lambda1=10 lambda2=10 corpus=FOLDER``."""
    size = ELIC_SIZES[options.pop("size", "small")]

    def save(network: nn.Module, folder: Path) -> Path:
        assert isinstance(network, elic_network.ElicNetwork)
        return elic_tiles.save(network, folder, "elic_visibility")

    return _recipe(elic_network.ElicNetwork(size), options, seed, save, SLOW)


def qhvae(options: dict[str, str], seed: int) -> Recipe:
    """The recipe of QH-VAE; ``size=small lambda1=10 lambda2=10 corpus=FOLDER``."""
    size = QHVAE_SIZES[options.pop("size", "small")]

    def save(network: nn.Module, folder: Path) -> Path:
        assert isinstance(network, qhvae_network.QhvaeNetwork)
        return qhvae_tiles.save(network, folder, "qhvae_visibility")

    slow = {name.removeprefix("transforms."): part for name, part in SLOW.items()}
    return _recipe(qhvae_network.QhvaeNetwork(size), options, seed, save, slow)
