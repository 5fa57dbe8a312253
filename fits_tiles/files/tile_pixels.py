"""What stands for the pixels of tiles of another program: those of a plain image, or what floats were made of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from astrocodec import Quantised
from astrocodec.stages.quantise import shift_to_level
from fits_tiles.files.foreign_image import ForeignImage
from fits_tiles.files.quantisation import Quantisation, StepsError
from fits_tiles.layout.blocks import read_at
from fits_tiles.layout.grid import runs

__all__ = ["FloatSteps", "PixelFile", "TilePixels"]

Pixels = npt.NDArray[Any]
_STEP = np.dtype(">i4")


class TilePixels(Protocol):
    """What stands for the pixels of a tile of another program."""

    def of_tile(self, image: ForeignImage, tile: int, column: str) -> Pixels:
        """Return the pixels as a plain image stores them; where they are quantised, the integers."""

    def scaling(self, image: ForeignImage, tile: int) -> dict[str, float]:
        """Return scale and zero of a quantised tile, by the names of their columns."""


@dataclass(frozen=True)
class PixelFile:
    """The pixels of a plain image that lies in a file."""

    fd: int
    start: int

    def of_tile(self, image: ForeignImage, tile: int, column: str) -> Pixels:
        """Read a tile."""
        size, place = image.kind.itemsize, image.place(tile)
        raw = b"".join(
            read_at(self.fd, self.start + first * size, count * size, image.where)
            for first, count in runs(image.shape, place)
        )
        return np.frombuffer(raw, image.kind.newbyteorder(">")).reshape(image.tile_sides(tile))

    def scaling(self, image: ForeignImage, tile: int) -> dict[str, float]:
        """Nothing is quantised."""
        return {}


@dataclass
class FloatSteps:
    """The integers of an image, big-endian in a file of their own, and the floats that were made of them."""

    how: Quantisation
    fd: int
    pixels: PixelFile

    @classmethod
    def empty(cls, how: Quantisation, file: IO[bytes], pixels: PixelFile) -> FloatSteps:
        """Return integers that are yet to be written, 0 so far."""
        os.ftruncate(file.fileno(), _STEP.itemsize * prod(how.image.shape))
        return cls(how, file.fileno(), pixels)

    def write(self, place: tuple[slice, ...], steps: Pixels) -> None:
        """Write a rectangle."""
        raw, done = memoryview(steps.astype(_STEP).tobytes()), 0
        for first, count in runs(self.how.image.shape, place):
            os.pwrite(self.fd, raw[4 * done : 4 * (done + count)], 4 * first)
            done += count

    def read(self, place: tuple[slice, ...]) -> Pixels:
        """Read a rectangle."""
        shape = tuple(cut.stop - cut.start for cut in place)
        where = self.how.image.where
        shape_of_all = self.how.image.shape
        raw = b"".join(read_at(self.fd, 4 * first, 4 * count, where) for first, count in runs(shape_of_all, place))
        return np.frombuffer(raw, _STEP).reshape(shape)

    def of_tile(self, image: ForeignImage, tile: int, column: str) -> Pixels:
        """Read what stands for the pixels of a tile of the other program."""
        if column == "COMPRESSED_DATA":
            return self.read(image.place(tile))
        return self.pixels.of_tile(image, tile, column)

    def scaling(self, image: ForeignImage, tile: int) -> dict[str, float]:
        """Return scale and zero of a tile."""
        return {"ZSCALE": float(self.how.scale[tile]), "ZZERO": float(self.how.zero[tile])}

    def of_place(self, place: tuple[slice, ...], values: Pixels) -> tuple[Pixels, Quantised]:
        """Return the integers of a rectangle, and how its floats, which are given, were made of them."""
        return self.read(place), self.how.of_place(place, values)

    def coded(self, place: tuple[slice, ...], values: Pixels) -> Pixels:
        """
        Return what a stream codes of a rectangle: integers around a level that its tiles share.

        Raises
        ------
        StepsError
            If there is no such level.
        """
        try:
            return shift_to_level(*self.of_place(place, values))[0]
        except ValueError as error:
            raise StepsError(str(error)) from error
