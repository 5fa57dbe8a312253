"""Elements of datasets and attributes in memory, in the file's own type: nothing is converted on the way."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py._objects import phil

from astrocodec._native.hdf5 import Library, library_of
from astrocodec.errors import FormatError
from hdf5_filter.boxes import Box, boxes_within, whole
from hdf5_filter.layout import Layout, layout_of
from hdf5_filter.names import shown

__all__ = [
    "Elements",
    "attribute_elements",
    "block_elements",
    "blocks_in",
    "fill_elements",
    "library",
    "write_attribute",
    "write_block",
]

_BLOCK_BYTES, _POINTING_BYTES = 64 << 20, 1 << 20  # fewer where elements point to more


@dataclass(frozen=True)
class Elements:
    """Elements in memory."""

    layout: Layout
    address: int  # of the first
    count: int


def library() -> Library:
    """HDF5 as h5py has it."""
    return library_of(h5py.h5p.__file__)


@contextmanager
def _read(kind: Any, count: int, read: Callable[[int], object]) -> Iterator[Elements]:
    """Read elements into memory; what they point to is freed with it."""
    layout = layout_of(kind)
    buffer = np.zeros(max(1, count * layout.size), np.uint8)
    elements = Elements(layout, buffer.ctypes.data, count)
    if count:
        with phil:
            read(elements.address)  # where it fails, bytes of the file lie where pointers should: nothing may be freed
    try:
        yield elements
    finally:
        if not layout.is_plain and count:
            space = h5py.h5s.create_simple((count,))
            with phil:
                library().call("H5Treclaim", kind.id, space.id, 0, elements.address)


@contextmanager
def attribute_elements(attribute: Any) -> Iterator[Elements | None]:
    """Read an attribute; None for one that has no elements by its kind."""
    space, kind = attribute.get_space(), attribute.get_type()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        yield None
        return
    count = int(space.get_simple_extent_npoints())
    with _read(kind, count, lambda address: library().call("H5Aread", attribute.id, kind.id, address)) as elements:
        yield elements


def write_attribute(attribute: Any, elements: Elements) -> None:
    """Write elements of an equal type to an attribute."""
    kind = attribute.get_type()
    if elements.count:
        with phil:
            library().call("H5Awrite", attribute.id, kind.id, elements.address)


def blocks_in(dataset: Any) -> Iterator[Box]:
    """Cut a dataset of at least one element into boxes of moderate size; a single value is one without axes."""
    kind, plist = dataset.get_type(), dataset.get_create_plist()
    chunk = plist.get_chunk() if plist.get_layout() == h5py.h5d.CHUNKED else None
    most = _BLOCK_BYTES if layout_of(kind).is_plain else _POINTING_BYTES
    return boxes_within(whole(dataset.get_space().get_simple_extent_dims()), chunk, kind.get_size(), most)


@contextmanager
def block_elements(dataset: Any, box: Box) -> Iterator[Elements]:
    """Read a box of a dataset."""
    kind = dataset.get_type()
    memory, file = _spaces(dataset, box)
    count = int(memory.get_simple_extent_npoints())

    def read(address: int) -> None:
        try:
            library().call("H5Dread", dataset.id, kind.id, memory.id, file.id, 0, address)
        except OSError as error:
            if "no write intent" not in str(error):
                raise
            place = f"{os.fsdecode(h5py.h5f.get_name(dataset))}: {shown(h5py.h5i.get_name(dataset) or b'')}"
            text = "HDF5 cannot read elements that were never written where their fill value is of varying length"
            raise FormatError(f"{place}: {text}, in a file that it may not change") from error

    with _read(kind, count, read) as elements:
        yield elements


def write_block(dataset: Any, box: Box, elements: Elements) -> None:
    """Write elements of an equal type to a box of a dataset."""
    kind = dataset.get_type()
    memory, file = _spaces(dataset, box)
    with phil:
        library().call("H5Dwrite", dataset.id, kind.id, memory.id, file.id, 0, elements.address)


def _spaces(dataset: Any, box: Box) -> tuple[Any, Any]:
    """Return spaces of memory and file for a box of a dataset."""
    file = dataset.get_space()
    count = tuple(cut.stop - cut.start for cut in box)
    if box:
        file.select_hyperslab(tuple(cut.start for cut in box), count)
    return h5py.h5s.create_simple((math.prod(count),)), file


@contextmanager
def fill_elements(plist: Any, kind: Any) -> Iterator[Elements | None]:
    """Read the fill value of creation properties as one element of a type; None where it is not defined."""
    if plist.fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED:
        yield None
        return
    with _read(kind, 1, lambda address: library().call("H5Pget_fill_value", plist.id, kind.id, address)) as elements:
        yield elements
