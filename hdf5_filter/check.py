"""`info` and `verify`: what a file holds, and whether it is whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import h5py

from astrocodec.files.file_report import Checked, weakest
from astrocodec.files.meter import Meter, ProgressCall
from hdf5_filter.attributes import attribute_names
from hdf5_filter.chunked import filter_ids
from hdf5_filter.comparison import compare_files
from hdf5_filter.coverage import elements_coverage, file_coverage, metadata_coverage
from hdf5_filter.elements import attribute_elements, block_elements, blocks_in
from hdf5_filter.files import datasets_of, naming_damaged_file, objects_of, open_file
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.layout import layout_of
from hdf5_filter.model_attribute import check_model, holds_model
from hdf5_filter.names import name_of
from hdf5_filter.reading import available_cores, naming_damage
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.sparse import box_arrays, stored_boxes
from hdf5_filter.storage import describe_with_loss, is_codable, missing_filters, reason_to_keep

__all__ = ["info", "verify"]

_LARGE = 256 << 20  # all of such a file is not read for a list


def info(source: str | os.PathLike[str]) -> FileReport:
    """
    List the datasets of a file and how they are stored; nothing is decoded.

    Raises
    ------
    FormatError
        It is not HDF5 or damaged.
    """
    with open_file(source, searched=_LARGE) as file:
        return _listed(source, file)


def _listed(source: str | os.PathLike[str], file: h5py.File) -> FileReport:
    start = time.perf_counter()
    size = os.stat(source).st_size
    found = []
    with naming_damaged_file(os.fspath(source)):
        for dataset in datasets_of(file):
            reason = reason_to_keep(dataset)
            found.append(describe_with_loss(dataset, note="" if reason == "compressed already" else reason))
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
    Compare a file with its original; without one, decode every chunk that passed a filter and read all attributes.

    What was compared is ``'verified'``. Without an original the report says of each dataset, and of the file by its
    weakest part: ``'checksum ok'`` where checksums cover the elements and what HDF5 writes around them, ``'decoded'``
    where they do not, as in HDF5's older format, ``'not checked'`` where whatever is read could be right, as in
    datasets without a filter. The report is `sound` where all of it could be read.

    Raises
    ------
    FormatError
        A chunk is damaged; the message names dataset and chunk.
    DifferenceError
        The files differ; the message names the object that does.

    Examples
    --------
    >>> import h5py, numpy as np, pathlib, tempfile, hdf5_filter
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.h5"
    >>> with h5py.File(path, "w", libver="v110") as file:
    ...     dset = hdf5_filter.write_dataset(file, "sci", np.arange(10000, dtype="u2"))
    >>> verify(path).checked, verify(path, path).checked
    ('checksum ok', 'verified')
    """
    cores = available_cores() if workers is None else workers
    start = time.perf_counter()
    with open_file(source) as file, naming_damaged_file(os.fspath(source)):
        report = _listed(source, file)
        meter = Meter(progress, sum(entry.original_bytes for entry in report.datasets))
        if original is None:
            report.checked = _read_all(file, {entry.name: entry for entry in report.datasets}, cores, meter.advance)
            report.sound = not any(map(missing_filters, datasets_of(file)))
        else:
            with open_file(original) as other:
                found = compare_files(other, file, cores, meter.advance)
            report.compared(found.datasets, found.links)
            for entry in report.datasets:
                if entry.name in found.lossy:
                    entry.note = entry.note.replace("lossy before: ", "lossy: ")
    report.seconds = time.perf_counter() - start
    return report


def _read_all(
    file: h5py.File, entries: dict[str, DatasetReport], workers: int, advance: Callable[[int], None]
) -> Checked:
    """Read what can be wrong in a file, and note in the entries what is known then."""
    words = [file_coverage(file)]
    for obj in objects_of(file):
        for name in attribute_names(obj):
            with attribute_elements(h5py.h5a.open(obj, name)):
                pass
        word = metadata_coverage(obj)
        if isinstance(obj, h5py.h5d.DatasetID):
            if holds_model(obj):
                check_model(obj)
            dataset = h5py.Dataset(obj)
            entry = entries[name_of(dataset)]
            entry.checked, why = _read_dataset(dataset, word, workers, advance)
            entry.note = "; ".join(filter(None, (why, *(note for note in entry.note.split("; ") if "lossy" in note))))
            word = entry.checked
        words.append(word)
    return weakest(words)


def _read_dataset(
    dataset: h5py.Dataset, metadata: Checked, workers: int, advance: Callable[[int], None]
) -> tuple[Checked, str]:
    """Decode a dataset; return what is known of it, and why no more is."""
    if missing := missing_filters(dataset):
        return "not checked", f"its filter {missing[0]} is not installed"
    elements = elements_coverage(dataset)
    if elements is None:
        return metadata, ""
    boxes = stored_boxes(dataset)
    if FILTER_ID in filter_ids(dataset) and is_codable(dataset):
        cuts = blocks_in(dataset.id) if boxes is None else boxes
        for block in box_arrays(dataset, cuts, workers, small=boxes is not None):
            advance(block.nbytes)
    elif filter_ids(dataset) or not layout_of(dataset.id.get_type()).lies_in_place:
        for box in blocks_in(dataset.id) if boxes is None else boxes:
            with naming_damage(dataset), block_elements(dataset.id, box) as part:
                advance(part.count * part.layout.size)
    if elements != "checksum ok":
        return weakest([elements, metadata]), "its elements have no checksum"
    return metadata, "" if metadata == elements else "only its elements have checksums"
