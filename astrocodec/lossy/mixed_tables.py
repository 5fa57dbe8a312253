"""Frequency tables of normal distributions and of mixtures of them, and what they say of sizes, in whole numbers.

docs/format.md section "Adapted scales". Symbols that were thinned out, or of a place that is partly calm, have more
zeros and longer tails than a normal distribution of their spread.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.gaussian_tables import N_SCALES, gaussian_table, with_escape
from astrocodec.lossy.lattice_coder import exact_model

# Scales, beside the table's own, of the normal distributions in each family, and their parts of 8.
FAMILIES = (((0, 8),), ((-6, 4), (3, 4)), ((-12, 4), (-1, 2), (6, 2)))
SIZES = np.array([1, 2, 3, 4, 5, 7, 9, 12, 16, 23, 32, 46, 64, 91, 128])  # where classes of sizes begin, 0 the first
COST_UNIT = 64  # parts of a bit


def size_class(symbols: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes of the sizes of symbols.

    >>> size_class(np.array([0, -1, 6, 500])).tolist()
    [0, 1, 5, 15]
    """
    return np.searchsorted(SIZES, np.abs(symbols), side="right")


class MixedTables:
    """Table ``80 * family + scale``."""

    def __len__(self) -> int:
        """How many there are."""
        return len(FAMILIES) * N_SCALES

    @functools.lru_cache(maxsize=256)  # noqa: B019  there is one set only
    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """First symbol and frequencies."""
        family, scale = divmod(number, N_SCALES)
        if not family:
            return gaussian_table(scale, 0)
        parts = [(gaussian_table(min(max(scale + by, 0), N_SCALES - 1), 0), part) for by, part in FAMILIES[family]]
        reach = max(-first for (first, _), _ in parts)
        mass = np.zeros(2 * reach + 1, np.int64)
        for (first, frequencies), part in parts:
            mass[reach + first : reach - first + 1] += part * frequencies[:-1]
        return -reach, with_escape(mass)

    @functools.lru_cache(maxsize=256)  # noqa: B019
    def model(self, number: int) -> Any:
        """The same as constriction takes it."""
        return exact_model(self.table(number)[1])


MIXED = MixedTables()


def _cost(share: int) -> int:
    """Bits, in 1/64, of a share of 2^24: rounded up, exact."""
    power: int = share**COST_UNIT
    return 24 * COST_UNIT - (power.bit_length() - 1)


@functools.cache
def class_masses() -> NDArray[np.int64]:
    """Of 2^24, the share of each class of sizes under each table."""
    found = np.empty((len(MIXED), len(SIZES) + 1), np.int64)
    for number in range(len(MIXED)):
        first, frequencies = MIXED.table(number)
        classes = size_class(np.arange(first, first + len(frequencies) - 1))
        found[number] = np.bincount(classes, frequencies[:-1], len(SIZES) + 1)
    return found


@functools.cache
def class_costs() -> NDArray[np.int64]:
    """What a symbol of each class of sizes costs under each table, without what tells it from others of its class."""
    return np.array([[_cost(max(int(mass), 256)) for mass in row] for row in class_masses()])


@functools.cache
def symbol_costs() -> NDArray[np.float64]:
    """About the bits of symbols of sizes 0 to 255 under each table."""
    found = np.full((len(MIXED), 256), 24.0)
    for number in range(len(MIXED)):
        first, frequencies = MIXED.table(number)
        upper = frequencies[-first:-1][:256]
        found[number, : len(upper)] = 24 - np.log2(upper)
    return found
