"""What precedes the HDF5 part of a file, and what follows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import zip_longest

import h5py
from h5py._objects import phil

from hdf5_filter.elements import library

__all__ = ["copy_surroundings", "end_of", "same_beginning", "same_end"]

_PART = 1 << 20


def copy_surroundings(source: str | os.PathLike[str], target: str | os.PathLike[str], size: int, end: int) -> None:
    """Copy the first bytes of a file to another, and append what stands from byte `end` on."""
    with open(target, "r+b") as new:
        for part in _parts(source, 0, size):
            new.write(part)
        new.seek(0, os.SEEK_END)
        for part in _parts(source, end):
            new.write(part)


def same_beginning(first: h5py.File, second: h5py.File) -> bool:
    """Whether the same bytes precede the HDF5 part of two files."""
    blocks = (_parts(file.filename, 0, file.userblock_size) for file in (first, second))
    return all(one == other for one, other in zip_longest(*blocks))


def end_of(file: h5py.File) -> int:
    """Return the byte at which the HDF5 part of a file ends; others may have appended some."""
    with phil:
        return library().end_of(file.id.id)


def same_end(first: h5py.File, second: h5py.File) -> bool:
    """Whether the same bytes follow the HDF5 part of two files."""
    ends = (_parts(file.filename, end_of(file)) for file in (first, second))
    return all(one == other for one, other in zip_longest(*ends))


def _parts(path: str | os.PathLike[str], start: int, stop: int = sys.maxsize) -> Iterator[bytes]:
    """Yield the bytes of a file from one to another, or to its end."""
    with open(path, "rb") as file:
        file.seek(start)
        while part := file.read(min(_PART, stop - file.tell())):
            yield part
