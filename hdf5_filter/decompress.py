"""`decompress`: a file that needs no plugin to be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

import h5py

from astrocodec.files.meter import ProgressCall
from hdf5_filter.chunked import filter_ids
from hdf5_filter.compress import rewrite
from hdf5_filter.copying import Place, copy_dataset
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.loss_attributes import add_loss, stated_loss
from hdf5_filter.reading import available_cores
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.storage import describe, describe_with_loss
from hdf5_filter.transfer import decompress_dataset

__all__ = ["decompress"]


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Literal["plain", "gzip"] = "plain",
    workers: int | None = None,
    overwrite: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Copy an HDF5 file, storing the datasets that have the astrocodec filter without it.

    Parameters
    ----------
    source, target : path
        The file, and the one to write. It gets its name when it is whole and verified.
    to : str, optional
        ``'plain'``: contiguous, or in chunks where a dataset can grow or has ``fletcher32``; ``'gzip'``: shuffle and
        gzip, which every HDF5 program reads.
    workers, overwrite, verify, progress
        As for `compress`.

    Returns
    -------
    FileReport

    Examples
    --------
    >>> import h5py, numpy as np, pathlib, tempfile, hdf5_filter
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with h5py.File(folder / "a.ac.h5", "w") as file:
    ...     dset = hdf5_filter.write_dataset(file, "sci", np.arange(10000, dtype="u2"))
    >>> decompress(folder / "a.ac.h5", folder / "a.h5").datasets[0].filters
    []
    """
    cores = available_cores() if workers is None else workers

    def transfer(dataset: h5py.Dataset, place: Place, kind: Any, advance: Callable[[int], None]) -> DatasetReport:
        if FILTER_ID in filter_ids(dataset):
            made = decompress_dataset(dataset, place, kind, gzip=to == "gzip", workers=cores, advance=advance)
            packed = describe_with_loss(dataset)
            before = stated_loss(dataset)
            if before is None and (before := packed.loss):
                add_loss(made, before)
            found = describe(made, "decompressed", f"lossy before: {before}" if before else "")
            found.compressed_bytes, found.bits_per_pixel = packed.compressed_bytes, packed.bits_per_pixel
            found.model, found.tuned = packed.model, packed.tuned
            return found
        copy_dataset(dataset, place, kind)
        return describe_with_loss(dataset, "copied")

    report = rewrite(
        source, target, transfer, lambda _: None, workers=cores, overwrite=overwrite, verify=verify, progress=progress
    )
    # What is read here is the compressed file.
    report.original_bytes, report.compressed_bytes = report.compressed_bytes, report.original_bytes
    return report
