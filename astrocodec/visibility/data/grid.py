"""Rows of a table, one for each time and baseline, in any order, as a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Grid", "grid_rows"]

_LEAST_FULL = 0.5  # of a grid; one that is emptier is kept as rows

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells [time, baseline], and the row in each.

    Attributes
    ----------
    rows : numpy.ndarray
        int64, [time, baseline]; -1 where there is none.
    times : numpy.ndarray
        float64, [time].
    antenna1, antenna2 : numpy.ndarray
        int64, [baseline]; of rows that make no grid [time, 1], and ``rows`` is [row, 1].
    """

    rows: Rows
    times: npt.NDArray[np.float64]
    antenna1: Rows
    antenna2: Rows

    @property
    def is_table(self) -> bool:
        """Whether cells are in the order of the rows, and none is empty."""
        return bool((self.rows.ravel() == np.arange(self.rows.size)).all())


def grid_rows(times: npt.ArrayLike, antenna1: npt.ArrayLike, antenna2: npt.ArrayLike) -> Grid:
    """Find the grid of rows; baselines in the order in which they come, ANTENNA1 > ANTENNA2 being one of its own.

    A second row of a time and baseline, such as of another field, is at a time of its own. Where fewer than half of the
    cells would be filled, each row is a time.

    Examples
    --------
    >>> grid = grid_rows([5, 5, 6], [0, 0, 0], [1, 2, 2])
    >>> grid.rows.tolist(), grid.is_table
    ([[0, 1], [-1, 2]], False)
    """
    when, first, second = np.asarray(times, np.float64), np.asarray(antenna1, np.int64), np.asarray(antenna2, np.int64)
    count = len(when)
    pairs, which = _numbered(np.stack([first, second], axis=1)) if count else (np.empty((0, 2), np.int64), first)
    again = _occurrences(np.stack([np.unique(when, return_inverse=True)[1].reshape(-1), which], axis=1))
    slots, at = np.unique(np.stack([when, again.astype(np.float64)], axis=1), axis=0, return_inverse=True)
    if count < _LEAST_FULL * len(slots) * len(pairs):
        return Grid(np.arange(count)[:, None], when, first[:, None], second[:, None])
    rows = np.full((len(slots), len(pairs)), -1, np.int64)
    rows[at.reshape(-1), which] = np.arange(count)
    return Grid(rows, slots[:, 0], pairs[:, 0], pairs[:, 1])


def _numbered(keys: Rows) -> tuple[Rows, Rows]:
    """Different keys in the order in which they first come, and the number of each row's."""
    found, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return found[order], place[number.reshape(-1)]


def _occurrences(keys: Rows) -> Rows:
    """How often each row's key came before."""
    order = np.lexsort(keys.T)
    ordered = keys[order]
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new)
    counts = np.empty(len(keys), np.int64)
    counts[order] = np.arange(len(keys)) - starts[np.cumsum(is_new) - 1]
    return counts
