"""The header of a plain image from that of a compressed image of another program, and proof that no card is lost."""

from __future__ import annotations

import re
from collections import Counter

from fits_tiles.layout.blocks import card_value, count_card, find_card, int_card, split_cards
from fits_tiles.layout.card_format import assemble, int_card_of, text_card
from fits_tiles.layout.headers import ALGORITHM
from fits_tiles.layout.tiles_card import fields_in
from fits_tiles.layout.z_keywords import LEFT_ALONE, keyword_of, of_table, private_keyword, rename_back

__all__ = ["lost_card", "plain_header", "says_nothing"]

# Cards of the table and of its tiles, replaced by those of our own: docs/fits.md lists them.
_TABLE = re.compile(r"(XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|CHECKSUM|DATASUM)$")
_TILES = re.compile(r"(ZIMAGE|ZCMPTYPE|ZMASKCMP|ZQUANTIZ|ZDITHER0|ZBLANK)$")
_COLUMN = re.compile(r"(TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM)(\d+)$")
_STRUCTURE = re.compile(r"(ZBITPIX|ZNAXIS\d*|ZSIMPLE|ZTENSION|ZPCOUNT|ZGCOUNT)$")
_ONLY_PRIMARY = ("ZEXTEND", "ZBLOCKED")
# What cfitsio writes into every empty primary HDU.
_STANDARD = (
    b"COMMENT   FITS (Flexible Image Transport System) format is defined in 'Astronomy",
    b"COMMENT   and Astrophysics', volume 376, page 359; bibcode: 2001A&A...376..359H",
)
_EMPTY_PRIMARY = ("SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM")


def plain_header(cards: tuple[bytes, ...], where: str, *, primary: bool, blank: int | None = None) -> bytes:
    """
    Build the image header of a compressed image that another program wrote, as funpack does.

    `blank` is the value of undefined pixels, for a ``BLANK`` card where there is none.

    Raises
    ------
    FormatError
        If ``ZBITPIX`` or the axes are missing, or ``ZNAXIS`` is out of range.
    """
    axes = count_card(cards, "ZNAXIS", where, 0)
    leading = ["ZBITPIX", "ZNAXIS", *(f"ZNAXIS{n}" for n in range(1, axes + 1))]
    for name in leading:
        int_card(cards, name, where)
    first = find_card(cards, "ZSIMPLE") if primary else find_card(cards, "ZTENSION")
    default = text_card("XTENSION", "IMAGE", "image extension")
    if primary:
        default = b"SIMPLE  =                    T".ljust(80)
    out = [default if first is None else rename_back(first, "zimage")]
    out += [rename_back(card, "zimage") for name in leading if (card := find_card(cards, name))]
    if not primary:
        counts = (("ZPCOUNT", int_card_of("PCOUNT", 0)), ("ZGCOUNT", int_card_of("GCOUNT", 1)))
        out += [rename_back(card, "zimage") if (card := find_card(cards, name)) else new for name, new in counts]
    if blank is not None and find_card(cards, "BLANK") is None:
        zblank = find_card(cards, "ZBLANK")
        same = zblank is not None and card_value(zblank) == blank
        out.append(b"BLANK   " + zblank[8:] if zblank and same else int_card_of("BLANK", blank, "undefined pixels"))
    replaced = _replaced(cards, primary=primary)
    out += [
        rename_back(card, "zimage") for card in cards if not replaced[card] and not _STRUCTURE.match(keyword_of(card))
    ]
    while not out[-1].strip():
        out.pop()
    return assemble(out)


def _replaced(cards: tuple[bytes, ...], *, primary: bool) -> dict[bytes, bool]:
    """Tell of each card whether it describes the table or the tiles, not the image."""
    columns = int_card(cards, "TFIELDS", "", 0)
    ours = card_value(find_card(cards, "ZCMPTYPE")) == ALGORITHM
    were_ours = bool(fields_in(cards))  # whoever coded the image anew, or took its header, left the cards of our table
    parameters = 0
    while find_card(cards, f"ZNAME{parameters + 1}") is not None:
        parameters += 1
    axes = int_card(cards, "ZNAXIS", "", 0)

    def replaced(card: bytes) -> bool:
        keyword = keyword_of(card)
        if column := _COLUMN.match(keyword):
            return int(column.group(2)) <= columns
        if numbered := re.match(r"(ZTILE|ZNAME|ZVAL)(\d+)$", keyword):
            return int(numbered.group(2)) <= (axes if numbered.group(1) == "ZTILE" else parameters)
        default_name = keyword == "EXTNAME" and card_value(card) == "COMPRESSED_IMAGE"
        if default_name or _TABLE.match(keyword) or _TILES.match(keyword):
            return True
        if were_ours and (card == LEFT_ALONE or (private_keyword(keyword) and of_table(card))):
            return True
        return (ours and private_keyword(keyword)) or (not primary and keyword in _ONLY_PRIMARY)

    return {card: replaced(card) for card in cards}


def lost_card(cards: tuple[bytes, ...], header: bytes, *, primary: bool) -> bytes | None:
    """Return the first card of the image in a table header that is not in its plain header; None where all are."""
    kept = Counter(split_cards(header))
    replaced = _replaced(cards, primary=primary)
    for card in cards:
        other_form = keyword_of(card) in (("ZTENSION", "ZPCOUNT", "ZGCOUNT") if primary else ("ZSIMPLE",))
        if replaced[card] or other_form or keyword_of(card) in ("ZHECKSUM", "ZDATASUM") or not card.strip():
            continue
        renamed = rename_back(card, "zimage")
        if not kept[renamed]:
            return card
        kept[renamed] -= 1
    return None


def says_nothing(primary: tuple[bytes, ...], image: tuple[bytes, ...]) -> bool:
    """Tell by their cards whether the empty primary HDU before a compressed primary image holds nothing of its own."""
    return all(
        keyword_of(card) in _EMPTY_PRIMARY or card.rstrip() in _STANDARD or not card.strip() or card in image
        for card in primary
    )
