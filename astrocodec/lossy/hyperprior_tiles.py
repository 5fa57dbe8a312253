"""Tiles of pictures through the hyperprior family: latents to symbols to bytes, and back.

docs/format.md section "Hyperprior".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.exchange import Exchange, thrifty
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES, UNITY_SCALE
from astrocodec.lossy.hyper_tables import HyperTables
from astrocodec.lossy.hyperprior_network import (
    MEAN_REACH,
    HyperpriorNetwork,
    Size,
    exact_scale_index,
)
from astrocodec.lossy.integer_network import MAX_ACTIVATION, SHIFT, ExactConv, ExactNetwork
from astrocodec.lossy.latent_tiles import LatentTiles, size_of
from astrocodec.lossy.ragged_tables import RaggedTables
from astrocodec.lossy.transforms import LEVELS
from astrocodec.lossy.weights import Weights

Latents = NDArray[np.float64]


class HyperpriorTiles(LatentTiles):
    """What weights of the family do with tiles.

    Parameters
    ----------
    weights : Weights
    device : str
        Where synthesis runs.
    """

    def __init__(self, weights: Weights, device: str = "cpu") -> None:
        self.size = size_of(Size, weights)
        network = HyperpriorNetwork(self.size)
        super().__init__(network, weights, device)
        tensors = weights.tensors
        if "factorized" in self.kinds:
            self._tables = [RaggedTables(tensors, f"y{level}") for level in range(LEVELS)]
            self._spread = [_scales_of(tables) for tables in self._tables]
        if set(self.kinds) - {"factorized"}:
            self._hyper = HyperTables(weights, network)
        self._heads = {
            kind: ExactNetwork.loaded(tensors, kind, [getattr(network, kind.replace("-", "_"))], MAX_ACTIVATION)
            for kind in ("scale", "mean-scale")
            if kind in self.kinds
        }
        if "joint" in self.kinds:
            context = ExactNetwork.loaded(tensors, "context", [network.context], MEAN_REACH)
            joint = ExactNetwork.loaded(tensors, "joint", network.joint, MAX_ACTIVATION)
            self._joint = Wavefront(context.layers[0], joint)

    def latents(
        self, exchange: Exchange, y: Latents | None, shape: tuple[int, ...], level: int, kind: str
    ) -> NDArray[np.int64]:
        """Latents in sixteenths of a step, coded as `kind` says."""
        sides = (shape[0], shape[1])
        if kind == "factorized":
            channel = np.arange(self.size.latents)[:, None, None] + np.zeros((1, *sides), int)
            wanted = None if y is None else thrifty(y, self._spread[level], self.worth[level])
            return MEAN_UNIT * exchange.symbols(wanted, channel, self._tables[level])
        features, base = self._hyper.features(exchange, y, sides, level, self.device)
        worth = self.worth[level]
        if kind == "scale":
            return exchange.latents(
                y, 0, exact_scale_index(self._heads[kind].run(features[None], self.device)[0]), worth
            )
        above = None if y is None else y - base / MEAN_UNIT
        if kind == "joint":
            return base + self._joint.latents(exchange, above, features, worth)
        mean, scale = np.split(self._heads[kind].run(features[None], self.device)[0], 2)
        return base + exchange.latents(above, mean, exact_scale_index(scale), worth)


def _scales_of(tables: RaggedTables) -> NDArray[np.int64]:
    """Scale indices (channels, 1, 1) of the normal distributions that are as wide as tables."""
    found = []
    for number in range(len(tables)):
        first, frequencies = tables.table(number)
        symbols, share = first + np.arange(len(frequencies) - 1), frequencies[:-1] / frequencies[:-1].sum()
        variance = max(float((share * symbols**2).sum()), 1e-6)
        found.append(round(UNITY_SCALE + 3 * np.log2(variance)))
    scales: NDArray[np.int64] = np.clip(np.array(found, np.int64), 0, N_SCALES - 1)[:, None, None]
    return scales


class Wavefront:
    """Latents one after the other where each is needed for the next; those of a slanted line are taken at once.

    A latent sees two rows above, as far as two columns to the right, and two columns to the left of its own row: all
    latents with the same x + 3y may be coded together.
    """

    def __init__(self, context: ExactConv, joint: ExactNetwork) -> None:
        self._taps = [(dy, dx) for dy in range(-2, 1) for dx in range(-2, 3) if (dy, dx) < (0, 0)]
        chosen = np.stack([context.weight[:, :, dy + 2, dx + 2] for dy, dx in self._taps], -1)
        self._weight = chosen.reshape(len(chosen), -1).astype(np.float64)
        self._bias = context.bias.astype(np.float64)[:, None]
        self._limits, self._reach, self._joint = (context.low, context.high), context.reach, joint

    def latents(
        self, exchange: Exchange, y: Latents | None, features: NDArray[np.int64], worth: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Latents (channels, y, x) in sixteenths of a step."""
        height, width = features.shape[1:]
        channels = self._weight.shape[1] // len(self._taps)
        found = np.zeros((channels, height + 4, width + 4), np.int64)
        for wave in range(width + 3 * (height - 1)):
            rows = np.arange(max(0, -(-(wave - width + 1) // 3)), min(height, wave // 3 + 1))
            if not rows.size:
                continue
            columns = wave - 3 * rows
            seen = np.stack([found[:, rows + 2 + dy, columns + 2 + dx] for dy, dx in self._taps], 1)
            # Whole numbers in doubles, which hold every sum: the layer's bound was seen to.
            patches = np.clip(seen, -self._reach, self._reach).reshape(-1, len(rows)).astype(np.float64)
            context = np.floor((self._weight @ patches + self._bias) * 2.0**-SHIFT).clip(*self._limits)
            known = np.concatenate([features[:, rows, columns], context.astype(np.int64)])
            mean, scale = np.split(self._joint.run(known[None, :, :, None])[0, :, :, 0], 2)
            wanted = None if y is None else y[:, rows, columns]
            found[:, rows + 2, columns + 2] = exchange.latents(wanted, mean, exact_scale_index(scale), worth[:, 0])
        return found[:, 2:-2, 2:-2]
