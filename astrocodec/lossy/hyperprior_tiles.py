"""Tiles of pictures through the hyperprior family: latents to symbols to bytes, and back.

docs/format.md section "Hyperprior".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.adapted_scales import AdaptedScales, SizeCounts
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.factorized_latents import FactorizedLatents
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.hyper_tables import HyperTables
from astrocodec.lossy.hyperprior_network import (
    MEAN_REACH,
    HyperpriorNetwork,
    Size,
    exact_scale_index,
)
from astrocodec.lossy.integer_network import MAX_ACTIVATION, SHIFT, ExactConv, ExactNetwork
from astrocodec.lossy.latent_tiles import LatentTiles, size_of
from astrocodec.lossy.rooted_planes import RootedPlanes
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
        self.sizes = SizeCounts(tensors)
        if "factorized" in self.kinds:
            self.factorized = FactorizedLatents(tensors.get("y.scale"), self.size.latents)
        if set(self.kinds) - {"factorized"}:
            self._hyper = HyperTables(weights, network)
        self._heads = {
            kind: ExactNetwork.loaded(tensors, kind, [getattr(network, kind.replace("-", "_"))], MAX_ACTIVATION)
            for kind in ("scale", "mean-scale")
            if kind in self.kinds
        }
        self.rooted = {kind: RootedPlanes(tensors, self.sizes, kind) for kind in self._heads}
        if "joint" in self.kinds:
            context = ExactNetwork.loaded(tensors, "context", [network.context], MEAN_REACH)
            joint = ExactNetwork.loaded(tensors, "joint", network.joint, MAX_ACTIVATION)
            self._joint = Wavefront(context.layers[0], joint)

    def latents(
        self, exchange: Exchange, y: Latents | None, shape: tuple[int, ...], level: int, kind: str
    ) -> NDArray[Any]:
        """Latents in sixteenths of a step, coded as `kind` says."""
        sides = (shape[0], shape[1])
        worth = self.worth[level, :, 0, 0]
        if kind == "factorized":
            return self.factorized.code(exchange, y, sides, level, worth)
        features, base = self._hyper.features(exchange, y, sides, level, self.device)
        above = None if y is None else y - base / MEAN_UNIT
        if kind == "joint":
            adapted = self.sizes.begin(f"sizes.{kind}", exchange, worth)
            return base + self._joint.latents(adapted, above, features)
        out = self._heads[kind].run(features[None], self.device)[0]
        mean, scale = (np.zeros_like(out), out) if kind == "scale" else np.split(out, 2)
        return base + self.rooted[kind].code(exchange, above, mean, exact_scale_index(scale), level, worth)


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

    def latents(self, adapted: AdaptedScales, y: Latents | None, features: NDArray[np.int64]) -> NDArray[np.int64]:
        """Latents (channels, y, x) in sixteenths of a step."""
        height, width = features.shape[1:]
        channels = self._weight.shape[1] // len(self._taps)
        found = np.zeros((channels, height + 4, width + 4), np.int64)
        sizes = np.zeros((channels, height + 1, width + 2), np.int64)
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
            straight = sizes[:, rows, columns + 1] + sizes[:, rows + 1, columns]
            around = 2 * straight + sizes[:, rows, columns] + sizes[:, rows, columns + 2]
            call = adapted.call(wanted, mean, exact_scale_index(scale), around, np.arange(channels)[:, None])
            found[:, rows + 2, columns + 2], sizes[:, rows + 1, columns + 1] = call
        return found[:, 2:-2, 2:-2]
