"""Visibilities in Measurement Sets (version 2): a set for each data description, that is window and polarisations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError
from astrocodec.visibility.data.grid import Grid, grid_rows
from astrocodec.visibility.data.tables import naming_damaged_set, open_table, rows_of
from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["MeasurementSet", "open_measurement_set"]

_STOKES = {
    number: name
    for first, names in ((1, "I Q U V"), (5, "RR RL LR LL"), (9, "XX XY YX YY"))
    for number, name in enumerate(names.split(), first)
}


class MeasurementSet(VisibilitySet):
    """
    The rows of one data description of a Measurement Set.

    Attributes
    ----------
    data_description : int
    """

    def __init__(
        self, path: str | os.PathLike[str], table: Any, column: str, data_description: int, grid: Grid
    ) -> None:
        self.name, self.column, self.data_description, self.grid = os.fspath(path), column, data_description, grid
        self._table = table
        with open_table(f"{self.name}/DATA_DESCRIPTION") as descriptions:
            window = int(descriptions.getcell("SPECTRAL_WINDOW_ID", data_description))
            setup = int(descriptions.getcell("POLARIZATION_ID", data_description))
        with open_table(f"{self.name}/SPECTRAL_WINDOW") as windows:
            self.frequencies = np.asarray(windows.getcell("CHAN_FREQ", window), np.float64)
        with open_table(f"{self.name}/POLARIZATION") as setups:
            kinds = np.asarray(setups.getcell("CORR_TYPE", setup)).tolist()
        self.polarizations = tuple(_STOKES.get(kind, str(kind)) for kind in kinds)
        with open_table(f"{self.name}/OBSERVATION") as observations:
            self.telescope = observations.getcell("TELESCOPE_NAME", 0) if observations.nrows() else ""
        kind = table.getcoldesc(column)["valueType"]
        self.dtype = np.dtype({"complex": "c8", "dcomplex": "c16", "float": "f4"}.get(kind, "c8"))

    def _read_rows(self, rows: npt.NDArray[np.int64]) -> Any:
        table, columns = self._table, self._table.colnames()
        try:
            vis = rows_of(table, rows, self.column)
            flags = rows_of(table, rows, "FLAG") if "FLAG" in columns else np.zeros(vis.shape, bool)
            if "FLAG_ROW" in columns:
                flags |= np.asarray(rows_of(table, rows, "FLAG_ROW"), bool)[:, None, None]
        except (RuntimeError, ValueError) as error:
            raise FormatError(
                f"{self.name}: column {self.column} or FLAG of data description {self.data_description}: some cells "
                f"have nothing in them or another shape than others: {error}"
            ) from error
        weights = None
        for name in ("WEIGHT_SPECTRUM", "WEIGHT"):
            if name in columns and table.iscelldefined(name, int(rows[0]) if len(rows) else 0):
                weights = rows_of(table, rows, name)
                weights = weights[:, None, :] if weights.ndim == 2 else weights
                break
        return vis, flags, weights, np.asarray(rows_of(table, rows, "UVW"), np.float64)


def open_measurement_set(path: str | os.PathLike[str], column: str = "DATA") -> list[MeasurementSet]:
    """
    Open a Measurement Set, each of its data descriptions that has rows.

    Parameters
    ----------
    path : path
        The directory.
    column : str, optional
        Which visibilities: ``DATA``, ``CORRECTED_DATA``, ``MODEL_DATA`` or another.

    Raises
    ------
    FormatError
        It is no Measurement Set, or has no such column.
    """
    table = open_table(path)
    missing = {"TIME", "ANTENNA1", "ANTENNA2", "DATA_DESC_ID", column} - set(table.colnames())
    if missing:
        raise FormatError(
            f"{os.fspath(path)}: no column {', '.join(sorted(missing))}; its columns are {', '.join(table.colnames())}"
        )
    with naming_damaged_set(os.fspath(path)):
        return list(_described_sets(path, table, column))


def _described_sets(path: str | os.PathLike[str], table: Any, column: str) -> Iterator[MeasurementSet]:
    """The rows of each data description that has some."""
    described = np.asarray(table.getcol("DATA_DESC_ID"), np.int64)
    times, first, second = (np.asarray(table.getcol(name)) for name in ("TIME", "ANTENNA1", "ANTENNA2"))
    for number in np.unique(described).tolist():
        rows = np.flatnonzero(described == number)
        grid = grid_rows(times[rows], first[rows], second[rows])
        placed = np.where(grid.rows < 0, -1, rows[grid.rows])
        yield MeasurementSet(path, table, column, number, Grid(placed, grid.times, grid.antenna1, grid.antenna2))
