"""Visibilities in uvh5 files, read with h5py, rows by rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.errors import FormatError
from astrocodec.visibility.data.grid import Grid, grid_rows
from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["Uvh5Set", "grid_of", "parts_of"]

_POLARIZATIONS = {
    -8: "YX",
    -7: "XY",
    -6: "YY",
    -5: "XX",
    -4: "LR",
    -3: "RL",
    -2: "LL",
    -1: "RR",
    1: "I",
    2: "Q",
    3: "U",
    4: "V",
}


def grid_of(file: h5py.File) -> Grid:
    """
    The rows of a uvh5 file.

    Raises
    ------
    FormatError
        It is none: a dataset is missing, or has other rows than the visibilities.
    """
    vis, *beside = _datasets(file, "Data", ("visdata", "flags", "nsamples"))
    of_rows = _datasets(file, "Header", ("time_array", "ant_1_array", "ant_2_array"))
    if vis.ndim not in (3, 4):
        raise FormatError(f"{file.filename}: Data/visdata of shape {vis.shape}, [row, freq, pol] is needed")
    rights = [(found, vis.shape) for found in beside] + [(found, vis.shape[:1]) for found in of_rows]
    for found, shape in rights:
        if found.shape != shape:
            name = found.name.strip("/")
            raise FormatError(f"{file.filename}: {name} of shape {found.shape}, {shape} is needed beside Data/visdata")
    for found in of_rows:
        if found.dtype.kind not in "iuf":
            raise FormatError(f"{file.filename}: {found.name.strip('/')} of {found.dtype}, numbers are needed")
    return grid_rows(*(found[()] for found in of_rows))


def _datasets(file: h5py.File, group: str, names: Sequence[str]) -> list[h5py.Dataset]:
    """Datasets that a uvh5 file has."""
    inside = file.get(group)
    found = [inside.get(name) if isinstance(inside, h5py.Group) else None for name in names]
    if not all(isinstance(each, h5py.Dataset) for each in found):
        raise FormatError(
            f"{file.filename}: no uvh5 file: it has no {', '.join(f'{group}/{name}' for name in names[:-1])} and "
            f"{group}/{names[-1]}; `astrocodec h5-compress` takes any HDF5 file"
        )
    return found


def parts_of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Real and imaginary parts of a compound of integers as a last axis; complex numbers as they are.

    >>> parts_of(np.zeros(5, [("r", "<i4"), ("i", "<i4")])).shape
    (5, 2)
    """
    names = values.dtype.names
    if names is None:
        return values
    kind = values.dtype[names[0]]
    parts: npt.NDArray[Any] = np.ascontiguousarray(values).view(kind).reshape(*values.shape, len(names))
    return parts


class Uvh5Set(VisibilitySet):
    """A file, open as long as this is."""

    column = "Data/visdata"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        hdf5_filter.register()
        self.name = os.fspath(path)
        self._file = h5py.File(path, "r")
        try:
            self.grid = grid_of(self._file)
            frequencies, polarizations = _datasets(self._file, "Header", ("freq_array", "polarization_array"))
        except BaseException:
            self._file.close()
            raise
        header, self._data = self._file["Header"], self._file["Data"]
        self.telescope = _text(header, "telescope_name")
        self.frequencies = np.asarray(frequencies, np.float64).reshape(-1)
        numbers = np.asarray(polarizations).reshape(-1).tolist()
        self.polarizations = tuple(_POLARIZATIONS.get(number, str(number)) for number in numbers)
        kind = self._data["visdata"].dtype
        self.dtype = kind[0] if kind.names else kind

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_rows(self, rows: npt.NDArray[np.int64]) -> Any:
        order = np.argsort(rows, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))

        def taken(values: h5py.Dataset) -> npt.NDArray[Any]:
            wanted = rows[order]
            if not len(wanted):
                return np.empty((0, *values.shape[1:]), values.dtype)
            whole = values[wanted[0] : wanted[-1] + 1]  # by far quicker than by a list of rows
            found: npt.NDArray[Any] = whole[wanted - wanted[0]][back]
            return found.reshape(len(rows), found.shape[-2], found.shape[-1]) if found.ndim > 2 else found

        weights = taken(self._data["nsamples"]).astype(np.float32, copy=False)
        uvw = np.asarray(taken(self._file["Header/uvw_array"]), np.float64)
        return parts_of(taken(self._data["visdata"])), taken(self._data["flags"]), weights, uvw


def _text(header: h5py.Group, name: str) -> str:
    found = header[name][()] if name in header else b""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
