"""Tiles of other programs, one at a time, to the pixels that a plain image stores; astropy's decoders do the rest."""

from __future__ import annotations

import re
import zlib
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import AstrocodecError, CorruptError, FormatError
from fits_tiles.files.foreign_streams import MOST_PIXELS, hcompress_pixels, plio_pixels, rice_pixels
from fits_tiles.hooks.astropy_codecs import c_decoder, dequantize
from fits_tiles.hooks.tile_codec import TileCodec
from fits_tiles.layout.blocks import Hdu, card_value, count_card, find_card, int_card, read_at
from fits_tiles.layout.headers import ALGORITHM, DITHERS, NULL_PIXEL, STANDARD_ALGORITHMS
from fits_tiles.layout.model_cards import read_model

__all__ = ["ForeignTiles", "NotRecodedError"]

Pixels = npt.NDArray[Any]
_ALGORITHMS = (*STANDARD_ALGORITHMS, ALGORITHM)
_KINDS = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
_WIDTHS = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_ELEMENTS = {"B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])([BIJKED]?)")
_STREAMS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")
_COLUMNS = (*_STREAMS, "ZSCALE", "ZZERO", "ZBLANK", "NULL_PIXEL_MASK")


class NotRecodedError(Exception):
    """Why a compressed image of another program is better left as it is."""


class ForeignTiles:
    """
    The tiles of a compressed image that `fits_tiles.compress` did not write.

    Attributes
    ----------
    kind : dtype
        Of the pixels, native byte order.
    shape : tuple of int
        Of the image.
    count : int
        Number of tiles.
    blank : int or None
        Value of undefined pixels among the integers that `pixels` returns.

    Raises
    ------
    NotRecodedError
        If its pixels cannot be told for sure, or have no exact place in a plain image.
    FormatError
        If the header contradicts itself.
    """

    def __init__(self, fd: int, hdu: Hdu, where: str) -> None:
        self._fd = fd
        self._hdu = hdu
        self._where = where
        cards = hdu.cards
        self._algorithm = str(card_value(find_card(cards, "ZCMPTYPE")) or "RICE_1")
        if self._algorithm not in _ALGORITHMS:
            raise NotRecodedError(f"compressed with {self._algorithm}, which is not known here")
        axes = range(count_card(cards, "ZNAXIS", where, 0), 0, -1)
        self.shape = tuple(int_card(cards, f"ZNAXIS{n}", where) for n in axes)
        if min(self.shape, default=0) < 1:
            raise NotRecodedError("an image without pixels")
        tile = [int_card(cards, f"ZTILE{n}", where, self.shape[-1] if n == 1 else 1) for n in axes]
        if min(tile) < 1:
            raise FormatError(f"{where}: ZTILEn are {tile[::-1]}, all must be positive")
        self._tile_shape = tuple(min(pair) for pair in zip(tile, self.shape, strict=True))
        if prod(self._tile_shape) > MOST_PIXELS:
            raise NotRecodedError(f"tiles of more than {MOST_PIXELS} pixels")
        self._across = tuple(-(-axis // step) for axis, step in zip(self.shape, self._tile_shape, strict=True))
        self.count = prod(self._across)
        bitpix = int_card(cards, "ZBITPIX", where)
        if bitpix not in _KINDS:
            raise FormatError(f"{where}: ZBITPIX is {bitpix}, allowed are 8, 16, 32, 64, -32, -64")
        self._bitpix = bitpix
        self.kind = np.dtype(_KINDS[bitpix])
        self._rows, self._elements = self._read_rows()
        self._refuse_what_is_not_plain()
        self._model = read_model(cards, where) if self._algorithm == ALGORITHM else None
        self.blank = self._plain_blank() if bitpix > 0 else None

    def _read_rows(self) -> tuple[npt.NDArray[np.void], dict[str, str]]:
        """Read the table; return it with the type of the elements that each column of arrays points to."""
        cards, where = self._hdu.cards, self._where
        names: list[str] = []
        formats: list[tuple[str, tuple[int, ...]]] = []
        offsets: list[int] = []
        elements: dict[str, str] = {}
        width = 0
        for number in range(1, count_card(cards, "TFIELDS", where, 0) + 1):
            name = str(card_value(find_card(cards, f"TTYPE{number}")) or "").upper()
            match = _FORM.match(str(card_value(find_card(cards, f"TFORM{number}")) or "").strip())
            if match is None:
                raise FormatError(f"{where}: TFORM{number} is missing or no format of a binary table")
            if name not in _COLUMNS:
                raise NotRecodedError(f"no image has a place for the values of its column {name!r}")
            repeat, letter = int(match.group(1) or 1), match.group(2)
            if letter in "PQ" and repeat and match.group(3):
                names.append(name)
                formats.append((">i8" if letter == "Q" else ">i4", (2,)))
                elements[name] = _ELEMENTS[match.group(3)]
                offsets.append(width)
            elif repeat == 1 and letter in _ELEMENTS:
                names.append(name)
                formats.append((_ELEMENTS[letter], ()))
                offsets.append(width)
            width += -(-repeat // 8) if letter == "X" else repeat * _WIDTHS[letter]
        size, count = int_card(cards, "NAXIS1", where), int_card(cards, "NAXIS2", where)
        if width != size or count < self.count:
            raise FormatError(
                f"{where}: the table has {count} rows of {size} bytes, {self.count} tiles and the columns need "
                f"{self.count} rows of {width} bytes"
            )
        if count > self.count:
            raise NotRecodedError(f"its table has {count} rows for {self.count} tiles")
        kind = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
        raw = read_at(self._fd, self._hdu.data_start, self.count * size, where)
        return np.frombuffer(raw, kind), elements

    def _refuse_what_is_not_plain(self) -> None:
        cards, names = self._hdu.cards, self._rows.dtype.names or ()
        if self._algorithm == ALGORITHM:
            return
        if "NULL_PIXEL_MASK" in names or find_card(cards, "ZMASKCMP") is not None:
            raise NotRecodedError(f"compressed with {self._algorithm} and a mask of undefined pixels")
        if any(name in names or find_card(cards, name) is not None for name in ("ZSCALE", "ZZERO")):
            what = "floats quantised" if self._bitpix < 0 else "integers scaled by ZSCALE"
            raise NotRecodedError(f"{what} and compressed with {self._algorithm}")
        if self._bitpix < 0 and not self._algorithm.startswith(("GZIP", "NOCOMPRESS")):
            raise NotRecodedError(f"floats compressed with {self._algorithm}, which is for integers")
        lengths = [self._rows[name][:, 0] for name in _STREAMS if name in self._elements]
        if not lengths or not np.any(lengths, axis=0).all():
            raise NotRecodedError(f"compressed with {self._algorithm}, some tiles have no data")

    def _limits(self) -> tuple[int, int]:
        found = np.iinfo(self.kind)
        return int(found.min), int(found.max)

    def _plain_blank(self) -> int | None:
        """Choose the value of undefined pixels: that of ``BLANK``, or of ``ZBLANK``, or one that the type can hold."""
        low, high = self._limits()
        plain, coded = (card_value(find_card(self._hdu.cards, name)) for name in ("BLANK", "ZBLANK"))
        column = "ZBLANK" in (self._rows.dtype.names or ())
        if coded is None and not column:
            return None
        for value in (plain, coded):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise NotRecodedError(f"a value of undefined pixels is {value!r}, not an integer")
        if not column and plain is not None and plain != coded:
            raise NotRecodedError(f"BLANK is {plain!r} and ZBLANK {coded!r}; programs differ in which they take")
        self._zblank: Pixels = self._rows["ZBLANK"] if column else np.full(self.count, coded)
        if isinstance(plain, int):
            if not low <= plain <= high:
                raise NotRecodedError(f"BLANK is {plain}, which no pixel of {self._bitpix} bits can be")
            return plain
        values = np.unique(self._zblank)
        if len(values) == 1 and low <= values[0] <= high:
            return int(values[0])
        return high if low == 0 else low

    def place(self, tile: int) -> tuple[slice, ...]:
        """Return where a tile lies in the image."""
        corner = np.unravel_index(tile, self._across)
        starts = [int(n) * step for n, step in zip(corner, self._tile_shape, strict=True)]
        return tuple(
            slice(start, min(start + step, axis))
            for start, step, axis in zip(starts, self._tile_shape, self.shape, strict=True)
        )

    def pixels(self, tile: int) -> Pixels:
        """
        Decode a tile to what a plain image stores: big-endian, of the type of ``ZBITPIX``, undefined integers `blank`.

        Raises
        ------
        FormatError
            Naming tile and bytes, if its stream is damaged.
        NotRecodedError
            If a value does not fit a plain image.
        """
        shape = tuple(cut.stop - cut.start for cut in self.place(tile))
        column = next((name for name in _STREAMS if name in self._elements and self._rows[name][tile, 0]), _STREAMS[0])
        length, offset = (int(n) for n in self._rows[column][tile])
        element = np.dtype(self._elements[column])
        begin, size = self._hdu.data_start + self._heap() + offset, length * element.itemsize
        where = f"{self._where}, tile {tile + 1} of {self.count} (bytes {begin} to {begin + size})"
        if length < 1 or offset < 0 or begin + size > self._hdu.data_start + self._hdu.data_bytes:
            raise CorruptError(f"{where}: lies outside the table's {self._hdu.data_bytes} bytes")
        stream = bytes(read_at(self._fd, begin, size, where))
        try:
            found = self._decode(stream, column, element, shape, tile)
        except NotRecodedError as error:
            raise NotRecodedError(f"tile {tile + 1}: {error}") from error
        except AstrocodecError as error:
            raise type(error)(f"{where}: {error}") from error
        except Exception as error:  # astropy's decoders raise many types on damaged tiles
            raise FormatError(f"{where}: astropy cannot decode the tile: {error}") from error
        return found.astype(self.kind.newbyteorder(">"), copy=False)

    def _heap(self) -> int:
        cards, where = self._hdu.cards, self._where
        return int_card(cards, "THEAP", where, int_card(cards, "NAXIS1", where) * int_card(cards, "NAXIS2", where))

    def _decode(self, stream: bytes, column: str, element: Any, shape: tuple[int, ...], tile: int) -> Pixels:
        if column == "UNCOMPRESSED_DATA":
            found = np.frombuffer(stream, element)
        elif column == "GZIP_COMPRESSED_DATA":
            found = self._elements_of(_inflate(stream, prod(shape)), prod(shape))
        else:
            found = self._decompress(stream, shape)
        if found.size != prod(shape):
            raise CorruptError(f"the tile decodes to {found.size} pixels, expected {prod(shape)}")
        found = found.reshape(shape)
        if self._bitpix > 0:
            return self._stored_integers(found, tile)
        if column == "COMPRESSED_DATA" and "ZSCALE" in (self._rows.dtype.names or ()):
            found = self._dequantised(found, tile)
        if found.dtype.newbyteorder("=") != self.kind:
            raise CorruptError(f"the tile holds {found.dtype.name} pixels, expected {self.kind.name}")
        return found

    def _decompress(self, stream: bytes, shape: tuple[int, ...]) -> Pixels:
        size = prod(shape)
        if self._algorithm == ALGORITHM:
            stored = "int32" if "ZSCALE" in (self._rows.dtype.names or ()) else self.kind.name
            return TileCodec(model=self._model, stored=stored, where=self._where).decode(stream)
        if self._algorithm == "NOCOMPRESS":
            return self._elements_of(stream, size)
        if self._algorithm.startswith("GZIP"):
            raw = _inflate(stream, size)
            if self._algorithm == "GZIP_2":
                raw = np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes()
            return self._elements_of(raw, size)
        if self._algorithm == "HCOMPRESS_1":
            sides = [n for n in shape if n > 1] or [1]
            if len(sides) > 2:
                raise NotRecodedError("HCOMPRESS tiles of more than two axes")
            rows, columns = sides if len(sides) == 2 else (1, sides[0])
            scale, smooth = self._parameter("SCALE", 0), self._parameter("SMOOTH", 0)
            return hcompress_pixels(c_decoder("hcompress"), stream, rows, columns, scale, smooth)
        if self._algorithm == "PLIO_1":
            found = plio_pixels(c_decoder("plio"), stream, size)
        else:
            blocksize, bytepix = self._parameter("BLOCKSIZE", 32), self._parameter("BYTEPIX", 4)
            found = rice_pixels(c_decoder("rice"), stream, size, blocksize, bytepix)
        if self._algorithm == "PLIO_1" and self._bitpix == 16 and self._zero() == 32768:
            # PLIO knows no negative numbers, so cfitsio keeps these without their shift.
            found = found - 32768
        return found.view(np.uint8) if found.dtype.itemsize == 1 else found

    def _zero(self) -> float:
        value = card_value(find_card(self._hdu.cards, "BZERO"))
        try:
            return float(value or 0)
        except ValueError:
            return 0.0

    def _elements_of(self, raw: bytes, count: int) -> Pixels:
        """Take bytes as big-endian pixels; integers may be kept in another width than ``ZBITPIX``."""
        letter = "f" if self._bitpix < 0 else "u" if len(raw) == count else "i"
        if len(raw) % count or len(raw) // count not in (1, 2, 4, 8):
            raise CorruptError(f"the tile has {len(raw)} bytes for {count} pixels")
        return np.frombuffer(raw, f">{letter}{len(raw) // count}")

    def _parameter(self, name: str, default: int) -> int:
        """Value of the ``ZVALn`` whose ``ZNAMEn`` is `name`."""
        number = 1
        while isinstance(found := card_value(find_card(self._hdu.cards, f"ZNAME{number}")), str):
            if found.upper() == name:
                value = card_value(find_card(self._hdu.cards, f"ZVAL{number}"))
                try:
                    return int(float(value))  # type: ignore[arg-type]
                except (TypeError, ValueError) as error:
                    raise FormatError(f"{self._where}: ZVAL{number} is {value!r}, expected a number") from error
            number += 1
        return default

    def _stored_integers(self, found: Pixels, tile: int) -> Pixels:
        """Give undefined pixels the value of the plain image; refuse what its type cannot hold."""
        low, high = self._limits()
        if self.blank is not None and self._zblank[tile] != self.blank:
            if find_card(self._hdu.cards, "BLANK") is None and (found == self.blank).any():
                raise NotRecodedError("no value is left for undefined pixels")
            found = np.where(found == self._zblank[tile], np.int64(self.blank), found)
        if found.dtype.itemsize > self.kind.itemsize and not low <= int(found.min()) <= int(found.max()) <= high:
            raise NotRecodedError(f"pixels of {found.min()} to {found.max()} in an image of {self._bitpix} bits")
        return found

    def _dequantised(self, found: Pixels, tile: int) -> Pixels:
        cards, row = self._hdu.cards, self._rows[tile]
        method = DITHERS.get(str(card_value(find_card(cards, "ZQUANTIZ"))), -1)
        seed = int_card(cards, "ZDITHER0", self._where, 0)
        scale, zero = float(row["ZSCALE"]), float(row["ZZERO"])
        integers = found.astype(np.int32)
        pixels = dequantize(integers, tile + seed if method != -1 else 0, scale, zero, method, self._bitpix)
        null = integers == int_card(cards, "ZBLANK", self._where, NULL_PIXEL)
        return np.where(null, pixels.dtype.type(np.nan), pixels)


def _inflate(stream: bytes, pixels: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        raw = inflater.decompress(stream, 8 * pixels + 1)
    except zlib.error as error:
        raise CorruptError(f"the gzipped pixels are damaged: {error}") from error
    if not inflater.eof:
        raise CorruptError("the gzipped pixels do not end where they should")
    return raw
