"""Scales of visibilities: of each baseline and each channel, both by polarisation, in eighths of octaves."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 8  # of an octave
MOST = 1000  # of an exponent, either side
MOST_BASE = 2.0**300


@dataclass(frozen=True, eq=False)
class Scales:
    """``base * 2 ** ((of_baselines + of_channels) / 8)``."""

    base: float
    of_baselines: NDArray[np.int16]  # [baseline, pol]
    of_channels: NDArray[np.int16]  # [freq, pol]

    @classmethod
    def fitted(cls, wanted: NDArray[Any]) -> Scales:
        """Near those that are wanted, ``[baseline, freq, pol]``, where these are above 0; of base 0 where none is."""
        known = np.isfinite(wanted) & (wanted > 0)
        logs = np.log2(np.where(known, wanted, 1).astype(np.float64))
        logs[~known] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of NaN only
            typical = float(np.nanmedian(logs))
            octaves = np.nan_to_num(logs - typical)
        if math.isnan(typical) or abs(typical) > math.log2(MOST_BASE):
            return cls(0.0, *(np.zeros((n, wanted.shape[2]), np.int16) for n in wanted.shape[:2]))
        eighths = PARTS * octaves
        of_channels = np.rint(np.median(eighths - np.median(eighths, 1, keepdims=True), 0))
        of_baselines = np.rint(np.median(eighths - of_channels, 1))
        clipped = (np.clip(part, -MOST, MOST).astype(np.int16) for part in (of_baselines, of_channels))
        return cls(2.0**typical, *clipped)

    def of(self) -> NDArray[np.float64]:
        """All of them, ``[baseline, freq, pol]``."""
        return self.base * np.exp2((self.of_baselines[:, None].astype(np.float64) + self.of_channels) / PARTS)


def of_rms(values: NDArray[Any], known: NDArray[np.bool_], axes: tuple[int, ...] = (0, 1)) -> NDArray[np.float64]:
    """Root mean square of real parts over some axes, as ``[baseline, freq, pol]``; NaN where none is known."""
    count = known.sum(axes, keepdims=True)
    magnitudes = np.where(known, np.abs(np.where(known, values, 0)), 0).astype(np.float64)
    largest = magnitudes.max(axes, initial=0, keepdims=True)
    safe = np.where(largest > 0, largest, 1)
    total = ((magnitudes / safe) ** 2).sum(axes, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        rms = safe * np.sqrt(total / (2 * count))
    return np.broadcast_to(rms[0], values.shape[1:])
