"""Global heaps in a file that is about to be read: HDF5 goes round for ever in one with an object of no size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from astrocodec.errors import CorruptError

__all__ = ["check_heaps"]

_START = b"GCOL\x01\0\0\0"
_BLOCK = 16 << 20


def check_heaps(path: str | os.PathLike[str], length: int, most: int | None = None) -> None:
    """
    Walk every global heap as HDF5 does, in which the elements of varying length lie.

    Parameters
    ----------
    path : path
        An HDF5 file.
    length : int
        Bytes of a size in it, as its superblock says.
    most : int, optional
        Look only into files of at most so many bytes: all of the file must be read.

    Raises
    ------
    CorruptError
        Naming file and byte of an object after which the next one is not further on.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            return
        for at in _starts(file):
            file.seek(at)
            head = file.read(len(_START) + length)
            held = int.from_bytes(head[len(_START) :], "little")
            if len(head) == len(_START) + length and held <= size - at:
                file.seek(at)
                place = _endless(file.read(held), length)
                if place is not None:
                    raise CorruptError(
                        f"{os.fspath(path)}: byte {at + place}: object of no size in a global heap, after which HDF5 "
                        "would read without end: the file is damaged"
                    )


def _starts(file: BinaryIO) -> Iterator[int]:
    """Yield where heaps may begin."""
    offset, tail = 0, b""
    while True:
        file.seek(offset + len(tail))
        block = tail + file.read(_BLOCK)
        at = block.find(_START)
        while at >= 0:
            yield offset + at
            at = block.find(_START, at + 1)
        if len(block) < _BLOCK:
            return
        tail = block[1 - len(_START) :]
        offset += len(block) - len(tail)


def _endless(heap: bytes, length: int) -> int | None:
    """Find the object of a heap that leads HDF5 nowhere, None in a sound one."""
    head = _padded(8 + length)
    at = head
    while at + head <= len(heap):
        number = int.from_bytes(heap[at : at + 2], "little")
        size = int.from_bytes(heap[at + 8 : at + 8 + length], "little")
        step = (head + _padded(size) if number else size) % 2**64
        if step == 0:
            return at
        at += step
    return None


def _padded(size: int) -> int:
    return -(-size // 8) * 8
