"""Which bytes of a file stand under a checksum, and so what may be said of an object that was read without an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import h5py
from h5py._objects import phil

from astrocodec._native.hdf5 import filters_partial_chunks
from astrocodec.files.file_report import Checked, weakest
from hdf5_filter.attributes import attribute_names
from hdf5_filter.chunked import filter_ids, stored_chunks
from hdf5_filter.copying import link_names
from hdf5_filter.elements import library
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.layout import layout_of
from hdf5_filter.userblock import end_of

__all__ = ["elements_coverage", "file_coverage", "metadata_coverage"]

# zlib's streams end with a checksum of what they hold, as ours do.
_WITH_CHECKSUM = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32, FILTER_ID})
_NEVER_FAILS = frozenset({h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET})
_MOST_BYTES, _AROUND_BYTES = 4096, 64  # H5O_FHEAP_MAX_MAN_SIZE: what is larger has no checksum in a fractal heap
_FILLS = h5py.h5d.FILL_VALUE_USER_DEFINED
_OLD_INDEX, _OLD_GROUP = 0, 0  # H5D_CHUNK_IDX_BTREE, H5G_STORAGE_TYPE_SYMBOL_TABLE


def file_coverage(file: h5py.File) -> Checked:
    """Say what is known of a file's superblock once it is open, and of what stands around the HDF5 part."""
    if file.userblock_size or end_of(file) != os.stat(file.filename).st_size:
        return "not checked"
    plist = file.id.get_create_plist()
    with phil:
        in_heaps = library().shares_messages(plist.id)  # headers have parts of theirs there
    return "checksum ok" if plist.get_version()[0] >= 2 and not in_heaps else "decoded"


def metadata_coverage(obj: Any) -> Checked:
    """Say what is known of an object's header, attributes and index once they were read: the older format has none."""
    if h5py.h5o.get_info(obj).hdr.version < 2:
        return "decoded"
    with phil:
        if isinstance(obj, h5py.h5g.GroupID) and library().group_storage(obj.id) == _OLD_GROUP:
            return "decoded"
        chunked = isinstance(obj, h5py.h5d.DatasetID) and obj.get_create_plist().get_layout() == h5py.h5d.CHUNKED
        if chunked and library().chunk_index(obj.id) == _OLD_INDEX:
            return "decoded"
    fills = isinstance(obj, h5py.h5d.DatasetID) and obj.get_create_plist().fill_value_defined() == _FILLS
    kinds = [obj.get_type()] if fills else []
    attributes = [h5py.h5a.open(obj, name) for name in attribute_names(obj)]
    kinds += [attribute.get_type() for attribute in attributes]
    # What elements and fill values of varying length point to lies in heaps without checksums.
    if not all(layout_of(kind).lies_in_place for kind in kinds):
        return "decoded"
    return "decoded" if any(size > _MOST_BYTES for size in _message_sizes(obj, attributes)) else "checksum ok"


def _message_sizes(obj: Any, attributes: list[Any]) -> Iterator[int]:
    """Yield how many bytes an object's attributes and links may take where HDF5 puts them into a heap."""
    for attribute in attributes:
        kind, space = attribute.get_type(), attribute.get_space()
        rest = len(attribute.name) + len(kind.encode()) + 16 * space.get_simple_extent_ndims()
        yield _AROUND_BYTES + rest + space.get_simple_extent_npoints() * kind.get_size()
    for name in link_names(obj) if isinstance(obj, h5py.h5g.GroupID) else ():
        info = obj.links.get_info(name)
        yield _AROUND_BYTES + len(name) + (0 if info.type == h5py.h5l.TYPE_HARD else info.u)


def elements_coverage(dataset: h5py.Dataset) -> Checked | None:
    """Say what is known of a dataset's elements once they were decoded; None where the file holds none."""
    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL or plist.get_external_count():
        return "not checked"
    if not dataset.size or not dataset.id.get_storage_size():
        return None
    if not layout_of(dataset.id.get_type()).lies_in_place:
        return "decoded"
    if layout == h5py.h5d.COMPACT:
        return metadata_coverage(dataset.id)
    if layout != h5py.h5d.CHUNKED:
        return "not checked"
    ragged = any(length % side for length, side in zip(dataset.shape, dataset.chunks, strict=True))
    if ragged and not filters_partial_chunks(h5py.h5p.__file__, plist.id):
        return "not checked"
    return weakest({_chunk_coverage(filter_ids(dataset), mask) for mask in set(stored_chunks(dataset).values())})


def _chunk_coverage(filters: list[int], mask: int) -> Checked:
    """Say what is known of a chunk that passed these filters but for those in its mask."""
    passed = {number for place, number in enumerate(filters) if not mask >> place & 1}
    if passed & _WITH_CHECKSUM:
        return "checksum ok"
    return "decoded" if passed - _NEVER_FAILS else "not checked"
