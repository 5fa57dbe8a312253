"""A decoder of streams written from docs/format.md alone, in plain Python: it shares no code with the package.

It reads what encoders write and refuses what it cannot follow; it does not check everything that the specification
forbids.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from operator import mul
from typing import NamedTuple

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


class CorruptError(Exception):
    """The bytes break the specification."""


def demand(condition: object, what: str) -> None:
    """Stop with `what` unless the condition holds."""
    if not condition:
        raise CorruptError(what)


# Conventions


def clamp(v: int, low: int, high: int) -> int:
    """`v`, or the limit that it exceeds."""
    return low if v < low else high if v > high else v


def log2f(v: int) -> int:
    """Position of the highest set bit."""
    return v.bit_length() - 1


def log512(v: int) -> int:
    """About 512 * log2(v)."""
    e = log2f(v)
    return (e << 9) + (((v << 9) >> e) & 511)


class Bytes:
    """Bytes read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        demand(self.at + count <= len(self.data), "truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def u(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """A varint in its shortest form."""
        value = 0
        for i in range(10):
            byte = self.u(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                demand((byte or not i) and value < 1 << 64, "varint")
                return value
        raise CorruptError("varint")

    def signed_varint(self) -> int:
        """A signed varint."""
        v = self.varint()
        return -(v + 1) // 2 if v & 1 else v // 2

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data) - self.at)


class Bits:
    """Bits of bytes, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next bits, lowest first."""
        demand(count <= self.left, "truncated")
        found = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return found

    def ones(self) -> int:
        """Number of one bits before the next zero bit."""
        count = 0
        while self.take(1):
            count += 1
        return count

    def finish(self) -> None:
        """Demand that only padding is left."""
        demand(self.left < 8 and not self.value, "bits are left")


@dataclass
class RunningRice:
    """Golomb-Rice numbers with a running mean, as value sets and tables of differences have them."""

    bits: Bits
    total: int = 8
    count: int = 1

    def number(self) -> int:
        """The next number."""
        k = 0
        while self.count << k < self.total:
            k += 1
        ones = self.bits.ones()
        number = (ones << k) + self.bits.take(k)
        self.total, self.count = self.total + number, self.count + 1
        if self.count == 32:
            self.total, self.count = (self.total + 1) >> 1, 16
        return number


# Model


class Weights(NamedTuple):
    """A weight block."""

    linear: list[int]
    b1: list[int]
    w1: list[list[int]]
    b2: list[int]
    w2: list[list[int]]
    b3: list[int]
    w3: list[list[int]]


@dataclass
class Model:
    """A weight block and a shape block, taken apart."""

    weight_block: bytes
    shape_block: bytes
    tables: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        version, h, *zero = self.weight_block[:4]
        demand(version == 1 and h in (16, 32) and not any(zero), "weight block")
        demand(len(self.weight_block) == 64 + 40 * h + h * h, "length of the weight block")
        at = 4

        def i16(count: int) -> list[int]:
            nonlocal at
            at += 2 * count
            return list(struct.unpack(f"<{count}h", self.weight_block[at - 2 * count : at]))

        def i8(rows: int, columns: int) -> list[list[int]]:
            nonlocal at
            at += rows * columns
            flat = struct.unpack(f"{rows * columns}b", self.weight_block[at - rows * columns : at])
            return [list(flat[i * columns : (i + 1) * columns]) for i in range(rows)]

        self.weights = Weights(i16(26), i16(h), i8(h, 32), i16(h), i8(h, h), i16(4), i8(4, h))
        self.tails, self.skews = self.shape_block[:2]
        shapes = self.tails * self.skews
        demand(1 <= shapes <= 64 and len(self.shape_block) == 4 + shapes * 593 * 4, "shape block")
        flat = struct.unpack(f"<{shapes * 593}I", self.shape_block[4:])
        self.knots = [flat[i * 593 : (i + 1) * 593] for i in range(shapes)]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(self.weight_block + self.shape_block).hexdigest()[:16]

    def table(self, shape: int, q: int, phase: int) -> list[int]:
        """The 64 cumulative frequencies of a shape, q = 0 ... 63 and phase."""
        key = shape, q, phase
        if key not in self.tables:
            self.tables[key] = build_table(self.knots[shape], q, phase)
        return self.tables[key]


def read_model(data: bytes, shipped: Mapping[str, Model]) -> Model:
    """The model of a file ``*.acm``, given those that it may differ from."""
    demand(data[:4] == b"ACM\x01" and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"), "model file")
    length, body = int.from_bytes(data[5:9], "little"), data[9:-4]
    if data[4:5] == b"G":
        block = zlib.decompress(body)
        return Model(block[:length], block[length:])
    demand(data[4:5] == b"T" and body[0] == 1, "kind of model")
    base = next(model for name, model in shipped.items() if name.startswith(body[1:5].hex()))
    model = Model(tuned_weights(base, Bits(body[5:])), base.shape_block)
    demand(len(model.weight_block) == length, "length of the tuned weights")
    return model


def tuned_weights(base: Model, bits: Bits) -> bytes:
    """A weight block from the bits of a tuned model."""

    def add(row: list[int]) -> list[int]:
        k = bits.take(4)
        if k == 15:
            return row
        out = []
        for weight in row:
            ones = bits.ones()
            z = (ones << k) + bits.take(k)
            out.append(weight + (-(z + 1) // 2 if z & 1 else z // 2))
        return out

    block = base.weight_block[:4]
    for part in base.weights:
        for row in part if isinstance(part[0], list) else [part]:
            block += struct.pack(f"<{len(row)}{'b' if isinstance(part[0], list) else 'h'}", *add(row))
    bits.finish()
    return block


# Distribution

LAYOUTS = (
    ((0, 1, 2, 3, 5, 13, 77), (0, 0, 0, 1, 3, 6, 16)),
    ((*range(11), 12, 16, 24, 40, 104, 360, 2408), (*[0] * 10, 1, 2, 3, 4, 6, 8, 11, 16)),
    ((*range(25), 32, 48, 80, 208, 720, 4816), (*[0] * 24, 3, 4, 5, 7, 9, 12, 16)),
)
PHASE_BITS = (3, 3, 4, 4, 3, 2, 1, 0)
LAYOUT_OF = (0, 0, 1, 1, 1, 2, 2, 2)
INVERSE = (1048576, 961548, 881744, 808563, 741455, 679917, 623487, 571740)


def cumulative(knot: tuple[int, ...], t: int) -> int:
    """F(t)."""
    if -65536 <= t < 65536:
        i, phi = 40 + ((t + 65536) >> 8), (t + 65536) & 255
        return knot[i] + (((knot[i + 1] - knot[i]) * phi) >> 8)
    a = abs(t)
    e = log2f(a) - 16
    u = (a >> (e + 15)) & 1
    n = 2 * e + u
    if n >= 40:
        return 0 if t < 0 else 1 << 30
    phi = a - ((2 + u) << (e + 15))
    if t > 0:
        return knot[552 + n] + (((knot[553 + n] - knot[552 + n]) * phi) >> (e + 15))
    return knot[40 - n] - (((knot[40 - n] - knot[39 - n]) * phi) >> (e + 15))


def build_table(knot: tuple[int, ...], q: int, phase: int) -> list[int]:
    """64 cumulative frequencies."""
    o = q >> 3
    offset = LAYOUTS[LAYOUT_OF[o]][0]
    n = len(offset)
    used, first = 2 * n, 32 - n
    cum = []
    for s in range(64):
        if s <= first:
            cum.append(0)
        elif s >= first + used:
            cum.append(16384)
        else:
            x = offset[s - 32] if s >= 32 else -offset[32 - s]
            half = 0 if q >= 56 else 16
            t = ((32 * x - half - (phase << (5 - PHASE_BITS[o]))) * INVERSE[q & 7]) >> (9 + min(o, 6))
            cum.append(s - first + ((cumulative(knot, t) * (16384 - used)) >> 30))
    return cum


# rANS


class Coder:
    """States and words of a tile."""

    def __init__(self, tile: Bytes, states: int) -> None:
        self.states = [tile.u(4) for _ in range(states)]
        demand(min(self.states) >= 65536, "state")
        self.words = tile

    def _refill(self, i: int) -> None:
        if self.states[i] < 65536:
            self.states[i] = self.states[i] * 65536 + self.words.u(2)

    def symbol(self, i: int, cum: list[int]) -> int:
        """Pop a symbol from state i."""
        x = self.states[i]
        c = x & 16383
        s = bisect_right(cum, c) - 1
        self.states[i] = (cum[s + 1] - cum[s]) * (x >> 14) + c - cum[s]
        self._refill(i)
        return s

    def raw(self, i: int, bits: int) -> int:
        """Pop raw bits from state i."""
        raw = self.states[i] & ((1 << bits) - 1)
        self.states[i] >>= bits
        self._refill(i)
        return raw

    def finish(self) -> None:
        """Demand that states and words end with the tile."""
        demand(all(x == 65536 for x in self.states) and not self.words.rest(), "end of the tile")


# Modelled tiles

NEIGHBOURS = (
    *((0, -1), (0, -2), (0, -3)),
    *((-1, dx) for dx in range(-3, 4)),
    *((-2, dx) for dx in range(-3, 4)),
    *((-3, dx) for dx in range(-2, 3)),
)
RECIPROCAL = (
    *(496, 481, 467, 454, 442, 430, 419, 408, 398, 389, 379, 371, 362, 354, 347, 340),
    *(333, 326, 319, 313, 307, 301, 296, 291, 285, 280, 276, 271, 267, 262, 258, 254),
)


class Means(NamedTuple):
    """H, G, D, E of a pixel."""

    h: int
    g: int
    d: int
    e: int


class Context(NamedTuple):
    """What is known of a pixel before it is decoded."""

    m: int
    s: int
    linear: list[int]
    inputs: list[int]


class Cell(NamedTuple):
    """Where a sample's symbol belongs."""

    cum: list[int]
    base: int
    k: int
    layout: int


def steps_of(height: int, width: int) -> Iterator[list[tuple[int, int, int]]]:
    """The steps of a tile: lane, y, x of each of their pixels."""
    lanes = 64 if width + 6 >= 256 else 32
    period = max(width + 6, lanes * 4)
    done = s = 0
    while done < height * width:
        step = []
        for i in range(lanes):
            p = s - 4 * i
            y, x = i + lanes * (p // period), p % period - 3
            if p >= 0 and y < height and 0 <= x < width:
                step.append((i, y, x))
        done += len(step)
        s += 1
        yield step


def average(a: int, b: int) -> int:
    """Rounded up."""
    return (a + b + 1) >> 1


class ModelledTile:
    """Decodes one tile of mode 1; `data` begins behind the mode."""

    def __init__(self, model: Model, data: bytes, height: int, width: int) -> None:
        tile = Bytes(data)
        log_states = tile.u(1)
        demand(log_states <= 5, "number of states")
        self.model, self.height, self.width = model, height, width
        self.row, self.amplitude, self.floor = tile.u(2), tile.u(2), tile.u(2)
        demand(self.amplitude <= 32767, "amplitude")
        self.coder = Coder(tile, 1 << log_states)
        self.samples = [[-1] * width for _ in range(height)]
        self.means: dict[tuple[int, int], Means] = {}
        self.columns = [0] * width

    def sample(self, y: int, x: int) -> int:
        """A known sample, virtual rows and pads included."""
        if y < 0:
            return clamp(self.row + (self.amplitude if (x + y) & 1 else -self.amplitude), 0, 65535)
        if x < 0:
            return self.sample(y - 1, 0)
        value = self.samples[y][min(x, self.width - 1)]
        demand(value >= 0, "a sample is used before it is known")
        return value

    def up(self, y: int, x: int) -> Means:
        """Running means above."""
        if y == 0:
            return Means(256 * self.row, 256 * self.row, 362 * self.amplitude, 362 * self.amplitude)
        return self.means[y - 1, min(x + 3, self.width - 1)]

    def left(self, y: int, x: int) -> Means:
        """Running means to the left."""
        if x == 0:
            up = self.up(y, x)
            return Means(up.g, up.g, up.e, up.e)
        return self.means[y, x - 1]

    def context(self, y: int, x: int) -> Context:
        """Context of a pixel."""
        n = [self.sample(y + dy, x + dx) for dy, dx in NEIGHBOURS]
        m = average(
            average(average(n[0], n[1]), average(n[5], n[6])), average(average(n[7], n[13]), average(n[4], n[8]))
        )
        d = [clamp(v - m, -32768, 32767) for v in n]
        s = 10 + sum(min(abs(v), 2047) for v in d)
        left, up = self.left(y, x), self.up(y, x)
        linear = [*d, *(clamp((mean >> 5) - 8 * m, -32768, 32767) for mean in (left.h, up.h, up.g))]
        linear.append(clamp(self.columns[x] >> 1, -32768, 32767))
        e, limit = log2f(s), s >> 2
        r = RECIPROCAL[((s << 5) >> e) & 31]
        inputs = [(clamp(v, -limit, limit) * r + (1 << e)) >> (e + 1) for v in linear[:22]]
        inputs += [(clamp(v, -8 * limit, 8 * limit) * r + (8 << e)) >> (e + 4) for v in linear[22:]]
        inputs += [
            (log512(left.d + 16) - log512(s) - 1536) >> 5,
            (log512(up.e + 16) - log512(s) - 1536) >> 5,
            (log512(s) >> 5) - 112,
            (log512(max(m - self.floor, 0) + 1) >> 6) - 64,
            32 if x & 1 else -32,
            32 if y & 1 else -32,
        ]
        return Context(m, s, linear, [clamp(v, -63, 63) for v in inputs])

    def cell(self, c: Context) -> Cell:
        """Prediction for a context."""
        w = self.model.weights

        def layer(biases: list[int], rows: list[list[int]], values: list[int]) -> list[int]:
            return [b + sum(map(mul, row, values)) for b, row in zip(biases, rows, strict=True)]

        h1 = [clamp(v >> 6, 0, 127) for v in layer(w.b1, w.w1, c.inputs)]
        h2 = [clamp(v >> 6, 0, 127) for v in layer(w.b2, w.w2, h1)]
        o = [clamp(v, -32768, 32767) for v in layer(w.b3, w.w3, h2)]
        line = 256 + sum(map(mul, w.linear, c.linear))
        loc16 = clamp(16 * c.m + (line >> 9) + ((c.s * max(o[0], -32767) + 256) >> 9), 0, 1048575)
        q = clamp((log512(c.s) + o[1] - 224) >> 6, 0, 143)
        tail = clamp((o[2] + 64) >> 7, 0, self.model.tails - 1)
        skew = clamp((o[3] + 64) >> 7, 0, self.model.skews - 1)
        shape = tail * self.model.skews + skew
        octave = min(q >> 3, 7)
        if octave == 7:
            cum = self.model.table(shape, 56 + (q & 7), 0)
            return Cell(cum, (loc16 >> 4) + 1, ((q - 56) >> 3) + 1, LAYOUT_OF[octave])
        p = PHASE_BITS[octave]
        a = (loc16 + (8 >> p)) >> (4 - p)
        return Cell(self.model.table(shape, q, a & ((1 << p) - 1)), a >> p, 0, LAYOUT_OF[octave])

    def take_in(self, y: int, x: int, v: int, s: int) -> None:
        """Remember a sample and its running means."""
        left, up, before = self.left(y, x), self.up(y, x), self.sample(y, x - 1)
        limit = 64 * s
        h = left.h + (clamp(256 * v - left.h, -limit, limit) >> 3)
        g = up.g + ((h - up.g) >> 2)
        d = left.d + ((min(256 * abs(v - before), 4 * left.d + 512) - left.d) >> 4)
        e = up.e + ((d - up.e) >> 2)
        r = clamp(clamp(256 * v - h, -limit, limit) >> 4, -32768, 32767)
        self.columns[x] += (r - self.columns[x]) >> 3
        self.means[y, x] = Means(h, g, d, e)
        self.samples[y][x] = v

    def _group(self, group: list[tuple[int, Cell]]) -> list[int]:
        """Samples of the lanes of a group."""
        states = len(self.coder.states)
        symbols = [self.coder.symbol(lane % states, cell.cum) for lane, cell in group]
        values = []
        for (lane, cell), symbol in zip(group, symbols, strict=True):
            offset, bits = LAYOUTS[cell.layout]
            i = symbol - 32 if symbol >= 32 else 31 - symbol
            raw = self.coder.raw(lane % states, min(bits[i] + cell.k, 16))
            epsilon = (offset[i] << cell.k) + raw
            values.append((cell.base + (epsilon if symbol >= 32 else ~epsilon)) % 65536)
        return values

    def decode(self) -> list[list[int]]:
        """Rows of samples."""
        for step in steps_of(self.height, self.width):
            contexts = [self.context(y, x) for _, y, x in step]
            cells = [(lane, self.cell(context)) for (lane, _, _), context in zip(step, contexts, strict=True)]
            values = self._group([c for c in cells if c[0] < 32]) + self._group([c for c in cells if c[0] >= 32])
            for (_, y, x), context, value in zip(step, contexts, values, strict=True):
                self.take_in(y, x, value, context.s)
        self.coder.finish()
        return self.samples


# Tiles of differences


def decode_differences(data: bytes, height: int, width: int) -> list[list[int]]:
    """Rows of samples of a tile of mode 3; `data` begins behind the mode."""
    tile = Bytes(data)
    predictor, log_classes, count, symbol = tile.u(1), tile.u(1), tile.u(2), tile.u(2)
    demand(predictor <= 3 and log_classes <= 3 and count <= 4095 and (count or not symbol), "header")
    bits = Bits(data[tile.at :])
    size = bits.left
    gaps = RunningRice(bits)
    symbols, reach = [symbol] * min(count, 1), 0
    for _ in range(count - 1):
        step = 1 + gaps.number()
        reach += step
        symbols.append((symbols[-1] + step) % 65536)
    demand(reach <= 65535, "gaps")
    cums = []
    for _ in range(1 << log_classes):
        numbers, cum = RunningRice(bits), [0]
        for _ in range(count + 1):
            b = numbers.number()
            demand(b <= 15, "frequency")
            cum.append(cum[-1] + ((1 << (b - 1)) + bits.take(b - 1) if b else 0))
        demand(cum[-1] == 16384, "frequencies")
        cums.append(cum)
    used = size - bits.left
    demand(not bits.take(-used % 8), "padding")
    tile.take((used + 7) // 8)
    coder = Coder(tile, 4)
    rows = [[0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            w, n, nw = neighbours(rows, y, x)
            flat = (w - nw + 1) % 65536 < 3 or (n - nw + 1) % 65536 < 3
            place = (x & 1) + 2 * (y & 1) + 4 * flat
            state = (y * width + x) % 4
            s = coder.symbol(state, cums[(0, int(flat), place & 3, place)[log_classes]])
            d = symbols[s] if s < count else coder.raw(state, 16)
            rows[y][x] = ((0, w, n, w + n - nw)[predictor] + d) % 65536
    coder.finish()
    return rows


def neighbours(rows: list[list[int]], y: int, x: int) -> tuple[int, int, int]:
    """W, N and NW."""
    if y and x:
        return rows[y][x - 1], rows[y - 1][x], rows[y - 1][x - 1]
    only = rows[y][x - 1] if x else rows[y - 1][x] if y else 0
    return only, only, only


# Tile


def decode_tile(model: Model, data: bytes, height: int, width: int) -> list[list[int]]:
    """Rows of samples of a tile of any mode."""
    demand(data, "truncated")
    mode, body = data[0], data[1:]
    if mode == 0:
        demand(len(body) == 2, "length of a constant tile")
        return [[int.from_bytes(body, "little")] * width for _ in range(height)]
    if mode == 1:
        return ModelledTile(model, body, height, width).decode()
    if mode == 2:
        demand(len(body) == 2 * height * width, "length of a raw tile")
        samples = struct.unpack(f"<{height * width}H", body)
        return [list(samples[y * width : (y + 1) * width]) for y in range(height)]
    demand(mode == 3, "mode of a tile")
    return decode_differences(body, height, width)


# Pixels and split


@dataclass
class PixelMap:
    """How elements became integers."""

    kind: int
    offset: int
    gaps: list[tuple[int, int]]
    rule: int = 0
    step: int = 0
    phase: int = 0
    values: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, data: Bytes) -> PixelMap:
        """The next pixel map."""
        head = data.u(1)
        found = cls(head & 15, data.signed_varint(), [], head >> 4)
        demand(found.kind <= 2 and found.rule <= 2, "pixel map")
        found.gaps = [(data.varint(), data.varint()) for _ in range(data.varint())]
        if found.rule == 1:
            found.step, found.phase = data.varint(), data.varint()
        if found.rule == 2:
            count, size = data.varint(), data.varint()
            bits = Bits(data.take(size))
            gaps, value = RunningRice(bits), -1
            for _ in range(count):
                value += gaps.number() + 1
                found.values.append(value)
            bits.finish()
            demand(value <= 65535, "value set")
        return found

    def element(self, u: int, data_type: str) -> bytes:
        """Little-endian bytes of the element that became `u`."""
        width = int(data_type[1])
        if self.rule == 1:
            u = (u * self.step + self.phase) % (1 << 64) >> 32
        if self.rule == 2:
            demand(u < len(self.values), "rank")
            u = self.values[u]
        for start, length in reversed(self.gaps):
            if u >= start:
                u += length
        value = (u + self.offset) % (1 << 64)
        if self.kind == 2:
            signed = value - (1 << 64) if value >> 63 else value
            return struct.pack("<f" if width == 4 else "<d", float(signed))
        if self.kind == 1:
            top = 1 << (8 * width - 1)
            value = value ^ top if value & top else ~value
        return (value % (1 << 8 * width)).to_bytes(width, "little")


def read_low_bits(data: Bytes, count: int, low: int) -> list[int]:
    """The low bits of every element."""
    found = [0] * count
    for first in range(0, low, 8):
        width = min(8, low - first)
        mode = data.u(1)
        demand(mode <= 1, "mode of a plane")
        if mode == 0:
            plane: Iterable[int] = [data.u(1)] * count
        else:
            bits = int.from_bytes(data.take((count * width + 7) // 8), "little")
            plane = ((bits >> i * width) & ((1 << width) - 1) for i in range(count))
        found = [value | part << first for value, part in zip(found, plane, strict=True)]
    return found


# Stream


@cache
def crc_table() -> list[int]:
    """CRC-32C of single bytes."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc32c(data: bytes) -> int:
    """The checksum of bytes."""
    table, crc = crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def decode_stream(stream: bytes, shipped: Mapping[str, Model]) -> tuple[str, tuple[int, ...], bytes]:
    """Data type, shape and little-endian elements of a stream, given the shipped models by their fingerprints."""
    data = Bytes(stream[:-4])
    demand(data.take(2) == b"\xac\x0d" and data.u(1) == 1, "magic or version")
    flags, data_type = data.u(1), TYPES[data.u(1)]
    demand(flags in (0, 1, 0x11), "flags")
    shape = tuple([data.varint() for _ in range(data.u(1))])
    if flags == 0:
        head, elements = data.at, data.take(prod(shape) * int(data_type[1]))
    else:
        head, elements = decode_sheet(data, data_type, shape, flags, shipped)
    demand(not data.rest(), "bytes behind the stream")
    demand(crc32c(stream[:head] + elements) == int.from_bytes(stream[-4:], "little"), "checksum")
    return data_type, shape, elements


def decode_sheet(
    data: Bytes, data_type: str, shape: tuple[int, ...], flags: int, shipped: Mapping[str, Model]
) -> tuple[int, bytes]:
    """Where the first tile begins, and the elements."""
    fingerprint = data.take(8).hex()
    model = read_model(data.take(data.varint()), shipped) if flags & 16 else shipped[fingerprint]
    demand(model.fingerprint == fingerprint, "fingerprint of the model")
    pixel_map, low, side_y, side_x = PixelMap.read(data), data.u(1), data.varint(), data.varint()
    head = data.at
    height, width = prod(shape[:-1]), shape[-1] if shape else 1
    sheet = [[0] * width for _ in range(height)]
    for y in range(0, height, side_y):
        for x in range(0, width, side_x):
            size = min(side_y, height - y), min(side_x, width - x)
            tile = decode_tile(model, data.take(data.varint()), *size)
            for i, row in enumerate(tile):
                sheet[y + i][x : x + size[1]] = row
    samples = [sample for row in sheet for sample in row]
    lows = read_low_bits(data, height * width, low)
    return head, b"".join(
        pixel_map.element(sample << low | rest, data_type) for sample, rest in zip(samples, lows, strict=True)
    )
