"""How a dataset is stored, and whether our filter could store it."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from astrocodec.errors import ModelNotFoundError
from astrocodec.files.file_report import Kind
from astrocodec.inspection import codec_of
from astrocodec.model import load_model
from hdf5_filter.chunked import filter_ids, filter_values, stored_chunks
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.loss_attributes import growth_words, stated_loss
from hdf5_filter.model_attribute import MODEL_ATTRIBUTE, holds_model, provide_model
from hdf5_filter.names import name_of
from hdf5_filter.report import DatasetReport
from hdf5_filter.values import CAUSAL, FilterValues

__all__ = ["describe", "describe_with_loss", "is_codable", "missing_filters", "reason_to_keep"]

_SMALL = 16 << 10  # below this an index of chunks costs what is saved
_NAMES = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", FILTER_ID: "astrocodec"}


def reason_to_keep(dataset: h5py.Dataset) -> str:
    """Say why a dataset cannot be compressed, or need not be; empty where it can."""
    space, plist = dataset.id.get_space(), dataset.id.get_create_plist()
    if space.get_simple_extent_type() == h5py.h5s.SCALAR:
        return "a single value"
    if not dataset.size:
        return "no elements"
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        return "virtual"
    if plist.get_external_count():
        return "stored in other files"
    if not is_codable(dataset):
        return "its type is not coded"
    missing = missing_filters(dataset)
    if missing:
        return f"its filter {missing[0]} is not installed"
    if FILTER_ID in filter_ids(dataset):
        return "compressed already"
    if h5py.h5a.exists(dataset.id, MODEL_ATTRIBUTE):
        return f"its attribute {MODEL_ATTRIBUTE.decode()!r} has the name of ours"
    if dataset.id.get_storage_size() == 0:
        return "nothing was written yet"
    if dataset.chunks is None and dataset.nbytes < _SMALL:
        return "small"
    return ""


def missing_filters(dataset: h5py.Dataset) -> list[int]:
    """Return the numbers of a dataset's filters that are not installed."""
    return [number for number in filter_ids(dataset) if not h5py.h5z.filter_avail(number)]


def is_codable(dataset: h5py.Dataset) -> bool:
    """Whether our filter codes elements of this type, and h5py reads them as they lie in the file."""
    try:
        dtype = dataset.dtype
        if not h5py.h5t.py_create(dtype, logical=True).equal(dataset.id.get_type()):
            return False
    except (TypeError, ValueError):  # NumPy has no such type
        return False
    if dtype.names is not None:
        kinds: set[np.dtype[Any]] = {dtype[name] for name in dtype.names}
        equal = len(dtype.names) == 2 and len(kinds) == 1 and not _has_gaps(dtype)
        return equal and kinds.pop().str[1:] in _CODED
    return str(dtype.str[1:]) in {*_CODED, "c8", "c16", "b1"}


_CODED = frozenset(f"{kind}{size}" for kind, sizes in (("u", "1248"), ("i", "1248"), ("f", "248")) for size in sizes)


def _has_gaps(dtype: Any) -> bool:
    return bool(dtype.itemsize != sum(dtype[name].itemsize for name in dtype.names))


def _first_stream(dataset: h5py.Dataset) -> bytes:
    """Return the first chunk that passed our filter, nothing where there is none."""
    if filter_ids(dataset) != [FILTER_ID]:
        return b""
    offset = next((place for place, mask in stored_chunks(dataset).items() if not mask), None)
    return b"" if offset is None else bytes(dataset.id.read_direct_chunk(offset)[1])


def describe(dataset: h5py.Dataset, kind: Kind | None = None, note: str = "") -> DatasetReport:
    """Report on a dataset as it is stored."""
    values = filter_values(dataset)
    pixels = math.prod(dataset.shape) if dataset.shape is not None else 0
    written_with = FilterValues.from_values(values or ())
    tuned = bool(written_with.delta)
    if values is not None and holds_model(dataset.id):
        note = "; ".join(filter(None, (note, "self-contained")))
    try:
        provide_model(dataset)
        tuned = not written_with.model().is_shipped
    except ModelNotFoundError as error:
        note = "; ".join(filter(None, (note, str(error))))
    codec = ""
    if written_with.codec != CAUSAL:
        codec = codec_of(_first_stream(dataset)) or f"id {written_with.codec}"
    try:
        dtype = "" if dataset.shape is None else str(dataset.dtype)
    except (TypeError, ValueError):
        dtype = "unknown to h5py"
    found = DatasetReport(
        name_of(dataset),
        kind=kind or ("compressed" if values is not None else "dataset"),
        dtype=dtype,
        shape=dataset.shape or (),
        pixels=pixels,
        original_bytes=pixels * dataset.id.get_type().get_size(),
        compressed_bytes=int(dataset.id.get_storage_size()),
        model="" if values is None or codec else written_with.fingerprint or load_model().fingerprint,
        codec=codec,
        tuned=tuned,
        note=note,
        chunks=dataset.chunks or (),
        filters=[_NAMES.get(number, str(number)) for number in filter_ids(dataset)],
    )
    found.work_out_bits()
    return found


def describe_with_loss(dataset: h5py.Dataset, kind: Kind | None = None, note: str = "") -> DatasetReport:
    """Report on a dataset as it is stored, and on what it lost, for which the heads of its chunks are read."""
    found = describe(dataset, kind, note)
    if lost := coded_loss(dataset):
        found.tell_loss(lost)
        if words := growth_words(dataset):
            found.add_note(words)
    elif before := stated_loss(dataset):
        found.add_note(f"lossy before: {before}")
    return found
