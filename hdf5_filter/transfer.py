"""One dataset stored in another way: ours, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from hdf5_filter.chunk_shape import choose_chunks
from hdf5_filter.copying import Place
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.reading import read_dataset
from hdf5_filter.sources import ArraySource
from hdf5_filter.writing import create_dataset, write_rows

__all__ = ["DatasetSource", "blocks_of", "compress_dataset", "decompress_dataset", "fitted_chunks"]

_READ_BYTES = 64 << 20
_GOOD_CHUNK = (1 << 14, 1 << 21)  # elements of a plane that are neither too few to learn from nor too many to pick


class DatasetSource(ArraySource):
    """A dataset as a source of rows, read in whole chunks of its own where memory allows."""

    def __init__(self, dataset: h5py.Dataset, workers: int, advance: Callable[[int], None]) -> None:
        super().__init__(dataset)
        self._dataset = dataset
        self._workers = workers
        self._advance = advance

    def blocks(self, rows: int) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the dataset's rows."""
        for block in blocks_of(self._dataset, self._workers, at_least=rows):
            yield block
            self._advance(block.nbytes)


def blocks_of(dataset: h5py.Dataset, workers: int, at_least: int = 1) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the rows of a dataset in blocks of moderate size."""
    row = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=int)))
    side = dataset.chunks[0] if dataset.chunks else 1
    rows = max(side * -(-at_least // side), _READ_BYTES // row // side * side, 1)
    if rows * row > 4 * _READ_BYTES:
        rows = max(at_least, 1)
    for start in range(0, dataset.shape[0], rows):
        yield read_dataset(dataset, slice(start, start + rows), workers=workers)


def fitted_chunks(dataset: h5py.Dataset, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
    """Choose the chunks of a dataset: those asked for, its own if they suit, or ours."""
    if wanted is not None:
        missing = dataset.ndim - len(wanted)
        whole = (1,) * missing + wanted if missing >= 0 else wanted[-missing:]
        return tuple(max(1, min(side, length)) for side, length in zip(whole, dataset.shape, strict=True))
    if dataset.chunks is not None:
        plane = int(np.prod(dataset.chunks[-2:]))
        if _GOOD_CHUNK[0] <= plane <= _GOOD_CHUNK[1] and dataset.chunks[-1] >= min(64, dataset.shape[-1]):
            own: tuple[int, ...] = dataset.chunks
            return own
    return choose_chunks(dataset.shape, dataset.dtype.itemsize)


def compress_dataset(
    source: h5py.Dataset,
    place: Place,
    kind: Any,
    codec: AstroCodec,
    *,
    chunks: tuple[int, ...],
    workers: int,
    advance: Callable[[int], None],
) -> h5py.Dataset | None:
    """Store a dataset with our filter; None, and nothing is stored, where that would not make it smaller."""
    plist = _plain_properties(source)
    made = create_dataset(
        h5py.Group(place.group),
        None,
        source.shape,
        kind,
        chunks=chunks,
        codec=codec,
        maxshape=source.maxshape,
        plist=plist,
    )
    write_rows(made, 0, DatasetSource(source, workers, advance), workers)
    if made.id.get_storage_size() >= source.id.get_storage_size():
        return None
    place.put(made.id)
    return made


def decompress_dataset(
    source: h5py.Dataset, place: Place, kind: Any, *, gzip: bool, workers: int, advance: Callable[[int], None]
) -> h5py.Dataset:
    """Store a dataset without our filter: contiguous where its shape is fixed, in chunks otherwise or with gzip."""
    plist = _plain_properties(source)
    if gzip:
        plist.set_chunk(source.chunks)
        plist.set_shuffle()
        plist.set_deflate(4)
    elif source.maxshape != source.shape:
        plist.set_chunk(source.chunks)
    else:
        plist.set_layout(h5py.h5d.CONTIGUOUS)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    made = h5py.Dataset(h5py.h5d.create(place.group, None, kind, source.id.get_space(), plist))
    at = 0
    if source.id.get_storage_size():
        for block in DatasetSource(source, workers, advance).blocks(1):
            made[at : at + len(block)] = block
            at += len(block)
    place.put(made.id)
    return made


def _plain_properties(source: h5py.Dataset) -> Any:
    """Creation properties of a dataset without its filters."""
    plist = source.id.get_create_plist().copy()
    if plist.get_nfilters():
        plist.remove_filter(0)  # H5Z_FILTER_ALL
    if plist.get_alloc_time() != h5py.h5d.ALLOC_TIME_EARLY:
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_INCR)
    return plist
