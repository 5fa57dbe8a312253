"""Images of HDF5 files: datasets of two or more axes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from astrocodec.analysis.bits.chunk_bits import bits_of_chunks
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.images.contents import Contents
from astrocodec.analysis.images.image_entry import (
    ImageEntry,
    Part,
    Plane,
    SkippedEntry,
    as_native,
    choose_plane,
    exposure_seconds,
    is_pixel_type,
    pixel_unit,
)
from astrocodec.analysis.images.stated_loss import StatedLoss
from astrocodec.analysis.images.stream_loss import loss_of_streams

__all__ = ["hdf5_images"]


def hdf5_images(path: str, plane: int | None, rows: bool = False) -> Iterator[Part]:
    """Yield the datasets of a file, with a plane of cubes. A FormatError tells what is not HDF5, or damaged."""
    from hdf5_filter.files import datasets_of, open_file
    from hdf5_filter.storage import describe

    with open_file(path) as file:
        for dataset in datasets_of(file):
            name = dataset.name.lstrip("/")

            def load(dataset: Any = dataset, name: str = name) -> ImageEntry | SkippedEntry:
                report = describe(dataset)
                chosen = _plane(dataset, report, plane, rows)
                if isinstance(chosen, str):
                    return SkippedEntry(path, name, chosen, functools.partial(_contents, dataset))
                return _entry(path, name, dataset, report, [dataset.attrs, file.attrs], chosen)

            yield frozenset({name, dataset.name}), load


def _plane(dataset: Any, report: Any, wanted: int | None, rows: bool) -> Plane | str:
    if dataset.shape is None or not report.dtype or not is_pixel_type(np.dtype(dataset.dtype)):
        return f"its type {report.dtype} is not that of pixels"
    return choose_plane(dataset.shape, wanted, rows=rows)


def _contents(dataset: Any) -> Contents:
    """Elements as h5py gives them; of references the names that they lead to, as they differ from file to file."""
    import h5py

    from hdf5_filter import read_dataset

    if dataset.shape is None:
        return Contents([], (str(dataset.dtype),))
    values = np.asarray(read_dataset(dataset, ..., workers=1))
    if h5py.check_ref_dtype(dataset.dtype) is h5py.Reference:
        names = [dataset.file[one].name or "" if one else "" for one in values.ravel()]
        return Contents([np.array(names, object).reshape(values.shape)])
    return Contents([values])


def _entry(path: str, name: str, dataset: Any, report: Any, cards: Any, chosen: Plane) -> ImageEntry:
    from hdf5_filter import read_dataset

    pixels = np.atleast_2d(read_dataset(dataset, chosen.index or ..., workers=1))
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
        loss=functools.partial(_loss, path, dataset.name, chosen) if ours else None,
    )


def _loss(path: str, name: str, chosen: Plane) -> StatedLoss | None:
    """What the chunks of a plane say of themselves."""
    from hdf5_filter.chunked import ChunkedDataset, touched_chunks
    from hdf5_filter.files import open_file

    with open_file(path) as file:
        dataset = file[name]
        chunked = ChunkedDataset.of(dataset)
        if chunked is None:
            return None
        rows, columns = (1, *dataset.shape)[-2:]
        box = [range(at, at + 1) for at in chosen.index] + [range(side) for side in dataset.shape[len(chosen.index) :]]
        streams = []
        for place in touched_chunks(box, chunked.chunk):
            if (raw := chunked.raw(place)) is not None:
                ends = zip((0, *place)[-2:], (1, *chunked.chunk)[-2:], strict=True)
                streams.append((tuple(slice(at, at + side) for at, side in ends), raw[1]))
        return loss_of_streams((rows, columns), streams)


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
