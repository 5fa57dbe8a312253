"""Tile-compressed images of other programs, decoded to plain image HDUs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import IO

from astrocodec.errors import DifferenceError, FormatError
from fits_tiles.files.container import ReferenceFiles, decoder_of
from fits_tiles.files.foreign_header import lost_card, plain_header, says_nothing
from fits_tiles.files.foreign_tiles import ForeignTiles, NotRecodedError
from fits_tiles.files.original import keep, make_again, read_kept
from fits_tiles.files.original_pixels import original_pixels
from fits_tiles.files.quantisation import Quantisation
from fits_tiles.files.source import scratch_file
from fits_tiles.files.tile_pixels import FloatSteps, PixelFile
from fits_tiles.files.tiles_io import copy_bytes, file_size, same_bytes
from fits_tiles.layout.blocks import Hdu, card_value, find_card, padded, read_at, walk, was_primary
from fits_tiles.layout.checksums import data_sum, fits_checksums, sum32, write_checksums
from fits_tiles.layout.grid import runs
from fits_tiles.layout.headers import ALGORITHM, holds_tiles, is_compressed_image, read_layout, why_not_kept
from fits_tiles.layout.original_card import KeptTiles, read_original_card

__all__ = ["Staged", "foreign_algorithm", "staged"]


@dataclass
class Staged:
    """A plain FITS file, in which foreign compressed images have been decoded."""

    file: IO[bytes]
    origin: list[int] = field(default_factory=list)  # of every HDU, its position in the source
    sizes: list[int] = field(default_factory=list)  # of every HDU, its size in the source
    notes: dict[int, str] = field(default_factory=dict)  # what happened to an HDU
    decoded: dict[int, Hdu] = field(default_factory=dict)  # the HDU of the source, where it was decoded
    primary: Hdu | None = None  # that of the source, where it stood for its first image only, and went
    doubts: list[str] = field(default_factory=list)  # what to know of HDUs whose sums do not fit
    kept: dict[int, KeptTiles] = field(default_factory=dict)  # of what was decoded, to make it again
    steps: dict[int, FloatSteps] = field(default_factory=dict)  # of quantised floats that were decoded

    def prove(self, source_fd: int, name: str) -> None:
        """
        Decode the source once more, as it was given, and compare its pixels and cards with this file's.

        Raises
        ------
        DifferenceError
            Naming HDU, and tile or card.
        """
        fd = self.file.fileno()
        for hdu in walk(fd, name):
            if (source := self.decoded.get(hdu.index)) is None:
                continue
            where = f"{name}: {source.label}"
            if (card := lost_card(source.cards, hdu.header, primary=hdu.index == 0)) is not None:
                raise DifferenceError(f"{where}: header card {card!r} is lost")
            tiles = ForeignTiles(source_fd, source, where)
            for number in range(tiles.count):
                for at, piece in _pieces(tiles, number):
                    if read_at(fd, hdu.data_start + at, len(piece), where) != piece:
                        raise DifferenceError(f"{where}: tile {number + 1} of {tiles.count} is not what was decoded")

    def prove_originals(
        self,
        source_fd: int,
        tables_fd: int,
        tables: dict[int, Hdu],
        name: str,
        workers: int,
        references: ReferenceFiles,
    ) -> None:
        """
        Make the HDUs of the source again, of this file's pixels and of what tables of ours keep, and compare them.

        `tables` are by the number of their image in this file.

        Raises
        ------
        DifferenceError
            If other bytes come out.
        FormatError
            If what is kept is damaged.
        """
        fd = self.file.fileno()
        for plain in walk(fd, name):
            source, table = self.decoded.get(plain.index), tables.get(plain.index)
            if source is None or table is None:
                continue
            where = f"{name}: {source.label}"
            card = read_original_card(table.cards, where)
            if card is None:
                continue
            kept = read_kept(tables_fd, table, card, plain.header, where)
            primary = self.primary.header if self.primary and plain.index == 0 else b""
            layout, pixels = read_layout(table.cards, where), PixelFile(fd, plain.data_start)
            coder = decoder_of(table, layout, where, references)
            found = original_pixels(kept, tables_fd, table, layout, coder, pixels, where=where, workers=workers)
            with found as original, scratch_file(None) as again:
                size = make_again(kept, original, again, where)
                same = size == source.size and kept.primary == primary
                if not same or not same_bytes(again.fileno(), 0, source_fd, source.start, size, where):
                    raise DifferenceError(f"{where}: the tiles made again are not those of the source")


def foreign_algorithm(hdu: Hdu) -> str:
    """Return the algorithm of a compressed image that `fits_tiles.compress` did not write, ``''`` for other HDUs."""
    if not is_compressed_image(hdu.cards) or holds_tiles(hdu.cards):
        return ""
    return str(card_value(find_card(hdu.cards, "ZCMPTYPE")) or "RICE_1")


@contextmanager
def staged(
    file: IO[bytes],
    name: str,
    folder: str | None,
    wanted: Callable[[Hdu], bool],
    *,
    only_ours: bool = False,
    originals: bool = False,
    leave: Mapping[int, str] | None = None,
) -> Iterator[Staged]:
    """
    Yield a file in which the compressed images of other programs are plain ones, as far as that loses nothing.

    It may lie in `folder`. Only HDUs that are wanted are decoded; with `only_ours`, only ASTROCODEC_1 tiles that were
    written through astropy. With `originals`, what makes them again is kept of all others, and those of which that
    would be too much are left as they are, as are those to `leave`, for the reason that is given.

    Raises
    ------
    FormatError
        If a tile cannot be decoded, or a header that says ASTROCODEC_1 is that of no compressed image.
    """
    fd = file.fileno()
    hdus = list(walk(fd, name))
    decode: dict[int, str] = {}
    kept: dict[int, str] = {}
    doubtful: set[int] = set()
    damaged: list[str] = []
    for hdu in hdus:
        algorithm = foreign_algorithm(hdu)
        if not algorithm or not wanted(hdu) or (only_ours and algorithm != ALGORITHM):
            continue
        try:
            if leave and hdu.index in leave:
                raise NotRecodedError(leave[hdu.index])
            wrong = fits_checksums(fd, hdu).wrong
            if wrong == "DATASUM":
                damaged.append(f"HDU {hdu.index}: its DATASUM does not fit; it may be damaged, and is kept as it is")
                raise NotRecodedError("its DATASUM does not fit; it may be damaged")
            ForeignTiles(fd, hdu, where := f"{name}: {hdu.label}")
            if not only_ours and (why := why_not_kept(plain_header(hdu.cards, where, primary=False))):
                raise NotRecodedError(why)
            decode[hdu.index] = algorithm
            if wrong and algorithm != ALGORITHM:
                doubtful.add(hdu.index)
        except NotRecodedError as refusal:
            kept[hdu.index] = f"kept as it is: {refusal}"
        except FormatError as error:
            if algorithm == ALGORITHM:
                raise  # of ours it is damage
            kept[hdu.index] = f"kept as it is: no compressed image, {error}"
    if not decode:
        yield replace(_as_it_is(file, hdus, kept), doubts=damaged)
        return
    with scratch_file(folder) as out, ExitStack() as stack:
        while True:
            try:
                scratch = partial(_kept_open, stack, folder)
                result = _stage(fd, hdus, out, name, decode, kept, doubtful, originals=originals, scratch=scratch)
                break
            except _KeptError as refusal:
                stack.close()
                del decode[refusal.index]
                kept[refusal.index] = f"kept as it is: {refusal.reason}"
                out.seek(0)
                out.truncate()
        result.doubts[:0] = damaged
        yield result


def _kept_open(stack: ExitStack, folder: str | None) -> IO[bytes]:
    return stack.enter_context(scratch_file(folder))


class _KeptError(Exception):
    """An HDU that is better left as it is."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def _as_it_is(file: IO[bytes], hdus: list[Hdu], kept: dict[int, str]) -> Staged:
    notes = {hdu.index: kept.get(hdu.index, "") for hdu in hdus}
    return Staged(file, [hdu.index for hdu in hdus], [hdu.size for hdu in hdus], notes)


def _stage(
    fd: int,
    hdus: list[Hdu],
    out: IO[bytes],
    name: str,
    decode: dict[int, str],
    kept: dict[int, str],
    doubtful: set[int],
    *,
    originals: bool,
    scratch: Callable[[], IO[bytes]],
) -> Staged:
    drop_first = 1 in decode and _stands_for_its_image(hdus[0], hdus[1])
    result = Staged(out, primary=hdus[0] if drop_first else None)
    for hdu in hdus[1:] if drop_first else hdus:
        number = len(result.origin)
        if hdu.index in decode:
            try:
                vouched = hdu.index not in doubtful
                plain, steps = _decode_hdu(fd, hdu, out, name, primary=number == 0, vouched=vouched, scratch=scratch)
                if steps:
                    result.steps[number] = steps
                if originals and decode[hdu.index] != ALGORITHM:
                    primary = hdus[0].header if drop_first and hdu.index == 1 else b""
                    pixels = steps or PixelFile(out.fileno(), plain.data_start)
                    result.kept[number] = keep(fd, hdu, name, pixels, plain, primary)
            except NotRecodedError as error:
                raise _KeptError(hdu.index, str(error)) from error
            result.decoded[number] = hdu
            result.notes[number] = f"recoded from {decode[hdu.index]}"
            if not vouched:
                result.doubts.append(f"HDU {hdu.index}: its CHECKSUM does not fit; it may be damaged, or edited since")
        else:
            copy_bytes(fd, hdu.start, hdu.stop, out, name, lambda size: None)
            result.notes[number] = kept.get(hdu.index, "")
        result.origin.append(hdu.index)
        result.sizes.append(hdu.size + (hdus[0].size if drop_first and hdu.index == 1 else 0))
    copy_bytes(fd, hdus[-1].stop, file_size(fd), out, name, lambda size: None)
    out.flush()
    return result


def _stands_for_its_image(primary: Hdu, image: Hdu) -> bool:
    """Tell whether a primary HDU is there only since a compressed primary image has to be an extension."""
    return primary.data_bytes == 0 and was_primary(image.cards) and says_nothing(primary.cards, image.cards)


def _decode_hdu(
    fd: int, hdu: Hdu, out: IO[bytes], name: str, *, primary: bool, vouched: bool, scratch: Callable[[], IO[bytes]]
) -> tuple[Hdu, FloatSteps | None]:
    """
    Append a compressed image as a plain one, tile after tile where it belongs: memory is that of one tile.

    The integers of quantised floats go to a file of their own. Where nothing vouches for the HDU, its image gets no
    checksums that fit.
    """
    where = f"{name}: {hdu.label}"
    tiles = ForeignTiles(fd, hdu, where)
    header = plain_header(hdu.cards, where, primary=primary, blank=tiles.blank)
    if (card := lost_card(hdu.cards, header, primary=primary)) is not None:
        raise NotRecodedError(f"no image has a place for its card {card!r}")
    start = out.tell()
    out.write(header)
    out.flush()
    base, size = start + len(header), prod(tiles.shape) * tiles.kind.itemsize
    out.truncate(base + padded(size))
    steps = None
    if tiles.is_quantised and tiles.algorithm != ALGORITHM:
        how = Quantisation.of_image(tiles, tiles.rows)
        steps = FloatSteps.empty(how, scratch(), PixelFile(out.fileno(), base))
    for number in range(tiles.count):
        if steps and (found := tiles.steps(number)) is not None:
            steps.write(tiles.place(number), found)
        for at, piece in _pieces(tiles, number):
            os.pwrite(out.fileno(), piece, base + at)
    stop = out.seek(0, os.SEEK_END)
    plain = Hdu(hdu.index, start, header, base, size, stop)
    data, said = data_sum(out.fileno(), plain), card_value(find_card(plain.cards, "DATASUM"))
    # The pixels are those of the original, or those that a program made of them, which sums of the tiles vouch for.
    told = said == str(data) and sum32(header, data) != 0xFFFFFFFF
    if vouched and (told or (said and fits_checksums(fd, hdu).data)):
        write_checksums(out.fileno(), plain)
    return replace(plain, header=bytes(read_at(out.fileno(), start, len(header), where))), steps


def _pieces(tiles: ForeignTiles, number: int) -> Iterator[tuple[int, memoryview]]:
    """Yield the consecutive bytes of a tile and where they lie in the image's data."""
    raw = memoryview(tiles.pixels(number).tobytes())
    size, done = tiles.kind.itemsize, 0
    for first, count in runs(tiles.shape, tiles.place(number)):
        yield first * size, raw[done * size : (done + count) * size]
        done += count
