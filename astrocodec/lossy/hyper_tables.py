"""Hyperlatents: coded first, under learned tables, they give the features that the others are coded with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.float_weights import unpack_floats
from astrocodec.lossy.hyperprior_network import HYPER_REACH, LEVEL_UNIT, Z_REACH, Z_UNIT
from astrocodec.lossy.integer_network import ExactNetwork
from astrocodec.lossy.ragged_tables import RaggedTables
from astrocodec.lossy.weights import Weights

Latents = NDArray[np.float64]


class HyperTables:
    """Hyperlatents, which are coded first, and the features that they give."""

    def __init__(self, weights: Weights, network: Any) -> None:
        unpack_floats(network.hyper.analysis, weights.tensors, "hyper.analysis")
        self._analysis = network.hyper.analysis.double().eval()
        self._tables = RaggedTables(weights.tensors, "z")
        self._synthesis = ExactNetwork.loaded(weights.tensors, "hyper", network.hyper.synthesis, HYPER_REACH)
        self._channels = network.size.hyper

    def features(
        self, exchange: Exchange, y: Latents | None, shape: tuple[int, int], level: int, device: str
    ) -> NDArray[np.int64]:
        """Features (1, channels, y, x) of latents of a shape."""
        sides = tuple(-(-side // 4) for side in shape)
        wanted = None
        if y is not None:
            with torch.inference_mode():
                z = self._analysis(torch.from_numpy(y)[None])[0].numpy()
            wanted = np.clip(np.rint(z), -Z_REACH, Z_REACH).astype(np.int64)
        channel = np.arange(self._channels)[:, None, None] + np.zeros((1, *sides), int)
        z = exchange.symbols(wanted, channel, self._tables)
        plane = np.full((1, *sides), LEVEL_UNIT * level)
        known = np.concatenate([Z_UNIT * z, plane])[None]
        return self._synthesis.run(known, device)[:, :, : shape[0], : shape[1]]
