"""Datasets of which few chunks are stored: only these are read and written, however large the shape claims to be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.files.parallel import ordered_map
from hdf5_filter.boxes import Box, boxes_within
from hdf5_filter.chunked import ChunkCoder, ChunkedDataset, stored_chunks, touched_chunks
from hdf5_filter.layout import layout_of
from hdf5_filter.reading import naming_damage, read_dataset

__all__ = ["box_arrays", "stored_boxes", "write_boxes"]

_FEW = 8  # a chunk read by itself takes longer than in a row of them
_MOST_BYTES = 64 << 20


def stored_boxes(dataset: h5py.Dataset) -> list[Box] | None:
    """
    Return the parts of a dataset that its chunks hold, in pieces of moderate size; None where these are not few.

    HDF5 2.0 cannot read the others in files that it may not change, where the fill value is of varying length: these
    parts are returned then however many.

    Examples
    --------
    >>> with h5py.File.in_memory() as file:
    ...     dset = file.create_dataset("x", (10**6, 10**6), "u2", chunks=(100, 100))
    ...     dset[5, 999_950:] = 1
    ...     stored_boxes(dset)
    [(slice(0, 100, None), slice(999900, 1000000, None))]
    """
    if dataset.chunks is None:
        return None
    cells = math.prod(-(-length // side) for length, side in zip(dataset.shape, dataset.chunks, strict=True))
    count = dataset.id.get_num_chunks()
    if _FEW * count >= cells and (count >= cells or layout_of(dataset.id.get_type()).lies_in_place):
        return None
    kept = (offset for offset in stored_chunks(dataset) if all(map(int.__lt__, offset, dataset.shape)))
    itemsize = dataset.id.get_type().get_size()
    return [
        piece for offset in sorted(kept) for piece in boxes_within(_box(dataset, offset), None, itemsize, _MOST_BYTES)
    ]


def _box(dataset: h5py.Dataset, offset: tuple[int, ...]) -> Box:
    """What a chunk covers within the shape."""
    sides = zip(offset, dataset.chunks, dataset.shape, strict=True)
    return tuple(slice(at, min(at + side, length)) for at, side, length in sides)


def box_arrays(
    dataset: h5py.Dataset, boxes: Iterable[Box], workers: int, *, small: bool
) -> Iterator[np.ndarray[Any, Any]]:
    """Read boxes of a dataset: several small ones at once, or several chunks of one that is not."""
    within = 1 if small else workers
    with naming_damage(dataset):
        yield from ordered_map(
            lambda box: np.asarray(read_dataset(dataset, box, workers=within)), boxes, workers if small else 1
        )


def write_boxes(
    made: h5py.Dataset,
    source: h5py.Dataset,
    boxes: Iterable[Box],
    workers: int,
    advance: Callable[[int], None],
    coder: ChunkCoder | None = None,
) -> None:
    """Write those chunks of a new dataset of equal shape and fill value that hold anything of these boxes."""
    ranges = ([range(cut.start, cut.stop) for cut in box] for box in boxes)
    offsets = sorted({offset for box in ranges for offset in touched_chunks(box, made.chunks)})
    chunked = ChunkedDataset.of(made)

    def encode(offset: tuple[int, ...]) -> tuple[int, bytes | np.ndarray[Any, Any]]:
        pixels = read_dataset(source, _box(made, offset), workers=1)
        if chunked is None:
            return pixels.nbytes, pixels
        return pixels.nbytes, (coder or chunked).encode(pixels)

    for offset, (size, coded) in zip(offsets, ordered_map(encode, offsets, workers), strict=True):
        if isinstance(coded, bytes):
            made.id.write_direct_chunk(offset, coded)
        else:
            made[_box(made, offset)] = coded
        advance(size)
