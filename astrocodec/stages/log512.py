"""Logarithms in integers (docs/format.md section "Conventions")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_POWERS = np.int64(1) << np.arange(62)


def bit_length(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits of integers from 0 to 2**61: 0 for 0, as `int.bit_length` has it."""
    return np.searchsorted(_POWERS, v, side="right")


def log2_floor(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the highest set bit; -1 for 0."""
    return bit_length(v) - 1


def log512(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """512 times the binary logarithm of integers below 2**52, linear between powers of two; 0 for 0.

    >>> log512(np.array([0, 1, 2, 3, 4])).tolist()
    [0, 0, 512, 768, 1024]
    """
    v = np.maximum(v, 1)
    e = log2_floor(v)
    return (e << 9) + ((v << 9 >> e) & 511)
