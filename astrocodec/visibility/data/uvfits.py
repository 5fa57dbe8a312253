"""Visibilities in uvfits files, by parts."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError
from astrocodec.visibility.data.grid import grid_rows
from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["UvfitsSet", "need_pyuvdata", "read_uvfits"]


def need_pyuvdata() -> Any:
    """pyuvdata's class of visibilities.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        from pyuvdata import UVData
    except ImportError as error:
        message = "uvfits needs pyuvdata, which is not installed: run `pip install 'astrocodec[vis]'`"
        raise ImportError(message, name=error.name) from error
    return UVData


def read_uvfits(path: str | os.PathLike[str], **options: Any) -> Any:
    """
    What pyuvdata reads of a uvfits file.

    Raises
    ------
    FormatError
        It is none, or damaged.
    """
    found = need_pyuvdata()()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of antennas and times, which are not judged here
        warnings.filterwarnings("error", message=".*truncated")
        try:
            found.read(os.fspath(path), file_type="uvfits", **options)
        except Exception as error:
            if isinstance(error, MemoryError) or getattr(error, "errno", None):
                raise
            raise FormatError(f"{os.fspath(path)}: is no uvfits file, or damaged; pyuvdata says: {error}") from error
    return found


class UvfitsSet(VisibilitySet):
    """A file that pyuvdata reads; its header is in memory, its rows are read when they are wanted."""

    column = "data_array"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        found = read_uvfits(path, read_data=False, run_check=False)
        self.telescope = str(found.telescope.name)
        self.frequencies = np.asarray(found.freq_array, np.float64).reshape(-1)
        self.polarizations = tuple(name.upper() for name in found.get_pols())
        self.grid = grid_rows(found.time_array, found.ant_1_array, found.ant_2_array)
        self.dtype = np.dtype(np.complex64)

    def _read_rows(self, rows: npt.NDArray[np.int64]) -> Any:
        wanted = np.sort(rows)
        found = read_uvfits(self.name, blt_inds=wanted, run_check=False)
        back = np.searchsorted(wanted, rows)
        arrays = found.data_array, found.flag_array, found.nsample_array, found.uvw_array
        vis, flags, weights, uvw = (np.asarray(values)[back] for values in arrays)
        return vis.astype(np.complex64, copy=False), flags, weights.astype(np.float32, copy=False), uvw
