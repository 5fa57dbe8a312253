"""The card ``ACTILES``: version, number of cards, checksums and model of a table of tiles, in one card."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from astrocodec.errors import CorruptError, VersionError
from fits_tiles.layout.blocks import card_value, find_card

__all__ = [
    "CONTAINER_VERSION",
    "IMAGE_VALUES",
    "KEYWORD",
    "NO_MODEL",
    "TilesCard",
    "fields_in",
    "fingerprint_in",
    "read_tiles_card",
]

KEYWORD = "ACTILES"
CONTAINER_VERSION = 1
NO_MODEL = "0" * 16  # of tiles of a codec that has none
_FIELDS = re.compile(r"(\d{1,6}) (\d{1,6}) ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{16}) ([0-9a-f]{8})$")
_STRUCTURE = ("XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "THEAP")
IMAGE_VALUES = (True, 1)  # of ZIMAGE; to astropy both are true
_CONVENTION = ("ZIMAGE", "ZCMPTYPE", "ZQUANTIZ", "ZDITHER0", "ZBLANK")


@dataclass(frozen=True)
class TilesCard:
    """
    What the card says.

    Examples
    --------
    >>> TilesCard(26, 9, 255, 254, "c88bdd02c88bdd02").to_card().rstrip()
    b"ACTILES = '1 26 9 000000ff 000000fe c88bdd02c88bdd02 00000000'"
    """

    all_cards: int  # with which the table header was written, END not counted
    image_cards: int  # the last of them, those of the image
    image_crc: int  # CRC-32 of those
    table_crc: int  # CRC-32 of the rows of the table
    fingerprint: str  # of the model of the tiles, 16 hex digits; zeros where their codec has none
    seal: int = 0  # CRC-32 of the above and of what the table's own cards say; see `sealed`

    def to_card(self) -> bytes:
        """Return the 80-byte card."""
        return f"{KEYWORD:8s}= '{self._fields()} {self.seal:08x}'".ljust(80).encode("ascii")

    def _fields(self) -> str:
        counts = f"{CONTAINER_VERSION} {self.all_cards} {self.image_cards}"
        return f"{counts} {self.image_crc:08x} {self.table_crc:08x} {self.fingerprint}"

    def sealed(self, cards: tuple[bytes, ...]) -> TilesCard:
        """Return the card with the seal that these cards of the table give it, whatever their format and comments."""
        said = [self._fields(), *(f"{keyword}={value!r}" for keyword, value in _meaning(cards))]
        return replace(self, seal=zlib.crc32("\n".join(said).encode("latin-1", "backslashreplace")))


def _meaning(cards: tuple[bytes, ...]) -> Iterator[tuple[str, object]]:
    """What the table's own cards say; programs may give them another format or comment, not another value."""
    for keyword in _STRUCTURE + _CONVENTION:
        value = card_value(find_card(cards, keyword))
        yield keyword, True if keyword == "ZIMAGE" and value in IMAGE_VALUES else value
    columns = card_value(find_card(cards, "TFIELDS"))
    for number in range(1, min(columns, 9) + 1 if isinstance(columns, int) else 1):
        form = card_value(find_card(cards, f"TFORM{number}"))
        yield f"TTYPE{number}", card_value(find_card(cards, f"TTYPE{number}"))
        # The longest tile in parentheses is a hint.
        yield f"TFORM{number}", form.split("(")[0] if isinstance(form, str) else form
    for stem in ("ZTILE", "ZNAME", "ZVAL"):
        number = 1
        while (value := card_value(find_card(cards, f"{stem}{number}"))) is not None:
            yield f"{stem}{number}", value
            number += 1


def fingerprint_in(cards: tuple[bytes, ...]) -> str:
    """Return the fingerprint of the model, ``''`` where the header has no such card or the tiles have no model."""
    fields = fields_in(cards)
    return fields[4] if fields and fields[4] != NO_MODEL else ""


def fields_in(cards: tuple[bytes, ...]) -> tuple[str, ...]:
    """Return the fields behind the version, empty where the header has no such card."""
    value = card_value(find_card(cards, KEYWORD))
    match = _FIELDS.search(value) if isinstance(value, str) else None
    return match.groups() if match else ()


def read_tiles_card(cards: tuple[bytes, ...], where: str) -> TilesCard:
    """
    Read the card and compare it, and what the table's own cards say, with its seal.

    Raises
    ------
    VersionError
        If a newer astrocodec wrote it.
    CorruptError
        If the card is missing or damaged, or one that describes the table says something else than was written.
    """
    value = card_value(find_card(cards, KEYWORD))
    if not isinstance(value, str):
        raise CorruptError(f"{where}: card {KEYWORD} is missing or damaged, though card TTYPE1 announces it")
    version, _, fields = value.partition(" ")
    if version.isdecimal() and version != str(CONTAINER_VERSION):
        raise VersionError(
            f"{where}: container version {version}, this astrocodec reads {CONTAINER_VERSION}; install a newer one"
        )
    match = _FIELDS.match(fields)
    if match is None or not version.isdecimal():
        raise CorruptError(
            f"{where}: card {KEYWORD} holds {value!r}, expected version, two counts, two CRC-32, a model and a CRC-32"
        )
    total, count, image_crc, table_crc, fingerprint, seal = match.groups()
    found = TilesCard(int(total), int(count), int(image_crc, 16), int(table_crc, 16), fingerprint, int(seal, 16))
    if found.sealed(cards).seal != found.seal:
        raise CorruptError(
            f"{where}: the cards that describe the table, or {KEYWORD} itself, are not those that were written: "
            f"their CRC-32 is {found.sealed(cards).seal:08x}, {KEYWORD} says {seal}; the header is damaged, or a "
            "program that does not know astrocodec wrote the table anew"
        )
    if not 0 < found.image_cards <= found.all_cards:
        raise CorruptError(f"{where}: {KEYWORD} counts {count} cards of the image among {total} cards")
    return found
