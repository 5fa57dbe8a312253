"""Bits of the images in FITS files: tile by tile, of our streams exactly, of what other codecs wrote by the tile."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from astrocodec.analysis.bits.stream_bits import BitsMap, stream_bits
from astrocodec.errors import AstrocodecError, CorruptError
from astrocodec.model import Model

_MAGIC = b"\xac\x0d"
_COLUMNS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")


def _is_tiled(hdu: Any) -> bool:
    return "ZNAXIS" in hdu.header and getattr(hdu, "columns", None) is not None and _COLUMNS[0] in hdu.columns.names


def _choose(hdus: Any, number: int | None, name: str) -> int:
    tiled = [i for i, hdu in enumerate(hdus) if _is_tiled(hdu)]
    if number is None:
        if not tiled:
            raise ValueError(f"{name}: no HDU holds tiles; compress it first, or give a stream")
        return tiled[0]
    if number not in tiled:
        raise ValueError(f"{name}: HDU {number} holds no tiles; those that do: {', '.join(map(str, tiled)) or 'none'}")
    return number


def _tile_places(shape: Sequence[int], tile: Sequence[int]) -> list[tuple[slice, ...]]:
    """Where tiles lie, row by row as FITS numbers them."""
    runs = [
        [slice(i, min(i + side, length)) for i in range(0, length, side)]
        for length, side in zip(shape, tile, strict=True)
    ]
    return list(itertools.product(*runs))


def _tile_bytes(rows: Any, columns: Sequence[str], number: int) -> bytes:
    """Stream of a tile, from the first column that has one."""
    for column in columns:
        found = np.asarray(rows[column][number])
        if found.size:
            return found.tobytes()
    return b""


def fits_bits(path: str | Path, hdu: int | None, models: tuple[Model, ...]) -> BitsMap:
    """`bits_map` of an image in a FITS file; see there. Errors name file, HDU and tile."""
    from astropy.io import fits

    from fits_tiles.hooks.tile_codec import model_of

    with fits.open(path, disable_image_compression=True, memmap=False) as hdus:
        number = _choose(hdus, hdu, str(path))
        chosen, where = hdus[number], f"{path}: HDU {number}"
        header = chosen.header
        axes = range(header["ZNAXIS"], 0, -1)
        shape = tuple(int(header[f"ZNAXIS{n}"]) for n in axes)
        # Without ZTILEn a tile is a row (FITS 4.0, section 10.1.1).
        tile = tuple(int(header.get(f"ZTILE{n}", shape[-1] if n == 1 else 1)) for n in axes)
        places = _tile_places(shape, tile)
        rows, columns = chosen.data, [name for name in _COLUMNS if name in chosen.columns.names]
        if len(places) != len(rows):
            raise CorruptError(
                f"{where}: {len(rows)} rows found, an image of {shape} in tiles of {tile} needs {len(places)}"
            )
        tuned = model_of(header, where) if header.get("ZCMPTYPE", "ASTROCODEC_1") == "ASTROCODEC_1" else None
        known = (*models, tuned) if tuned else models
        place = chosen.fileinfo()
        size = int(place["datLoc"] + place["datSpan"] - place["hdrLoc"])
        bits = np.zeros(shape, np.float32)
        payload, modes = 0.0, Counter[str]()
        for index, place in enumerate(places):
            stream = _tile_bytes(rows, columns, index)
            if not stream.startswith(_MAGIC):
                bits[place] = 8 * len(stream) / bits[place].size
                payload += 8 * len(stream)
                modes["other"] += 1
                continue
            try:
                of_tile = stream_bits(stream, known)
            except AstrocodecError as error:
                raise type(error)(f"{where}, tile {index + 1} of {len(places)}: {error}") from error
            if of_tile.bits.size != bits[place].size:
                raise CorruptError(f"{where}, tile {index + 1}: holds an array of {of_tile.bits.shape}")
            bits[place] = of_tile.bits.reshape(bits[place].shape)
            payload += of_tile.payload_bits
            modes.update(of_tile.modes)
    return BitsMap(bits, payload, 8 * size - payload, 8 * size, dict(modes))
