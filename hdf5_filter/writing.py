"""`write_dataset`: chunks encoded in threads, outside HDF5's lock."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.files.parallel import ordered_map
from hdf5_filter.boxes import Box, boxes_within, whole
from hdf5_filter.chunk_shape import choose_chunks
from hdf5_filter.chunked import ChunkCoder, ChunkedDataset, filter_values, has_shuffle_before, touched_chunks
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.names import bytes_of
from hdf5_filter.reading import available_cores, read_dataset
from hdf5_filter.sources import ArraySource, BlockSource, open_source
from hdf5_filter.values import FilterValues

__all__ = ["NotCodedError", "create_dataset", "write_dataset", "write_rows"]

_MOST_BYTES = 64 << 20
_Rows = Iterator[np.ndarray[Any, Any]]


class NotCodedError(TypeError):
    """The filter refuses a type; its words are the message."""


def write_dataset(
    group: h5py.Group,
    name: str | bytes,
    data: Any,
    *,
    chunks: tuple[int, ...] | None = None,
    codec: AstroCodec | None = None,
    workers: int | None = None,
    maxshape: tuple[int | None, ...] | None = None,
    fillvalue: Any = None,
    append: bool = False,
) -> h5py.Dataset:
    """
    Create a compressed dataset, encoding several chunks at once, or append to one.

    The chunks are those that HDF5 itself would have written, byte for byte. The filter is mandatory in the dataset:
    no program writes chunks without it unnoticed.

    Parameters
    ----------
    group : h5py.Group
        File or group, open for writing.
    name : str or bytes
        Of the dataset; groups on its path are made.
    data : array_like or iterable of arrays
        Arrays in memory, memory maps, HDF5, Zarr and Dask arrays are read a row of chunks at a time, so they may be
        larger than memory. Of other iterables each item is a block, and the blocks follow each other along the first
        axis. Axes are not added: a frame that is appended to a cube is ``frame[np.newaxis]``.
    chunks : tuple of int, optional
        Shape of the chunks; by default about 512 x 512 elements of the last two axes.
    codec : AstroCodec, optional
        By default the general model; `AstroCodec.tuned` fits one.
    workers : int, optional
        Threads; by default one for each core.
    maxshape : tuple, optional
        Largest shape, None for axes without limit; by default the first axis has no limit if `append` is given or the
        data are blocks.
    fillvalue : scalar, optional
        Value of elements that were not written.
    append : bool, optional
        Lengthen the dataset along its first axis, if there is one. `chunks`, `codec` and so on then stay as they are.

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    TypeError
        The type cannot be coded: it is not integers, floats or complex numbers of at most 8 bytes each.
    ValueError
        The name is taken, or data and dataset do not fit.

    Whatever is raised while data are written, the new dataset is removed, one that is appended to has its old length.

    Examples
    --------
    >>> import h5py, numpy as np, hdf5_filter
    >>> night = (np.full((1, 64, 80), number, "u2") for number in range(5))
    >>> with h5py.File.in_memory() as file:
    ...     cube = hdf5_filter.write_dataset(file, "night/cube", night, workers=2)
    ...     cube = hdf5_filter.write_dataset(file, "night/cube", np.zeros((1, 64, 80), "u2"), append=True)
    ...     cube.shape
    (6, 64, 80)
    """
    source = open_source(data)
    cores = available_cores() if workers is None else workers
    if append and name in group:
        found = group[name]
        if not isinstance(found, h5py.Dataset) or not found.shape:
            raise ValueError(f"{group.file.filename}: {name!r} is no dataset with rows, nothing can be appended")
        return _append(found, source, cores)
    if maxshape is None and (append or source.length is None):
        maxshape = (None, *source.shape[1:])
    dataset = create_dataset(
        group, name, source.shape, source.dtype, chunks=chunks, codec=codec, maxshape=maxshape, fillvalue=fillvalue
    )
    try:
        write_rows(dataset, 0, source, cores)
    except BaseException:
        del group[name]  # a dataset of fill values where pixels are missing must not pass for a whole one
        raise
    return dataset


def create_dataset(
    group: h5py.Group,
    name: str | bytes | None,
    shape: tuple[int, ...],
    dtype: np.dtype[Any] | h5py.h5t.TypeID,
    *,
    chunks: tuple[int, ...] | None = None,
    codec: AstroCodec | None = None,
    maxshape: tuple[int | None, ...] | None = None,
    fillvalue: Any = None,
    plist: h5py.h5p.PropDCID | None = None,
    fletcher32: bool = False,
) -> h5py.Dataset:
    """
    Create an empty dataset with our filter, mandatory; as for `write_dataset`, without a name if None.

    With `fletcher32` HDF5's own checksum follows it, and HDF5 runs both, one chunk at a time.
    """
    kind = dtype if isinstance(dtype, h5py.h5t.TypeID) else h5py.h5t.py_create(dtype, logical=True)
    if name is not None and name in group:
        raise ValueError(f"{group.file.filename}: {name!r} exists; choose another name, or append=True to lengthen it")
    longest = tuple(maxshape) if maxshape is not None else shape
    if chunks is None:
        open_ended = tuple(0 if most is None and not size else size for most, size in zip(longest, shape, strict=True))
        chunks = choose_chunks(open_ended, kind.get_size())
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE) if plist is None else plist
    plist.set_chunk(tuple(chunks))
    if fillvalue is not None:
        value = np.asarray(fillvalue, kind.dtype)
        if value.dtype.kind in "iu" and value != fillvalue:
            raise ValueError(f"fillvalue {fillvalue} does not fit {value.dtype}")
        plist.set_fill_value(value)
    plist.set_filter(FILTER_ID, h5py.h5z.FLAG_MANDATORY, (codec or AstroCodec()).filter_options)
    if fletcher32:
        plist.set_fletcher32()
    limits = tuple(h5py.h5s.UNLIMITED if most is None else most for most in longest)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5py.h5t.CSET_UTF8)
    space = h5py.h5s.create_simple(shape, limits)
    try:
        made = h5py.h5d.create(group.id, None if name is None else bytes_of(name), kind, space, plist, links)
    except (ValueError, RuntimeError) as error:
        from astrocodec._native.chunk import last_error

        if "parameters not appropriate" in str(error) or "user callback" in str(error):
            raise NotCodedError(last_error() if name is None else f"{name!r}: {last_error()}") from error
        raise
    return h5py.Dataset(made)


def _append(dataset: h5py.Dataset, source: ArraySource | BlockSource, workers: int) -> h5py.Dataset:
    """Lengthen a dataset along its first axis."""
    where = f"{dataset.file.filename}: dataset {dataset.name!r}"
    if source.shape[1:] != dataset.shape[1:]:
        raise ValueError(f"{where} has rows of shape {dataset.shape[1:]}, the data have {source.shape[1:]}")
    if not np.can_cast(source.dtype, dataset.dtype, "equiv" if source.dtype.names else "safe"):
        raise ValueError(f"{where} holds {dataset.dtype}, {source.dtype} does not fit without loss")
    rows, most = dataset.shape[0], dataset.maxshape[0]
    if dataset.chunks and rows % dataset.chunks[0] and FilterValues.from_values(filter_values(dataset) or ()).bound:
        raise ValueError(
            f"{where} has a bound, and its {rows} rows end within chunks of {dataset.chunks[0]}: these would be "
            "rounded again; append as many rows as chunks have, or give chunks 1 along the first axis"
        )
    if most is not None and rows + (source.length or 0) > most:
        raise _too_long(dataset, rows + (source.length or 0))
    try:
        write_rows(dataset, rows, source, workers)
    except BaseException:
        if dataset.shape[0] > rows:
            dataset.resize(rows, axis=0)
        raise
    return dataset


def write_rows(
    dataset: h5py.Dataset,
    start: int,
    source: ArraySource | BlockSource,
    workers: int,
    coder: ChunkCoder | None = None,
) -> None:
    """Write a source into a dataset, lengthened where it ends, from this row on; `coder` may make its streams."""
    chunked = ChunkedDataset.of(dataset)
    side = dataset.chunks[0] if dataset.chunks else 64
    for panel in _panels(dataset, source, side):
        blocks = _fitting_blocks(dataset, source, side, panel)
        if chunked is None or 0 in dataset.shape[1:]:
            _write_ordinarily(dataset, start, blocks, panel)
            continue
        kept = start % side
        if kept:
            rows = (slice(start - kept, start), *panel)
            blocks = itertools.chain([read_dataset(dataset, rows, workers=workers)], blocks)
        _write_chunk_rows(chunked, coder or chunked, start - kept, _in_rows(blocks, side), panel, workers)


def _panels(dataset: h5py.Dataset, source: ArraySource | BlockSource, rows: int) -> Iterator[Box]:
    """Cut a dataset along all axes but the first, so that so many rows are of moderate size; blocks come whole."""
    everything = whole(dataset.shape[1:])
    if isinstance(source, BlockSource) or 0 in dataset.shape[1:]:
        return iter([everything])
    chunk = dataset.chunks[1:] if dataset.chunks else (1,) * len(everything)
    column = source.dtype.itemsize * min(rows, dataset.shape[0] or 1)
    return boxes_within(everything, chunk, column, max(_MOST_BYTES, column * math.prod(chunk)))  # chunks stay whole


def _fitting_blocks(dataset: h5py.Dataset, source: ArraySource | BlockSource, rows: int, panel: Box) -> _Rows:
    """Yield the blocks of a source; in a dataset of floats, integers of 8 bytes must be exact: NumPy does not ask."""
    inexact = source.dtype.kind in "iu" and source.dtype.itemsize == 8 and dataset.dtype.kind in "fc"
    limit = 2 ** (np.finfo(dataset.dtype).nmant + 1) if inexact else 0
    for block in source.blocks(rows, panel):
        if inexact and block.size and not -limit <= int(block.min()) <= int(block.max()) <= limit:
            raise ValueError(
                f"{dataset.file.filename}: dataset {dataset.name!r} holds {dataset.dtype}, exact up to {limit}; "
                f"values from {block.min()} to {block.max()} do not fit without loss"
            )
        yield block


def _write_chunk_rows(
    chunked: ChunkedDataset, coder: ChunkCoder, start: int, rows: _Rows, panel: Box, workers: int
) -> None:
    """Write rows of chunks of a panel from this index on; all but the last are as long as a chunk."""
    dataset = chunked.dataset
    across = [range(cut.start, cut.stop) for cut in panel]

    def jobs() -> Iterator[tuple[tuple[int, ...], np.ndarray[Any, Any]]]:
        at = start
        for block in rows:
            pixels = block.astype(chunked.dtype, copy=False)
            _lengthen(dataset, at + len(pixels))
            for offset in touched_chunks((range(at, at + len(pixels)), *across), chunked.chunk):
                place = (0, *(begin - cut.start for begin, cut in zip(offset[1:], panel, strict=True)))
                part = pixels[tuple(slice(at, at + side) for at, side in zip(place, chunked.chunk, strict=True))]
                yield offset, part
            at += len(pixels)

    def encode(job: tuple[tuple[int, ...], np.ndarray[Any, Any]]) -> tuple[tuple[int, ...], bytes]:
        offset, pixels = job
        return offset, coder.encode(pixels)

    for offset, stream in ordered_map(encode, jobs(), workers):
        dataset.id.write_direct_chunk(offset, stream)


def _lengthen(dataset: h5py.Dataset, rows: int) -> None:
    """Give a dataset at least so many rows."""
    if rows > dataset.shape[0]:
        if dataset.maxshape[0] is not None and rows > dataset.maxshape[0]:
            raise _too_long(dataset, rows)
        dataset.resize(rows, axis=0)


def _too_long(dataset: h5py.Dataset, rows: int) -> ValueError:
    where = f"{dataset.file.filename}: dataset {dataset.name!r}"
    return ValueError(f"{where} cannot become longer: {rows} rows wanted, its maxshape is {dataset.maxshape}")


def _in_rows(blocks: _Rows, side: int) -> _Rows:
    """Put blocks together, and cut them, so that all but the last have `side` rows."""
    waiting: list[np.ndarray[Any, Any]] = []
    for block in blocks:
        waiting.append(block)
        while sum(map(len, waiting)) >= side:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            yield joined[:side]
            waiting = [joined[side:]] if len(joined) > side else []
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)


def _write_ordinarily(dataset: h5py.Dataset, start: int, blocks: _Rows, panel: Box) -> None:
    """Let HDF5 run its filters."""
    if has_shuffle_before(dataset):
        warnings.warn(
            f"dataset {dataset.name!r} has the filter shuffle before astrocodec: without it the data become smaller",
            stacklevel=4,
        )
    at = start
    for block in blocks:
        _lengthen(dataset, at + len(block))
        if block.size:
            dataset[(slice(at, at + len(block)), *panel)] = block.astype(dataset.dtype, copy=False)
        at += len(block)
