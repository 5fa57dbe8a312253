"""Piece: one plane of 16-bit samples <-> bytes.

Readable reference of docs/format.md section "Piece"; native/piece.c does the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import counts, differences, rans
from astrocodec.stages.distribution import (
    SYMBOLS,
    Cells,
    Integers,
    Tables,
    cell_of,
    difference_of,
    raw_bits,
    symbol_of,
)
from astrocodec.stages.network import NEIGHBOURS
from astrocodec.stages.predict import Contexts, Running, contexts_of, predict, update
from astrocodec.stages.trellis import halves
from astrocodec.stages.trellis_lanes import LaneStates, halved
from astrocodec.stages.wavefront import LAG, PAD, Step, Wavefront, check_sides
from astrocodec.stages.weights import Weights
from astrocodec.stages.widths import UNIT_BITS, Choice, Table, Widths, cumulative_with, is_shared, shares

CONSTANT, MODELLED, RAW, DIFFERENCES, WIDTHS, COUNTS, TRELLIS = range(7)
MAX_AMPLITUDE = 32767
MAX_TRELLIS_SAMPLE = 32767
_HEADER = struct.Struct("<BBHHH")
_WIDTHS_HEADER = struct.Struct("<BB")  # behind the other: number of the table, shift
_TRELLIS_HEADER = struct.Struct("<B")  # behind the other: odd
_SIZES = {MODELLED: 8, WIDTHS: 8 + _WIDTHS_HEADER.size, TRELLIS: 8 + _TRELLIS_HEADER.size}
_TRIED_ROWS, _TRIED_COLUMNS = 32, 256
_DY, _DX = (np.array(offsets) for offsets in zip(*NEIGHBOURS, strict=True))


@dataclass(frozen=True)
class Start:
    """What the header of a modelled piece says of its samples."""

    row: int  # the virtual rows above the piece hold `row` -+ `amplitude` (docs/format.md "Virtual rows")
    amplitude: int
    floor: int  # the sample from which signal counts


class Plane:
    """The samples of a piece that are known so far, what stands outside its edges, and the running means.

    Pixel (y, x) stands at ``samples[y + 3, x + 3]``.
    """

    def __init__(self, height: int, width: int, start: Start) -> None:
        self.floor = start.floor
        self.wave = Wavefront(height, width)
        self.samples = np.zeros((height + PAD, width + 2 * PAD), np.int64)
        y, x = np.indices((PAD, width + 2 * PAD)) - PAD
        self.samples[:PAD] = np.clip(start.row + np.where((x + y) & 1, 1, -1) * start.amplitude, 0, 65535)
        # Row y of the piece is row y + 1 here; row 0 stands above it.
        self._running = np.zeros((4, height + 1, width), np.int64)
        self._running[:2, 0] = 256 * start.row
        self._running[2:, 0] = 362 * start.amplitude
        self._columns = np.zeros(width, np.int64)

    def pixels(self) -> NDArray[np.uint16]:
        """The samples of the piece, ``(y, x)``."""
        return self.samples[PAD:, PAD:-PAD].astype(np.uint16)

    def _above(self, y: Integers, x: Integers) -> Running:
        return Running(*self._running[:, y, np.minimum(x + LAG - 1, self.wave.width - 1)])

    def _left(self, y: Integers, x: Integers) -> Running:
        carried = self._running[:, y + 1, np.maximum(x - 1, 0)]
        up = self._above(y, x)
        handed_down = np.stack([up.area, up.area, up.area_difference, up.area_difference])
        return Running(*np.where(x == 0, handed_down, carried))

    def contexts(self, step: Step) -> Contexts:
        """Contexts of the pixels of one step."""
        y, x = step.y, step.x
        starting = y[x == 0]
        self.samples[starting + PAD, :PAD] = self.samples[starting + PAD - 1, PAD][:, None]
        neighbours = self.samples[y[:, None] + PAD + _DY, x[:, None] + PAD + _DX]
        return contexts_of(neighbours, self._left(y, x), self._above(y, x), self._columns[x], self.floor, y, x)

    def take_in(self, step: Step, values: Integers, sums: Integers) -> None:
        """Add the samples of one step, given S of their contexts."""
        y, x = step.y, step.x
        self.samples[y + PAD, x + PAD] = values
        ending = x == self.wave.width - 1
        self.samples[y[ending] + PAD, -PAD:] = values[ending, None]
        before = self.samples[y + PAD, x + PAD - 1]
        own, column = update(values, before, sums, self._left(y, x), self._above(y, x), self._columns[x])
        self._running[:, y + 1, x] = own
        self._columns[x] = column


def choose_start(samples: NDArray[np.uint16]) -> Start:
    """What the encoder says of a piece.

    Any values decode; these are the ones that docs/encoder.md section "Start" gives.
    """
    height, width = samples.shape
    n = min(width, 64)
    x = np.arange(n) * width // n
    here, before = samples[0, x].astype(int), samples[0, np.maximum(x - 1, 0)].astype(int)
    row = np.sort(here)[n // 2]
    amplitude = min(np.sort(np.abs(here - before))[n // 2] * 27 >> 5, MAX_AMPLITUDE)
    # Rows evenly, columns by steps of the golden ratio.
    i = np.arange(256)
    seen = samples[i * height // 256, (i * 40503 % 65536) * width // 65536]
    return Start(int(row), int(amplitude), int(np.sort(seen)[8]))


def _groups(step: Step) -> Iterator[slice]:
    """The slices of a step that hold lanes 0 to 31, 32 to 63."""
    split = int(np.searchsorted(step.lane, rans.GROUP))
    for part in (slice(0, split), slice(split, None)):
        if step.lane[part].size:
            yield part


def _intervals(tables: Tables, widths: Widths | None, cells: Cells, values: Integers) -> tuple[Integers, ...]:
    """Of each value its symbol's first quantile and frequency, then number, bits and share of what follows."""
    symbol, raw, bits = symbol_of(values - cells.base, cells)
    share = np.ones_like(raw)
    if widths is None:
        first = tables.cumulative[cells.table, symbol].astype(np.int64)
        return first, tables.cumulative[cells.table, symbol + 1] - first, raw, bits, share
    first = cumulative_with(widths, tables, cells, symbol)
    freq = cumulative_with(widths, tables, cells, symbol + 1) - first
    for i in np.flatnonzero(is_shared(symbol, cells)):
        j = (values[i] - cells.base[i]) & ((1 << bits[i]) - 1)
        begins = shares(widths, int(values[i] - j), int(bits[i]))
        raw[i], share[i] = begins[j], begins[j + 1] - begins[j]
        bits[i] += UNIT_BITS
    return first, freq, raw, bits, share


def _record(
    weights: Weights, tables: Tables, widths: Widths | None, samples: Integers, start: Start, has_trellis: bool
) -> list[list[rans.Record]]:
    height, width = samples.shape
    plane = Plane(height, width, start)
    groups = []
    for step in plane.wave:
        seen = plane.contexts(step)
        predicted = predict(weights, tables.tails, tables.skews, seen)
        values = samples[step.y, step.x]
        if has_trellis:
            coded = _intervals(tables, widths, cell_of(*halved(predicted, values & 1)), values >> 1)
        else:
            coded = _intervals(tables, widths, cell_of(*predicted), values)
        for part in _groups(step):
            columns = (array[part].tolist() for array in (step.lane, *coded))
            groups.append([rans.Record(*row) for row in zip(*columns, strict=True)])
        plane.take_in(step, values, seen.sum)
    return groups


def _affordable_states(size: int) -> int:
    count = rans.STATES
    while count > 1 and size < 2048 * count:
        count //= 2
    return count


def _encode_modelled(
    weights: Weights,
    tables: Tables,
    samples: NDArray[np.uint16],
    widths: Widths | None = None,
    number: int = 0,
    odd: int | None = None,
) -> bytes:
    if odd is not None:
        samples = (2 * samples + halves(samples, odd)).astype(np.uint16)
    start = choose_start(samples)
    groups = _record(weights, tables, widths, samples.astype(np.int64), start, odd is not None)
    states, words = rans.push_groups(groups, rans.STATES)
    count = _affordable_states(4 * rans.STATES + 2 * len(words))
    if count < rans.STATES:
        states, words = rans.push_groups(groups, count)
    mode = TRELLIS if odd is not None else MODELLED if widths is None else WIDTHS
    header = _HEADER.pack(mode, count.bit_length() - 1, start.row, start.amplitude, start.floor)
    if widths is not None:
        header += _WIDTHS_HEADER.pack(number, widths.shift)
    if odd is not None:
        header += _TRELLIS_HEADER.pack(odd)
    return header + np.array(states, "<u4").tobytes() + np.array(words, "<u2").tobytes()


def _choose_widths(
    weights: Weights, tables: Tables, known: Sequence[Table], samples: NDArray[np.uint16], choice: Choice
) -> tuple[Widths, int] | None:
    """The table that codes the middle of a piece shortest, and its number; None where that is shortest without one."""
    found = [(Widths(table, choice.shift), number) for number, table in enumerate(known)]
    if choice.table is not None:
        return found[choice.table]
    middle = samples
    for axis, most in enumerate((_TRIED_ROWS, _TRIED_COLUMNS)):
        size = samples.shape[axis]
        middle = middle.take(range((size - min(size, most)) // 2, (size + min(size, most)) // 2), axis)
    raw = 1 + 2 * middle.size
    least = min(raw, len(_encode_modelled(weights, tables, middle)))
    best = None
    for widths, number in found:
        length = min(raw, len(_encode_modelled(weights, tables, middle, widths, number)))
        if length < least:
            least, best = length, (widths, number)
    return best


def encode_piece(
    weights: Weights,
    tables: Tables,
    samples: NDArray[np.uint16],
    thorough: bool = False,
    known: Sequence[Table] = (),
    choice: Choice | None = None,
    odd: int | None = None,
) -> bytes:
    """Encode one plane of samples ``(y, x)`` (docs/format.md "Piece").

    `thorough` tries every mode; `known` are the model's tables of code widths, of which `choice` says what to do. With
    `odd`, 0 or 1, samples of at most 32767 are modelled by what they and a trellis stand for, without code widths.
    """
    check_sides(*samples.shape)
    if odd is not None and (odd not in (0, 1) or choice or samples.max() > MAX_TRELLIS_SAMPLE):
        raise ValueError(f"piece: a trellis has odd 0 or 1, samples up to {MAX_TRELLIS_SAMPLE} and no code widths")
    if (samples == samples[0, 0]).all():
        return struct.pack("<BH", CONSTANT, samples[0, 0])
    widths = _choose_widths(weights, tables, known, samples, choice) if known and choice else None
    with_widths, number = widths or (None, 0)
    coded = _encode_modelled(weights, tables, samples, with_widths, number, odd)
    raw = bytes([RAW]) + samples.astype("<u2").tobytes()
    best = coded if len(coded) < len(raw) else raw
    if thorough or differences.promising(samples):
        best = min(best, differences.encode(samples), key=len)
    if counts.promising(samples, thorough):
        best = min(best, counts.encode(samples), key=len)
    return best


def _decode_group(decoder: rans.Decoder, tables: Tables, lanes: Integers, cells: Cells) -> Integers:
    used = lanes.tolist()
    symbols = np.array(decoder.pop_symbols(used, tables.cumulative[cells.table].tolist()))
    raws = np.array(decoder.pop_raws(used, raw_bits(symbols, cells).tolist()))
    return (cells.base + difference_of(symbols, raws, cells)) & 0xFFFF


def _decode_group_with(
    widths: Widths, decoder: rans.Decoder, tables: Tables, lanes: Integers, cells: Cells
) -> Integers:
    used, every = lanes.tolist(), np.broadcast_to(np.arange(SYMBOLS), (lanes.size, SYMBOLS))
    symbols = np.array(decoder.pop_symbols(used, cumulative_with(widths, tables, cells, every).tolist()))
    bits, shared = raw_bits(symbols, cells), is_shared(symbols, cells)
    lowest = cells.base + ((symbols - 32) << cells.k)
    begins = [shares(widths, int(lowest[i]), int(bits[i])).tolist() if shared[i] else None for i in range(lanes.size)]
    raws = np.array(decoder.pop_raws(used, np.where(shared, bits + UNIT_BITS, bits).tolist(), begins))
    values: Integers = np.where(shared, lowest + raws, cells.base + difference_of(symbols, raws, cells))
    return values & 0xFFFF


def _widths_of(data: bytes, known: Sequence[Table]) -> Widths:
    number, shift = _WIDTHS_HEADER.unpack_from(data, _HEADER.size)
    if number >= len(known):
        raise CorruptError(f"piece: table {number} of code widths is named, its model has {len(known)}")
    return Widths(known[number], shift)


def _lane_states(data: bytes, lanes: int) -> LaneStates:
    (odd,) = _TRELLIS_HEADER.unpack_from(data, _HEADER.size)
    if odd > 1:
        raise CorruptError(f"piece: a trellis of odd {odd}, at most 1")
    return LaneStates(odd, lanes)


def _decode_modelled(
    weights: Weights, tables: Tables, known: Sequence[Table], data: bytes, height: int, width: int
) -> NDArray[np.uint16]:
    size = _SIZES[data[0]]
    if len(data) < size:
        raise TruncatedError(f"piece: {len(data)} bytes, its header has {size}")
    _, log2_states, *rest = _HEADER.unpack_from(data)
    start = Start(*rest)
    if 1 << log2_states > rans.STATES:
        raise CorruptError(f"piece: 2**{log2_states} states, at most {rans.STATES}")
    count = 1 << log2_states
    body = size + 4 * count
    if len(data) < body:
        raise TruncatedError(f"piece: {len(data)} bytes found, {body} needed for {count} states")
    if start.amplitude > MAX_AMPLITUDE:
        raise CorruptError(f"piece: amplitude {start.amplitude}, at most {MAX_AMPLITUDE}")
    decode = partial(_decode_group_with, _widths_of(data, known)) if data[0] == WIDTHS else _decode_group
    plane = Plane(height, width, start)
    trellis = _lane_states(data, plane.wave.lanes) if data[0] == TRELLIS else None
    states = np.frombuffer(data, "<u4", count, size).tolist()
    if min(states) < rans.LOW:
        raise CorruptError(f"piece: state {min(states)} is below {rans.LOW}")
    decoder = rans.Decoder(states, np.frombuffer(data, "<u2", (len(data) - body) // 2, body).tolist())
    for step in plane.wave:
        seen = plane.contexts(step)
        predicted = predict(weights, tables.tails, tables.skews, seen)
        cells = cell_of(*(halved(predicted, trellis.halves(step)) if trellis else predicted))
        values = [decode(decoder, tables, step.lane[g], Cells(*(c[g] for c in cells))) for g in _groups(step)]
        found = np.concatenate(values)
        plane.take_in(step, trellis.take_in(step, found & MAX_TRELLIS_SAMPLE) if trellis else found, seen.sum)
    if not decoder.is_finished() or (len(data) - body) % 2:
        raise CorruptError("piece: its words or states do not end with its samples")
    return plane.pixels() // np.uint16(2 if trellis else 1)


def _listed(data: bytes, count: int) -> NDArray[np.uint16]:
    """The samples that follow the mode one by one, exactly `count`."""
    expected = 1 + 2 * count
    if len(data) != expected:
        error = TruncatedError if len(data) < expected else CorruptError
        raise error(f"piece: {len(data)} bytes found, {expected} expected in mode {data[0]}")
    return np.frombuffer(data, "<u2", offset=1).astype(np.uint16)


def decode_piece(
    weights: Weights, tables: Tables, data: bytes, height: int, width: int, known: Sequence[Table] = ()
) -> NDArray[np.uint16]:
    """Decode one plane of samples ``(y, x)`` (docs/format.md "Piece"); `known` are the model's code widths."""
    check_sides(height, width)
    if not data:
        raise TruncatedError("piece: no bytes")
    mode = data[0]
    if mode == CONSTANT:
        return np.broadcast_to(_listed(data, 1), (height, width))
    if mode in (MODELLED, WIDTHS, TRELLIS):
        return _decode_modelled(weights, tables, known, data, height, width)
    if mode == RAW:
        return _listed(data, height * width).reshape(height, width)
    if mode == DIFFERENCES:
        return differences.decode(data, height, width)
    if mode == COUNTS:
        return counts.decode(data, height, width)
    raise CorruptError(f"piece: mode {mode} is unknown")
