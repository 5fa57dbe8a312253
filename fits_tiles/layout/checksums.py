"""``DATASUM`` and ``CHECKSUM`` as the FITS checksum convention defines them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import numpy as np

from fits_tiles.layout.blocks import CARD, Hdu, card_value, find_card, read_at, split_cards
from fits_tiles.layout.card_format import assemble, text_card
from fits_tiles.layout.tiles_card import KEYWORD

__all__ = ["FitsChecksums", "data_sum", "encode_sum", "fits_checksums", "sum32", "write_checksums"]

_CHUNK = 2880 * 1024


def sum32(data: bytes | bytearray | memoryview, start: int = 0) -> int:
    """
    Add big-endian 32-bit words in ones' complement to the sum so far.

    Examples
    --------
    >>> sum32(bytes([255] * 4 + [0, 0, 0, 2]))
    2
    """
    total = start + int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encode_sum(total: int) -> str:
    """
    Spell the complement of a sum in the 16 letters and digits of a ``CHECKSUM`` card.

    Examples
    --------
    >>> encode_sum(868229149)
    'hcHjjc9ghcEghc9g'
    """
    value = ~total & 0xFFFFFFFF
    excluded = set(range(0x3A, 0x41)) | set(range(0x5B, 0x61))
    letters = [0] * 16
    for place in range(4):
        byte = value >> (24 - 8 * place) & 0xFF
        quarter, rest = divmod(byte, 4)
        codes = [quarter + rest + 0x30, quarter + 0x30, quarter + 0x30, quarter + 0x30]
        while any(code in excluded for code in codes):
            for first in (0, 2):
                if codes[first] in excluded or codes[first + 1] in excluded:
                    codes[first] += 1
                    codes[first + 1] -= 1
        for letter, code in enumerate(codes):
            letters[4 * letter + place] = code
    text = bytes(letters).decode("ascii")
    return text[-1] + text[:-1]


@dataclass(frozen=True)
class FitsChecksums:
    """What the checksum cards of an HDU say of its bytes: True, False, or None where there is no such card."""

    whole: bool | None  # CHECKSUM, over header and data
    data: bool | None  # DATASUM, over the data

    @property
    def wrong(self) -> str:
        """The keyword of a checksum that does not agree, ``''`` where none does not."""
        return "DATASUM" if self.data is False else "CHECKSUM" if self.whole is False else ""


def fits_checksums(fd: int, hdu: Hdu) -> FitsChecksums:
    """Compare an HDU with its ``CHECKSUM`` and ``DATASUM`` cards; data are read only where there is one."""
    whole, data = (card_value(find_card(hdu.cards, keyword)) for keyword in ("CHECKSUM", "DATASUM"))
    # The convention calls a blank value and a CHECKSUM of zeros undefined.
    has_whole = whole is not None and not (isinstance(whole, str) and not whole.strip("0 "))
    text = str(data).strip()
    if not has_whole and (data is None or not text):
        return FitsChecksums(None, None)
    found = data_sum(fd, hdu)
    agrees = isinstance(whole, str) and sum32(hdu.header, found) in (0, 0xFFFFFFFF) and not _is_shuffled(hdu)
    return FitsChecksums(
        agrees if has_whole else None,
        None if data is None or not text else re.fullmatch(r"\d{1,10}", text) is not None and int(text) == found,
    )


def _is_shuffled(hdu: Hdu) -> bool:
    """
    Tell whether the header of a table of tiles cannot be as a program wrote it.

    A sum does not see words that change places, and its cards may be behind ``END`` then.
    """
    if find_card(hdu.cards, KEYWORD) is None:
        return False
    end = CARD * (len(hdu.cards) + 1)
    return any(map(_is_data, split_cards(hdu.header))) or bool(hdu.header[end:].strip(b" "))


def _is_data(card: bytes) -> bool:
    """Tell whether a card comes from a lost sector or from data; C programs leave NULs in texts."""
    if b"\0" not in card:
        return False
    return b"\0" in card[:8] or sum(byte > 126 or 0 < byte < 32 for byte in card) > CARD // 8


def data_sum(fd: int, hdu: Hdu) -> int:
    """Add up the data of an HDU, padding included."""
    total = 0
    for at in range(hdu.data_start, hdu.stop, _CHUNK):
        piece = read_at(fd, at, min(_CHUNK, hdu.stop - at), hdu.label)
        total = sum32(piece + bytes(-len(piece) % 4), total)
    return total


def write_checksums(fd: int, hdu: Hdu) -> None:
    """
    Fill in the ``DATASUM`` and ``CHECKSUM`` cards of an HDU that lies in a file open for reading and writing.

    Cards that the header does not have are left out; comments stay.
    """
    data = data_sum(fd, hdu)
    cards = list(split_cards(hdu.header))
    _set_value(cards, b"DATASUM =", str(data))
    _set_value(cards, b"CHECKSUM=", "0" * 16)
    _set_value(cards, b"CHECKSUM=", encode_sum(sum32(assemble(cards), data)))
    os.pwrite(fd, assemble(cards).ljust(len(hdu.header)), hdu.start)


def _set_value(cards: list[bytes], keyword: bytes, value: str) -> None:
    """Give the first card of a keyword another value; one without ``=`` is a comment that only begins so."""
    for number, card in enumerate(cards):
        if card[:9] == keyword:
            cards[number] = _with_value(card, keyword, value)
            return


def _with_value(card: bytes, keyword: bytes, value: str) -> bytes:
    match = re.match(rb"\s*'[^']*'\s*/ ?(.*)", card[10:])
    comment = match.group(1).rstrip().decode("ascii", "replace") if match else ""
    return text_card(keyword.decode("ascii").rstrip(" ="), value, comment.replace("\ufffd", "?"))
