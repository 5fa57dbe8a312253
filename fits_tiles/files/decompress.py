"""Files of ASTROCODEC_1 tiles to plain FITS, or to tiles that every FITS program reads."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import IO, Any

import numpy.typing as npt

from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.file_report import ImageLoss, weakest
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import FileLike, Target, target_name
from fits_tiles.files.container import (
    ReferenceFiles,
    begins_with_primary_image,
    decoder_of,
    is_empty_primary,
    padding_of,
    refuse_lone_empty_primary,
    restored_header,
    stored_model,
)
from fits_tiles.files.foreign import Staged, staged
from fits_tiles.files.image_loss import loss_in
from fits_tiles.files.original import make_again, read_kept
from fits_tiles.files.original_pixels import original_pixels
from fits_tiles.files.reference_files import references_of
from fits_tiles.files.reference_store import carry
from fits_tiles.files.report import FileReport, HduReport
from fits_tiles.files.selection import select
from fits_tiles.files.source import open_source, scratch_file, size_on_disk
from fits_tiles.files.survey import Survey, survey, word_of_edited
from fits_tiles.files.tile_pixels import PixelFile
from fits_tiles.files.tiles_io import copy_bytes, decoded_bands, file_size, read_band, write_band
from fits_tiles.files.transcode import ALGORITHMS, standard_coder, unread_by_cfitsio, write_standard
from fits_tiles.files.variance_hdu import variance_bands, variance_header, variance_layout
from fits_tiles.layout.blocks import BLOCK, Hdu, find_card, padded, read_at, split_cards, walk, was_primary
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.card_text import has_blob
from fits_tiles.layout.checksums import write_checksums
from fits_tiles.layout.grid import Band
from fits_tiles.layout.headers import PADDING_STEM, RAW_STEM, RENEW, TileLayout, holds_tiles, read_layout
from fits_tiles.layout.image_header import ImageHeader
from fits_tiles.layout.manifest import empty_manifests, fill_manifest, with_room
from fits_tiles.layout.original_card import read_original_card
from fits_tiles.layout.plain_image import is_plain_image, plain_layout
from fits_tiles.layout.tiles_card import fingerprint_in

__all__ = ["decompress"]

_PLAIN = ("image", "original")


def decompress(
    src: FileLike,
    dst: FileLike | None,
    *,
    to: str = "image",
    extensions: Iterable[int | str] | int | str | None = None,
    workers: int = 1,
    verify: bool = True,
    checksums: bool = True,
    overwrite: bool = False,
    edited: bool = False,
    only_verified: bool = False,
    variance_hdu: bool = False,
    reference: str | os.PathLike[str] | None = None,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Restore the images of a file that `fits_tiles.compress` or astropy with ASTROCODEC_1 wrote.

    Every tile carries a checksum of its pixels, and every other byte that `compress` wrote is under one too, so what
    comes back is what was compressed, byte for byte, or an error is raised. Cards and HDUs that other programs added
    since come along, and the report tells of them.

    Parameters
    ----------
    src : path or binary file object
        Compressed file; may be inside gzip or bzip2.
    dst : path or binary file object or None
        Appears whole or not at all; None only decodes.
    to : {'image', 'original', 'rice', 'gzip2'}
        Plain images, or the tile convention with a standard algorithm for programs without astrocodec. Floats become
        GZIP_2 tiles in either case, since RICE_1 does not keep them. 64-bit integers and images of more than three
        axes become plain images, since cfitsio reads no tiles of theirs. ``'original'`` gives tiles of other programs,
        from which images were coded anew, byte for byte; images of which none are kept become plain, which the
        report's notes tell.
    extensions : iterable of int or str, optional
        HDUs to restore, by number or ``EXTNAME``; the others are copied.
    workers : int
        Threads.
    verify : bool
        Read the new file again and compare it with the decoded pixels before it appears.
    checksums : bool
        Compute ``CHECKSUM`` and ``DATASUM`` anew where an HDU has them and its pixels or its form changed.
    overwrite : bool
        Whether `dst` may be replaced.
    edited : bool
        Take what other programs changed since the file was compressed as it is now, where nothing tells an edit from
        damage: header cards and copied HDUs that changed without a new ``CHECKSUM``, HDUs at the end that are gone.
    only_verified : bool
        Write nothing of which less than ``'verified'`` is known, since it was edited or written by other programs.
    variance_hdu : bool
        Append for each plain image that was compressed within a bound an image ``NAME_ADDVAR`` of float32, the variance
        that this added to each of its pixels, in the square of its unit: to be added to that of its noise.
    reference : path, optional
        A file with the image beside which images were compressed, where the store beside `src` is lost; ``[HDU]`` may
        follow.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    FileReport

    Raises
    ------
    DifferenceError
        If the new file does not hold what was decoded, or `only_verified` forbids it; it is not kept. If the header of
        an image was edited whose original tiles are asked for, unless with `edited`: then it becomes a plain image.
    FileExistsError
        If `dst` exists and may not be replaced.
    FormatError
        If a header, table or tile is damaged; the message names file, HDU, tile and bytes.
    ModelNotFoundError
        If the tiles need a model that is not installed.
    ReferenceNotFoundError
        If they need an image that is not in the store beside `src`.
    OSError
        If a file cannot be read or written. Nothing is left behind.
    ValueError
        If an argument is out of range or names no HDU.

    Examples
    --------
    >>> import io, numpy as np, fits_tiles
    >>> from astropy.io import fits
    >>> plain, packed, again = io.BytesIO(), io.BytesIO(), io.BytesIO()
    >>> fits.PrimaryHDU(np.arange(4096, dtype=np.int16).reshape(64, 64)).writeto(plain)
    >>> report = fits_tiles.compress(io.BytesIO(plain.getvalue()), packed)
    >>> report = decompress(io.BytesIO(packed.getvalue()), again)
    >>> again.getvalue() == plain.getvalue()
    True
    """
    started = time.perf_counter()
    if to not in (*_PLAIN, *ALGORITHMS):
        raise ValueError(f"to is {to!r}, allowed are {', '.join(map(repr, (*_PLAIN, *ALGORITHMS)))}")
    if workers < 1:
        raise ValueError(f"workers is {workers}, at least 1 is needed")
    if variance_hdu and to != "image":
        raise ValueError(f"variance_hdu goes with plain images, to is {to!r}: choose one")
    name = target_name(src)
    with Target(dst, overwrite=overwrite, like=src) as target, open_source(src, target.folder) as file:
        packed = list(walk(file.fileno(), name))
        chosen = select(packed, extensions, name)
        refuse_lone_empty_primary(packed, name)
        known = survey(file.fileno(), packed, name, edited=edited)
        with staged(file, name, target.folder, lambda hdu: hdu.index in chosen, only_ours=True) as plain:
            fd = plain.file.fileno()
            report = FileReport(name, target.name, compressed_bytes=size_on_disk(src, file))
            hdus = list(walk(fd, name))
            total = sum(_plain_size(hdu, name) for hdu in hdus)
            meter = Meter(progress, total)
            references = references_of(src, reference)
            job = _Job(
                fd,
                target.file,
                to,
                workers,
                meter,
                verify,
                checksums,
                edited,
                target.folder,
                known,
                references,
                variance_hdu,
            )
            _write(job, plain, hdus, chosen, name, report)
            if dst is not None:
                left = [hdu for hdu in hdus if plain.origin[hdu.index] not in chosen]
                carry(fd, left, references.folders, target.folder, name)
            job.meter.finish()
            if to == "original" and job.plain:
                report.notes.append(_why_plain(job.plain))
            report.original_bytes = target.file.tell()
            words = [entry.checked for entry in report.hdus]
            report.checked = weakest([*words, known.whole, "verified" if verify else "decoded"])
            target.file.flush()
            if verify:
                _check(job, name)
            if only_verified and report.checked != "verified":
                raise DifferenceError(f"{name}: what comes out is {report.checked}, not verified; the input was kept")
            # Tables that stay, where not all HDUs were chosen, may hold the manifest of the file as it was.
            sealed = weakest([*words, known.whole]) == "verified"
            (fill_manifest if sealed else empty_manifests)(target.file.fileno(), name)
            report.written = target.commit()
    report.seconds = time.perf_counter() - started
    return report


def _why_plain(numbers: list[int]) -> str:
    """Say of which HDUs the tiles that were asked for are not to be had, and why."""
    hdus = f"HDU {numbers[0]} is a plain image" if len(numbers) == 1 else f"HDUs {numbers} are plain images"
    why = "plain before, compressed with --no-original, or edited since"
    return f"{hdus}, since nothing gives tiles of another program back ({why})"


def _check(job: _Job, name: str) -> None:
    """Compare what was written with what was decoded; whatever is wrong with it, the source is not to blame."""
    try:
        job.check_written(name)
    except FormatError as error:
        raise DifferenceError(f"{error} (in the new file, which was not kept; please report it)") from error


def _plain_size(hdu: Hdu, name: str) -> int:
    if not holds_tiles(hdu.cards):
        return hdu.size
    layout = read_layout(hdu.cards, f"{name}: {hdu.label}")
    return prod(layout.shape) * layout.itemsize


@dataclass
class _Job:
    """What all HDUs of one call share, and what the output must hold: each with a name for messages and its place."""

    fd: int
    out: IO[bytes]
    to: str
    workers: int
    meter: Meter
    verify: bool
    checksums: bool
    edited: bool
    folder: str | None
    known: Survey
    references: ReferenceFiles
    variance_hdu: bool = False
    headers: list[tuple[str, int, bytes]] = field(default_factory=list)
    images: list[tuple[str, int, TileLayout, bytes]] = field(default_factory=list)  # digest of the pixels, band by band
    tiles: list[tuple[str, int, TileLayout, bytes]] = field(default_factory=list)  # digest of what they decode to
    plain: list[int] = field(default_factory=list)  # numbers of the HDUs that became plain images
    _copies: list[tuple[str, int, int, int]] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)

    def leaves_plain(self, hdu: Hdu, name: str) -> bool:
        """Tell whether a compressed image becomes a plain one, since that is wanted or no tiles will do."""
        return self.to in _PLAIN or _no_standard_tiles(hdu, read_layout(hdu.cards, f"{name}: {hdu.label}")) != ""

    @property
    def starts(self) -> list[int]:
        """Where HDUs of the output begin, so far."""
        return self._starts

    def begin(self) -> int:
        """Note that an HDU of the output begins here; return its first byte."""
        self._starts.append(self.out.tell())
        return self._starts[-1]

    def copy(self, start: int, stop: int, where: str) -> None:
        """Copy bytes of the input to the end of the output."""
        self._copies.append((where, start, stop, self.out.tell()))
        copy_bytes(self.fd, start, stop, self.out, where, self.meter.advance)

    def check_written(self, name: str) -> None:
        """Compare the output, read from the file, with what was decoded or copied."""
        found_starts = [hdu.start for hdu in walk(self.out.fileno(), name)]
        if found_starts != self._starts:
            raise DifferenceError(
                f"{name}: the HDUs of the new file begin at bytes {found_starts}, expected {self._starts}"
            )
        for where, start, stop, target in self._copies:
            for at in range(start, stop, 512 * BLOCK):
                size = min(512 * BLOCK, stop - at)
                if read_at(self.fd, at, size, name) != read_at(self.out.fileno(), target + at - start, size, name):
                    raise DifferenceError(f"{where}: bytes {at} to {at + size} are not the same in the new file")
        for where, start, header in self.headers:
            if read_at(self.out.fileno(), start, len(header), name) != header:
                raise DifferenceError(f"{where}: the header at byte {start} of the new file is not what was written")
        for where, start, layout, expected in self.images:
            if _digest(self.out.fileno(), start, layout, name) != expected:
                stop = start + prod(layout.shape) * layout.itemsize
                raise DifferenceError(f"{where}: bytes {start} to {stop} of the new file are not what was written")
        starts = {hdu.start: hdu for hdu in walk(self.out.fileno(), name)} if self.tiles else {}
        for where, start, layout, expected in self.tiles:
            found, coder = hashlib.blake2b(digest_size=16), standard_coder(layout)
            bands = decoded_bands(self.out.fileno(), starts[start], layout, coder, where=where, workers=self.workers)
            for _, pixels in bands:
                found.update(pixels.data.cast("B"))
            if found.digest() != expected:
                raise DifferenceError(
                    f"{where}: the {layout.algorithm} tiles do not decode to the pixels they came from"
                )


def _digest(fd: int, start: int, layout: TileLayout, where: str) -> bytes:
    """Digest of the pixels that begin at a byte of a file, taken band by band."""
    found = hashlib.blake2b(digest_size=16)
    for band in layout.grid.bands():
        found.update(read_band(fd, start, band, where))
    return found.digest()


def _write(job: _Job, plain: Staged, hdus: list[Hdu], chosen: set[int], name: str, report: FileReport) -> None:
    unpacks_primary = begins_with_primary_image(hdus) and plain.origin[1] in chosen
    drop_first = unpacks_primary and job.leaves_plain(hdus[1], name)
    # The first table that stays holds the manifest, which the one that held it may have taken away.
    tables = (hdu.index for hdu in hdus if holds_tiles(hdu.cards) and plain.origin[hdu.index] not in chosen)
    sealing = next(tables, None)
    losses = {hdu.index: lost for hdu in hdus if (lost := _loss_of(job, plain, hdu, chosen, name))}
    more = len(losses) * job.variance_hdu - drop_first
    position = 0
    for hdu in hdus:
        where = f"{name}: {hdu.label}"
        entry = HduReport(hdu.name, index=plain.origin[hdu.index], compressed_bytes=plain.sizes[hdu.index])
        entry.note = plain.notes[hdu.index]
        entry.checked = job.known.words[plain.origin[hdu.index]]
        report.hdus.append(entry)
        if unpacks_primary and hdu.index < 2:
            # The empty primary HDU is there because of that image.
            entry.compressed_bytes += hdus[0].size if hdu.index else -hdus[0].size
        if drop_first and hdu.index == 0:
            entry.note = "stood before the compressed primary image, left out"
            continue
        if plain.origin[hdu.index] in chosen and holds_tiles(hdu.cards):
            layout = read_layout(hdu.cards, where)
            entry.tell_image("decompressed", layout)
            entry.tell_model(fingerprint_in(hdu.cards), stored_model(hdu, where))
            if layout.quantization is not None:
                entry.add_note("lossy: quantised floats")
            elif hdu.index in losses:
                entry.tell_loss(losses[hdu.index])
            if job.leaves_plain(hdu, name):
                why = "" if job.to in _PLAIN else f"left plain: {_no_standard_tiles(hdu, layout)}"
                entry.add_note(why)
                if job.to != "original" or not _write_original(job, hdu, layout, where, entry, primary=drop_first):
                    _write_image(job, hdu, layout, where, entry, primary=position == 0)
                    job.plain.append(entry.index)
            else:
                primary = hdu.index == 1 and begins_with_primary_image(hdus)
                _write_standard(job, hdu, layout, where, entry, primary)
        elif hdu.index == sealing:
            start = job.begin()
            header = with_room(hdu, len(hdus) + more, where)
            job.out.write(header)
            job.headers.append((where, start, header))
            job.copy(hdu.data_start, hdu.stop, where)
            entry.original_bytes = hdu.size
        elif job.to in ALGORITHMS and is_empty_primary(hdu):
            job.begin()
            job.out.write(assemble([*hdu.cards[:4]]))
            entry.original_bytes = hdu.size
        else:
            job.begin()
            job.copy(hdu.start, hdu.stop, where)
            entry.original_bytes = hdu.size
            if hdu.index in plain.decoded and is_plain_image(hdu):
                entry.checked = "checksum ok" if entry.checked == "checksum ok" else "decoded"
                entry.tell_image("decompressed", plain_layout(hdu, where))
                entry.tell_model(fingerprint_in(hdu.cards), None)
                job.plain.append(entry.index)
        if not job.edited:
            job.known.refuse_suspect(plain.origin[hdu.index])
        entry.work_out_bits()
        position += 1
    if job.variance_hdu:
        for number in losses:
            entry = report.hdus[number]
            _write_variances(job, hdus[number], f"{name}: {hdus[number].label}", number - drop_first, entry)
    job.copy(hdus[-1].stop, file_size(job.fd), name)
    if job.known.notes:
        report.hdus[0].add_note(*job.known.notes)


def _loss_of(job: _Job, plain: Staged, hdu: Hdu, chosen: set[int], name: str) -> ImageLoss | None:
    """What an image has lost that is to be restored."""
    if plain.origin[hdu.index] not in chosen or not holds_tiles(hdu.cards):
        return None
    return loss_in(job.fd, hdu, f"{name}: {hdu.label}")


def _write_variances(job: _Job, hdu: Hdu, where: str, number: int, entry: HduReport) -> None:
    """Append the variances that were added to the pixels of an image, which has a number in the output."""
    layout = read_layout(hdu.cards, where)
    image = restored_header(job.fd, hdu, where, primary=number == 0, edited=job.edited).header
    header = variance_header(image, layout, number)
    start = job.begin()
    coder = decoder_of(hdu, layout, where, job.references)
    bands = variance_bands(job.fd, hdu, layout, coder, image, where=where, workers=job.workers)
    size = _write_pixels(job, header, variance_layout(layout), bands, where)
    job.out.write(bytes(padded(size) - size))
    job.headers.append((where, start, header))
    entry.add_note(f"its added variance in HDU {len(job.starts) - 1}")


def _write_pixels(
    job: _Job, header: bytes, layout: TileLayout, bands: Iterable[tuple[Band, npt.NDArray[Any]]], where: str
) -> int:
    """Append the header and the pixels of a plain image, without what pads them; return the bytes of the pixels."""
    start = job.out.tell()
    digest = hashlib.blake2b(digest_size=16)
    job.out.write(header)
    job.out.flush()
    data_start, size = start + len(header), 0
    for band, pixels in bands:
        write_band(job.out.fileno(), data_start, band, pixels)
        if job.verify:
            digest.update(pixels.data.cast("B"))
        del pixels
        size += band.size
        job.meter.advance(band.size)
    job.out.seek(data_start + size)
    if job.verify:
        job.images.append((where, data_start, layout, digest.digest()))
    return size


def _header(job: _Job, hdu: Hdu, where: str, entry: HduReport, *, primary: bool) -> ImageHeader:
    """Return the header of an image, and note what other programs did to it."""
    found = restored_header(job.fd, hdu, where, primary=primary, edited=job.edited)
    if found.edits:
        entry.checked = word_of_edited(job.fd, hdu)
        entry.add_note(found.edits)
    return found


def _write_original(job: _Job, hdu: Hdu, layout: TileLayout, where: str, entry: HduReport, *, primary: bool) -> bool:
    """
    Append the tiles of another program that an image was coded anew from; return whether that can be done.

    With `primary`, the HDU that stood before a compressed primary image goes before it.

    Raises
    ------
    DifferenceError
        If the tiles are kept, but of another header than the image has now; unless edits are to be taken.
    """
    card = read_original_card(hdu.cards, where)
    if card is None:
        return False
    found = restored_header(job.fd, hdu, where, primary=was_primary(hdu.cards), edited=job.edited)
    if found.edits:
        lost = f"its {card.algorithm} tiles cannot be had back, since its header was edited"
        if not job.edited:
            # The plain image would stand in for the very file, under its name.
            raise DifferenceError(f"{where}: {lost} ({found.edits}); --to image gives it with these edits")
        entry.add_note(lost)
        return False
    kept = read_kept(job.fd, hdu, card, found.header, where)
    start = job.out.tell()
    with scratch_file(job.folder) as pixels:
        coder = decoder_of(hdu, layout, where, job.references)
        # Quantised floats are made of integers, which are decoded; where all are, the floats are not needed.
        if any(kept.columns) or not kept.image.is_quantised:
            for band, part in decoded_bands(job.fd, hdu, layout, coder, where=where, workers=job.workers):
                write_band(pixels.fileno(), 0, band, part)
                del part
                job.meter.advance(band.size)
        if primary and kept.primary:
            job.begin()
            job.out.write(kept.primary)
        job.begin()
        standing = original_pixels(
            *(kept, job.fd, hdu, layout, coder, PixelFile(pixels.fileno(), 0)),
            where=where,
            workers=job.workers,
            folder=job.folder,
        )
        with standing as original:
            make_again(kept, original, job.out, where)
    entry.original_bytes = job.out.tell() - start
    entry.add_note(f"{card.algorithm} tiles as they were")
    return True


def _no_standard_tiles(hdu: Hdu, layout: TileLayout) -> str:
    """Say why standard tiles would be of no use or would not keep all of an image, ``''`` where they would."""
    if has_blob(hdu.cards, RAW_STEM):
        return "cards of its header would be those of a table there, or its END is unusual"
    if has_blob(hdu.cards, PADDING_STEM):
        return "the padding behind its pixels is unusual"
    return unread_by_cfitsio(layout)


def _has_old_sums(hdu: Hdu, *, primary: bool) -> bool:
    """Tell whether the image's own checksums are of other pixels, or of a primary image that becomes an extension."""
    return find_card(hdu.cards, RENEW) is not None or was_primary(hdu.cards) != primary


def _write_image(job: _Job, hdu: Hdu, layout: TileLayout, where: str, entry: HduReport, *, primary: bool) -> None:
    """Append an HDU as a plain image."""
    coder = decoder_of(hdu, layout, where, job.references)
    found = _header(job, hdu, where, entry, primary=primary)
    header = found.header
    start = job.begin()
    bands = decoded_bands(job.fd, hdu, layout, coder, where=where, workers=job.workers)
    size = _write_pixels(job, header, layout, bands, where)
    odd = padding_of(hdu, where)
    job.out.write(bytes(padded(size) - size) if odd is None else odd)
    stop = job.out.tell()
    if job.checksums and (layout.quantization is not None or found.edits or _has_old_sums(hdu, primary=primary)):
        # The original's checksums belong to pixels that quantisation has changed, or to a header without those cards.
        job.out.flush()
        write_checksums(job.out.fileno(), Hdu(0, start, header, start + len(header), size, stop))
    elif job.verify:
        job.headers.append((where, start, header))
    entry.original_bytes = stop - start


def _write_standard(job: _Job, hdu: Hdu, layout: TileLayout, where: str, entry: HduReport, primary: bool) -> None:
    """Append an HDU as standard tiles."""
    coder = decoder_of(hdu, layout, where, job.references)
    bands = decoded_bands(job.fd, hdu, layout, coder, where=where, workers=job.workers)
    header = _header(job, hdu, where, entry, primary=primary).header
    summed = find_card(split_cards(header), "CHECKSUM") is not None
    if _has_old_sums(hdu, primary=primary):
        header = assemble([card for card in split_cards(header) if card[:9] not in (b"CHECKSUM=", b"DATASUM =")])
    start = job.begin()
    digest = hashlib.blake2b(digest_size=16)
    with scratch_file(job.folder) as spool:
        for band, pixels in bands:
            write_band(spool.fileno(), 0, band, pixels)
            digest.update(pixels.data.cast("B"))
            del pixels
        if job.verify and _digest(spool.fileno(), 0, layout, where) != digest.digest():
            raise DifferenceError(f"{where}: the decoded pixels do not come back from a temporary file")
        written = write_standard(
            job.out,
            spool.fileno(),
            layout,
            header,
            job.to,
            where,
            job.workers,
            job.meter.advance,
            checksums=job.checksums and summed,
        )
        if job.verify:
            job.tiles.append((where, start, written, _digest(spool.fileno(), 0, written, where)))
    entry.original_bytes = len(header) + padded(prod(layout.shape) * layout.itemsize)
    entry.add_note(f"transcoded to {written.algorithm}")
