"""Blanks: numbers of a few values that stand for no measurement, told by a mask before each piece.

docs/format.md section "Blanks"; native/blanks.c does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.decisions import Decision, DecisionReader, DecisionWriter

MAX_BLANKS = 8
_NONE, _ALL, _CODED = 0, 1, 2
_MOST_SEEN = 1024
_BORDER = 2


class Blanks(NamedTuple):
    """Which numbers are blank."""

    values: tuple[int, ...] = ()  # their bits

    def to_bytes(self) -> bytes:
        """The section, no bytes where no number is blank."""
        return varint.put(len(self.values)) + b"".join(map(varint.put, self.values)) if self.values else b""

    @classmethod
    def read(cls, data: bytes | None, part: np.dtype[Any]) -> Blanks:
        """Read what `to_bytes` wrote, for numbers of this type."""
        if data is None:
            return NO_BLANKS
        reader = varint.Reader(memoryview(data))
        count = reader.number("number of blank values", MAX_BLANKS)
        if not count:
            raise CorruptError("no blank values")
        values = tuple(reader.number("blank value", (1 << 8 * part.itemsize) - 1) for _ in range(count))
        if reader.at != len(data):
            raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the blank values")
        return cls(values)

    def mask_of(self, numbers: NDArray[Any]) -> NDArray[np.uint8]:
        """0 for each number that is not blank, else 1 and the index of its value."""
        bits = np.ascontiguousarray(numbers).view(f"u{numbers.dtype.itemsize}")
        mask = np.zeros(numbers.shape, np.uint8)
        for index, value in enumerate(self.values):
            mask[(bits == value) & (mask == 0)] = index + 1
        return mask

    def put(self, numbers: NDArray[Any], mask: NDArray[np.uint8]) -> None:
        """Put values where the mask says so."""
        bits = numbers.view(f"u{numbers.dtype.itemsize}")
        for index, value in enumerate(self.values):
            bits[mask == index + 1] = value


NO_BLANKS = Blanks()


class _Known:
    """What is known of a mask while it is coded row by row."""

    def __init__(self, width: int) -> None:
        self.like = [Decision(_MOST_SEEN) for _ in range(2)]
        self.is_blank = [Decision(_MOST_SEEN) for _ in range(128)]
        self.is_later = [[Decision(_MOST_SEEN) for _ in range(MAX_BLANKS)] for _ in range(MAX_BLANKS)]
        self.last = self.was_like = 0
        self.here, self.above, self.over = ([0] * (width + 2 * _BORDER) for _ in range(3))

    def decision(self, x: int) -> Decision:
        """Whether the number at x is blank."""
        at, here, above = _BORDER + x, self.here, self.above
        near = (here[at - 1], here[at - 2], above[at - 1], above[at], above[at + 1], above[at + 2], self.over[at])
        return self.is_blank[sum(bit << i for i, bit in enumerate(near))]

    def know(self, row: list[int]) -> None:
        """Take a row in."""
        border = [0] * _BORDER
        self.over, self.above = self.above, [*border, *(int(mark > 0) for mark in row), *border]
        self.here = [0] * len(self.above)


Choose = Callable[[Decision, bool], bool]


def _row(known: _Known, row: list[int], values: int, choose: Choose) -> None:
    """Go over a row, which the choices of a decoder fill in."""
    for x in range(len(row)):
        known.here[_BORDER + x] = choose(known.decision(x), row[x] > 0)
        if not known.here[_BORDER + x]:
            continue
        index = 0
        while index + 1 < values and choose(known.is_later[known.last][index], row[x] - 1 > index):
            index += 1
        known.last, row[x] = index, index + 1


def _rows(mask: NDArray[np.uint8], values: int, choose: Choose, is_known: bool) -> None:
    """Go over a mask, which the choices of a decoder fill in."""
    known, before = _Known(mask.shape[1]), [0] * mask.shape[1]
    for y in range(mask.shape[0]):
        row = mask[y].tolist() if is_known else [0] * mask.shape[1]
        known.was_like = choose(known.like[known.was_like], row == before)
        if known.was_like:
            row = before
        else:
            _row(known, row, values, choose)
        known.know(row)
        mask[y], before = row, row


def pack_mask(mask: NDArray[np.uint8], values: int) -> bytes:
    """Code the mask of a piece ``(y, x)`` of so many blank values.

    >>> pack_mask(np.zeros((3, 4), np.uint8), 1), pack_mask(np.full((3, 4), 2, np.uint8), 2)
    (b'\\x00', b'\\x01\\x01')
    """
    first = int(mask.flat[0])
    if (mask == first).all():
        return bytes([_ALL, first - 1]) if first else bytes([_NONE])
    out = DecisionWriter()

    def choose(decision: Decision, is_yes: bool) -> bool:
        out.choose(decision, is_yes)
        return is_yes

    _rows(mask.copy(), values, choose, True)
    packed = out.to_bytes()
    return bytes([_CODED]) + varint.put(len(packed)) + packed


def unpack_mask(data: memoryview, values: int, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], int]:
    """Undo `pack_mask`; also the number of bytes used."""
    reader = varint.Reader(data)
    mode = reader.take(1, "mask")[0]
    if mode > _CODED:
        raise CorruptError(f"mask of mode {mode}, at most {_CODED} allowed")
    if mode == _ALL:
        value = reader.take(1, "blank value")[0]
        if value >= values:
            raise CorruptError(f"blank value {value}, at most {values - 1} allowed")
        return np.full(shape, value + 1, np.uint8), reader.at
    mask = np.zeros(shape, np.uint8)
    if mode == _CODED:
        choices = DecisionReader(reader.take(reader.number("size of a mask"), "mask"), "mask")
        _rows(mask, values, lambda decision, _: choices.is_yes(decision), False)
        choices.finish()
    return mask, reader.at
