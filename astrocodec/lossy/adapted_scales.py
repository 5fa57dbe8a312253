"""Scales that a tile's own symbols correct: what a network says is where to look, counts say which table is taken.

docs/format.md section "Adapted scales". A network that learned from other pictures is often wrong by an octave, and
knows nothing of what the encoder thinned out. Counts begin with those of training pictures and are whole numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES
from astrocodec.lossy.mixed_tables import FAMILIES, SIZES, class_costs, class_masses, size_class

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
SEEN = 8  # what a symbol counts; counts before any are at most 255
PRIOR = 20  # symbols that these stand for
CLASSES = len(SIZES) + 1
NEAR = (1, 3, 6, 12)  # sizes around a place at which it is another context
BANDS = 8
_OFFSETS = range(-16, 11)
_MOST = 15  # of a size that is context


@functools.cache
def candidates() -> Integers:
    """Tables (scales, candidates) that a scale may be coded under."""
    scales = np.clip(np.arange(N_SCALES)[:, None] + np.array(_OFFSETS), 0, N_SCALES - 1)
    return np.concatenate([N_SCALES * family + scales for family in range(len(FAMILIES))], 1)


@functools.cache
def candidate_costs() -> Integers:
    """Of classes of sizes, (scales, classes, candidates)."""
    costs: Integers = np.ascontiguousarray(class_costs()[candidates()].transpose(0, 2, 1))
    return costs


@functools.cache
def normal_counts() -> Integers:
    """What the normal distributions of scales say of `PRIOR` symbols, (scales, classes): whole numbers."""
    counts: Integers = SEEN * PRIOR * class_masses()[:N_SCALES] >> 24
    return counts


@functools.cache
def _rounded_counts() -> Integers:
    """The same with sums of about what they stand for, and no class without a hundredth before it is rounded."""
    normal = normal_counts()
    sums = 100 * normal.sum(1, keepdims=True) + CLASSES
    counts: Integers = (2 * SEEN * PRIOR * (100 * normal + 1) + sums) // (2 * sums)
    return counts


def band_of(channel: Integers | int) -> Integers:
    """Channels by how many bits their numbers, from 1 on, have.

    >>> band_of(np.array([0, 1, 2, 3, 79])).tolist()
    [0, 1, 1, 2, 6]
    """
    return np.minimum(np.log2(np.asarray(channel) + 1.5).astype(np.int64), BANDS - 1)


class SizeCounts:
    """Counts that tiles begin with, of the weights: tensors ``NAME.near`` and ``NAME.band``, where they have any.

    Parameters
    ----------
    tensors : Mapping
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        self.made: list[tuple[str, AdaptedScales]] | None = None  # those of all tiles, if a list stands here

    def of(self, name: str) -> tuple[Integers, Integers]:
        """By sizes beside and by bands, (scales, contexts, classes)."""
        if f"{name}.near" in self._tensors:
            near, band = (self._tensors[f"{name}.{part}"].astype(np.int64) for part in ("near", "band"))
            return near, band
        near, band = (_rounded_counts()[:, None].repeat(contexts, 1) for contexts in (len(NEAR) + 1, BANDS))
        return near, band

    def begin(self, name: str, exchange: Exchange, worth: Floats) -> AdaptedScales:
        """What a tile begins with; `worth` is what a squared step of each channel is in bits, 0 for any error."""
        begun = AdaptedScales(*self.of(name), exchange, worth)
        if self.made is not None:
            self.made.append((name, begun))
        return begun


class AdaptedScales:
    """What is known of the sizes of symbols, of one tile."""

    def __init__(self, near: Integers, band: Integers, exchange: Exchange, worth: Floats) -> None:
        self.near, self.band = near, band
        self._exchange, self._worth = exchange, worth

    def planes(self, wanted: Floats | None, means: Integers, scales: Integers) -> Integers:
        """Latents (channels, y, x) in sixteenths of a step, channel by channel, each a chessboard."""
        sizes = np.zeros(scales.shape, np.int64)
        found = np.zeros(scales.shape, np.int64)
        for channel in range(len(scales)):
            for squares in chessboard(*scales.shape[1:]):
                part = None if wanted is None else wanted[channel][squares]
                known = means[channel][squares], scales[channel][squares]
                found[channel][squares] = self.squares(part, *known, channel, sizes, squares)
        return found

    def squares(
        self,
        wanted: Floats | None,
        means: Integers,
        scales: Integers,
        channel: int,
        sizes: Integers,
        squares: NDArray[np.bool_],
    ) -> Integers:
        """Latents of one colour of a channel; `sizes` (channels, y, x) are those of symbols so far, and are filled."""
        around = _beside(sizes[channel])
        for before, times in ((1, 2), (2, 1), (3, 1)):
            if channel >= before:
                around = around + times * sizes[channel - before]
        found, sizes[channel][squares] = self.call(wanted, means, scales, around[squares], np.array(channel))
        return found

    def call(
        self, wanted: Floats | None, means: Integers, scales: Integers, around: Integers, channels: Integers
    ) -> tuple[Integers, Integers]:
        """Latents in sixteenths of a step, and sizes of the symbols as context; `around` are sizes beside them."""
        near = np.searchsorted(NEAR, around, side="right")
        contexts = self.near.shape[1]
        keys = (scales * contexts + near) * BANDS + band_of(channels)
        used, places = np.unique(keys, return_inverse=True)
        places = places.reshape(keys.shape)
        scale, near, band = used // BANDS // contexts, used // BANDS % contexts, used % BANDS
        counts = self.near[scale, near] + self.band[scale, band]
        costs = (counts[:, None] @ candidate_costs()[scale])[:, 0]
        tables = candidates()[scale, costs.argmin(1)][places]
        steps = self._exchange.steps(wanted, means, tables, self._worth[channels])
        classes = size_class(steps)
        np.add.at(self.near, (scale[places], near[places], classes), SEEN)
        np.add.at(self.band, (scale[places], band[places], classes), SEEN)
        return means + MEAN_UNIT * steps, np.minimum(np.abs(steps), _MOST)


def _beside(plane: Integers) -> Integers:
    """Sums over the four places across an edge."""
    wide = np.pad(plane, 1)
    sums: Integers = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return sums


def chessboard(height: int, width: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Squares that are coded first, and the others."""
    black = (np.arange(height)[:, None] + np.arange(width)[None]) % 2 == 0
    return black, ~black


def counts_of(near: Integers, band: Integers, name: str) -> dict[str, NDArray[np.uint8]]:
    """Counts to begin with, of those of training pictures; contexts seldom seen begin as others of their scale."""
    normal = normal_counts() + 0.01
    by_scale = near.sum(1) + 10 * normal / normal.sum(1, keepdims=True)
    by_scale = 20 * (by_scale / by_scale.sum(1, keepdims=True))[:, None]
    found = {}
    for part, counts in (("near", near), ("band", band)):
        share = (counts + by_scale) / (counts + by_scale).sum(2, keepdims=True)
        found[f"{name}.{part}"] = np.rint(SEEN * PRIOR * share).astype(np.uint8)
    return found
