"""Files and Measurement Sets of visibilities, compressed and given back: what the commands call."""

from __future__ import annotations

import os
import stat
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.file_kind import is_table
from astrocodec.files.meter import ProgressCall
from astrocodec.files.target import scratch_folder, sync_folder
from astrocodec.files.unchanged import is_unchanged, settled, state
from astrocodec.files.writers import without_writers
from astrocodec.visibility.archive import (
    archive_measurement_set,
    columns_of_set,
    compare_with_set,
    is_archive,
    restore_measurement_set,
)
from astrocodec.visibility.archive.contents import check_archive
from astrocodec.visibility.archive.packed_files import files_in
from astrocodec.visibility.coding import Lossy, bound_of_weights
from astrocodec.visibility.data.uvfits import read_uvfits
from astrocodec.visibility.set_files import remove_set, state_of_set
from astrocodec.visibility.uvh5_files import compress_uvh5
from hdf5_filter.loss_attributes import baseline_growth
from hdf5_filter.report import FileReport

__all__ = [
    "compress",
    "compress_in_place",
    "compressed_name",
    "decompress",
    "decompressed_name",
    "growth_in",
    "info",
    "verify",
]


def compressed_name(path: Path) -> str:
    """Name of what `compress` makes: ``a.ms.ac.h5`` of ``a.ms``, ``a.ac.uvh5`` of ``a.uvh5`` and ``a.uvfits``.

    >>> compressed_name(Path("a.uvfits"))
    'a.ac.uvh5'
    """
    if is_table(path):
        return path.name + ".ac.h5"
    if path.name.lower().endswith(".ac.uvh5"):
        return path.name
    known = path.suffix.lower() in (".uvh5", ".h5", ".hdf5", ".uvfits", ".uvfit", ".fits")
    return (path.stem if known else path.name) + ".ac.uvh5"


def decompressed_name(path: Path) -> str:
    """Name of what `decompress` makes: ``a.ms`` of ``a.ms.ac.h5``, ``a.uvh5`` of ``a.ac.uvh5``.

    >>> decompressed_name(Path("a.ms.ac.h5")), decompressed_name(Path("a.ac.uvh5")), decompressed_name(Path("b.h5"))
    ('a.ms', 'a.uvh5', 'b.h5')
    """
    stem = Path(path.stem)
    if stem.suffix.lower() != ".ac":
        return path.name
    inner = Path(stem.stem)
    return inner.name if path.suffix.lower() == ".h5" and inner.suffix else inner.name + path.suffix


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    noise_increase: float | str | None = None,
    weights_error: float | str | None = None,
    columns: Sequence[str] | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    only_smaller: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Compress visibilities: a Measurement Set to one HDF5 file, uvh5 and uvfits to uvh5 with the filter.

    Nothing is lost unless `noise_increase` or `weights_error` ask for it; flags and all else never lose anything.

    Parameters
    ----------
    source, target : path
        The file or set, and the file to write. It gets its name when it is whole and verified.
    noise_increase : float or str, optional
        LOSSY: D, the variance that is added to a real or imaginary part over the variance of its noise, as ``0.01`` or
        ``"1%"``, measured for each baseline. (Of images ``noise_increase`` is of the standard deviation.)
    weights_error : float or str, optional
        LOSSY: the most that weights (``nsamples``; WEIGHT, SIGMA, WEIGHT_SPECTRUM and SIGMA_SPECTRUM where they are
        arrays that get datasets) may differ by, as ``"1%"`` of themselves, or a number; 0 stays so with a share.
    columns : sequence of str, optional
        Of a Measurement Set, with `noise_increase`: the columns that may lose it, by default DATA and CORRECTED_DATA.
    workers, overwrite, only_smaller, verify, progress
        As of `hdf5_filter.compress`.

    Returns
    -------
    hdf5_filter.FileReport

    Raises
    ------
    FormatError
        It holds no visibilities, or is damaged.
    ImportError
        python-casacore or pyuvdata is needed, and not installed.
    DifferenceError
        The output was not what was asked for; nothing was written.
    """
    lossy = None if noise_increase is None else Lossy(noise_increase)
    if columns is not None and lossy is None:
        raise ValueError("columns are those that may lose something: give noise_increase too")
    options: dict[str, Any] = {"lossy": lossy, "workers": workers, "overwrite": overwrite, "verify": verify}
    options |= {"weights": bound_of_weights(weights_error), "only_smaller": only_smaller}
    if os.path.isdir(source):
        return archive_measurement_set(source, target, columns=columns, progress=progress, **options)
    if columns is not None:
        raise ValueError(f"{os.fspath(source)}: has no columns, which only Measurement Sets have")
    if h5py.is_hdf5(source):
        return compress_uvh5(source, target, progress=progress, **options)
    with open(source, "rb") as file:
        head = file.read(30)
    if not head.startswith(b"SIMPLE  ="):
        raise FormatError(f"{os.fspath(source)}: is no Measurement Set, uvh5 or uvfits file")
    with _as_uvh5(source, target) as plain:
        report = compress_uvh5(plain, target, progress=progress, **options)
    report.source, report.original_bytes = os.fspath(source), os.stat(source).st_size
    _tell_of_uvfits(report)
    return report


@contextmanager
def _as_uvh5(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Iterator[Path]:
    """What pyuvdata makes of a uvfits file, in a hidden folder beside an output."""
    with scratch_folder(target) as folder:
        plain = folder / "plain.uvh5"
        found = read_uvfits(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.write_uvh5(str(plain))
        plain.chmod(stat.S_IMODE(os.stat(source).st_mode) & 0o777 | stat.S_IRUSR)
        yield plain


def _tell_of_uvfits(report: FileReport) -> None:
    """Of the two files only what pyuvdata read of one was compared with the other."""
    report.notes.append("uvfits became uvh5, by pyuvdata; this, not the uvfits file, was compared")
    if report.checked == "verified":
        report.checked = "decoded"


def compress_in_place(source: str | os.PathLike[str], **options: Any) -> FileReport:
    """
    Compress as `compress` does, and let the output take the input's place when it was verified.

    A uvh5 file keeps its name; of a Measurement Set ``a.ms`` what stays is ``a.ms.ac.h5``.

    Raises
    ------
    FormatError
        It is neither; a uvfits file is not replaced.
    DifferenceError
        The input changed meanwhile, or a program has it open; it was kept.
    """
    path = Path(os.path.realpath(source))
    options |= {"verify": True, "overwrite": False}
    os.stat(path)
    if path.is_dir():
        target, before = path.with_name(compressed_name(path)), state_of_set(path, waits=True)
        report = compress(path, target, **options)
        if report.target:
            try:
                _refuse_unverified(report)
                remove_set(path, before)
            except (DifferenceError, OSError) as error:
                raise DifferenceError(f"{path}: {error}; {target} was written") from error
        return report
    if not h5py.is_hdf5(path):
        raise FormatError(f"{os.fspath(source)}: only uvh5 files and Measurement Sets are replaced; give -O")
    seen = settled(path)
    with scratch_folder(path) as folder:
        made = folder / path.name
        report = compress(path, made, **options)
        report.source = os.fspath(source)
        if not report.target:
            return report
        _refuse_unverified(report)
        with without_writers(path):
            if not is_unchanged(seen, state(path)):
                raise DifferenceError(f"{path}: changed while it was read; it was kept")
            os.replace(made, path)
        sync_folder(path.parent)
    report.target = os.fspath(source)
    return report


def _refuse_unverified(report: FileReport) -> None:
    if report.checked != "verified":
        raise DifferenceError(f"the output is {report.checked}, not verified; the input was kept")


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    workers: int | None = None,
    overwrite: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Give back what `compress` was given: a Measurement Set, or a uvh5 file that needs no plugin.

    Parameters
    ----------
    source, target : path
        The file, and the directory or file to make, which gets its name when it is whole.
    workers, overwrite, verify, progress
        As of `hdf5_filter.decompress`. A directory is never replaced.

    Returns
    -------
    hdf5_filter.FileReport
    """
    if not is_archive(source):
        return hdf5_filter.decompress(
            source, target, workers=workers, overwrite=overwrite, verify=verify, progress=progress
        )
    start = time.perf_counter()
    report = hdf5_filter.info(source)
    restore_measurement_set(source, target, verify=verify, progress=progress)
    if verify:
        report.compared({}, [])
    report.target, report.seconds = os.fspath(target), time.perf_counter() - start
    report.original_bytes = sum(path.stat().st_size for path in files_in(Path(target)))
    return report


def info(source: str | os.PathLike[str]) -> FileReport:
    """List the datasets of a file, or the columns of a Measurement Set that get datasets; nothing is decoded."""
    if os.path.isdir(source):
        return columns_of_set(source)
    report = hdf5_filter.info(source)
    if any(entry.name.strip("/") == "Data/visdata" and entry.kind == "compressed" for entry in report.datasets):
        for entry in report.datasets:
            if entry.kind != "compressed" and not entry.note:
                entry.note = "left as it is"
    return report


def verify(
    source: str | os.PathLike[str],
    original: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Compare what `compress` made with what it was made from; without that, decode all of it.

    Raises
    ------
    FormatError
        It is damaged.
    DifferenceError
        They differ.
    """
    if os.path.isdir(source):
        raise FormatError(f"{os.fspath(source)}: nothing in a Measurement Set says whether it is whole")
    if original is None or not os.path.isfile(original):
        if original is None:
            report = hdf5_filter.verify(source, workers=workers, progress=progress)
            check_archive(source)
            return report
        report = hdf5_filter.info(source)
        compare_with_set(source, original, progress=progress)
        report.compared({}, [])
        return report
    if h5py.is_hdf5(original):
        return hdf5_filter.verify(source, original, workers=workers, progress=progress)
    with _as_uvh5(original, source) as plain:
        report = hdf5_filter.verify(source, plain, workers=workers, progress=progress)
    _tell_of_uvfits(report)
    return report


def growth_in(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[np.float32]]:
    """By how much the noise's variance grew on each baseline, of each dataset of a file that tells it."""
    with h5py.File(path, "r") as file:
        names = ["Data/visdata", *(f"columns/{name}" for name in file.get("columns", ()))]
        found = {name: baseline_growth(file[name]) for name in names if name in file}
    return {name: growth for name, growth in found.items() if growth is not None}
