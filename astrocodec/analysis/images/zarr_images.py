"""Images of Zarr arrays and groups of both formats."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

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
from astrocodec.zarr.opening import open_arrays

__all__ = ["zarr_images"]


def zarr_images(path: str, plane: int | None, rows: bool = False) -> Iterator[Part]:
    """Yield the arrays in a folder, with a plane of cubes. A FormatError tells what is no Zarr, or damaged."""
    top, arrays = open_arrays(path)
    for name, array in arrays:

        def load(name: str = name, array: Any = array) -> ImageEntry | SkippedEntry:
            chosen = _plane(array, plane, rows)
            if isinstance(chosen, str):
                return SkippedEntry(path, name, chosen, lambda: Contents([np.asarray(array[...])]))
            return _entry(path, name, array, top.attrs, chosen)

        yield frozenset({name}), load


def _plane(array: Any, wanted: int | None, rows: bool) -> Plane | str:
    if not is_pixel_type(np.dtype(array.dtype)):
        return f"its type {array.dtype} is not that of pixels"
    return choose_plane(tuple(array.shape), wanted, rows=rows)


def _entry(path: str, name: str, array: Any, attributes: Any, chosen: Plane) -> ImageEntry:
    pixels = np.atleast_2d(array[chosen.index or ...])
    codecs = [type(codec).__name__ for codec in (*getattr(array, "filters", ()), *array.compressors)]
    serializer = type(getattr(array, "serializer", None)).__name__
    ours = "AstroCodec" in (serializer, *codecs)
    return ImageEntry(
        path,
        name,
        as_native(pixels),
        None,
        tuple(array.shape),
        chosen.chosen,
        round(array.nbytes_stored() / chosen.count),
        "astrocodec" if ours else ", ".join(codec.removesuffix("Codec").lower() for codec in codecs) or "none",
        exposure_seconds([array.attrs, attributes]),
        ours,
        chosen.note,
        unit=pixel_unit(array.attrs),
        loss=functools.partial(_loss, array, chosen) if ours else None,
    )


def _loss(array: Any, chosen: Plane) -> StatedLoss | None:
    """What the chunks of a plane say of themselves, in shards too."""
    from astrocodec.zarr.loss import chunk_streams

    shape = tuple(array.shape)
    ranges = [range(at, at + 1) for at in chosen.index] + [range(side) for side in shape[len(chosen.index) :]]
    streams = ((place, read(None)) for place, read in chunk_streams(array, ranges))
    return loss_of_streams((1, *shape)[-2:], (((slice(None), *place)[-2:], stream) for place, stream in streams))
