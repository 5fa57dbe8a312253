"""One image HDU to a table of tiles and back, a band of tiles at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import prod
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from astrocodec import Loss
from astrocodec.errors import AstrocodecError, CorruptError, FormatError, TruncatedError
from astrocodec.files.parallel import ordered_map
from astrocodec.inspection import needed_reference, reference_of, stated_loss
from fits_tiles.files.coders import TileCoder, TileDecoder
from fits_tiles.layout.blocks import BLOCK, Hdu, int_card, padded, read_at
from fits_tiles.layout.checksums import write_checksums
from fits_tiles.layout.grid import Band
from fits_tiles.layout.headers import HeapSize, TileLayout, build_header, read_layout
from fits_tiles.layout.model_cards import MAX_DELTA
from fits_tiles.layout.original_card import KeptTiles
from fits_tiles.layout.table import CodedTile, TileTable

__all__ = [
    "HEAD_BYTES",
    "decoded_bands",
    "first_stream",
    "losses_in",
    "named_references",
    "needed_references",
    "read_band",
    "same_bytes",
    "write_band",
    "write_table",
]

# Where the sections of a tile's stream stand: a model, what it was coded beside, and little else.
HEAD_BYTES = 4 * MAX_DELTA
_Found = TypeVar("_Found")
_Job = tuple[int, npt.NDArray[Any]]


def write_table(
    out: IO[bytes],
    layout: TileLayout,
    original: bytes,
    coder: TileCoder,
    read_band: Callable[[Band], bytes | bytearray],
    *,
    where: str,
    workers: int,
    advance: Callable[[int], None],
    only: CodedTile | None = None,
    model: list[bytes] | None = None,
    padding: bytes | None = None,
    checksums: bool = False,
    room: list[bytes] | None = None,
    kept: KeptTiles | None = None,
    renew: bool = False,
    final: Callable[[], bytes] | None = None,
) -> int:
    """
    Append an image to a seekable file, positioned at its end, as a table of tiles; return the number of bytes appended.

    `read_band` returns big-endian pixels; `only` is the only tile, if it has been coded already, `kept` goes behind the
    tiles, `final` returns the header of the image once all tiles are coded, as long as `original`; other arguments are
    as for `fits_tiles.layout.headers.build_header`.

    Raises
    ------
    ValueError
        If the header cannot be kept in cards.
    """
    grid = layout.grid
    start = out.tell()
    table = TileTable.empty(layout, grid.count)
    source = kept.card if kept else None
    keep = {"model": model, "padding": padding, "checksums": checksums, "room": room, "source": source, "renew": renew}
    header = build_header(layout, original, HeapSize(grid.count), **keep)  # type: ignore[arg-type]
    out.write(header)
    out.write(table.rows.tobytes())

    def jobs() -> Iterator[_Job]:
        for band in grid.bands():
            pixels = np.frombuffer(read_band(band), layout.pixel_type).reshape(band.shape)
            for number, place in enumerate(band.tiles, band.first_tile):
                yield number, pixels[place]
            del pixels  # one band at a time

    def encode(job: _Job) -> tuple[int, int, CodedTile]:
        number, pixels = job
        try:
            return number, pixels.nbytes, only or coder.encode(number, pixels)
        except AstrocodecError as error:
            raise type(error)(f"{where}, tile {number + 1} of {grid.count}: {error}") from error

    for number, size, coded in ordered_map(encode, jobs(), workers):
        out.write(coded.stream)
        table.add(number, coded)
        advance(size)
    if kept:
        out.write(kept.data)
        table.heap_bytes += len(kept.data)
    heap = table.size()
    data_bytes = table.rows.nbytes + heap.heap_bytes
    out.write(bytes(padded(data_bytes) - data_bytes))
    stop = out.tell()
    out.seek(start)
    original = final() if final else original
    header = build_header(layout, original, heap, fingerprint=coder.fingerprint, **keep)  # type: ignore[arg-type]
    out.write(header)
    out.write(table.rows.tobytes())
    out.seek(stop)
    if checksums:
        out.flush()
        write_checksums(out.fileno(), Hdu(0, start, header, start + len(header), data_bytes, stop))
    return stop - start


def decoded_bands(
    fd: int, hdu: Hdu, layout: TileLayout, coder: TileDecoder, *, where: str, workers: int
) -> Iterator[tuple[Band, npt.NDArray[Any]]]:
    """
    Yield the bands of a compressed image, big-endian pixels in an array of the band's shape.

    A caller that lets go of a band before it asks for the next one keeps one in memory, not two.

    Raises
    ------
    FormatError
        Naming file, HDU, tile and byte, if table or streams are damaged.
    """
    try:
        grid = layout.grid
    except ValueError as error:
        raise CorruptError(f"{where}: {error}") from error
    table = TileTable.read(fd, hdu, layout, grid.count, where)
    heap_start = hdu.data_start + table.rows.nbytes
    heap_bytes = int_card(hdu.cards, "PCOUNT", where)

    def work(number: int, cuts: tuple[slice, ...], step: Callable[[CodedTile, tuple[int, ...]], _Found]) -> _Found:
        offset, length, plain = table.place(number)
        begin = heap_start + offset
        tile = f"{where}, tile {number + 1} of {grid.count} (bytes {begin} to {begin + length})"
        if offset < 0 or length < 0 or offset + length > heap_bytes:
            raise CorruptError(f"{tile}: lies outside the heap of {heap_bytes} bytes")
        stream = bytes(read_at(fd, begin, length, tile))
        scale, zero = (float(table.rows[n][number]) for n in ("ZSCALE", "ZZERO")) if layout.quantization else (0.0, 0.0)
        try:
            return step(CodedTile(stream, plain, scale, zero), tuple(cut.stop - cut.start for cut in cuts))
        except TruncatedError as error:
            # The file has all of its bytes: one that was changed asks for more.
            raise CorruptError(f"{tile}: is corrupt, its stream asks for more bytes than it has") from error
        except AstrocodecError as error:
            raise type(error)(f"{tile}: {error}") from error

    def decode(job: tuple[Band, int, npt.NDArray[Any]]) -> tuple[Band, npt.NDArray[Any] | None]:
        band, part, pixels = job
        number, cuts = band.first_tile + part, band.tiles[part]
        pixels[cuts] = work(number, cuts, lambda coded, shape: coder.decode(number, coded, shape))
        return band, pixels if part == len(band.tiles) - 1 else None

    def jobs() -> Iterator[tuple[Band, int, npt.NDArray[Any]]]:
        for band in grid.bands():
            if band.first_tile == 0:
                # A header that claims a huge image must not take memory before a stream agrees with it.
                work(0, band.tiles[0], coder.expect)
            pixels = np.empty(band.shape, layout.pixel_type)
            for part in range(len(band.tiles)):
                yield band, part, pixels
            del pixels

    for band, pixels in ordered_map(decode, jobs(), workers):
        if pixels is not None:
            yield band, pixels
        del pixels


def first_stream(fd: int, hdu: Hdu) -> bytes:
    """Return the stream of the first tile that has one; nothing where there is none, or the table is damaged."""
    return next(_streams(fd, hdu), b"")


def named_references(fd: int, hdu: Hdu) -> list[str]:
    """Return what the tiles of an HDU were coded beside, each once; a damaged table names nothing."""
    found = (reference_of(head) for head in _streams(fd, hdu, HEAD_BYTES))
    return list(dict.fromkeys(filter(None, found)))


def needed_references(fd: int, hdu: Hdu) -> list[str]:
    """Return the names of the images without which tiles of an HDU give no pixels, each once."""
    found = (needed_reference(head) for head in _streams(fd, hdu, HEAD_BYTES))
    return list(dict.fromkeys(filter(None, found)))


def losses_in(fd: int, hdu: Hdu) -> dict[int, tuple[Loss | None, int]]:
    """
    Return what each tile of an HDU says that it lost, and its number of pixels, by its number.

    Of a damaged table or tile nothing is known; that is for those who decode it.
    """
    with suppress(FormatError, ValueError):
        layout = read_layout(hdu.cards, hdu.label)
        table = TileTable.read(fd, hdu, layout, layout.grid.count, hdu.label)
        heap = hdu.data_start + table.rows.nbytes
        found: dict[int, tuple[Loss | None, int]] = {}
        for band in layout.grid.bands():
            for number, place in enumerate(band.tiles, band.first_tile):
                size = prod(cut.stop - cut.start for cut in place)
                offset, length, plain = table.place(number)
                found[number] = None if plain else _loss_of(fd, heap + offset, length, hdu.label), size
        return found
    return {}


def _loss_of(fd: int, start: int, length: int, where: str) -> Loss | None:
    """Read the loss of a stream from its first bytes, from all where these are not enough."""
    for size in (min(length, HEAD_BYTES), length):
        with suppress(FormatError):
            return stated_loss(read_at(fd, start, size, where))
    return None


def _streams(fd: int, hdu: Hdu, most: int | None = None) -> Iterator[bytes]:
    """Streams of the tiles, of each at most so many bytes."""
    try:
        layout = read_layout(hdu.cards, hdu.label)
        table = TileTable.read(fd, hdu, layout, layout.grid.count, hdu.label)
        for tile in range(layout.grid.count):
            offset, length, plain = table.place(tile)
            if not plain:
                size = length if most is None else min(length, most)
                yield bytes(read_at(fd, hdu.data_start + table.rows.nbytes + offset, size, hdu.label))
    except (FormatError, ValueError):
        return


def read_band(fd: int, start: int, band: Band, where: str) -> bytearray:
    """Read a band of an image whose pixels begin at a byte of a file."""
    if not band.line and not band.plane:
        return read_at(fd, start + band.offset, band.size, where)
    raw, done = bytearray(band.size), 0
    for offset, size in band.pieces():
        raw[done : done + size] = read_at(fd, start + offset, size, where)
        done += size
    return raw


def write_band(fd: int, start: int, band: Band, pixels: npt.NDArray[Any]) -> None:
    """Write a band of an image whose pixels begin at a byte of a file."""
    raw, done = pixels.data.cast("B"), 0
    for offset, size in band.pieces():
        piece, at = raw[done : done + size], start + offset
        while len(piece):
            count = os.pwrite(fd, piece, at)
            piece, at = piece[count:], at + count
        done += size


def copy_bytes(fd: int, start: int, stop: int, out: IO[bytes], where: str, advance: Callable[[int], None]) -> None:
    """Copy a range of bytes."""
    step = 512 * BLOCK
    for at in range(start, stop, step):
        chunk = read_at(fd, at, min(step, stop - at), where)
        out.write(chunk)
        advance(len(chunk))


def same_bytes(fd: int, start: int, other_fd: int, other_start: int, size: int, where: str) -> bool:
    """Compare ranges of two files."""
    step = 512 * BLOCK
    return all(
        read_at(fd, start + at, min(step, size - at), where)
        == read_at(other_fd, other_start + at, min(step, size - at), where)
        for at in range(0, size, step)
    )


def file_size(fd: int) -> int:
    """Return the length of an open file."""
    return os.fstat(fd).st_size
