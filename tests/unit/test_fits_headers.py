"""Table headers give back the image header byte for byte, whatever it holds."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError, FormatError, VersionError
from fits_tiles.files.foreign_header import plain_header
from fits_tiles.layout.blocks import CARD, find_card, split_cards
from fits_tiles.layout.card_format import assemble, int_card_of, logical_card, text_card
from fits_tiles.layout.headers import (
    HeapSize,
    Quantization,
    TileLayout,
    build_header,
    holds_tiles,
    inflate,
    read_layout,
    why_not_kept,
)
from fits_tiles.layout.image_header import ImageHeader, restore_header
from fits_tiles.layout.tiles_card import TilesCard, fingerprint_in, read_tiles_card
from fits_tiles.layout.z_keywords import as_extension

STRUCTURE = [
    logical_card("SIMPLE", True, "a comment that stays"),
    int_card_of("BITPIX", 16),
    int_card_of("NAXIS", 2),
    int_card_of("NAXIS1", 40),
    int_card_of("NAXIS2", 30),
    logical_card("EXTEND", True),
]
LAYOUT = TileLayout("zimage", "ASTROCODEC_1", 16, (30, 40), (30, 40), wide=False)
TABLE = TileLayout("table", "ASTROCODEC_1", 16, (30, 40), (30, 40), wide=False)

printable = st.binary(min_size=72, max_size=72).map(lambda raw: bytes(32 + byte % 95 for byte in raw))
ordinary = ["OBJECT", "HISTORY", "COMMENT", "BZERO", "BSCALE", "BLANK", "EXTNAME", "BUNIT", "DATAMAX", "GAIN.SPE"]
renamed = ["CHECKSUM", "DATASUM", "BLOCKED", "PCOUNT", "NAXIS3", "XTENSION", "CONTINUE"]
reserved = ["ZBITPIX", "ZIMAGE", "TTYPE1", "TFIELDS", "ACMOD001", "ACTILES", "ZNAXIS1", "ZVAL1", "THEAP", "ACBZERO"]
keywords = st.sampled_from(ordinary + renamed + reserved) | st.text(alphabet="ABCXYZ-_09. ", max_size=8)
cards = st.builds(lambda key, rest: key.encode("ascii").ljust(8) + rest, keywords, printable).filter(
    lambda card: card[:8] != b"END     "
)


@given(st.lists(cards, max_size=60), st.sampled_from([LAYOUT, TABLE]))
def test_any_cards_come_back_in_order(extra: list[bytes], layout: TileLayout) -> None:
    original = assemble(STRUCTURE + extra)
    header = build_header(layout, original, HeapSize(1, 100, (100, 0), 7))
    found = split_cards(header)
    assert restore_header(found, "test") == ImageHeader(original)
    assert read_layout(found, "test") == layout
    assert holds_tiles(found)
    assert len(header) == len(build_header(layout, original, HeapSize(1)))


def test_unusual_header_padding_comes_back() -> None:
    original = assemble(STRUCTURE)[:-2880] + assemble(STRUCTURE)[-2880:-80] + b"left over".ljust(CARD)
    header = build_header(LAYOUT, original, HeapSize(1))
    assert restore_header(split_cards(header), "test") == ImageHeader(original)


def test_ordinary_headers_are_not_kept_twice() -> None:
    header = build_header(LAYOUT, assemble([*STRUCTURE, text_card("OBJECT", "M31")]), HeapSize(1))
    assert find_card(split_cards(header), "ACRAW001") is None


def test_quantised_layout_comes_back() -> None:
    layout = TileLayout("zimage", "ASTROCODEC_1", -32, (30, 40), (30, 40), True, Quantization(1e-5, 1, 77))
    header = build_header(layout, assemble(STRUCTURE), HeapSize(1))
    found = read_layout(split_cards(header), "test")
    assert found.wide
    assert found.quantization == Quantization(0.0, 1, 77)
    assert find_card(split_cards(header), "ZVAL1") == b"ZVAL1   =                1E-05".ljust(CARD)


def test_a_changed_card_is_named() -> None:
    header = bytearray(build_header(LAYOUT, assemble([*STRUCTURE, text_card("OBJECT", "M31")]), HeapSize(1)))
    header[header.index(b"M31")] ^= 1
    found = restore_header(split_cards(bytes(header)), "test")
    new = text_card("OBJECT", "L31").rstrip()
    assert found.changed == ("card 7 of the image is not there any more", f"{new!r} is new")


def test_one_card_tells_what_six_would() -> None:
    header = build_header(LAYOUT, assemble(STRUCTURE), HeapSize(1, 100, (100, 0), 7), fingerprint="0123456789abcdef")
    cards = split_cards(header)
    about = read_tiles_card(cards, "test")
    assert (about.image_cards, about.table_crc, about.fingerprint) == (6, 7, "0123456789abcdef")
    assert fingerprint_in(cards) == about.fingerprint
    assert sum(card.startswith(b"AC") for card in cards) == 2  # ACSUM001 and ACTILES


@pytest.mark.parametrize(
    "text", ["1", "1 2", "1 6 0 0 0", "-1 6", "one", "", "1 9 6 00000000 00000007 0123456789abcdeg 00000000"]
)
@pytest.mark.parametrize("layout", [LAYOUT, TABLE])
def test_a_damaged_card_does_not_hide_the_image(text: str, layout: TileLayout) -> None:
    header = build_header(layout, assemble(STRUCTURE), HeapSize(1))
    cards = tuple(text_card("ACTILES", text) if card.startswith(b"ACTILES") else card for card in split_cards(header))
    assert holds_tiles(cards)
    with pytest.raises(CorruptError, match="test: card ACTILES holds"):
        read_layout(cards, "test")
    without = tuple(card for card in cards if not card.startswith(b"ACTILES"))
    assert holds_tiles(without)
    with pytest.raises(CorruptError, match="test: card ACTILES is missing or damaged, though card TTYPE1"):
        read_layout(without, "test")


@given(st.binary(max_size=70))
def test_any_text_in_the_card_is_an_error_or_the_truth(raw: bytes) -> None:
    header = split_cards(build_header(LAYOUT, assemble(STRUCTURE), HeapSize(1)))
    cards = tuple(b"ACTILES = " + raw.ljust(70) if card.startswith(b"ACTILES") else card for card in header)
    with pytest.raises(FormatError, match="test: "):
        read_layout(cards, "test")


def test_a_newer_container_asks_for_a_newer_astrocodec() -> None:
    header = build_header(LAYOUT, assemble(STRUCTURE), HeapSize(1))
    found = tuple(card.replace(b"ACTILES = '1 ", b"ACTILES = '2 ") for card in split_cards(header))
    with pytest.raises(VersionError, match="install a newer one"):
        read_layout(found, "test")


def test_a_header_that_contradicts_itself_is_an_error() -> None:
    header = build_header(LAYOUT, assemble(STRUCTURE), HeapSize(1))
    found = tuple(card for card in split_cards(header) if not card.startswith((b"ZBITPIX", b"ACTILES")))
    found = (*found, TilesCard(len(found) + 1, 5, 7, 0, "0" * 16).sealed(found).to_card())
    with pytest.raises(FormatError, match="ZBITPIX"):
        read_layout(found, "test")


def test_plain_header_of_another_program() -> None:
    header = build_header(LAYOUT, assemble([*STRUCTURE, text_card("OBJECT", "M31")]), HeapSize(1))
    assert plain_header(split_cards(header), "test", primary=True) == assemble([*STRUCTURE, text_card("OBJECT", "M31")])
    names = [card[:8].strip() for card in split_cards(plain_header(split_cards(header), "test", primary=False))]
    assert names == [b"XTENSION", b"BITPIX", b"NAXIS", b"NAXIS1", b"NAXIS2", b"PCOUNT", b"GCOUNT", b"OBJECT"]


def test_as_extension_follows_the_order_of_the_standard() -> None:
    names = [card[:8].strip() for card in split_cards(as_extension(assemble(STRUCTURE)))]
    assert names == [b"XTENSION", b"BITPIX", b"NAXIS", b"NAXIS1", b"NAXIS2", b"PCOUNT", b"GCOUNT"]


def test_cards_inflate_to_16_mib_and_no_further() -> None:
    bomb = zlib.compress(bytes(50 << 20), 9)
    assert len(bomb) < 999 * 55  # so many fit the cards
    assert len(inflate(zlib.compress(bytes(16 << 20)), "HDU 1")) == 16 << 20
    tracemalloc.start()
    try:
        with pytest.raises(CorruptError, match=r"^HDU 1: .*inflate to more than the 16777216 bytes"):
            inflate(bomb, "HDU 1")
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("damage", [lambda blob: blob[:-1], lambda blob: blob + b"x", lambda blob: b"x" + blob])
def test_a_blob_that_is_cut_or_longer_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CorruptError, match="ACRAWnnn"):
        inflate(damage(zlib.compress(b"SIMPLE  =")), "HDU 1")


@pytest.mark.parametrize(
    ("cards", "padding", "reason"),
    [
        (27470, b"", ""),
        (27471, b"", "its header has 27471 cards, checksums of at most 27470 can be kept"),
        (5, b"\0" * (17 << 20), "unusual header has 17"),
        (5, np.random.default_rng(2).bytes(60000), "unusual header deflates to 60"),
        (5, np.random.default_rng(2).bytes(50000), ""),
    ],
)
def test_headers_that_cannot_be_kept_are_told_beforehand(cards: int, padding: bytes, reason: str) -> None:
    header = assemble([(b"HISTORY %d" % n).ljust(80) for n in range(cards)]) + padding
    layout = TileLayout("zimage", "ASTROCODEC_1", 16, (4, 4), (4, 4), wide=False)
    said = why_not_kept(header)
    assert said.startswith(reason) if not reason else reason in said
    assert bool(said) == bool(reason)
    if not reason:
        table = split_cards(build_header(layout, header, HeapSize(1)))
        assert restore_header(table, "HDU 1").header == header
