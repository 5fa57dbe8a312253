"""A header told by another one that has most of its cards: which of these follow each other in it, and the others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from fits_tiles.layout.blocks import CARD, split_cards
from fits_tiles.layout.card_format import assemble

__all__ = ["fold", "unfold"]

_MOST_CARDS = 1 << 20


def fold(header: bytes, known: Sequence[bytes]) -> bytes:
    """
    Return the bytes from which `unfold` makes a header again, given the same known cards.

    They are varints and cards: how many known cards to pass over (signed) and how many of them follow then, how many
    others follow, and each of those without blanks at its end, behind its length; and so on. First stands 0, or 1
    before the bytes of a header that does not end as it should.

    Examples
    --------
    >>> known = [b"SIMPLE  =                    T".ljust(80), b"GAIN    =                    2".ljust(80)]
    >>> fold(assemble(known), known).hex()
    '00000200'
    """
    cards = split_cards(header)
    if assemble(list(cards)) != header:
        return b"\1" + header
    places: dict[bytes, list[int]] = {}
    for place, card in enumerate(known):
        places.setdefault(card, []).append(place)
    out, at, done = bytearray(b"\0"), 0, 0
    while done < len(cards):
        found = places.get(cards[done], [])
        start = found[bisect_left(found, at) % len(found)] if found else at
        stop = start
        while done < len(cards) and stop < len(known) and known[stop] == cards[done]:
            stop, done = stop + 1, done + 1
        others = []
        while done < len(cards) and cards[done] not in places:
            others.append(cards[done].rstrip(b" "))
            done += 1
        out += varint.put_signed(start - at) + varint.put(stop - start) + varint.put(len(others))
        out += b"".join(bytes([len(card)]) + card for card in others)
        at = stop
    return bytes(out)


def unfold(folded: bytes, known: Sequence[bytes], where: str) -> bytes:
    """
    Undo `fold`.

    Raises
    ------
    FormatError
        If the bytes do not tell of a header.
    """
    if folded[:1] == b"\1":
        return folded[1:]
    reader = varint.Reader(memoryview(folded))
    reader.take(1, f"{where}: the form of a header")
    cards: list[bytes] = []
    at = 0
    while reader.at < len(folded):
        at += reader.signed("cards to pass over")
        count = reader.number("known cards", _MOST_CARDS)
        if at < 0 or at + count > len(known):
            raise CorruptError(f"{where}: a header is told by {at + count} known cards, there are {len(known)}")
        cards += known[at : at + count]
        at += count
        for _ in range(reader.number("other cards", _MOST_CARDS)):
            length = reader.take(1, "the length of a card")[0]
            cards.append(bytes(reader.take(min(length, CARD), "a card")).ljust(CARD))
    return assemble(cards)
