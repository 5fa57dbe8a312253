"""How the hyperprior family learns: all kinds of one network at once, each picture of a step at a level of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.hyperprior_network import SIZES, HyperpriorNetwork
from astrocodec.lossy.training_pictures import Pictures
from astrocodec.lossy.transforms import LEVELS, rate_weights

# Its kernels are small numbers, which steps of the whole rate would keep noisy.
SLOW = {f"transforms.lapped_{side}": 0.3 for side in ("analysis", "synthesis")}


def balanced(bits_per_pixel: Tensor, error: Tensor, level: Tensor) -> Tensor:
    """What descends: bits and error as `rate_weights` weighs them; high levels, where both are large, count less."""
    return ((bits_per_pixel + rate_weights(level) * error) / (0.5 + 0.35 * level)).mean()


def loss(network: nn.Module, batch: tuple[Tensor, Tensor, int]) -> tuple[Tensor, Mapping[str, float]]:
    """The mean rate of all kinds and the error of the pictures that one of them gives."""
    x, level, turn = batch
    assert isinstance(network, HyperpriorNetwork)
    kinds = network.size.kinds
    made, bits = network(x, level, kinds[turn % len(kinds)])
    pixels = x.shape[2] * x.shape[3]
    error = ((made - x) ** 2).flatten(1).mean(1)
    # Channels are pictures beside each other: a pixel of two channels costs and errs twice.
    rate = torch.stack(list(bits.values())).mean(0) / pixels
    shown = {kind: float(of.detach().mean()) / pixels for kind, of in bits.items()}
    return balanced(rate, error * x.shape[1], level), {"psnr": float(-10 * torch.log10(error.detach()).mean()), **shown}


def batches(pictures: Pictures, seed: int, step: int) -> tuple[Tensor, Tensor, int]:
    """Pictures of a step, their levels, and whose turn it is."""
    x = pictures.at(step)
    generator = torch.Generator().manual_seed(1_000_003 * seed + step)
    return x, torch.randint(LEVELS, (len(x),), generator=generator), step // 3


def pictures_of(options: dict[str, str], seed: int) -> Pictures:
    """Training pictures as a command's options say, which are taken out of them."""
    folder = options.pop("corpus", None)
    numbers = {name: int(options.pop(name)) for name in ("count", "side", "batch") if name in options}
    return Pictures(seed, folder=Path(folder) if folder else None, **numbers)


def learning_part(network: nn.Module, options: dict[str, str]) -> None:
    """Keep the transforms as they are where ``part=rates`` learns, which is quicker: latents and pictures stay."""
    part = options.pop("part", "all")
    if part not in ("all", "rates"):
        raise ValueError(f"part is {part!r}, allowed are all, rates")
    if part == "rates":
        network.get_submodule("transforms").requires_grad_(False)


def refuse(options: Mapping[str, Any]) -> None:
    """See that every option was taken."""
    if options:
        raise ValueError(
            f"options {', '.join(options)} found, allowed are size, rate, corpus, count, side, batch and, "
            "but of qhvae, part"
        )


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """The recipe of a size; ``size=small corpus=FOLDER``."""
    network = HyperpriorNetwork(SIZES[options.pop("size", "small")])
    rate = float(options.pop("rate", 1e-3))
    pictures = pictures_of(options, seed)
    learning_part(network, options)
    refuse(options)
    return Recipe(network, lambda step: batches(pictures, seed, step), loss, _save, rate, SLOW)


def _save(network: nn.Module, folder: Path) -> Path:
    from astrocodec.lossy.hyperprior_weights import save

    assert isinstance(network, HyperpriorNetwork)
    return save(network, folder)
