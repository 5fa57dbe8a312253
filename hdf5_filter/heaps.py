"""Global heaps in a file that is about to be read: HDF5 goes round for ever in one with an object of no size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import h5py

from astrocodec._native.memory import bytes_at
from hdf5_filter.attributes import attribute_names
from hdf5_filter.elements import attribute_elements, block_elements, blocks_in
from hdf5_filter.layout import layout_of

__all__ = ["Heap", "endless_heaps", "without_data"]

_START = b"GCOL\x01\0\0\0"
_BLOCK = 16 << 20
_LEAST = 4096  # H5HG_MINSIZE
_VIRTUAL = b"\x03"  # class of a layout in a header, before the address of its heap


@dataclass(frozen=True)
class Heap:
    """What looks like a heap that HDF5 would not come out of."""

    start: int  # its first byte
    place: int  # byte of the object after which the next one is not further on


def endless_heaps(file: BinaryIO, length: int) -> list[Heap]:
    """
    Walk every global heap as HDF5 does, in which the elements of varying length lie; find those without an end.

    All of the file is read; `length` is the number of bytes of a size in it, as its superblock says.
    """
    size = file.seek(0, os.SEEK_END)
    found = []
    for start in _starts(file):
        file.seek(start + len(_START))
        held = int.from_bytes(file.read(length), "little")
        if _LEAST <= held <= size - start:  # HDF5 refuses others
            place = _endless(file, start, held, length)
            found += [] if place is None else [Heap(start, place)]
    return found


def without_data(heaps: list[Heap], file: BinaryIO, objects: Iterable[Any], part: range, width: int) -> list[Heap]:
    """
    Leave out what only looks like a heap: elements of datasets, values of attributes.

    `objects` are all of the file, opened as they come, `part` the bytes of it that are HDF5's; an address has `width`.
    """
    # HDF5 reads what a virtual dataset shows as soon as that is opened.
    kept = [heap for heap in heaps if heap.start in part]
    addresses = ((heap.start - part.start).to_bytes(width, "little") for heap in kept)
    if any(next(_starts(file, _VIRTUAL + address), None) is not None for address in addresses):
        return kept
    try:
        for obj in objects:
            if not kept:
                return []
            extents, values = list(_extents(obj)), list(_values(obj))
            kept = [
                heap
                for heap in kept
                if not any(start <= heap.start < stop for start, stop in extents)
                and not any(_bytes_of(file, heap) in value for value in values)
            ]
    except (KeyError, OSError, RuntimeError, ValueError):
        return kept  # damage elsewhere
    return kept


def _extents(obj: Any) -> Iterator[tuple[int, int]]:
    """Yield the first byte of each stretch of a dataset's elements, and the byte behind it."""
    if not isinstance(obj, h5py.h5d.DatasetID):
        return
    layout = obj.get_create_plist().get_layout()
    if layout == h5py.h5d.CHUNKED:
        chunks: list[Any] = []
        obj.chunk_iter(chunks.append)
        yield from ((chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in chunks)
    elif layout == h5py.h5d.CONTIGUOUS and obj.get_offset() is not None:
        yield obj.get_offset(), obj.get_offset() + obj.get_storage_size()


def _values(obj: Any) -> Iterator[bytes]:
    """Yield the elements that lie in an object's header, or beside it, and are long enough for a heap."""
    contexts: list[Any] = []
    for name in attribute_names(obj):
        attribute = h5py.h5a.open(obj, name)
        contexts += [attribute_elements(attribute)] if layout_of(attribute.get_type()).is_plain else []
    if isinstance(obj, h5py.h5d.DatasetID) and obj.get_create_plist().get_layout() == h5py.h5d.COMPACT:
        boxes = blocks_in(obj) if layout_of(obj.get_type()).is_plain else ()
        contexts += [block_elements(obj, box) for box in boxes]
    for context in contexts:
        with context as elements:
            if elements is not None and elements.count * elements.layout.size >= _LEAST:
                yield bytes_at(elements.address, elements.count * elements.layout.size)


def _bytes_of(file: BinaryIO, heap: Heap) -> bytes:
    """The first bytes of a heap, as many as every one has."""
    file.seek(heap.start)
    return file.read(_LEAST)


def _starts(file: BinaryIO, what: bytes = _START) -> Iterator[int]:
    """Yield where heaps may begin, or where other bytes stand."""
    offset, tail = 0, b""
    while True:
        file.seek(offset + len(tail))
        block = tail + file.read(_BLOCK)
        at = block.find(what)
        while at >= 0:
            yield offset + at
            at = block.find(what, at + 1)
        if len(block) < _BLOCK:
            return
        tail = block[1 - len(what) :]
        offset += len(block) - len(tail)


def _endless(file: BinaryIO, start: int, held: int, length: int) -> int | None:
    """Find the object of a heap that leads HDF5 nowhere, None in a sound one."""
    head = _padded(8 + length)
    at = start + head
    while at + head <= start + held:
        file.seek(at)
        fields = file.read(8 + length)
        size = int.from_bytes(fields[8:], "little")
        step = (head + _padded(size) if any(fields[:2]) else size) % 2**64
        if step == 0:
            return at
        at += step
    return None


def _padded(size: int) -> int:
    return -(-size // 8) * 8
