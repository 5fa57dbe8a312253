"""Discretised logistic distributions and mixtures of them, by integer arithmetic alone.

docs/format.md section "Logistic tables". What is asked for is only the cumulative frequency at the edges of symbols, so
that alphabets of 65,536 need no tables of their own.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
MASS_BITS = 24  # cumulative frequencies end at 2^24
UNIT = 32  # parts of a symbol that means are given in
N_SCALES = 145
UNITY_SCALE = 32  # index of the scale that is one symbol
SCALES_PER_OCTAVE = 8
LOGIT_UNIT = 32
WEIGHT_BITS = 16

_KNOTS = 64  # for each unit of the logistic function's argument
_FAR = 22
_CDF_BITS = 32
_INVERSE_BITS = 24
_PART_BITS = 12
_SMALL, _NEAR = 256, 1 << 14  # symbols of an alphabet whose distributions are tabulated, and the largest distance
_LOGIT_REACH = 20 * LOGIT_UNIT


def _exponential(numerator: int, denominator: int, bits: int) -> int:
    """exp(numerator / denominator) in units of 2^-bits, by its series, all of whose terms are positive."""
    term, total, k = 1 << bits, 0, 1
    while term:
        total += term
        term = term * numerator // (denominator * k)
        k += 1
    return total


@functools.cache
def logistic_knots() -> Integers:
    """Logistic function at 0, 1/64, ... 22, in units of 2^-32."""
    bits = 128
    one = 1 << bits

    def at(i: int) -> int:
        power = _exponential(i, _KNOTS, bits)
        return (power << _CDF_BITS) // (one + power)

    return np.array([at(i) for i in range(_FAR * _KNOTS + 1)], np.int64)


@functools.cache
def inverse_scales() -> Integers:
    """What a distance in 1/32 symbols is multiplied by to be one in knots, in units of 2^-24, for each scale."""
    top = SCALES_PER_OCTAVE * (_INVERSE_BITS + 1) + UNITY_SCALE
    return np.array([isqrt(isqrt(isqrt(1 << (top - k)))) for k in range(N_SCALES)], np.int64)


@functools.cache
def _logit_powers() -> Integers:
    """exp(-i / 32) in units of 2^-24, never 0."""
    bits = 96
    return np.array(
        [max(1, (1 << (bits + 24)) // _exponential(i, LOGIT_UNIT, bits)) for i in range(_LOGIT_REACH + 1)], np.int64
    )


def mixture_weights(logits: Integers) -> Integers:
    """Weights that sum to 2^16 along the last axis, of logits in 1/32; the first largest gets what rounding leaves.

    >>> mixture_weights(np.array([[0, 0, -22]])).tolist()
    [[26186, 26184, 13166]]
    """
    powers = _logit_powers()[np.minimum(logits.max(-1, keepdims=True) - logits, _LOGIT_REACH)]
    weights: Integers = (powers << WEIGHT_BITS) // powers.sum(-1, keepdims=True)
    largest = weights.argmax(-1)[..., None]
    rest = (1 << WEIGHT_BITS) - weights.sum(-1, keepdims=True)
    np.put_along_axis(weights, largest, np.take_along_axis(weights, largest, -1) + rest, -1)
    return weights


@dataclass(frozen=True, eq=False)
class Logistics:
    """Distributions of n symbols of 0 to alphabet - 1, each a mixture.

    What lies outside of the alphabet counts to its ends; every symbol has a frequency of at least 1 of 2^24.
    """

    means: Integers  # (n, components), in 1/32 symbols
    scales: Integers  # indices
    weights: Integers  # that sum to 2^16
    alphabet: int

    @classmethod
    def single(cls, means: Integers, scales: Integers, alphabet: int) -> Logistics:
        """One logistic for each symbol."""
        return cls(means[:, None], scales[:, None], np.full((len(means), 1), 1 << WEIGHT_BITS), alphabet)

    def __len__(self) -> int:
        """How many symbols they are of."""
        return len(self.means)

    def cumulative(self, which: Integers | slice, symbols: Integers) -> Integers:
        """Frequencies of all below `symbols` (m, ...), 0 to alphabet, of the distributions `which`, m of them."""
        lead = (slice(None), *(None,) * (symbols.ndim - 1))
        distance = (symbols * UNIT - UNIT // 2)[..., None] - self.means[which][lead]
        parts = self._curve(distance, self.scales[which][lead])
        total = (self.weights[which][lead] * parts).sum(-1)
        free = (1 << MASS_BITS) - self.alphabet
        found: Integers = symbols + ((total >> WEIGHT_BITS) * free >> _CDF_BITS)
        found[symbols <= 0] = 0
        found[symbols >= self.alphabet] = 1 << MASS_BITS
        return found

    def _curve(self, distance: Integers, scales: Integers) -> Integers:
        """What lies below a distance from the mean, in units of 2^-32."""
        if self.alphabet <= _SMALL:
            return _tabulated(distance, scales)
        return _logistic(distance, inverse_scales()[scales])

    def intervals(self, symbols: Integers) -> tuple[Integers, Integers]:
        """Starts and frequencies of the symbols (n,) themselves."""
        edges = self.cumulative(slice(None), np.stack([symbols, symbols + 1], 1))
        return edges[:, 0], edges[:, 1] - edges[:, 0]


@functools.cache
def _table() -> tuple[Integers, NDArray[np.bool_]]:
    """Room for the logistic function at distances up to `_NEAR` either side, and which scales are filled in."""
    return np.empty((N_SCALES, 2 * _NEAR + 1), np.int64), np.zeros(N_SCALES, np.bool_)


def _tabulated(distance: Integers, scales: Integers) -> Integers:
    """The same as `_logistic` for a small alphabet, quicker; what is farther away counts as `_NEAR`."""
    table, filled = _table()
    if not filled[scales].all():
        for scale in np.flatnonzero(np.bincount(scales.ravel(), minlength=N_SCALES) * ~filled):
            table[scale] = _logistic(np.arange(-_NEAR, _NEAR + 1), inverse_scales()[scale])
            filled[scale] = True
    found: Integers = table[scales, np.clip(distance, -_NEAR, _NEAR) + _NEAR]
    return found


def _logistic(distance: Integers, inverse: Integers) -> Integers:
    """Logistic function of a distance, in units of 2^-32, between knots along straight lines."""
    knots = logistic_knots()
    fine = np.minimum(np.abs(distance) * inverse >> (_INVERSE_BITS - _PART_BITS), (len(knots) - 1 << _PART_BITS) - 1)
    index, part = fine >> _PART_BITS, fine & ((1 << _PART_BITS) - 1)
    low = knots[index]
    upper = low + ((knots[index + 1] - low) * part >> _PART_BITS)
    found: Integers = np.where(distance < 0, (1 << _CDF_BITS) - upper, upper)
    return found
