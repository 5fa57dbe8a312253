"""
The image's own cards among those of a table header, wherever other programs have put, changed or removed some.

A table header is written with a short checksum of every card of the image (``ACSUMnnn``), so that each is known again.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict, deque
from dataclasses import dataclass

from fits_tiles.layout.blocks import CARD

__all__ = ["BLANK", "ImageCards", "card_sums", "find_image_cards"]

BLANK = b" " * CARD


@dataclass(frozen=True)
class ImageCards:
    """Cards that were found."""

    own: tuple[bytes | None, ...]  # the image's in their order; None for one that is not there any more
    added: tuple[tuple[int, bytes], ...]  # since the header was written, behind so many own cards
    refilled: int = 0  # number of own blank cards that were not found

    @property
    def missing(self) -> tuple[int, ...]:
        """Positions of own cards that are not there, from 0."""
        return tuple(place for place, card in enumerate(self.own) if card is None)

    @property
    def crc(self) -> int:
        """CRC-32 of the own cards that are there."""
        return zlib.crc32(b"".join(card for card in self.own if card is not None))


def _sum16(card: bytes) -> int:
    return zlib.crc32(card) & 0xFFFF


def card_sums(cards: list[bytes]) -> bytes:
    """
    Return two bytes for every card: the low half of its CRC-32, big-endian.

    Examples
    --------
    >>> card_sums([b" " * 80]).hex()
    '8e3b'
    """
    return struct.pack(f">{len(cards)}H", *map(_sum16, cards))


def find_image_cards(cards: list[bytes], sums: bytes) -> ImageCards:
    """
    Tell the image's own cards from others, by what `card_sums` returned when the header was written.

    Blank cards need not be found: programs use them up when they add cards, and what they held is known.

    Examples
    --------
    >>> first, second, new = (text.ljust(80) for text in (b"OBJECT", b"GAIN", b"HISTORY"))
    >>> found = find_image_cards([first, new, second], card_sums([first, second]))
    >>> found.own == (first, second), found.added == ((1, new),), found.missing
    (True, True, ())
    """
    places: dict[int, deque[int]] = defaultdict(deque)
    for place, card in enumerate(cards):
        places[_sum16(card)].append(place)
    own: list[bytes | None] = []
    refilled = 0
    taken: dict[int, int] = {}
    for number, wanted in enumerate(struct.unpack(f">{len(sums) // 2}H", sums)):
        if places[wanted]:
            place = places[wanted].popleft()
            taken[place] = number
            own.append(cards[place])
        else:
            own.append(BLANK if wanted == _sum16(BLANK) else None)
            refilled += own[-1] is BLANK
    added, behind = [], 0
    for place, card in enumerate(cards):
        if place in taken:
            behind = taken[place] + 1
        else:
            added.append((behind, card))
    return ImageCards(tuple(own), tuple(added), refilled)
