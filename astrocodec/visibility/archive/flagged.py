"""Which samples of a column are flagged: by FLAG, or as whole rows by FLAG_ROW."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.visibility.archive.cells import Cells, Reader, Rows, cells_of
from astrocodec.visibility.data.tables import naming_damaged_set
from hdf5_filter.boxes import Box

__all__ = ["Flagged"]

Flags = npt.NDArray[np.bool_]


class Flagged:
    """The flags of a table, whatever storage manager has them."""

    def __init__(self, table: Any, groups: Sequence[Rows]) -> None:
        self._table = table
        columns = set(table.colnames())
        has_flags = "FLAG" in columns and not table.isscalarcol("FLAG")
        self._flags = list(cells_of(table, "FLAG", groups)) if has_flags else []
        self._rows: Flags = np.zeros(table.nrows(), bool)
        if "FLAG_ROW" in columns and len(self._rows):
            with naming_damaged_set(table.name()):
                self._rows = np.asarray(table.getcol("FLAG_ROW"), bool)

    def of(self, cells: Cells) -> Callable[[Box], Flags]:
        """What reads a box of [time, baseline, cell]; True where there is no row, or no FLAG where others have some."""
        found = [part.rows.ravel() for part in self._flags if part.shape == cells.shape]
        whole = np.where(cells.rows < 0, True, self._rows[cells.rows])
        whole = whole.reshape(*whole.shape, *[1] * len(cells.shape))
        if not found:
            return lambda box: np.broadcast_to(whole[box[:2]], [side.stop - side.start for side in box])
        rows = np.where(np.isin(cells.rows, np.concatenate(found)), cells.rows, -1)
        reader = Reader(self._table, Cells("FLAG", rows, cells.shape, np.dtype(bool)))
        return lambda box: reader.read(box) | whole[box[:2]]
