"""Parts of a set of visibilities: 70 % to learn from, 20 % to validate with, 10 % to test with.

The channels of a set are cut into ten runs of neighbours, the baselines where there are fewer channels than ten; which
runs are which is drawn from the set's name. Neighbours are alike, so that runs tell more than single channels would.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

PARTS = {"training": (0, 7), "validation": (7, 9), "test": (9, 10)}
_RUNS = 10


def part_of(name: str, shape: tuple[int, ...], part: str) -> tuple[int, NDArray[np.intp]]:
    """The axis that is cut, 2 or 1, and the indices of a part along it.

    >>> part_of("meerkat", (30, 496, 64, 4), "test")[0]
    2
    """
    axis = 2 if shape[2] >= _RUNS else 1
    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(_RUNS)
    runs = np.array_split(np.arange(shape[axis]), _RUNS)
    first, last = PARTS[part]
    return axis, np.sort(np.concatenate([runs[number] for number in order[first:last]]))
