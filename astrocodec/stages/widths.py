"""Code widths: how wide a converter's codes are, and what frequencies become of that.

Readable reference of docs/format.md section "Code widths"; native/widths.c and native/widths.h do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.errors import FormatError
from astrocodec.stages.bits import BitReader, BitWriter
from astrocodec.stages.distribution import LAYOUTS, SYMBOLS, Cells, Integers, Tables
from astrocodec.stages.weights import read_row, write_row

UNIT_BITS = 6  # displacements are in 1/64 of a code
MAX_DISPLACEMENT = 63
LEAST_WIDTH = 2  # of a code
MAX_PERIOD_BITS = 8
MAX_TABLES = 15
MAX_SHARED_BITS = 10  # cells of more values than 2**10 have raw bits
_CORE = np.array([layout.bits.index(next(filter(None, layout.bits))) for layout in LAYOUTS])

Table = NDArray[np.int16]  # (2**m,): how far the boundary below each code, modulo 2**m, lies above its place


@dataclass(frozen=True)
class Choice:
    """Which code widths a piece may have."""

    shift: int  # code of sample 0, modulo 256
    table: int | None = None  # the one to take; None: whichever is best, or none


class Widths(NamedTuple):
    """The table of a piece."""

    table: Table
    shift: int  # code of sample 0, modulo 256

    def at(self, samples: Integers) -> Integers:
        """Displacements of the boundaries below these samples."""
        found: Integers = self.table[samples + self.shift & (self.table.size - 1)].astype(np.int64)
        return found

    @property
    def period_bits(self) -> int:
        """log2 of the table's size."""
        return self.table.size.bit_length() - 1


def check_table(table: ArrayLike) -> Table:
    """A table of displacements as an array, once it is seen to be one.

    Raises
    ------
    FormatError
        Its size is not a power of 2 from 2 to 256, a displacement is beyond 63, or a code narrower than 2/64.
    """
    found = np.asarray(table)
    if found.ndim != 1 or found.size not in [1 << m for m in range(1, MAX_PERIOD_BITS + 1)]:
        raise FormatError(f"code widths: a table of shape {found.shape}, it must have 2, 4, 8, ... or 256 codes")
    if (np.abs(found) > MAX_DISPLACEMENT).any():
        raise FormatError(f"code widths: a displacement of {found[np.abs(found).argmax()]}/64, at most 63/64 allowed")
    width = 64 + np.roll(found, -1) - found
    if width.min() < LEAST_WIDTH:
        raise FormatError(f"code widths: code {width.argmin()} has {width.min()}/64, at least {LEAST_WIDTH}/64 allowed")
    return found.astype(np.int16)


def _rows(table: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """What each half period adds to the one before it."""
    halves = [1 << i for i in range(table.size.bit_length() - 1)]
    return [table[:1], *(table[n : 2 * n] - table[:n] for n in halves)]


def pack_tables(tables: Sequence[ArrayLike]) -> bytes:
    """The block of a model that has these tables (docs/format.md "Code widths block").

    Examples
    --------
    >>> [table.tolist() for table in read_tables(pack_tables([[5, -5], [1, 0, 1, 0]]))]
    [[5, -5], [1, 0, 1, 0]]
    """
    if not 1 <= len(tables) <= MAX_TABLES:
        raise FormatError(f"code widths: {len(tables)} tables, 1 to {MAX_TABLES} allowed")
    out = BitWriter()
    for table in map(check_table, tables):
        out.write(table.size.bit_length() - 1, 4)
        for row in _rows(table.astype(np.int64)):
            write_row(row, out)
    return bytes([len(tables)]) + out.to_bytes()


def read_tables(block: bytes) -> tuple[Table, ...]:
    """Undo `pack_tables`; of a model without a block there are none."""
    if not block:
        return ()
    if not 1 <= block[0] <= MAX_TABLES:
        raise FormatError(f"code widths: {block[0]} tables, 1 to {MAX_TABLES} allowed")
    bits, tables = BitReader(block[1:], "code widths"), []
    for _ in range(block[0]):
        period_bits = bits.read(4)
        if not 1 <= period_bits <= MAX_PERIOD_BITS:
            raise FormatError(f"code widths: a period of 2**{period_bits} codes, 1 to {MAX_PERIOD_BITS} allowed")
        table = read_row(np.zeros(1, np.int64), bits)
        for _ in range(period_bits):
            table = np.concatenate([table, read_row(table, bits)])
        tables.append(check_table(table))
    bits.finish()
    return tuple(tables)


def cumulative_with(widths: Widths, tables: Tables, cells: Cells, symbol: Integers) -> Integers:
    """Cumulative frequencies below symbols, whose axes may be more than those of `cells` (docs/format.md "Symbols")."""
    table, k = (part.reshape(part.shape + (1,) * (symbol.ndim - part.ndim)) for part in (cells.table, cells.k))
    base, layout = (part.reshape(table.shape) for part in (cells.base, cells.layout))
    inside = (np.abs(symbol - 32) < _CORE[layout]) & (k < widths.period_bits)
    d = np.where(inside, widths.at(base + ((symbol - 32) << k)), 0)
    here, above, below = (
        tables.cumulative[table, np.clip(symbol + step, 0, SYMBOLS - 1)].astype(np.int64) for step in (0, 1, -1)
    )
    free = np.where(d >= 0, above - here, here - below) - 1
    return here + ((free * d << np.maximum(9 - k, 0)) + (1 << 14) >> 15)


def is_shared(symbol: Integers, cells: Cells) -> NDArray[np.bool_]:
    """Whether the widths of its codes share out what a symbol has, rather than raw bits."""
    half = np.where(symbol < 32, 31 - symbol, symbol - 32)
    return (half < _CORE[cells.layout]) & (cells.k >= 1) & (cells.k <= MAX_SHARED_BITS)


def shares(widths: Widths, first: int, bits: int) -> Integers:
    """Where the ``2**bits`` codes of a cell begin, of a total of ``2**(bits + 6)``; `first` is the lowest's sample.

    The total stands behind the last one.
    """
    j = np.arange((1 << bits) + 1)
    begins = (j << UNIT_BITS) + widths.at(first + j)
    begins -= begins[0]
    found: Integers = (begins << (bits + UNIT_BITS)) // begins[-1]
    return found
