"""What stands for the pixels of original tiles in a table of ours: the image, or what its floats were made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError, FormatError
from fits_tiles.files.beside import tile_places
from fits_tiles.files.coders import LosslessCoder, TileDecoder
from fits_tiles.files.foreign_image import NotRecodedError
from fits_tiles.files.original import Original
from fits_tiles.files.quantisation import Quantisation
from fits_tiles.files.source import scratch_file
from fits_tiles.files.tile_pixels import FloatSteps, PixelFile, TilePixels
from fits_tiles.files.tiles_io import decoded_bands
from fits_tiles.layout.blocks import Hdu
from fits_tiles.layout.headers import TileLayout
from fits_tiles.layout.table import CodedTile

__all__ = ["original_pixels"]


@contextmanager
def original_pixels(
    kept: Original,
    fd: int,
    hdu: Hdu,
    layout: TileLayout,
    coder: TileDecoder,
    pixels: PixelFile,
    *,
    where: str,
    workers: int,
    folder: str | None = None,
) -> Iterator[TilePixels]:
    """
    Yield what stands for the pixels of the original tiles of an HDU of ours, whose image lies in a file already.

    Raises
    ------
    FormatError
        If the streams do not have what the original header tells of.
    """
    image = kept.image
    if (image.shape, image.bitpix) != (layout.shape, layout.bitpix) or not isinstance(coder, LosslessCoder):
        raise CorruptError(f"{where}: the original header tells of {image.shape} pixels, the image has {layout.shape}")
    if not image.is_quantised:
        yield pixels
        return
    try:
        how = Quantisation.of_image(image)
    except NotRecodedError as error:
        raise FormatError(f"{where}: the original header is none of quantised floats: {error}") from error
    with scratch_file(folder) as file:
        steps = FloatSteps.empty(how, file, pixels)
        reader = _StepsReader(coder, steps, tile_places(layout.grid))
        for _ in decoded_bands(fd, hdu, replace(layout, bitpix=32), reader, where=where, workers=workers):
            pass
        yield steps


class _StepsReader:
    """Decodes tiles to the integers of their floats, and writes these where they belong."""

    def __init__(self, coder: LosslessCoder, steps: FloatSteps, places: list[tuple[slice, ...]]) -> None:
        self._coder = coder
        self._steps = steps
        self._places = places

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Decode a tile; one of which nothing was quantised has no integers."""
        found = self._coder.steps(coded)
        if found is None:
            return np.zeros(shape, np.int32)
        steps, told = found
        self._steps.write(self._places[tile], steps)
        self._steps.how.take(self._places[tile], told)
        return steps.astype(np.int32)

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Compare the head of a stream with the header."""
        self._coder.expect(coded, shape)
