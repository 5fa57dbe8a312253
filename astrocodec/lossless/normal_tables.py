"""Discretised normal distributions and mixtures of them, by integer arithmetic alone: `Logistics` of another curve.

docs/format.md section "Normal tables".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossless.logistic_tables import Logistics, inverse_scales
from astrocodec.lossy.gaussian_tables import normal_knots

Integers = NDArray[np.int64]
_PART_BITS = 12
_TO_PARTS = 10  # inverse scales give knots of 1/64 in 2^-24; these are of 1/256, in 2^-12
_CDF_BITS, _DROPPED = 32, 12  # knots have 44 bits


class Normals(Logistics):
    """Distributions of n symbols of 0 to alphabet - 1, each a mixture of normal ones; as `Logistics` else."""

    def _curve(self, distance: Integers, scales: Integers) -> Integers:
        knots = normal_knots()
        fine = np.minimum(np.abs(distance) * inverse_scales()[scales] >> _TO_PARTS, (len(knots) - 1 << _PART_BITS) - 1)
        index, part = fine >> _PART_BITS, fine & ((1 << _PART_BITS) - 1)
        low = knots[index]
        upper = low + ((knots[index + 1] - low) * part >> _PART_BITS) >> _DROPPED
        found: Integers = np.where(distance < 0, (1 << _CDF_BITS) - upper, upper)
        return found
