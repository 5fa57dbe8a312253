"""FITS files to files of ASTROCODEC_1 tiles."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from astrocodec.codecs import exact_codec
from astrocodec.errors import CorruptError, DifferenceError, FormatError
from astrocodec.files.file_report import weakest
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import FileLike, Target, target_name
from astrocodec.model import Model, load_model
from fits_tiles.files.check import Pair, compare
from fits_tiles.files.chosen_reference import ChosenReference
from fits_tiles.files.compress_settings import CompressSettings, dither_method, loss_options
from fits_tiles.files.container import (
    EMPTY_PRIMARY,
    begins_with_primary_image,
    restored_header,
)
from fits_tiles.files.foreign import Staged, staged
from fits_tiles.files.image_table import Image, bound_of, write_image
from fits_tiles.files.packed import packing_of_path
from fits_tiles.files.quantisation import StepsError
from fits_tiles.files.reference_files import References, references_of
from fits_tiles.files.reference_store import carry
from fits_tiles.files.report import FileReport, HduReport
from fits_tiles.files.selection import select
from fits_tiles.files.source import open_source, size_on_disk
from fits_tiles.files.survey import survey
from fits_tiles.files.tiles_io import copy_bytes, file_size
from fits_tiles.layout.blocks import Hdu, card_value, find_card, walk, was_primary
from fits_tiles.layout.checksums import write_checksums
from fits_tiles.layout.headers import (
    holds_tiles,
    why_not_kept,
)
from fits_tiles.layout.manifest import MOST_HDUS, fill_manifest, header_without_manifest, room_for
from fits_tiles.layout.model_cards import holds_whole_model
from fits_tiles.layout.plain_image import is_plain_image
from fits_tiles.layout.tiles_card import fingerprint_in

__all__ = ["compress"]


def compress(
    src: FileLike,
    dst: FileLike | None,
    *,
    container: str = "zimage",
    tile_shape: Sequence[int] | None = None,
    model: str | Path | Model = "default",
    codec: str = "causal",
    self_contained: bool = False,
    tune: bool = True,
    effort: int = 5,
    quantize_level: float | None = None,
    dither: int | str | None = None,
    dither_seed: int | None = None,
    max_error: float | str | None = None,
    noise_increase: float | str | None = None,
    gain: float | str | None = None,
    read_noise: float | None = None,
    protect_sources: bool = False,
    saturation: float | None = None,
    extensions: Iterable[int | str] | int | str | None = None,
    workers: int = 1,
    verify: bool = True,
    checksums: bool = True,
    overwrite: bool = False,
    only_smaller: bool = False,
    reference: str | os.PathLike[str] | None = None,
    embed_reference: bool = False,
    original: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Compress the images of a FITS file, losslessly unless `max_error`, `noise_increase` or `quantize_level` is given.

    Tables and other HDUs are copied byte for byte. Memory stays flat however large the file is.

    Parameters
    ----------
    src : path or binary file object
        Plain, gzip, bzip2 or tile-compressed FITS.
    dst : path or binary file object or None
        Appears whole or not at all; None only measures.
    container : {'zimage', 'table'}
        The tile convention, or a plain table that programs without astrocodec step over.
    tile_shape : sequence of int, optional
        Rows and columns of a tile.
    model : str or path or Model
        Model to code with, or to start tuning from.
    codec : str
        Another codec that is installed, for the tiles; it takes no model. One that is not exact is refused.
    self_contained : bool
        Put the whole model into the header of every image that is compressed, some 50 kB more each, so that a reader
        needs nothing but the format's description. The model need not be one that readers have then.
    tune : bool
        Fit the model to every image HDU; kept only where it wins.
    effort : int
        1 to 9, time spent on tuning.
    quantize_level : float, optional
        Quantise floats as astropy does: steps per sigma of the noise, or minus the step. Lossy.
    dither : int or str, optional
        1 or 2 (subtractive dither, 1 by default) or -1 (none); with a bound True or False, see `astrocodec.Bound`.
    dither_seed : int, optional
        1 to 10000; by default it follows from the first tile's bytes.
    max_error, noise_increase : float or str, optional
        LOSSY, integers and floats, within a bound of every pixel, which is checked before the new file appears:
        `astrocodec.Bound` says what they are; numbers are in the unit of the image, BSCALE and BZERO applied. NaN,
        infinities and BLANK pixels are kept. Images that lose nothing, or must not, are lossless, and the report says
        so; the headers of the others say what they lost (docs/fits.md).
    gain : float or 'header', optional
        With a bound: electrons per unit, so that steps grow with the noise of bright pixels. ``'header'`` takes gain,
        read noise and saturation that are not given from the cards of the image or of the primary HDU.
    read_noise : float, optional
        Electrons; with `gain`.
    protect_sources : bool
        With a bound: a quarter of the step on sources.
    saturation : float, optional
        With a bound: pixels from here on are kept exactly; in the unit of the image.
    extensions : iterable of int or str, optional
        HDUs to compress, by number or ``EXTNAME``; the others are copied.
    workers : int
        Threads.
    verify : bool
        Decode every tile of the new file and compare every pixel and header card before it appears.
    checksums : bool
        Give a table ``CHECKSUM`` and ``DATASUM`` where its image had either; the image's own come back in any case.
    overwrite : bool
        Whether `dst` may be replaced.
    only_smaller : bool
        Write nothing where the new file would not be smaller than `src` as it lies on the disk, packed or not; the
        report's target is then ``''``.
    reference : path, optional
        Another FITS file, in a str with or without ``[HDU]``: a bias, a dark, an exposure. Images of integers are coded
        beside its image of the same number, else the first that has their shape, where that makes them smaller. That
        image is kept once in ``astrocodec-references/`` beside `dst`, by the SHA-256 of its pixels, and that folder
        must go along with `dst`; the file itself is not needed any more. Both images are held in memory.
    embed_reference : bool
        Put what is needed of the reference into the file, where both together are smaller than the image alone.
    original : bool
        Keep what gives tiles of other programs back, byte for byte, to ``decompress(..., to="original")``; tiles of
        which that is too much stay as they are. Without it their pixels are coded whatever the tiles were.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    FileReport

    Raises
    ------
    DifferenceError
        If the new file does not give back the source; it is not kept.
    FileExistsError
        If `dst` exists and may not be replaced.
    FormatError
        If `src` is not a whole FITS file; the message names HDU and byte.
    OSError
        If a file cannot be read or written. Nothing is left behind.
    ValueError
        If an argument is out of range or names no HDU, or a stream has no place for its reference.

    Examples
    --------
    >>> import io, numpy as np
    >>> from astropy.io import fits
    >>> plain, packed = io.BytesIO(), io.BytesIO()
    >>> fits.PrimaryHDU(np.zeros((64, 64), np.int16)).writeto(plain)
    >>> report = compress(io.BytesIO(plain.getvalue()), packed)
    >>> report.verified, report.hdus[0].shape
    (True, (64, 64))
    """
    started = time.perf_counter()
    loss = loss_options(max_error, noise_increase, gain, read_noise, dither, protect_sources, saturation)
    if loss and (quantize_level or reference is not None or codec != "causal"):
        raise ValueError("a bound goes with none of quantize_level, reference and codec: choose one")
    asked = {"model": model != "default", "self_contained": self_contained, "effort": effort != 5}
    is_causal = exact_codec(codec, **asked) == "causal"
    settings = CompressSettings(
        container,
        None if tile_shape is None else tuple(int(n) for n in tile_shape),
        load_model(model),
        codec,
        self_contained,
        tune and is_causal,
        effort,
        quantize_level or None,
        1 if loss else dither_method(dither),
        dither_seed,
        workers,
        checksums,
        ChosenReference.named(reference, embed_reference, src, dst) if is_causal else None,
        loss,
    )
    name = target_name(src)
    with Target(dst, overwrite=overwrite, like=src) as target, open_source(src, target.folder) as file:
        given = list(walk(file.fileno(), name))
        chosen = select(given, extensions, name)
        _refuse_damaged_tiles(file.fileno(), given, name)
        leave: dict[int, str] = {}
        with ExitStack() as stack:
            while True:
                wanted = staged(
                    file, name, target.folder, lambda hdu: hdu.index in chosen, originals=original, leave=leave
                )
                plain = stack.enter_context(wanted)
                fd = plain.file.fileno()
                size = file_size(fd)
                report = FileReport(name, target.name, size_on_disk(src, file))
                meter = Meter(progress, size * (2 if verify else 1))
                try:
                    pairs = _write(target.file, plain, chosen, settings, name, report, meter)
                    if not (better_left := _no_smaller(plain, pairs, report)):
                        break
                except _UntoldError as untold:
                    better_left = untold.reasons
                leave |= better_left
                stack.close()
                target.file.seek(0)
                target.file.truncate()
            report.compressed_bytes = target.file.tell()
            if only_smaller and report.compressed_bytes >= report.original_bytes:
                report.target, report.seconds = "", time.perf_counter() - started
                return report
            references = settings.reference.as_readers() if settings.reference else References()
            if settings.reference:
                report.references = settings.reference.stored
                if not settings.reference.used:
                    report.notes.append(
                        f"no image was coded beside {settings.reference.path}, which fits none or makes none smaller"
                    )
            if dst is not None:
                copied = [pair.original for pair in pairs if not pair.tiles]
                carry(fd, copied, references_of(src).folders, target.folder, name)
            if verify:
                _check(fd, target, pairs, name, workers, meter, references)
                plain.prove(file.fileno(), name)
                made = list(walk(target.file.fileno(), name))
                tables = {pair.original.index: made[pair.number] for pair in pairs if pair.tiles}
                plain.prove_originals(file.fileno(), target.file.fileno(), tables, name, workers, references)
                _say_verified(report, pairs)
            report.notes += plain.doubts
            if plain.kept and isinstance(src, (str, os.PathLike)) and (packing := packing_of_path(src)):
                report.notes.append(f"--to original gives what is inside {name}, without {packing}")
            meter.finish()
            report.written = target.commit()
    report.seconds = time.perf_counter() - started
    return report


class _UntoldError(Exception):
    """Which HDU of the source no stream of ours can tell of, and why."""

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


def _no_smaller(plain: Staged, pairs: list[Pair], report: FileReport) -> dict[int, str]:
    """Say which HDUs of the source are better left in the tiles that they are in."""
    return {
        plain.origin[number]: f"its {kept.card.algorithm} tiles are no larger than ours"
        for number, kept in plain.kept.items()
        if pairs[number].tiles and report.hdus[number].compressed_bytes >= plain.sizes[number]
    }


def _say_verified(report: FileReport, pairs: list[Pair]) -> None:
    """All was compared; but what no manifest watches from now on is not to be had from this file alone."""
    watched = not any(pair.tiles for pair in pairs) or bool(room_for(pairs[-1].number + 1))
    for entry, pair in zip(report.hdus, pairs, strict=True):
        entry.checked = "verified" if watched or pair.tiles else "not checked"
        if entry.checked != "verified":
            entry.add_note(f"in a file of more than {MOST_HDUS} HDUs nothing watches what is copied")
    report.checked = weakest(entry.checked for entry in report.hdus)


def _refuse_damaged_tiles(fd: int, hdus: list[Hdu], name: str) -> None:
    """Raise an error where tables of tiles, which will be copied, are damaged."""
    tables = [hdu for hdu in hdus if holds_tiles(hdu.cards)]
    known = survey(fd, hdus, name) if tables else None
    for hdu in tables:
        restored_header(fd, hdu, f"{name}: {hdu.label}", primary=False)
        assert known is not None
        known.refuse_suspect(hdu.index)


def _check(
    fd: int, target: Target, pairs: list[Pair], name: str, workers: int, meter: Meter, references: References
) -> None:
    """Compare what was written with the source; whatever is wrong with it, the source is not to blame."""
    try:
        compare(fd, target.file.fileno(), pairs, name, workers, meter.advance, references)
        if not any(pair.tiles for pair in pairs):
            return  # a copy, whatever is wrong with its checksums
        made = list(walk(target.file.fileno(), name))
        written = survey(target.file.fileno(), made, name)
        if written.notes:
            raise CorruptError(f"{name}: {written.notes[0]}")
        # Where images go when they are unpacked is told by cards that the comparison does not ask.
        is_packed = pairs[0].tiles and pairs[0].original.index == 0
        if begins_with_primary_image(made) != (is_packed or begins_with_primary_image(list(walk(fd, name)))):
            raise CorruptError(f"{name}: the primary image and an empty primary HDU would be taken for each other")
        for pair in pairs:
            if pair.tiles and was_primary(made[pair.number].cards) != (pair.original.index == 0):
                raise CorruptError(f"{name}: {pair.original.label}: primary image and extension would be confused")
    except FormatError as error:
        raise DifferenceError(f"{error} (in the new file, which was not kept; please report it)") from error


def _write(
    out: IO[bytes],
    plain: Staged,
    chosen: set[int],
    settings: CompressSettings,
    name: str,
    report: FileReport,
    meter: Meter,
) -> list[Pair]:
    """Write every HDU and what follows the last one; return which HDU went where."""
    fd = plain.file.fileno()
    pairs: list[Pair] = []
    written = stop = 0
    hdus = list(walk(fd, name))
    images = [hdu for hdu in hdus if plain.origin[hdu.index] in chosen and is_plain_image(hdu)]
    left = {hdu.index: why for hdu in images if (why := why_not_kept(hdu.header))}
    packed = [hdu.index for hdu in images if hdu.index not in left]
    # A compressed primary image stands in the first extension.
    hdus_out = len(hdus) + (0 in packed)
    for hdu in hdus:
        entry = HduReport(hdu.name, index=plain.origin[hdu.index], original_bytes=hdu.size)
        entry.note = plain.notes[hdu.index]
        report.hdus.append(entry)
        if hdu.index in packed:
            if hdu.index == 0:
                out.write(EMPTY_PRIMARY)
                written += 1
                entry.compressed_bytes += len(EMPTY_PRIMARY)
            source = plain.decoded.get(hdu.index)
            image = Image(
                fd,
                hdu,
                f"{name}: {hdu.label}",
                room_for(hdus_out) if hdu.index == packed[0] else [],
                plain.kept.get(hdu.index),
                plain.steps.get(hdu.index),
                bound_of(settings, hdu, hdus[0], source, entry),
            )
            try:
                lossy = write_image(out, image, settings, entry, meter, partial(_write_reference, settings))
            except StepsError as error:
                raise _UntoldError({plain.origin[hdu.index]: str(error)}) from error
            pairs.append(Pair(hdu, written, tiles=True, lossy=lossy))
        else:
            start = out.tell()
            copy_bytes(fd, hdu.start, hdu.stop, out, name, meter.advance)
            entry.compressed_bytes = hdu.size
            if holds_tiles(hdu.cards):
                if packed:
                    _empty_manifest(out, start, hdu)
                entry.model, entry.note = fingerprint_in(hdu.cards), "already ASTROCODEC_1, copied"
                if settings.self_contained and not holds_whole_model(hdu.cards, f"{name}: {hdu.label}"):
                    entry.add_note("without its whole model: decompress it first")
            why = left.get(hdu.index) or _why_copied(hdu, chosen=plain.origin[hdu.index] in chosen)
            entry.note = entry.note or why
            pairs.append(Pair(hdu, written, tiles=False))
        written += 1
        stop = hdu.stop
    copy_bytes(fd, stop, file_size(fd), out, name, meter.advance)
    out.flush()
    if packed:
        fill_manifest(out.fileno(), name, next(pair.number for pair in pairs if pair.tiles))
    return pairs


def _why_copied(hdu: Hdu, *, chosen: bool) -> str:
    """Say why an HDU is not compressed."""
    if not chosen:
        return "not chosen"
    kind = str(card_value(find_card(hdu.cards, "XTENSION")) or "IMAGE")
    if kind.endswith("TABLE"):
        return "a table"
    return "random groups" if find_card(hdu.cards, "GROUPS") else "no pixels" if kind == "IMAGE" else "no image"


def _empty_manifest(out: IO[bytes], start: int, hdu: Hdu) -> None:
    """Empty the manifest of a table that was copied to a new file, which gets one of its own."""
    header = header_without_manifest(hdu)
    if header == hdu.header:
        return
    out.flush()
    os.pwrite(out.fileno(), header, start)
    if find_card(hdu.cards, "CHECKSUM"):
        data_start = start + len(header)
        write_checksums(out.fileno(), Hdu(0, start, header, data_start, hdu.data_bytes, start + hdu.size))


def _write_reference(settings: CompressSettings, plain: IO[bytes], packed: IO[bytes]) -> None:
    """Compress an image that others are coded beside as they are."""
    compress(
        plain,
        packed,
        model=settings.model,
        effort=settings.effort,
        workers=settings.workers,
        self_contained=settings.self_contained,
        tune=settings.tune,
    )
