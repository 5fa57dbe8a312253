"""`read_dataset`: chunks decoded in threads, outside HDF5's lock."""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from astrocodec._native.chunk import last_error
from astrocodec.errors import CorruptError
from astrocodec.files.parallel import ordered_map
from hdf5_filter.chunked import ChunkedDataset, filter_ids, touched_chunks
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.model_attribute import provide_model
from hdf5_filter.selection import Selection, parse_selection

__all__ = ["available_cores", "naming_damage", "read_dataset"]

# Small chunks go to a thread together: handing over one of 256 x 256 takes a tenth of the time of decoding it.
_JOB_ELEMENTS, _MOST_TOGETHER = 1 << 19, 64
_Job = tuple[tuple[int, ...], tuple[int, bytes] | None]


def available_cores() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_dataset(
    dset: h5py.Dataset, sel: Any = None, *, workers: int | None = None, out: np.ndarray[Any, Any] | None = None
) -> Any:
    """
    Read a dataset or a part of it, decoding only the chunks that are touched, several at once.

    Datasets without our filter, or with others beside it, are read as h5py reads them; so are virtual datasets and
    selections by lists or masks.

    Parameters
    ----------
    dset : h5py.Dataset
        Open dataset.
    sel : slice, int, Ellipsis or tuple of them, optional
        What to read, by default everything.
    workers : int, optional
        Threads; by default one for each core.
    out : ndarray, optional
        Array of the selection's shape that receives the elements; of a type that holds them all.

    Returns
    -------
    ndarray or scalar
        What ``dset[sel]`` would be.

    Raises
    ------
    AstrocodecError
        A chunk is damaged or needs a model that is not here; the message names dataset and chunk.
    ValueError
        `out` has another shape, or a type that would lose something.

    Examples
    --------
    >>> import h5py, numpy as np, hdf5_filter
    >>> with h5py.File.in_memory() as file:
    ...     dset = hdf5_filter.write_dataset(file, "x", np.arange(12, dtype="u2").reshape(3, 4))
    ...     hdf5_filter.read_dataset(dset, (slice(None), -1), workers=2).tolist()
    [3, 7, 11]
    """
    if out is not None and not _holds_all(out.dtype, dset.dtype):
        raise ValueError(f"out has type {out.dtype}, which does not hold all of {dset.dtype}: give one that does")
    provide_model(dset)
    chunked = ChunkedDataset.of(dset)
    selection = parse_selection(sel, dset.shape) if chunked else None
    if chunked is None or selection is None:
        found = dset[() if sel is None else sel]
        if out is None:
            return found
        out[...] = found
        return out
    box = _read_box(
        chunked, selection, available_cores() if workers is None else workers, _as_box(out, chunked, selection)
    )
    found = box[selection.post]
    if out is None:
        # An index that turns an axis around must not keep the whole box alive in a surprising order.
        return np.ascontiguousarray(found) if isinstance(found, np.ndarray) and found.ndim else found[()]
    if out.shape != found.shape:
        raise ValueError(f"out has shape {out.shape}, the selection has {found.shape}")
    if not np.shares_memory(out, found):
        out[...] = found
    return out


def _holds_all(wide: np.dtype[Any], narrow: np.dtype[Any]) -> bool:
    """Whether a type holds every element of another; NumPy calls floats of 8 bytes safe for integers of 8."""
    if narrow.kind in "iu" and narrow.itemsize == 8 and wide.kind in "fc" and np.finfo(wide).nmant < 63:
        return False
    return np.can_cast(narrow, wide, "safe")


def _as_box(out: np.ndarray[Any, Any] | None, chunked: ChunkedDataset, selection: Selection) -> np.ndarray[Any, Any]:
    """Take the user's array where the elements can go there directly."""
    if out is not None and out.dtype == chunked.dtype and out.flags.c_contiguous and out.flags.writeable:
        turned = any(post != slice(None) and not isinstance(post, int) for post in selection.post)
        if not turned and out.size == np.prod(selection.shape, dtype=int):
            return out.reshape(selection.shape)
    return np.empty(selection.shape, chunked.dtype)


def _read_box(
    chunked: ChunkedDataset, selection: Selection, workers: int, box: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Fill an array of the selection's shape."""
    if not box.size:
        return box

    def jobs() -> Iterator[list[_Job]]:
        together = min(_MOST_TOGETHER, max(1, _JOB_ELEMENTS // math.prod(chunked.chunk)))
        offsets = touched_chunks(selection.ranges, chunked.chunk)
        while group := [(offset, chunked.raw(offset)) for offset in itertools.islice(offsets, together)]:
            yield group

    kept = threading.local()  # taking memory for every chunk anew costs a fifth of the time

    def place(job: _Job) -> None:
        offset, found = job
        if not hasattr(kept, "scratch"):
            kept.scratch = np.empty(chunked.chunk, chunked.dtype)
        cuts = [_cut(*axis) for axis in zip(selection.ranges, offset, chunked.chunk, strict=True)]
        into, taken = tuple(cut for cut, _ in cuts), tuple(cut for _, cut in cuts)
        if found is None:
            box[into] = chunked.filled((1,) * box.ndim)
        else:
            box[into] = chunked.decode(offset, *found, kept.scratch)[taken]

    def place_all(group: list[_Job]) -> None:
        for job in group:
            place(job)

    for _ in ordered_map(place_all, jobs(), workers):
        pass
    return box


def _cut(indices: range, offset: int, side: int) -> tuple[slice, slice]:
    """Where a chunk's elements go along one axis, and which of them are taken."""
    step = indices.step
    first = max(0, -(-(offset - indices.start) // step))
    last = min(len(indices), -(-(offset + side - indices.start) // step))
    begin = indices.start + first * step - offset
    return slice(first, last), slice(begin, begin + (last - first - 1) * step + 1, step)


@contextmanager
def naming_damage(dataset: h5py.Dataset) -> Iterator[None]:
    """Where HDF5 says that a filter failed, let the error name the dataset."""
    try:
        yield
    except OSError as error:
        if error.errno is not None or "filter" not in str(error):
            raise
        reason = last_error() if FILTER_ID in filter_ids(dataset) else ""
        raise CorruptError(f"{dataset.file.filename}: dataset {dataset.name!r}: {reason or error}") from error
