"""Differences of visibilities that the sky leaves little of, and their medians by baseline or channel.

Readable reference of native/visibility/noise.c, which does the same with complex64.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_RAYLEIGH = math.sqrt(2 * math.log(2))  # median of |z| of complex noise whose parts have a deviation of 1
_SECOND, _FOURTH = (1.0, -2.0, 1.0), (1.0, -4.0, 6.0, -4.0, 1.0)
# Differences along time and along frequency. Fringes and bandpasses are smooth in one or the other.
OPERATORS = (
    ((1.0,), _SECOND),
    ((1.0,), _FOURTH),
    ((1.0, -1.0), (1.0,)),
    (_SECOND, (1.0,)),
    ((1.0, -1.0), (1.0, -1.0)),
    ((1.0, -1.0), _SECOND),
    (_SECOND, _SECOND),
)
# Those that are exactly 0 where a signal without noise is constant, linear or a sum of what is so.
_EXACT = (
    ((1.0, -1.0), (1.0,)),
    ((1.0,), (1.0, -1.0)),
    (_SECOND, (1.0,)),
    ((1.0,), _SECOND),
    ((1.0, -1.0), (1.0, -1.0)),
)
_REPEATS = 0.2  # of differences that are exactly 0 (0.28 of stored twice, read four at a time): there is no noise


class Medians(NamedTuple):
    """Of baselines and polarisations: |difference| over what noise of 1 gives, NaN where no difference is known."""

    found: list[NDArray[np.float32]]  # of each operator, [baseline, pol]
    counts: list[NDArray[Any]]
    is_known: NDArray[np.bool_]  # has a sample that counts
    is_noiseless: NDArray[np.bool_]  # samples are exactly what those beside them say


class Differences:
    """Differences of a block ``[time, baseline, freq, pol]``, of samples that are known.

    What has no noise counts as not known, unless `all_have_noise`.
    """

    def __init__(self, values: NDArray[Any], known: NDArray[np.bool_], all_have_noise: bool = False) -> None:
        self.shape = values.shape
        self._is_noiseless = np.zeros(values.shape[1::2], bool)
        with np.errstate(all="ignore"):
            if not all_have_noise:
                self._is_noiseless = _noiseless(values, known)
        self._known = known & ~self._is_noiseless[None, :, None, :]
        wide = np.complex128 if values.dtype.itemsize > 8 else np.complex64
        self._values = np.where(self._known, values, 0).astype(wide)

    def medians(self, operators: Sequence[int], baselines: slice) -> Medians:
        """Medians of each of these operators."""
        is_known: NDArray[np.bool_] = np.any(self._known[:, baselines], (0, 2))
        found, counts = [], []
        for operator in operators:
            magnitudes = self._magnitudes(operator, baselines)
            found.append(_median(magnitudes, (0, 2)).astype(np.float32))
            counts.append(np.sum(~np.isnan(magnitudes), (0, 2)))
        return Medians(found, counts, is_known, self._is_noiseless[baselines])

    def median_of_all(self, operator: int, baselines: slice) -> float:
        """Median of all baselines and polarisations."""
        return float(_median(self._magnitudes(operator, baselines), (0, 1, 2, 3)))

    def profile(
        self, operator: int, baselines: slice, noise: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Medians over noise, ``[chosen baseline, pol]``, by channel and polarisation, and how many were known."""
        relative = self._magnitudes(operator, baselines) / noise[None, :, None, :]
        return _median(relative, (0, 1)).astype(np.float32), np.sum(~np.isnan(relative), (0, 1))

    def _magnitudes(self, operator: int, baselines: slice) -> NDArray[Any]:
        """|difference| over what noise of 1 gives, NaN where a sample is not known; none where axes are too short."""
        time, frequency = OPERATORS[operator]
        values, known = self._values[:, baselines], self._known[:, baselines]
        if len(values) < len(time) or values.shape[2] < len(frequency):
            return np.zeros((0, *values.shape[1:]), np.float32)
        norm = math.sqrt(sum(t * t for t in time) * sum(f * f for f in frequency)) * _RAYLEIGH
        with np.errstate(all="ignore"):
            found = _differences(_differences(values, time, 0), frequency, 2)
            magnitude: NDArray[Any] = np.abs(found).astype(np.float32) / np.float32(norm)
        if not known.all():
            magnitude[_counted(known, time, frequency) < len(time) * len(frequency)] = np.nan
        return magnitude


def _noiseless(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found = np.zeros((values.shape[1], values.shape[3]), bool)
    for time, frequency in _EXACT:
        if values.shape[0] < len(time) or values.shape[2] < len(frequency):
            continue
        difference = _differences(_differences(values, time, 0), frequency, 2)
        counted = _counted(known, time, frequency) == len(time) * len(frequency)
        zeros = np.sum(counted & (difference == 0), (0, 2))
        found |= (zeros > 0) & (zeros >= _REPEATS * np.sum(counted, (0, 2)))
    return found


def _counted(known: NDArray[np.bool_], time: Sequence[float], frequency: Sequence[float]) -> NDArray[Any]:
    """How many samples of each difference are known."""
    return _differences(_differences(known.astype(np.float32), np.ones(len(time)), 0), np.ones(len(frequency)), 2)


def _differences(values: NDArray[Any], taps: Iterable[float], axis: int) -> NDArray[Any]:
    """The sum of shifted values times taps along an axis; shorter by the number of taps less 1."""
    taps = tuple(taps)
    length = values.shape[axis] - len(taps) + 1
    index = [slice(None)] * values.ndim
    total: NDArray[Any] | None = None
    for i, tap in enumerate(taps):
        index[axis] = slice(i, i + length)
        part = values[tuple(index)] * np.float32(tap)
        total = part if total is None else total + part
    assert total is not None
    return total


def _median(values: NDArray[Any], axis: tuple[int, ...]) -> NDArray[Any]:
    """Median of what is not NaN; NaN where all is."""
    moved = np.moveaxis(values, axis, range(len(axis))).reshape(-1, *np.delete(values.shape, axis))
    count = np.sum(~np.isnan(moved), 0)
    if not len(moved):
        return np.full(moved.shape[1:], np.nan, moved.dtype)
    if count.min(initial=len(moved)) == len(moved):
        median: NDArray[Any] = np.median(moved, 0)
        return median
    ordered = np.sort(moved, 0)  # NaN last
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    pair = np.take_along_axis(ordered, np.stack([low, high]), 0)
    return np.where(count > 0, pair.mean(0), np.nan)


def median_around(values: NDArray[Any], around: int) -> NDArray[Any]:
    """Of each row the median of it and those up to `around` off, without NaN; the edges go on as they end."""
    wide = np.pad(values, ((around, around), (0, 0)), mode="edge")
    return _median(np.lib.stride_tricks.sliding_window_view(wide, 2 * around + 1, axis=0), (2,))
