"""Whether a file is FITS or HDF5, or a folder Zarr, told without a library by what is in it."""

from __future__ import annotations

import os

__all__ = ["file_kind", "is_hdf5", "is_table", "is_zarr"]

_ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """
    Tell whether HDF5's signature stands at byte 0 or, behind a block of the user's, at 512, 1024 and so on.

    Examples
    --------
    >>> is_hdf5("/dev/null")
    False
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at == 0 or at < size:
            file.seek(at)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
            at = max(512, 2 * at)
    return False


def file_kind(path: str | os.PathLike[str]) -> str:
    """
    Tell FITS, which the first bytes say whatever stands further on, from HDF5; empty for all else.

    Examples
    --------
    >>> file_kind("/dev/null")
    ''
    """
    with open(path, "rb") as file:
        if file.read(6) == b"SIMPLE":
            return "FITS"
    return "HDF5" if is_hdf5(path) else ""


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """
    Tell whether a folder is a Zarr array or group.

    Examples
    --------
    >>> is_zarr("/")
    False
    """
    return any(os.path.isfile(os.path.join(path, name)) for name in _ZARR_FILES)


def is_table(path: str | os.PathLike[str]) -> bool:
    """
    Tell whether a folder is a table of casacore, as Measurement Sets are.

    Examples
    --------
    >>> is_table("/")
    False
    """
    return os.path.isfile(os.path.join(path, "table.dat"))
