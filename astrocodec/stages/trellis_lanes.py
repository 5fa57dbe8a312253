"""Trellis in pieces: what its samples stand for is modelled, and the samples are coded given their grids.

Readable reference of docs/format.md section "Pieces of a trellis"; native/kernels/trellis_lanes.h does the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.predict import Predictions
from astrocodec.stages.trellis import next_state
from astrocodec.stages.wavefront import Step


def halved(predicted: Predictions, p: NDArray[np.int64]) -> Predictions:
    """The location and scale of n where those of c = 2 n + p are predicted (docs/format.md "Pieces of a trellis")."""
    return Predictions(np.maximum(predicted.loc16 - 16 * p, 0) >> 1, np.maximum(predicted.q - 8, 0), predicted.shape)


class LaneStates:
    """The states of a piece's lanes while it is decoded."""

    def __init__(self, odd: int, lanes: int) -> None:
        self._odd = odd
        self._states = np.zeros(lanes, np.int64)

    def halves(self, step: Step) -> NDArray[np.int64]:
        """p of the pixels of a step."""
        self._states[step.lane[step.x == 0]] = 0
        return self._states[step.lane] & 1

    def take_in(self, step: Step, n: NDArray[np.int64]) -> NDArray[np.int64]:
        """Go on by the samples of a step; returns their c."""
        state = self._states[step.lane]
        self._states[step.lane] = next_state(state, (n & 1) ^ self._odd)
        return 2 * n + (state & 1)
