"""Bitmap: rows of yes and no, each coded as a copy of an earlier one or by what lies around.

Readable reference of docs/format.md section "Bitmap"; native/visibility/bitmap.c does the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.decisions import Decision, DecisionReader, DecisionWriter

_MOST = 1024
_BY_PIXELS, _LIKE_BEFORE, _LIKE_ABOVE = range(3)

Row = list[list[bool]]  # by column and depth


class Bitmap(NamedTuple):
    """Sides of a bitmap; `period` rows back is the row before of the same kind, such as a baseline a time before."""

    rows: int
    period: int
    columns: int
    depth: int


class _Contexts:
    """Decisions, and the rows that choose them."""

    def __init__(self, bitmap: Bitmap) -> None:
        self.bitmap = bitmap
        self.ways: list[int] = []
        self.rows: list[Row] = []
        self.decisions: defaultdict[tuple[int, ...], Decision] = defaultdict(lambda: Decision(_MOST))

    def row_at(self, row: int) -> Row:
        """A row; of those before the first nothing is set."""
        return self.rows[row] if row >= 0 else [[False] * self.bitmap.depth] * self.bitmap.columns

    def candidates(self) -> list[tuple[int, Row, Decision]]:
        """Ways in which the next row may be a copy, the row, and the decision."""
        row, period = len(self.rows), self.bitmap.period
        before = self.ways[row - period] if row >= period else _BY_PIXELS
        above = self.ways[row - 1] if row else _BY_PIXELS
        places = ((_LIKE_BEFORE, row - period), (_LIKE_ABOVE, row - (1 if period > 1 else 2)))
        return [(way, self.rows[at], self.decisions[way, before, above]) for way, at in places if at >= 0]

    def decision(self, own: Row, column: int, p: int) -> Decision:
        """That of an element, given what of its row came before it."""
        row, period = len(self.rows), self.bitmap.period
        before, above = self.row_at(row - period), self.row_at(row - (1 if period > 1 else 2))
        places = [(own, -1), (own, -2), *((other, d) for other in (before, above) for d in (-1, 0, 1))]
        inside = range(self.bitmap.columns)
        around = (int(column + d in inside and other[column + d][p]) for other, d in places)
        return self.decisions[(_BY_PIXELS, 1 + own[column][p - 1] if p else 0, *around)]


def encode_bitmap(bitmap: Bitmap, bits: NDArray[np.bool_]) -> bytes:
    """State and words of bits ``(row, column, depth)``.

    >>> bits = np.arange(24).reshape(4, 3, 2) % 5 == 0
    >>> coded = encode_bitmap(Bitmap(4, 2, 3, 2), bits)
    >>> bool((decode_bitmap(Bitmap(4, 2, 3, 2), memoryview(coded), "example") == bits).all())
    True
    """
    contexts, out = _Contexts(bitmap), DecisionWriter()
    for row in bits.tolist():
        way = _BY_PIXELS
        for candidate, other, decision in contexts.candidates():
            out.choose(decision, row == other)
            if row == other:
                way = candidate
                break
        if way == _BY_PIXELS:
            for column in range(bitmap.columns):
                for p in range(bitmap.depth):
                    out.choose(contexts.decision(row, column, p), row[column][p])
        contexts.rows.append(row)
        contexts.ways.append(way)
    return out.to_bytes()


def decode_bitmap(bitmap: Bitmap, data: memoryview, what: str) -> NDArray[np.bool_]:
    """Bits ``(row, column, depth)``; `what` they are is for messages."""
    contexts, choices = _Contexts(bitmap), DecisionReader(data, what)
    for _ in range(bitmap.rows):
        row, way = [[False] * bitmap.depth for _ in range(bitmap.columns)], _BY_PIXELS
        for candidate, other, decision in contexts.candidates():
            if choices.is_yes(decision):
                row, way = other, candidate
                break
        if way == _BY_PIXELS:
            for column in range(bitmap.columns):
                for p in range(bitmap.depth):
                    row[column][p] = choices.is_yes(contexts.decision(row, column, p))
        contexts.rows.append(row)
        contexts.ways.append(way)
    choices.finish()
    return np.array(contexts.rows, bool)
