"""Curves: what the numbers of a lattice become, so that steps grow with the noise, or with the numbers themselves.

docs/format.md section "Quantise", "Curves". native/curves.h does the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINEAR, SQUARE = 21 / 32, 11 / 32  # 1 + LINEAR*f + SQUARE*f*f is nearly 2^f for f of 0 to 1
MAX_STEPS = 1 << 24  # of an octave
MIN_OCTAVE, MAX_OCTAVE = -1100, 1024


@dataclass(frozen=True)
class Root:
    """Steps that grow with the root of the variance, which grows with the signal above a knee: photons and read noise.

    The inverse of a root: y up to the knee, above it y + bend*(y - knee)**2, whose slope is the root of
    1 + 4*bend*(x - knee). With a variance v at the knee and a gain of g electrons per ADU bend is 1/(4*g*v)
    (Anscombe 1948, Biometrika 35, 246; Bernstein et al. 2010, PASP 122, 336).

    Attributes
    ----------
    knee, bend : float
        Of the elements' unit, and one over it.

    Examples
    --------
    >>> curve = Root(100.0, 0.01)
    >>> curve.elements(np.array([90.0, 110.0])).tolist(), curve.places(np.array([90.0, 111.0])).round(9).tolist()
    ([90.0, 111.0], [90.0, 110.0])
    """

    knee: float
    bend: float

    def elements(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of places on the lattice."""
        above = places - self.knee
        return np.where(above > 0, ((self.bend * above) * above + above) + self.knee, places)

    def places(self, elements: NDArray[np.float64]) -> NDArray[np.float64]:
        """The other way, not rounded as a decoder does."""
        above = np.maximum(elements - self.knee, 0)
        return np.where(above > 0, self.knee + (np.sqrt(1 + 4 * self.bend * above) - 1) / (2 * self.bend), elements)

    def is_good(self) -> bool:
        """Whether a section may have it."""
        return math.isfinite(self.knee) and 0 < self.bend < math.inf


@dataclass(frozen=True)
class Octaves:
    """Steps that grow with the numbers themselves: signs and zeros stay, the relative error is bounded.

    Place 0 is 0.0; place j + 1 is 2**(first + j // steps) times about 2**((j % steps)/steps); negative ones likewise.

    Attributes
    ----------
    steps : int
        Of an octave.
    first : int
        Exponent of the lowest octave.

    Examples
    --------
    >>> Octaves(4, 0).elements(np.array([0.0, 1.0, 5.0, -5.0, 3.0])).tolist()
    [0.0, 1.0, 2.0, -2.0, 1.4140625]
    """

    steps: int
    first: int

    def elements(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of places, which are integers."""
        j = np.minimum(np.abs(places), 2.0**52).astype(np.int64) - 1
        octave, place = np.divmod(np.maximum(j, 0), self.steps)
        f = place / np.float64(self.steps)
        exponent = np.minimum(octave + self.first, MAX_OCTAVE).astype(np.int32)
        size = np.ldexp((SQUARE * f + LINEAR) * f + 1, exponent)
        return np.where(j < 0, 0.0, np.copysign(size, places))

    def is_good(self) -> bool:
        """Whether a section may have it."""
        return 1 <= self.steps <= MAX_STEPS and MIN_OCTAVE <= self.first <= MAX_OCTAVE


Curve = Root | Octaves | None


def bend(curve: Curve, places: NDArray[Any]) -> NDArray[np.float64]:
    """Elements of places on a lattice: these themselves where there is no curve."""
    return places if curve is None else curve.elements(places)
