"""What is known of the bytes of a compressed file that hold no tiles: copied HDUs, their number, their order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.file_report import Checked
from fits_tiles.blocks import CARD, Hdu, card_value, find_card
from fits_tiles.checksums import fits_checksums
from fits_tiles.container import EMPTY_PRIMARY
from fits_tiles.headers import ALGORITHM, holds_tiles
from fits_tiles.manifest import Entry, Manifest, entry_of, read_manifest, tail_of
from fits_tiles.z_keywords import keyword_of

__all__ = ["Survey", "survey"]


_ANYWAY = "`fits-decompress --edited` takes the file as it is now"


@dataclass
class Survey:
    """
    What was found.

    Attributes
    ----------
    words : list of str
        For every HDU one of the words of `FileReport`; for tables of tiles what it will be when the tiles decode.
    whole : str
        The word for number and order of the HDUs and what follows the last one.
    notes : list of str
        What other programs did to the file.
    """

    words: list[Checked] = field(default_factory=list)
    whole: Checked = "not checked"
    notes: list[str] = field(default_factory=list)


def survey(fd: int, hdus: list[Hdu], name: str, *, edited: bool = False) -> Survey:
    """
    Compare a file with its manifest, and the HDUs that the manifest does not know with their own checksums.

    A program may move, add and remove HDUs, and may write others in their place if it gives them a ``CHECKSUM``:
    then they are what somebody meant. Bytes that changed without one are damage, and so is a last HDU that is gone.

    Parameters
    ----------
    fd : int
        Descriptor of the file.
    hdus : list of Hdu
        All its HDUs.
    name : str
        Of the file, for messages.
    edited : bool, optional
        Take the file as it is now.

    Raises
    ------
    CorruptError
        If bytes of a copied HDU, or behind the last one, are damaged; the message names the HDU.
    TruncatedError
        If HDUs at the end of the file are missing.
    """
    entries = [entry_of(fd, hdu, f"{name}: {hdu.label}") for hdu in hdus]
    manifest = read_manifest(hdus, entries, name)
    known = Counter(manifest.hdus if manifest else ())
    found = Survey()
    strangers: set[int] = set()
    for hdu, entry in zip(hdus, entries, strict=True):
        if known[entry] > 0:
            known[entry] -= 1
            found.words.append("verified")
        else:
            strangers.add(hdu.index)
            found.words.append("verified" if holds_tiles(hdu.cards) else _by_its_checksums(fd, hdu, name, edited))
    if manifest is None:
        # Nothing says how many HDUs there should be.
        found.whole = "checksum ok"
        return found
    if not edited:
        _refuse_damage(fd, hdus, entries, manifest, found, strangers, name)
    if entries == list(manifest.hdus) and tail_of(fd, hdus[-1].stop, name) == manifest.tail:
        found.whole = "verified"
    else:
        found.whole = "checksum ok"
        found.notes = [_what_happened(entries, manifest)]
    return found


def _by_its_checksums(fd: int, hdu: Hdu, name: str, edited: bool) -> Checked:
    """The word for an HDU that no manifest knows."""
    sums = fits_checksums(fd, hdu)
    if sums.wrong and not edited:
        raise CorruptError(
            f"{name}: {hdu.label} does not have the {sums.wrong} that its card says: it is damaged, or a program "
            f"edited it and left the card, then {_ANYWAY}"
        )
    return "checksum ok" if sums.whole else "not checked"


def _refuse_damage(
    fd: int, hdus: list[Hdu], entries: list[Entry], manifest: Manifest, found: Survey, strangers: set[int], name: str
) -> None:
    """Raise an error where the file differs from its manifest in a way that no deliberate edit explains."""
    if len(entries) < len(manifest.hdus) and entries == list(manifest.hdus[: len(entries)]):
        raise TruncatedError(
            f"{name}: ends with HDU {len(entries) - 1}, but was written with {len(manifest.hdus)} HDUs: it was cut "
            f"short, fetch it again; or a program removed the last ones, then {_ANYWAY}"
        )
    # Damage moves nothing.
    in_place = [entry == old for entry, old in zip(entries, manifest.hdus, strict=False)]
    moved = any(not same and hdu.index not in strangers for same, hdu in zip(in_place, hdus, strict=False))
    if len(entries) == len(manifest.hdus) and not moved:
        for hdu, entry, written in zip(hdus, entries, manifest.hdus, strict=True):
            # Nor does it make a header longer or shorter.
            edited = entry.data == written.data and entry.cards != written.cards
            meant = found.words[hdu.index] != "not checked" or edited or _is_new(hdu)
            if hdu.index in strangers and not meant:
                part = "header" if entry.header != written.header else "data"
                start, stop = (hdu.start, hdu.data_start) if part == "header" else (hdu.data_start, hdu.stop)
                raise CorruptError(
                    f"{name}: {hdu.label}: the {part} in bytes {start} to {stop} has not the CRC-32 that it was "
                    f"written with: it is damaged, or a program edited it and wrote no CHECKSUM, then {_ANYWAY}"
                )
    tail = tail_of(fd, hdus[-1].stop, name)
    if tail[0] and tail != manifest.tail:
        raise CorruptError(
            f"{name}: {tail[0]} bytes from byte {hdus[-1].stop} on belong to no HDU and were not written so: the "
            f"header of an HDU is damaged, or a program added bytes, then {_ANYWAY}"
        )


def _is_new(hdu: Hdu) -> bool:
    """Tell what a program wrote in the place of another HDU from one that was damaged."""
    if card_value(find_card(hdu.cards, "ZCMPTYPE")) == ALGORITHM:
        return True  # tiles that astropy coded anew, with checksums of their own
    keywords = {keyword_of(card) for card in hdu.cards}
    differing = sum(left != right for left, right in zip(hdu.header, EMPTY_PRIMARY, strict=False))
    return hdu.index == 0 and keywords <= {"SIMPLE", "BITPIX", "NAXIS", "EXTEND"} and differing > CARD


def _what_happened(entries: list[Entry], manifest: Manifest) -> str:
    written, now = Counter(manifest.hdus), Counter(entries)
    gone, new = (written - now).total(), (now - written).total()
    if gone or new:
        parts = (
            f"{gone} of its {len(manifest.hdus)} HDUs went or changed" if gone else "",
            f"{new} came" if new else "",
        )
        return f"since the file was compressed, {' and '.join(filter(None, parts))}"
    return "since the file was compressed, HDUs were put in another order, or bytes behind the last one were removed"
