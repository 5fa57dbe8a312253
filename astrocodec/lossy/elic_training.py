"""How ELIC learns: as the hyperprior family, from whose transforms and hyperlatents it may begin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.elic_network import SIZES, ElicNetwork
from astrocodec.lossy.elic_tiles import save
from astrocodec.lossy.hyperprior_training import SLOW, balanced, batches, learning_part, pictures_of, refuse


def loss(network: nn.Module, batch: tuple[Tensor, Tensor, int]) -> tuple[Tensor, Mapping[str, float]]:
    """Rate and error."""
    x, level, _ = batch
    made, bits = network(x, level)
    rate = bits / (x.shape[2] * x.shape[3])
    error = ((made - x) ** 2).flatten(1).mean(1)
    shown = {"psnr": float(-10 * torch.log10(error.detach()).mean()), "bits": float(rate.detach().mean())}
    return balanced(rate, error * x.shape[1], level), shown


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """The recipe of a size; ``size=small corpus=FOLDER``."""
    network = ElicNetwork(SIZES[options.pop("size", "small")])
    rate = float(options.pop("rate", 1e-3))
    pictures = pictures_of(options, seed)
    learning_part(network, options)
    refuse(options)
    return Recipe(network, lambda step: batches(pictures, seed, step), loss, _save, rate, SLOW)


def _save(network: nn.Module, folder: Path) -> Path:
    assert isinstance(network, ElicNetwork)
    return save(network, folder)
