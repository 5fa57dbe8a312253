"""What precedes the HDF5 part of a file, and what follows it."""

from __future__ import annotations

import os

import h5py
from h5py._objects import phil

from hdf5_filter.elements import library

__all__ = ["copy_beginning", "copy_end", "end_of", "same_beginning", "same_end"]

_PART = 1 << 20


def copy_beginning(source: str | os.PathLike[str], target: str | os.PathLike[str], size: int) -> None:
    """Copy the first bytes of a file to another."""
    with open(source, "rb") as old, open(target, "r+b") as new:
        while size:
            part = old.read(min(size, _PART))
            new.write(part)
            size -= len(part) or size


def same_beginning(first: str, second: str, size: int) -> bool:
    """
    Whether the first bytes of two files are the same.

    Examples
    --------
    >>> same_beginning("/dev/zero", "/dev/zero", 512)
    True
    """
    with open(first, "rb") as one, open(second, "rb") as other:
        for start in range(0, size, _PART):
            length = min(_PART, size - start)
            if one.read(length) != other.read(length):
                return False
    return True


def end_of(file: h5py.File) -> int:
    """Return the byte at which the HDF5 part of a file ends; others may have appended some."""
    with phil:
        return library().end_of(file.id.id)


def copy_end(source: str | os.PathLike[str], target: str | os.PathLike[str], start: int) -> None:
    """Append what stands from a byte of a file on to another."""
    with open(source, "rb") as old, open(target, "ab") as new:
        old.seek(start)
        while part := old.read(_PART):
            new.write(part)


def same_end(first: h5py.File, second: h5py.File) -> bool:
    """Whether the same bytes follow the HDF5 part of two files."""
    with open(first.filename, "rb") as one, open(second.filename, "rb") as other:
        one.seek(end_of(first))
        other.seek(end_of(second))
        while part := one.read(_PART):
            if part != other.read(_PART):
                return False
        return not other.read(1)
