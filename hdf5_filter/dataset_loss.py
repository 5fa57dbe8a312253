"""`loss_of`: what a dataset has lost, of what its chunks say, and its attributes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import h5py

from astrocodec.bounds import Loss
from astrocodec.errors import FormatError
from astrocodec.files.file_report import ImageLoss
from astrocodec.files.image_loss import asked_words, image_loss
from astrocodec.inspection import stated_loss as loss_of_stream
from hdf5_filter.chunked import filter_ids, filter_values
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.loss_attributes import stated_loss
from hdf5_filter.values import FilterValues

__all__ = ["chunk_losses", "coded_loss", "loss_of"]

_HEAD_BYTES = 4096  # of a chunk; where what was lost stands further back, all of it is read


def loss_of(dataset: h5py.Dataset) -> ImageLoss | None:
    """
    Return what a dataset has lost within a bound; None for one that is as it was given.

    Nothing is decoded. Of a dataset that was stored otherwise since, its attributes tell.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    ImageLoss or None
        ``asked``, ``max_error``, ``largest_error``, ``variance``, ``noise_increase``, in stored numbers:
        ``scale_factor`` and ``add_offset`` do not count.

    Examples
    --------
    >>> import h5py, numpy as np, hdf5_filter
    >>> frame = np.random.default_rng(1).normal(1000, 20, (64, 64)).astype("f4")
    >>> with h5py.File.in_memory() as file:
    ...     codec = hdf5_filter.AstroCodec(max_error="0.5sigma")
    ...     loss = hdf5_filter.loss_of(file.create_dataset("sci", data=frame, chunks=(64, 64), compression=codec))
    >>> loss.asked, 5 < loss.largest_error <= loss.max_error < 15
    ('max_error 0.5sigma', True)
    """
    return coded_loss(dataset) or stated_loss(dataset)


def coded_loss(dataset: h5py.Dataset) -> ImageLoss | None:
    """
    Return what the chunks of a dataset say that they lost.

    Chunks that reach beyond its edge do not count in the mean variance where there are others: theirs is also of what
    fills them. Where a bound is asked of a dataset but no chunk has lost anything yet, errors are 0.
    """
    values = filter_values(dataset)
    if values is None:
        return None
    bound = FilterValues.from_values(values).bound
    cells = math.prod(dataset.chunks)
    found = [(loss, _size_within(dataset, offset)) for offset, loss in chunk_losses(dataset)]
    if any(size == cells for _, size in found):
        parts = [(loss, size) if size == cells else (_at_edge(loss, 1.0), 0) for loss, size in found]
    else:
        parts = [(_at_edge(loss, cells / size), size) for loss, size in found]
    lost = image_loss(parts, 1.0)
    if lost is None and bound is not None:
        return ImageLoss(asked_words(bound.kind, bound.value), bound.kind == "relative", 0.0, 0.0, 0.0, None)
    return lost


def _size_within(dataset: h5py.Dataset, offset: tuple[int, ...]) -> int:
    """Elements of a chunk that are within the shape."""
    sides = zip(offset, dataset.chunks, dataset.shape, strict=True)
    return math.prod(max(1, min(side, length - at)) for at, side, length in sides)


def _at_edge(loss: Loss | None, share: float) -> Loss | None:
    """Take what fills a chunk as being without an error; noise that was measured beside it is none of the data's."""
    if loss is None:
        return None
    measured = loss.noise if loss.kind in ("noise", "increase") else 0.0
    return replace(loss, variance=loss.variance * share, noise=measured)


def chunk_losses(dataset: h5py.Dataset) -> Iterator[tuple[tuple[int, ...], Loss | None]]:
    """Yield where each chunk within the shape lies, and what it says that it lost; damage is for those who decode."""
    place = filter_ids(dataset).index(FILTER_ID)
    stored: list[Any] = []
    dataset.id.chunk_iter(stored.append)
    with _heads_of(dataset) as head:
        for chunk in stored:
            offset = tuple(chunk.chunk_offset)
            if all(map(int.__lt__, offset, dataset.shape)):
                yield offset, None if chunk.filter_mask >> place & 1 else _loss_of(dataset, chunk, head(chunk))


@contextmanager
def _heads_of(dataset: h5py.Dataset) -> Iterator[Callable[[Any], bytes]]:
    """Give what reads the first bytes of a chunk, past HDF5 in a plain file that nobody writes; elsewhere none."""
    file = dataset.file
    if file.mode != "r" or file.driver != "sec2" or file.userblock_size:
        yield lambda _: b""
        return
    with open(file.filename, "rb", buffering=0) as raw:
        yield lambda chunk: os.pread(raw.fileno(), min(_HEAD_BYTES, chunk.size), chunk.byte_offset)


def _loss_of(dataset: h5py.Dataset, chunk: Any, head: bytes) -> Loss | None:
    with suppress(FormatError):
        return loss_of_stream(head)
    with suppress(FormatError):
        return loss_of_stream(bytes(dataset.id.read_direct_chunk(chunk.chunk_offset)[1]))
    return None
