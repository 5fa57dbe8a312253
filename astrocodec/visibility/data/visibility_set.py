"""What a set of visibilities is, wherever it lies: axes, and blocks of times that are read one after the other."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.visibility.data.grid import Grid

__all__ = ["Block", "VisibilitySet"]

_BLOCK_BYTES, _TIMES = 64 << 20, 16


@dataclass(frozen=True, eq=False)
class Block:
    """Visibilities of some times.

    Attributes
    ----------
    start : int
        Number of the first time.
    vis : numpy.ndarray
        [time, baseline, freq, pol], complex64 or complex128; int32 or int16 with one more axis for real and imaginary
        parts where a correlator wrote integers. Zero where a row is absent.
    flags : numpy.ndarray
        bool, [time, baseline, freq, pol]; True where a row is absent.
    weights : numpy.ndarray or None
        float32, [time, baseline, freq, pol]; of some sets [time, baseline, 1, pol].
    uvw : numpy.ndarray
        float64, [time, baseline, 3], m; NaN where a row is absent.
    present : numpy.ndarray
        bool, [time, baseline].
    """

    start: int
    vis: npt.NDArray[Any]
    flags: npt.NDArray[np.bool_]
    weights: npt.NDArray[np.float32] | None
    uvw: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]


class VisibilitySet(abc.ABC):
    """
    A set that is read by blocks of times, so that it may be larger than memory.

    Attributes
    ----------
    name, telescope : str
    column : str
        What holds its visibilities, such as ``DATA``.
    grid : Grid
        Rows, times (Julian days; of a Measurement Set its own seconds) and antennas.
    frequencies : numpy.ndarray
        float64, Hz.
    polarizations : tuple of str
    dtype : numpy.dtype
        Of the visibilities.
    """

    name: str
    telescope: str
    column: str
    grid: Grid
    frequencies: npt.NDArray[np.float64]
    polarizations: tuple[str, ...]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(time, baseline, freq, pol)``."""
        times, baselines = self.grid.rows.shape
        return times, baselines, len(self.frequencies), len(self.polarizations)

    @property
    def usual_times(self) -> int:
        """Times of a block that is good to code: 16, more where these are few bytes, fewer where they are many."""
        _, *rest = self.shape
        one = max(1, int(np.prod(rest)) * 8)
        return max(1, min(_BLOCK_BYTES // one, max(_TIMES, _BLOCK_BYTES // 16 // one)))

    def read(self, start: int, stop: int) -> Block:
        """Read the times from `start` on, before `stop`."""
        rows = self.grid.rows[start:stop]
        present, wanted = rows >= 0, rows[rows >= 0]
        vis, flags, weights, uvw = self._read_rows(wanted)

        def placed(values: npt.NDArray[Any], fill: Any) -> npt.NDArray[Any]:
            if present.all():
                return values.reshape(*rows.shape, *values.shape[1:])
            found = np.full((*rows.shape, *values.shape[1:]), fill, values.dtype)
            found[present] = values
            return found

        return Block(
            start,
            placed(vis, 0),
            placed(flags, True),
            None if weights is None else placed(weights, 0),
            placed(uvw, np.nan),
            present,
        )

    def blocks(self, times: int | None = None) -> Iterator[Block]:
        """Read all, a block of so many times after the other."""
        step = self.usual_times if times is None else times
        for start in range(0, len(self.grid.rows), step):
            yield self.read(start, min(start + step, len(self.grid.rows)))

    @abc.abstractmethod
    def _read_rows(
        self, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], npt.NDArray[np.float32] | None, npt.NDArray[np.float64]]:
        """Visibilities, flags, weights and uvw of rows."""
