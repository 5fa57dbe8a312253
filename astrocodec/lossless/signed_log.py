"""Signed logarithm of whole numbers, in whole numbers: 64 log2(1 + |v| / 32), rounded down, with the sign of v."""

from __future__ import annotations

import functools
from math import isqrt

import torch
from torch import Tensor

REACH = 1087  # the largest value, of 2^22
FINE = 8  # parts of a symbol that v is usually given in
_PER_OCTAVE = 64
_UNIT = 32
_BITS = 32


@functools.cache
def thresholds() -> Tensor:
    """The smallest |v| of each value n from 1 on: 32 (2^(n / 64) - 1), of a power cut to units of 2^-32, rounded up."""
    found = []
    for n in range(1, REACH + 1):
        power = 1 << (_PER_OCTAVE * _BITS + n)
        for _ in range(6):
            power = isqrt(power)
        found.append(-(-((power - (1 << _BITS)) * _UNIT) >> _BITS))
    return torch.tensor(found, dtype=torch.float64)


def exact_signed_log(v: Tensor) -> Tensor:
    """Of whole numbers in floats.

    >>> exact_signed_log(torch.tensor([-32.0, 0, 1, 96])).tolist()
    [-64.0, 0.0, 2.0, 128.0]
    """
    size = torch.bucketize(v.abs().double(), thresholds().to(v.device), right=True)
    return torch.sign(v) * size.to(v.dtype)


def signed_log(v: Tensor) -> Tensor:
    """The same to learn with, but for numbers next to a step."""
    size = _PER_OCTAVE * torch.log2(1 + v.abs() / _UNIT)
    y = torch.sign(v) * size
    return y + (torch.sign(v) * (size + 1e-4).floor() - y).detach()


def exact_signed_power(n: Tensor) -> Tensor:
    """The number that is nearest to zero of those whose signed logarithm is n, of whole numbers within `REACH`.

    >>> exact_signed_power(torch.tensor([-64.0, 0, 2, 128])).tolist()
    [-32.0, 0.0, 1.0, 96.0]
    """
    powers = torch.cat([torch.zeros(1, dtype=torch.float64), thresholds()]).to(n.device)
    return torch.sign(n).double() * powers[n.abs().long()]


def signed_power(n: Tensor) -> Tensor:
    """The same to learn with, but for rounding."""
    return torch.sign(n) * _UNIT * (torch.exp2(n.abs() / _PER_OCTAVE) - 1)
