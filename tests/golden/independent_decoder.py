"""A decoder of streams written from docs/format.md alone, in plain Python: it shares no code with the package.

Its parts follow that document's sections. It refuses what the document forbids, and it is slow.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import pairwise, product
from math import copysign, floor, inf, isfinite, ldexp, prod
from operator import mul
from typing import NamedTuple


class DecodeError(Exception):
    """The bytes cannot be decoded."""


class TruncatedError(DecodeError):
    """Bytes are missing."""


class CorruptError(DecodeError):
    """The bytes break the specification."""


class NewerError(DecodeError):
    """A newer version is needed."""


class MissingError(DecodeError):
    """A codec or a model is needed that is not at hand."""


def demand(condition: object, what: str, error: type[DecodeError] = CorruptError) -> None:
    """Stop with `what` unless the condition holds."""
    if not condition:
        raise error(what)


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


def unfolded(z: int) -> int:
    """The signed number that 0, 1, 2, 3, ... stand for: 0, -1, 1, -2, ..."""
    return -(z + 1) // 2 if z & 1 else z // 2


class Bytes:
    """Bytes read from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        demand(self.at + count <= len(self.data), f"{count} bytes at {self.at} of {len(self.data)}", TruncatedError)
        self.at += count
        return self.data[self.at - count : self.at]

    def u(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self, most: int = (1 << 64) - 1) -> int:
        """A varint in its shortest form."""
        value = 0
        for i in range(10):
            byte = self.u(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                demand((byte or not i) and value <= most, f"varint {value}, at most {most}")
                return value
        raise CorruptError("a varint of more than 10 bytes")

    def signed_varint(self) -> int:
        """A signed varint."""
        return unfolded(self.varint())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data) - self.at)

    def finish(self, what: str) -> None:
        """Demand that nothing is left."""
        demand(self.at == len(self.data), f"{len(self.data) - self.at} bytes behind {what}")


class Bits:
    """Bits of bytes, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        """The next bits, lowest first."""
        end = self.at + count
        demand(end <= 8 * len(self.data), f"bit {end} of {8 * len(self.data)}", TruncatedError)
        found = int.from_bytes(self.data[self.at >> 3 : (end + 7) >> 3], "little") >> (self.at & 7)
        self.at = end
        return found & ((1 << count) - 1)

    def rice(self, k: int) -> int:
        """A Golomb-Rice code: one bits, a zero bit, `k` low bits."""
        ones = 0
        while self.take(1):
            ones += 1
        return (ones << k) + self.take(k)

    def align(self) -> int:
        """Number of bytes that were begun; the last one's other bits must be zeros."""
        demand(not self.take(-self.at % 8), "bits behind the last one")
        return self.at // 8

    def finish(self) -> None:
        """Demand that only bits are left that fill the last byte."""
        demand(self.align() == len(self.data), "bytes behind the last bit")


@dataclass
class RunningRice:
    """Golomb-Rice numbers with a running mean, as tables of differences have them."""

    bits: Bits
    total: int = 8
    count: int = 1

    def number(self) -> int:
        """The next number below 65536."""
        k, ones = self.begun()
        return self.seen((ones << k) + self.bits.take(k) if ones < 16 else self.bits.take(16))

    def begun(self) -> tuple[int, int]:
        """Its low bits, and the ones before them, of which 16 end without a zero."""
        k = next(k for k in range(80) if self.count << k >= self.total)
        ones = 0
        while ones < 16 and self.bits.take(1):
            ones += 1
        return k, ones

    def seen(self, number: int) -> int:
        """The number, after it is taken into the mean."""
        self.total, self.count = self.total + number, self.count + 1
        if self.count == 32:
            self.total, self.count = (self.total + 1) >> 1, 16
        return number


# Stream, sections and codecs

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "b1", "f2", "c8", "c16")
MODEL, NAME, PLANES, REFERENCE, CUTS, QUANTISE, MAPS, AXES = 1, 2, 16, 17, 18, 20, 21, 22
BLANKS, LOSS, SERIES, CODEC = 23, 24, 25, 127
# Critical or not.
CRITICAL = (PLANES, REFERENCE, CUTS, QUANTISE, MAPS, AXES, BLANKS, SERIES, CODEC)
KNOWN = {MODEL: 0, NAME: 0, LOSS: 0, **dict.fromkeys(CRITICAL, 1)}
RESERVED = {19: "code weights"}
STORED, CAUSAL, FLAGS = 0, 1, 97


@dataclass
class Frame:
    """What a stream says before its data."""

    codec: int
    data_type: str
    checksum_kind: int
    shape: tuple[int, ...]
    sections: dict[int, bytes]
    length: int

    @property
    def parts(self) -> int:
        """Numbers in an element: two in a complex one."""
        return 2 if self.data_type[0] == "c" else 1

    @property
    def part_size(self) -> int:
        """Bytes of each of them."""
        return int(self.data_type[1:]) // self.parts


def read_frame(stream: bytes) -> Frame:
    """The part of a stream before its data."""
    data = Bytes(stream)
    demand(data.take(2) == b"\xac\x0d", "not a stream")
    version = data.u(1)
    demand(version == 1, f"version {version}", NewerError)
    codec, flags = data.u(1), data.u(1)
    demand(not flags & 0x60 and flags & 31 < len(TYPES), f"data type {flags & 127}")
    kind, axes = flags >> 7, data.u(1)
    demand(codec not in (STORED, CAUSAL, FLAGS) or kind == 0, "an exact codec, and the other kind of checksum")
    demand(axes <= 32, f"{axes} axes")
    shape = tuple([data.varint(1 << 40) for _ in range(axes)])
    demand(prod(shape) <= 1 << 40, "number of elements")
    return Frame(codec, TYPES[flags & 31], kind, shape, read_sections(data), data.at)


def read_sections(data: Bytes) -> dict[int, bytes]:
    """Sections by their ids, those passed over too."""
    sections: dict[int, bytes] = {}
    critical = {}
    while CODEC not in sections:
        head = data.u(1)
        number = head & 127
        demand(number > max(sections, default=-1), f"section {number} behind a higher or the same one")
        critical[number] = head >> 7
        sections[number] = data.take(data.varint(1 << 20))
    for number in sections:
        demand(number not in RESERVED, f"section {RESERVED.get(number)}: a newer version is needed", NewerError)
        demand(number in KNOWN or not critical[number], f"section {number}: a newer version is needed", NewerError)
        demand(KNOWN.get(number, 0) == critical[number], f"section {number} critical or not")
    demand(len(sections.get(NAME, b"")) <= 255, "length of the name")
    return sections


def decode_stream(
    stream: bytes, models: Mapping[str, Model], reference: bytes | None = None
) -> tuple[str, tuple[int, ...], bytes]:
    """Data type, shape and little-endian elements of a stream, given models by fingerprints, and a reference's."""
    frame = read_frame(stream)
    demand(len(stream) >= frame.length + 4, "checksum", TruncatedError)
    data = Bytes(stream[frame.length : -4])
    demand(frame.codec == CAUSAL or REFERENCE not in frame.sections, "a reference of another codec")
    demand(frame.codec == CAUSAL or AXES not in frame.sections, "an order of axes of another codec")
    demand(frame.codec == CAUSAL or QUANTISE not in frame.sections, "steps of another codec")
    if LOSS in frame.sections:
        check_loss(Bytes(frame.sections[LOSS]))
    if frame.codec == STORED:
        demand(not frame.sections[CODEC], "parameters of the stored codec")
        demand(PLANES not in frame.sections, "a chain of stored planes")
        demand(SERIES not in frame.sections, "stored series")
        elements = data.take(prod(frame.shape) * int(frame.data_type[1:]))
        data.finish("the elements")
    elif frame.codec == CAUSAL:
        elements = decode_beside(frame, data, models, reference)
    elif frame.codec == FLAGS:
        elements = decode_flags(frame, data)
    else:
        name, _, install = frame.sections.get(NAME, b"").decode(errors="replace").partition("\n")
        raise MissingError(f"codec {frame.codec} is needed, {name or 'which has no name'}: {install}")
    demand(crc32c(stream[: frame.length] + elements) == int.from_bytes(stream[-4:], "little"), "checksum")
    return frame.data_type, frame.shape, elements


# Outside reference


@dataclass
class Outside:
    """What is taken off the elements."""

    sha256: bytes
    data_type: str
    shape: tuple[int, ...]
    zero: int
    shift: int
    smooth: int
    small: int
    large: int
    spread: int
    level: int
    offset: int
    bits: int
    embedded: int
    name: bytes

    @classmethod
    def read(cls, frame: Frame) -> Outside:
        """That of a stream."""
        demand(frame.data_type[0] in "ui", "a reference beside elements that are no integers")
        data, axes = Bytes(frame.sections[REFERENCE]), len(frame.shape)
        sha256, code, count = data.take(32), data.u(1), data.u(1)
        demand(code <= 9 and min(2, axes) <= count <= axes, "type and axes of the reference")
        zero = data.signed_varint()
        demand(abs(zero) < 1 << 62, "zero of the reference")
        numbers = [data.varint(most) for most in (47, 256, 256, 256, 8191)]
        level, offset, bits, embedded = data.signed_varint(), data.signed_varint(), data.u(1), data.u(1)
        demand(1 <= bits <= 8 * frame.part_size and embedded <= 1, "bits beside the reference")
        name, shape = data.rest(), frame.shape[axes - count :]
        demand(len(name) <= 255, "name of the reference")
        return cls(sha256, TYPES[code], shape, zero, *numbers, level, offset, bits, embedded, name)

    def planes(self, elements: bytes) -> list[list[list[int]]]:
        """The reference in 16 bits."""
        size, height, width = int(self.data_type[1:]), *(1, 1, *self.shape)[-2:]
        form = {"f4": "<f", "f8": "<d"}.get(self.data_type)
        found = []
        for at in range(0, len(elements), size):
            part = elements[at : at + size]
            if form:
                v = struct.unpack(form, part)[0]
                v = 0 if v != v else clamp(v, -(2**62), 2**62)
                v = floor(v) + (v - floor(v) >= 0.5)
            else:
                v = clamp(int.from_bytes(part, "little", signed=self.data_type[0] == "i"), -(2**62), 2**62)
            found.append(clamp((v - self.zero) >> self.shift, 0, 65535))
        rows = [found[at : at + width] for at in range(0, len(found), width)]
        return [rows[at : at + height] for at in range(0, len(rows), height)]

    def expected(self, plane: list[list[int]], y: int, x: int) -> int:
        """M of a pixel."""
        rows = [plane[clamp(y + dy, 0, len(plane) - 1)] for dy in range(-2, 3)]
        near = [row[clamp(x + dx, 0, len(row) - 1)] for row in rows for dx in range(-2, 3)]
        here = near.pop(12)
        n = sorted(near)
        middle = (n[11] + n[12] + 1) >> 1
        d = abs(here - middle)
        part = max(self.small * d, min(self.large * d, 512 * d - self.spread * (n[18] - n[5])))
        return ((self.smooth * middle + (part if here >= middle else -part) + 128) >> 8) << self.shift

    def undo(self, left: bytes, reference: bytes, size: int) -> bytes:
        """The elements."""
        shifts = [
            self.expected(plane, y, x)
            for plane in self.planes(reference)
            for y in range(len(plane))
            for x in range(len(plane[0]))
        ]
        out = b""
        for i in range(len(left) // size):
            v = int.from_bytes(left[i * size : (i + 1) * size], "little")
            v = self.offset + (v - self.offset + shifts[i % len(shifts)] - self.level) % (1 << self.bits)
            out += (v % (1 << 8 * size)).to_bytes(size, "little")
        return out


def decode_beside(frame: Frame, data: Bytes, models: Mapping[str, Model], reference: bytes | None) -> bytes:
    """The elements of a stream of a causal network, beside a reference if it has one."""
    if REFERENCE not in frame.sections:
        return decode_quantised(frame, data, models)
    outside, error = Outside.read(frame), MissingError
    if outside.embedded:
        inner, error = data.take(data.varint()), CorruptError
        head = read_frame(inner)
        demand(REFERENCE not in head.sections and head.codec <= CAUSAL, "the reference in the stream")
        demand((head.data_type, head.shape) == (outside.data_type, outside.shape), "the reference in the stream")
        reference = decode_stream(inner, models)[2]
    said = f"SHA-256 {outside.sha256.hex()}, {outside.name.decode(errors='replace')}"
    demand(reference is not None and hashlib.sha256(reference).digest() == outside.sha256, f"reference {said}", error)
    return outside.undo(decode_in_order(frame, data, models), reference or b"", frame.part_size)


# Loss


def check_loss(section: Bytes) -> None:
    """What was lost says nothing to a decoder, but must be said."""
    body = section.rest()
    demand(len(body) == 57, "length of the loss")
    kind, *numbers = struct.unpack("<B7d", body)
    asked, bound, found = numbers[:3]
    demand(kind < 6 and all(isfinite(v) and v >= 0 for v in numbers) and asked > 0 and found <= bound, "loss")


# Quantise


def decode_quantised(frame: Frame, data: Bytes, models: Mapping[str, Model]) -> bytes:
    """The elements of a stream of a causal network, of whose steps it may be."""
    if QUANTISE not in frame.sections:
        return decode_in_order(frame, data, models)
    demand(frame.data_type in (*TYPES[:6], "f4", "f8"), "steps of elements that have none")
    coded = decode_in_order(replace(frame, data_type="i4"), data, models)
    steps = struct.unpack(f"<{len(coded) // 4}i", coded)
    return Quantised(frame).elements(steps)


def bits_of(v: float) -> int:
    """Of a binary64 number."""
    return int.from_bytes(struct.pack("<d", v), "little")


def of_bits(bits: int) -> float:
    """The binary64 number of 64 bits."""
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def single(v: float) -> float:
    """Rounded to binary32."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", v))[0])
    except OverflowError:
        return copysign(inf, v)


def whole(v: float) -> int:
    """The nearest integer, halves to even; 0 beyond 2^52."""
    return round(v) if abs(v) <= 1 << 52 else 0


@cache
def standard_numbers() -> list[float]:
    """The random numbers of the FITS standard."""
    s, numbers = 1, []
    for _ in range(10000):
        s = 16807 * s % (2**31 - 1)
        numbers.append(single(s / (2**31 - 1)))
    return numbers


def sequence(seed: int) -> Iterator[float]:
    """That of a seed, and those that go on behind it."""
    numbers = standard_numbers()
    while True:
        yield from numbers[floor(500 * numbers[seed]) :]
        seed = (seed + 1) % 10000


class Quantised:
    """How elements were made of steps."""

    def __init__(self, frame: Frame) -> None:
        data = Bytes(frame.sections[QUANTISE])
        kind, flags = data.u(1), data.u(1)
        self.dither, self.arithmetic, self.size = kind & 15, kind >> 4, frame.part_size
        demand(self.dither <= 3 and not (self.dither and self.arithmetic & 7), "dither or arithmetic")
        demand(self.arithmetic < 8 or self.size == 8, "arithmetic 8 of f4")
        self.form = "BbHhIi??fd"[TYPES.index(frame.data_type)]
        demand(flags < 64 and flags & 48 < 48, "flags")
        demand(not self.arithmetic or (self.form in "fd" and not flags & 48), "arithmetic of integers or a curve")
        demand(not (flags & 32 and self.dither), "dither of octaves")
        height, width = data.varint(1 << 40), data.varint(1 << 40)
        part = [data.varint(1 << 40) for _ in range(4)] if flags & 4 else [0] * 4
        self.seed = data.varint(9999) if self.dither in (1, 2) else 0
        self.run = data.varint(1 << 40) if self.dither == 3 else 0
        self.level = struct.unpack("<f", data.take(4))[0]
        demand(isfinite(self.level), "level")
        self.null = int.from_bytes(data.take(4), "little", signed=True) if flags & 1 else None
        self.null_float = data.take(self.size) if flags & 1 else b""
        self.noise_level = struct.unpack("<f", data.take(4))[0] if flags & 8 else 1.0
        demand(isfinite(self.noise_level) and self.noise_level, "level of noise")
        self.has_noise = flags & 8
        self.curve = self.take_curve(data, flags)
        trailing, runs = data.u(1), data.varint(1 << 20)
        demand(trailing <= 52, "trailing zeros of scales")
        demand(runs <= prod(frame.shape), "number of exceptions")
        rows, columns = (1, 1, *frame.shape)[-2:]
        planes = prod(frame.shape[:-2])
        self.planes = (1, planes * rows, columns) if flags & 2 else (planes, rows, columns)
        self.row, self.column = part[:2]
        self.whole = [part[2] or self.row + self.planes[1], part[3] or self.column + columns]
        demand(self.row + self.planes[1] <= self.whole[0] and self.column + columns <= self.whole[1], "outside")
        self.tile = [height or self.whole[0], width or self.whole[1]]
        self.down = self.grid(self.row, self.planes[1], self.tile[0])
        self.across = self.grid(self.column, columns, self.tile[1])
        count = self.planes[0] * len(self.down) * len(self.across)
        demand(count <= 1 << 20, f"{count} tiles")
        try:
            self.read_tables(Coder(Bytes(data.rest()), 1), count, trailing, runs, prod(frame.shape))
        except TruncatedError:
            raise CorruptError("tables of tiles and exceptions") from None

    @staticmethod
    def take_curve(data: Bytes, flags: int) -> Callable[[float], float]:
        """What the places of a lattice become."""
        if flags & 16:
            knee, bend = struct.unpack("<dd", data.take(16))
            demand(isfinite(knee) and isfinite(bend) and bend > 0, "root")

            def root(y: float) -> float:
                w = y - knee
                return ((bend * w) * w + w) + knee if y > knee else y

            return root
        if flags & 32:
            steps, first = data.varint(1 << 24), data.signed_varint()
            demand(steps >= 1 and -1100 <= first <= 1024, "octaves")

            def octaves(y: float) -> float:
                j = int(min(abs(y), 2.0**52)) - 1
                if j < 0:
                    return 0.0
                f = (j % steps) / steps
                try:
                    return copysign(ldexp((11 / 32 * f + 21 / 32) * f + 1, min(first + j // steps, 1024)), y)
                except OverflowError:
                    return copysign(inf, y)

            return octaves
        return lambda y: y

    @staticmethod
    def grid(first: int, length: int, tile: int) -> range:
        """Which tiles of an axis the array has a part of."""
        return range(first // tile, (first + length - 1) // tile + 1)

    def round(self, v: float) -> float:
        """To what is rounded to."""
        if self.form not in "fd":
            low, high = (
                (0, (1 << 8 * self.size) - 1)
                if self.form.isupper()
                else (-1 << 8 * self.size - 1, (1 << 8 * self.size - 1) - 1)
            )
            return low if v < low else high if v > high else round(v)
        return single(v) if self.size == 4 or self.arithmetic & 8 else v

    def times(self, k: float, scale: float) -> float:
        """The product, or what it is in place of."""
        return k / scale if self.arithmetic & 2 else k * scale

    def read_tables(self, coder: Coder, tiles: int, trailing: int, runs: int, elements: int) -> None:
        """Scales, zeros and bases of tiles, and exceptions."""
        differs, is_far, has_moved, moved_down, has_rest, rest_down, is_last = (Decision(255) for _ in range(7))
        is_not = [Decision(255) for _ in range(3)]
        moves, rests, gaps, lengths = (Number() for _ in range(4))

        def signed(is_down: Decision, number: Number) -> int:
            down = is_down.pop(coder)
            return -number.pop(coder) if down else number.pop(coder)

        def raw(bits: int) -> int:
            return sum(coder.raw(0, min(16, bits - at)) << at for at in range(0, bits, 16))

        self.tiles: list[tuple[float, float, int]] = []
        is_lowest, lowest_down, lowests, lowest = Decision(255), Decision(255), Number(), 0
        top, q = bits_of(1.0) >> 52, 0
        for i in range(tiles):
            if i and not differs.pop(coder):
                self.tiles.append(self.tiles[-1])
                continue
            order = yes_before_no(is_not, coder) if self.has_noise else 3
            zeros = 0 if self.has_noise and order == 3 else trailing
            top = raw(12) if is_far.pop(coder) else top
            scale = of_bits(top << 52 | raw(52 - zeros) << zeros)
            if order < 3:
                scale = scale * (0.6052697, 1.0483579, 0.1772048)[order] / self.noise_level
            q += signed(moved_down, moves) if has_moved.pop(coder) else 0
            rest, is_low = 0, False
            if has_rest.pop(coder):
                is_low = bool(self.has_noise and is_lowest.pop(coder))
                if is_low:
                    down = lowest_down.pop(coder)
                    by = lowests.pop(coder) - 1
                    lowest = (lowest - by if down else lowest + by) % (1 << 32)
                else:
                    rest = signed(rest_down, rests)
            demand(abs(q) <= 1 << 52, "zero in scales")
            demand(isfinite(scale) and scale, "scale")
            zero = of_bits((bits_of(self.times(float(q), scale)) + rest) % (1 << 64))
            if is_low:
                zero = 2147483637.0 * scale + struct.unpack("<f", lowest.to_bytes(4, "little"))[0]
            demand(isfinite(zero), "zero")
            if self.arithmetic & 1:
                demand(self.round(scale) and isfinite(self.round(scale)) and isfinite(self.round(zero)), "rounded")
            self.tiles.append((scale, zero, self.base(scale, zero)))
        self.exceptions: list[tuple[int, int, int]] = []
        at = last = 0
        for _ in range(runs):
            first = at + gaps.pop(coder) - 1
            at = first + lengths.pop(coder)
            demand(first < elements and at <= elements, "exceptions outside of the array")
            last = last if is_last.pop(coder) else raw(8 * self.size)
            self.exceptions.append((first, at, last))
        coder.finish()

    def base(self, scale: float, zero: float) -> int:
        """Of a tile."""
        above = self.level if self.arithmetic & 4 else self.level - zero
        steps = above * scale if self.arithmetic & 2 else above / scale
        return whole(steps - zero if self.arithmetic & 4 else steps)

    def element(self, k: int, r: float, scale: float, zero: float) -> float:
        """What a step becomes."""
        if self.dither == 3:  # here r is p
            return self.round(self.curve((k + r / 2) * scale + zero))
        if self.dither:
            return self.round(self.curve((k - r + 0.5) * scale + zero))
        if not self.arithmetic:
            return self.round(self.curve(k * scale + zero))
        rounded = self.round if self.arithmetic & 1 else float
        of, scale, zero = rounded(float(k)), rounded(scale), rounded(zero)
        if self.arithmetic & 4:
            return self.round(self.times(rounded(of + zero), scale))
        return self.round(rounded(self.times(of, scale)) + zero)

    def elements(self, steps: tuple[int, ...]) -> bytes:
        """Those of all steps, little-endian."""
        form, found, numbers = f"<{self.form}", list[bytes](), dict[int, float]()
        if self.dither == 3:
            numbers = self.halves(steps)
        elif self.dither:
            numbers = self.numbers()
        planes, height, width = self.planes
        for at, (plane, y, x) in enumerate(product(range(planes), range(height), range(width))):
            down = (self.row + y) // self.tile[0] - self.down[0]
            across = (self.column + x) // self.tile[1] - self.across[0]
            scale, zero, base = self.tiles[(plane * len(self.down) + down) * len(self.across) + across]
            if steps[at] == self.null:
                found.append(self.null_float)
            elif self.dither == 2 and steps[at] == -2147483646:
                found.append(bytes(self.size))
            else:
                v = self.element(steps[at] + base, numbers.get(at, 0.0), scale, zero)
                found.append(struct.pack(form, v))
        for first, end, bits in self.exceptions:
            found[first:end] = [bits.to_bytes(self.size, "little")] * (end - first)
        return b"".join(found)

    def halves(self, steps: tuple[int, ...]) -> dict[int, float]:
        """p of each element."""
        width, state, found = self.planes[2], 0, dict[int, float]()
        for at, n in enumerate(steps):
            x = at % width
            if x == 0 or (self.run and x % self.run == 0):
                state = 0
            p = state & 1
            found[at] = float(p)
            state = (state >> 1) ^ (5 * p) ^ (2 * (n & 1))
        return found

    def numbers(self) -> dict[int, float]:
        """The random number of each element."""
        planes, height, width = self.planes
        down, across = (-(-whole // tile) for whole, tile in zip(self.whole, self.tile, strict=True))
        found = {}
        for plane, i, j in product(range(planes), self.down, self.across):
            seed = self.seed + ((plane * down + i - self.down[0]) * across + j - self.across[0])
            numbers = sequence(seed % 10000)
            left = j * self.tile[1]
            for y in range(i * self.tile[0], min((i + 1) * self.tile[0], self.row + height)):
                for x in range(left, min(left + self.tile[1], self.whole[1])):
                    r = next(numbers)
                    if y - self.row >= 0 and 0 <= x - self.column < width:
                        found[(plane * height + y - self.row) * width + x - self.column] = r
        return found


# Order of axes


def decode_in_order(frame: Frame, data: Bytes, models: Mapping[str, Model]) -> bytes:
    """The elements of a stream of a causal network in the array's own order, whatever that in which they are coded."""
    if AXES not in frame.sections:
        return decode_causal(frame, data, models)
    section, axes, size = Bytes(frame.sections[AXES]), len(frame.shape), int(frame.data_type[1:])
    order = [section.u(1) for _ in range(axes)]
    section.finish("the axes")
    demand(sorted(order) == list(range(axes)), f"axes {order}")
    shape = tuple(frame.shape[axis] for axis in order)
    coded = decode_causal(replace(frame, shape=shape), data, models)
    found = [b""] * prod(shape)
    for i, index in enumerate(product(*map(range, shape))):
        there = [index[order.index(axis)] for axis in range(axes)]
        at = 0
        for place, length in zip(there, frame.shape, strict=True):
            at = at * length + place
        found[at] = coded[i * size : (i + 1) * size]
    return b"".join(found)


# Causal network


@dataclass
class Parameters:
    """Parameters of the codec."""

    fingerprint: str
    plane_map: tuple[PixelMap, int]
    height: int
    width: int

    @classmethod
    def read(cls, frame: Frame) -> Parameters:
        """Those of a stream."""
        data = Bytes(frame.sections[CODEC])
        fingerprint, plane_map = data.take(8).hex(), read_plane_map(data, frame, prod(frame.shape) * frame.parts)
        height, width = data.varint(), data.varint()
        data.finish("the parameters")
        return cls(fingerprint, plane_map, height, width)


def read_plane_map(data: Bytes, frame: Frame, left: int) -> tuple[PixelMap, int]:
    """A pixel map, whose set has no more values than are left, and the number of low bits."""
    pixel_map, low = PixelMap.read(data, frame.data_type, left), data.u(1)
    demand(low <= (0 if pixel_map.kind == 3 else 48), "number of low bits")
    return pixel_map, low


def plane_maps(frame: Frame, first: tuple[PixelMap, int], planes: int, shared: bool) -> list[tuple[PixelMap, int]]:
    """That of each plane."""
    if MAPS not in frame.sections:
        return [first] * planes
    alone = not shared and PLANES not in frame.sections and SERIES not in frame.sections
    demand(alone, "maps of planes that share pieces, are a chain or series")
    data = Bytes(frame.sections[MAPS])
    count = data.varint(planes - 1)
    demand(count, "no maps of planes")
    maps, left = [first], prod(frame.shape) * frame.parts - len(first[0].values)
    for _ in range(count):
        maps.append(read_plane_map(data, frame, left))
        left -= len(maps[-1][0].values)
    found: list[tuple[PixelMap, int]] = []
    while len(found) < planes:
        one, length = maps[data.varint(count)], data.varint(planes - len(found))
        demand(length, "a map of no planes")
        found += [one] * length
    data.finish("the maps of planes")
    return found


def decode_causal(frame: Frame, data: Bytes, models: Mapping[str, Model]) -> bytes:
    """The elements of a stream of a causal network, from its data."""
    demand(prod(frame.shape), "an axis of length 0")
    parameters = Parameters.read(frame)
    chain = Chain.read(frame) if PLANES in frame.sections else None
    series = Series.read(frame) if SERIES in frame.sections else None
    places = pieces_of(frame, parameters.height, parameters.width)
    height = frame.shape[-2] if len(frame.shape) > 1 else 1
    planes = prod(frame.shape[:-2]) * frame.parts
    maps = plane_maps(frame, parameters.plane_map, planes, parameters.height > height)
    coded = [Bytes(data.take(data.varint())) for _ in range(len(places))]
    data.finish("the last piece")
    model = model_of(frame, parameters.fingerprint, models)
    width = frame.shape[-1] if frame.shape else 1
    rows = [[0] * width for _ in range(prod(frame.shape[:-1]) * frame.parts)]
    below = [[0] * width for _ in rows]
    blank_values = read_blanks(frame) if BLANKS in frame.sections else []
    blank: dict[int, int] = {}
    strings: list[tuple[Place, PixelMap, bytes]] = []
    for place, piece in zip(places, coded, strict=True):
        count = place.height * place.width
        mask = read_mask(piece, len(blank_values), place) if blank_values else [-1] * count
        for i, value in enumerate(mask):
            if value >= 0:
                blank[(place.y + i // place.width) * width + place.x + i % place.width] = value
        pixel_map, low = maps[place.y // height]
        if pixel_map.kind == 3:
            strings.append((place, pixel_map, piece.take(piece.varint())))
        kept = iter(read_low_bits(piece, mask.count(-1), low) if mask.count(-1) else [])
        lows = [next(kept) if value < 0 else 0 for value in mask]
        samples = decode_piece(model, piece.rest(), place.height, place.width)
        for i, row in enumerate(samples):
            rows[place.y + i][place.x : place.x + place.width] = row
            below[place.y + i][place.x : place.x + place.width] = lows[i * place.width : (i + 1) * place.width]
    samples, rest = ([v for row in sheet for v in row] for sheet in (rows, below))
    if chain:
        chain.undo(samples, width * height)
    if series:
        samples = series.undo(samples, width)
    for place, pixel_map, string in strings:
        bins, bits = pixel_map.bins_of(frame.part_size), Bits(string)
        rectangle = product(range(place.y, place.y + place.height), range(place.x, place.x + place.width))
        taken = {y * width + x: bins.bits_of(bins.k_of(pixel_map.value(samples[y * width + x]))) for y, x in rectangle}
        taken = {at: count for at, count in taken.items() if at not in blank}
        demand(len(string) == (sum(taken.values()) + 7) // 8, f"{len(string)} bytes of places in bins")
        for at, count in taken.items():
            rest[at] = bits.take(count)
        bits.finish()
    parts = []
    for t, (pixel_map, low) in enumerate(maps):
        plane = slice(t * height * width, (t + 1) * height * width)
        element = cache(lambda u, m=pixel_map: m.part(u, frame.data_type[0], frame.part_size))
        if pixel_map.kind == 3:
            for sample, below in zip(samples[plane], rest[plane], strict=True):
                parts.append(pixel_map.float_in_bin(sample, below, frame.part_size))
            continue
        parts += [element(sample << low | below) for sample, below in zip(samples[plane], rest[plane], strict=True)]
    for at, value in blank.items():
        parts[at] = blank_values[value].to_bytes(frame.part_size, "little")
    if frame.parts == 2:
        half = len(parts) // 2
        parts = [part for pair in zip(parts[:half], parts[half:], strict=True) for part in pair]
    return b"".join(parts)


def model_of(frame: Frame, fingerprint: str, models: Mapping[str, Model]) -> Model:
    """The model of a stream: one from outside, or the one that it carries."""
    if fingerprint in models:
        return models[fingerprint]
    demand(MODEL in frame.sections, f"model {fingerprint} is needed", MissingError)
    model = read_model(frame.sections[MODEL], models)
    demand(model.fingerprint == fingerprint, f"fingerprint {model.fingerprint} of the model")
    return model


# Blanks


def read_blanks(frame: Frame) -> list[int]:
    """Bits of the blank values."""
    data = Bytes(frame.sections[BLANKS])
    count = data.varint(8)
    demand(count, "no blank values")
    values = [data.varint((1 << 8 * frame.part_size) - 1) for _ in range(count)]
    data.finish("the blank values")
    return values


def read_mask(data: Bytes, values: int, place: Place) -> list[int]:
    """The value of each pixel of a piece that is blank, -1 of the others."""
    mode = data.u(1)
    demand(mode <= 2, f"mask {mode}")
    if mode == 1:
        value = data.u(1)
        demand(value < values, f"blank value {value} of {values}")
        return [value] * (place.height * place.width)
    if mode == 0:
        return [-1] * (place.height * place.width)
    coder = Coder(Bytes(data.take(data.varint())), 1)
    like = [Decision(1024), Decision(1024)]
    is_blank = [Decision(1024) for _ in range(128)]
    more = [[Decision(1024) for _ in range(8)] for _ in range(8)]
    rows: dict[int, list[int]] = {-1: [-1] * place.width}
    answer, last = 0, 0

    def bit(y: int, x: int) -> int:
        return int(0 <= x < len(rows.get(y, [])) and rows[y][x] >= 0)

    for y in range(place.height):
        answer = like[answer].pop(coder)
        rows[y] = list(rows[y - 1]) if answer else []
        for x in range(0 if answer else place.width):
            near = ((y, x - 1), (y, x - 2), (y - 1, x - 1), (y - 1, x), (y - 1, x + 1), (y - 1, x + 2), (y - 2, x))
            if is_blank[sum(bit(*at) << i for i, at in enumerate(near))].pop(coder):
                value = 0
                while value < values - 1 and more[last][value].pop(coder):
                    value += 1
                last = value
                rows[y].append(value)
            else:
                rows[y].append(-1)
    coder.finish()
    return [value for y in range(place.height) for value in rows[y]]


# Bins


class Bins(NamedTuple):
    """Bins of floats."""

    p: int
    exponents: int
    e: int
    j: int

    def k_of(self, value: int) -> int:
        """The number of a bin of either sign."""
        k = ~value if value < 0 else value
        demand(k < (self.exponents - self.e - self.j + 1) << self.j, f"bin {value}")
        return k

    def bits_of(self, k: int) -> int:
        """Bits of a place."""
        return self.p - min(log2f(k), self.j) if k else ((self.e << self.p) - 1).bit_length()

    def magnitude(self, k: int, place: int) -> int:
        """A float without its sign."""
        if not k:
            return place
        s = min(log2f(k), self.j)
        return ((self.e + s) << self.p) + ((k - (1 << s)) << (self.p - s)) + place


# Pixels


@dataclass
class PixelMap:
    """How elements became integers."""

    kind: int
    rule: int
    offset: int
    gaps: list[tuple[int, int]]
    step: int = 0
    phase: int = 0
    values: list[int] = field(default_factory=list)
    trailing: int = 0
    exponent: int = 0
    linear: int = 0

    @classmethod
    def read(cls, data: Bytes, data_type: str, most: int) -> PixelMap:
        """The next pixel map."""
        head = data.u(1)
        kind, rule = head & 15, head >> 4
        demand(kind == 0 if data_type[0] in "uib" else kind in (1, 2, 3), f"kind {kind} of {data_type}")
        demand(rule <= (0 if kind == 3 else 2), f"rule {rule}")
        trailing = data.u(1) if kind in (1, 3) else 0
        exponent, linear = (data.varint(), data.u(1)) if kind == 3 else (0, 0)
        demand(trailing <= 8 * int(data_type[1:]) // (1 + (data_type[0] == "c")) - 2, f"{trailing} trailing zeros")
        offset, gaps = data.signed_varint(), data.varint(0 if rule == 2 else 8)
        all_gaps = [(data.varint((1 << 64) - 1), data.varint((1 << 64) - 1)) for _ in range(gaps)]
        found = cls(kind, rule, offset, all_gaps, trailing=trailing, exponent=exponent, linear=linear)
        if kind == 3:
            bins = found.bins_of(int(data_type[1:]) // (1 + (data_type[0] == "c")))
            demand(0 <= linear <= min(15, bins.p) and 1 <= exponent < bins.exponents - linear, f"{bins}")
        if rule == 1:
            found.step, found.phase = data.varint((1 << 64) - 1), data.varint(1 << 48)
        if rule == 2:
            found.values = read_set(data, most)
        return found

    def bins_of(self, size: int) -> Bins:
        """Those of floats of so many bytes."""
        p, exponents = {2: (10, 32), 4: (23, 256), 8: (52, 2048)}[size]
        return Bins(p - self.trailing, exponents, self.exponent, self.linear)

    def value(self, u: int) -> int:
        """The signed value that became `u`."""
        for start, length in reversed(self.gaps):
            if u >= start:
                u = (u + length) % (1 << 64)
        value = (u + self.offset) % (1 << 64)
        return value - (1 << 64) if value >> 63 else value

    def float_in_bin(self, u: int, place: int, size: int) -> bytes:
        """Little-endian bytes of the float at a place in the bin that became `u`."""
        value, bins = self.value(u), self.bins_of(size)
        bits = bins.magnitude(bins.k_of(value), place) << self.trailing
        return (bits | (value < 0) << 8 * size - 1).to_bytes(size, "little")

    def part(self, u: int, letter: str, size: int) -> bytes:
        """Little-endian bytes of the element, or of the part of a complex one, that became `u`."""
        if self.rule == 1:
            u = (u * self.step + self.phase) % (1 << 64) >> 32
        if self.rule == 2:
            demand(u < len(self.values), f"rank {u} of {len(self.values)} values")
            u = self.values[u]
        for start, length in reversed(self.gaps):
            if u >= start:
                u = (u + length) % (1 << 64)
        value = (u + self.offset) % (1 << 64)
        if self.kind == 2:
            return float_of(value - (1 << 64) if value >> 63 else value, size)
        bits = value % (1 << (8 * size - self.trailing))
        if self.kind == 1:
            top = 1 << (8 * size - self.trailing - 1)
            bits = (bits ^ top if bits & top else bits ^ (2 * top - 1)) << self.trailing
        return bits.to_bytes(size, "little")


def float_of(value: int, size: int) -> bytes:
    """A float of `size` bytes that is an integer."""
    demand(abs(value) < 1 << 31, f"float {value}")
    form = {2: "<e", 4: "<f", 8: "<d"}[size]
    try:
        packed = struct.pack(form, float(value))
    except OverflowError:
        packed = struct.pack(form, 0.5)
    demand(struct.unpack(form, packed)[0] == value, f"{value} in a float of {size} bytes")
    return packed


def read_set(data: Bytes, most: int) -> list[int]:
    """The values of rule 2."""
    count, size = data.varint(65536), data.varint(1 << 20)
    demand(0 < count <= most, f"a set of {count} values")
    values = [0]
    try:
        coder = Coder(Bytes(data.take(size)), 1)
        known = Distances()
        for _ in range(count - 1):
            values.append(values[-1] + known.pop(coder))
            demand(values[-1] < 1 << 64, f"value {values[-1]} of a set")
    except TruncatedError:
        raise CorruptError(f"{len(values)} of {count} values in a set of {size} bytes") from None
    coder.finish()
    return values


class Distances:
    """The distances between the values of a set, popped one by one."""

    def __init__(self) -> None:
        self.kinds = [[Decision(255), Decision(255)] for _ in range(3)]
        self.several = {(a, b): Decision(255) for a in range(3) for b in range(3)}
        self.less = Decision(255)
        self.multiples, self.rests, self.others = Number(), Number(), Number()
        self.kind, self.last, self.one_before, self.unit = 0, 0, 0, 1

    def pop(self, coder: Coder) -> int:
        """The next one."""
        first, second = self.kinds[self.kind]
        self.kind = first.pop(coder) and 1 + second.pop(coder)
        if self.kind == 2:
            self.unit = self.others.pop(coder)
            return self.unit
        m = 1
        if self.several[self.last, self.one_before].pop(coder):
            m += self.multiples.pop(coder)
        self.last, self.one_before = min(2, (m - 1).bit_length()), self.last
        d = m * self.unit
        demand(d < 1 << 64, f"{m} units of {self.unit} in a set")
        if self.kind == 1:
            less = self.less.pop(coder)
            r = self.rests.pop(coder)
            d += -r if less else r
            demand(0 < d < 1 << 64, f"distance {d} in a set")
            self.unit = max(1, (2 * d + m) // (2 * m))
        return d


# Planes


class Place(NamedTuple):
    """Where a piece lies in its planes, all of these one below the other."""

    y: int
    x: int
    height: int
    width: int


def read_cuts(data: Bytes, length: int) -> list[int]:
    """Where the spans of an axis begin, and its end."""
    places = [0]
    for _ in range(data.varint(255)):
        places.append(places[-1] + data.varint())
        demand(places[-2] < places[-1] < length, f"cut {places[-1]} of {length}")
    return [*places, length]


def strips_of(spans: list[int], side: int) -> list[tuple[int, int]]:
    """Starts and sizes of the strips of an axis."""
    pairs = pairwise(spans)
    return [(start, min(side, end - start)) for first, end in pairs for start in range(first, end, side)]


def pieces_of(frame: Frame, p: int, q: int) -> list[Place]:
    """Places of the pieces of a stream, in their order."""
    shape = (1, 1, *frame.shape)
    height, width = shape[-2:]
    rows = prod(shape[:-1]) * frame.parts
    p, q = p or height, q or width
    demand(q <= width and (p <= height or (q == width and p % height == 0 and p <= rows)), f"pieces of {p} x {q}")
    demand(p <= 65536 and q <= 65536 and p * q <= 1 << 26, f"pieces of {p} x {q}")
    if p > height:
        demand(CUTS not in frame.sections, "cuts of planes that share pieces")
        return [Place(y, 0, min(p, rows - y), width) for y in range(0, rows, p)]
    down, across = [0, height], [0, width]
    if CUTS in frame.sections:
        data = Bytes(frame.sections[CUTS])
        down, across = read_cuts(data, height), read_cuts(data, width)
        data.finish("the cuts")
        demand(len(down) + len(across) > 4, "no cut in a section of cuts")
    return [
        Place(plane + y, x, tall, wide)
        for plane in range(0, rows, height)
        for y, tall in strips_of(down, p)
        for x, wide in strips_of(across, q)
    ]


# Chains


@dataclass
class Chain:
    """How planes are predicted from earlier ones."""

    period: int
    base: int
    limit: int
    scale: int
    first: int
    gains: list[tuple[int, int]]

    @classmethod
    def read(cls, frame: Frame) -> Chain:
        """That of a stream."""
        data, count = Bytes(frame.sections[PLANES]), prod(frame.shape[:-2])
        demand(frame.parts == 1, "a chain of complex numbers")
        period = data.varint()
        demand(period != 1 and period < count, f"chains of {period} planes of {count}")
        chain = cls(period, data.varint(65535), data.varint(1 << 20), data.u(1) + 1, data.u(1) + 1, [])
        places = data.u(1)
        demand(places, "no gains")
        chain.gains = [(data.u(1) + 1, data.u(1)) for _ in range(places)]
        data.finish("the gains")
        return chain

    def undo(self, samples: list[int], size: int) -> None:
        """Make samples, `size` in a plane, of what is left of them."""
        for i in range(size):
            level = first = 16 * samples[i]
            slope = 0
            for t, at in enumerate(range(i + size, len(samples), size), 1):
                place = t % self.period if self.period else t
                step = slope >> 4 if place else 0
                expected = clamp(level + step, 0, 1048560) if place else first
                x = (samples[at] + (((expected - 16 * self.base) * self.scale + 2048) >> 12)) % 65536
                samples[at] = x
                innovation = 16 * x - expected
                reach = self.limit + (abs(step) >> 2)
                is_jump = abs(innovation) > reach
                if place:
                    level_gain, slope_gain = self.gains[min(place, len(self.gains)) - 1]
                    level = 16 * x if is_jump else expected + ((innovation * level_gain) >> 8)
                    change = (clamp(innovation, -reach, reach) * slope_gain) >> 4
                    slope = clamp(slope + change, -(1 << 24), 1 << 24)
                else:
                    level = 16 * x
                    first = 16 * x if is_jump else expected + ((innovation * self.first) >> 8)


# Series


@dataclass
class Series:
    """How columns of rows are predicted from earlier ones, and the first."""

    columns: Chain
    starts: list[int]

    @classmethod
    def read(cls, frame: Frame) -> Series:
        """That of a stream."""
        data, rows = Bytes(frame.sections[SERIES]), prod(frame.shape[:-1])
        demand(frame.parts == 1 and PLANES not in frame.sections, "series of complex numbers, or beside a chain")
        demand(prod(frame.shape[-1:]) >= 2, "series of one column")
        demand(rows <= 1 << 23, f"{rows} series")
        columns = Chain(0, data.varint(65535), data.varint(1 << 20), 256, 256, [])
        places = data.u(1)
        demand(places, "no gains")
        columns.gains = [(data.u(1) + 1, data.u(1)) for _ in range(places)]
        width = data.u(1)
        demand(width <= 16, f"starts of {width} bits")
        bits = Bits(data.take((rows * width + 7) // 8))
        starts = [bits.take(width) for _ in range(rows)]
        bits.finish()
        data.finish("the starts")
        return cls(columns, starts)

    def undo(self, left: list[int], width: int) -> list[int]:
        """The samples of which so much is left, with so many columns."""
        found: list[list[int]] = [[] for _ in self.starts]
        by_start = sorted(range(len(self.starts)), key=lambda number: (self.starts[number], number))
        for row, number in enumerate(by_start):
            found[number] = [self.starts[number], *left[row * width + 1 : (row + 1) * width]]
            self.columns.undo(found[number], 1)
        return [sample for one in found for sample in one]


# Split


def read_low_bits(data: Bytes, count: int, low: int) -> list[int]:
    """The low bits of the integers of a piece."""
    found = [0] * count
    for first in range(0, low, 8):
        width = min(8, low - first)
        mode = data.u(1)
        demand(mode <= 1, f"mode {mode} of a bit plane")
        if mode == 0:
            value = data.u(1)
            demand(value < 1 << width, f"{value} in {width} bits")
            plane = [value] * count
        else:
            bits = Bits(data.take((count * width + 7) // 8))
            plane = [bits.take(width) for _ in range(count)]
            bits.finish()
        found = [value | part << first for value, part in zip(found, plane, strict=True)]
    return found


# Piece


def decode_piece(model: Model, data: bytes, height: int, width: int) -> list[list[int]]:
    """Rows of samples of a piece of any mode."""
    piece = Bytes(data)
    mode = piece.u(1)
    demand(mode <= 6, f"mode {mode} of a piece")
    if mode in (1, 4, 6):
        return ModelledPiece(model, piece, height, width, mode).decode()
    if mode == 3:
        return decode_differences(piece, height, width)
    if mode == 5:
        return decode_counts(piece, height, width)
    if mode == 0:
        rows = [[piece.u(2)] * width] * height
    else:
        rows = [list(struct.unpack(f"<{width}H", piece.take(2 * width))) for _ in range(height)]
    piece.finish("the piece")
    return rows


class Coder:
    """States and words of a piece."""

    def __init__(self, piece: Bytes, states: int) -> None:
        self.states = [piece.u(4) for _ in range(states)]
        demand(min(self.states) >= 65536, "state")
        self.words = piece

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

    def share(self, i: int, begins: list[int], k: int) -> int:
        """Pop which of the shares of 2^(k+6) it is from state i."""
        x, bits = self.states[i], k + 6
        c = x & ((1 << bits) - 1)
        j = bisect_right(begins, c) - 1
        self.states[i] = (begins[j + 1] - begins[j]) * (x >> bits) + c - begins[j]
        self._refill(i)
        return j

    def raw(self, i: int, bits: int) -> int:
        """Pop raw bits from state i."""
        raw = self.states[i] & ((1 << bits) - 1)
        self.states[i] >>= bits
        self._refill(i)
        return raw

    def finish(self) -> None:
        """Demand that states and words end with the piece."""
        demand(all(x == 65536 for x in self.states), "states at the end of the piece")
        self.words.finish("the last word")


# Wavefront, context, prediction

PAD, LAG = 3, 4
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


class Widths(NamedTuple):
    """The code widths of a piece."""

    table: list[int]
    shift: int

    @property
    def m(self) -> int:
        """log2 of the number of displacements."""
        return log2f(len(self.table))

    def w(self, v: int) -> int:
        """Displacement of the boundary below sample v."""
        return self.table[(v + self.shift) & (len(self.table) - 1)]

    def displaced(self, cell: Cell) -> list[int]:
        """A cell's cumulative frequencies."""
        core, found = CORES[cell.layout], []
        for s, here in enumerate(cell.cum):
            d = self.w(cell.base + ((s - 32) << cell.k)) if -core < s - 32 < core and cell.k < self.m else 0
            if d:
                free = (cell.cum[s + 1] - here if d > 0 else here - cell.cum[s - 1]) - 1
                here += (free * d * 2 ** (9 - cell.k) + 2**14) >> 15
            found.append(here)
        return found

    def shares(self, first: int, k: int) -> list[int]:
        """Where the shares of the 2^k samples from the first one begin, and their end."""
        a = [64 * j + self.w(first + j) - self.w(first) for j in range((1 << k) + 1)]
        return [(v << (k + 6)) // a[-1] for v in a]


class Cell(NamedTuple):
    """Where a sample's symbol belongs."""

    cum: list[int]
    base: int
    k: int
    layout: int


def steps_of(height: int, width: int) -> Iterator[list[tuple[int, int, int]]]:
    """The steps of a piece: lane, y, x of each of their pixels."""
    lanes = 64 if width + 2 * PAD >= 64 * LAG else 32
    period = max(width + 2 * PAD, lanes * LAG)
    done = s = 0
    while done < height * width:
        step = []
        for i in range(lanes):
            p = s - LAG * i
            y, x = i + lanes * (p // period), p % period - PAD
            if p >= 0 and y < height and 0 <= x < width:
                step.append((i, y, x))
        done += len(step)
        s += 1
        yield step


def average(a: int, b: int) -> int:
    """Rounded up."""
    return (a + b + 1) >> 1


def layer(biases: list[int], rows: list[list[int]], values: list[int]) -> list[int]:
    """Biases and weighted sums."""
    return [b + sum(map(mul, row, values)) for b, row in zip(biases, rows, strict=True)]


class ModelledPiece:
    """Decodes one piece of mode 1, 4 or 6; `piece` is read from behind the mode."""

    def __init__(self, model: Model, piece: Bytes, height: int, width: int, mode: int) -> None:
        log_states = piece.u(1)
        demand(log_states <= 5, "number of states")
        row, amplitude, self.floor = piece.u(2), piece.u(2), piece.u(2)
        demand(amplitude <= 32767, "amplitude")
        self.widths = None
        if mode == 4:
            number, shift = piece.u(1), piece.u(1)
            demand(number < len(model.widths), f"table {number} of code widths")
            self.widths = Widths(model.widths[number], shift)
        self.has_trellis, self.odd = mode == 6, 0
        if self.has_trellis:
            self.odd = piece.u(1)
            demand(self.odd <= 1, f"trellis of odd {self.odd}")
        self.trellis = [0] * height
        self.model, self.height, self.width = model, height, width
        self.coder = Coder(piece, 1 << log_states)
        self.means: dict[tuple[int, int], Means] = {}
        self.above = Means(256 * row, 256 * row, 362 * amplitude, 362 * amplitude)
        self.columns = [0] * width
        # Rows from -3, columns from -3; what is not known yet is -1.
        self.rows = [[-1] * (width + 2 * PAD) for _ in range(height + PAD)]
        for y in range(-PAD, 0):
            swings = (amplitude if (x + y) & 1 else -amplitude for x in range(-PAD, width + PAD))
            self.rows[y + PAD] = [clamp(row + swing, 0, 65535) for swing in swings]
        self._pad(0, 0, self.rows[PAD - 1][PAD])

    def _pad(self, y: int, column: int, value: int) -> None:
        if y < self.height:
            self.rows[y + PAD][column : column + PAD] = [value] * PAD

    def up(self, y: int, x: int) -> Means:
        """Running means above."""
        return self.means[y - 1, min(x + 3, self.width - 1)] if y else self.above

    def left(self, y: int, x: int) -> Means:
        """Running means to the left."""
        if x:
            return self.means[y, x - 1]
        up = self.up(y, x)
        return Means(up.g, up.g, up.e, up.e)

    def neighbours(self, y: int, x: int) -> list[int]:
        """The 22 neighbours."""
        third, second, first, this = self.rows[y : y + 4]
        return [*this[x + 2 : x - 1 if x else None : -1], *first[x : x + 7], *second[x : x + 7], *third[x + 1 : x + 6]]

    def context(self, y: int, x: int) -> Context:
        """Context of a pixel."""
        n = self.neighbours(y, x)
        demand(len(n) == 22 and min(n) >= 0, "a sample is used before it is known")
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

    def cell(self, c: Context, y: int) -> Cell:
        """Prediction for a context of row y."""
        w = self.model.weights
        h1 = [clamp(v >> 6, 0, 127) for v in layer(w.b1, w.w1, c.inputs)]
        h2 = [clamp(v >> 6, 0, 127) for v in layer(w.b2, w.w2, h1)]
        o = [clamp(v, -32768, 32767) for v in layer(w.b3, w.w3, h2)]
        line = 256 + sum(map(mul, w.linear, c.linear))
        loc16 = clamp(16 * c.m + (line >> 9) + ((c.s * max(o[0], -32767) + 256) >> 9), 0, 1048575)
        q = clamp((log512(c.s) + o[1] - 224) >> 6, 0, 143)
        tail = clamp((o[2] + 64) >> 7, 0, self.model.tails - 1)
        skew = clamp((o[3] + 64) >> 7, 0, self.model.skews - 1)
        shape = tail * self.model.skews + skew
        if self.has_trellis:
            loc16, q = max(loc16 - 16 * (self.trellis[y] & 1), 0) >> 1, max(q - 8, 0)
        octave = min(q >> 3, 7)
        if octave == 7:
            cum = self.model.table(shape, 56 + (q & 7), 0)
            return Cell(cum, (loc16 >> 4) + 1, ((q - 56) >> 3) + 1, LAYOUT_OF[octave])
        p = PHASE_BITS[octave]
        a = (loc16 + (8 >> p)) >> (4 - p)
        return Cell(self.model.table(shape, q, a & ((1 << p) - 1)), a >> p, 0, LAYOUT_OF[octave])

    def doubled(self, y: int, n: int) -> int:
        """c of the sample n that is next in row y."""
        n %= 32768
        state = self.trellis[y]
        self.trellis[y] = (state >> 1) ^ (5 if state & 1 else 0) ^ (2 if (n + self.odd) & 1 else 0)
        return 2 * n + (state & 1)

    def take_in(self, y: int, x: int, v: int, s: int) -> None:
        """Remember a sample and its running means."""
        left, up, before = self.left(y, x), self.up(y, x), self.rows[y + PAD][x + PAD - 1]
        limit = 64 * s
        h = left.h + (clamp(256 * v - left.h, -limit, limit) >> 3)
        g = up.g + ((h - up.g) >> 2)
        d = left.d + ((min(256 * abs(v - before), 4 * left.d + 512) - left.d) >> 4)
        e = up.e + ((d - up.e) >> 2)
        r = clamp(clamp(256 * v - h, -limit, limit) >> 4, -32768, 32767)
        self.columns[x] += (r - self.columns[x]) >> 3
        self.means[y, x] = Means(h, g, d, e)
        self.rows[y + PAD][x + PAD] = v
        if x == 0:
            self._pad(y + 1, 0, v)
        if x == self.width - 1:
            self._pad(y, self.width + PAD, v)

    def _group(self, group: list[tuple[int, Cell]]) -> list[int]:
        """Samples of the lanes of a group."""
        states = len(self.coder.states)
        cums = [self.widths.displaced(cell) if self.widths else cell.cum for _, cell in group]
        symbols = [self.coder.symbol(lane % states, cum) for (lane, _), cum in zip(group, cums, strict=True)]
        values = []
        for (lane, cell), symbol in zip(group, symbols, strict=True):
            offset, bits = LAYOUTS[cell.layout]
            i = symbol - 32 if symbol >= 32 else 31 - symbol
            if self.widths and i < CORES[cell.layout] and 1 <= cell.k <= 10:
                first = cell.base + ((symbol - 32) << cell.k)
                j = self.coder.share(lane % states, self.widths.shares(first, cell.k), cell.k)
                values.append((first + j) % 65536)
                continue
            raw = self.coder.raw(lane % states, min(bits[i] + cell.k, 16))
            epsilon = (offset[i] << cell.k) + raw
            values.append((cell.base + (epsilon if symbol >= 32 else ~epsilon)) % 65536)
        return values

    def decode(self) -> list[list[int]]:
        """Rows of samples."""
        for step in steps_of(self.height, self.width):
            contexts = [self.context(y, x) for _, y, x in step]
            cells = [(lane, self.cell(context, y)) for (lane, y, _), context in zip(step, contexts, strict=True)]
            values = self._group([c for c in cells if c[0] < 32]) + self._group([c for c in cells if c[0] >= 32])
            for (_, y, x), context, value in zip(step, contexts, values, strict=True):
                self.take_in(y, x, self.doubled(y, value) if self.has_trellis else value, context.s)
        self.coder.finish()
        return [[v >> self.has_trellis for v in row[PAD:-PAD]] for row in self.rows[PAD:]]


# Distribution

LAYOUTS = (
    ((0, 1, 2, 3, 5, 13, 77), (0, 0, 0, 1, 3, 6, 16)),
    ((*range(11), 12, 16, 24, 40, 104, 360, 2408), (*[0] * 10, 1, 2, 3, 4, 6, 8, 11, 16)),
    ((*range(25), 32, 48, 80, 208, 720, 4816), (*[0] * 24, 3, 4, 5, 7, 9, 12, 16)),
)
CORES = (3, 10, 24)
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


# Differences


def decode_differences(piece: Bytes, height: int, width: int) -> list[list[int]]:
    """Rows of samples of a piece of mode 3, which is read from behind the mode."""
    predictor, log_classes, count, first = piece.u(1), piece.u(1), piece.u(2), piece.u(2)
    demand(predictor <= 3, f"predictor {predictor}")
    demand(log_classes <= 3, f"2^{log_classes} classes")
    demand(count <= 4095 and (count or not first), f"{count} symbols, the first {first}")
    bits = Bits(piece.data[piece.at :])
    symbols = read_differences(bits, count, first)
    cums = [read_frequencies(bits, count) for _ in range(1 << log_classes)]
    piece.take(bits.align())
    coder = Coder(piece, 4)
    rows = [[0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            w, n, nw = close_by(rows, y, x)
            flat = (w - nw + 1) % 65536 < 3 or (n - nw + 1) % 65536 < 3
            place = (x & 1) + 2 * (y & 1) + 4 * flat
            state = (y * width + x) % 4
            s = coder.symbol(state, cums[(0, int(flat), place & 3, place)[log_classes]])
            d = symbols[s] if s < count else coder.raw(state, 16)
            rows[y][x] = ((0, w, n, w + n - nw)[predictor] + d) % 65536
    coder.finish()
    return rows


def read_differences(bits: Bits, count: int, first: int) -> list[int]:
    """The differences that symbols stand for."""
    gaps, reach = RunningRice(bits), 0
    symbols = [first] * min(count, 1)
    for _ in range(count - 1):
        step = 1 + gaps.number()
        reach += step
        demand(reach <= 65535, "gaps")
        symbols.append((symbols[-1] + step) % 65536)
    return symbols


def read_frequencies(bits: Bits, count: int) -> list[int]:
    """Sums of the frequencies of a class before each symbol, and of all."""
    numbers, cum = RunningRice(bits), [0]
    for _ in range(count + 1):
        b = numbers.number()
        demand(b <= 15, f"frequency of {b} bits")
        cum.append(cum[-1] + ((1 << (b - 1)) + bits.take(b - 1) if b else 0))
    demand(cum[-1] == 16384, f"frequencies that sum to {cum[-1]}")
    return cum


def close_by(rows: list[list[int]], y: int, x: int) -> tuple[int, int, int]:
    """W, N and NW."""
    if y and x:
        return rows[y][x - 1], rows[y - 1][x], rows[y - 1][x - 1]
    only = rows[y][x - 1] if x else rows[y - 1][x] if y else 0
    return only, only, only


# Counts


class Decision:
    """No or yes, by how often it was which."""

    def __init__(self, most: int) -> None:
        self.seen, self.most = [0, 0], most

    def pop(self, coder: Coder) -> int:
        """0 for no, 1 for yes."""
        no, yes = self.seen
        chosen = coder.symbol(0, [0, 1 + 16382 * (5 * no + 2) // (5 * (no + yes) + 4), 16384])
        self.seen[chosen] += 1
        if sum(self.seen) == self.most:
            self.seen = [(n + 1) >> 1 for n in self.seen]
        return chosen


class Number:
    """Numbers from 1 to 2^64 - 1, by decisions."""

    def __init__(self) -> None:
        self.octaves = [Decision(255) for _ in range(63)]
        self.halves = [Decision(255) for _ in range(64)]

    def pop(self, coder: Coder) -> int:
        """The next one."""
        e = yes_before_no(self.octaves, coder)
        if e == 0:
            return 1
        n = 2 + self.halves[e].pop(coder)
        low = at = 0
        while at < e - 1:
            bits = min(16, e - 1 - at)
            low += coder.raw(0, bits) << at
            at += bits
        return (n << (e - 1)) + low


def decode_counts(piece: Bytes, height: int, width: int) -> list[list[int]]:
    """Rows of samples of a piece of mode 5, which is read from behind the mode."""
    least = piece.u(2)
    coder = Coder(piece, 1)
    levels = [[Decision(4096) for _ in range(32)] for _ in range(20)]
    octaves = [Decision(4096) for _ in range(15)]
    counts: dict[tuple[int, int], int] = {}
    around = [(0, -1), (0, -2)] + [(dy, dx) for dy in (-1, -2) for dx in range(-2, 3)]
    for y in range(height):
        for x in range(width):
            s = sum(min(counts.get((y + dy, x + dx), 0), 255) for dy, dx in around)
            e = s.bit_length() - 1
            level = s if s < 2 else min(2 * e + ((s >> (e - 1)) & 1), 19)
            count = yes_before_no(levels[level], coder)
            if count == 32:
                o = yes_before_no(octaves, coder)
                count = 31 + 2**o + coder.raw(0, o)
            counts[y, x] = count
    coder.finish()
    return [[(least + counts[y, x]) % 65536 for x in range(width)] for y in range(height)]


def yes_before_no(decisions: list[Decision], coder: Coder) -> int:
    """How many decisions are yes before one is no, or all."""
    for number, decision in enumerate(decisions):
        if not decision.pop(coder):
            return number
    return len(decisions)


# Model

HIGHEST_SUM = 65000


# Bitmap and flags


def decode_bitmap(data: Bytes, rows: int, period: int, columns: int, depth: int) -> list[list[list[int]]]:
    """Rows of columns of zeros and ones."""
    coder = Coder(data, 1)
    decisions: dict[tuple[int, ...], Decision] = {}

    def pop(*key: int) -> int:
        return decisions.setdefault(key, Decision(1024)).pop(coder)

    found: list[list[list[int]]] = []
    ways: list[int] = []
    empty = [[0] * depth for _ in range(columns)]
    for r in range(rows):
        before, above = r - period, r - 1 if period > 1 else r - 2
        around = ways[before] if before >= 0 else 0, ways[r - 1] if r else 0
        way = 1 if before >= 0 and pop(1, *around) else 0
        if not way and above >= 0 and pop(2, *around):
            way = 2
        ways.append(way)
        if way:
            found.append(found[before if way == 1 else above])
            continue
        row: list[list[int]] = []
        others = found[before] if before >= 0 else empty, found[above] if above >= 0 else empty
        for c in range(columns):
            row.append([])
            for p in range(depth):
                near = [row[c - 1][p] if c else 0, row[c - 2][p] if c > 1 else 0]
                near += [other[x][p] if 0 <= x < columns else 0 for other in others for x in (c - 1, c, c + 1)]
                row[c].append(pop(0, 1 + row[c][p - 1] if p else 0, *near))
        found.append(row)
    coder.finish()
    return found


def decode_flags(frame: Frame, data: Bytes) -> bytes:
    """Booleans."""
    demand(not {PLANES, SERIES} & frame.sections.keys(), "planes of flags")
    demand(frame.data_type == "b1", "flags that are no booleans")
    rows, parameters = prod(frame.shape), Bytes(frame.sections[CODEC])
    demand(rows, "no flags")
    depth, columns, period = (parameters.varint(1 << 40) for _ in range(3))
    parameters.finish("the parameters of flags")
    for side in (depth, columns):
        demand(side and rows % side == 0, f"{rows} flags, a side of {side}")
        rows //= side
    demand(1 <= period <= rows, "period of flags")
    most, length = max(1, (1 << 24) // (columns * depth)), len(data.data)
    demand(length >= 5 * -(-rows // most), "so many parts", TruncatedError)
    demand(columns * depth <= 1 << 24 or length >= prod(frame.shape) >> 14, "so many flags")
    out = b""
    for first in range(0, rows, most):
        part = Bytes(data.take(data.varint()))
        found = decode_bitmap(part, min(most, rows - first), period, columns, depth)
        out += bytes(bit for row in found for column in row for bit in column)
    data.finish("the flags")
    return out


class Weights(NamedTuple):
    """A weight block."""

    linear: list[int]
    b1: list[int]
    w1: list[list[int]]
    b2: list[int]
    w2: list[list[int]]
    b3: list[int]
    w3: list[list[int]]


def read_weights(block: bytes) -> Weights:
    """The weights of a block."""
    data = Bytes(block)
    head = tuple(data.take(8))
    demand(head[0] == 1, f"version {head[0]} of the weight block", NewerError)
    h = head[5]
    demand(head == (1, 1, 26, 32, 2, h, h, 4) and h in (16, 32), f"a network {head}", NewerError)

    def i16(count: int) -> list[int]:
        return list(struct.unpack(f"<{count}h", data.take(2 * count)))

    def i8(rows: int, columns: int) -> list[list[int]]:
        return [list(struct.unpack(f"{columns}b", data.take(columns))) for _ in range(rows)]

    weights = Weights(i16(26), i16(h), i8(h, 32), i16(h), i8(h, h), i16(4), i8(4, h))
    data.finish("the weight block")
    demand(sum(map(abs, weights.linear)) <= HIGHEST_SUM, "linear weights")
    layers = (
        (weights.b1, weights.w1, (-63, 63)),
        (weights.b2, weights.w2, (0, 127)),
        (weights.b3, weights.w3, (0, 127)),
    )
    for biases, rows, ends in layers:
        for bias, row in zip(biases, rows, strict=True):
            for b, half in ((bias, row[: len(row) // 2]), (0, row[len(row) // 2 :])):
                low = b + sum(min(w * x for x in ends) for w in half)
                high = b + sum(max(w * x for x in ends) for w in half)
                demand(low >= -32768 and high <= 32767, "weights of a row")
    return weights


def read_widths(block: bytes) -> list[list[int]]:
    """The tables of a block of code widths."""
    if not block:
        return []
    demand(1 <= block[0] <= 15, f"{block[0]} tables of code widths")
    bits, tables = Bits(block[1:]), []
    for _ in range(block[0]):
        m = bits.take(4)
        demand(1 <= m <= 8, f"a period of 2^{m}")
        table = add_differences([0], bits)
        for _ in range(m):
            table = table + add_differences(table, bits)
        demand(all(-63 <= d <= 63 for d in table), "displacement")
        demand(all(64 + table[i + 1 - len(table)] - table[i] >= 2 for i in range(len(table))), "width")
        tables.append(table)
    bits.finish()
    return tables


class Model:
    """A weight block, a shape block and one of code widths, taken apart."""

    def __init__(self, weight_block: bytes, shape_block: bytes, widths_block: bytes = b"") -> None:
        self.weight_block, self.shape_block, self.widths_block = weight_block, shape_block, widths_block
        self.weights = read_weights(weight_block)
        self.widths = read_widths(widths_block)
        shapes = Bytes(shape_block)
        self.tails, self.skews = shapes.u(1), shapes.u(1)
        demand(shapes.u(2) == 0 and 1 <= self.tails * self.skews <= 64, "head of the shape block")
        self.knots = [struct.unpack("<593I", shapes.take(4 * 593)) for _ in range(self.tails * self.skews)]
        shapes.finish("the shape block")
        for knot in self.knots:
            demand(list(knot) == sorted(knot) and knot[-1] <= 1 << 30, "knots")
        self.tables: dict[tuple[int, int, int], list[int]] = {}

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(self.weight_block + self.shape_block + self.widths_block).hexdigest()[:16]

    def table(self, shape: int, q: int, phase: int) -> list[int]:
        """The 64 cumulative frequencies of a shape, q = 0 ... 63 and phase."""
        key = shape, q, phase
        if key not in self.tables:
            self.tables[key] = build_table(self.knots[shape], q, phase)
        return self.tables[key]


def read_model(file: bytes, models: Mapping[str, Model]) -> Model:
    """The model of a file ``*.acm``, given those that it may differ from."""
    demand(len(file) <= 1 << 20, "length of the model file")
    data = Bytes(file[:-4])
    demand(data.take(3) == b"ACM", "not a model file")
    version = data.u(1)
    demand(version == 1, f"version {version} of the model file", NewerError)
    kind, length, body = data.take(1), data.u(4), data.rest()
    demand(zlib.crc32(file[:-4]) == int.from_bytes(file[-4:], "little"), "checksum of the model file")
    demand(kind in b"GT" and length <= 1 << 18, "head of the model file")
    if kind == b"G":
        blocks = inflate(body, 1 << 21)
        demand(len(blocks) >= length + 4, "the blocks of a model")
        end = length + 4 + 4 * 593 * blocks[length] * blocks[length + 1]
        return Model(blocks[:length], blocks[length:end], blocks[end:])
    model = read_tuned_model(body, models)
    demand(len(model.weight_block) == length, "length of the tuned weights")
    return model


def inflate(data: bytes, most: int) -> bytes:
    """What a zlib stream holds."""
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, most + 1)
    except zlib.error:
        raise CorruptError("not a zlib stream") from None
    demand(inflater.eof and len(found) <= most and not inflater.unused_data, "zlib stream")
    return found


def read_tuned_model(data: bytes, models: Mapping[str, Model]) -> Model:
    """A tuned model, given its base."""
    demand(len(data) <= 65536, f"a tuned model of {len(data)} bytes, at most 65536")
    demand(len(data) >= 9, "tuned model", TruncatedError)
    demand(data[0] == 1, f"version {data[0]} of the tuned model", NewerError)
    name = data[1:9].hex()
    demand(name in models, f"base {name} is needed", MissingError)
    base, bits = models[name], Bits(data[9:])
    block = base.weight_block[:8]
    for part in base.weights:
        narrow = isinstance(part[0], list)
        for row in part if narrow else [part]:
            added = add_differences(row, bits)
            limit = 1 << (7 if narrow else 15)
            demand(all(-limit <= weight < limit for weight in added), "a tuned weight")
            block += struct.pack(f"<{len(row)}{'b' if narrow else 'h'}", *added)
    return Model(block, base.shape_block, data[9 + bits.align() :])


def add_differences(row: list[int], bits: Bits) -> list[int]:
    """A row of a tuned model's weights."""
    k = bits.take(4)
    return row if k == 15 else [weight + unfolded(bits.rice(k)) for weight in row]


# Filter values of docs/hdf5.md


class FilterValues(NamedTuple):
    """What HDF5 keeps beside the chunks of a dataset."""

    codec: int
    data_type: str
    big_endian: bool
    pairs: bool
    chunk: tuple[int, ...]
    fingerprint: str
    tuned: bytes


def read_filter_values(values: tuple[int, ...]) -> FilterValues:
    """The values, all of them."""
    demand(len(values) >= 10, "filter values", TruncatedError)
    demand(values[0] == 1, f"version {values[0]} of the filter values", NewerError)
    n, kind, axes = values[2], values[4], values[5]
    demand(10 <= n <= 256, f"{n} filter values")
    demand(n <= len(values), "filter values", TruncatedError)
    data = struct.pack(f"<{n - 1}I", *values[: n - 1])
    demand(crc32c(data) == values[n - 1], "checksum of the filter values")
    demand(values[1] <= 7 and values[3] <= 255 and kind % 256 < len(TYPES) and kind < 2048, "filter values")
    demand(axes <= 32, f"{axes} axes of a chunk")
    rest = Bytes(data[32:])
    chunk = tuple([rest.u(8 if kind & 1024 else 4) for _ in range(axes)])
    size = rest.u(4)
    demand(size <= 944, f"a tuned model of {size} bytes")
    tuned, padding = rest.take(size), rest.take(-size % 4)
    demand(not any(padding), "padding of the tuned model")
    return FilterValues(
        values[3], TYPES[kind % 256], bool(kind & 256), bool(kind & 512), chunk, data[24:32].hex(), tuned
    )


# CRC-32C


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
