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

from astrocodec.analysis.extra import require

# From here on the formula of wide noise is right to 1e-5 bits.
_WIDE = 0.8
_PHASES = 32
_PER_OCTAVE = 32
_NARROWEST = 1 / 512
# Electrons from which on their distribution is taken as Gaussian, and the least gain whose codes are summed up.
_MANY = 100.0
_FINEST = 0.04
_COARSE_PHASES = 8


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
    variance = np.square(np.maximum(sigma, 0), dtype=kind)
    bits = np.asarray(0.5 * np.log2((variance + kind.type(1 / 12)) * kind.type(2 * math.pi * math.e)))
    small = variance < _WIDE**2
    if small.any():
        known, entropies = _narrow()
        with np.errstate(divide="ignore"):
            logs = 0.5 * np.log2(variance[small])
        # Below the narrowest the entropy falls in proportion: only means at an edge still waver.
        bits[small] = np.interp(logs, known, entropies) * np.exp2(np.minimum(logs - known[0], 0))
    return bits


@functools.lru_cache(16)
def _counted(gain: float, read_noise: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of mean electrons, and entropies of their number plus read noise, in ADU and rounded."""
    special = require("scipy.special")
    logs = np.linspace(math.log(1e-4), math.log(_MANY), 160)
    most = int(_MANY + 10 * math.sqrt(_MANY))
    n = np.arange(most + 1)
    means = np.exp(logs)[:, None]
    chances = np.exp(n * np.log(means) - means - special.gammaln(n + 1))
    spread = max(read_noise, 1e-6) / gain
    reach = 1 + math.ceil(8 * spread)
    edges = np.arange(-reach, math.ceil(most / gain) + reach + 1) - 0.5
    total = np.zeros(logs.size)
    for phase in (np.arange(_COARSE_PHASES) + 0.5) / _COARSE_PHASES - 0.5:
        cumulative = special.ndtr((edges[:, None] - phase - n / gain) / spread)
        total += _plogp(np.diff(cumulative, axis=0) @ chances.T).sum(axis=0)
    return logs, total / _COARSE_PHASES


def poisson_read_bits_of(electrons: ArrayLike, gain: float, read_noise: float) -> NDArray[Any]:
    """Entropy of counted electrons with the noise of an amplifier, in ADU and rounded.

    Parameters
    ----------
    electrons : array_like
        Mean number, of every pixel.
    gain : float
        Electron / ADU.
    read_noise : float
        Electrons.

    Returns
    -------
    ndarray
        Bits per pixel. Exact for few electrons, averaged over where between two codes the bias lies; of many, those of
        Gaussian noise.

    Raises
    ------
    ValueError
        The gain is not positive, or the read noise negative.

    Examples
    --------
    >>> poisson_read_bits_of([0.0, 0.05, 400.0], 1.6, 5.0).round(2).tolist()
    [3.7, 3.7, 5.73]
    """
    if not gain > 0 or not read_noise >= 0:
        raise ValueError(f"gain {gain}, read noise {read_noise}: a positive and a non-negative number are needed")
    mean = np.maximum(np.asarray(electrons), 0)
    kind = mean.dtype if mean.dtype.kind == "f" else np.dtype(np.float64)
    mean = mean.astype(kind, copy=False)
    bits = gaussian_bits_of(np.sqrt(mean + kind.type(read_noise**2)) / kind.type(gain))
    if gain < _FINEST:
        return bits
    # Where the read noise alone hides the single electrons and the steps, the formula is right for few of them too.
    few = mean < (_MANY if read_noise < 8 else 0)
    logs, exact = _counted(float(gain), float(read_noise))
    if few.any():
        bits[few] = np.interp(np.log(np.maximum(mean[few], math.exp(logs[0]))), logs, exact)
    limit = float(gaussian_bits_of(np.array([math.sqrt(_MANY + read_noise**2) / gain]))[0])
    # Electrons that stay countable keep the entropy below that of Gaussian noise, however many they are.
    bits[~few] += kind.type(min(0.0, exact[-1] - limit))
    return bits


def gaussian_bits(sigma: float) -> float:
    """Entropy of Gaussian noise, rounded.

    ``log2(sigma * sqrt(2 pi e))`` (Pence, Seaman & White 2009, PASP 121, 414) for wide noise. Rounding adds a twelfth
    to the variance; the narrower the noise, the more that matters, and below about a code the sum over codes is taken.

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
    (5.37, 0.0)
    """
    return float(gaussian_bits_of(np.array(float(sigma))))
