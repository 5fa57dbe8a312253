"""Blobs in header cards: any bytes come back, any damage is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError
from fits_tiles.blocks import CARD
from fits_tiles.model_cards import blob_cards, model_cards, read_blob, read_fingerprint, read_model


@given(st.binary(max_size=1000))
def test_any_bytes_come_back(blob: bytes) -> None:
    cards = blob_cards("ACMOD", blob, "model")
    assert all(len(card) == CARD for card in cards)
    assert read_blob(tuple(cards), "ACMOD", "HDU 1") == blob


@given(st.binary(min_size=3, max_size=200).map(lambda raw: raw[: len(raw) // 3 * 3]), st.data())
def test_any_changed_character_is_noticed(blob: bytes, data: st.DataObject) -> None:
    cards = blob_cards("ACMOD", blob, "model")
    number = data.draw(st.integers(1, len(cards) - 1))
    place = data.draw(st.integers(11, cards[number].index(b"'", 11) - 1))
    damaged = bytearray(cards[number])
    damaged[place] = ord("B" if damaged[place] == ord("A") else "A")
    if cards[number][place] == ord(" "):
        return
    cards[number] = bytes(damaged)
    with pytest.raises(CorruptError, match="HDU 1: the"):
        read_blob(tuple(cards), "ACMOD", "HDU 1")


def test_a_lost_card_is_noticed() -> None:
    cards = blob_cards("ACMOD", bytes(range(200)), "model")
    with pytest.raises(CorruptError, match="HDU 1: the 3 ACMODnnn cards have CRC-32"):
        read_blob(tuple(cards[:-1]), "ACMOD", "HDU 1")


def test_no_cards_mean_no_model() -> None:
    assert read_blob((), "ACMOD", "HDU 1") is None
    assert read_model((), "HDU 1") is None
    assert read_fingerprint(()) == ""


def test_too_long_blobs_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 999 fit"):
        blob_cards("ACRAW", bytes(60_000), "header")


def test_a_shipped_model_needs_one_card(default_model: object) -> None:
    cards = model_cards(default_model)  # type: ignore[arg-type]
    assert [card[:8] for card in cards] == [b"ACMODEL "]


@pytest.fixture
def default_model() -> object:
    from astrocodec.model import load_model

    return load_model("default")


def test_damaged_model_bytes_are_an_error() -> None:
    cards = blob_cards("ACMOD", b"these are no weights", "model")
    with pytest.raises(CorruptError, match="HDU 1: the ACMODnnn cards hold"):
        read_model(tuple(cards), "HDU 1")
