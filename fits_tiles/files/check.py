"""Proof that a compressed file holds what it should: every tile decoded, every pixel and header card compared."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import DifferenceError, FormatError, ModelNotFoundError
from astrocodec.files.file_report import Checked, ImageLoss, weakest
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import FileLike, target_name
from astrocodec.inspection import codec_of
from fits_tiles.files.coders import TileCoder
from fits_tiles.files.container import (
    ReferenceFiles,
    begins_with_primary_image,
    decoder_of,
    odd_padding,
    padding_of,
    refuse_lone_empty_primary,
    restored_header,
    stored_model,
)
from fits_tiles.files.decompress import decompress
from fits_tiles.files.foreign import foreign_algorithm, staged
from fits_tiles.files.foreign_header import plain_header
from fits_tiles.files.foreign_tiles import ForeignTiles, NotRecodedError
from fits_tiles.files.image_loss import loss_in
from fits_tiles.files.original import make_again, read_kept
from fits_tiles.files.original_pixels import original_pixels
from fits_tiles.files.quantisation import Quantisation
from fits_tiles.files.reference_files import references_of
from fits_tiles.files.report import FileReport, HduReport
from fits_tiles.files.source import open_source, scratch_file, size_on_disk
from fits_tiles.files.survey import survey, word_of_edited
from fits_tiles.files.tile_pixels import PixelFile
from fits_tiles.files.tiles_io import (
    decoded_bands,
    file_size,
    first_stream,
    named_references,
    read_band,
    write_band,
)
from fits_tiles.files.variance_hdu import VARIANCE_OF
from fits_tiles.files.within import Within, check_restored, without_sums
from fits_tiles.layout.blocks import (
    BLOCK,
    Hdu,
    data_length,
    find_card,
    padded,
    read_at,
    split_cards,
    walk,
    was_primary,
)
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.checksums import fits_checksums
from fits_tiles.layout.grid import Band
from fits_tiles.layout.headers import ALGORITHM, TileLayout, holds_tiles, read_layout
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.loss_cards import label_of, says_lossy, stated_loss, without_loss_cards
from fits_tiles.layout.manifest import emptied, tail_of
from fits_tiles.layout.model_cards import holds_whole_model, read_model
from fits_tiles.layout.original_card import read_original_card
from fits_tiles.layout.plain_image import is_plain_image, plain_layout
from fits_tiles.layout.table import TileTable
from fits_tiles.layout.tiles_card import fingerprint_in

__all__ = ["Pair", "compare", "describe", "info", "keeps_tiles", "verify"]

_PIECE = 1 << 22


@dataclass(frozen=True)
class Pair:
    """An HDU of the original, the number of the HDU that holds it, and how: as tiles or byte for byte."""

    original: Hdu
    number: int
    tiles: bool
    lossy: bool = False


def compare(
    original_fd: int,
    fd: int,
    pairs: list[Pair],
    name: str,
    workers: int,
    advance: Callable[[int], None],
    references: ReferenceFiles,
) -> None:
    """
    Compare a compressed file with its original, byte for byte in headers, pixels and padding.

    Raises
    ------
    DifferenceError
        Naming HDU, and card or pixel, of the first difference.
    FormatError
        If a tile does not decode.
    """
    hdus = list(walk(fd, name))
    for pair in pairs:
        hdu = hdus[pair.number]
        where = f"{name}: {pair.original.label}"
        if not pair.tiles and (loss := _new_loss(pair.original, hdu)):
            _compare_headers(without_sums(pair.original.header), without_sums(without_loss_cards(hdu.header)), where)
            check_restored(original_fd, pair.original, fd, hdu, loss, where)
            advance(pair.original.size)
            continue
        if not pair.tiles:
            _compare_bytes(original_fd, pair.original, fd, hdu, where, advance)
            continue
        layout = read_layout(hdu.cards, where)
        found = restored_header(fd, hdu, where, primary=pair.original.index == 0)
        was_lossy = bool(says_lossy(pair.original.cards))
        of_steps = layout.quantization is not None
        expected, header = pair.original.header, found.header
        if pair.lossy and not was_lossy:
            header = without_loss_cards(header)
        elif pair.lossy and not of_steps:  # the original is what it gives back, with sums of its own
            expected, header = without_sums(expected), without_sums(header)
        _compare_headers(expected, header, where)
        if padding_of(hdu, where) != odd_padding(original_fd, pair.original):
            raise DifferenceError(f"{where}: the padding behind the pixels differs from the original's")
        coder = decoder_of(hdu, layout, where, references)
        tolerance: _Tolerance | Within | None = None
        if pair.lossy and (of_steps or not was_lossy):
            tolerance = _Tolerance(fd, hdu, layout, where) if of_steps else Within(fd, hdu, layout, where)
        for band, pixels in decoded_bands(fd, hdu, layout, coder, where=where, workers=workers):
            start = pair.original.data_start
            if tolerance is not None:
                raw = read_band(original_fd, start, band, where)
                tolerance.check(band, np.frombuffer(raw, layout.pixel_type).reshape(band.shape), pixels)
            else:
                _compare_pixels(original_fd, start, pixels, band, layout, where)
            del pixels
            advance(band.size)
        advance(pair.original.size - pair.original.data_bytes)
    _compare_tails(original_fd, pairs, fd, hdus, name)


def _new_loss(original: Hdu, hdu: Hdu) -> ImageLoss | None:
    """Return what a plain image has lost by its cards since it was the original; None where that says so too."""
    if says_lossy(original.cards) or not is_plain_image(hdu) or original.data_bytes != hdu.data_bytes:
        return None
    return stated_loss(hdu.cards)


def _compare_tails(original_fd: int, pairs: list[Pair], fd: int, hdus: list[Hdu], name: str) -> None:
    """Compare what follows the last HDU."""
    first, second = pairs[-1].original.stop, hdus[-1].stop
    expected, found = (tail_of(original_fd, first, name), tail_of(fd, second, name))
    if expected != found:
        raise DifferenceError(f"{name}: {found[0]} bytes follow the last HDU, the original has {expected[0]} or others")


def _compare_bytes(
    original_fd: int, original: Hdu, fd: int, hdu: Hdu, where: str, advance: Callable[[int], None]
) -> None:
    if original.size != hdu.size:
        raise DifferenceError(f"{where}: has {hdu.size} bytes, the original {original.size}")
    begin = 0
    if holds_tiles(hdu.cards):
        # A manifest is that of one file; the CHECKSUM of its table goes with it.
        _compare_headers(_lasting(original), _lasting(hdu), where)
        begin = len(hdu.header)
        advance(begin)
    step = 512 * BLOCK
    for at in range(begin, hdu.size, step):
        size = min(step, hdu.size - at)
        if read_at(original_fd, original.start + at, size, where) != read_at(fd, hdu.start + at, size, where):
            raise DifferenceError(f"{where}: copied bytes {at} to {at + size} differ from the original's")
        advance(size)


def _lasting(hdu: Hdu) -> bytes:
    return assemble([card for card in emptied(hdu.cards) if card[:9] != b"CHECKSUM="])


def _compare_headers(expected: bytes, found: bytes, where: str) -> None:
    if expected == found:
        return
    for number, (left, right) in enumerate(zip(split_cards(expected), split_cards(found), strict=False), 1):
        if left != right:
            raise DifferenceError(f"{where}: header card {number} is {right!r}, the original's is {left!r}")
    numbers = len(split_cards(found)), len(split_cards(expected))
    raise DifferenceError(f"{where}: the header has {numbers[0]} cards, the original {numbers[1]}")


def _compare_pixels(fd: int, start: int, pixels: npt.NDArray[Any], band: Band, layout: TileLayout, where: str) -> None:
    """Compare a band with the original whose pixels begin at a byte of a file."""
    found, done = pixels.reshape(-1), 0
    for offset, size in band.pieces():
        piece = found[done : done + size // layout.itemsize]
        raw = read_at(fd, start + offset, size, where)
        if raw != piece.data.cast("B"):
            _report_pixel(np.frombuffer(raw, layout.pixel_type), piece, offset // layout.itemsize, layout, where)
        done += len(piece)


def _report_pixel(
    expected: npt.NDArray[Any], found: npt.NDArray[Any], start: int, layout: TileLayout, where: str
) -> None:
    # Compare bits, so that NaN payloads and signed zeros count.
    bits = f"u{layout.itemsize}"
    first = int(np.flatnonzero(expected.view(bits) != found.view(bits))[0])
    place = np.unravel_index(start + first, layout.shape)
    raise DifferenceError(
        f"{where}: pixel {tuple(int(n) for n in place)} (from 0, NumPy order) is {found[first]}, "
        f"the original's is {expected[first]}"
    )


class _Tolerance:
    """Quantised floats must lie within one step of the original, NaN on NaN; tiles that were not, be equal."""

    def __init__(self, fd: int, hdu: Hdu, layout: TileLayout, where: str) -> None:
        self._table = TileTable.read(fd, hdu, layout, layout.grid.count, where)
        self._where = where

    def check(self, band: Band, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> None:
        for number, place in enumerate(band.tiles, band.first_tile):
            if self._table.place(number)[2]:
                if expected[place].tobytes() != found[place].astype(expected.dtype).tobytes():
                    raise DifferenceError(f"{self._where}, tile {number + 1}: pixels differ, though none was rounded")
                continue
            step = abs(float(self._table.rows["ZSCALE"][number]))
            left, right = expected[place].astype(np.float64), found[place].astype(np.float64)
            with np.errstate(invalid="ignore"):
                # Sums of a step and the tile's zero are rounded, then each pixel.
                rounding = np.finfo(np.float64).eps * np.abs(left[np.isfinite(left)]).max(initial=0.0)
                slack = step + 4 * (rounding + np.finfo(found.dtype).eps * np.abs(left))
                near = np.isfinite(left) & (np.abs(left - right) <= slack)
            if not (near | (np.isnan(left) & np.isnan(right))).all():
                raise DifferenceError(f"{self._where}, tile {number + 1}: pixels differ by more than the step {step:g}")


def describe(hdu: Hdu, where: str) -> HduReport:
    """Report on an HDU from its header alone."""
    entry = HduReport(hdu.name, index=hdu.index, original_bytes=hdu.size, compressed_bytes=hdu.size)
    if holds_tiles(hdu.cards):
        layout = read_layout(hdu.cards, where)
        found = restore_header(hdu.cards, where)
        entry.tell_image("compressed", layout)
        try:
            model, missing = stored_model(hdu, where), ""
        except ModelNotFoundError as error:
            model, missing = None, str(error)
        entry.tell_model(fingerprint_in(hdu.cards), model)
        data = entry.pixels * layout.itemsize
        odd = padding_of(hdu, where)
        entry.original_bytes = len(found.header) + (padded(data) if odd is None else data + len(odd))
        parts = [f"container {layout.container}", "lossy: quantised floats" if layout.quantization else ""]
        parts.append("self-contained" if holds_whole_model(hdu.cards, where) else "")
        parts += [found.edits, missing]
        entry.note = "; ".join(filter(None, parts))
    elif is_plain_image(hdu):
        entry.tell_image("image", plain_layout(hdu, where))
        entry.add_note(_lossy_before(hdu.cards), label_of(hdu.cards))
    elif algorithm := foreign_algorithm(hdu):
        _describe_foreign(entry, hdu, algorithm, where)
    entry.work_out_bits()
    return entry


def _lossy_before(cards: tuple[bytes, ...]) -> str:
    """Say by the cards of an image that is whole itself what it lost before."""
    asked = says_lossy(cards)
    return asked and f"lossy before: {asked}"


def _describe_foreign(entry: HduReport, hdu: Hdu, algorithm: str, where: str) -> None:
    try:
        header = plain_header(hdu.cards, where, primary=False)
        cards = split_cards(header)
        data_bytes = data_length(cards, where, primary=False)
    except FormatError as error:
        if algorithm == ALGORITHM:
            raise
        entry.note = f"no image, though it says that it is one compressed with {algorithm}: {error}"
        return
    plain = Hdu(hdu.index, 0, header, 0, 0, 0)
    entry.tell_image("compressed" if algorithm == ALGORITHM else "copied", plain_layout(plain, where))
    entry.original_bytes = len(header) + padded(data_bytes)
    tuned = read_model(hdu.cards, where) if algorithm == ALGORITHM else None
    entry.tell_model(tuned.fingerprint if tuned else "", tuned)
    entry.note = f"compressed with {algorithm}"


def info(path: FileLike) -> FileReport:
    """
    Report on a FITS file from its headers; no pixel is decoded.

    Parameters
    ----------
    path : path or binary file object
        Plain, compressed, gzip or bzip2.

    Returns
    -------
    FileReport
        ``original_bytes`` is the size of the file that decompression would give.

    Raises
    ------
    FormatError
        If the file is not FITS, cut short or damaged in a header.
    """
    started = time.perf_counter()
    name = target_name(path)
    with open_source(path, None) as file:
        hdus = list(walk(file.fileno(), name))
        report = _report(path, name, file, hdus)
    report.seconds = time.perf_counter() - started
    return report


def _why_not_anew(fd: int, hdu: Hdu) -> str:
    """Say why `compress` would keep tiles of another program."""
    try:
        ForeignTiles(fd, hdu, hdu.label)
    except NotRecodedError as refusal:
        return f", not coded anew: {refusal}"
    except FormatError:
        pass  # that is for those who decode them
    return ""


def _of_original(fd: int, hdu: Hdu, where: str) -> list[str]:
    """Say what a table was coded anew from, and whether that can be had back."""
    card = read_original_card(hdu.cards, where)
    if card is None:
        return []
    found = restored_header(fd, hdu, where, primary=was_primary(hdu.cards), edited=True)
    words = [f"recoded from {card.algorithm}"]
    if found.edits:
        return words
    with suppress(FormatError, NotRecodedError):  # that is for those who decode them
        image = read_kept(fd, hdu, card, found.header, where).image
        words += [Quantisation.of_image(image).words] if image.is_quantised else []
        words.append("--to original gives the very file back")
    return words


def _report(path: FileLike, name: str, file: IO[bytes], hdus: list[Hdu]) -> FileReport:
    """Report on a file from its headers."""
    report = FileReport(name, "", 0, size_on_disk(path, file))
    report.hdus = [describe(hdu, f"{name}: {hdu.label}") for hdu in hdus]
    for hdu, entry in zip(hdus, report.hdus, strict=True):
        if foreign_algorithm(hdu) not in ("", ALGORITHM):
            entry.note += _why_not_anew(file.fileno(), hdu)
        if holds_tiles(hdu.cards) and not entry.model:
            entry.codec = codec_of(first_stream(file.fileno(), hdu)) or "unknown"
        if holds_tiles(hdu.cards):
            lost = loss_in(file.fileno(), hdu, f"{name}: {hdu.label}")
            if lost:
                entry.tell_loss(lost)
            else:
                entry.add_note(_lossy_before(hdu.cards))
            entry.add_note(label_of(hdu.cards))
            entry.add_note(*_of_original(file.fileno(), hdu, f"{name}: {hdu.label}"))
            entry.add_note(*(f"beside {name}" for name in named_references(file.fileno(), hdu)))
    tail = file_size(file.fileno()) - hdus[-1].stop
    skipped = 0
    if begins_with_primary_image(hdus):
        skipped = hdus[0].size  # it is there because of that image
        report.hdus[0].compressed_bytes = 0
        report.hdus[1].compressed_bytes += skipped
        report.hdus[1].work_out_bits()
    report.original_bytes = sum(entry.original_bytes for entry in report.hdus) + tail - skipped
    return report


def keeps_tiles(path: str | os.PathLike[str], *, edited: bool = False) -> bool:
    """
    Tell by the headers of a file whether it keeps tiles of another program for ``to="original"``.

    With `edited`, those of an image whose header was edited do not count. What cannot be read keeps none; that is for
    those who decompress it.
    """
    if not os.path.isfile(path):
        return False
    with suppress(FormatError, OSError), open_source(path, None) as file:
        fd, name = file.fileno(), str(path)
        for hdu in walk(fd, name):
            where = f"{name}: {hdu.label}"
            if holds_tiles(hdu.cards) and read_original_card(hdu.cards, where) is not None:
                found = restored_header(fd, hdu, where, primary=was_primary(hdu.cards), edited=edited)
                if not (edited and found.edits):
                    return True
    return False


def verify(
    path: FileLike,
    original: FileLike | None = None,
    *,
    reference: str | os.PathLike[str] | None = None,
    workers: int = 1,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Decode every tile of a compressed file and check every checksum; compare with the original where it is given.

    Parameters
    ----------
    path : path or binary file object
        Compressed file.
    original : path or binary file object, optional
        What it was made from: pixels, header cards and padding must be equal. Of a compressed one, what it gives back.
    reference : path, optional
        A file with the image beside which images were compressed, where the store beside `path` is lost.
    workers : int
        Threads.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Raises
    ------
    DifferenceError
        Naming file, HDU, and card or pixel, of the first difference from the original.
    FormatError
        Naming file, HDU and tile of the first damage.
    """
    started = time.perf_counter()
    name = target_name(path)
    with open_source(path, None) as file:
        fd = file.fileno()
        hdus = list(walk(fd, name))
        refuse_lone_empty_primary(hdus, name)
        report = _report(path, name, file, hdus)
        references = references_of(path, reference)
        if original is None:
            _check_file(fd, hdus, name, workers, progress, report, references)
            with staged(file, name, None, lambda hdu: True, only_ours=True):
                pass  # tiles that astropy wrote have been decoded when the staged file is there
        else:
            with staged(file, name, None, lambda hdu: True, only_ours=True) as given:
                fd = given.file.fileno()
                hdus = list(walk(fd, name))
                added = _compare_files(fd, hdus, original, name, workers, progress, report, references)
                for hdu, entry in zip(hdus, report.hdus, strict=True):
                    known: Checked = "checksum ok" if fits_checksums(fd, hdu).whole else "not checked"
                    entry.checked = known if hdu in added else "verified"
            report.checked = weakest(entry.checked for entry in report.hdus)
    report.seconds = time.perf_counter() - started
    return report


def _check_file(
    fd: int,
    hdus: list[Hdu],
    name: str,
    workers: int,
    progress: ProgressCall | None,
    report: FileReport,
    references: ReferenceFiles,
) -> None:
    """Check a file by itself, and say of every HDU what is known of it then."""
    known = survey(fd, hdus, name)
    meter = Meter(progress, sum(entry.original_bytes for entry in report.hdus))
    for hdu, entry, word in zip(hdus, report.hdus, known.words, strict=True):
        entry.checked = word
        if holds_tiles(hdu.cards):
            others = _decode_all(fd, hdu, f"{name}: {hdu.label}", entry, workers, meter, references)
            report.notes += [others] if others else []
            known.refuse_suspect(hdu.index)
        else:
            meter.advance(hdu.size)
            if foreign_algorithm(hdu) == ALGORITHM and word == "not checked":
                entry.checked = "decoded"
    report.checked = weakest([*(entry.checked for entry in report.hdus), known.whole])
    if known.notes:
        report.hdus[0].add_note(*known.notes)
    meter.finish()


def _decode_all(
    fd: int, hdu: Hdu, where: str, entry: HduReport, workers: int, meter: Meter, references: ReferenceFiles
) -> str:
    """Decode a table of ours; return why the tiles that it was coded anew from cannot be made again here, if so."""
    layout = read_layout(hdu.cards, where)
    header = restored_header(fd, hdu, where, primary=False)
    if header.edits:
        entry.checked = word_of_edited(fd, hdu)
    padding_of(hdu, where)
    coder: TileCoder = decoder_of(hdu, layout, where, references)
    card = None if header.edits else read_original_card(hdu.cards, where)
    with ExitStack() as stack:
        spool = stack.enter_context(scratch_file(None)) if card else None
        for band, pixels in decoded_bands(fd, hdu, layout, coder, where=where, workers=workers):
            if spool:
                write_band(spool.fileno(), 0, band, pixels)
            del pixels
            meter.advance(band.size)
        if card and spool:
            image = restored_header(fd, hdu, where, primary=was_primary(hdu.cards)).header
            kept = read_kept(fd, hdu, card, image, where)
            plain = PixelFile(spool.fileno(), 0)
            found = original_pixels(kept, fd, hdu, layout, coder, plain, where=where, workers=workers)
            try:
                make_again(kept, stack.enter_context(found), stack.enter_context(scratch_file(None)), where)
            except DifferenceError as error:
                # All that the file holds agreed with its checksums: it is the coders here that are others.
                return str(error)
    return ""


def _compare_files(
    fd: int,
    hdus: list[Hdu],
    original: FileLike,
    name: str,
    workers: int,
    progress: ProgressCall | None,
    report: FileReport,
    references: ReferenceFiles,
) -> list[Hdu]:
    """
    Compare with the original as it was given: with its bytes, and where other programs compressed it, its pixels.

    Return the images of variance that a restored file has beside, which are not compared with anything.
    """
    source = target_name(original)
    with ExitStack() as stack:
        file = stack.enter_context(open_source(original, None))
        report.original_bytes = size_on_disk(original, file)
        if _same_bytes(fd, file.fileno(), name):
            # Two copies of the same damage are damaged.
            _check_file(fd, hdus, name, workers, progress, report, references)
            return []
        if any(holds_tiles(hdu.cards) for hdu in walk(file.fileno(), source)):
            # Two compressed forms of a file are equal if they give back the same one.
            restored = stack.enter_context(scratch_file(None))
            # By its name, from which its references are found.
            given = original if isinstance(original, (str, os.PathLike)) else file
            decompress(given, restored, workers=workers)
            restored.flush()
            file = restored
        shift = 1 if begins_with_primary_image(hdus) else 0
        plain = stack.enter_context(staged(file, source, None, lambda hdu: _recoded(hdu, hdus, shift)))
        first = list(walk(plain.file.fileno(), source))
        added = [hdu for hdu in hdus[len(first) + shift :] if find_card(hdu.cards, VARIANCE_OF)]
        if len(first) != len(hdus) - shift - len(added):
            raise DifferenceError(f"{name}: has {len(hdus) - shift} HDUs, the original {source} has {len(first)}")
        pairs = []
        for hdu in first:
            number = hdu.index + shift
            tiles = holds_tiles(hdus[number].cards)
            lossy = tiles and read_layout(hdus[number].cards, name).quantization is not None
            lossy = lossy or (tiles and loss_in(fd, hdus[number], name) is not None)
            pairs.append(Pair(hdu, number, tiles, lossy))
        meter = Meter(progress, file_size(plain.file.fileno()))
        compare(plain.file.fileno(), fd, pairs, name, workers, meter.advance, references)
        plain.prove(file.fileno(), source)
        for pair in pairs:
            if not pair.tiles and (loss := _new_loss(pair.original, hdus[pair.number])):
                entry = report.hdus[pair.number]
                entry.note = "; ".join(note for note in entry.note.split("; ") if not note.startswith("lossy before"))
                entry.tell_loss(loss)
        tables = {pair.original.index: hdus[pair.number] for pair in pairs if pair.tiles}
        plain.prove_originals(file.fileno(), fd, tables, source, workers, references)
        return added


def _same_bytes(fd: int, other_fd: int, name: str) -> bool:
    size = file_size(fd)
    if size != file_size(other_fd):
        return False
    steps = range(0, size, _PIECE)
    return all(
        read_at(fd, at, min(_PIECE, size - at), name) == read_at(other_fd, at, min(_PIECE, size - at), name)
        for at in steps
    )


def _recoded(hdu: Hdu, hdus: list[Hdu], shift: int) -> bool:
    """Tell whether a foreign compressed HDU of the original was coded anew: it is not there byte for byte any more."""
    return not any(other.header == hdu.header for other in hdus[shift:])
