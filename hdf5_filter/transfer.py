"""One dataset stored in another way: ours, or none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.bounds import Bound
from astrocodec.model import load_model
from hdf5_filter.bounded_chunks import BoundedChunks
from hdf5_filter.boxes import Box
from hdf5_filter.chunk_shape import choose_chunks
from hdf5_filter.chunked import ChunkedDataset, filter_ids
from hdf5_filter.copying import Place
from hdf5_filter.elements import block_elements, blocks_in, write_block
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.layout import layout_of
from hdf5_filter.reading import naming_damage, read_dataset
from hdf5_filter.sources import ArraySource
from hdf5_filter.spaces import unshared_space
from hdf5_filter.sparse import box_arrays, stored_boxes, write_boxes
from hdf5_filter.storage import is_codable
from hdf5_filter.writing import create_dataset, write_rows

__all__ = ["DatasetSource", "compress_dataset", "decompress_dataset", "fitted_chunks", "plain_properties"]

_READ_BYTES = 64 << 20
_GOOD_CHUNK = (1 << 14, 1 << 21)  # elements of a plane that are neither too few to learn from nor too many to pick


class DatasetSource(ArraySource):
    """A dataset as a source of rows, read in whole chunks of its own where memory allows."""

    def __init__(self, dataset: h5py.Dataset, workers: int, advance: Callable[[int], None]) -> None:
        super().__init__(dataset)
        self._dataset = dataset
        self._workers = workers
        self._advance = advance

    def blocks(self, rows: int, panel: Box) -> Iterator[np.ndarray[Any, Any]]:
        """Yield the rows of a panel, as many at once as are of moderate size."""
        row = max(1, self.dtype.itemsize * math.prod(cut.stop - cut.start for cut in panel))
        side = self._dataset.chunks[0] if self._dataset.chunks else 1
        length = max(side * -(-rows // side), _READ_BYTES // row // side * side, 1)
        if length * row > 4 * _READ_BYTES:
            length = max(rows, 4 * _READ_BYTES // row, 1)  # a chunk is decoded several times then
        for start in range(0, self.shape[0], length):
            with naming_damage(self._dataset):
                block = read_dataset(self._dataset, (slice(start, start + length), *panel), workers=self._workers)
            yield block
            self._advance(block.nbytes)


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
    bound: Bound | None = None,
) -> h5py.Dataset | None:
    """
    Store a dataset with our filter, without a name yet; None where that would not make it smaller.

    A `bound` is that of these elements. The filter is told of none, so that programs which write to the dataset later
    lose nothing, unless HDF5 must code the chunks itself.
    """
    plist = plain_properties(source)
    fletcher32 = h5py.h5z.FILTER_FLETCHER32 in filter_ids(source)
    made = create_dataset(
        h5py.Group(place.group),
        None,
        source.shape,
        kind,
        chunks=chunks,
        codec=codec.within(bound, source.dtype) if bound and fletcher32 else codec,
        maxshape=source.maxshape,
        plist=plist,
        fletcher32=fletcher32,
    )
    coder = _bounded(made, codec, bound) if bound else None
    boxes = stored_boxes(source)
    if boxes is None:
        write_rows(made, 0, DatasetSource(source, workers, advance), workers, coder)
    else:
        with naming_damage(source):
            write_boxes(made, source, boxes, workers, advance, coder)
    return made if made.id.get_storage_size() < source.id.get_storage_size() else None


def _bounded(made: h5py.Dataset, codec: AstroCodec, bound: Bound) -> BoundedChunks | None:
    chunked = ChunkedDataset.of(made)
    if chunked is None:
        return None
    models = (codec.model, load_model()) if codec.values.try_general else (codec.model,)
    return BoundedChunks(chunked, bound, tuple(dict.fromkeys(models)), codec.values.thorough)


def decompress_dataset(
    source: h5py.Dataset, place: Place, kind: Any, *, gzip: bool, workers: int, advance: Callable[[int], None]
) -> h5py.Dataset:
    """
    Store a dataset without our filter.

    HDF5 never asks the filter about strings and sequences of varying length, so that it may stand there too.
    Contiguous if its shape is fixed, it has neither gzip nor fletcher32, and not only few chunks are stored.
    """
    plist = plain_properties(source)
    checksums = h5py.h5z.FILTER_FLETCHER32 in filter_ids(source)
    boxes = stored_boxes(source) if source.id.get_storage_size() else None
    if gzip or checksums or boxes is not None or source.maxshape != source.shape:
        plist.set_chunk(source.chunks)
        if gzip:
            plist.set_shuffle()
            plist.set_deflate(4)
        if checksums:
            plist.set_fletcher32()
    else:
        plist.set_layout(h5py.h5d.CONTIGUOUS)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    made = h5py.Dataset(h5py.h5d.create(place.group, None, kind, unshared_space(source.id.get_space()), plist))
    # Elements that point elsewhere are written when every object has its copy.
    if layout_of(kind).is_plain and source.id.get_storage_size():
        _write_plain(made, source, boxes, workers, advance)
    place.put(made.id)
    return made


def _write_plain(
    made: h5py.Dataset, source: h5py.Dataset, boxes: list[Box] | None, workers: int, advance: Callable[[int], None]
) -> None:
    """Write all elements, or those in boxes, as they lie in the file; what NumPy has no type for is not converted."""
    cuts = list(blocks_in(source.id)) if boxes is None else boxes
    if is_codable(source):
        for box, block in zip(cuts, box_arrays(source, cuts, workers, small=boxes is not None), strict=True):
            made[box] = block
            advance(block.nbytes)
        return
    for box in cuts:
        with naming_damage(source), block_elements(source.id, box) as elements:
            write_block(made.id, box, elements)
        advance(elements.count * elements.layout.size)


def plain_properties(source: h5py.Dataset) -> Any:
    """Return the creation properties of a dataset without its filters."""
    plist = source.id.get_create_plist().copy()
    if plist.get_nfilters():
        plist.remove_filter(0)  # H5Z_FILTER_ALL
    if plist.get_alloc_time() != h5py.h5d.ALLOC_TIME_EARLY:
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_INCR)
    return plist
