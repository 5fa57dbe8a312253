"""Entropy of rounded noise, in bits.

Averaged over where between two codes the mean lies: narrow noise of a mean halfway between two codes takes a bit, that
of a mean on a code none.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# From here on the formula of wide noise is right to 1e-6 bits.
_WIDE = 1.2
_PHASES = 32
_PER_OCTAVE = 32
_NARROWEST = 1 / 512


def _cumulative(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the standard normal distribution; without SciPy, which importing this module must not load."""
    return 0.5 * np.array([1 + math.erf(v / math.sqrt(2)) for v in x.ravel()]).reshape(x.shape)


def _plogp(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return -p * np.log2(np.where(p > 0, p, 1.0))


@functools.cache
def _narrow() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log2 of standard deviations, and entropies."""
    logs = np.arange(math.log2(_NARROWEST), math.log2(_WIDE) + 1 / _PER_OCTAVE, 1 / _PER_OCTAVE)
    phases = (np.arange(_PHASES) + 0.5) / _PHASES - 0.5
    edges = np.arange(-9, 11) - 0.5 - phases[:, None]
    bits = [_plogp(np.diff(_cumulative(edges / 2.0**log), axis=1)).sum(axis=1).mean() for log in logs]
    return logs, np.array(bits)


def gaussian_bits_of(sigma: ArrayLike) -> NDArray[Any]:
    """`gaussian_bits` of every element of an array, in double precision or that of the array."""
    sigma = np.asarray(sigma)
    kind = sigma.dtype if sigma.dtype.kind == "f" else np.dtype(np.float64)
    with np.errstate(divide="ignore"):
        logs = np.log2(np.maximum(sigma, 0).astype(kind))
    bits = np.asarray(logs + kind.type(0.5 * math.log2(2 * math.pi * math.e)))
    small = logs < math.log2(_WIDE)
    if small.any():
        known, entropies = _narrow()
        # Below the narrowest the entropy falls in proportion: only means at an edge still waver.
        below = np.exp2(np.minimum(logs[small] - known[0], 0))
        bits[small] = np.interp(logs[small], known, entropies) * below
    return bits


def gaussian_bits(sigma: float) -> float:
    """Entropy of Gaussian noise, rounded.

    ``log2(sigma * sqrt(2 pi e))`` (Pence, Seaman & White 2009, PASP 121, 414) where the noise spreads over some codes,
    the sum over codes where it does not.

    Parameters
    ----------
    sigma : float
        Standard deviation in units of the rounding step.

    Returns
    -------
    float
        Bits per pixel.

    Examples
    --------
    >>> round(gaussian_bits(10.0), 3), gaussian_bits(0.0)
    (5.369, 0.0)
    """
    return float(gaussian_bits_of(np.array(float(sigma))))
