"""Visibilities: the parameters and data of codec 96 -> a block ``[time, baseline, channel, polarisation]``.

Readable reference of docs/format.md section "Visibilities"; native/visibility does the same, and encodes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import varint
from astrocodec.stages.rans import LOW, Decoder
from astrocodec.stages.stream import PLANES, REFERENCE, SECTIONS, SERIES, Header
from astrocodec.stages.visibility_classes import CODED, KEPT, read_classes
from astrocodec.stages.visibility_floats import LATTICE_BIAS, FloatReader, PartReader
from astrocodec.stages.visibility_mixing import SIZE, read_layer
from astrocodec.stages.visibility_recurrence import Recurrence, RecurrenceStep
from astrocodec.stages.visibility_steps import PARTS, read_units
from astrocodec.stages.visibility_tables import SCALES, SHARES, cumulative, reach
from astrocodec.stages.visibility_walk import Step, Walk

CODEC = 96
LATTICE, INTEGERS, FLOATS = 0, 1, 2
LANES, STATES = 32, 4
PARAMETERS = struct.Struct("<BddI")
_PAIRS = ("u1", "i1", "u2", "i2", "u4", "i4")
MOST_ZERO = 1 << 25  # samples of a block without data, all of them zeros
MAX_ROW, MAX_BASE = 1 << 22, (1 << 31) - 1  # channels times polarisations; unit of integers
_MAX_ROUND, _GROUP_SAMPLES, _SAMPLES_A_BYTE = 1 << 20, 1 << 19, 1 << 16
_MAX_MEAN, _MAX_STEP, _MAX_BITS = 1 << 45, 1 << 30, 46
_SHORT, _LONG, LONG_SERIES = (5, 2), (18, 4), 64  # trellises; samples of a baseline that have the long one
_MOST_PREDICTED_POLS = 64  # a walk holds much for each
_PREDICTED, _SHAPE_SHIFT, _HAS_CLASSES, _MIXED, _FLAGS = 1, 1, 8, 16, 31


@dataclass(frozen=True)
class _Block:
    """What parameters and shape say."""

    dtype: np.dtype[Any]  # of a real or an integer
    times: int
    baselines: int
    channels: int
    pols: int
    kind: int
    base: float
    noise: float
    seed: int

    @property
    def row(self) -> int:
        return self.channels * self.pols

    @property
    def trellis(self) -> tuple[int, int]:
        """Bits of a state that the one before and an odd integer change."""
        return _SHORT if self.times * self.row < LONG_SERIES else _LONG

    @property
    def order(self) -> tuple[int, ...]:
        """Polarisations, the parallel hands first."""
        return (0, 3, 1, 2) if self.pols == 4 else tuple(range(self.pols))

    def rounds(self) -> list[list[range]]:
        """Baselines of the rounds of each group."""
        lanes = LANES
        while lanes > 1 and lanes * self.row > _MAX_ROUND:
            lanes //= 2
        size = min(-(-_GROUP_SAMPLES // (self.times * self.row * lanes)) * lanes, self.baselines)
        groups = [range(first, min(first + size, self.baselines)) for first in range(0, self.baselines, size)]
        return [[group[i : i + lanes] for i in range(0, len(group), lanes)] for group in groups]


def _read_block(parameters: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _Block:
    is_pair = dtype.str[1:] in _PAIRS
    if len(parameters) != PARAMETERS.size:
        raise CorruptError(f"{len(parameters)} bytes of parameters found, {PARAMETERS.size} expected")
    if not is_pair and dtype.str[1:] not in ("c8", "c16"):
        raise CorruptError(f"visibilities of {dtype}")
    if len(shape) != 4 + is_pair or (is_pair and shape[4] != 2) or not math.prod(shape):
        raise CorruptError(f"visibilities of shape {shape}")
    if shape[2] * shape[3] > MAX_ROW:
        raise CorruptError(f"{shape[2]} channels times {shape[3]} polarisations, at most {MAX_ROW} allowed")
    kind, base, noise, seed = PARAMETERS.unpack(parameters)
    if kind > FLOATS or (is_pair and kind != INTEGERS):
        raise CorruptError(f"visibilities of kind {kind}")
    is_good = 2.0**-400 <= base <= 2.0**400 and 16 <= noise <= 2.0**40
    if not is_good or (is_pair and (base != int(base) or base > MAX_BASE)):
        raise CorruptError(f"a step of {base} or a noise of {noise} outside its range")
    if kind == FLOATS:
        lowest, zeros = (LATTICE_BIAS - 149, 22) if dtype.itemsize == 8 else (24, 51)
        is_lattice = seed < 256 or lowest <= seed >> 8 <= LATTICE_BIAS + 900
        if math.frexp(base)[0] != 0.5 or seed & 255 > zeros or not is_lattice:
            raise CorruptError(f"floats of unit {base} or form {seed}, which there is not")
    real = dtype if is_pair else np.dtype(f"f{dtype.itemsize // 2}")
    times, baselines, channels, pols = shape[:4]
    return _Block(real, times, baselines, channels, pols, kind, base, noise, seed)


def next_state(trellis: tuple[int, int], state: int, is_odd: int) -> int:
    """The state after an integer; bit 0 is the grid of the next one.

    Both codes are those of G. Ungerboeck (IEEE Transactions on Information Theory 28, 55, 1982): of 8 states with
    parity checks 13 and 4, of 32 states with 45 and 10.

    >>> next_state(_SHORT, 0, 1), next_state(_LONG, 5, 0)
    (2, 16)
    """
    back, odd = trellis
    return (state >> 1) ^ (back if state & 1 else 0) ^ (odd if is_odd else 0)


def dither(seed: int, elements: NDArray[Any]) -> NDArray[np.int64]:
    """Of both parts of elements, [..., 2]: two bytes of their hash.

    >>> dither(1, np.arange(3)).tolist()
    [[235, 2], [222, 175], [236, 222]]
    """
    z = (elements.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B1) & np.uint64(0xFFFFFFFF)
    z = (z ^ z >> np.uint64(16)) * np.uint64(0x85EBCA6B) & np.uint64(0xFFFFFFFF)
    z = (z ^ z >> np.uint64(13)) * np.uint64(0xC2B2AE35) & np.uint64(0xFFFFFFFF)
    z ^= z >> np.uint64(16)
    return np.stack([z & np.uint64(255), z >> np.uint64(8) & np.uint64(255)], -1).astype(np.int64)


@dataclass
class _Reader:
    """States and words of a group."""

    decoder: Decoder
    shape: int

    def _bits(self, lane: int, count: int) -> int:
        value = 0
        for at in range(0, count, 16):
            value |= self.decoder.pop_raws([lane], [min(count - at, 16)])[0] << at
        return value

    def step(self, lane: int, mean: int, scale: float, half: int, dithered: int) -> int:
        """The integer that is found around a mean."""
        wide = np.float32(min(max(scale, 16.0), 2.0**36))
        index, shift = (int(wide.view(np.uint32)) >> 20) - ((127 + 4) << 3), 0
        if index >= SCALES:
            shift = (index - SCALES) // 8 + 1
            index -= 8 * shift
        eighth = (mean - 128 * half + dithered + 128) >> (5 + shift)
        far = reach(index)
        symbol = self.decoder.pop_symbols([lane], [cumulative(self.shape, index, eighth & 7)])[0]
        away = symbol - far
        if symbol in (0, 2 * far):
            bits = self._bits(lane, 6)
            if bits > _MAX_BITS:
                raise CorruptError(f"{bits} bits of an integer, at most {_MAX_BITS} allowed")
            beyond = (1 << bits | self._bits(lane, bits)) - 1
            away += beyond if symbol else -beyond
        cell = (eighth >> 3) + away
        if abs(cell) > _MAX_STEP >> shift:
            raise CorruptError(f"an integer beyond {_MAX_STEP}")
        return (cell << shift) + self._bits(lane, shift)


def _decode_round(
    b: _Block, walk: Walk, reader: _Reader, baselines: range, units: NDArray[Any], classes: NDArray[Any], out: Any
) -> None:
    """Samples of a round's baselines that are coded, into ``out[time, baseline, channel, pol, part]``."""
    lanes = walk.lanes
    state = np.zeros((2, lanes), np.int64)
    limits = None if b.dtype.kind == "f" else np.iinfo(b.dtype)
    for t, f, j in np.ndindex(b.times, b.channels, b.pols):
        p = b.order[j]
        is_coded = np.zeros(lanes, bool)
        is_coded[: len(baselines)] = classes[t, f, j] == CODED
        unit = np.full(lanes, units[baselines[0], f, p])
        unit[: len(baselines)] = units[baselines.start : baselines.stop, f, p]
        elements = ((t * b.baselines + np.asarray(baselines)) * b.channels + f) * b.pols + p
        dithers = dither(b.seed, elements) if b.kind == LATTICE else np.zeros((len(baselines), 2), np.int64)
        s = Step(t, f, j, unit, is_coded)
        walk.predict(s)
        for part in range(2):
            walk.set_scale(s, part)
            value, distance = np.zeros(lanes), np.zeros(lanes)
            for lane in np.flatnonzero(is_coded):
                half = int(state[part, lane] & 1) if b.kind == LATTICE else 0
                dithered = int(dithers[lane, part])
                mean = int(min(max(math.floor(s.mean[part][lane] + 0.5), -_MAX_MEAN), _MAX_MEAN))
                step = reader.step(int(lane), mean, float(s.scale[lane]), half, dithered)
                found = PARTS * step + 128 * half - dithered
                value[lane], distance[lane] = found, abs(found - mean)
                state[part, lane] = next_state(b.trellis, int(state[part, lane]), step & 1)
                x = float(found) * float(unit[lane])
                if limits and not limits.min <= x <= limits.max:
                    raise CorruptError(f"a value of {x}, which {b.dtype} does not have")
                if b.dtype.itemsize == 4 and not limits:
                    most = float(np.finfo(np.float32).max)
                    x = min(max(x, -most), most)
                out[t, baselines[int(lane)], f, p, part] = x
            s.values.append(value)
            s.distances.append(distance)
            walk.learn_scale(s, part)
        walk.learn(s)


def _decode_units(
    b: _Block,
    reader: _Reader,
    flags: int,
    layer: NDArray[np.int64] | None,
    rounds: list[range],
    classes: list[NDArray[Any]],
    units: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Samples of a group that are coded, in units."""
    walk: Walk | None = None
    for baselines, found in zip(rounds, classes, strict=True):
        lanes, n = _lanes_of(len(baselines)), len(baselines)
        if walk is None:
            sides, is_known = (b.channels, b.pols), b.kind == LATTICE
            walk = Walk(lanes, n, sides, b.noise, is_known, bool(flags & _PREDICTED), layer)
        else:
            walk = walk.next_baselines(lanes, n)
        _decode_round(b, walk, reader, baselines, units, found, out)


def _float_reader(decoder: Decoder, lane: int, shape: int) -> FloatReader:
    def bits(count: int) -> int:
        value = 0
        for at in range(0, count, 16):
            value |= decoder.pop_raws([lane], [min(count - at, 16)])[0] << at
        return value

    return FloatReader(shape, lambda table: decoder.pop_symbols([lane], [table])[0], bits)


def _decode_floats_of(
    b: _Block, walk: Walk, recurrence: Recurrence | None, s: Step, parts: PartReader, readers: list[FloatReader]
) -> None:
    """One time, turn and channel of floats, into the values of the step."""
    r = RecurrenceStep(s.time, s.turn, s.channel, s.is_coded, mean=np.zeros((2, walk.lanes)))
    r.value = np.zeros((2, walk.lanes))
    if recurrence:
        recurrence.predict(r)
    unit = b.base / PARTS
    for part in range(2):
        walk.set_scale(s, part)
        distance = np.zeros(walk.lanes)
        for lane in map(int, np.flatnonzero(s.is_coded)):
            mean, other = float(r.mean[part][lane]), float(r.value[0][lane] if part else r.mean[1][lane])
            found = parts.part(readers[lane], part, mean, float(s.scale[lane] * unit), other)
            r.value[part][lane], distance[lane] = found, np.float64(abs(found - mean)) / unit
        s.distances.append(distance)
        walk.learn_scale(s, part)
    s.values = list(r.value.copy())
    if recurrence:
        recurrence.learn(r)
    walk.learn(s)


def _decode_floats(
    b: _Block, decoder: Decoder, flags: int, rounds: list[range], classes: list[NDArray[Any]], out: NDArray[Any]
) -> None:
    """Samples of a group that are coded, as exact floats."""
    parts, shape = PartReader(b.dtype.itemsize, b.seed), flags >> _SHAPE_SHIFT & 3
    walk: Walk | None = None
    sides = (b.channels, b.pols)
    for baselines, found in zip(rounds, classes, strict=True):
        lanes, n = _lanes_of(len(baselines)), len(baselines)
        walk = walk.next_baselines(lanes, n) if walk else Walk(lanes, n, sides, b.noise, False, False)
        recurrence = Recurrence(lanes, sides) if flags & _PREDICTED else None
        readers = [_float_reader(decoder, lane, shape) for lane in range(lanes)]
        for t, j, f in np.ndindex(b.times, b.pols, b.channels):
            is_coded = np.zeros(lanes, bool)
            is_coded[:n] = found[t, f, j] == CODED
            s = Step(t, f, j, np.ones(lanes), is_coded)
            _decode_floats_of(b, walk, recurrence, s, parts, readers)
            for lane in map(int, np.flatnonzero(is_coded)):
                out[t, baselines[lane], f, b.order[j]] = [value[lane] for value in s.values]


def _lanes_of(baselines: int) -> int:
    return 1 << (baselines - 1).bit_length()


def _decode_group(b: _Block, data: memoryview, rounds: list[range], units: NDArray[Any], out: NDArray[Any]) -> None:
    reader = varint.Reader(data)
    flags = reader.take(1, "flags of a group")[0]
    shape = flags >> _SHAPE_SHIFT & 3
    is_mixed = bool(flags & _MIXED)
    if flags > _FLAGS or shape >= len(SHARES) or (is_mixed and (b.kind == FLOATS or not flags & _PREDICTED)):
        raise CorruptError(f"a group of baselines with flags {flags}")
    if flags & _PREDICTED and b.pols > _MOST_PREDICTED_POLS:
        most = _MOST_PREDICTED_POLS
        raise CorruptError(f"a group of {b.pols} polarisations is predicted, at most {most} are allowed to be")
    layer = read_layer(bytes(reader.take(SIZE, "weights of a group"))) if is_mixed else None
    shapes = [(b.times, b.channels, b.pols, len(baselines)) for baselines in rounds]
    classes = [np.zeros(one, np.uint8) for one in shapes]
    if flags & _HAS_CLASSES:
        length = reader.number("length of classes", (1 << 64) - 1)
        classes = _whole(read_classes, reader.take(length, "classes"), shapes)
        for baselines, found in zip(rounds, classes, strict=True):
            number = b.dtype.itemsize
            kept = reader.take(int(np.sum(found == KEPT)) * 2 * number, "samples that are kept")
            values = np.frombuffer(kept, b.dtype.newbyteorder("<")).reshape(-1, 2)
            places = np.argwhere(found == KEPT)
            for (t, f, j, lane), value in zip(places, values, strict=True):
                out[t, baselines[lane], f, b.order[j]] = value
    states = min(_lanes_of(len(rounds[0])), STATES)
    first = np.frombuffer(reader.take(4 * states, "states"), "<u4").tolist()
    if min(first) < LOW:
        raise CorruptError(f"a state of {min(first)} found, at least {LOW} needed")
    rest = bytes(data[reader.at :])
    decoder = Decoder(first, np.frombuffer(rest[: len(rest) & ~1], "<u2").tolist())
    if b.kind == FLOATS:
        _decode_floats(b, decoder, flags, rounds, classes, out)
    else:
        _decode_units(b, _Reader(decoder, shape), flags, layer, rounds, classes, units, out)
    if not decoder.is_finished() or len(rest) & 1:
        raise CorruptError("a group of baselines: words are left over or its states do not end where they began")


def _whole(read: Callable[..., Any], data: memoryview, *arguments: Any) -> Any:
    """What a table holds; one that ends too early, though its bytes are all there, is corrupt."""
    try:
        return read(data, *arguments)
    except TruncatedError as error:
        raise CorruptError(str(error)) from error


def decode_block(parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A block of visibilities."""
    b = _read_block(parameters, dtype, shape)
    if b.kind == FLOATS and not data and math.prod(shape) <= MOST_ZERO:
        return np.zeros(shape, dtype)
    if math.prod(shape[:4]) // _SAMPLES_A_BYTE > len(data):
        raise CorruptError(f"{math.prod(shape[:4])} samples are more than {len(data)} bytes can hold")
    reader = varint.Reader(data)
    out = np.zeros((*shape[:4], 2), b.dtype)
    with np.errstate(all="ignore"):
        units = np.zeros(0)
        if b.kind != FLOATS:
            length = reader.number("length of steps", (1 << 64) - 1)
            units = _whole(read_units, reader.take(length, "steps"), b.base, b.baselines, b.channels, b.pols)
        for rounds in b.rounds():
            length = reader.number("length of a group", (1 << 64) - 1)
            _decode_group(b, reader.take(length, "group of baselines"), rounds, units, out)
    if reader.at < len(data):
        raise CorruptError(f"{len(data) - reader.at} bytes follow the last group")
    return out.view(dtype).reshape(shape)


def decode_visibilities(body: memoryview, header: Header) -> NDArray[Any]:
    """The block of a stream."""
    for section in (PLANES, REFERENCE, SERIES):
        if header.body_of(section) is not None:
            raise CorruptError(f"section {section}: {SECTIONS[section]} of visibilities")
    return decode_block(header.parameters, body, header.dtype, header.shape)
