"""How QH-VAE learns: as the others, from pictures at levels of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import nn

from astrocodec.learning.recipe import Recipe
from astrocodec.lossy.elic_training import loss
from astrocodec.lossy.hyperprior_training import SLOW, batches, pictures_of, refuse
from astrocodec.lossy.qhvae_network import SIZES, QhvaeNetwork
from astrocodec.lossy.qhvae_tiles import begin, save


def recipe(options: dict[str, str], seed: int) -> Recipe:
    """The recipe of a size; ``size=small corpus=FOLDER``."""
    network = QhvaeNetwork(SIZES[options.pop("size", "small")])
    rate = float(options.pop("rate", 1e-3))
    pictures = pictures_of(options, seed)
    refuse(options)
    slow = {name.removeprefix("transforms."): part for name, part in SLOW.items()}
    return Recipe(network, lambda step: batches(pictures, seed, step), loss, _save, rate, slow, partial(begin, network))


def _save(network: nn.Module, folder: Path) -> Path:
    assert isinstance(network, QhvaeNetwork)
    return save(network, folder)
