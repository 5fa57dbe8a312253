"""
What is kept of the tiles of another program that were coded anew, and the very file that is made of it again.

Tiles are made again from the pixels with the algorithm and the settings that made them. Kept is what that does not
give: cards that the image does not have, tiles that come out otherwise, and whatever else differs from what is usual.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError, DifferenceError, FormatError, TruncatedError
from astrocodec.stages import varint
from fits_tiles.files.foreign_coders import TileMaker, TileSettings
from fits_tiles.files.foreign_image import ForeignImage, NotRecodedError, undefined_values
from fits_tiles.files.foreign_tiles import ForeignTiles
from fits_tiles.files.original_words import WORDS
from fits_tiles.files.tile_pixels import TilePixels
from fits_tiles.layout.blocks import BLOCK, Hdu, data_length, padded, read_at, split_cards
from fits_tiles.layout.folded_header import fold, unfold
from fits_tiles.layout.original_card import KeptTiles, OriginalCard
from fits_tiles.layout.z_keywords import rename

__all__ = ["Original", "keep", "make_again", "read_kept"]

Pixels = npt.NDArray[Any]
_FORM = 1
_CRC_BYTES = 4
_SETTINGS = len(TileSettings().packed)
_MOST_KEPT = 64 << 20  # tiles that are not made again; more is better left as it is
_MOST_INFLATED = 128 << 20
_MOST_ROW, _MOST_GROWTH = 4096, 16
_STEP = 1 << 22


@dataclass
class Original:
    """
    What is kept of a compressed image.

    `primary` is the header of an empty primary HDU that stood before the compressed primary image, and went.
    """

    crc: int  # CRC-32 of the HDU
    primary: bytes
    header: bytes
    columns: bytes = b""  # of each tile, its place among the columns of streams
    settings: bytes = b""  # of each tile, packed; nothing where they are those of the header alone
    tiles: dict[int, bytes] = field(default_factory=dict)  # that come out otherwise
    rows: bytes = b""  # of the table, by what they differ; nothing where they do not
    rest: bytes = b""  # bytes that belong to no tile; nothing where they are zeros
    missing: int = 0  # bytes of the padding, where the file ends before it does

    def to_bytes(self, known: list[bytes]) -> bytes:
        """Return the bytes that the table keeps; `known` are the cards of the image."""
        out = bytearray([_FORM]) + self.crc.to_bytes(_CRC_BYTES, "big")
        for part in (
            fold(self.primary, known) if self.primary else b"",
            fold(self.header, known),
            self.columns if any(self.columns) else b"",
            _planes(_differences(self.settings, _SETTINGS), _SETTINGS) if any(self.settings) else b"",
            self.rows if any(self.rows) else b"",
            self.rest if any(self.rest) else b"",
        ):
            out += varint.put(len(part)) + part
        out += varint.put(self.missing) + varint.put(len(self.tiles))
        for tile, stream in self.tiles.items():
            out += varint.put(tile) + varint.put(len(stream)) + stream
        coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=WORDS)
        return coder.compress(bytes(out)) + coder.flush()

    @classmethod
    def from_bytes(cls, raw: bytes, known: list[bytes], where: str) -> Original:
        """
        Undo `to_bytes`.

        Raises
        ------
        FormatError
            If these are not such bytes.
        """
        inflater = zlib.decompressobj(-zlib.MAX_WBITS, zdict=WORDS)
        try:
            data = inflater.decompress(raw, _MOST_INFLATED + 1)
        except zlib.error as error:
            raise CorruptError(f"{where}: what is kept of the original tiles does not inflate: {error}") from error
        if len(data) > _MOST_INFLATED or not inflater.eof or inflater.unused_data:
            raise CorruptError(f"{where}: what is kept of the original tiles is cut, or has bytes behind its end")
        try:
            return cls._read(varint.Reader(memoryview(data)), known, where)
        except TruncatedError as error:  # the file has all of its bytes
            raise CorruptError(f"{where}: what is kept of the original tiles is corrupt: {error}") from error

    @classmethod
    def _read(cls, reader: varint.Reader, known: list[bytes], where: str) -> Original:
        form = reader.take(1, "form")[0]
        if form != _FORM:
            raise FormatError(f"{where}: the original tiles are kept in form {form}, known is {_FORM}; upgrade")
        crc = int.from_bytes(reader.take(_CRC_BYTES, "CRC-32"), "big")
        parts = [bytes(reader.take(reader.number("a length"), "a part")) for _ in range(6)]
        primary, header, columns, settings, rows, rest = parts
        found = cls(
            crc,
            unfold(primary, known, where) if primary else b"",
            unfold(header, known, where),
            columns,
            _sums(_by_element(settings, _SETTINGS), _SETTINGS),
            {},
            rows,
            rest,
            reader.number("missing bytes", BLOCK - 1),
        )
        for _ in range(reader.number("tiles that are kept")):
            tile = reader.number("a tile")
            found.tiles[tile] = bytes(reader.take(reader.number("a length"), "a tile"))
        return found

    @cached_property
    def image(self) -> ForeignImage:
        """The compressed image, as its header tells it; `FormatError` where it tells of none."""
        try:
            found = ForeignImage(split_cards(self.header), "the original header")
        except NotRecodedError as error:
            raise FormatError(f"the original header is none of a compressed image: {error}") from error
        if why := _too_large(found):
            raise CorruptError(f"the original header tells of {why}")
        return found


def _too_large(image: ForeignImage) -> str:
    """Say what of a table is larger than any program makes it, before memory or files are."""
    pixels = prod(image.shape) * image.kind.itemsize
    if image.row_bytes > _MOST_ROW:
        return f"rows of {image.row_bytes} bytes"
    size = data_length(image.cards, image.where, primary=False)
    return f"a table of {size} bytes for {pixels} of pixels" if size > _MOST_GROWTH * pixels + _MOST_KEPT else ""


def _planes(raw: bytes, size: int) -> bytes:
    """All first bytes of elements, all second ones, and so on."""
    return np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes()


def _by_element(raw: bytes, size: int) -> bytes:
    """Undo `_planes`."""
    if len(raw) % size:
        raise CorruptError(f"{len(raw)} bytes are no elements of {size}")
    return np.frombuffer(raw, np.uint8).reshape(size, -1).T.tobytes()


def _differences(raw: bytes, size: int) -> bytes:
    found = np.frombuffer(raw, np.uint8).reshape(-1, size)
    return np.diff(found, axis=0, prepend=np.zeros((1, size), np.uint8)).tobytes()


def _sums(raw: bytes, size: int) -> bytes:
    """Undo `_differences`."""
    return np.cumsum(np.frombuffer(raw, np.uint8).reshape(-1, size), axis=0, dtype=np.uint8).tobytes()


def _known_cards(image_header: bytes) -> list[bytes]:
    """Return the cards of an image as a table of another program has them."""
    return [rename(card, "standard") for card in split_cards(image_header)]


def keep(fd: int, hdu: Hdu, name: str, source: TilePixels, plain: Hdu, primary: bytes) -> KeptTiles:
    """
    Return what is to be kept so that `make_again` gives the bytes of an HDU of another program.

    `source` and `plain` are its pixels and the HDU that they were decoded to, `primary` is the header of an HDU that
    goes along.

    Raises
    ------
    NotRecodedError
        If that would be too much.
    """
    tiles = ForeignTiles(fd, hdu, where := f"{name}: {hdu.label}")
    if why := _too_large(tiles):
        raise NotRecodedError(why)
    found = Original(_crc(fd, hdu.start, hdu.stop, where), primary, hdu.header)
    found.missing = padded(hdu.data_bytes) - (hdu.stop - hdu.data_start)
    maker, names = TileMaker(tiles), [column.name for column in tiles.streams]
    columns, settings, size = bytearray(), bytearray(), 0
    coded = Coded(tiles, tiles.rows, source)
    for tile in range(tiles.count):
        column, stream = tiles.column_of(tile), tiles.stream(tile)
        columns.append(names.index(column))
        made = maker.settings(column, stream, coded.of_tile(tile, column))
        settings += (made or TileSettings()).packed
        if made is None:
            found.tiles[tile] = stream
            size += len(stream)
            if size > min(_MOST_KEPT, hdu.size // 2):
                raise NotRecodedError(
                    f"{tiles.algorithm} makes other tiles of its pixels, tile {tile + 1} of {tiles.count} among them"
                )
    found.columns, found.settings = bytes(columns), bytes(settings)
    stretches = [tiles.stretch(tile) for tile in range(tiles.count)]
    usual, at = _usual_rows(tiles, source, found.columns), tiles.heap
    for tile, (begin, end) in enumerate(stretches):
        _enter(tiles, usual, tile, names[columns[tile]], at, end - begin)
        at = end
    found.rows = _planes(_xor(tiles.rows, usual).tobytes(), tiles.row_bytes)
    found.rest = b"".join(
        bytes(read_at(fd, hdu.data_start + begin, end - begin, where))
        for begin, end in _gaps(stretches, tiles, hdu.stop - hdu.data_start)
    )
    data = found.to_bytes(_known_cards(plain.header))
    return KeptTiles.of(data, tiles.algorithm)


def read_kept(fd: int, hdu: Hdu, card: OriginalCard, image_header: bytes, where: str) -> Original:
    """
    Read what a table of tiles keeps, at the end of its heap, of those that its image was decoded from.

    Raises
    ------
    FormatError
        If it is damaged.
    """
    if card.size > hdu.data_bytes:
        raise CorruptError(f"{where}: card ACORIG tells of {card.size} bytes, the table has {hdu.data_bytes}")
    begin = hdu.data_start + hdu.data_bytes - card.size
    data = bytes(read_at(fd, begin, card.size, where))
    if zlib.crc32(data) != card.crc:
        raise CorruptError(
            f"{where}: what is kept of the original tiles in bytes {begin} to {begin + card.size} has CRC-32 "
            f"{zlib.crc32(data):08x}, card ACORIG says {card.crc:08x}"
        )
    return Original.from_bytes(data, _known_cards(image_header), where)


def make_again(kept: Original, source: TilePixels, out: IO[bytes], where: str) -> int:
    """
    Append the HDU of another program to a file, made of its pixels and what is kept of it; return its size.

    Raises
    ------
    DifferenceError
        If other bytes come out than those that were there.
    FormatError
        If what is kept contradicts itself.
    """
    image = kept.image
    count, width = image.count, image.row_bytes
    data_bytes = data_length(image.cards, where, primary=False)
    names = [column.name for column in image.streams]
    columns, rows = kept.columns or bytes(count), kept.rows or bytes(count * width)
    settings = kept.settings or bytes(count * _SETTINGS)
    sizes = (len(columns), len(rows), len(settings))
    if sizes != (count, count * width, count * _SETTINGS) or max(columns) >= len(names):
        raise CorruptError(f"{where}: what is kept of the original tiles is of other tiles")
    start = out.tell()
    out.write(kept.header)
    out.flush()
    base = start + len(kept.header)
    stop = base + padded(data_bytes) - kept.missing
    os.ftruncate(out.fileno(), stop)
    table = np.frombuffer(_by_element(rows, width), image.row_type)
    usual, maker, at = _usual_rows(image, source, columns), TileMaker(image), image.heap
    coded = Coded(image, _xor(table, usual), source)
    stretches = []
    for tile in range(count):
        column = names[columns[tile]]
        stream = kept.tiles.get(tile)
        if stream is None:
            how = TileSettings.unpacked(settings[tile * _SETTINGS : (tile + 1) * _SETTINGS])
            stream = maker.make(column, how, coded.of_tile(tile, column))
        if stream is None:
            raise _others(where, f"tile {tile + 1} of {count} cannot be made with the settings that are kept")
        _enter(image, usual, tile, column, at, len(stream))
        begin = image.heap + int(_xor(table[tile : tile + 1], usual[tile : tile + 1])[column][0, 1])
        at = begin + len(stream)
        if not image.heap <= begin <= at <= data_bytes:
            raise _others(where, f"tile {tile + 1} of {count} would lie outside the table")
        os.pwrite(out.fileno(), stream, base + begin)
        stretches.append((begin, at))
    os.pwrite(out.fileno(), _xor(table, usual).tobytes(), base)
    rest = memoryview(kept.rest)
    for begin, end in _gaps(stretches, image, stop - base) if kept.rest else ():
        os.pwrite(out.fileno(), rest[: end - begin], base + begin)
        rest = rest[end - begin :]
    out.seek(stop)
    if _crc(out.fileno(), start, stop, where) != kept.crc:
        raise _others(where, "they have another CRC-32")
    return stop - start


def _others(where: str, how: str) -> DifferenceError:
    return DifferenceError(
        f"{where}: the tiles made again are not those of the original: {how}. zlib {zlib.ZLIB_RUNTIME_VERSION} or "
        "astropy make others here of the same pixels; --to image gives the pixels"
    )


def _xor(left: npt.NDArray[np.void], right: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    pairs = (np.frombuffer(one.tobytes(), np.uint8) for one in (left, right))
    return np.frombuffer(np.bitwise_xor(*pairs).tobytes(), left.dtype)


def _usual_rows(image: ForeignImage, source: TilePixels, columns: bytes) -> npt.NDArray[np.void]:
    """Rows of a table in which no tile is described yet."""
    names = [column.name for column in image.streams]
    rows = np.zeros(image.count, image.row_type)
    for tile in range(image.count):
        if names[columns[tile]] == "COMPRESSED_DATA":
            for name, value in source.scaling(image, tile).items():
                rows[name][tile] = value
    return rows


def _enter(image: ForeignImage, rows: npt.NDArray[np.void], tile: int, column: str, begin: int, size: int) -> None:
    """Enter a tile in its row."""
    element = np.dtype(image.columns[column].element).itemsize
    rows[column][tile] = (size // element, begin - image.heap)


class Coded:
    """What was coded in tiles: undefined integers have another value there than in a plain image."""

    def __init__(self, image: ForeignImage, rows: npt.NDArray[np.void], source: TilePixels) -> None:
        self._image = image
        self._source = source
        self._blank, self._coded = undefined_values(image, rows)

    def of_tile(self, tile: int, column: str) -> Pixels:
        """Return the integers, or the floats that are not quantised."""
        pixels = self._source.of_tile(self._image, tile, column)
        if self._blank is None or self._coded[tile] == self._blank:
            return pixels
        return np.where(pixels == self._blank, np.int64(self._coded[tile]), pixels)


def _gaps(stretches: list[tuple[int, int]], image: ForeignImage, size: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of the data, with their padding, that belong neither to the rows nor to a tile."""
    at = image.count * image.row_bytes
    for begin, end in sorted(stretches):
        if begin > at:
            yield at, begin
        at = max(at, end)
    if at < size:
        yield at, size


def _crc(fd: int, start: int, stop: int, where: str) -> int:
    found = 0
    for at in range(start, stop, _STEP):
        found = zlib.crc32(read_at(fd, at, min(_STEP, stop - at), where), found)
    return found
