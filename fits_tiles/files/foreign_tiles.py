"""Tiles of other programs, one at a time, to the pixels that a plain image stores; astropy's decoders do the rest."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import AstrocodecError, CorruptError, FormatError
from fits_tiles.files.foreign_image import STREAMS, ForeignImage, NotRecodedError, limits, undefined_values
from fits_tiles.files.foreign_streams import hcompress_pixels, plio_pixels, rice_pixels
from fits_tiles.files.quantisation import Quantisation
from fits_tiles.hooks.astropy_codecs import c_decoder, dequantize
from fits_tiles.hooks.tile_codec import TileCodec
from fits_tiles.layout.blocks import Hdu, card_value, find_card, int_card, read_at
from fits_tiles.layout.headers import ALGORITHM, DITHERS
from fits_tiles.layout.model_cards import read_model

__all__ = ["ForeignTiles", "NotRecodedError"]

Pixels = npt.NDArray[Any]


class ForeignTiles(ForeignImage):
    """
    The tiles of a compressed image that `fits_tiles.compress` did not write.

    Attributes
    ----------
    rows : array
        The table; its length and offset of a stream are those of the elements of its column.
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
        super().__init__(hdu.cards, where)
        self._fd = fd
        self._hdu = hdu
        raw = read_at(fd, hdu.data_start, self.count * self.row_bytes, where)
        self.rows: npt.NDArray[np.void] = np.frombuffer(raw, self.row_type)
        self._refuse_what_is_not_plain()
        self._model = read_model(hdu.cards, where) if self.algorithm == ALGORITHM else None
        self.blank, self._coded_blank = undefined_values(self, self.rows)

    def _refuse_what_is_not_plain(self) -> None:
        cards, names = self.cards, self.rows.dtype.names or ()
        if self.algorithm == ALGORITHM:
            return
        if "NULL_PIXEL_MASK" in names or find_card(cards, "ZMASKCMP") is not None:
            raise NotRecodedError(f"compressed with {self.algorithm} and a mask of undefined pixels")
        scaled = any(name in names or find_card(cards, name) is not None for name in ("ZSCALE", "ZZERO"))
        if scaled and not self.is_quantised:
            what = "floats quantised in an unusual way" if self.bitpix < 0 else "integers scaled by ZSCALE"
            raise NotRecodedError(f"{what} and compressed with {self.algorithm}")
        if self.is_quantised and ("ZBLANK" in names or "COMPRESSED_DATA" not in names):
            raise NotRecodedError("floats quantised with a column of values of undefined pixels, or without integers")
        if self.bitpix < 0 and not self.is_quantised and not self.algorithm.startswith(("GZIP", "NOCOMPRESS")):
            raise NotRecodedError(f"floats compressed with {self.algorithm}, which is for integers")
        lengths = [self.rows[column.name][:, 0] for column in self.streams]
        if not lengths or not np.any(lengths, axis=0).all():
            raise NotRecodedError(f"compressed with {self.algorithm}, some tiles have no data")
        if self.is_quantised:
            Quantisation.of_image(self, self.rows)

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
        return self._found(tile, self._decode).astype(self.kind.newbyteorder(">"), copy=False)

    def steps(self, tile: int) -> Pixels | None:
        """Decode a tile to the integers that its floats were made of; None of one that was not quantised."""
        if not self.is_quantised or self.column_of(tile) != "COMPRESSED_DATA":
            return None
        return self._found(tile, lambda stream, column, shape, tile: self._steps(stream, shape))

    def column_of(self, tile: int) -> str:
        """Return the name of the column that a tile is in."""
        return next((column.name for column in self.streams if self.rows[column.name][tile, 0]), STREAMS[0])

    def stretch(self, tile: int) -> tuple[int, int]:
        """Return where the stream of a tile begins and ends, in bytes from the beginning of the data."""
        column = self.columns[self.column_of(tile)]
        length, offset = (int(n) for n in self.rows[column.name][tile])
        begin = self.heap + offset
        return begin, begin + length * np.dtype(column.element).itemsize

    def stream(self, tile: int) -> bytes:
        """Return the stream of a tile; `CorruptError` where it lies outside the table."""
        begin, end = self.stretch(tile)
        if not self.heap <= begin < end <= self._hdu.data_bytes:
            raise CorruptError(f"{self._label(tile)}: lies outside the table's {self._hdu.data_bytes} bytes")
        return bytes(read_at(self._fd, self._hdu.data_start + begin, end - begin, self._label(tile)))

    def _label(self, tile: int) -> str:
        start, (begin, end) = self._hdu.data_start, self.stretch(tile)
        return f"{self.where}, tile {tile + 1} of {self.count} (bytes {start + begin} to {start + end})"

    def _found(self, tile: int, decode: Callable[[bytes, str, tuple[int, ...], int], Pixels]) -> Pixels:
        stream = self.stream(tile)
        try:
            return decode(stream, self.column_of(tile), self.tile_sides(tile), tile)
        except NotRecodedError as error:
            raise NotRecodedError(f"tile {tile + 1}: {error}") from error
        except AstrocodecError as error:
            raise type(error)(f"{self._label(tile)}: {error}") from error
        except Exception as error:  # astropy's decoders raise many types on damaged tiles
            raise FormatError(f"{self._label(tile)}: astropy cannot decode the tile: {error}") from error

    def _decode(self, stream: bytes, column: str, shape: tuple[int, ...], tile: int) -> Pixels:
        if column == "UNCOMPRESSED_DATA":
            found: Pixels = np.frombuffer(stream, self.columns[column].element)
        elif column == "GZIP_COMPRESSED_DATA":
            found = self._elements_of(_inflate(stream, prod(shape)), prod(shape))
        elif self.is_quantised:
            found = self._dequantised(self._steps(stream, shape), tile)
        else:
            found = self._decompress(stream, shape)
        if found.size != prod(shape):
            raise CorruptError(f"the tile decodes to {found.size} pixels, expected {prod(shape)}")
        found = found.reshape(shape)
        if self.bitpix > 0:
            return self._stored_integers(found, tile)
        if found.dtype.newbyteorder("=") != self.kind:
            raise CorruptError(f"the tile holds {found.dtype.name} pixels, expected {self.kind.name}")
        return found

    def _decompress(self, stream: bytes, shape: tuple[int, ...]) -> Pixels:
        size = prod(shape)
        if self.algorithm == ALGORITHM:
            stored = "int32" if self.is_quantised else self.kind.name
            return TileCodec(model=self._model, stored=stored, where=self.where).decode(stream)
        if self.algorithm == "NOCOMPRESS":
            return self._elements_of(stream, size, are_steps=self.is_quantised)
        if self.algorithm.startswith("GZIP"):
            raw = _inflate(stream, size)
            if self.algorithm == "GZIP_2":
                raw = np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes()
            return self._elements_of(raw, size, are_steps=self.is_quantised)
        if self.algorithm == "HCOMPRESS_1":
            rows, columns = self.flat_sides(shape)
            scale, smooth = self.parameter("SCALE", 0), self.parameter("SMOOTH", 0)
            return hcompress_pixels(c_decoder("hcompress"), stream, rows, columns, scale, smooth)
        if self.algorithm == "PLIO_1":
            found = plio_pixels(c_decoder("plio"), stream, size)
        else:
            blocksize, bytepix = self.parameter("BLOCKSIZE", 32), self.parameter("BYTEPIX", 4)
            found = rice_pixels(c_decoder("rice"), stream, size, blocksize, bytepix)
        if self.is_unsigned_list:
            found = found - 32768
        return found.view(np.uint8) if found.dtype.itemsize == 1 else found

    def _steps(self, stream: bytes, shape: tuple[int, ...]) -> Pixels:
        found = self._decompress(stream, shape)
        if found.size != prod(shape):
            raise CorruptError(f"the tile decodes to {found.size} steps, expected {prod(shape)}")
        if found.dtype.itemsize > 4 and not -(1 << 31) <= found.min() <= found.max() < 1 << 31:
            raise NotRecodedError(f"steps of {found.min()} to {found.max()}, beyond 32 bits")
        return found.astype(np.int32).reshape(shape)

    def _elements_of(self, raw: bytes, count: int, *, are_steps: bool = False) -> Pixels:
        """Take bytes as big-endian pixels; integers may be kept in another width than ``ZBITPIX``."""
        letter = "f" if self.bitpix < 0 and not are_steps else "u" if len(raw) == count else "i"
        if len(raw) % count or len(raw) // count not in (1, 2, 4, 8):
            raise CorruptError(f"the tile has {len(raw)} bytes for {count} pixels")
        return np.frombuffer(raw, f">{letter}{len(raw) // count}")

    def _stored_integers(self, found: Pixels, tile: int) -> Pixels:
        """Give undefined pixels the value of the plain image; refuse what its type cannot hold."""
        low, high = limits(self)
        if self.blank is not None and self._coded_blank[tile] != self.blank:
            if find_card(self.cards, "BLANK") is None and (found == self.blank).any():
                raise NotRecodedError("no value is left for undefined pixels")
            found = np.where(found == self._coded_blank[tile], np.int64(self.blank), found)
        if found.dtype.itemsize > self.kind.itemsize and not low <= int(found.min()) <= int(found.max()) <= high:
            raise NotRecodedError(f"pixels of {found.min()} to {found.max()} in an image of {self.bitpix} bits")
        return found

    def _dequantised(self, integers: Pixels, tile: int) -> Pixels:
        cards, row = self.cards, self.rows[tile]
        method = DITHERS.get(str(card_value(find_card(cards, "ZQUANTIZ"))), -1)
        seed = int_card(cards, "ZDITHER0", self.where, 0)
        scale, zero = float(row["ZSCALE"]), float(row["ZZERO"])
        pixels = dequantize(integers, tile + seed if method != -1 else 0, scale, zero, method, self.bitpix)
        pixels = pixels.astype(self.kind, copy=False)
        if self.null_step is None:
            return pixels
        return np.where(integers == self.null_step, self.kind.type(np.nan), pixels)


def _inflate(stream: bytes, pixels: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        raw = inflater.decompress(stream, 8 * pixels + 1)
    except zlib.error as error:
        raise CorruptError(f"the gzipped pixels are damaged: {error}") from error
    if not inflater.eof:
        raise CorruptError("the gzipped pixels do not end where they should")
    return raw
