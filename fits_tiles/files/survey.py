"""What is known of the bytes of a compressed file that hold no tiles: copied HDUs, their number, their order."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.files.file_report import Checked
from fits_tiles.files.container import EMPTY_PRIMARY
from fits_tiles.files.tiles_io import file_size
from fits_tiles.layout.blocks import BLOCK, CARD, Hdu, card_value, find_card, read_at
from fits_tiles.layout.checksums import fits_checksums
from fits_tiles.layout.headers import ALGORITHM, holds_standard_tiles, holds_tiles
from fits_tiles.layout.manifest import Entry, Manifest, entry_of, read_manifest, tail_of
from fits_tiles.layout.tiles_card import KEYWORD
from fits_tiles.layout.z_keywords import keyword_of

__all__ = ["Survey", "survey", "word_of_edited"]


_STEP = 512 * BLOCK
_OURS = re.compile(r"\.ac\.(fits?|fts)$", re.IGNORECASE)
# No header has so many: in a manifest such a number is the seal of a table of tiles, which is no other table now.
_MOST_CARDS = 1 << 20
_ANYWAY = "`fits-decompress --edited` takes the file as it is now"


@dataclass
class Survey:
    """What was found."""

    words: list[Checked] = field(default_factory=list)  # for every HDU; for tables of tiles as soon as these decode
    whole: Checked = "not checked"  # for number and order of the HDUs and what follows the last one
    notes: list[str] = field(default_factory=list)  # what other programs did to the file
    # Tables of tiles with other data than were written: if no tile is found damaged, something between them is.
    suspects: dict[int, str] = field(default_factory=dict)

    def refuse_suspect(self, number: int) -> None:
        """
        Raise an error where a table of tiles has other data than were written, though all its tiles decode.

        Raises
        ------
        CorruptError
        """
        if number in self.suspects:
            raise CorruptError(self.suspects[number])


def survey(fd: int, hdus: list[Hdu], name: str, *, edited: bool = False) -> Survey:
    """
    Compare a file with its manifest, and the HDUs that the manifest does not know with their own checksums.

    A program may move, add and remove HDUs, and may write others in their place if it gives them a ``CHECKSUM``:
    then they are what somebody meant. Bytes that changed without one are damage, and so is a last HDU that is gone.
    With `edited`, the file is taken as it is now.

    Raises
    ------
    CorruptError
        If bytes of a copied HDU, or behind the last one, are damaged; the message names the HDU.
    TruncatedError
        If HDUs at the end of the file are missing.
    """
    entries = [entry_of(fd, hdu, f"{name}: {hdu.label}") for hdu in hdus]
    manifest = read_manifest(hdus, entries, name)
    places = _places(hdus, entries, manifest.hdus if manifest else ())
    found = Survey()
    for hdu, entry, place in zip(hdus, entries, places, strict=True):
        if place is None and holds_tiles(hdu.cards):
            word = _of_strange_tiles(fd, hdu, name, found, edited)
        elif place is None:
            word = _by_its_checksums(fd, hdu, name, edited)
        else:
            assert manifest is not None
            word = _of_known(fd, hdu, entry, manifest.hdus[place], name, found, edited)
        found.words.append(word)
    if not edited:
        if manifest is not None:
            _refuse_damage(fd, hdus, entries, places, manifest, found, name)
        _refuse_tail(fd, hdus, manifest, name)
    if manifest is None:
        # Nothing says how many HDUs there should be.
        found.whole = "checksum ok"
        return found
    in_place = places == list(range(len(manifest.hdus)))
    if in_place and tail_of(fd, hdus[-1].stop, name) == manifest.tail:
        found.whole = "verified"
    else:
        found.whole = "checksum ok"
        found.notes = [_what_happened(places, len(manifest.hdus))]
    return found


def _places(hdus: list[Hdu], entries: list[Entry], written: tuple[Entry, ...]) -> list[int | None]:
    """For every HDU its place in the manifest, None where it is not there; tables of tiles are known by their seal."""
    left = dict(enumerate(written))
    places: list[int | None] = []
    for hdu, entry in zip(hdus, entries, strict=True):
        place = hdu.index if left.get(hdu.index) == entry else None
        if place is None:
            same = [n for n, old in left.items() if old == entry]
            same += [n for n, old in left.items() if holds_tiles(hdu.cards) and old.cards == entry.cards]
            place = same[0] if same else None
        if place is not None:
            del left[place]
        places.append(place)
    return places


def _of_known(fd: int, hdu: Hdu, entry: Entry, written: Entry, name: str, found: Survey, edited: bool) -> Checked:
    """The word for an HDU that the manifest knows."""
    if entry == written:
        if holds_tiles(hdu.cards):
            _by_its_checksums(fd, hdu, name, edited)  # cards that the manifest leaves out
        return "verified"
    if entry.data == written.data:
        return "checksum ok" if _by_its_checksums(fd, hdu, name, edited) == "checksum ok" else "decoded"
    if fits_checksums(fd, hdu).whole:
        return "checksum ok"
    found.suspects[hdu.index] = (
        f"{name}: {hdu.label}: its tiles decode, but the data in bytes {hdu.data_start} to {hdu.stop} have not the "
        "CRC-32 that they were written with: bytes that belong to no tile are damaged"
    )
    return "decoded"


def _of_strange_tiles(fd: int, hdu: Hdu, name: str, found: Survey, edited: bool) -> Checked:
    """The word for a table of tiles that no manifest knows: it guards its own bytes."""
    sums = fits_checksums(fd, hdu)
    if sums.data is False:
        found.suspects[hdu.index] = f"{name}: {hdu.label}: its tiles decode, but its data do not have its DATASUM"
    elif sums.wrong:
        _by_its_checksums(fd, hdu, name, edited)
    return "verified"


def word_of_edited(fd: int, hdu: Hdu) -> Checked:
    """Return the word for a table of tiles with an edited header."""
    return "checksum ok" if fits_checksums(fd, hdu).whole else "decoded"


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
    fd: int,
    hdus: list[Hdu],
    entries: list[Entry],
    places: list[int | None],
    manifest: Manifest,
    found: Survey,
    name: str,
) -> None:
    """Raise an error where the file differs from its manifest in a way that no deliberate edit explains."""
    count = len(manifest.hdus)
    if len(hdus) < count and places == list(range(len(hdus))):
        raise TruncatedError(
            f"{name}: ends with HDU {len(hdus) - 1}, but was written with {count} HDUs: it was cut short, fetch it "
            f"again; or a program removed the last ones, then {_ANYWAY}"
        )
    gone = [entry for number, entry in enumerate(manifest.hdus) if number not in places]
    known = [place for place in places if place is not None]
    moved = known != sorted(known)  # damage moves nothing
    strange = [
        (hdu, entry)
        for hdu, entry, place in zip(hdus, entries, places, strict=True)
        if place is None and found.words[hdu.index] != "verified"
    ]
    doubtful, headers = [], {old.header for old in gone}
    for hdu, entry in strange:
        # Who writes other data writes another CHECKSUM, though it need not see that they are in another order.
        if found.words[hdu.index] == "not checked" or entry.header in headers:
            doubtful.append((hdu, entry))
        elif was := _was(hdu, entry, gone, manifest):
            gone.remove(was)
    for hdu, entry in doubtful:
        damaged = next((old for old in gone if old.header == entry.header), None)
        # Nor does it make a header longer or shorter.
        edited = [old for old in gone if old.data == entry.data and old.cards != entry.cards]
        if not holds_tiles(hdu.cards):
            edited = [old for old in edited if old.cards < _MOST_CARDS]
        _refuse_swallowed(fd, hdu, name)
        if damaged is None and edited:
            gone.remove(edited[0])
        elif damaged is None and _recoded(hdu, gone):
            gone.remove(next(old for old in gone if old.cards >= _MOST_CARDS))
        elif damaged is not None or (
            gone and not moved and not _is_new(hdu, manifest.hdus[0]) and not _is_behind(hdu, entry, gone, manifest)
        ):
            in_data = damaged is not None or (len(hdus) == count and entry.header == manifest.hdus[hdu.index].header)
            part, start, stop = ("data", hdu.data_start, hdu.stop) if in_data else ("header", hdu.start, hdu.data_start)
            raise CorruptError(
                f"{name}: {hdu.label}: the {part} in bytes {start} to {stop} has not the CRC-32 that it was "
                f"written with: it is damaged, or a program edited it and wrote no CHECKSUM, then {_ANYWAY}"
            )


def _was(hdu: Hdu, entry: Entry, gone: list[Entry], manifest: Manifest) -> Entry | None:
    """What an HDU was that was given other cards and a new ``CHECKSUM``: its data stayed, as did its kind."""
    same = [old for old in gone if old.data == entry.data and (holds_tiles(hdu.cards) or old.cards < _MOST_CARDS)]
    in_place = hdu.index < len(manifest.hdus) and manifest.hdus[hdu.index]
    return in_place if in_place in same else next(iter(same), None)


def _recoded(hdu: Hdu, gone: list[Entry]) -> bool:
    """Tell whether tiles of ours were coded anew by a program that left cards of ours."""
    return (
        holds_standard_tiles(hdu.cards)
        and find_card(hdu.cards, KEYWORD) is not None
        and any(old.cards >= _MOST_CARDS for old in gone)
    )


def _is_behind(hdu: Hdu, entry: Entry, gone: list[Entry], manifest: Manifest) -> bool:
    """Tell whether an HDU stands behind the last that was written, and is none of those that changed."""
    return hdu.index >= len(manifest.hdus) and all(old.data != entry.data for old in gone)


def _refuse_tail(fd: int, hdus: list[Hdu], manifest: Manifest | None, name: str) -> None:
    """Raise an error where bytes that belong to no HDU may be what is left of some whose header is damaged."""
    start, stop = hdus[-1].stop, file_size(fd)
    if start == stop or (manifest is not None and tail_of(fd, start, name) == manifest.tail):
        return
    ours = manifest is not None or _OURS.search(name) or any(holds_tiles(hdu.cards) for hdu in hdus)
    for at in range(start, stop, _STEP):
        piece = read_at(fd, at, min(_STEP, stop - at), name)
        starts = [at + block for block in range(0, len(piece), BLOCK) if piece.startswith(b"XTENSION=", block)]
        if starts or manifest is not None or (ours and any(piece)):
            what = f"an HDU begins at byte {starts[0]} among them, " if starts else ""
            raise CorruptError(
                f"{name}: {stop - start} bytes from byte {start} on belong to no HDU and were not written so: {what}"
                f"the header of an HDU is damaged, or a program added bytes, then {_ANYWAY}"
            )


def _refuse_swallowed(fd: int, hdu: Hdu, name: str) -> None:
    """Raise an error where the data of an HDU hold the header of another: its size is damaged."""
    for at in range(hdu.data_start, hdu.stop, _STEP):
        piece = read_at(fd, at, min(_STEP, hdu.stop - at), name)
        for block in range(0, len(piece), BLOCK):
            if piece.startswith(b"XTENSION=", block):
                raise CorruptError(
                    f"{name}: {hdu.label}: its header in bytes {hdu.start} to {hdu.data_start} claims data up to byte "
                    f"{hdu.stop}, but at byte {at + block} another HDU begins; it is damaged"
                )


def _is_new(hdu: Hdu, first: Entry) -> bool:
    """Tell what a program wrote in the place of another HDU, `first` in the file, from one that was damaged."""
    if card_value(find_card(hdu.cards, "ZCMPTYPE")) == ALGORITHM:
        return True  # tiles that astropy coded anew, with checksums of their own
    if hdu.index or first.header != zlib.crc32(EMPTY_PRIMARY):
        return False
    keywords = {keyword_of(card) for card in hdu.cards if card.strip()}
    differing = sum(left != right for left, right in zip(hdu.header, EMPTY_PRIMARY, strict=False))
    return keywords <= {"SIMPLE", "BITPIX", "NAXIS", "EXTEND"} and differing > CARD


def _what_happened(places: list[int | None], written: int) -> str:
    came = places.count(None)
    gone = written - (len(places) - came)
    if gone or came:
        parts = (f"{gone} of its {written} HDUs went or changed" if gone else "", f"{came} came" if came else "")
        return f"since the file was compressed, {' and '.join(filter(None, parts))}"
    return "since the file was compressed, HDUs were put in another order, or bytes behind the last one were removed"
