"""Z keywords: which image keywords a table header renames, which ones it reserves, and how to undo both."""

from __future__ import annotations

import re

from fits_tiles.blocks import is_odd_end, split_cards
from fits_tiles.card_format import assemble, int_card_of, text_card

__all__ = ["as_extension", "collides", "keyword_of", "private_keyword", "rename", "rename_back"]

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
# A plain table must not carry keywords that the standard keeps for images.
_RENAMED_IN_TABLE = {
    "BSCALE": "ACBSCALE",
    "BZERO": "ACBZERO",
    "BLANK": "ACBLANK",
    "BUNIT": "ACBUNIT",
    "DATAMAX": "ACDATMAX",
    "DATAMIN": "ACDATMIN",
}
_PRIVATE = re.compile(r"AC(TILES|BSCALE|BZERO|BLANK|BUNIT|DATMAX|DATMIN)$|AC(MOD|RAW|PAD)\d{3}$")
_RESERVED = re.compile(
    r"(TFIELDS|THEAP|ZIMAGE|ZCMPTYPE|ZMASKCMP|ZQUANTIZ|ZDITHER0|ZBLANK|ZSCALE|ZZERO|ZTABLE|ZHEAPPTR|ZTHEAP)$"
    r"|(TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM|TBCOL|ZTILE|ZNAME|ZVAL|ZFORM|ZCTYP)\d+$"
)


def keyword_of(card: bytes) -> str:
    """Return the keyword of a card without its blanks."""
    return card[:8].rstrip().decode("latin-1")


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
    taken = keyword in _RENAMED.values() or re.match(r"ZNAXIS\d+$|NAXIS\d{3}$", keyword) or _RESERVED.match(keyword)
    return bool(taken) or private_keyword(keyword) or is_odd_end(card)


def rename(card: bytes, container: str) -> bytes:
    """
    Give a card of an image header the keyword that it has in the table header.

    Examples
    --------
    >>> rename(b"BITPIX  =                   16", "zimage")
    b'ZBITPIX =                   16'
    """
    keyword = keyword_of(card)
    return _new_name(keyword, container).ljust(8).encode("latin-1") + card[8:]


def rename_back(card: bytes, container: str) -> bytes:
    """Undo `rename`."""
    keyword = keyword_of(card)
    names = _RENAMED if container == "zimage" else _RENAMED | _RENAMED_IN_TABLE
    old = {new: old for old, new in names.items()}.get(keyword, keyword)
    if re.match(r"ZNAXIS\d{1,2}$", keyword):
        old = keyword[1:]
    return old.ljust(8).encode("latin-1") + card[8:]


def as_extension(header: bytes) -> bytes:
    """
    Turn the header of a primary image into that of an image extension.

    Parameters
    ----------
    header : bytes
        Header with ``END`` and padding.
    """
    cards = list(split_cards(header))
    cards[0] = text_card("XTENSION", "IMAGE", "image extension")
    cards = [card for card in cards if keyword_of(card) not in ("EXTEND", "BLOCKED", "PCOUNT", "GCOUNT")]
    axes = sum(bool(re.match(r"NAXIS\d*$", keyword_of(card))) for card in cards)
    cards[2 + axes : 2 + axes] = [int_card_of("PCOUNT", 0), int_card_of("GCOUNT", 1)]
    return assemble(cards)
