"""Cards of an image known again among those of a table's header, whatever other programs did to them."""

from __future__ import annotations

import zlib

import pytest

from astrocodec.errors import FormatError
from fits_tiles.layout.card_sums import GROUP, card_sums, read_sums
from fits_tiles.layout.image_cards import BLANK, ImageCards, find_image_cards

PLAIN = [f"KEY{number:<5d}= {number:20d}".ljust(80).encode() for number in range(20)]
HISTORY = [f"HISTORY step {number // 2}".ljust(80).encode() for number in range(70)]  # each line twice
CARDS = [*PLAIN[:12], *HISTORY[:50], *PLAIN[12:], BLANK, *HISTORY[50:], b"COMMENT".ljust(80), BLANK]
NEW = [f"HISTORY another program {number}".ljust(80).encode() for number in range(40)]


def find(cards: list[bytes]) -> ImageCards:
    return find_image_cards(cards, read_sums(card_sums(CARDS), len(CARDS)))


def test_sums_of_long_commentary_are_a_quarter() -> None:
    groups = 50 // GROUP + 21 // GROUP
    assert len(card_sums(CARDS)) == 5 + 2 * (len(CARDS) - GROUP * groups) + 8 * groups
    assert len(card_sums(PLAIN)) == 1 + 2 * len(PLAIN)


def test_all_are_found_where_they_were() -> None:
    found = find(CARDS)
    assert found == ImageCards(tuple(CARDS), ())
    assert found.crc == zlib.crc32(b"".join(CARDS))


@pytest.mark.parametrize("place", range(len(CARDS) + 1))
@pytest.mark.parametrize("count", [1, 30])
def test_cards_put_anywhere_are_told_from_the_others(place: int, count: int) -> None:
    found = find([*CARDS[:place], *NEW[:count], *CARDS[place:]])
    assert found.own == tuple(CARDS)
    assert found.added == tuple((place, card) for card in NEW[:count])


@pytest.mark.parametrize("place", [place for place, card in enumerate(CARDS) if card != BLANK])
def test_a_card_that_is_gone_is_missed_and_the_others_are_there(place: int) -> None:
    found = find(CARDS[:place] + CARDS[place + 1 :])
    assert len(found.missing) == 1
    assert CARDS[found.missing[0]] == CARDS[place]
    assert not found.added


@pytest.mark.parametrize("place", range(len(CARDS)))
def test_a_card_that_changed_is_missed_and_new(place: int) -> None:
    changed = bytes([*CARDS[place][:40], CARDS[place][40] ^ 1, *CARDS[place][41:]])
    found = find([*CARDS[:place], changed, *CARDS[place + 1 :]])
    assert [card for _, card in found.added] == [changed]
    assert len(found.missing) + found.refilled == 1


def test_a_group_that_was_moved_is_found() -> None:
    group = CARDS[12 : 12 + GROUP]
    found = find([*CARDS[:12], *CARDS[12 + GROUP :], *group])
    assert found.own == tuple(CARDS)


def test_groups_that_are_gone_are_missed() -> None:
    found = find([card for card in CARDS if not card.startswith((b"HISTORY", b"COMMENT"))])
    assert len(found.missing) == 71
    assert not found.added


def test_of_two_cards_that_are_gone_from_a_group_the_others_are_not_known() -> None:
    """Nothing would prove them: that they are new says that the header was edited, or is damaged."""
    found = find([card for place, card in enumerate(CARDS) if place not in (14, 21)])
    assert found.missing == tuple(range(12, 12 + GROUP))
    assert len(found.added) == GROUP - 2


@pytest.mark.parametrize(
    "sums", [b"", b"\0", b"\0" * 40, card_sums(CARDS)[:-1], card_sums(CARDS) + b"\0", b"\xff" * 200]
)
def test_sums_of_other_cards_are_refused(sums: bytes) -> None:
    with pytest.raises(FormatError):
        read_sums(sums, len(CARDS))
