"""Header cards from values, in the fixed format of the FITS standard."""

from __future__ import annotations

from fits_tiles.layout.blocks import BLOCK, CARD

__all__ = ["assemble", "int_card_of", "logical_card", "text_card"]


def _card(keyword: str, value: str, comment: str) -> bytes:
    if len(value) > CARD - 10:
        raise ValueError(f"{keyword}: the value {value!r} does not fit a card of {CARD} bytes")
    text = f"{keyword:8s}= {value}"
    if comment and len(text) + 3 < CARD:
        text = f"{text} / {comment}"
    return text[:CARD].ljust(CARD).encode("ascii")


def text_card(keyword: str, value: str, comment: str = "") -> bytes:
    """
    Return a card with a text value.

    Examples
    --------
    >>> text_card("ZCMPTYPE", "ASTROCODEC_1").rstrip()
    b"ZCMPTYPE= 'ASTROCODEC_1'"
    """
    quoted = "'" + value.replace("'", "''").ljust(8) + "'"
    return _card(keyword, quoted.ljust(20) if comment else quoted, comment)


def int_card_of(keyword: str, value: int, comment: str = "") -> bytes:
    """
    Return a card with an integer value.

    Examples
    --------
    >>> int_card_of("NAXIS", 2).rstrip()
    b'NAXIS   =                    2'
    """
    return _card(keyword, f"{value:20d}", comment)


def logical_card(keyword: str, value: bool, comment: str = "") -> bytes:
    """
    Return a card with a logical value.

    Examples
    --------
    >>> logical_card("ZIMAGE", True).rstrip()
    b'ZIMAGE  =                    T'
    """
    return _card(keyword, f"{'T' if value else 'F':>20s}", comment)


def assemble(cards: list[bytes]) -> bytes:
    """
    Join cards to a header: ``END`` added, padded with blanks to whole blocks.

    Examples
    --------
    >>> len(assemble([logical_card("SIMPLE", True)]))
    2880
    """
    header = b"".join(cards) + b"END".ljust(CARD)
    return header.ljust(-(-len(header) // BLOCK) * BLOCK)
