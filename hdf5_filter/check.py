"""`info` and `verify`: what a file holds, and whether it is whole."""

from __future__ import annotations

import os
import time
from typing import Any

import h5py

from astrocodec.errors import AstrocodecError, CorruptError
from hdf5_filter.chunked import filter_ids
from hdf5_filter.comparison import compare_files
from hdf5_filter.compress import ProgressCall
from hdf5_filter.files import datasets_of, open_file
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.reading import available_cores
from hdf5_filter.report import FileReport
from hdf5_filter.storage import describe
from hdf5_filter.transfer import blocks_of

__all__ = ["info", "verify"]


def info(source: str | os.PathLike[str]) -> FileReport:
    """
    List the datasets of a file and how they are stored; nothing is decoded.

    Raises
    ------
    FormatError
        It is not HDF5 or damaged.
    """
    start = time.perf_counter()
    size = os.stat(source).st_size
    with open_file(source) as file:
        found = [describe(dataset) for dataset in datasets_of(file)]
        original = size + sum(entry.original_bytes - entry.compressed_bytes for entry in found if entry.model)
    return FileReport(os.fspath(source), "", original, size, time.perf_counter() - start, None, found)


def verify(
    source: str | os.PathLike[str],
    original: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Decode every compressed chunk and check its checksum; with `original`, compare everything with it.

    Raises
    ------
    FormatError
        A chunk is damaged; the message names dataset and chunk.
    DifferenceError
        The files differ; the message names the object that does.
    """
    cores = available_cores() if workers is None else workers
    report = info(source)
    start, done = time.perf_counter(), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(min(done, total), total)

    with open_file(source) as file:
        total = sum(entry.original_bytes for entry in report.datasets)
        if original is None:
            for dataset in datasets_of(file):
                if FILTER_ID in filter_ids(dataset):
                    for block in _whole_blocks(dataset, cores):
                        advance(block.nbytes)
        else:
            with open_file(original) as other:
                compare_files(other, file, cores, advance)
    report.verified = True
    report.seconds += time.perf_counter() - start
    return report


def _whole_blocks(dataset: h5py.Dataset, workers: int) -> Any:
    """Yield the blocks of a dataset; what h5py reads itself gets our text in its error."""
    from astrocodec._native_chunk import last_error

    try:
        yield from blocks_of(dataset, workers)
    except AstrocodecError:
        raise
    except OSError as error:
        raise CorruptError(f"{dataset.file.filename}: dataset {dataset.name!r}: {last_error() or error}") from error
