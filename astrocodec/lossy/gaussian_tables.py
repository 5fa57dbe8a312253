"""Frequency tables of the normal distribution on a lattice, by integer arithmetic alone.

docs/format.md section "Lattice coder". A float's error function may differ between two machines in its last bit, and
one bit is enough to destroy a stream.
"""

from __future__ import annotations

import functools
from math import isqrt

import numpy as np
from numpy.typing import NDArray

N_SCALES = 80
UNITY_SCALE = 19  # index of the scale that is one lattice step
SCALES_PER_OCTAVE = 6
MEAN_UNIT = 16  # parts of a step that means are given in

_MASS_BITS = 24
_FINE = 256  # knots of the normal cumulative function per standard deviation
_FAR = 8  # standard deviations to the last knot
_CDF_BITS = 44
_SCALE_BITS = 16
_REACH = 11  # half standard deviations that a table holds on either side
_ESCAPE = 256  # frequency of what a table does not hold


@functools.cache
def _octave() -> tuple[int, ...]:
    """The scales of one octave, 2^(k/6) in units of 2^-40, each the integer below."""

    def sixth_root(value: int) -> int:
        root = 1 << -(-value.bit_length() // 6)
        while (better := (5 * root + value // root**5) // 6) < root:
            root = better
        return root

    return tuple(sixth_root(1 << (240 + k)) for k in range(SCALES_PER_OCTAVE))


def scale_units(index: int) -> int:
    """A scale in units of 2^-16 lattice steps.

    >>> [scale_units(i) for i in (UNITY_SCALE, UNITY_SCALE + 6, 0)]
    [65536, 131072, 7298]
    """
    octave, part = divmod(index - UNITY_SCALE, SCALES_PER_OCTAVE)
    shift = 40 - _SCALE_BITS - octave
    return (_octave()[part] + (1 << (shift - 1))) >> shift


@functools.cache
def normal_knots() -> NDArray[np.int64]:
    """Cumulative function of the normal distribution at 0, 1/256, ... 8 standard deviations, in units of 2^-44.

    The series Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...) has terms of one sign only, and its factor is
    exp(-x^2/2) = 1 / (sum of (x^2/2)^n / n!); pi is Machin's.
    """
    bits = 128
    one = 1 << bits

    def arctan_of_inverse(n: int) -> int:
        power, total, k = one // n, 0, 1
        while power:
            total += power // k if k % 4 == 1 else -(power // k)
            power //= n * n
            k += 2
        return total

    pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    root = isqrt(2 * pi << bits)  # of 2 pi
    found = []
    for i in range(_FAR * _FINE + 1):
        x = (i << bits) // _FINE
        square = x * x >> bits
        term, odd, k = x, 0, 1
        while term:
            odd += term
            k += 2
            term = (term * square >> bits) // k
        term, exponential, k = one, 0, 0
        while term:
            exponential += term
            k += 1
            term = (term * square >> (bits + 1)) // k
        part = (odd << bits) // exponential
        part = (part << bits) // root
        found.append((one // 2 + part) >> (bits - _CDF_BITS))
    return np.array(found, np.int64)


def _cumulative(at: NDArray[np.int64], scale: int) -> NDArray[np.int64]:
    """Normal cumulative function at positions in 1/32 steps, in units of 2^-44."""
    # In 1/256 standard deviations with 12 more bits for the interpolation.
    fine = (np.abs(at) << (_SCALE_BITS + 15)) // scale
    knots = normal_knots()
    index = np.minimum(fine >> 12, len(knots) - 2)
    part = np.minimum(fine - (index << 12), 1 << 12)
    upper = knots[index] + ((knots[index + 1] - knots[index]) * part >> 12)
    found: NDArray[np.int64] = np.where(at < 0, (1 << _CDF_BITS) - upper, upper)
    return found


@functools.lru_cache(maxsize=256)
def gaussian_table(scale: int, fraction: int) -> tuple[int, NDArray[np.int64]]:
    """First symbol and frequencies, which sum to 2^24, of a scale and a mean of `fraction` sixteenths of a step.

    The last frequency is that of everything that the table does not hold.
    """
    width = scale_units(scale)
    reach = (_REACH * width >> (_SCALE_BITS + 1)) + 2
    edges = 32 * np.arange(-reach, reach + 2, dtype=np.int64) - 16 - 2 * fraction
    mass = np.diff(_cumulative(edges, width))
    mass[0] += _cumulative(edges[:1], width)[0]
    mass[-1] += (1 << _CDF_BITS) - _cumulative(edges[-1:], width)[0]
    frequencies = with_escape(mass)
    return -reach, frequencies


def with_escape(mass: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frequencies of 24 bits from weights of a sum below 2^53, each at least 1, and that of an escape behind them."""
    left = (1 << _MASS_BITS) - _ESCAPE - len(mass)
    edges = np.concatenate([[0], np.cumsum(mass)])
    total = int(edges[-1])
    # In Python's integers: the product has more than 64 bits.
    shares = np.array([int(edge) * left // total for edge in edges], np.int64)
    return np.append(np.diff(shares) + 1, _ESCAPE)
