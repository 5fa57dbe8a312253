"""
The manifest of a compressed file (``ACFILnnn``): a checksum of every HDU in order and of what follows the last one.

It stands in the header of the first table that was written with the file. Tables of tiles guard their own bytes; the
manifest guards the HDUs that were copied, and the number and order of all.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from astrocodec.errors import CorruptError
from fits_tiles.layout.blocks import BLOCK, CARD, Hdu, card_value, find_card, read_at, walk
from fits_tiles.layout.card_format import assemble, text_card
from fits_tiles.layout.card_text import blob_cards, has_blob, is_blob_card, read_blob
from fits_tiles.layout.checksums import write_checksums
from fits_tiles.layout.headers import SUMS_STEM, holds_tiles
from fits_tiles.layout.tiles_card import read_tiles_card

__all__ = [
    "MANIFEST_STEM",
    "MOST_HDUS",
    "Entry",
    "Manifest",
    "emptied",
    "empty_manifests",
    "entry_of",
    "fill_manifest",
    "read_manifest",
    "room_for",
    "tail_of",
    "with_room",
]

MANIFEST_STEM = "ACFIL"
_STEP = 512 * BLOCK
_CHANGING = (b"CHECKSUM=", b"DATASUM =")
_TAIL = struct.Struct(">QI")
_ENTRY = struct.Struct(">III")
MOST_HDUS = 4000


@dataclass(frozen=True)
class Entry:
    """What is known of an HDU."""

    header: int  # CRC-32; of a table of tiles without CHECKSUM, DATASUM and the manifest
    data: int  # CRC-32, with the padding
    cards: int  # number; of a table of tiles its seal, by which it is known again in whatever format its cards stand


@dataclass(frozen=True)
class Manifest:
    """
    What a file was written with.

    Examples
    --------
    >>> manifest = Manifest((Entry(1, 2, 3),), (0, 0))
    >>> Manifest.from_bytes(manifest.to_bytes()) == manifest
    True
    """

    hdus: tuple[Entry, ...]
    tail: tuple[int, int]  # number and CRC-32 of the bytes behind the last HDU

    def to_bytes(self) -> bytes:
        """Return the bytes that the cards hold."""
        return _TAIL.pack(*self.tail) + b"".join(
            _ENTRY.pack(entry.header, entry.data, entry.cards) for entry in self.hdus
        )

    @classmethod
    def from_bytes(cls, raw: bytes) -> Manifest:
        """Undo `to_bytes`; `struct.error` where nothing gives these bytes."""
        entries = tuple(Entry(*fields) for fields in _ENTRY.iter_unpack(raw[_TAIL.size :]))
        size, crc = _TAIL.unpack(raw[: _TAIL.size])
        return cls(entries, (size, crc))

    def cards(self) -> list[bytes]:
        """Return the cards; their number depends on the number of HDUs only."""
        return blob_cards(MANIFEST_STEM, self.to_bytes())


def _crc(fd: int, start: int, stop: int, where: str) -> int:
    crc = 0
    for at in range(start, stop, _STEP):
        crc = zlib.crc32(read_at(fd, at, min(_STEP, stop - at), where), crc)
    return crc


def entry_of(fd: int, hdu: Hdu, where: str) -> Entry:
    """
    Return the entry of an HDU as it lies in a file.

    Raises
    ------
    CorruptError
        If it is a table of tiles with a damaged seal.
    """
    data = _crc(fd, hdu.data_start, hdu.stop, where)
    if not holds_tiles(hdu.cards):
        return Entry(zlib.crc32(hdu.header), data, len(hdu.cards))
    said = b"".join(_without_manifest(card) for card in hdu.cards if not card.startswith(_CHANGING))
    end = hdu.header[len(hdu.cards) * CARD :].strip(b" ")
    return Entry(zlib.crc32(said + end), data, read_tiles_card(hdu.cards, where).seal)


def header_without_manifest(hdu: Hdu) -> bytes:
    """Return the header of a table with its manifest emptied, since it tells of another file; the length stays."""
    cards = b"".join(emptied(hdu.cards))
    return cards + hdu.header[len(cards) :]


def _without_manifest(card: bytes) -> bytes:
    """A card as it counts for the CRC-32 of a header: of the manifest's own cards only what stands around the value."""
    if not is_blob_card(card, MANIFEST_STEM):
        return card
    before, _, rest = card.partition(b"'")
    return before + rest.rpartition(b"'")[2].rstrip()


def emptied(cards: Iterable[bytes]) -> list[bytes]:
    """Return cards of a table header without what its manifest says, for a file that is not the same any more."""
    return [text_card(card[:8].decode("ascii"), "") if is_blob_card(card, MANIFEST_STEM) else card for card in cards]


def tail_of(fd: int, stop: int, where: str) -> tuple[int, int]:
    """Return number and CRC-32 of the bytes of a file from `stop` on."""
    size = os.fstat(fd).st_size
    return size - stop, _crc(fd, stop, size, where)


def room_for(hdus: int) -> list[bytes]:
    """Return the cards that will hold the manifest of a file, none where it has too many HDUs for that."""
    return Manifest((Entry(0, 0, 0),) * hdus, (0, 0)).cards() if hdus <= MOST_HDUS else []


def with_room(hdu: Hdu, hdus: int, where: str) -> bytes:
    """Return the header of a table of tiles with room for the manifest of a file of so many HDUs."""
    cards = [card for card in hdu.cards if not is_blob_card(card, MANIFEST_STEM)]
    sums = next(place for place, card in enumerate(cards) if is_blob_card(card, SUMS_STEM))
    cards[sums:sums] = room_for(hdus)
    about = read_tiles_card(hdu.cards, where)
    about = replace(about, all_cards=about.all_cards + len(cards) - len(hdu.cards)).sealed(tuple(cards))
    return assemble([about.to_card() if card.startswith(b"ACTILES =") else card for card in cards])


def empty_manifests(fd: int, name: str) -> None:
    """Empty the manifests in a file that is otherwise complete, since not all that it holds is known to be right."""
    for hdu in walk(fd, name):
        if holds_tiles(hdu.cards) and (header := header_without_manifest(hdu)) != hdu.header:
            os.pwrite(fd, header, hdu.start)
            if find_card(hdu.cards, "CHECKSUM"):
                write_checksums(fd, replace(hdu, header=header))


def fill_manifest(fd: int, name: str, number: int | None = None) -> None:
    """
    Write the manifest of a file that is otherwise complete.

    It goes to the HDU of this number, by default to the first that was written with `room_for` it. Without room nothing
    is written, and where the room is that of a file of another length, it is emptied.
    """
    hdus = list(walk(fd, name))
    rooms = [hdu for hdu in hdus if holds_tiles(hdu.cards) and has_blob(hdu.cards, MANIFEST_STEM)]
    hdu = next((hdu for hdu in rooms if number in (None, hdu.index)), None)
    if hdu is None:
        return
    entries = tuple(entry_of(fd, one, f"{name}: {one.label}") for one in hdus)
    cards = Manifest(entries, tail_of(fd, hdus[-1].stop, name)).cards()
    room = [card for card in hdu.cards if is_blob_card(card, MANIFEST_STEM)]
    place = hdu.cards.index(room[0]) * CARD
    os.pwrite(fd, b"".join(cards if len(cards) == len(room) else emptied(room)), hdu.start + place)
    if find_card(hdu.cards, "CHECKSUM"):
        write_checksums(fd, list(walk(fd, name))[hdu.index])


def read_manifest(hdus: Iterable[Hdu], entries: list[Entry], name: str) -> Manifest | None:
    """
    Return the manifest of a file: of several, as in a file put together from others, the one that fits best.

    Raises
    ------
    CorruptError
        If the cards are damaged.
    """
    found = []
    for hdu in hdus:
        where = f"{name}: {hdu.label}"
        if not holds_tiles(hdu.cards) or card_value(find_card(hdu.cards, f"{MANIFEST_STEM}001")) == "":
            continue  # without one, or emptied since the file was written anew
        raw = read_blob(hdu.cards, MANIFEST_STEM, where)
        if raw is not None:
            try:
                found.append(Manifest.from_bytes(raw))
            except struct.error as error:
                raise CorruptError(f"{where}: the {MANIFEST_STEM}nnn cards hold {len(raw)} bytes, {error}") from error
    present = Counter(entries)
    return max(found, key=lambda one: ((Counter(one.hdus) & present).total(), len(one.hdus)), default=None)
