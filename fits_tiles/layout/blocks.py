"""
FITS files as they lie on disk: where each HDU begins, its header cards verbatim, how long its data are.

Nothing here interprets a keyword that it does not need, so headers with illegal keywords pass through unharmed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from astrocodec.errors import CorruptError, FormatError, TruncatedError

__all__ = [
    "BITPIX",
    "BLOCK",
    "CARD",
    "Hdu",
    "card_value",
    "count_card",
    "data_length",
    "find_card",
    "int_card",
    "is_odd_end",
    "padded",
    "read_at",
    "split_cards",
    "walk",
    "was_primary",
]

BLOCK = 2880
CARD = 80
_END = b"END".ljust(CARD)
# What astropy and cfitsio take for the last card too: END, then anything that does not go on with the keyword.
_ODD_END = re.compile(rb"END(?![A-Z0-9_-])")
_TEXT = re.compile(rb"[ -~]*")
_MAX_HEADER = 64 << 20
_INTEGER = re.compile(rb"[+-]?\d{1,19}$")
BITPIX = (8, 16, 32, 64, -32, -64)


@dataclass(frozen=True)
class Hdu:
    """One header-data unit of a file; offsets are bytes of it."""

    index: int  # from 0
    start: int  # of the header
    header: bytes  # with END and its padding
    data_start: int
    data_bytes: int  # without padding
    stop: int  # behind the padding; the end of the file where the last HDU lacks it

    @property
    def cards(self) -> tuple[bytes, ...]:
        """The 80-byte cards in order, without ``END``."""
        return split_cards(self.header)

    @property
    def name(self) -> str:
        """``EXTNAME``, or ``'PRIMARY'`` for a primary HDU without one, or ``''``."""
        value = card_value(find_card(self.cards, "EXTNAME"))
        if isinstance(value, str) and value:
            return value
        return "PRIMARY" if self.index == 0 else ""

    @property
    def label(self) -> str:
        """How messages name the HDU, for example ``HDU 2 ('SCI')``."""
        return f"HDU {self.index} ({self.name!r})" if self.name else f"HDU {self.index}"

    @property
    def size(self) -> int:
        """Bytes from the header's first to the padding's last."""
        return self.stop - self.start


def padded(size: int) -> int:
    """
    Round a size up to whole FITS blocks.

    Examples
    --------
    >>> padded(1), padded(2880), padded(0)
    (2880, 2880, 0)
    """
    return -(-size // BLOCK) * BLOCK


def split_cards(header: bytes) -> tuple[bytes, ...]:
    """
    Cut a header into its cards, ``END`` and what follows it left out.

    Examples
    --------
    >>> split_cards(b"SIMPLE  =".ljust(80) + b"END".ljust(80))[0][:8]
    b'SIMPLE  '
    """
    cards = [header[at : at + CARD] for at in range(0, len(header), CARD)]
    if _END in cards:
        return tuple(cards[: cards.index(_END)])
    return tuple(takewhile(lambda card: not is_odd_end(card), cards))


def is_odd_end(card: bytes) -> bool:
    """
    Tell whether a card that is not the ``END`` of the standard ends a header where that one is missing.

    Examples
    --------
    >>> is_odd_end(b"END     junk".ljust(80)), is_odd_end(b"ENDTIME = 5".ljust(80)), is_odd_end(b"END".ljust(80))
    (True, False, False)
    """
    return _ODD_END.match(card) is not None and card != _END


def find_card(cards: tuple[bytes, ...], keyword: str) -> bytes | None:
    """
    Return the first card with this keyword, or None.

    Examples
    --------
    >>> find_card((b"BITPIX  =                   16".ljust(80),), "BITPIX")[:10]
    b'BITPIX  = '
    """
    wanted = keyword.encode("ascii").ljust(8) + b"="
    return next((card for card in cards if card.startswith(wanted)), None)


def was_primary(cards: tuple[bytes, ...]) -> bool:
    """
    Tell whether the image in a table of tiles was the primary HDU; of ``SIMPLE`` and ``XTENSION`` the first counts.

    Examples
    --------
    >>> was_primary((b"ZSIMPLE =                    T".ljust(80),))
    True
    """
    firsts = (card[:8] for card in cards if card[:8] in (b"ZSIMPLE ", b"ZTENSION"))
    return next(firsts, b"") == b"ZSIMPLE "


def card_value(card: bytes | None) -> str | int | bool | bytes | None:
    """
    Read the value of a card: text, integer, logical; anything else as the bytes it is; None without a card.

    Examples
    --------
    >>> card_value(b"EXTNAME = 'O''HARA  '  / who".ljust(80)), card_value(b"NAXIS   =   2 / axes".ljust(80))
    ("O'HARA", 2)
    >>> card_value(b"SIMPLE  =                    T".ljust(80))
    True
    """
    if card is None:
        return None
    field = card[10:].strip()
    if field.startswith(b"'"):
        text = re.match(rb"'((?:[^']|'')*)'?", field)
        raw = text.group(1) if text else b""
        return raw.replace(b"''", b"'").rstrip().decode("latin-1")
    token = field.split(b"/", 1)[0].strip()
    if token in (b"T", b"F"):
        return token == b"T"
    return int(token) if _INTEGER.match(token) else token


def int_card(cards: tuple[bytes, ...], keyword: str, where: str, default: int | None = None) -> int:
    """
    Read an integer card; `default` is the value of an absent one, and without it absence is an error.

    Raises
    ------
    FormatError
        If the card is missing or holds no integer.
    """
    value = card_value(find_card(cards, keyword))
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        found = "no such card" if value is None else repr(value)
        raise FormatError(f"{where}: {keyword} must be an integer, found {found}")
    return value


def count_card(cards: tuple[bytes, ...], keyword: str, where: str, least: int) -> int:
    """
    Read a card that counts axes or columns, of which there are at most 999.

    Raises
    ------
    FormatError
        If the card is missing, holds no integer or one that is out of range.

    Examples
    --------
    >>> count_card((b"NAXIS   =                    2".ljust(80),), "NAXIS", "HDU 0", 0)
    2
    """
    count = int_card(cards, keyword, where)
    if not least <= count <= 999:
        raise FormatError(f"{where}: {keyword} is {count}, allowed are {least} to 999")
    return count


def read_at(fd: int, offset: int, size: int, what: str) -> bytearray:
    """
    Read exactly `size` bytes at `offset`.

    Raises
    ------
    TruncatedError
        If the file ends before.
    """
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        count = os.preadv(fd, [view[done:]], offset + done)
        if count == 0:
            raise TruncatedError(f"{what}: needs bytes {offset} to {offset + size}, the file ends at {offset + done}")
        done += count
    return buffer


def walk(fd: int, source: str) -> Iterator[Hdu]:
    """
    Yield the HDUs of an open file.

    Bytes behind the last HDU that are no header belong to no HDU; the caller finds them behind the last ``stop``.

    Raises
    ------
    FormatError
        If the file is not FITS or a header breaks the rules that give its size.
    TruncatedError
        If the file ends inside a header or inside data.
    CorruptError
        If the first card of a header is damaged.
    """
    size = os.fstat(fd).st_size
    first = bytes(read_at(fd, 0, min(size, 30), source))
    if not re.match(rb"SIMPLE  = +[TF]", first):
        found = "an empty file" if not size else f"it begins with {first[:12]!r}"
        raise FormatError(f"{source}: not a FITS file ({found}, a FITS file begins with 'SIMPLE  =')")
    start = index = 0
    while start < size:
        where = f"{source}: HDU {index}"
        if index and not _begins_extension(fd, start, size, where):
            return
        header = _read_header(fd, start, size, where)
        data_start = start + len(header)
        data_bytes = data_length(split_cards(header), where, primary=index == 0)
        if data_start + data_bytes > size:
            raise TruncatedError(
                f"{where}: its data need bytes {data_start} to {data_start + data_bytes}, file ends at {size}; "
                "it was cut short, fetch it again"
            )
        stop = min(data_start + padded(data_bytes), size)
        yield Hdu(index, start, header, data_start, data_bytes, stop)
        start, index = stop, index + 1


def _begins_extension(fd: int, start: int, size: int, where: str) -> bool:
    """Tell a header from bytes that merely follow the last HDU; a damaged first card is an error, not such bytes."""
    found = bytes(read_at(fd, start, min(2 * CARD, size - start), where))
    if b"XTENSION=".startswith(found[:9]):
        return True
    if found[CARD : CARD + 8] == b"BITPIX  ":
        raise CorruptError(f"{where}: its header at byte {start} begins with {found[:10]!r}, expected 'XTENSION= '")
    return False


def _read_header(fd: int, start: int, size: int, where: str) -> bytes:
    """Read a header up to ``END``; an odd one counts where no proper one follows in the text behind it."""
    header = bytearray()
    odd = 0
    while True:
        at = start + len(header)
        block = bytes(read_at(fd, at, min(BLOCK, size - at), where))
        cards = [block[pos : pos + CARD] for pos in range(0, BLOCK, CARD)]
        ended = _END in cards
        error = _header_without_end(header, block, start, where)
        if odd and (error or not _TEXT.fullmatch(block[: cards.index(_END) * CARD] if ended else block)):
            return bytes(header[:odd])
        if error:
            raise error
        header += block
        if ended:
            return bytes(header)
        if not odd and any(map(is_odd_end, cards)):
            odd = len(header)


def _header_without_end(header: bytearray, block: bytes, start: int, where: str) -> FormatError | None:
    """What is wrong where the next block of a header cannot belong to it."""
    at = start + len(header)
    if len(block) < BLOCK:
        stop = at + len(block)
        return TruncatedError(f"{where}: its header begins at byte {start} and has no END card before byte {stop}")
    if len(header) >= _MAX_HEADER:
        return CorruptError(f"{where}: no END card in the first {_MAX_HEADER} bytes of the header")
    if header and block.startswith(b"XTENSION="):
        return CorruptError(f"{where}: no END card in the header before the next header begins at byte {at}")
    return None


def data_length(cards: tuple[bytes, ...], where: str, *, primary: bool) -> int:
    """
    Return the length of the data that a header announces, without padding.

    Raises
    ------
    FormatError
        If a card that tells the length is missing or out of range.
    """
    bitpix = int_card(cards, "BITPIX", where)
    if bitpix not in BITPIX:
        raise FormatError(f"{where}: BITPIX is {bitpix}, allowed are {', '.join(map(str, BITPIX))}")
    axes = [int_card(cards, f"NAXIS{n}", where) for n in range(1, count_card(cards, "NAXIS", where, 0) + 1)]
    if min(axes, default=0) < 0:
        raise FormatError(f"{where}: an axis has negative length, NAXISn are {axes}")
    groups = primary and axes[:1] == [0] and card_value(find_card(cards, "GROUPS")) is True
    extra = not primary or groups
    pcount = int_card(cards, "PCOUNT", where, 0) if extra else 0
    gcount = int_card(cards, "GCOUNT", where, 1) if extra else 1
    if pcount < 0 or gcount < 0:
        raise FormatError(f"{where}: PCOUNT is {pcount} and GCOUNT is {gcount}, neither may be negative")
    elements = 1 if axes else 0
    for length in axes[1:] if groups else axes:
        elements *= length
    return abs(bitpix) // 8 * gcount * (pcount + elements)
