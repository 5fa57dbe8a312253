"""Images of HDF5 files: datasets of two or more axes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from astrocodec.analysis.bits.chunk_bits import bits_of_chunks
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.images.image_entry import (
    ImageEntry,
    Part,
    SkippedEntry,
    as_native,
    choose_plane,
    exposure_seconds,
    is_pixel_type,
    pixel_unit,
)

__all__ = ["hdf5_images"]


def hdf5_images(path: str, plane: int | None) -> Iterator[Part]:
    """Yield the datasets of a file, with a plane of cubes. A FormatError tells what is not HDF5, or damaged."""
    from hdf5_filter.files import datasets_of, open_file
    from hdf5_filter.storage import describe

    with open_file(path) as file:
        for dataset in datasets_of(file):
            name = dataset.name.lstrip("/")

            def load(dataset: Any = dataset, name: str = name) -> ImageEntry | SkippedEntry:
                return _entry(path, name, dataset, describe(dataset), [dataset.attrs, file.attrs], plane)

            yield frozenset({name, dataset.name}), load


def _entry(path: str, name: str, dataset: Any, report: Any, cards: Any, plane: int | None) -> ImageEntry | SkippedEntry:
    from hdf5_filter import read_dataset

    if dataset.shape is None or not report.dtype or not is_pixel_type(np.dtype(dataset.dtype)):
        return SkippedEntry(path, name, f"its type {report.dtype} is not that of pixels")
    chosen = choose_plane(dataset.shape, plane)
    if isinstance(chosen, str):
        return SkippedEntry(path, name, chosen)
    pixels = np.asarray(read_dataset(dataset, chosen.index or ..., workers=1))
    return ImageEntry(
        path,
        name,
        as_native(pixels),
        None,
        tuple(dataset.shape),
        chosen.chosen,
        round(report.compressed_bytes / chosen.count),
        ", ".join(report.filters) or "none",
        exposure_seconds(cards),
        ours := report.filters == ["astrocodec"],
        chosen.note,
        functools.partial(_bits, dataset) if ours and len(dataset.shape) == 2 else None,
        pixel_unit(dataset.attrs),
    )


def _bits(dataset: Any) -> BitsMap:
    """Bits of the chunks as they lie in the file."""
    from hdf5_filter.chunked import ChunkedDataset, filter_values, touched_chunks
    from hdf5_filter.values import FilterValues

    chunked = ChunkedDataset.of(dataset)
    assert chunked is not None
    model = FilterValues.from_values(filter_values(dataset) or ()).model()
    places = touched_chunks(map(range, dataset.shape), chunked.chunk)
    found = ((place, chunked.raw(place)) for place in places)
    streams = ((row, column, raw[1]) for (row, column), raw in found if raw is not None)
    return bits_of_chunks(dataset.shape, streams, (model,))
