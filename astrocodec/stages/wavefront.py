"""Wavefront: the order in which a piece's pixels are coded.

Readable reference of docs/format.md section "Wavefront"; native/wavefront.h does the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LAG = 4
PAD = 3
MAX_SIDE = 1 << 16
MAX_PIXELS = 1 << 26


class Step(NamedTuple):
    """The pixels of one step, ascending by lane: ``lane``, ``y`` and ``x`` are arrays of one length."""

    lane: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


def check_sides(height: int, width: int) -> None:
    """Check the size of a piece."""
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= MAX_PIXELS):
        raise ValueError(f"piece of {height}x{width}: sides must be 1 to {MAX_SIDE}, pixels at most {MAX_PIXELS}")


@dataclass(frozen=True)
class Wavefront:
    """Order of the pixels of a piece.

    Examples
    --------
    >>> wave = Wavefront(2, 3)
    >>> wave.lanes, wave.period, wave.count
    (32, 128, 10)
    >>> [(int(y), int(x)) for step in wave for y, x in zip(step.y, step.x)]
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    """

    height: int
    width: int

    @property
    def lanes(self) -> int:
        """Rows in flight at once: 64, or 32 where rows are short."""
        return 64 if self.width + 2 * PAD >= 64 * LAG else 32

    @property
    def period(self) -> int:
        """Steps from a lane's row to its next one, `lanes` rows below."""
        return max(self.width + 2 * PAD, self.lanes * LAG)

    @property
    def count(self) -> int:
        """Number of steps."""
        band, lane = divmod(self.height - 1, self.lanes)
        return band * self.period + lane * LAG + self.width + PAD

    def __iter__(self) -> Iterator[Step]:
        """The steps that have pixels, in order."""
        lane = np.arange(self.lanes)
        for step in range(self.count):
            band, column = np.divmod(step - LAG * lane, self.period)
            y, x = lane + self.lanes * band, column - PAD
            active = (band >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
            if active.any():
                yield Step(lane[active], y[active], x[active])
