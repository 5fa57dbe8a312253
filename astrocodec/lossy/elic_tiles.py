"""Tiles of pictures through ELIC. docs/format.md section "ELIC"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from astrocodec.lossy.elic_network import ElicNetwork, Group, Size, black_squares
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import pack_floats
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyper_tables import HyperTables
from astrocodec.lossy.hyperprior_network import MEAN_REACH, exact_scale_index
from astrocodec.lossy.hyperprior_weights import hyper_tensors
from astrocodec.lossy.integer_network import MAX_ACTIVATION, ExactNetwork
from astrocodec.lossy.latent_tiles import LatentTiles, size_of
from astrocodec.lossy.weights import Weights, save_weights


def _networks(group: nn.Module) -> dict[str, tuple[list[nn.Module], int]]:
    """Layers of a group by name, and how large their inputs may be."""
    assert isinstance(group, Group)
    found: dict[str, tuple[list[nn.Module], int]] = {
        "beside": ([group.beside], MEAN_REACH),
        "joined": (list(group.joined), MAX_ACTIVATION),
    }
    if group.channels is not None:
        found["channels"] = ([group.channels], MEAN_REACH)
    return found


def save(network: ElicNetwork, folder: Path, system: str = "elic") -> Path:
    """Write the weights into a folder, under their content's name."""
    tensors = pack_floats(network.transforms, "transforms") | hyper_tensors(network.hyper)
    for i, group in enumerate(network.groups):
        for name, (layers, reach) in _networks(group).items():
            tensors |= ExactNetwork.of(layers, reach).tensors(f"group{i}.{name}")
    return save_weights(tensors, {"size": network.size.about()}, system, folder)


class ElicTiles(LatentTiles):
    """What weights do with tiles."""

    def __init__(self, weights: Weights, device: str = "cpu") -> None:
        self.size = size_of(Size, weights)
        network = ElicNetwork(self.size)
        super().__init__(network, weights, device)
        self._hyper = HyperTables(weights, network)
        self._groups = [
            {
                name: ExactNetwork.loaded(weights.tensors, f"group{i}.{name}", layers, reach)
                for name, (layers, reach) in _networks(group).items()
            }
            for i, group in enumerate(network.groups)
        ]

    def latents(
        self, exchange: Exchange, y: NDArray[np.float64] | None, shape: tuple[int, ...], level: int, kind: str
    ) -> NDArray[np.int64]:
        """Latents (channels, y, x) in sixteenths of a step: ten calls, whatever the size."""
        features, base = self._hyper.features(exchange, y, (shape[0], shape[1]), level, self.device)
        above = None if y is None else y - base / MEAN_UNIT
        black = black_squares(shape[0], shape[1]).numpy()
        found = np.zeros((0, *shape), np.int64)
        for networks, channels in zip(self._groups, self.size.groups, strict=True):
            known = [features]
            if "channels" in networks:
                known.append(networks["channels"].run(found[None], self.device)[0])
            part = np.zeros((channels, *shape), np.int64)
            for squares in (black, ~black):
                beside = networks["beside"].run(part[None], self.device)[0]
                out = networks["joined"].run(np.concatenate([*known, beside])[None], self.device)[0]
                mean, scale = np.split(out[:, squares], 2)
                start = len(found)
                wanted = None if above is None else above[start : start + channels][:, squares]
                worth = self.worth[level, start : start + channels, 0]
                part[:, squares] = exchange.latents(wanted, mean, exact_scale_index(scale), worth)
            found = np.concatenate([found, part])
        return base + found
