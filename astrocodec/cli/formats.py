"""Which package a file is for."""

import importlib
from pathlib import Path
from types import ModuleType

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_SUFFIXES = (".h5", ".hdf5", ".he5", ".hdf", ".nc", ".nc4", ".nxs")


def is_hdf5_name(path: Path) -> bool:
    """Whether a file found in a directory is probably HDF5.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
        True for the usual suffixes.
    """
    return path.name.lower().endswith(_HDF5_SUFFIXES)


def package_of(path: Path) -> ModuleType:
    """Import the package that reads a file.

    Parameters
    ----------
    path : pathlib.Path
        A file.

    Returns
    -------
    module
        `hdf5_filter` where HDF5's signature stands in one of its places, otherwise `fits_tiles`, whose errors say what
        is wrong with a file that is neither.

    Raises
    ------
    OSError
        The file cannot be read.
    ImportError
        HDF5 files need h5py.
    """
    return importlib.import_module("hdf5_filter" if _has_signature(path) else "fits_tiles")


def _has_signature(path: Path) -> bool:
    """Whether HDF5's signature stands at byte 0, 512, 1024, 2048 and so on."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        if file.read(6) == b"SIMPLE":
            return False
        size = file.seek(0, 2)
        at = 0
        while at < size:
            file.seek(at)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            at = max(512, 2 * at)
    return False
