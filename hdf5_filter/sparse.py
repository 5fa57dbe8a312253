"""Datasets of which few chunks are stored: only these are read and written, however large the shape claims to be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.files.parallel import ordered_map
from hdf5_filter.chunked import ChunkedDataset, stored_chunks
from hdf5_filter.reading import read_dataset

__all__ = ["Box", "box_arrays", "stored_boxes", "write_boxes"]

Box = tuple[slice, ...]
_FEW = 8  # a chunk read by itself takes longer than in a row of them
_MOST_BYTES = 64 << 20


def stored_boxes(dataset: h5py.Dataset) -> list[Box] | None:
    """
    Return the parts of a dataset that its chunks hold, in pieces of moderate size; None where these are not few.

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
    if _FEW * dataset.id.get_num_chunks() >= cells:
        return None
    kept = (offset for offset in stored_chunks(dataset) if all(map(int.__lt__, offset, dataset.shape)))
    return [piece for offset in sorted(kept) for piece in _pieces(dataset, _box(dataset, offset))]


def _box(dataset: h5py.Dataset, offset: tuple[int, ...]) -> Box:
    """What a chunk covers within the shape."""
    sides = zip(offset, dataset.chunks, dataset.shape, strict=True)
    return tuple(slice(at, min(at + side, length)) for at, side, length in sides)


def _pieces(dataset: h5py.Dataset, box: Box) -> Iterator[Box]:
    """Cut the box of a large chunk along the first axis."""
    row = math.prod(cut.stop - cut.start for cut in box[1:]) * dataset.id.get_type().get_size()
    rows = max(1, _MOST_BYTES // row)
    for start in range(box[0].start, box[0].stop, rows):
        yield slice(start, min(start + rows, box[0].stop)), *box[1:]


def box_arrays(dataset: h5py.Dataset, boxes: Iterable[Box], workers: int) -> Iterator[np.ndarray[Any, Any]]:
    """Read boxes of a dataset, several at once."""
    return ordered_map(lambda box: np.asarray(read_dataset(dataset, box, workers=1)), boxes, workers)


def write_boxes(
    made: h5py.Dataset, source: h5py.Dataset, boxes: Iterable[Box], workers: int, advance: Callable[[int], None]
) -> None:
    """Write those chunks of a new dataset of equal shape and fill value that hold anything of these boxes."""
    axes = ([range(cut.start // side, -(-cut.stop // side)) for cut, side in _sides(box, made)] for box in boxes)
    cells = sorted({cell for axis in axes for cell in itertools.product(*axis)})
    offsets = [tuple(number * side for number, side in zip(cell, made.chunks, strict=True)) for cell in cells]
    chunked = ChunkedDataset.of(made)

    def encode(offset: tuple[int, ...]) -> tuple[int, bytes | np.ndarray[Any, Any]]:
        pixels = read_dataset(source, _box(made, offset), workers=1)
        if chunked is None:
            return pixels.nbytes, pixels
        whole = chunked.filled(chunked.chunk)  # beyond the edge it has the fill value, as HDF5 does it
        whole[tuple(map(slice, pixels.shape))] = pixels
        return pixels.nbytes, chunked.codec.encode(whole)

    for offset, (size, coded) in zip(offsets, ordered_map(encode, offsets, workers), strict=True):
        if isinstance(coded, bytes):
            made.id.write_direct_chunk(offset, coded)
        else:
            made[_box(made, offset)] = coded
        advance(size)


def _sides(box: Box, dataset: h5py.Dataset) -> Iterator[tuple[slice, int]]:
    return zip(box, dataset.chunks, strict=True)
