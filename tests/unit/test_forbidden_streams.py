"""What docs/format.md forbids, clause by clause: both decoders refuse it, though the checksum is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from astrocodec import codec, inspection, load_model
from astrocodec._native import native_model
from astrocodec._native import stream as native_stream
from astrocodec.errors import (
    AstrocodecError,
    CodecNotFoundError,
    CorruptError,
    FormatError,
    ModelNotFoundError,
    TruncatedError,
    VersionError,
)
from astrocodec.stages import reference, varint
from astrocodec.stages.blanks import pack_mask
from astrocodec.stages.crc32c import crc32c
from astrocodec.stages.decisions import Decision, DecisionWriter, Number
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.quantise import random_numbers
from astrocodec.stages.valueset import pack_set

ONE = 1 << 32
DEFAULT = load_model("default")


def pixel_map(
    head: int, offset: int = 0, gaps: tuple[tuple[int, int], ...] = (), rest: bytes = b"", trailing: int = 0
) -> bytes:
    """A pixel map, whatever it says."""
    pairs = b"".join(varint.put(start) + varint.put(length) for start, length in gaps)
    zeros = bytes([trailing]) if head & 15 == 1 else b""
    return bytes([head]) + zeros + varint.put_signed(offset) + varint.put(len(gaps)) + pairs + rest


def value_set(values: list[int], packed: bytes | None = None) -> bytes:
    """What follows with rule 2."""
    packed = pack_set(np.array(values, np.uint64)) if packed is None else packed
    return varint.put(len(values)) + varint.put(len(packed)) + packed


def section(number: int, body: bytes, is_critical: bool = False, length: bytes | None = None) -> bytes:
    """A section, whatever it says."""
    return bytes([number | is_critical << 7]) + (varint.put(len(body)) if length is None else length) + body


@dataclass(frozen=True)
class Crafted:
    """A stream of one constant piece; `elements` are what a decoder makes of it that does not look."""

    dtype: str = "u2"
    shape: tuple[int, ...] = (2, 3)
    elements: Any = 7
    sample: int = 7
    map: bytes = pixel_map(0)
    low_bits: int = 0
    sides: tuple[int, int] = (0, 0)
    pieces: int = 1
    piece: bytes | None = None
    low: bytes = b""
    head: bytes = b"\xac\x0d\x01\x01"
    code: int | None = None
    ndim: int | None = None
    axes: bytes | None = None
    sections: bytes = b""
    fingerprint: str = DEFAULT.fingerprint
    parameters: bytes | None = None
    behind_parameters: bytes = b""
    more: bytes = b""

    def to_bytes(self) -> bytes:
        """The stream, with the checksum of `elements`."""
        axes = b"".join(map(varint.put, self.shape)) if self.axes is None else self.axes
        ndim = len(self.shape) if self.ndim is None else self.ndim
        header = self.head + bytes([DTYPES.index(self.dtype) if self.code is None else self.code, ndim]) + axes
        parameters = b""
        if self.head[3:] != b"\0":
            sides = varint.put(self.sides[0]) + varint.put(self.sides[1])
            parameters = bytes.fromhex(self.fingerprint) + self.map + bytes([self.low_bits]) + sides
        if self.parameters is not None:
            parameters = self.parameters
        header += self.sections + section(127, parameters + self.behind_parameters, is_critical=True)
        piece = b"\0" + self.sample.to_bytes(2, "little") if self.piece is None else self.piece
        elements = np.full(self.shape if np.prod(self.shape) < 100 else (1,), self.elements, f"<{self.dtype}")
        framed = varint.put(len(self.low + piece)) + self.low + piece
        body = elements.tobytes() if self.head[3:] == b"\0" else framed * self.pieces
        return header + body + self.more + crc32c(elements, crc32c(header)).to_bytes(4, "little")


FLOATS = Crafted(dtype="f4", map=pixel_map(2), elements=7.0)
LATTICE = Crafted(map=pixel_map(16, 0, (), varint.put(2 * ONE) + varint.put(0)), sample=3, elements=6)
SET = Crafted(map=pixel_map(32, 2, (), value_set([0, 4])), sample=1, elements=6)
LOW = Crafted(low_bits=3, low=b"\0\5", elements=7 * 8 + 5)
PACKED = Crafted(low_bits=3, low=b"\1" + bytes([0b01101101, 0b11011011, 0b10]), elements=7 * 8 + 5)
STORED = Crafted(head=b"\xac\x0d\x01\x00")
EMBEDDED = Crafted(sections=section(1, DEFAULT.to_bytes()))
CUBE = Crafted(shape=(5, 2, 3), sides=(4, 0), pieces=3)
GAINS = b"\xff\xff\1\xff\0"


def chain(period: bytes = b"\0", base: bytes = b"\3", limit: bytes = b"\2", gains: bytes = GAINS) -> bytes:
    """A section of planes: plain differences around `base`, unless something else is said."""
    return section(16, period + base + limit + gains, is_critical=True)


CHAIN = replace(CUBE, sections=chain(), elements=7 + 4 * np.arange(5)[:, None, None])


STARTS = b"\4" + bytes(2 * i | (2 * i + 1) << 4 for i in range(5))


def series(base: bytes = b"\3", limit: bytes = b"\2", gains: bytes = b"\1\xff\0", starts: bytes = STARTS) -> bytes:
    """A section of rows that are series: plain differences around `base` from 0, 1, 2, ... on."""
    return section(25, base + limit + gains + starts, is_critical=True)


SERIES = replace(CUBE, sections=series(), elements=np.arange(10).reshape(5, 2, 1) + 4 * np.arange(3))


MAPPED = replace(CUBE, sides=(2, 0), pieces=5, elements=7 + np.array([0, 0, 1, 1, 0])[:, None, None])
ONE_MORE = pixel_map(0, 1) + b"\0"


def set_of(count: int, offset: int = 0) -> bytes:
    """A map with a set of the integers from `offset` on."""
    return pixel_map(32, offset, (), value_set(list(range(count))))


def mapped(runs: bytes, maps: bytes = ONE_MORE, count: bytes = b"\1", **other: Any) -> Crafted:
    """With a section of maps."""
    return replace(MAPPED, sections=section(21, count + maps + runs, is_critical=True), **other)


def cut(body: bytes, pieces: int = 2) -> Crafted:
    """With a section of cuts."""
    return Crafted(sections=section(18, body, is_critical=True), pieces=pieces)


def tiles(*scales: float, multiple: int = 1, runs: tuple[tuple[int, int, int], ...] = ()) -> bytes:
    """The tables of tiles, whose zeros are a multiple of their scales, and of runs: a gap, a length, bits."""
    out, known = DecisionWriter(), [Decision(255) for _ in range(6)]
    moves, gaps, lengths = (Number(255) for _ in range(3))
    for i, scale in enumerate(scales):
        bits = int(np.float64(scale).view(np.uint64))
        if i:
            out.choose(known[0], True)
        out.choose(known[1], True)
        out.raw(bits >> 52, 12)
        out.raw(bits, 52)
        moved = 0 if i else multiple
        out.choose(known[2], moved != 0)
        if moved:
            out.choose(known[3], moved < 0)
            out.number(moves, abs(moved))
        out.choose(known[4], False)
    for gap, length, found in runs:
        out.number(gaps, gap + 1)
        out.number(lengths, length)
        out.choose(known[5], False)
        out.raw(found, 32)
    return out.to_bytes()


def made(
    head: bytes = b"\0\0\0\0" + bytes(4),
    table: bytes = tiles(2.0),
    runs: bytes = b"\0",
    zeros: bytes = b"\0",
    **other: Any,
) -> Crafted:
    """Floats of steps, 7 and a base of -1; without more twice their sum, and 2."""
    body = head + zeros + runs + table
    return replace(Crafted(dtype="f4", elements=14.0, sections=section(20, body, True)), **other)


ONE_RUN = tiles(2.0, runs=((4, 2, 0x40A00000),))


# The same with nothing forbidden: these decode, so what is refused below is refused for its one change.


def bins(
    first: int = 127,
    linear: int = 4,
    trailing: int = 0,
    rest: bytes = b"\0\0",
    low: bytes = b"\x10" + bytes(16),
    **how: Any,
) -> Crafted:
    """A stream of bins, whose sample 7 is that of 7.0 to below 8.0."""
    head = bytes([how.pop("head", 3), trailing]) + varint.put(first) + bytes([linear])
    return replace(Crafted(dtype="f4", map=head + rest, low=low, elements=7.0), **how)


def blanks(low: bytes = b"\1\0", body: bytes = b"\1\x09", elements: Any = 9, **how: Any) -> Crafted:
    """A stream with a mask, which says that all are blank."""
    return Crafted(sections=section(23, body, how.pop("is_critical", True)), low=low, elements=elements, **how)


def coded(words: bytes) -> bytes:
    """A mask that is coded."""
    return b"\2" + varint.put(len(words)) + words


MASK = pack_mask(np.array([[0, 2, 1], [0, 2, 1]], np.uint8), 2)
SOME = blanks(MASK, b"\2\x09\5", [[7, 5, 9], [7, 5, 9]])
ALLOWED = {
    "bins": bins(),
    "the bins of what is left of a float": bins(trailing=19, low=b"\2\0\0"),
    "bins of half floats": bins(15, 2, low=b"\6" + bytes(6), dtype="f2"),
    "bin 0, whose place is a float": bins(low=b"\x17" + bytes(23), sample=0, elements=0.0),
    "bins of the largest exponent": bins(240, 14, sample=8, low=b"\x0f" + bytes(15), elements=2.0**116),
    "all blank": blanks(),
    "none blank": blanks(b"\0", elements=7),
    "some blank": SOME,
    "some blank, of low bits": blanks(MASK + b"\0\5", b"\2\x09\5", [[61, 5, 9], [61, 5, 9]], low_bits=3),
    "all blank, of low bits": blanks(low_bits=3),
    "some blank, of bins": replace(
        bins(low=MASK + b"\6" + bytes(6)),
        sections=section(23, b"\2\0\1", True),
        elements=np.array([[0x40E00000, 1, 0]] * 2, "u4").view("f4"),
    ),
    "a blank value of 65535": blanks(body=b"\1\xff\xff\3", elements=65535),
    "integers": Crafted(),
    "gaps": Crafted(map=pixel_map(0, 1, ((5, 10), (2, 3))), elements=7 + 3 + 10 + 1),
    "floats": FLOATS,
    "bits of floats": replace(FLOATS, map=pixel_map(1, 0x80000000), elements=np.array(7, "u4").view("f4")),
    "the upper two bits of floats": replace(FLOATS, map=pixel_map(1, trailing=30), elements=2.0),
    "largest float": replace(FLOATS, dtype="f8", map=pixel_map(2, 2**31 - 8), elements=2.0**31 - 1),
    "least float": replace(FLOATS, dtype="f8", map=pixel_map(2, -(2**31) - 6), elements=-(2.0**31) + 1),
    "lattice": LATTICE,
    "gaps with a lattice": replace(LATTICE, map=pixel_map(16, 0, ((5, 10),), varint.put(2 * ONE) + b"\0"), elements=16),
    "a lattice of wide steps": replace(
        LATTICE, map=pixel_map(16, 0, (), varint.put(2**60) + b"\0"), elements=3 << 28, dtype="i4"
    ),
    "set": SET,
    "low bits": LOW,
    "packed low bits": PACKED,
    "stored": STORED,
    "embedded": EMBEDDED,
    "no axes": Crafted(shape=(), sides=(1, 1)),
    "sides as they are": Crafted(sides=(2, 3)),
    "planes apart": replace(CUBE, sides=(2, 3), pieces=5),
    "planes cut": replace(CUBE, sides=(1, 0), pieces=10),
    "planes that share pieces": CUBE,
    "one piece of all planes": replace(CUBE, sides=(10, 3), pieces=1),
    "booleans": Crafted(dtype="b1", elements=True, sample=1),
    "half floats": replace(FLOATS, dtype="f2"),
    "complex numbers": replace(FLOATS, dtype="c8", elements=7 + 7j, pieces=2),
    "sections that are not known": Crafted(sections=section(0, b"") + section(15, b"x" * 300) + section(126, b"")),
    "a section of 2^20 bytes": Crafted(sections=section(3, bytes(1 << 20))),
    "maps of planes": mapped(b"\0\2\1\2\0\1"),
    "a set of as many values as numbers": replace(
        FLOATS, dtype="c8", map=b"\x22" + set_of(12)[1:], elements=7 + 7j, pieces=2
    ),
    "sets of as many values as numbers": mapped(b"\0\2\1\2\0\1", set_of(15, 1) + b"\0", map=set_of(15)),
    "a chain": CHAIN,
    "chains of two": replace(CHAIN, sections=chain(b"\2"), elements=np.array([7, 11, 11, 15, 15])[:, None, None]),
    "the highest base and limit": replace(
        CHAIN, sections=chain(b"\0", b"\xff\xff\3", b"\x80\x80\x40"), elements=7 + 8 * np.arange(5)[:, None, None]
    ),
    "a name": Crafted(sections=section(2, b"causal\n")),
    "a column cut": cut(b"\0\1\1"),
    "series": SERIES,
    "series without starts": replace(CUBE, sections=series(starts=b"\0"), elements=4 * np.arange(3)),
    "cuts of both axes": cut(b"\1\1\2\1\1", pieces=6),
    "cuts of planes apart": replace(CUBE, sections=section(18, b"\0\1\2", True), sides=(0, 0), pieces=10),
    "floats of steps": made(),
    "a run of exceptions": made(table=ONE_RUN, runs=b"\1", elements=[[14, 14, 14], [14, 5, 5]]),
    "a null step": made(b"\0\1\0\0" + bytes(4) + b"\7\0\0\0\0\0\x10\x41", elements=9.0),
    "tiles of a column": made(b"\0\0\0\1" + bytes(4), tiles(2.0, 3.0, 4.0), elements=[[14, 21, 28]]),
    "tiles of a part": made(b"\0\4\0\2\0\1\0\0" + bytes(4), tiles(2.0, 3.0), elements=[[14, 21, 21]]),
    "dither": made(b"\1\0\0\0\0" + bytes(4), tiles(2.0), elements=15 - 2 * random_numbers()[:6].reshape(2, 3)),
    "a level": made(b"\0\0\0\0\0\0\x80\x41", elements=30.0),
    "cuts of a stored array": replace(STORED, sections=section(18, b"any", is_critical=True)),
}

FORBIDDEN: dict[str, tuple[Crafted, type[AstrocodecError]]] = {
    # Conventions
    "a varint of two bytes for 7": (Crafted(axes=b"\x82\0\3"), CorruptError),
    "a varint of 11 bytes": (Crafted(axes=b"\x82" + b"\x80" * 9 + b"\0\3"), CorruptError),
    "a varint of 2^64": (Crafted(map=b"\0" + b"\x80" * 9 + b"\2\0"), CorruptError),
    # Stream
    "magic": (Crafted(head=b"\xac\x0e\x01\x01"), FormatError),
    "version 0": (Crafted(head=b"\xac\x0d\x00\x01"), VersionError),
    "version 2": (Crafted(head=b"\xac\x0d\x02\x01"), VersionError),
    **{
        f"codec {codec}": (Crafted(head=b"\xac\x0d\x01" + bytes([codec])), CodecNotFoundError)
        for codec in (6, 95, 128, 192, 255)
    },
    **{f"data type {code}": (Crafted(code=code), CorruptError) for code in (14, 31)},
    **{f"bit {bit} of the data type": (Crafted(code=2 | 1 << bit), CorruptError) for bit in (5, 6)},
    "a checksum of bytes": (Crafted(code=2 | 128), CorruptError),
    "a stored array with a checksum of bytes": (replace(STORED, code=2 | 128), CorruptError),
    "33 axes": (Crafted(shape=(1,) * 33), CorruptError),
    "an axis above 2^40": (Crafted(shape=((1 << 40) + 1,)), CorruptError),
    "axes above 2^40": (Crafted(shape=(1 << 21, 1 << 20)), CorruptError),
    "more elements than such bytes hold": (Crafted(shape=(1 << 20, 1 << 20), sides=(1 << 13, 1 << 13)), CorruptError),
    "an axis of 0": (Crafted(shape=(0, 3), elements=7), CorruptError),
    "bytes behind the stored elements": (replace(STORED, more=b"\0"), CorruptError),
    "parameters of a stored array": (replace(STORED, parameters=b"\0"), CorruptError),
    "bytes behind the pieces": (Crafted(more=b"\0"), CorruptError),
    "a piece that is missing": (replace(CUBE, pieces=2), TruncatedError),
    "a piece too many": (replace(CUBE, pieces=4), CorruptError),
    "a wrong checksum": (Crafted(elements=8), CorruptError),
    # Sections
    **{f"section {number}": (Crafted(sections=section(number, b"")), VersionError) for number in (19,)},
    **{
        f"critical section {number}": (Crafted(sections=section(number, b"", is_critical=True)), VersionError)
        for number in (0, 3, 15, 19, 26, 95, 96, 126)
    },
    "a model that is critical": (replace(EMBEDDED, sections=section(1, DEFAULT.to_bytes(), True)), CorruptError),
    "a name that is critical": (Crafted(sections=section(2, b"causal\n", is_critical=True)), CorruptError),
    "a name of 256 bytes": (Crafted(sections=section(2, bytes(256))), CorruptError),
    "parameters that are not critical": (replace(STORED, sections=section(127, b"")), CorruptError),
    "sections in the wrong order": (Crafted(sections=section(5, b"") + section(4, b"")), CorruptError),
    "a section twice": (Crafted(sections=section(5, b"") + section(5, b"")), CorruptError),
    "parameters twice": (Crafted(sections=section(127, b"", is_critical=True)), FormatError),
    "a section of more than 2^20 bytes": (Crafted(sections=section(3, bytes((1 << 20) + 1))), CorruptError),
    "a section longer than the stream": (Crafted(sections=section(3, b"", length=varint.put(1 << 19))), TruncatedError),
    "a section whose length is not the shortest": (Crafted(sections=section(3, b"x", length=b"\x81\0")), CorruptError),
    # Causal network
    "a byte behind the parameters": (Crafted(behind_parameters=b"\0"), CorruptError),
    "parameters that end early": (
        Crafted(parameters=bytes.fromhex(DEFAULT.fingerprint) + b"\0\0\0\0\0"),
        TruncatedError,
    ),
    "no parameters": (Crafted(parameters=b""), TruncatedError),
    "a model that there is not": (Crafted(fingerprint="00" * 8), ModelNotFoundError),
    "a model file without bytes": (replace(EMBEDDED, fingerprint="00" * 8, sections=section(1, b"")), FormatError),
    # Pixels
    "kind 3": (replace(FLOATS, map=pixel_map(3)), CorruptError),
    "kind 15": (Crafted(map=pixel_map(15)), CorruptError),
    "rule 3": (Crafted(map=pixel_map(48)), CorruptError),
    "integers as bits of floats": (Crafted(map=pixel_map(1), elements=65535 - 7), CorruptError),
    "integers as floats": (Crafted(map=pixel_map(2)), CorruptError),
    "floats as integers": (Crafted(dtype="f4", elements=np.array(7, "u4").view("f4")), CorruptError),
    "a float of 2^31": (replace(FLOATS, dtype="f8", map=pixel_map(2, 2**31 - 7), elements=2.0**31), CorruptError),
    "a float of -2^31": (replace(FLOATS, map=pixel_map(2, -(2**31) - 7), elements=-(2.0**31)), CorruptError),
    "a half float of 65536": (replace(FLOATS, dtype="f2", map=pixel_map(2, 65536 - 7), elements=np.inf), CorruptError),
    "a half float of 2049": (replace(FLOATS, dtype="f2", map=pixel_map(2, 2042), elements=2048.0), CorruptError),
    "a float of 2^24 + 1": (replace(FLOATS, map=pixel_map(2, 2**24 - 6), elements=2.0**24), CorruptError),
    "a float of 2^62": (replace(FLOATS, dtype="f8", map=pixel_map(2, 2**62 - 7), elements=2.0**62), CorruptError),
    "nine gaps": (Crafted(map=pixel_map(0, 0, ((9, 1),) * 9)), CorruptError),
    "31 trailing zeros of 32": (replace(FLOATS, map=pixel_map(1, 0, trailing=31), elements=0), CorruptError),
    "15 trailing zeros of 16": (
        replace(FLOATS, dtype="f2", map=pixel_map(1, 0, trailing=15), elements=0),
        CorruptError,
    ),
    "gaps with a set": (replace(SET, map=pixel_map(32, 2, ((5, 10),), value_set([0, 4])), elements=16), CorruptError),
    "phase above 2^48": (
        replace(LATTICE, map=pixel_map(16, 0, (), b"\0" + varint.put(2**48 + 1)), elements=0),
        CorruptError,
    ),
    "65537 values": (replace(SET, map=pixel_map(32, 0, (), varint.put(65537) + b"\1\0")), CorruptError),
    "a set of more than 2^20 bytes": (
        replace(SET, map=pixel_map(32, 0, (), b"\2" + varint.put(2**20 + 1))),
        CorruptError,
    ),
    "a set without values": (replace(SET, map=pixel_map(32, 0, (), b"\0\0")), CorruptError),
    "a rank behind the set": (replace(SET, sample=2), CorruptError),
    "a set of more values than numbers": (Crafted(map=set_of(8)), CorruptError),
    "a set that is cut": (
        replace(SET, map=pixel_map(32, 2, (), value_set([0, 4], pack_set(np.array([0, 4]))[:-1]))),
        CorruptError,
    ),
    "a set with a byte behind it": (
        replace(SET, map=pixel_map(32, 2, (), value_set([0, 4], pack_set(np.array([0, 4])) + b"\0"))),
        CorruptError,
    ),
    "a set with a word behind it": (
        replace(SET, map=pixel_map(32, 2, (), value_set([0, 4], pack_set(np.array([0, 4])) + bytes(2)))),
        CorruptError,
    ),
    "a set whose state is low": (replace(SET, map=pixel_map(32, 2, (), value_set([0], b"\xff\xff\0\0"))), CorruptError),
    "a set that ends elsewhere": (replace(SET, map=pixel_map(32, 2, (), value_set([0], b"\1\0\1\0"))), CorruptError),
    "a value of 2^64": (
        replace(
            SET,
            map=pixel_map(32, 2, (), varint.put(3) + value_set([], pack_set(np.array([0, 2**63, 2**64], object)))[1:]),
        ),
        CorruptError,
    ),
    # Bins
    "bins of integers": (bins(dtype="u4"), CorruptError),
    "bins and a rule": (bins(head=0x13, rest=b"\0\0" + varint.put(2 * ONE) + b"\0"), CorruptError),
    "bins with low bits": (bins(low_bits=1), CorruptError),
    "exponent 0 of bins": (bins(0), CorruptError),
    "an exponent beyond those of bins": (bins(250, 6), CorruptError),
    "more octaves of bins than digits": (bins(trailing=20), CorruptError),
    "more zeros than digits of bins": (bins(linear=0, trailing=24), CorruptError),
    "16 octaves of bins": (bins(linear=16), CorruptError),
    "a bin that there is not": (bins(rest=varint.put_signed((256 - 127 - 4 + 1 << 4) - 7) + b"\0"), CorruptError),
    "a bin that there is not, of a blank pixel": (
        replace(
            bins(rest=varint.put_signed((256 - 127 - 4 + 1 << 4) - 7) + b"\0", low=b"\1\0\0"),
            sections=section(23, b"\1\0", True),
            elements=0.0,
        ),
        CorruptError,
    ),
    "places that are too few": (bins(low=b"\x0f" + bytes(15)), CorruptError),
    "places that are too many": (bins(low=b"\x11" + bytes(17)), CorruptError),
    "places that are cut": (bins(low=b"\x7f" + bytes(16)), TruncatedError),
    "places filled with ones": (bins(low=b"\x10" + bytes(15) + b"\x40"), CorruptError),
    # Blanks
    "no blank values": (blanks(body=b"\0"), CorruptError),
    "9 blank values": (blanks(body=b"\x09" + bytes(9)), CorruptError),
    "a blank value that the type does not have": (blanks(body=b"\1\x80\x80\4"), CorruptError),
    "a blank value that is missing": (blanks(body=b"\2\x09"), TruncatedError),
    "bytes behind the blank values": (blanks(body=b"\1\x09\0"), CorruptError),
    "blanks that are not critical": (blanks(is_critical=False), CorruptError),
    "a mask of mode 3": (blanks(b"\3\0"), CorruptError),
    "a mask of a value that there is not": (blanks(b"\1\1"), CorruptError),
    "a mask that is missing": (blanks(b"", piece=b""), TruncatedError),
    "a mask whose words are missing": (replace(SOME, low=coded(MASK[2:-2])), TruncatedError),
    "a mask without a state": (replace(SOME, low=coded(b"\0\0\1")), TruncatedError),
    "a mask whose state is low": (replace(SOME, low=coded(b"\xff\xff\0\0")), CorruptError),
    "words behind a mask": (replace(SOME, low=coded(MASK[2:] + b"\1\0")), CorruptError),
    "a lone byte behind a mask": (replace(SOME, low=coded(MASK[2:] + b"\1")), CorruptError),
    "low bits of blanks": (blanks(b"\1\0\0\5", low_bits=3), CorruptError),
    # Split
    "49 low bits": (replace(LOW, low_bits=49, low=b"\0\0" * 7), CorruptError),
    "a bit plane of mode 2": (replace(LOW, low=b"\2\5"), CorruptError),
    "a whole bit plane of mode 2": (replace(PACKED, low=b"\2" + PACKED.low[1:]), CorruptError),
    "no bit planes": (replace(LOW, low=b""), TruncatedError),
    "a constant of more bits than its bit plane": (replace(LOW, low=b"\0\x0d", elements=7 * 8 | 13), CorruptError),
    "a bit plane filled with ones": (replace(PACKED, low=PACKED.low[:-1] + b"\6"), CorruptError),
    # Planes
    "pieces higher than the only plane": (Crafted(sides=(4, 0)), CorruptError),
    "pieces wider than a plane": (Crafted(sides=(2, 4)), CorruptError),
    "pieces across planes": (replace(CUBE, sides=(3, 0), pieces=4), CorruptError),
    "pieces of more planes than there are": (replace(CUBE, sides=(12, 0), pieces=1), CorruptError),
    "pieces of parts of several planes": (replace(CUBE, sides=(4, 2), pieces=6), CorruptError),
    "pieces of 65537 rows": (Crafted(shape=(65537, 1), sides=(65537, 0)), CorruptError),
    "planes of 65537 rows, whole": (Crafted(shape=(65537, 1)), CorruptError),
    "planes of 65537 columns, whole": (Crafted(shape=(65537,)), CorruptError),
    "pieces of more than 2^26 pixels": (Crafted(shape=(65536, 1025)), CorruptError),
    "a side above 65536": (Crafted(sides=(65537, 0)), CorruptError),
    # Chains
    "maps that are not critical": (replace(MAPPED, sections=section(21, b"\1" + ONE_MORE + b"\0\5")), CorruptError),
    "no maps": (mapped(b"\0\5", b"", b"\0", elements=7), CorruptError),
    "as many maps as planes": (mapped(b"\0\5", 5 * ONE_MORE, b"\5", elements=7), CorruptError),
    "maps that are cut": (mapped(b"", ONE_MORE[:-1]), TruncatedError),
    "planes without a map": (mapped(b"\0\2\1\2"), TruncatedError),
    "planes that there are not": (mapped(b"\0\2\1\2\0\2"), CorruptError),
    "a run of no planes": (mapped(b"\0\2\1\0\1\2\0\1"), CorruptError),
    "a map that is not listed": (mapped(b"\0\2\2\2\0\1"), CorruptError),
    "a byte behind the maps": (mapped(b"\0\2\1\2\0\1\0"), CorruptError),
    "a map of floats": (mapped(b"\0\2\1\2\0\1", pixel_map(1, 1) + b"\0"), CorruptError),
    "sets of more values than numbers": (
        mapped(b"\0\2\1\2\0\1", set_of(15, 1) + b"\0", map=set_of(16)),
        CorruptError,
    ),
    "maps of planes that share pieces": (mapped(b"\0\2\1\2\0\1", sides=(4, 0), pieces=3), CorruptError),
    "maps of a chain": (
        replace(MAPPED, sections=chain() + section(21, b"\1" + ONE_MORE + b"\0\2\1\2\0\1", is_critical=True)),
        CorruptError,
    ),
    "a chain that is not critical": (replace(CHAIN, sections=section(16, b"\0\3\2" + GAINS)), CorruptError),
    "a stored array with a chain": (replace(STORED, sections=chain()), CorruptError),
    "a chain of complex numbers": (
        replace(FLOATS, dtype="c8", elements=7 + 7j, pieces=2, sections=chain()),
        CorruptError,
    ),
    "a chain of an only plane": (Crafted(sections=chain(b"\1")), CorruptError),
    "chains of one plane": (replace(CHAIN, sections=chain(b"\1"), elements=7), CorruptError),
    "chains of as many planes as there are": (replace(CHAIN, sections=chain(b"\5")), CorruptError),
    "a base of 65536": (replace(CHAIN, sections=chain(base=b"\x80\x80\4")), CorruptError),
    "a limit above 2^20": (replace(CHAIN, sections=chain(limit=b"\x81\x80\x40")), CorruptError),
    "a chain without gains": (replace(CHAIN, sections=chain(gains=b"\xff\xff\0")), CorruptError),
    "a chain whose gains end early": (replace(CHAIN, sections=chain(gains=GAINS[:-1])), TruncatedError),
    "a byte behind the gains": (replace(CHAIN, sections=chain(gains=GAINS + b"\0")), CorruptError),
    # Series
    "series that are not critical": (replace(SERIES, sections=section(25, series()[2:])), CorruptError),
    "a stored array of series": (replace(STORED, sections=series()), CorruptError),
    "series of complex numbers": (
        replace(FLOATS, dtype="c8", elements=7 + 7j, pieces=2, sections=series(starts=b"\0")),
        CorruptError,
    ),
    "series beside a chain": (replace(SERIES, sections=chain() + series()), CorruptError),
    "series of one column": (replace(SERIES, shape=(5, 2, 1), sections=series(starts=b"\0"), elements=0), CorruptError),
    "more than 2^23 series": (
        Crafted(shape=(1 << 17, 65, 2), sides=(1000 * 65, 0), pieces=132, sections=series(starts=b"\0")),
        CorruptError,
    ),
    "maps of series": (
        replace(MAPPED, sections=section(21, b"\1" + ONE_MORE + b"\0\2\1\2\0\1", is_critical=True) + series()),
        CorruptError,
    ),
    "a base of series of 65536": (replace(SERIES, sections=series(b"\x80\x80\4")), CorruptError),
    "a limit of series above 2^20": (replace(SERIES, sections=series(limit=b"\x81\x80\x40")), CorruptError),
    "series without gains": (replace(SERIES, sections=series(gains=b"\0")), CorruptError),
    "starts of 17 bits": (replace(SERIES, sections=series(starts=b"\x11" + bytes(22))), CorruptError),
    "starts that end early": (replace(SERIES, sections=series(starts=STARTS[:-1])), TruncatedError),
    "a byte behind the starts": (replace(SERIES, sections=series(starts=STARTS + b"\0")), CorruptError),
    "bits behind the starts": (replace(SERIES, sections=series(starts=b"\3" + bytes(3) + b"\x40")), CorruptError),
    # Quantise
    "floats of steps not critical": (replace(made(), sections=section(20, b"")), CorruptError),
    "integers of steps": (replace(made(), dtype="i4", elements=16), CorruptError),
    "complex numbers of steps": (replace(made(), dtype="c8", pieces=2), CorruptError),
    "a stored array of steps": (replace(STORED, sections=section(20, b"", True)), CorruptError),
    "steps as floats": (made(map=pixel_map(2)), CorruptError),
    "steps beside a reference": (made(sections=section(17, bytes(60), True) + made().sections), CorruptError),
    "steps without bytes": (replace(made(), sections=section(20, b"", True)), TruncatedError),
    "steps without a table": (made(table=b""), CorruptError),
    "a table of a byte less": (made(table=tiles(2.0)[:-1]), CorruptError),
    "a table of two bytes less": (made(table=tiles(2.0)[:-2]), CorruptError),
    "a table of a byte more": (made(table=tiles(2.0) + b"\0"), CorruptError),
    "a table of two bytes more": (made(table=tiles(2.0) + b"\0\0"), CorruptError),
    "dither 3": (made(b"\3\0\0\0\0" + bytes(4)), CorruptError),
    "arithmetic 8 of float32": (made(b"\x80\0\0\0" + bytes(4)), CorruptError),
    "arithmetic 1 with dither": (made(b"\x11\0\0\0\0" + bytes(4)), CorruptError),
    "flag 8": (made(b"\0\x08\0\0" + bytes(4)), CorruptError),
    "a tile above 2^40": (made(b"\0\0" + varint.put((1 << 40) + 1) + b"\0" + bytes(4)), CorruptError),
    "seed 10000": (made(b"\1\0\0\0" + varint.put(10000) + bytes(4)), CorruptError),
    "a level that is not a number": (made(b"\0\0\0\0\0\0\xc0\x7f"), CorruptError),
    "53 trailing zeros of scales": (made(zeros=b"\x35"), CorruptError),
    "a row outside of the whole": (made(b"\0\4\0\0\1\0\2\0" + bytes(4)), CorruptError),
    "a column outside of the whole": (made(b"\0\4\0\0\0\1\0\3" + bytes(4)), CorruptError),
    "more tiles than 2^20": (
        made(b"\0\0\1\1" + bytes(4), shape=(1 << 11, 1 << 10), sides=(1 << 11, 1 << 10)),
        CorruptError,
    ),
    "a scale of 0": (made(table=tiles(0.0), elements=0.0), CorruptError),
    "a scale that is not a number": (made(table=tiles(np.nan)), CorruptError),
    "an infinite scale": (made(table=tiles(-np.inf)), CorruptError),
    "an infinite zero": (made(table=tiles(1e300, multiple=1 << 40)), CorruptError),
    "a zero of more than 2^52 scales": (made(table=tiles(2.0, multiple=(1 << 52) + 1)), CorruptError),
    "a scale of 0 as a float32": (made(b"\x10\0\0\0" + bytes(4), tiles(1e-50), elements=0.0), CorruptError),
    "an infinite zero as a float32": (made(b"\x30\0\0\0" + bytes(4), tiles(1e-39, multiple=1)), CorruptError),
    "more exceptions than elements": (made(table=ONE_RUN, runs=b"\7"), CorruptError),
    "more exceptions than 2^20": (made(runs=varint.put((1 << 20) + 1)), CorruptError),
    "exceptions behind the array": (made(table=tiles(2.0, runs=((6, 1, 0),)), runs=b"\1"), CorruptError),
    "exceptions that leave the array": (made(table=tiles(2.0, runs=((4, 3, 0),)), runs=b"\1"), CorruptError),
    "exceptions modulo 2^64": (made(table=tiles(2.0, runs=((4, (1 << 64) - 4, 0),)), runs=b"\1"), CorruptError),
    # Cuts
    "cuts that are not critical": (Crafted(sections=section(18, b"\0\1\1"), pieces=2), CorruptError),
    "cuts without bytes": (cut(b""), TruncatedError),
    "cuts that end early": (cut(b"\0\2\1"), TruncatedError),
    "no cut": (cut(b"\0\0", pieces=1), CorruptError),
    "a cut at 0": (cut(b"\0\1\0"), CorruptError),
    "a cut at the width": (cut(b"\0\1\3"), CorruptError),
    "a cut at the height": (cut(b"\1\2\0"), CorruptError),
    "a cut twice": (cut(b"\0\2\1\0", pieces=3), CorruptError),
    "a second cut at the width": (cut(b"\0\2\1\2", pieces=3), CorruptError),
    "cuts that end modulo 2^64": (cut(b"\0\2\2" + b"\xff" * 9 + b"\1", pieces=3), CorruptError),
    "256 cuts": (cut(b"\0\x80\2" + b"\1" * 256), CorruptError),
    "a byte behind the cuts": (cut(b"\0\1\1\0"), CorruptError),
    "cuts of planes that share pieces": (replace(CUBE, sections=section(18, b"\0\1\2", True)), CorruptError),
    # Piece
    "a piece without bytes": (Crafted(piece=b""), TruncatedError),
    "a piece of mode 7": (Crafted(piece=b"\7\7\0"), CorruptError),
    "a trellis of odd 2": (Crafted(piece=b"\6\0" + bytes(6) + b"\2" + b"\0\0\1\0" + bytes(40)), CorruptError),
    "a piece of mode 255": (Crafted(piece=b"\xff\7\0"), CorruptError),
    "a short constant piece": (Crafted(piece=b"\0\7"), TruncatedError),
    "a long constant piece": (Crafted(piece=b"\0\7\0\0"), CorruptError),
    "a short raw piece": (Crafted(piece=b"\2" + b"\7\0" * 5 + b"\7"), TruncatedError),
    "a long raw piece": (Crafted(piece=b"\2" + b"\7\0" * 6 + b"\0"), CorruptError),
    "64 states": (Crafted(piece=b"\1\6" + bytes(6) + b"\0\0\1\0" * 64), CorruptError),
    "amplitude 32768": (Crafted(piece=b"\1\0\0\0\0\x80\0\0" + b"\0\0\1\0" + bytes(40)), CorruptError),
    "a state below 65536": (Crafted(piece=b"\1\0" + bytes(6) + b"\xff\xff\0\0" + bytes(40)), CorruptError),
    # Differences
    "predictor 4": (Crafted(piece=b"\3\4\0\0\0\0\0" + bytes(40)), CorruptError),
    "16 classes": (Crafted(piece=b"\3\0\4\0\0\0\0" + bytes(40)), CorruptError),
    "4096 symbols": (Crafted(piece=b"\3\0\0\0\x10\0\0" + bytes(40)), CorruptError),
    "a first symbol of none": (Crafted(piece=b"\3\0\0\0\0\1\0" + bytes(40)), CorruptError),
    "frequencies of 0": (Crafted(piece=b"\3\0\0\0\0\0\0" + bytes(40)), CorruptError),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_without_the_change_it_decodes(name: str) -> None:
    crafted = ALLOWED[name]
    stream = memoryview(crafted.to_bytes())
    expected = np.full(crafted.shape, crafted.elements, crafted.dtype)
    for found in (codec.decode(stream), reference.decode_stream(stream)):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def native(stream: memoryview) -> None:
    """By the C library alone."""
    out = np.empty(1 << 12, np.uint8)
    header = native_stream.inspect_stream(stream)
    if header.defect is not None:
        raise header.defect
    size = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    native_stream.decode_stream(stream, [native_model(DEFAULT)], out[: max(0, min(size, out.size))], 1)


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("decode", [native, reference.decode_stream, codec.decode], ids=["c", "reference", "codec"])
def test_both_decoders_refuse(name: str, decode: Any) -> None:
    crafted, kind = FORBIDDEN[name]
    with pytest.raises(kind) as found:
        decode(memoryview(crafted.to_bytes()))
    assert "please report" not in str(found.value)


@pytest.mark.parametrize("decode", [native, reference.decode_stream, codec.decode], ids=["c", "reference", "codec"])
@pytest.mark.parametrize(("number", "name"), [(19, "code weights")])
def test_reserved_sections_are_refused_by_name(number: int, name: str, decode: Any) -> None:
    for is_critical in (False, True):
        with pytest.raises(VersionError, match=rf"section {number} \({name}\).*upgrade astrocodec"):
            decode(memoryview(Crafted(sections=section(number, b"any", is_critical)).to_bytes()))


@pytest.mark.parametrize(
    ("body", "is_critical", "why"), [(b"a", True, "its critical bit"), (b"a" * 256, False, "256 bytes")]
)
def test_a_fault_within_a_section_names_it(body: bytes, is_critical: bool, why: str) -> None:
    with pytest.raises(CorruptError, match=rf"section 2 \(name\), byte \d+: {why}"):
        native(memoryview(Crafted(sections=section(2, body, is_critical)).to_bytes()))


@pytest.mark.parametrize("decode", [reference.decode_stream, codec.decode], ids=["reference", "codec"])
def test_a_newer_version_an_unknown_codec_and_an_unknown_section_say_so(decode: Any) -> None:
    with pytest.raises(VersionError, match=r"stream version 2 found.*upgrade astrocodec"):
        decode(memoryview(Crafted(head=b"\xac\x0d\x02\x01").to_bytes()))
    with pytest.raises(VersionError, match=r"section 90.*upgrade astrocodec"):
        decode(memoryview(Crafted(sections=section(90, b"", is_critical=True)).to_bytes()))
    with pytest.raises(CodecNotFoundError, match="codec 200 is needed"):
        decode(memoryview(Crafted(head=b"\xac\x0d\x01\xc8").to_bytes()))


def test_inspect_tells_the_header_of_a_codec_that_is_not_here() -> None:
    said = section(2, b"fringes\npip install astro-fringes")
    stream = Crafted(dtype="c8", head=b"\xac\x0d\x01\xc8", code=12 | 128, sections=said, parameters=b"abc").to_bytes()
    info = inspection.inspect(stream)
    assert (info.codec, info.codec_id, info.exact, info.checksum) == ("fringes", 200, False, "bytes")
    assert (str(info.dtype), info.shape, info.n_bytes) == ("complex64", (2, 3), len(stream))
    assert [tuple(found) for found in info.sections] == [(2, "name", 33, False), (127, "codec", 3, True)]
    assert (info.model_fingerprint, info.piece_shape, info.embedded_model) == ("", (0, 0), False)
    with pytest.raises(CodecNotFoundError, match=r"fringes.*pip install astro-fringes"):
        codec.decode(stream)


def test_a_changed_element_that_is_stored_is_found() -> None:
    stream = bytearray(STORED.to_bytes())
    stream[-5] ^= 1
    for decode in (native, reference.decode_stream, codec.decode):
        with pytest.raises(CorruptError):
            decode(memoryview(stream))


@pytest.mark.parametrize("decode", [reference.decode_stream, codec.decode], ids=["reference", "codec"])
def test_a_model_inside_is_the_one_that_is_named(decode: Any) -> None:
    with pytest.raises(CorruptError, match=f"the model inside is {DEFAULT.fingerprint}, the stream names 00"):
        decode(memoryview(replace(EMBEDDED, fingerprint="00" * 8).to_bytes()))
