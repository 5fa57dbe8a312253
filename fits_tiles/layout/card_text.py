"""
Bytes in header cards, as densely as printable text allows.

A card holds 68 characters of a quoted value: 92 different ones, so 55 bytes. Left out of printable ASCII are the blank
(trailing ones do not count), the quote (it would have to be doubled) and ``&`` (at the end it announces CONTINUE).
"""

from __future__ import annotations

import re
import zlib

from astrocodec.errors import CorruptError
from fits_tiles.layout.blocks import card_value, find_card
from fits_tiles.layout.card_format import text_card

__all__ = ["CARD_BYTES", "MOST_BYTES", "blob_cards", "has_blob", "is_blob_card", "read_blob"]

CARD_BYTES = 55
_CHARS = 68
_CRC_BYTES = 4
_MAX_CARDS = 999
MOST_BYTES = _MAX_CARDS * CARD_BYTES - _CRC_BYTES
_LETTERS = bytes(letter for letter in range(0x21, 0x7F) if letter not in b"'&")
_DIGITS = {letter: digit for digit, letter in enumerate(_LETTERS)}
_BASE = len(_LETTERS)


def _length(size: int) -> int:
    """Characters for this many bytes: the fewest that hold every value."""
    count = 0
    while _BASE**count < 256**size:
        count += 1
    return count


# Characters of 0 to 55 bytes; no two sizes share a length, so the length of a text tells the size.
_LENGTHS = [_length(size) for size in range(CARD_BYTES + 1)]


def _to_text(chunk: bytes) -> str:
    number = int.from_bytes(chunk, "big")
    text = bytearray()
    for _ in range(_LENGTHS[len(chunk)]):
        number, digit = divmod(number, _BASE)
        text.append(_LETTERS[digit])
    return bytes(reversed(text)).decode("ascii")


def _to_bytes(text: str) -> bytes:
    """Undo `_to_text`; `ValueError` where nothing gives this text."""
    size = _LENGTHS.index(len(text))
    number = 0
    for letter in text.encode("latin-1"):
        digit = _DIGITS.get(letter)
        if digit is None:
            raise ValueError(f"character {chr(letter)!r}")
        number = number * _BASE + digit
    if number >> 8 * size:
        raise ValueError(f"value of more than {size} bytes")
    return number.to_bytes(size, "big")


def blob_cards(stem: str, blob: bytes) -> list[bytes]:
    """
    Spread bytes and their CRC-32 over header cards that are called ``STEM001``, ``STEM002`` and so on.

    Raises
    ------
    ValueError
        If the blob needs more than 999 cards.

    Examples
    --------
    >>> [card[:8] for card in blob_cards("ACMOD", bytes(60))]
    [b'ACMOD001', b'ACMOD002']
    """
    whole = blob + zlib.crc32(blob).to_bytes(_CRC_BYTES, "big")
    chunks = [whole[at : at + CARD_BYTES] for at in range(0, len(whole), CARD_BYTES)]
    if len(chunks) > _MAX_CARDS:
        raise ValueError(f"{len(blob)} bytes need {len(chunks)} {stem} cards, at most {_MAX_CARDS} fit")
    return [text_card(f"{stem}{number:03d}", _to_text(chunk)) for number, chunk in enumerate(chunks, 1)]


def is_blob_card(card: bytes, stem: str) -> bool:
    """
    Tell a card of `blob_cards` from one of an image whose keyword only begins like it.

    Examples
    --------
    >>> is_blob_card(b"ACFIL001= 'x'", "ACFIL"), is_blob_card(b"ACFILTER= 'V'", "ACFIL")
    (True, False)
    """
    return re.match(rb"%s\d{3}" % stem.encode("ascii"), card) is not None


def has_blob(cards: tuple[bytes, ...], stem: str) -> bool:
    """Tell whether there are cards of `blob_cards`, without reading them."""
    return find_card(cards, f"{stem}001") is not None


def read_blob(cards: tuple[bytes, ...], stem: str, where: str) -> bytes | None:
    """
    Collect what `blob_cards` wrote; None where there are no such cards.

    Raises
    ------
    CorruptError
        If a card is missing or damaged.

    Examples
    --------
    >>> read_blob(tuple(blob_cards("ACMOD", b"weights")), "ACMOD", "HDU 1")
    b'weights'
    """
    mine: dict[bytes, bytes] = {}
    for card in cards:
        if is_blob_card(card, stem):
            mine.setdefault(card[:9], card)
    whole, number = b"", 0
    while isinstance(piece := card_value(mine.get(f"{stem}{number + 1:03d}=".encode("ascii"))), str):
        number += 1
        if whole and len(whole) % CARD_BYTES:
            raise CorruptError(f"{where}: card {stem}{number:03d} follows a shorter one")
        try:
            whole += _to_bytes(piece)
        except ValueError as error:
            raise CorruptError(f"{where}: card {stem}{number:03d} holds no text of ours ({error})") from error
    if not number:
        if mine:
            raise CorruptError(f"{where}: card {stem}001 is missing or damaged, though there are {stem}nnn cards")
        return None
    blob, written = whole[:-_CRC_BYTES], int.from_bytes(whole[-_CRC_BYTES:], "big")
    if len(whole) < _CRC_BYTES or zlib.crc32(blob) != written:
        raise CorruptError(f"{where}: the {number} {stem}nnn cards do not have the CRC-32 that they end with")
    return blob
