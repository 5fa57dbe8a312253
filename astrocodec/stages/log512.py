"""Logarithms in integers (docs/format.md section "Conventions")."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def log512(v: NDArray[np.int64]) -> NDArray[np.int64]:
    """512 * log2(v), linear between powers of two; 0 for v = 0."""
    v = np.maximum(v, 1)
    e = np.frexp(v.astype(np.float64))[1].astype(np.int64) - 1
    return (e << 9) + (((v << 9) >> e) & 511)
