"""Distribution: location, scale and shape of a sample -> a frequency table; differences <-> symbols.

Readable reference of docs/format.md section "Distribution"; native/distribution.c does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import FormatError

PRECISION = 14
TOTAL = 1 << PRECISION
SYMBOLS = 64
SCALES = 144
FIRST_BUCKET = 56
TABLES_PER_SHAPE = 504
KNOTS, TAIL_KNOTS, CENTRE_KNOTS = 593, 40, 513
ONE = 1 << 30
MAX_SHAPES = 64

Integers = NDArray[np.int64]

# Per octave of the scale index (the last one stands for all buckets): bits of sub-pixel phase, first table.
_PHASE_BITS = np.array([3, 3, 4, 4, 3, 2, 1, 0])
_FIRST_TABLE = np.array([0, 64, 128, 256, 384, 448, 480, 496])
_LAYOUT = np.array([0, 0, 1, 1, 1, 2, 2, 2])

# round(2**20 * 2**(-r / 8))
_INVERSE_SCALE = (1048576, 961548, 881744, 808563, 741455, 679917, 623487, 571740)


class Layout(NamedTuple):
    """Half of a symbol alphabet: cell i covers the magnitudes from ``offset[i]`` on, ``2**bits[i]`` of them."""

    offset: tuple[int, ...]
    bits: tuple[int, ...]


LAYOUTS = (
    Layout((0, 1, 2, 3, 5, 13, 77), (0, 0, 0, 1, 3, 6, 16)),
    Layout((*range(10), 10, 12, 16, 24, 40, 104, 360, 2408), (0,) * 10 + (1, 2, 3, 4, 6, 8, 11, 16)),
    Layout((*range(24), 24, 32, 48, 80, 208, 720, 4816), (0,) * 24 + (3, 4, 5, 7, 9, 12, 16)),
)

_BEYOND = 1 << 20  # an offset that no magnitude reaches
_OFFSETS = np.array([layout.offset + (_BEYOND,) * (32 - len(layout.offset)) for layout in LAYOUTS])
_BITS = np.array([layout.bits + (0,) * (32 - len(layout.bits)) for layout in LAYOUTS])


class Cells(NamedTuple):
    """Which table codes each pixel, and from where its difference is taken."""

    table: Integers  # index within the model's tables
    base: Integers  # the difference is ``sample - base``
    k: Integers  # low bits of a magnitude that no symbol sees
    layout: Integers  # index within `LAYOUTS`


@dataclass(frozen=True, eq=False)
class Tables:
    """The frequency tables of a model."""

    tails: int  # sides of the grid of shapes; a shape's number is ``tail * skews + skew``
    skews: int
    # (504 * tails * skews, 64): symbol s owns the quantiles from cumulative[t, s] up to, without, cumulative[t, s + 1]
    cumulative: NDArray[np.uint16]


def cell_of(loc16: Integers, q: Integers, shape: Integers) -> Cells:
    """Choose the table of a location in 1/16, a scale ``2**((q - 32) / 8)`` and a shape (docs/format.md "Cells")."""
    octave = np.minimum(q >> 3, 7)
    bits = _PHASE_BITS[octave]
    rounded = (loc16 + (8 >> bits)) >> (4 - bits)
    phase = rounded & ((1 << bits) - 1)
    table = shape * TABLES_PER_SHAPE + _FIRST_TABLE[octave] + ((q & 7) << bits) + phase
    bucket = q >= FIRST_BUCKET
    base = np.where(bucket, (loc16 >> 4) + 1, rounded >> bits)
    k = np.where(bucket, ((q - FIRST_BUCKET) >> 3) + 1, 0)
    # A bucket's phase is not used: its octave has no phase bits, so `phase` is zero there.
    return Cells(table, base, k, _LAYOUT[octave])


def symbol_of(difference: Integers, cells: Cells) -> tuple[Integers, Integers, Integers]:
    """Split differences into symbols and raw bits (docs/format.md "Symbols").

    Returns
    -------
    symbol, raw, bits : ndarray of int64
        `bits` low bits, with the value `raw`, follow the symbol.
    """
    magnitude = np.where(difference < 0, ~difference, difference)
    half = (_OFFSETS[cells.layout] <= (magnitude >> cells.k)[..., None]).sum(-1) - 1
    symbol = np.where(difference < 0, 31 - half, 32 + half)
    raw = magnitude - (_OFFSETS[cells.layout, half] << cells.k)
    return symbol, raw, raw_bits(symbol, cells)


def raw_bits(symbol: Integers, cells: Cells) -> Integers:
    """How many raw bits follow a symbol: at most 16."""
    half = np.where(symbol < 32, 31 - symbol, symbol - 32)
    return np.minimum(_BITS[cells.layout, half] + cells.k, 16)


def difference_of(symbol: Integers, raw: Integers, cells: Cells) -> Integers:
    """Undo `symbol_of`."""
    half = np.where(symbol < 32, 31 - symbol, symbol - 32)
    magnitude = (_OFFSETS[cells.layout, half] << cells.k) + raw
    return np.where(symbol < 32, ~magnitude, magnitude)


def cumulative_at(knots: Integers, t: Integers) -> Integers:
    """A shape's cumulative function in 1/2**30 at ``t / 4096`` of the scale (docs/format.md "Cumulative function").

    The last axis of `knots` has 40 of the left tail, 513 of the centre, 40 of the right tail.
    """
    centre = np.clip(t + (16 << 12), 0, (CENTRE_KNOTS - 1) * 256 - 1)
    index, fraction = TAIL_KNOTS + (centre >> 8), centre & 255
    inside = knots[..., index] + ((knots[..., index + 1] - knots[..., index]) * fraction >> 8)

    distance = np.maximum(np.abs(t), 16 << 12)
    e = np.searchsorted(1 << np.arange(63), distance, side="right") - 17
    upper_half = distance >> (e + 15) & 1
    n = np.minimum(2 * e + upper_half, TAIL_KNOTS - 1)
    fraction = distance - ((2 + upper_half) << (e + 15))
    side = np.where(t < 0, -1, 1)
    near = knots[..., TAIL_KNOTS + np.where(t < 0, -n, CENTRE_KNOTS - 1 + n)]
    far = knots[..., TAIL_KNOTS + np.where(t < 0, -n - 1, CENTRE_KNOTS + n)]
    outside = near + side * ((far - near) * side * fraction >> (e + 15))
    outside = np.where(2 * e + upper_half < TAIL_KNOTS, outside, np.where(t < 0, 0, ONE))
    return np.where((t >= -(16 << 12)) & (t < 16 << 12), inside, outside)


def build_table(knots: Integers, q: int, phase32: int) -> NDArray[np.uint16]:
    """Cumulative frequencies of one table of each shape (docs/format.md "Table construction").

    `knots` are ``(shapes, 593)``; from scale index 56 on the tables are those of buckets.
    """
    octave = q >> 3
    offsets = LAYOUTS[_LAYOUT[octave]].offset
    edges = np.array([-o for o in offsets[:0:-1]] + list(offsets), np.int64)
    middle = 0 if q >= FIRST_BUCKET else 16
    t = (32 * edges - middle - phase32) * _INVERSE_SCALE[q & 7] >> (9 + min(octave, 6))
    used = 2 * len(offsets)
    rank = np.arange(1, used)
    inner = rank + (cumulative_at(knots, t) * (TOTAL - used) >> 30)
    cumulative = np.full((len(knots), SYMBOLS), TOTAL, np.uint16)
    first = 32 - len(offsets)
    cumulative[:, : first + 1] = 0
    cumulative[:, first + 1 : first + used] = inner
    return cumulative


def shapes_size(data: bytes) -> int:
    """Bytes of the shape block that stands at the front of others (docs/format.md "Shape block")."""
    return 4 + 4 * KNOTS * data[0] * data[1] if len(data) >= 4 else len(data)


def read_knots(shapes: bytes) -> Integers:
    """Knots ``(shapes, 593)`` of a shape block (docs/format.md "Shape block")."""
    if len(shapes) < 4 or shapes[2] or shapes[3]:
        raise FormatError(f"shape block begins with {shapes[:4].hex()}, expected two sizes and two zero bytes")
    tails, skews = shapes[0], shapes[1]
    if not 1 <= tails * skews <= MAX_SHAPES or len(shapes) != 4 + 4 * KNOTS * tails * skews:
        raise FormatError(f"shape block: {len(shapes)} bytes do not hold {tails} x {skews} shapes (1 to {MAX_SHAPES})")
    knots = np.frombuffer(shapes, "<u4", offset=4).astype(np.int64).reshape(-1, KNOTS)
    if knots.max() > ONE or (np.diff(knots, axis=1) < 0).any():
        raise FormatError("shape block: knots must not decrease, nor exceed 2**30")
    return knots


def build_tables(shapes: bytes) -> Tables:
    """All tables of a shape block."""
    knots = read_knots(shapes)
    tables = [
        build_table(knots, q, phase << int(5 - _PHASE_BITS[q >> 3]))
        for q in range(64)
        for phase in range(1 << int(_PHASE_BITS[q >> 3]))
    ]
    return Tables(shapes[0], shapes[1], np.stack(tables, axis=1).reshape(-1, SYMBOLS))
