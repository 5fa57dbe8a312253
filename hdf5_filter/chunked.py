"""Which datasets can be read and written chunk by chunk without HDF5's filter pipeline, and how their chunks lie."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import h5py
import numpy as np

import astrocodec
from astrocodec._native.chunk import ChunkCodec
from astrocodec._native.hdf5 import filters_partial_chunks
from astrocodec.codecs import NATIVE, find_codec
from astrocodec.errors import CorruptError, FormatError
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.layout import layout_of
from hdf5_filter.values import FilterValues

__all__ = [
    "ChunkCoder",
    "ChunkedDataset",
    "filter_ids",
    "filter_values",
    "has_shuffle_before",
    "stored_chunks",
    "touched_chunks",
]


def filter_ids(dataset: h5py.Dataset) -> list[int]:
    """Return the numbers of a dataset's filters, in their order."""
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]


def filter_values(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    """Return the values of our filter, None where a dataset does not have it."""
    if FILTER_ID not in filter_ids(dataset):
        return None
    _, values, _ = dataset.id.get_create_plist().get_filter_by_id(FILTER_ID)
    return tuple(value & 0xFFFFFFFF for value in values)


def has_shuffle_before(dataset: h5py.Dataset) -> bool:
    """Tell whether bytes are shuffled before our filter gets them."""
    ids = filter_ids(dataset)
    return FILTER_ID in ids and h5py.h5z.FILTER_SHUFFLE in ids[: ids.index(FILTER_ID)]


def stored_chunks(dataset: h5py.Dataset) -> dict[tuple[int, ...], int]:
    """Return the offsets of the chunks that a dataset has, with the masks of the filters that they did not pass."""
    found: dict[tuple[int, ...], int] = {}

    def note(chunk: Any) -> None:
        found[tuple(chunk.chunk_offset)] = chunk.filter_mask

    dataset.id.chunk_iter(note)
    return found


class ChunkCoder(Protocol):
    """What makes streams of chunks."""

    def encode(self, part: np.ndarray[Any, Any]) -> bytes:
        """Return the stream of a chunk, of which a part may be within the dataset."""


@dataclass(frozen=True)
class ChunkedDataset:
    """A dataset with our filter alone, whose chunks may bypass the pipeline."""

    dataset: h5py.Dataset
    chunk: tuple[int, ...]
    codec: ChunkCodec  # the filter with the dataset's values
    codec_id: int  # what these say that chunks are written with; the filter itself writes with the causal codec only

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> ChunkedDataset | None:
        """Return the dataset so, or None where it must go the ordinary way."""
        if dataset.chunks is None or filter_ids(dataset) != [FILTER_ID]:
            return None
        # With H5Pset_chunk_opts, chunks at the edge are stored without filters, and filtered when the dataset grows.
        plist = dataset.id.get_create_plist()
        if not filters_partial_chunks(h5py.h5p.__file__, plist.id):
            return None
        if not layout_of(dataset.id.get_type()).is_plain:
            return None  # chunks hold pointers, which HDF5 follows
        # What h5py would convert cannot be taken as it lies in the file: integers of 12 bits, for instance.
        if not h5py.h5t.py_create(dataset.dtype, logical=True).equal(dataset.id.get_type()):
            return None
        values = filter_values(dataset) or ()
        try:
            told = FilterValues.from_values(values)
            _check_type(dataset, told)
        except FormatError as error:
            raise type(error)(f"{dataset.file.filename}: dataset {dataset.name!r}: {error}") from error
        return cls(dataset, dataset.chunks, ChunkCodec(values), told.codec)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements as they lie in the file."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    def filled(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Return an array of the fill value."""
        if self.dataset.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED:
            return np.zeros(shape, self.dtype)
        fill = np.asarray(self.dataset.fillvalue, self.dtype)
        return np.zeros(shape, self.dtype) if not fill.tobytes().strip(b"\0") else np.full(shape, fill)

    def padded(self, part: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return a whole chunk: beyond the edge of the dataset it has the fill value, as HDF5 does it."""
        if part.shape == self.chunk:
            return part
        whole = self.filled(self.chunk)
        whole[tuple(map(slice, part.shape))] = part
        return whole

    def raw(self, offset: tuple[int, ...]) -> tuple[int, bytes] | None:
        """Return the filter mask and the bytes of a chunk, None for one that was never written."""
        found = self.dataset.id.get_chunk_info_by_coord(offset)
        if found.byte_offset is None or found.size == 0:
            return None
        mask, stream = self.dataset.id.read_direct_chunk(offset)
        return mask, bytes(stream)

    def encode(self, part: np.ndarray[Any, Any]) -> bytes:
        """Return the stream of a chunk, of which a part may be within the dataset."""
        pixels = np.ascontiguousarray(self.padded(part))
        if self.codec_id in NATIVE:  # the filter itself; of visibilities it knows not where times begin
            return self.codec.encode(pixels)
        return astrocodec.encode(pixels, codec=find_codec(self.codec_id).name)

    def decode(
        self, offset: tuple[int, ...], mask: int, stream: bytes, scratch: np.ndarray[Any, Any] | None = None
    ) -> np.ndarray[Any, Any]:
        """
        Decode a chunk, into `scratch` if there is one.

        Raises
        ------
        AstrocodecError
            Naming file, dataset and chunk, for a damaged one or a missing model.
        """
        pixels = np.empty(self.chunk, self.dtype) if scratch is None else scratch
        place = f"{self.dataset.file.filename}: dataset {self.dataset.name!r}, chunk at {offset}"
        if mask & 1:
            if len(stream) != pixels.nbytes:
                raise CorruptError(f"{place}: {len(stream)} bytes found, expected {pixels.nbytes} without a filter")
            return np.frombuffer(stream, self.dtype).reshape(self.chunk)
        try:
            self.codec.decode(stream, pixels)
        except (LookupError, ValueError) as error:
            raise type(error)(f"{place}: {error}") from error
        return pixels


def touched_chunks(box: Iterable[range], chunk: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the offsets of the chunks that a box of indices touches, row by row."""
    return itertools.product(*(_touched(axis, side) for axis, side in zip(box, chunk, strict=True)))


def _check_type(dataset: h5py.Dataset, values: FilterValues) -> None:
    """Compare a dataset's type with what the filter noted of it: HDF5's older format has no checksum there."""
    kind, noted = dataset.dtype, values.dtype
    if noted is None:
        return
    part = kind[0] if kind.names else kind
    are_pairs = [bool(kind.names) or kind.kind == "c", values.pairs or noted.kind == "c"]
    orders = [np.dtype(found).newbyteorder("=") == found for found in (part, noted)]
    same_sign = part.kind not in "iu" or h5py.check_enum_dtype(part) is not None or part.kind == noted.kind
    same_size = kind.itemsize == noted.itemsize << values.pairs
    if not same_size or are_pairs[0] != are_pairs[1] or not same_sign or (part.itemsize > 1 and orders[0] != orders[1]):
        raise CorruptError(
            f"it has type {dataset.dtype}, its filter was told {'pairs of ' if values.pairs else ''}{noted}: the "
            "dataset's header is damaged"
        )


def _touched(indices: range, side: int) -> list[int]:
    """Offsets of the chunks along one axis; `indices` ascend."""
    if not indices:
        return []
    if indices.step >= side:
        return sorted({index // side * side for index in indices})
    return list(range(indices[0] // side * side, indices[-1] + 1, side))
