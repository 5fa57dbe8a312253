"""Tiles of pictures through ELIC. docs/format.md section "ELIC"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from astrocodec.lossy.adapted_scales import SizeCounts, chessboard
from astrocodec.lossy.elic_network import ElicNetwork, Group, Size
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import pack_floats
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyper_tables import HyperTables
from astrocodec.lossy.hyperprior_network import MEAN_REACH, exact_scale_index
from astrocodec.lossy.hyperprior_weights import hyper_tensors
from astrocodec.lossy.integer_network import MAX_ACTIVATION, ExactNetwork
from astrocodec.lossy.latent_tiles import LatentTiles, size_of
from astrocodec.lossy.weights import Weights, save_weights

Integers = NDArray[np.int64]


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
        self.sizes = SizeCounts(weights.tensors)
        self._groups = [
            {
                name: ExactNetwork.loaded(weights.tensors, f"group{i}.{name}", layers, reach)
                for name, (layers, reach) in _networks(group).items()
            }
            for i, group in enumerate(network.groups)
        ]

    def latents(
        self, exchange: Exchange, y: NDArray[np.float64] | None, shape: tuple[int, ...], level: int, kind: str
    ) -> Integers:
        """Latents (channels, y, x) in sixteenths of a step: networks run ten times, whatever the size."""
        features, base = self._hyper.features(exchange, y, (shape[0], shape[1]), level, self.device)
        above = None if y is None else y - base / MEAN_UNIT
        adapted = self.sizes.begin("sizes.groups", exchange, self.worth[level, :, 0, 0])
        found, sizes = np.zeros_like(base), np.zeros_like(base)
        start = 0
        for networks, count in zip(self._groups, self.size.groups, strict=True):
            known = [features]
            if "channels" in networks:
                known.append(networks["channels"].run(found[None, :start], self.device)[0])
            part = found[start : start + count]
            for squares in chessboard(shape[0], shape[1]):
                beside = networks["beside"].run(part[None], self.device)[0]
                out = networks["joined"].run(np.concatenate([*known, beside])[None], self.device)[0]
                mean, scale = np.split(out[:, squares], 2)
                scale = exact_scale_index(scale)
                for i in range(count):
                    wanted = None if above is None else above[start + i][squares]
                    part[i][squares] = adapted.squares(wanted, mean[i], scale[i], start + i, sizes, squares)
            start += count
        return base + found
