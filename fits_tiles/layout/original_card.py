"""The card ``ACORIG``: that the tiles of another program, from which a table was coded anew, can be made again."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from astrocodec.errors import CorruptError
from fits_tiles.layout.blocks import card_value, find_card
from fits_tiles.layout.card_format import text_card

__all__ = ["KEYWORD", "KeptTiles", "OriginalCard", "read_original_card"]

KEYWORD = "ACORIG"
_FIELDS = re.compile(r"(\d{1,18}) ([0-9a-f]{8}) (\S{1,20})$")


@dataclass(frozen=True)
class OriginalCard:
    """
    What the card says.

    Examples
    --------
    >>> OriginalCard(310, 255, "RICE_1").to_card().rstrip()
    b"ACORIG  = '310 000000ff RICE_1' / fits-decompress --to original"
    """

    size: int  # of what is kept, at the end of the heap
    crc: int  # CRC-32 of it
    algorithm: str  # of the tiles that were coded anew

    def to_card(self) -> bytes:
        """Return the 80-byte card."""
        return text_card(KEYWORD, f"{self.size} {self.crc:08x} {self.algorithm}", "fits-decompress --to original")


@dataclass(frozen=True)
class KeptTiles:
    """What a table keeps of the tiles that its image was decoded from."""

    data: bytes
    card: OriginalCard

    @classmethod
    def of(cls, data: bytes, algorithm: str) -> KeptTiles:
        """Return it with its card."""
        return cls(data, OriginalCard(len(data), zlib.crc32(data), algorithm))


def read_original_card(cards: tuple[bytes, ...], where: str) -> OriginalCard | None:
    """
    Read the card of a table of ours; None where there is none.

    Raises
    ------
    CorruptError
        If it says something else.
    """
    # Also where damage took its equals sign, and with it the value.
    if not any(card[:8].rstrip() == KEYWORD.encode() for card in cards):
        return None
    value = card_value(find_card(cards, KEYWORD))
    match = _FIELDS.match(value) if isinstance(value, str) else None
    if match is None:
        raise CorruptError(
            f"{where}: card {KEYWORD} is {value!r}, not a number of bytes, their CRC-32 and an algorithm"
        )
    return OriginalCard(int(match[1]), int(match[2], 16), match[3])
