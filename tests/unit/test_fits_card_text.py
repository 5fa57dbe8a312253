"""Bytes in header cards: any bytes come back, any damage is noticed, nothing is wasted."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError
from fits_tiles.layout.blocks import CARD
from fits_tiles.layout.card_text import CARD_BYTES, blob_cards, has_blob, read_blob


@given(st.binary(max_size=1000))
def test_any_bytes_come_back(blob: bytes) -> None:
    cards = blob_cards("ACMOD", blob)
    assert all(len(card) == CARD for card in cards)
    assert len(cards) == -(-(len(blob) + 4) // CARD_BYTES)
    assert read_blob(tuple(cards), "ACMOD", "HDU 1") == blob


@given(st.binary(max_size=300))
def test_cards_are_such_as_astropy_and_the_standard_want(blob: bytes) -> None:
    cards = blob_cards("ACMOD", blob)
    assert all(0x20 <= byte <= 0x7E for card in cards for byte in card)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for image in cards:
            card = fits.Card.fromstring(image)
            card.verify("exception")
            text = image[11:].rstrip()[:-1].rstrip().decode("ascii")
            assert card.value == text
            assert "&" not in text


def test_astropy_keeps_the_cards_verbatim() -> None:
    cards = blob_cards("ACMOD", bytes(range(256)) * 3)
    file = io.BytesIO()
    hdu = fits.PrimaryHDU()
    for card in cards:
        hdu.header.append(fits.Card.fromstring(card), end=True)
    hdu.writeto(file)
    assert b"".join(cards) in file.getvalue()


@given(st.binary(min_size=1, max_size=200), st.data())
def test_any_changed_character_is_noticed(blob: bytes, data: st.DataObject) -> None:
    cards = blob_cards("ACMOD", blob)
    number = data.draw(st.integers(0, len(cards) - 1))
    place = data.draw(st.integers(11, len(cards[number][11:].rstrip()[:-1].rstrip()) + 10))
    letter = data.draw(st.integers(0x20, 0x7E).filter(lambda byte: byte != cards[number][place]))
    cards[number] = cards[number][:place] + bytes([letter]) + cards[number][place + 1 :]
    with pytest.raises(CorruptError, match="HDU 1: "):
        read_blob(tuple(cards), "ACMOD", "HDU 1")


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=4))
def test_any_text_is_an_error_or_bytes(values: list[bytes]) -> None:
    cards = tuple(f"ACMOD{n:03d}= ".encode() + value.ljust(70) for n, value in enumerate(values, 1))
    found = None
    with suppress(CorruptError):
        found = read_blob(cards, "ACMOD", "HDU 1")
    assert found is None or read_blob(tuple(blob_cards("ACMOD", found)), "ACMOD", "HDU 1") == found


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_lost_card_is_noticed(lost: int) -> None:
    cards = blob_cards("ACMOD", bytes(range(200)))
    del cards[lost]
    if lost == 0:
        assert not has_blob(tuple(cards), "ACMOD")  # a table's header has its own checksum
        return
    with pytest.raises(CorruptError, match=f"HDU 1: the {lost} ACMODnnn cards do not have the CRC-32"):
        read_blob(tuple(cards), "ACMOD", "HDU 1")


def test_no_cards_mean_no_blob() -> None:
    assert read_blob((), "ACMOD", "HDU 1") is None


def test_too_long_blobs_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 999 fit"):
        blob_cards("ACRAW", bytes(60_000))
