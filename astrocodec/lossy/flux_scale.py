"""Whole numbers for fluxes: even steps around zero, even ratios far from it, and back without a rounding that differs.

docs/format.md section "Flux scale". Level v of a resolution R stands for ``unit (2^(v/R) - 1)``, and -v for minus that.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESOLUTION = 96  # levels for a factor of two: 0.72 %
OCTAVES = 24  # up to 2^24 units either side
TOP = RESOLUTION * OCTAVES


@functools.cache
def level_values() -> NDArray[np.float64]:
    """Values of levels 0 to `TOP` in units; each is a whole number of 2^-40, so that every machine has the same."""
    octave = [_root_of_two(k) for k in range(RESOLUTION)]
    whole = [(octave[k % RESOLUTION] << (k // RESOLUTION)) - (1 << 40) for k in range(TOP + 1)]
    return np.array([float(number) for number in whole]) * 2.0**-40


def _root_of_two(k: int) -> int:
    """2^(k / RESOLUTION) in units of 2^-40, rounded down."""
    low, high, target = 1 << 40, 1 << 41, 1 << (40 * RESOLUTION + k)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**RESOLUTION <= target else (low, middle)
    return low


def to_levels(values: ArrayLike, unit: float) -> NDArray[np.int64]:
    """Nearest levels of values, in the same unit as `unit`; what is beyond the last level is cut to it.

    Examples
    --------
    >>> to_levels([0.0, 1.0, -3.0], 1.0).tolist()
    [0, 96, -192]
    """
    with np.errstate(over="ignore"):
        scaled = np.asarray(values, np.float64) / unit
    levels = np.minimum(np.rint(RESOLUTION * np.log2(1.0 + np.abs(scaled))), TOP)
    signed: NDArray[np.int64] = np.where(scaled < 0, -levels, levels).astype(np.int64)
    return signed


def from_levels(levels: NDArray[np.int64], unit: float) -> NDArray[np.float64]:
    """Values of levels; those beyond the last are cut to it.

    Examples
    --------
    >>> from_levels(np.array([0, 96, -192]), 0.5).tolist()
    [0.0, 0.5, -1.5]
    """
    values = level_values()[np.minimum(np.abs(levels), TOP)]
    return np.where(levels < 0, -values, values) * unit
