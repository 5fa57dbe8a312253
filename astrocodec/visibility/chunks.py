"""Chunks of HDF5 datasets that hold visibilities or flags: which times are one, and how they are coded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import h5py
import numpy.typing as npt

from astrocodec.files.parallel import ordered_map
from hdf5_filter.boxes import Box
from hdf5_filter.chunked import ChunkedDataset
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.values import FilterValues

__all__ = ["chunk_sides", "filter_of", "write_chunks"]

_USUAL_BYTES, _MOST_BYTES, _TIMES = 16 << 20, 64 << 20, 16


def chunk_sides(times: int, baselines: int, channels: int, pols: int, itemsize: int) -> tuple[int, int]:
    """Times and channels of a chunk: 16 times or more, and all channels unless that would be too many bytes.

    >>> chunk_sides(1000, 351, 1024, 4, 8), chunk_sides(60, 28, 64, 1, 8), chunk_sides(10, 80000, 8192, 4, 8)
    ((16, 373), (60, 64), (10, 2))
    """
    row = max(1, baselines * pols * itemsize)  # bytes of a channel at a time
    least = max(1, min(times, _TIMES))
    cut = max(1, min(channels, _MOST_BYTES // (row * least)))
    return max(1, min(times, max(least, _USUAL_BYTES // (row * cut)), max(1, _MOST_BYTES // (row * cut)))), cut


def filter_of(codec: int) -> AstroCodec:
    """Values of the filter that name a codec of visibilities."""
    return AstroCodec.from_filter_options(FilterValues(codec=codec).to_values())


def write_chunks(
    made: h5py.Dataset,
    read: Callable[[Box], npt.NDArray[Any]],
    encode: Callable[[npt.NDArray[Any], Box], bytes | None],
    workers: int,
    advance: Callable[[int], None],
) -> None:
    """Write all chunks of an empty dataset; `encode` is given whole ones, and where they lie in its shape.

    What it gives None for is coded as chunks of any dataset are.
    """
    chunked = ChunkedDataset.of(made)
    if chunked is None:
        raise ValueError(f"{made.name!r}: its chunks cannot be written past HDF5's filters")
    sides = [
        [slice(at, min(at + side, length)) for at in range(0, length, side)]
        for side, length in zip(chunked.chunk, made.shape, strict=True)
    ]

    def coded(box: Box) -> tuple[int, bytes]:
        part = read(box)
        whole = chunked.padded(part)
        return part.nbytes, encode(whole, box) or chunked.codec.encode(whole)

    boxes = list(itertools.product(*sides))
    for box, (size, stream) in zip(boxes, ordered_map(coded, boxes, workers), strict=True):
        made.id.write_direct_chunk(tuple(cut.start for cut in box), stream)
        advance(size)
