"""
Short checksums by which cards of an image are known again: one for each card, and for long commentary one for sixteen.

A group has two sums over the CRC-32 of its sixteen cards, plain and weighted by place. They tell the group where it
stands whole, with cards between its own, and with one of them gone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul

from astrocodec.errors import CorruptError
from astrocodec.stages import varint

__all__ = ["GROUP", "Unit", "card_sums", "group_sums", "is_commentary", "is_group_without", "read_sums", "sum16"]

GROUP = 16  # cards
_PRIME = (1 << 32) - 5
_GROUP_SUMS = struct.Struct(">II")


@dataclass(frozen=True)
class Unit:
    """A card, or the cards of a group: place of the first among the image's own, and what was written of it."""

    first: int
    size: int  # 1 or GROUP
    sums: tuple[int, ...]


def sum16(crc: int) -> int:
    """Return the low half of a card's CRC-32."""
    return crc & 0xFFFF


def group_sums(crcs: Sequence[int]) -> tuple[int, int]:
    """Return the two sums of a group."""
    return sum(crcs) % _PRIME, sum(map(mul, range(1, len(crcs) + 1), crcs)) % _PRIME


def is_group_without(crcs: Sequence[int], gone: int, sums: tuple[int, ...]) -> bool:
    """Tell whether fifteen cards are those of a group without the one in place `gone`, whatever that held."""
    missing = sums[0] - sum(crcs)
    weighted = sum(map(mul, range(1, gone + 1), crcs)) + sum(map(mul, range(gone + 2, GROUP + 1), crcs[gone:]))
    return bool((weighted + (gone + 1) * missing - sums[1]) % _PRIME == 0)


def is_commentary(card: bytes) -> bool:
    """Tell a card of history or comments."""
    return card[:8] in (b"HISTORY ", b"COMMENT ")


def _runs(cards: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """For each stretch of commentary that has groups: number of cards before it that are in none, number of groups."""
    start = place = 0
    while place < len(cards):
        stop = place
        while stop < len(cards) and is_commentary(cards[stop]):
            stop += 1
        if groups := (stop - place) // GROUP:
            yield place - start, groups
            start = place + groups * GROUP
        place = stop + 1


def card_sums(cards: Sequence[bytes]) -> bytes:
    """
    Return what `read_sums` reads: which cards are groups, and the sums.

    Examples
    --------
    >>> card_sums([b" " * 80]).hex()
    '008e3b'
    >>> len(card_sums([b"HISTORY".ljust(80)] * 165))
    93
    """
    runs = list(_runs(cards))
    out = varint.put(len(runs)) + b"".join(varint.put(alone) + varint.put(groups) for alone, groups in runs)
    crcs = [zlib.crc32(card) for card in cards]
    for first, size in _units(runs, len(cards)):
        unit = crcs[first : first + size]
        out += struct.pack(">H", sum16(unit[0])) if size == 1 else _GROUP_SUMS.pack(*group_sums(unit))
    return out


def _units(runs: Sequence[tuple[int, int]], count: int) -> Iterator[tuple[int, int]]:
    """First card and size of every unit of so many cards."""
    place = 0
    for alone, groups in [*runs, (count, 0)]:
        for _ in range(min(alone, count - place)):
            yield place, 1
            place += 1
        for _ in range(groups):
            yield place, GROUP
            place += GROUP


def read_sums(sums: bytes, count: int) -> list[Unit]:
    """
    Read the sums of so many cards.

    Raises
    ------
    CorruptError
        If they are not those of so many cards.

    Examples
    --------
    >>> read_sums(bytes.fromhex("008e3b"), 1)
    [Unit(first=0, size=1, sums=(36411,))]
    """
    reader = varint.Reader(memoryview(sums))
    runs = []
    for _ in range(reader.number("number of runs", count // GROUP)):
        runs.append((reader.number("cards alone", count), reader.number("groups", count // GROUP)))
    grouped = sum(groups for _, groups in runs)
    alone = count - GROUP * grouped
    if sum(before for before, _ in runs) > alone or len(sums) - reader.at != 2 * alone + _GROUP_SUMS.size * grouped:
        raise CorruptError(f"{len(sums)} bytes of sums are not those of {count} cards")
    found = []
    for first, size in _units(runs, count):
        raw = bytes(reader.take(2 if size == 1 else _GROUP_SUMS.size, "sums"))
        found.append(Unit(first, size, struct.unpack(">H" if size == 1 else ">II", raw)))
    return found
