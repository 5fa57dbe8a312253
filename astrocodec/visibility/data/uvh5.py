"""Visibilities in uvh5 files, read with h5py, rows by rows."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.errors import FormatError
from astrocodec.visibility.data.grid import grid_rows
from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["Uvh5Set", "is_uvh5", "parts_of"]

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


def is_uvh5(file: h5py.File) -> bool:
    """Whether an HDF5 file holds visibilities as uvh5 does."""
    return all(isinstance(file.get(f"Data/{name}"), h5py.Dataset) for name in ("visdata", "flags", "nsamples"))


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
        if not is_uvh5(self._file):
            self._file.close()
            raise FormatError(f"{self.name}: no uvh5 file: it has no Data/visdata, Data/flags and Data/nsamples")
        header, self._data = self._file["Header"], self._file["Data"]
        self.telescope = _text(header, "telescope_name")
        self.frequencies = np.asarray(header["freq_array"], np.float64).reshape(-1)
        numbers = np.asarray(header["polarization_array"]).reshape(-1).tolist()
        self.polarizations = tuple(_POLARIZATIONS.get(number, str(number)) for number in numbers)
        self.grid = grid_rows(header["time_array"][()], header["ant_1_array"][()], header["ant_2_array"][()])
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
