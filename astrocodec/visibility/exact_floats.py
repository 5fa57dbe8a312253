"""Exact floats: what the encoder chooses for a block of complex samples that must come back bit for bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.visibility import FLOATS, MOST_ZERO, PARAMETERS
from astrocodec.stages.visibility_classes import CODED, KEPT, ZERO
from astrocodec.stages.visibility_floats import LATTICE_BIAS

_FINE, _FIRST = 30, 36  # octaves: of units below typical samples; of the first distance above a unit
_MANTISSA, _LEAST_BIT = {4: 23, 8: 52}, {4: -149, 8: -1000}
_LOOKED_AT = 1 << 16  # numbers that tell a lattice
_COARSEST, _FINEST = -3, -18  # octaves of a lattice's step below typical samples
_NEAR, _MOST_OFF, _LEAST = 0.8, 1 / 16, 0.2  # so many are nearer than this, of a step; that are above four steps
_RANGE = 300  # of exponents of typical samples


def is_nothing(values: NDArray[Any]) -> bool:
    """Whether all samples are 0 + 0i and few enough for a block without data."""
    return values.size <= MOST_ZERO and not values.view(f"u{values.itemsize // 2}").any()


@np.errstate(over="ignore")  # of doubles next to the largest
def float_block(values: NDArray[Any]) -> tuple[bytes, NDArray[np.uint8] | None]:
    """Parameters and classes, None where all samples are coded."""
    reals = values.view(f"f{values.itemsize // 2}").reshape(*values.shape, 2)
    bits = reals.view(f"u{reals.itemsize}")
    classes = np.where(np.isfinite(reals).all(-1), CODED, KEPT).astype(np.uint8)
    if reals.itemsize == 8:  # what is next to nothing has bits below all cells
        classes[((np.abs(reals) < 2.0**-900) & (reals != 0)).any(-1)] = KEPT
    classes[~bits.any(-1)] = ZERO
    coded = bits[classes == CODED]
    magnitudes = np.abs(coded.view(reals.dtype).astype(np.float64))
    magnitudes = magnitudes[magnitudes > 0]
    typical = float(np.median(magnitudes)) if magnitudes.size else 1.0
    exponent = min(max(math.frexp(typical)[1], -_RANGE), _RANGE)
    seed = _zeros(coded) if coded.size else 0
    lattice = _lattice(magnitudes, exponent, _LEAST_BIT[reals.itemsize])
    if lattice is not None:
        seed |= lattice + LATTICE_BIAS << 8
    parameters = PARAMETERS.pack(FLOATS, math.ldexp(1.0, exponent - _FINE), 2.0**_FIRST, seed)
    return parameters, classes if classes.any() else None


def _zeros(bits: NDArray[Any]) -> int:
    """Last bits of the mantissa that are zero in all."""
    used = int(np.bitwise_or.reduce(bits, axis=None))
    mantissa = _MANTISSA[bits.itemsize]
    used &= (1 << mantissa) - 1
    return min((used & -used).bit_length() - 1, mantissa - 1) if used else mantissa - 1


def _lattice(magnitudes: NDArray[np.float64], exponent: int, least: int) -> int | None:
    """The coarsest power of two that most numbers are next to multiples of, as sums of integers are that were turned.

    >>> rng = np.random.default_rng(1)
    >>> _lattice(np.rint(rng.exponential(500, 1000)) * 0.25 + rng.normal(0, 1e-4, 1000), 7, -149)
    -2
    """
    some = magnitudes[:: max(1, magnitudes.size // _LOOKED_AT)]
    some = some[some < math.ldexp(1.0, exponent + 52)]
    for found in range(exponent + _COARSEST, max(exponent + _FINEST, least - 1), -1):
        steps = np.ldexp(some, -found)
        steps = steps[(steps > 4) & (steps < 2.0**52)]
        is_told = steps.size >= max(_LEAST * some.size, 16)
        if is_told and np.quantile(np.abs(steps - np.rint(steps)), _NEAR) < _MOST_OFF:
            return found
    return None
