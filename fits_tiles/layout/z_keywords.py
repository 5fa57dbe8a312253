"""Z keywords: which image keywords a table header renames, which ones it reserves, and how to undo both."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fits_tiles.layout.blocks import find_card, is_odd_end, split_cards
from fits_tiles.layout.card_format import assemble, int_card_of, logical_card, text_card

__all__ = [
    "LEFT_ALONE",
    "as_extension",
    "as_primary",
    "collides",
    "collisions",
    "keyword_of",
    "of_table",
    "private_keyword",
    "rename",
    "rename_back",
    "standard_order",
    "stray_continuations",
]

_RENAMED = {
    "SIMPLE": "ZSIMPLE",
    "XTENSION": "ZTENSION",
    "BITPIX": "ZBITPIX",
    "NAXIS": "ZNAXIS",
    "EXTEND": "ZEXTEND",
    "BLOCKED": "ZBLOCKED",
    "PCOUNT": "ZPCOUNT",
    "GCOUNT": "ZGCOUNT",
    "CHECKSUM": "ZHECKSUM",
    "DATASUM": "ZDATASUM",
}
# What fpack is to do: tables of ours say it of themselves, tiles of the standard leave the image's word.
_RENAMED_IN_OURS = {"FZALGOR": "ZFZALGOR"}
# A plain table must not carry keywords that the standard keeps for images.
_RENAMED_IN_TABLE = {
    "BSCALE": "ACBSCALE",
    "BZERO": "ACBZERO",
    "BLANK": "ACBLANK",
    "BUNIT": "ACBUNIT",
    "DATAMAX": "ACDATMAX",
    "DATAMIN": "ACDATMIN",
}
_PRIVATE = re.compile(r"AC(TILES|RENEW|ORIG|BSCALE|BZERO|BLANK|BUNIT|DATMAX|DATMIN)$|AC(MOD|RAW|PAD|SUM|FIL)\d{3}$")
_TABLE = re.compile(
    r"(XTENSION|BITPIX|NAXIS|NAXIS\d|PCOUNT|GCOUNT|CHECKSUM|DATASUM|FZALGOR|ACTILES|ACRENEW|ACORIG)$|AC(MOD|RAW|PAD|SUM|FIL)\d{3}$"
)
# `fpack -table` would write the size of the table over that of the image, which both call ZNAXISn.
LEFT_ALONE = text_card("FZALGOR", "NONE", "fpack leaves this table as it is")
_RESERVED = re.compile(
    r"(TFIELDS|THEAP|ZIMAGE|ZCMPTYPE|ZMASKCMP|ZQUANTIZ|ZDITHER0|ZBLANK|ZSCALE|ZZERO|ZTABLE|ZHEAPPTR|ZTHEAP)$"
    r"|(TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM|TBCOL|ZTILE|ZNAME|ZVAL|ZFORM|ZCTYP)\d+$"
)


def keyword_of(card: bytes) -> str:
    """Return the keyword of a card without its blanks."""
    return card[:8].rstrip(b" ").decode("latin-1")


def private_keyword(keyword: str) -> bool:
    """
    Tell whether a keyword belongs to this container and not to the image.

    Examples
    --------
    >>> private_keyword("ACMOD001"), private_keyword("ACQTIME")
    (True, False)
    """
    return _PRIVATE.match(keyword) is not None


def _new_name(keyword: str, container: str) -> str:
    if re.match(r"NAXIS\d{1,2}$", keyword):
        return f"Z{keyword}"
    if container == "table" and keyword in _RENAMED_IN_TABLE:
        return _RENAMED_IN_TABLE[keyword]
    if container != "standard" and keyword in _RENAMED_IN_OURS:
        return _RENAMED_IN_OURS[keyword]
    return _RENAMED.get(keyword, keyword)


def collides(card: bytes) -> bool:
    """
    Tell whether a card of an image header would be taken for one of the table's own, or for its end.

    Examples
    --------
    >>> collides(b"ZBITPIX =                   16"), collides(b"BITPIX  =                   16")
    (True, False)
    """
    keyword = keyword_of(card)
    names = (_RENAMED | _RENAMED_IN_OURS).values()
    taken = keyword in names or re.match(r"ZNAXIS\d+$|NAXIS\d{3}$", keyword) or _RESERVED.match(keyword)
    return bool(taken) or private_keyword(keyword) or is_odd_end(card)


def collisions(cards: Sequence[bytes]) -> list[bool]:
    """
    Tell of each card of an image header whether it `collides`; ``CONTINUE`` cards go with the card that they continue.

    Those that continue nothing collide too: astropy joins them to whatever card stands before, and cannot read that.

    Examples
    --------
    >>> collisions([b"TUNIT3  = 'long&'", b"CONTINUE  'text'", b"OBJECT  = 'M31'", b"GAIN    = 2", b"CONTINUE  'text'"])
    [True, True, False, False, True]
    """
    found: list[bool] = []
    strays = stray_continuations(cards)
    for card, stray in zip(cards, strays, strict=True):
        continues = card[:8] == b"CONTINUE" and found and not stray
        found.append(found[-1] if continues else stray or collides(card))
    return found


def stray_continuations(cards: Sequence[bytes]) -> list[bool]:
    """
    Tell of each card whether it is a ``CONTINUE`` without a text, or behind a card without one.

    Examples
    --------
    >>> stray_continuations([b"OBJECT  = 'M&'", b"CONTINUE  '31'", b"CONTINUE", b"COMMENT none", b"CONTINUE  'text'"])
    [False, False, True, False, True]
    """
    found, behind_text = [], False
    for card in cards:
        if card[:8] == b"CONTINUE":
            behind_text = behind_text and card[9:].lstrip().startswith(b"'")
            found.append(not behind_text)
        else:
            behind_text = card[8:10] == b"= " and card[10:].lstrip().startswith(b"'")
            found.append(False)
    return found


def of_table(card: bytes) -> bool:
    """
    Tell whether a card of a table header describes the table and not the image.

    Examples
    --------
    >>> of_table(b"TFIELDS =                    1"), of_table(b"ZBITPIX =                   16")
    (True, False)
    """
    keyword = keyword_of(card)
    return bool(_TABLE.match(keyword) or _RESERVED.match(keyword))


def rename(card: bytes, container: str) -> bytes:
    """
    Give a card of an image header the keyword that it has in the header of a 'zimage', a 'table', or 'standard' tiles.

    Examples
    --------
    >>> rename(b"BITPIX  =                   16", "zimage")
    b'ZBITPIX =                   16'
    """
    keyword = keyword_of(card)
    new = _new_name(keyword, container)
    return card if new == keyword else new.ljust(8).encode("latin-1") + card[8:]


def rename_back(card: bytes, container: str) -> bytes:
    """Undo `rename`."""
    keyword = keyword_of(card)
    names = _RENAMED | _RENAMED_IN_OURS | ({} if container == "zimage" else _RENAMED_IN_TABLE)
    old = {new: old for old, new in names.items()}.get(keyword, keyword)
    if re.match(r"ZNAXIS\d{1,2}$", keyword):
        old = keyword[1:]
    return card if old == keyword else old.ljust(8).encode("latin-1") + card[8:]


def standard_order(cards: list[bytes]) -> list[bytes]:
    """
    Put the cards that every image header begins with in the order of the FITS standard; the others keep theirs.

    Examples
    --------
    >>> names = (b"SIMPLE  =", b"GAIN    =", b"NAXIS   =", b"BITPIX  =")
    >>> [card[:6] for card in standard_order([name + b" 0".ljust(71) for name in names])]
    [b'SIMPLE', b'BITPIX', b'NAXIS ', b'GAIN  ']
    """
    present = (word for word in (keyword_of(cards[0]), "SIMPLE", "XTENSION") if word in ("SIMPLE", "XTENSION"))
    first = next((word for word in present if find_card(tuple(cards), word)), "")
    axes = sorted((k for k in map(keyword_of, cards) if re.match(r"NAXIS\d+$", k)), key=lambda k: int(k[5:]))
    wanted = [first, "BITPIX", "NAXIS", *dict.fromkeys(axes)] + (["PCOUNT", "GCOUNT"] if first == "XTENSION" else [])
    leading = [card for word in wanted if word and (card := find_card(tuple(cards), word))]
    rest = list(cards)
    for card in leading:
        rest.remove(card)
    return leading + rest


def as_extension(header: bytes) -> bytes:
    """Turn the header of a primary image into that of an image extension."""
    cards = list(split_cards(header))
    cards[0] = text_card("XTENSION", "IMAGE", "image extension")
    cards = [card for card in cards if keyword_of(card) not in ("EXTEND", "BLOCKED", "PCOUNT", "GCOUNT")]
    axes = sum(bool(re.match(r"NAXIS\d*$", keyword_of(card))) for card in cards)
    cards[2 + axes : 2 + axes] = [int_card_of("PCOUNT", 0), int_card_of("GCOUNT", 1)]
    return assemble(cards)


def as_primary(header: bytes) -> bytes:
    """Turn the header of an image extension into that of a primary image."""
    cards = [card for card in split_cards(header) if keyword_of(card) not in ("PCOUNT", "GCOUNT")]
    cards[0] = logical_card("SIMPLE", True, "conforms to FITS standard")
    return assemble(cards)
