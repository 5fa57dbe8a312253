"""Pixels to the tiles that another program made of them, byte for byte: with its algorithm and its settings."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fits_tiles.files.foreign_image import ForeignImage
from fits_tiles.hooks.astropy_codecs import c_encoder

__all__ = ["HEAD_BYTES", "TileMaker", "TileSettings", "settings_of"]

Pixels = npt.NDArray[Any]
HEAD_BYTES = 10  # of gzip without a name
_GZIP_MAGIC = b"\x1f\x8b\x08\0"
_MOST_FAILURES = 3
# Levels of deflate in the order in which they are tried: by what gzip's header says, then those that programs use.
_LEVELS = {4: (1, 6, 9, 2, 3, 4, 5, 7, 8), 2: (9, 6, 1, 8, 7, 5, 4, 3, 2)}
_OTHER_LEVELS = (6, 9, 1, 5, 4, 3, 2, 7, 8)
_RICE_BYTES = (1, 2, 4)


@dataclass(frozen=True)
class TileSettings:
    """What the header of a file does not say of a tile: of each algorithm its own, others zero."""

    width: int = 0  # bytes of a pixel that is gzipped or not compressed
    level: int = 0  # of deflate
    head: bytes = bytes(HEAD_BYTES)  # of gzip
    scale: int = 0  # of HCOMPRESS

    @property
    def packed(self) -> bytes:
        """Return them in 16 bytes."""
        return bytes([self.width, self.level]) + self.head + self.scale.to_bytes(4, "big")

    @classmethod
    def unpacked(cls, raw: bytes) -> TileSettings:
        """Undo `packed`."""
        return cls(raw[0], raw[1], raw[2:12], int.from_bytes(raw[12:16], "big"))


def _is_gzip(image: ForeignImage, column: str) -> bool:
    return column == "GZIP_COMPRESSED_DATA" or (column == "COMPRESSED_DATA" and image.algorithm.startswith("GZIP"))


def settings_of(image: ForeignImage, column: str, stream: bytes, pixels: int, level: int) -> TileSettings:
    """Return the settings that a stream tells; the level of deflate, which it does not, is given."""
    if _is_gzip(image, column) and len(stream) > HEAD_BYTES + 8:
        size = int.from_bytes(stream[-4:], "little")
        return TileSettings(size // max(1, pixels) & 15, level, stream[:HEAD_BYTES])
    if column == "COMPRESSED_DATA" and image.algorithm == "HCOMPRESS_1":
        return TileSettings(scale=int.from_bytes(stream[10:14], "big"))
    if column == "COMPRESSED_DATA" and image.algorithm == "NOCOMPRESS":
        return TileSettings(len(stream) // max(1, pixels) & 15)
    return TileSettings()


class TileMaker:
    """
    Makes tiles of an image again.

    `make` takes what stands for the pixels in them: integers, or floats where these are not quantised.
    """

    def __init__(self, image: ForeignImage) -> None:
        self._image = image
        self._level = 0
        self._failures = 0

    def settings(self, column: str, stream: bytes, pixels: Pixels) -> TileSettings | None:
        """Return the settings with which a stream comes out again, None where there are none."""
        level = self._level
        found = settings_of(self._image, column, stream, pixels.size, level)
        if not _is_gzip(self._image, column):
            return found if self.make(column, found, pixels) == stream else None
        if not found.head.startswith(_GZIP_MAGIC) or self._failures >= _MOST_FAILURES:
            return None
        first = (level,) if level else ()
        for level in dict.fromkeys((*first, *_LEVELS.get(found.head[8], _OTHER_LEVELS))):
            found = settings_of(self._image, column, stream, pixels.size, level)
            if self.make(column, found, pixels) == stream:
                self._level = level
                return found
        self._failures += 1
        return None

    def make(self, column: str, settings: TileSettings, pixels: Pixels) -> bytes | None:
        """Return the stream of a tile; None where these pixels have none with these settings."""
        try:
            return self._make(column, settings, pixels)
        except Exception:  # astropy's coders raise many types on pixels that they do not take
            return None

    def _make(self, column: str, settings: TileSettings, pixels: Pixels) -> bytes | None:
        image = self._image
        if column == "UNCOMPRESSED_DATA":
            return pixels.astype(image.columns[column].element).tobytes()
        if image.is_unsigned_list:
            pixels = pixels.astype(np.int64) + 32768
        if _is_gzip(image, column):
            shuffled = column == "COMPRESSED_DATA" and image.algorithm == "GZIP_2"
            return _gzipped(pixels, settings, shuffled=shuffled)
        if image.algorithm == "NOCOMPRESS":
            return _elements(pixels, settings.width)
        if image.algorithm == "HCOMPRESS_1":
            rows, columns = image.flat_sides(pixels.shape)
            return c_encoder("hcompress")(pixels.astype("i8").tobytes(), rows, columns, settings.scale, 8)
        if image.algorithm == "PLIO_1":
            words = c_encoder("plio")(pixels.astype("i4").tobytes(), prod(pixels.shape))
            return np.frombuffer(words, "i2").astype(">i2").tobytes()
        size, block = image.parameter("BYTEPIX", 4), image.parameter("BLOCKSIZE", 32)
        if size not in _RICE_BYTES or block < 1:
            return None
        return c_encoder("rice")(pixels.astype(f"i{size}").tobytes(), block, size)


def _elements(pixels: Pixels, width: int) -> bytes | None:
    if width not in (1, 2, 4, 8) or (pixels.dtype.kind == "f" and pixels.dtype.itemsize != width):
        return None
    kind = "f" if pixels.dtype.kind == "f" else "i" if width > 1 else "u"
    return pixels.astype(f">{kind}{width}").tobytes()


def _gzipped(pixels: Pixels, settings: TileSettings, *, shuffled: bool) -> bytes | None:
    raw = _elements(pixels, settings.width)
    if raw is None or not 1 <= settings.level <= 9:
        return None
    if shuffled:
        raw = np.frombuffer(raw, np.uint8).reshape(-1, settings.width).T.tobytes()
    coder = zlib.compressobj(settings.level, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = coder.compress(raw) + coder.flush()
    return settings.head + body + zlib.crc32(raw).to_bytes(4, "little") + (len(raw) & 0xFFFFFFFF).to_bytes(4, "little")
