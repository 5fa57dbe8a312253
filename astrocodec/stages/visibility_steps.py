"""Steps of visibilities: the quantisation step of each baseline, channel and polarisation.

Readable reference of docs/format.md section "Steps of visibilities"; native/visibility/steps.c does the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages.decisions import Decision, DecisionReader, Number

MOST = 1023  # of an exponent, either side of zero
PARTS = 256
# 2^52 * 2^(i/8), rounded
EIGHTHS = (
    *(4503599627370496, 4911210218475899, 5355712719992597, 5840446135085607),
    *(6369051672525773, 6945500098633947, 7574121564787629, 8259638134547591),
)


def unit(base: float, exponent: int) -> float:
    """1/256 of a step.

    >>> unit(256.0, 0), unit(256.0, -8), unit(256.0, 4)
    (1.0, 0.5, 1.4142135623730951)
    """
    return math.ldexp(base / PARTS * math.ldexp(EIGHTHS[exponent & 7], -52), exponent >> 3)


class _Differ:
    """What tells how an exponent differs from what is expected."""

    def __init__(self) -> None:
        self.is_other, self.is_less, self.by = Decision(255), Decision(255), Number(255)

    def read(self, choices: DecisionReader, expected: int) -> int:
        if not choices.is_yes(self.is_other):
            return expected
        sign = -1 if choices.is_yes(self.is_less) else 1
        found = expected + sign * choices.number(self.by)
        if not -MOST <= found <= MOST:
            raise CorruptError(f"steps: an exponent of {found}, at most {MOST} either side of 0 allowed")
        return found


def read_units(data: bytes | memoryview, base: float, baselines: int, channels: int, pols: int) -> NDArray[np.float64]:
    """1/256 of the steps, ``[baseline, channel, pol]``."""
    choices = DecisionReader(data, "steps")
    of_baselines, of_channels = np.zeros((baselines, pols), int), np.zeros((channels, pols), int)
    differ = _Differ()
    for b, p in np.ndindex(baselines, pols):
        before = of_baselines[b - 1, p] if b else of_baselines[b, p - 1] if p else 0
        of_baselines[b, p] = differ.read(choices, int(before))
    differ = _Differ()
    for f, p in np.ndindex(channels, pols):
        before = of_channels[f - 1, p] if f else of_channels[f, p - 1] if p else 0
        if f and p:
            before += of_channels[f, p - 1] - of_channels[f - 1, p - 1]
        of_channels[f, p] = differ.read(choices, max(-MOST, min(int(before), MOST)))
    choices.finish()
    exponents = of_baselines[:, None] + of_channels
    found, places = np.unique(exponents, return_inverse=True)
    return np.array([unit(base, int(e)) for e in found])[places].reshape(exponents.shape)
