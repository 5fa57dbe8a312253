"""Loss that a FITS file states: steps of quantised tiles, and what our streams say of themselves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from astrocodec.analysis.images.stated_loss import StatedLoss, described
from astrocodec.analysis.images.stream_loss import loss_of_streams

__all__ = ["fits_loss"]

_Place = tuple[int, tuple[slice, slice]]  # row of the table, and where its tile lies in the plane
_MAGIC = b"\xac\x0d"

# Columns of tiles that are stored as they are, in floats.
_EXACT = ("GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")


def fits_loss(path: str, number: int, index: tuple[int, ...]) -> StatedLoss | None:
    """Read what an HDU says of a plane of its image, of which `index` are the leading axes; None where it is exact."""
    from astropy.io import fits

    with fits.open(path, disable_image_compression=True, memmap=False) as hdus:
        table = hdus[number]
        header = table.header
        if "ZNAXIS" not in header or getattr(table, "columns", None) is None:
            return None
        if (smoothed := _scale_of_hcompress(header)) is not None:
            return StatedLoss(f"HCOMPRESS_1 with scale {smoothed:g}, which keeps no bound", None)
        shape, places = _layout(header)
        here = [
            (row, (place[-2] if len(place) > 1 else slice(None), place[-1]))
            for row, place in enumerate(places)
            if all(inside.start <= at < inside.stop for inside, at in zip(place, index, strict=False))
        ]
        plane = (shape[-2] if len(shape) > 1 else 1, shape[-1])
        if "ZSCALE" in header or "ZSCALE" in table.columns.names:
            return _of_steps(table, header, plane, here)
        streams = ((place, _bytes_of(table, row)) for row, place in here)
        found = loss_of_streams(plane, ((place, stream) for place, stream in streams if stream.startswith(_MAGIC)))
        # The card is in the image's unit, streams in that of its stored integers.
        said = header.get("ACLOSSY")
        return replace(found, words=f"astrocodec, {said}") if found and said else found


def _scale_of_hcompress(header: Any) -> float | None:
    """HCOMPRESS's own scale where coefficients are cut; a scale of 0 and 1 cuts none."""
    if not str(header.get("ZCMPTYPE", "")).startswith("HCOMPRESS"):
        return None
    for place in range(1, 100):
        if str(header.get(f"ZNAME{place}", "")).strip() == "SCALE":
            scale = float(header.get(f"ZVAL{place}", 0))
            return scale if scale > 1 else None
    return None


def _of_steps(table: Any, header: Any, plane: tuple[int, int], here: Sequence[_Place]) -> StatedLoss | None:
    """Half a step of each tile that was quantised."""
    names = table.columns.names
    steps = np.full(len(table.data), float(header.get("ZSCALE", 0)))
    if "ZSCALE" in names:
        steps = np.abs(np.asarray(table.data["ZSCALE"], np.float64))
    for column in _EXACT:
        if column in names:
            steps[[len(row) > 0 for row in table.data[column]]] = 0
    if not steps.any():
        return None
    bound = np.zeros(plane)
    for row, place in here:
        bound[place] = steps[row] / 2
    dither = str(header.get("ZQUANTIZ", "NO_DITHER")).strip()
    rounded = steps[steps > 0]
    words = f"{header.get('ZCMPTYPE', '')}, steps of {described(float(rounded.min()), float(rounded.max()))}, {dither}"
    # Scale and zero are doubles, their sum is rounded to the image's floats, before and after.
    return StatedLoss(words, bound, slack=2.0)


def _bytes_of(table: Any, row: int) -> bytes:
    return np.asarray(table.data["COMPRESSED_DATA"][row]).tobytes()


def _layout(header: Any) -> tuple[tuple[int, ...], Iterator[tuple[slice, ...]]]:
    """Shape of the image, and where tiles lie, row by row as FITS numbers them."""
    axes = range(int(header["ZNAXIS"]), 0, -1)
    shape = tuple(int(header[f"ZNAXIS{n}"]) for n in axes)
    # Without ZTILEn a tile is a row (FITS 4.0, section 10.1.1).
    tile = tuple(int(header.get(f"ZTILE{n}", shape[-1] if n == 1 else 1)) for n in axes)
    runs = [
        [slice(i, min(i + side, length)) for i in range(0, length, side)]
        for length, side in zip(shape, tile, strict=True)
    ]
    return shape, itertools.product(*runs)
