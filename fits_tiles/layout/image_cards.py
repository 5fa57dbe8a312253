"""
The image's own cards among those of a table header, wherever other programs have put, changed or removed some.

A table header is written with short checksums of the cards of the image (``ACSUMnnn``), so that each is known again.
"""

from __future__ import annotations

import zlib
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fits_tiles.layout.blocks import CARD
from fits_tiles.layout.card_sums import GROUP, Unit, group_sums, is_commentary, is_group_without, sum16

__all__ = ["BLANK", "ImageCards", "find_image_cards"]

BLANK = b" " * CARD
_MOST_BETWEEN = 32  # cards that a program put into a group
_MOST_TORN = 16  # groups that are looked for in parts


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


def find_image_cards(cards: Sequence[bytes], units: Sequence[Unit]) -> ImageCards:
    """
    Tell the image's own cards from others, by the sums that `card_sums` made when the header was written.

    Blank cards need not be found: programs use them up when they add cards, and what they held is known.

    Examples
    --------
    >>> from fits_tiles.layout.card_sums import card_sums, read_sums
    >>> first, second, new = (text.ljust(80) for text in (b"OBJECT", b"GAIN", b"HISTORY"))
    >>> found = find_image_cards([first, new, second], read_sums(card_sums([first, second]), 2))
    >>> found.own == (first, second), found.added == ((1, new),), found.missing
    (True, True, ())
    """
    count = units[-1].first + units[-1].size if units else 0
    crcs = [zlib.crc32(card) for card in cards]
    at: list[int | None] = [None] * count  # where each of the own cards is
    taken = [False] * len(cards)

    def take(unit: Unit, places: Sequence[int | None]) -> None:
        for number, place in enumerate(places, unit.first):
            at[number] = place
            if place is not None:
                taken[place] = True

    groups = [unit for unit in units if unit.size == GROUP]
    if groups:
        whole = _whole_groups(cards, crcs, groups)
        for unit in groups:
            for place in whole[unit.sums]:
                if not any(taken[place : place + GROUP]):
                    take(unit, range(place, place + GROUP))
                    break
    single: dict[int, deque[int]] = defaultdict(deque)
    for place, crc in enumerate(crcs):
        if not taken[place]:
            single[sum16(crc)].append(place)
    for unit in units:
        if unit.size == 1 and single[unit.sums[0]]:
            take(unit, [single[unit.sums[0]].popleft()])
    for unit in [unit for unit in groups if at[unit.first] is None][:_MOST_TORN]:
        free = [place for place in _between(at, unit, len(cards)) if not taken[place] and is_commentary(cards[place])]
        take(unit, next(_torn_group(crcs, free, unit.sums), ()))
    blank = {unit.first for unit in units if unit.size == 1 and unit.sums[0] == sum16(zlib.crc32(BLANK))}
    own = [
        BLANK if place is None and n in blank else None if place is None else cards[place] for n, place in enumerate(at)
    ]
    added, behind = [], 0
    numbers = {place: number for number, place in enumerate(at) if place is not None}
    for place, card in enumerate(cards):
        if place in numbers:
            behind = numbers[place] + 1
        else:
            added.append((behind, card))
    refilled = sum(at[number] is None for number in blank)
    return ImageCards(tuple(own), tuple(added), refilled)


def _whole_groups(
    cards: Sequence[bytes], crcs: Sequence[int], groups: Sequence[Unit]
) -> dict[tuple[int, ...], list[int]]:
    """Where sixteen cards one behind the other have the sums of a group."""
    found: dict[tuple[int, ...], list[int]] = {unit.sums: [] for unit in groups}
    length = 0  # of the commentary that ends here
    for place, card in enumerate(cards):
        length = length + 1 if is_commentary(card) else 0
        if length >= GROUP:
            start = place + 1 - GROUP
            if (sums := group_sums(crcs[start : place + 1])) in found:
                found[sums].append(start)
    return found


def _between(at: Sequence[int | None], unit: Unit, end: int) -> range:
    """The places between the cards that were found before and behind a group."""
    before = next((place for place in reversed(at[: unit.first]) if place is not None), -1)
    behind = next((place for place in at[unit.first + GROUP :] if place is not None), end)
    return range(before + 1, behind)


def _torn_group(crcs: Sequence[int], free: Sequence[int], sums: tuple[int, ...]) -> Iterator[list[int | None]]:
    """The places of a group that others were put into at one place, or of which one card is not there any more."""
    for size in (GROUP, GROUP - 1):
        for more in range(min(len(free) - size, _MOST_BETWEEN) + 1):
            for split in range(size + 1):
                places = [*free[:split], *free[split + more : size + more]]
                own = [crcs[place] for place in places]
                if size == GROUP:
                    if group_sums(own) == sums:
                        yield list(places)
                    continue
                for gone in range(GROUP):
                    if is_group_without(own, gone, sums):
                        yield [*places[:gone], None, *places[gone:]]
