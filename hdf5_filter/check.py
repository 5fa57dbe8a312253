"""`info` and `verify`: what a file holds, and whether it is whole."""

from __future__ import annotations

import os
import time

import h5py

from hdf5_filter.chunked import filter_ids
from hdf5_filter.comparison import compare_files
from hdf5_filter.compress import ProgressCall
from hdf5_filter.files import datasets_of, open_file
from hdf5_filter.reading import available_cores
from hdf5_filter.report import FileReport
from hdf5_filter.storage import describe, reason_to_keep
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
        found = []
        for dataset in datasets_of(file):
            reason = reason_to_keep(dataset)
            found.append(describe(dataset, note="" if reason == "compressed already" else reason))
        original = size + sum(entry.original_bytes - entry.compressed_bytes for entry in found if entry.model)
    return FileReport(os.fspath(source), "", original, size, time.perf_counter() - start, datasets=found)


def verify(
    source: str | os.PathLike[str],
    original: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Decode every chunk that passed a filter, ours or another; with `original`, compare everything with it.

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
    notes: dict[str, str] = {}

    def advance(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(min(done, total), total)

    with open_file(source) as file:
        total = sum(entry.original_bytes for entry in report.datasets)
        if original is None:
            for dataset in datasets_of(file):
                reason = _reason_to_skip(dataset)
                if reason:
                    notes[dataset.name] = f"not checked: {reason}"
                elif filter_ids(dataset) and dataset.size:
                    for block in blocks_of(dataset, cores):
                        advance(block.nbytes)
        else:
            with open_file(original) as other:
                compare_files(other, file, cores, advance)
    for entry in report.datasets:
        entry.note = notes.get(entry.name, entry.note)
    report.checked = "verified"
    report.seconds += time.perf_counter() - start
    return report


def _reason_to_skip(dataset: h5py.Dataset) -> str:
    """Say why the chunks of a dataset cannot be decoded here, empty where they can."""
    missing = [number for number in filter_ids(dataset) if not h5py.h5z.filter_avail(number)]
    if missing:
        return f"its filter {missing[0]} is not installed"
    try:
        _ = dataset.dtype
    except TypeError:
        return "its type is unknown to h5py"
    return ""
