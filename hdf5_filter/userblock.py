"""What precedes the HDF5 part of a file."""

from __future__ import annotations

import os

__all__ = ["copy_beginning", "same_beginning"]

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
