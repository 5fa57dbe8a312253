"""Hyperlatents: coded first, under learned tables, they give the features that the others are coded with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import unpack_floats
from astrocodec.lossy.hyperprior_network import BASE_SIDE, HYPER_REACH, LEVEL_UNIT, Z_REACH, Z_UNIT
from astrocodec.lossy.integer_network import ExactNetwork
from astrocodec.lossy.ragged_tables import RaggedTables
from astrocodec.lossy.weights import Weights

Latents = NDArray[np.float64]


class HyperTables:
    """Hyperlatents, which are coded first, and the features that they give."""

    def __init__(self, weights: Weights, network: Any) -> None:
        unpack_floats(network.hyper.analysis, weights.tensors, "hyper.analysis")
        unpack_floats(network.hyper.skip, weights.tensors, "hyper.skip")
        self._base = ExactNetwork.loaded(weights.tensors, "base", [network.hyper.base], HYPER_REACH)
        self._hyper = network.hyper.double().eval()
        self._tables = RaggedTables(weights.tensors, "z")
        self._synthesis = ExactNetwork.loaded(weights.tensors, "hyper", network.hyper.synthesis, HYPER_REACH)
        self._channels, self._latents = network.size.hyper, network.hyper.skip.in_channels

    def features(
        self, exchange: Exchange, y: Latents | None, shape: tuple[int, int], level: int, device: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Features and base (channels, y, x) of latents of a shape, the base in sixteenths of a step."""
        sides = tuple(side // BASE_SIDE for side in shape)
        wanted = None
        if y is not None:
            with torch.inference_mode():
                z = self._hyper.latents(torch.from_numpy(y)[None])[0].numpy()
            wanted = np.clip(np.rint(z), -Z_REACH, Z_REACH).astype(np.int64)
        channel = np.arange(self._channels)[:, None, None] + np.zeros((1, *sides), int)
        z = exchange.symbols(wanted, channel, self._tables)
        plane = np.full((1, *sides), LEVEL_UNIT * level)
        known = np.concatenate([Z_UNIT * z, plane])[None]
        base = self._base.run(known, device)[0]
        rest = np.zeros((self._latents - len(base), *shape), np.int64)
        return self._synthesis.run(known, device)[0], np.concatenate([base, rest])
