"""File formats: the package that each is for, and how the commands know its files."""

import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from astrocodec.cli.names import (
    is_compressed_hdf5_name,
    is_compressed_name,
    is_compressed_visibility_name,
    is_hdf5_name,
)
from astrocodec.files.file_kind import file_kind, is_table, is_zarr

# What shares its suffixes with HDF5: the old form of netCDF, and HDF4.
_RELATIVES = {b"CDF\x01": "netCDF classic", b"CDF\x02": "netCDF classic", b"CDF\x05": "netCDF classic"}
_RELATIVES |= {b"\x0e\x03\x13\x01": "HDF4"}


@dataclass(frozen=True)
class Format:
    """A format: the package that reads and writes it, and whether a name is one that its compressing command gives."""

    package: str
    is_compressed_name: Callable[[Path], bool]


FITS = Format("fits_tiles", is_compressed_name)
HDF5 = Format("hdf5_filter", is_compressed_hdf5_name)
VISIBILITIES = Format("astrocodec.visibility.files", is_compressed_visibility_name)


def package_of(path: Path) -> ModuleType:
    """Import the package that reads a file.

    That is `hdf5_filter` where HDF5's signature stands in one of its places, `fits_tiles` for FITS files; of files that
    are neither the one that their names speak for, whose errors say what is wrong. Folders of Zarr and Measurement Sets
    are only read.
    """
    if is_zarr(path):
        return importlib.import_module("astrocodec.zarr.check")
    if is_table(path):
        return importlib.import_module(VISIBILITIES.package)
    return importlib.import_module((HDF5 if _is_hdf5(path) else FITS).package)


def is_folder_read(path: Path) -> bool:
    """Whether a folder is read as a file is: Zarr, or a Measurement Set."""
    return is_zarr(path) or is_table(path)


def relative_of_hdf5(path: Path) -> str:
    """Name the format of files that have suffixes of HDF5 and are none; empty where it is HDF5 or not known."""
    with suppress(OSError), path.open("rb") as file:
        return _RELATIVES.get(file.read(4), "")
    return ""


def may_be_hdf5(path: Path) -> bool:
    """Tell by a file's name, else by its content, whether HDF5 would read it; it need not be there."""
    with suppress(OSError):
        return is_hdf5_name(path) or _is_hdf5(path)
    return False


def _is_hdf5(path: Path) -> bool:
    """Whether HDF5's signature stands in a file, or one that is no FITS file is named so."""
    if os.path.isdir(path):
        return False
    kind = file_kind(path)
    return kind == "HDF5" or (not kind and is_hdf5_name(path))
