"""The card ``ACTILES``: version, length of the image header, checksums and model of a table of tiles, in one card."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from astrocodec.errors import CorruptError, VersionError
from fits_tiles.blocks import card_value, find_card
from fits_tiles.card_format import text_card

__all__ = [
    "CONTAINER_VERSION",
    "KEYWORD",
    "TilesCard",
    "fingerprint_in",
    "header_crc",
    "is_as_written",
    "read_tiles_card",
]

KEYWORD = "ACTILES"
CONTAINER_VERSION = 1
_FIELDS = re.compile(r"(\d{1,9}) (\d{1,9}) ([0-9a-f]{8}) ([0-9a-f]{8}) ([0-9a-f]{16})$")
_HEADER_CRC = re.compile(rb"(ACTILES = '\d+ \d+ )[0-9a-f]{8}")
_DEPENDENT = (b"CHECKSUM", b"DATASUM ")


@dataclass(frozen=True)
class TilesCard:
    """
    What the card says.

    Attributes
    ----------
    image_cards : int
        How many cards at the end of the table header are those of the image.
    table_crc : int
        CRC-32 of the rows of the table.
    fingerprint : str
        Model of the tiles, 16 hex digits.
    header_crc : int
        `header_crc` of all cards.

    Examples
    --------
    >>> TilesCard(9, 255, "c88bdd02c88bdd02").to_card().rstrip()
    b"ACTILES = '1 9 00000000 000000ff c88bdd02c88bdd02' / pip install astrocodec"
    """

    image_cards: int
    table_crc: int
    fingerprint: str
    header_crc: int = 0

    def to_card(self) -> bytes:
        """Return the 80-byte card."""
        fields = f"{CONTAINER_VERSION} {self.image_cards} {self.header_crc:08x} {self.table_crc:08x} {self.fingerprint}"
        return text_card(KEYWORD, fields, "pip install astrocodec")


def header_crc(cards: tuple[bytes, ...]) -> int:
    """CRC-32 of a table header's cards; what depends on it counts as zero or not at all."""
    return zlib.crc32(
        b"".join(_HEADER_CRC.sub(rb"\g<1>00000000", card) for card in cards if card[:8] not in _DEPENDENT)
    )


def fingerprint_in(cards: tuple[bytes, ...]) -> str:
    """Return the fingerprint of the model, ``''`` where the header has no such card."""
    value = card_value(find_card(cards, KEYWORD))
    match = _FIELDS.match(value) if isinstance(value, str) else None
    return match.group(5) if match else ""


def is_as_written(cards: tuple[bytes, ...]) -> bool:
    """Tell whether the cards are those that were written, by their checksum."""
    try:
        read_tiles_card(cards, "")
    except CorruptError:
        return False
    return True


def read_tiles_card(cards: tuple[bytes, ...], where: str) -> TilesCard:
    """
    Read the card and compare the header with its checksum.

    Raises
    ------
    VersionError
        If a newer astrocodec wrote it.
    CorruptError
        If the card is missing or damaged, or any card changed since it was written.
    """
    value = card_value(find_card(cards, KEYWORD))
    if not isinstance(value, str):
        raise CorruptError(f"{where}: card {KEYWORD} is missing or damaged, though card TTYPE1 announces it")
    version = value.split(" ", 1)[0]
    if version.isdecimal() and version != str(CONTAINER_VERSION):
        raise VersionError(
            f"{where}: container version {version}, this astrocodec reads {CONTAINER_VERSION}; install a newer one"
        )
    match = _FIELDS.match(value)
    if match is None:
        raise CorruptError(f"{where}: card {KEYWORD} holds {value!r}, expected version, count, two CRC-32 and a model")
    count, written, table_crc = int(match.group(2)), int(match.group(3), 16), int(match.group(4), 16)
    found = header_crc(cards)
    if written != found:
        raise CorruptError(
            f"{where}: the header's cards have CRC-32 {found:08x}, {KEYWORD} says {written:08x}: the header is "
            f"damaged, or a program that does not know astrocodec edited it (if that was meant, put {found:08x} in the "
            f"place of {written:08x} in {KEYWORD})"
        )
    if not 0 < count <= len(cards):
        raise CorruptError(f"{where}: {KEYWORD} counts {count} cards of the image, the header has {len(cards)} cards")
    return TilesCard(count, table_crc, match.group(5), written)
