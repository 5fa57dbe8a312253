"""Streams made by hand that docs/format.md allows or forbids, sound but for what they are made for."""

from __future__ import annotations

import hashlib
import struct
import zlib
from contextlib import suppress
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

from independent_decoder import (
    CorruptError,
    DecodeError,
    MissingError,
    Model,
    NewerError,
    TruncatedError,
    crc32c,
    read_model,
)

ROOT = Path(__file__).parents[2]
FINGERPRINT = "e15e5f01d16e2896"


@cache
def shipped() -> dict[str, Model]:
    """The shipped models by their fingerprints."""
    files = (ROOT / "astrocodec" / "models").glob("*.acm")
    models = (read_model(path.read_bytes(), {}) for path in files)
    return {model.fingerprint: model for model in models}


def example() -> tuple[Model, list[list[int]], bytes]:
    """Model, samples and piece of the document's example."""
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8").split("<!-- example -->")[1]
    rows = [[int(v) for v in line.split()] for line in text.split("samples:\n")[1].splitlines()[:3]]
    piece = bytes.fromhex(text.split("piece of 26 bytes:\n")[1].split("```")[0])
    linear = [2048 if i in (0, 6) else 0 for i in range(26)]
    first, matrix, wide = [2048] + [0] * 15, bytes([64]) + bytes(511), bytes([64]) + bytes(255)
    block = bytes([1, 1, 26, 32, 2, 16, 16, 4]) + struct.pack("<42h", *linear, *first) + matrix
    block += bytes(32) + wide + struct.pack("<4h", -256, -300, 0, 0) + bytes([8]) + bytes(63)
    knots = [min(max((i - 264) << 24, 0), 1 << 30) for i in range(593)]
    return Model(block, bytes([1, 1, 0, 0]) + struct.pack("<593I", *knots)), rows, piece


def varint(v: int) -> bytes:
    return bytes([v]) if v < 128 else bytes([v & 127 | 128]) + varint(v >> 7)


def stream_of(
    codec: int = 0,
    data_type: int = 0,
    shape: tuple[int, ...] = (3,),
    sections: tuple[tuple[int, bytes], ...] = (),
    parameters: bytes = b"",
    data: bytes = b"abc",
    elements: bytes | None = None,
    *,
    version: int = 1,
    last: int = 255,
) -> bytes:
    """A stream; `sections` are those before the codec's, `last` is the first byte of that."""
    head = bytes([0xAC, 0x0D, version, codec, data_type, len(shape)]) + b"".join(map(varint, shape))
    for number, content in (*sections, (last, parameters)):
        head += bytes([number]) + varint(len(content)) + content
    checksum = crc32c(head + (data if elements is None else elements))
    return head + data + checksum.to_bytes(4, "little")


FIVES = b"\3\0\5\0"


def _causal(
    parameters: bytes = bytes(6),
    data: bytes = FIVES,
    elements: bytes = b"\5\5\5",
    shape: tuple[int, ...] = (3,),
    data_type: int = 0,
    model: bytes | None = None,
    sections: tuple[tuple[int, bytes], ...] = (),
    cuts: bytes | None = None,
) -> bytes:
    """A stream of the causal network; `parameters` are those behind the fingerprint, FIVES is a constant piece."""
    fingerprint = bytes.fromhex(FINGERPRINT)
    if model is not None:
        sections, fingerprint = ((1, model),), bytes(8)
        with suppress(DecodeError):
            fingerprint = bytes.fromhex(read_model(model, shipped()).fingerprint)
    sections += () if cuts is None else ((18 | 128, cuts),)
    return stream_of(1, data_type, shape, sections, fingerprint + parameters, data, elements)


# All planes, base 3, limit 2, scale and first 256, a level gain of 256.
CHAIN = bytes([0, 3, 2, 255, 255, 1, 255, 0])


def _chain(section: bytes = CHAIN, elements: bytes = b"\5\5\7\7\x09\x09", kind: int = 0, **other: Any) -> bytes:
    """Three planes of two pixels of which fives are left: 2 more than the base."""
    return _causal(bytes([kind]) + bytes(5), 3 * FIVES, elements, (3, 1, 2), sections=((16 | 128, section),), **other)


# Three rows that begin with 5, 6 and 7, of 3 bits each, base 3, limit 2, a level gain of 256.
SERIES = bytes([3, 2, 1, 255, 0, 3, 0xF5, 1])


def _series(section: bytes = SERIES, elements: bytes = b"\5\7\6\x08\7\x09", kind: int = 0, **other: Any) -> bytes:
    """Three rows of two columns, of which fives are left: 2 more than the base."""
    parts = {"shape": (3, 1, 2), "sections": ((25 | 128, section),), **other}
    return _causal(bytes([kind]) + bytes(5), 3 * FIVES, elements, **parts)


# Beside abc: its elements less 97 are taken off, whole.
HASH = hashlib.sha256(b"abc").digest()
BESIDE = HASH + bytes([0, 1]) + varint(194) + b"\0" + 3 * varint(256) + b"\0\0\0\x08\1dark"


def _beside(
    section: bytes = BESIDE,
    inner: bytes | None = None,
    elements: bytes = b"\5\6\7",
    number: int = 17 | 128,
    **other: Any,
) -> bytes:
    """Fives that a reference leaves, whose stream stands before them."""
    inner = stream_of() if inner is None else inner
    data = varint(len(inner)) + inner + FIVES if section[-5:-4] == b"\1" else FIVES
    return _causal(data=data, elements=elements, sections=((number, section),), **other)


def _field(at: int, new: bytes, length: int = 1) -> bytes:
    """The section with other bytes at a place behind the hash."""
    return BESIDE[: 32 + at] + new + BESIDE[32 + at + length :]


def _maps(
    section: bytes, elements: bytes = b"\5\5\7\7\x09\x09", sides: bytes = b"\1\0", pieces: int = 3, **other: Any
) -> bytes:
    """Three planes of two pixels, all fives; the parameters' map adds nothing."""
    return _causal(bytes(4) + sides, pieces * FIVES, elements, (3, 1, 2), sections=((21 | 128, section),), **other)


# Two maps that add 2 and 4, in turn, for the second and the third plane.
MAPS = b"\2" + b"\0\4\0\0" + b"\0\x08\0\0" + b"\0\1\1\1\2\1"


# A scale and a zero of 2, of which fives and a base of -1 make tens; the same and a run of two fives.
TILE, TILE_AND_RUN = bytes.fromhex("006420000000000000000000"), bytes.fromhex("006424100000000000000000a0400000")


def _steps(
    head: bytes = bytes(9), table: bytes = TILE, values: tuple[float, ...] = (10, 10, 10), **other: Any
) -> bytes:
    """Floats of three fives; the head ends with the trailing zeros of scales."""
    runs = bytes([table == TILE_AND_RUN])
    settings = {"data_type": 8, "sections": ((20 | 128, head + runs + table),), **other}
    return _causal(elements=struct.pack("<3f", *values), **settings)


def _loss(kind: int = 0, asked: float = 1.0, found: float = 1.0, variance: float = 0.1) -> bytes:
    """What a loss section holds: within 1, no noise known."""
    return bytes([kind]) + struct.pack("<7d", asked, 1.0, found, 0.0, variance, 0.1, 0.0)


def _axes(section: bytes, elements: bytes = b"\5\7\5\7\5\7", **other: Any) -> bytes:
    """An array of 3 x 1 x 2, and an order in which its planes are columns of three: of fives, then of sevens."""
    pieces = FIVES + FIVES.replace(b"\5", b"\7")
    parts = {"data": pieces, "elements": elements, "shape": (3, 1, 2), **other}
    return _causal(bytes(6), sections=((22 | 128, section),), **parts)


def _set(packed: bytes, count: int = 1) -> bytes:
    return b"\x20\0\0" + varint(count) + varint(len(packed)) + packed + b"\0\0\0"


Choices = list[tuple[str, int] | tuple[int, int]]


def _decided(*choices: tuple[str, int] | tuple[int, int]) -> bytes:
    """State and words of choices: the name of a decision with 0 for no, 1 for yes, or bits: their number and value."""
    seen: dict[str, list[int]] = {}
    records = []
    for of, value in choices:
        if isinstance(of, int):
            records.append((value, 1, of))
            continue
        no, yes = seen.setdefault(of, [0, 0])
        share = 1 + 16382 * (5 * no + 2) // (5 * (no + yes) + 4)
        records.append((share * value, 16384 - share if value else share, 14))
        seen[of][value] += 1
    state, words = 65536, b""
    for start, share, bits in reversed(records):
        if state >> (32 - bits) >= share:
            state, words = state >> 16, struct.pack("<H", state & 65535) + words
        state = (state // share << bits) + state % share + start
    return struct.pack("<I", state) + words


def _octave(letter: str, number: int) -> Choices:
    """A number of decisions with that letter."""
    e = number.bit_length() - 1
    found: Choices = [(f"{letter}{i}", 1) for i in range(e)]
    if e < 63:
        found.append((f"{letter}{e}", 0))
    if e:
        found.append((f"{letter}{e} half", number >> (e - 1) & 1))
    for at in range(0, e - 1, 16):
        bits = min(16, e - 1 - at)
        found.append((bits, number >> at & (1 << bits) - 1))
    return found


# Distances: of one unit, of several, of less or more than a unit, of a new unit.
ONE: Choices = [("0 first", 0), ("00", 0)]
THREE: Choices = [("0 first", 0), ("00", 1), *_octave("multiple", 2)]
NONE: Choices = [("0 first", 1), ("0 second", 0), ("00", 0), ("less", 1), *_octave("rest", 1)]
SIX: Choices = [("0 first", 1), ("0 second", 0), ("00", 0), ("less", 0), *_octave("rest", 5)]
HALF: Choices = [("0 first", 1), ("0 second", 1), *_octave("other", 1 << 63)]
ALL: Choices = [("0 first", 1), ("0 second", 1), *_octave("other", (1 << 64) - 1)]
# And further ones behind them.
SIX_AGAIN: Choices = [("1 first", 0), ("00", 0)]
HALF_AGAIN: Choices = [("2 first", 0), ("00", 0)]
TWICE: Choices = [("2 first", 0), ("00", 1), *_octave("multiple", 1)]
FIVE: Choices = [("2 first", 1), ("2 second", 1), *_octave("other", 5)]
ONE_MORE: Choices = [("2 first", 1), ("2 second", 0), ("00", 0), ("less", 0), *_octave("rest", 1)]


def _ranks(rank: int, value: int, count: int, *choices: tuple[str, int] | tuple[int, int]) -> bytes:
    """Three times a value of a set, which has a rank."""
    return _causal(_set(_decided(*choices), count), bytes([3, 0, rank, 0]), bytes(3 * [value]))


# Three flags, none of them set.
THREE_NO = _decided(*[("bit", 0)] * 3)


def _flags(parameters: bytes = b"\1\3\1", part: bytes = THREE_NO, data_type: int = 10, **other: Any) -> bytes:
    """A row of three."""
    settings = {"data": varint(len(part)) + part, "elements": bytes(3), **other}
    return stream_of(97, data_type, parameters=parameters, **settings)


def _low(*data: int) -> bytes:
    """Three fives with three low bits each."""
    return _causal(bytes(3) + b"\3\0\0", bytes([len(data) + 3, *data]) + FIVES[1:], b"\x2f\x2f\x2f")


def _model(kind: bytes, body: bytes, length: int, version: int = 1) -> bytes:
    file = b"ACM" + bytes([version]) + kind + struct.pack("<I", length) + body
    return file + struct.pack("<I", zlib.crc32(file))


def _general(
    at: int = 0, new: bytes = b"", *, behind: bytes = b"", knots: tuple[int, int] = (0, 0), widths: bytes = b""
) -> bytes:
    """The shipped model, with other bytes at a place of its weight block, and another knot of its first shape."""
    model = shipped()[FINGERPRINT]
    weights, shapes = bytearray(model.weight_block), bytearray(model.shape_block)
    weights[at : at + len(new)] = new
    knot, value = knots
    if value:
        shapes[4 + 4 * knot : 8 + 4 * knot] = struct.pack("<I", value)
    return _model(b"G", zlib.compress(bytes(weights + shapes) + widths) + behind, len(weights))


def _tuned(rows: bytes, version: int = 1, base: str = FINGERPRINT) -> bytes:
    """A tuned model; `rows` are its bits."""
    return _model(b"T", bytes([version]) + bytes.fromhex(base) + rows, len(shipped()[FINGERPRINT].weight_block))


def _widths(*numbers: tuple[int, int], tables: int = 1) -> bytes:
    """A block of code widths whose bits are numbers of so many bits each."""
    bits = at = 0
    for value, count in numbers:
        bits |= value << at
        at += count
    return bytes([tables]) + bits.to_bytes((at + 7) // 8, "little")


def _parity(z: int) -> bytes:
    """Code widths by parity, the second displaced by what z stands for."""
    return _widths((1, 4), (15, 4), (7, 4), (0, 1), (z, 7))


ROWS = 4 + 16 + 16 + 4
# No row differs.
SAME = b"\xff" * (ROWS // 2)
# Three of the first eight b1 go far down, in unary: 2^17 bits each.
FAR = b"\x0f" + (b"\xff" * 16384 + b"\0") * 4
B1 = 8 + 2 * 26
B2 = B1 + 2 * 16 + 16 * 32


def _first_row(bias: int, *halves: list[int], at: int = B1) -> bytes:
    """The first row of w1, or of w2, begins each half so; its bias is the only one."""
    half = 16 if at == B1 else 8
    row = [w for weights in halves for w in weights + [0] * (half - len(weights))]
    return _causal(model=_general(at, struct.pack(f"<16h{len(row)}b", bias, *[0] * 15, *row)))


ALLOWED = {
    "stored": stream_of(),
    "sections that are not known": stream_of(sections=((0, b"x"), (1, b"x"), (2, b"\xff"), (3, b""), (96, b"x"))),
    "no elements": stream_of(shape=(1 << 20, 1 << 20, 0), data=b""),
    "bytes of booleans": stream_of(data_type=10, data=b"\2\xff\0"),
    "32 axes": stream_of(shape=(1,) * 31 + (3,)),
    "causal": _causal(),
    "no axis": _causal(shape=(), elements=b"\5"),
    "two pieces": _causal(bytes(5) + b"\2", 2 * FIVES),
    "planes of two and one": _causal(bytes(4) + b"\4\0", 2 * FIVES, b"\5" * 12, (3, 2, 2)),
    "both parts in a piece": _causal(b"\2" + bytes(3) + b"\2\0", FIVES, struct.pack("<6f", *[5] * 6), (3,), 12),
    "chain": _chain(),
    "two chains": _chain(b"\2" + CHAIN[1:], b"\5\5\7\7\7\7"),
    "chain that hardly follows": _chain(CHAIN[:5] + b"\2\0\xff\xff\0", b"\5\5\7\7\x09\x09"),
    "beside": _beside(),
    "beside, within four": _beside(_field(14, b"\2"), elements=b"\1\2\3"),
    "beside, with level and offset": _beside(_field(12, b"\1\6", 2), elements=b"\6\7\x08"),
    "maps of planes": _maps(MAPS),
    "a map of two planes": _maps(b"\1\0\4\0\0\0\1\1\2", b"\5\5\7\7\7\7"),
    "steps": _steps(),
    "steps and a run": _steps(table=TILE_AND_RUN, values=(10, 5, 5)),
    "steps around a level": _steps(bytes(6) + b"\x40\x40\0", values=(12, 12, 12)),
    "steps, divided": _steps(b"\x20" + bytes(7) + b"\x34", bytes.fromhex("00240080"), (2.5, 2.5, 2.5)),
    "null steps": _steps(b"\0\1" + bytes(6) + b"\5\0\0\0\0\0\xc0\x7f\0", values=(float("nan"),) * 3),
    "series": _series(),
    "series that begin with zeros": _series(SERIES[:5] + b"\0", b"\0\2" * 3),
    "series from the greatest start on": _series(SERIES[:6] + b"\x77\1", b"\7\x09\6\x08\5\7"),
    "order of axes": _axes(b"\2\0\1"),
    "the array's own order of axes": _axes(b"\0\1\2", b"\5\5\7\7", shape=(2, 1, 2)),
    "maps without pieces": stream_of(sections=((21 | 128, b"any"),)),
    "offset": _causal(b"\0\3" + bytes(4), elements=b"\3\3\3"),
    "gaps": _causal(b"\0\0\2\5\1\6\2\0\0\0", elements=b"\6\6\6"),
    "lattice": _causal(b"\x10\0\0" + varint(3 << 31) + b"\0\0\0\0", elements=b"\7\7\7"),
    "set": _ranks(0, 0, 1),
    "set of multiples": _ranks(1, 3, 2, *THREE),
    "set with a changed unit": _ranks(2, 12, 3, *SIX, *SIX_AGAIN),
    "set with a new unit": _ranks(2, 5, 3, *HALF, *FIVE),
    "set of the whole range": _ranks(1, 255, 2, *ALL),
    "low bits": _low(0, 7),
    "packed low bits": _low(1, 255, 1),
    "groomed float": _causal(b"\1\x1e" + bytes(5), b"\3\0\3\0", b"\0\0\0\x40" * 3, data_type=8),
    "bits above those of a groomed float": _causal(b"\1\x1e" + bytes(5), b"\3\0\x07\0", b"\0\0\0\x40" * 3, data_type=8),
    "gaps to the end": _causal(b"\0\0\1" + 2 * varint((1 << 64) - 1) + bytes(3)),
    "half": _causal(b"\2" + bytes(5), b"\3\0\xe0\xff", struct.pack("<3e", *[65504] * 3), data_type=11),
    "general model": _causal(model=_general(8, bytes(52))),
    "highest sums": _first_row(7, [127, 127, -127, 127, -12], [127, 127, 127, 127, 12]),
    "lowest sum": _first_row(-8, [127, 127, -127, 127, -12]),
    "highest activations": _first_row(1, [127, -100, 127, 4], [127, 127, 4, -127], at=B2),
    "lowest activations": _first_row(-2, [-127, 100, -127, -4], [-127, -127, -4, 127], at=B2),
    "tuned model": _causal(model=_tuned(SAME)),
    "code widths of a tuned model": _causal(model=_tuned(SAME + _parity(124))),
    "code widths of a general model": _causal(model=_general(widths=_parity(123))),
    "cuts without pieces": stream_of(sections=((18 | 128, b"any"),)),
    "cuts": _causal(data=4 * FIVES, elements=b"\5" * 6, shape=(2, 3), cuts=b"\1\1\1\2"),
    "column cuts": _causal(data=2 * FIVES, cuts=b"\0\1\1"),
    "flags": _flags(),
    "flags of another depth": _flags(b"\3\1\1", _decided(("first", 0), ("next", 0), ("next", 0))),
    "flags of three rows": _flags(b"\1\1\3", _decided(("bit", 0), ("like", 1), ("like again", 1))),
    "all columns cut": _causal(data=3 * FIVES, cuts=b"\0\2\1\1"),
}  # fmt: skip

FORBIDDEN = {
    "version": (stream_of(version=2), NewerError, "version 2"),
    "data type": (stream_of(data_type=14), CorruptError, "data type"),
    "reserved bit": (stream_of(data_type=32), CorruptError, "data type"),
    "kind of checksum": (stream_of(data_type=128), CorruptError, "checksum"),
    "axes": (stream_of(shape=(1,) * 33), CorruptError, "axes"),
    "long axis": (stream_of(shape=((1 << 40) + 1,)), CorruptError, "varint"),
    "elements": (stream_of(shape=(1 << 21, 1 << 20)), CorruptError, "elements"),
    "longer varint": (stream_of().replace(b"\1\3\xff", b"\1\x83\0\xff"), CorruptError, "varint"),
    **{
        f"section {number}": (stream_of(sections=((number | critical, b""),)), NewerError, f"section {name}:")
        for number, name in ((19, "code weights"),)
        for critical in (0, 128)
    },
    "steps of wide integers": (_steps(data_type=7), CorruptError, "have none"),
    "arithmetic of integers": (_steps(b"\x10" + bytes(8), data_type=4), CorruptError, "arithmetic"),
    "arithmetic of a root": (_steps(b"\x10\x10" + bytes(22) + b"\x40\0"), CorruptError, "arithmetic"),
    "both curves": (_steps(b"\0\x30" + bytes(26)), CorruptError, "flags"),
    "octaves with dither": (_steps(b"\1\x20" + bytes(10)), CorruptError, "dither of octaves"),
    "a root that does not bend": (_steps(b"\0\x10" + bytes(23)), CorruptError, "root"),
    "a root with no knee": (_steps(b"\0\x10" + bytes(12) + b"\xf8\x7f" + bytes(7) + b"\x40\0"), CorruptError, "root"),
    "octaves without steps": (_steps(b"\0\x20" + bytes(9)), CorruptError, "octaves"),
    "a late octave": (_steps(b"\0\x20" + bytes(6) + b"\1\x82\x10\0"), CorruptError, "octaves"),
    "long runs": (_steps(b"\3\0\0\0" + b"\x81" + bytes([128] * 4) + b"\x20" + bytes(5)), CorruptError, "varint"),
    "no loss": (stream_of(sections=((24, b""),)), CorruptError, "loss"),
    "loss of another kind": (stream_of(sections=((24, _loss(6)),)), CorruptError, "loss"),
    "a loss beyond its bound": (stream_of(sections=((24, _loss(found=2.0)),)), CorruptError, "loss"),
    "a loss that is no number": (stream_of(sections=((24, _loss(variance=nan)),)), CorruptError, "loss"),
    "a loss that nobody asked for": (_steps(sections=((24, _loss(asked=0.0)),)), CorruptError, "loss"),
    "a critical loss": (stream_of(sections=((24 | 128, _loss()),)), CorruptError, "critical"),
    "stored steps": (stream_of(sections=((20 | 128, b""),)), CorruptError, "another codec"),
    "steps of a cut section": (_steps(sections=((20 | 128, bytes(5)),)), TruncatedError, "bytes"),
    "dither 4": (_steps(b"\4" + bytes(8)), CorruptError, "dither"),
    "arithmetic with dither": (_steps(b"\x11" + bytes(9)), CorruptError, "arithmetic"),
    "float32 of float32": (_steps(b"\x80" + bytes(8)), CorruptError, "arithmetic 8"),
    "flag 64": (_steps(b"\0\x40" + bytes(7)), CorruptError, "flags"),
    "infinite level": (_steps(bytes(6) + b"\x80\x7f\0"), CorruptError, "level"),
    "level of noise 0": (_steps(b"\0\x08" + bytes(11)), CorruptError, "noise"),
    "53 zeros": (_steps(bytes(8) + b"\x35"), CorruptError, "zeros"),
    "outside of the whole": (_steps(b"\0\4\0\0\0\1\0\3" + bytes(5)), CorruptError, "outside"),
    "scale 0": (_steps(table=bytes.fromhex("006020000000000000000000")), CorruptError, "scale"),
    "no number as scale": (_steps(table=bytes.fromhex("ff6720000000000000000800")), CorruptError, "scale"),
    "short tables": (_steps(table=TILE[:-2]), CorruptError, "tables"),
    "long tables": (_steps(table=TILE + b"\0\0"), CorruptError, "word"),
    "run beyond the array": (_steps(table=bytes.fromhex("0064a410000000000000000000000000"), sections=(
        (20 | 128, bytes(9) + b"\1" + bytes.fromhex("0064a410000000000000000000000000")),)), CorruptError, "outside"),
    "critical": (stream_of(sections=((7 | 128, b""),)), NewerError, "section 7"),
    "private and critical": (stream_of(70, sections=((100 | 128, b""),)), NewerError, "section 100"),
    "model critical": (stream_of(sections=((1 | 128, b""),)), CorruptError, "critical"),
    "codec not critical": (stream_of(last=127), CorruptError, "critical"),
    "order": (stream_of(sections=((9, b""), (7, b""))), CorruptError, "section 7"),
    "twice": (stream_of(sections=((9, b""), (9, b""))), CorruptError, "section 9"),
    "long section": (stream_of(sections=((9, bytes((1 << 20) + 1)),)), CorruptError, "varint"),
    "long name": (stream_of(sections=((2, bytes(256)),)), CorruptError, "name"),
    "codec": (stream_of(70, 128, sections=((2, b"waves\npip install w"),)), MissingError, "70.*waves.*pip install w"),
    "codec without a name": (stream_of(200), MissingError, "200"),
    "flags of integers": (_flags(data_type=0), CorruptError, "booleans"),
    "flags with the other checksum": (_flags(data_type=138), CorruptError, "checksum"),
    "no flags": (_flags(shape=(0,)), CorruptError, "no flags"),
    "flags of no depth": (_flags(b"\0\3\1"), CorruptError, "side of 0"),
    "flags of two columns": (_flags(b"\1\2\1"), CorruptError, "side of 2"),
    "flags without a period": (_flags(b"\1\3\0"), CorruptError, "period"),
    "flags of a long period": (_flags(b"\1\3\2"), CorruptError, "period"),
    "flags of cut parameters": (_flags(b"\1\3"), TruncatedError, ""),
    "flags of long parameters": (_flags(b"\1\3\1\0"), CorruptError, "behind"),
    "a chain of flags": (_flags(sections=((16 | 128, CHAIN),)), CorruptError, "planes"),
    "axes of flags": (_flags(sections=((22 | 128, b"\0"),)), CorruptError, "axes"),
    "flags of a short part": (_flags(part=THREE_NO[:3]), TruncatedError, "so many"),
    "flags of a low state": (_flags(part=bytes(6)), CorruptError, "state"),
    "flags that end elsewhere": (_flags(part=_decided(*[("bit", 0)] * 4)), CorruptError, "states"),
    "flags that end late": (_flags(part=THREE_NO + b"\0\0"), CorruptError, "word"),
    "bytes behind flags": (_flags(data=b"\4" + THREE_NO + b"\0\0"), CorruptError, "behind"),
    "a part that is not there": (_flags(data=b"\x09" + THREE_NO), TruncatedError, ""),
    "flags in too few bytes": (_flags(b"\1\1\1", shape=(1 << 40,)), TruncatedError, "so many"),
    "flags of a wide row": (_flags(b"\1" + varint(1 << 40) + b"\1", shape=(1 << 40,)), CorruptError, "so many"),
    "stored parameters": (stream_of(parameters=b"\0"), CorruptError, "parameters"),
    "stored, short": (stream_of(data=b"ab"), TruncatedError, ""),
    "stored, long": (stream_of(data=b"abcd"), CorruptError, "behind"),
    "checksum": (stream_of(elements=b"abd"), CorruptError, "checksum"),
    "model": (stream_of(1, parameters=bytes(14), data=FIVES), MissingError, "model 0000"),
    "chain that is not critical": (stream_of(sections=((16, CHAIN),)), CorruptError, "critical"),
    "chain of a stored array": (stream_of(sections=((16 | 128, CHAIN),)), CorruptError, "chain"),
    "chain of one plane": (_chain(b"\1" + CHAIN[1:], b"\5" * 6), CorruptError, "chains of 1"),
    "chain of all planes": (_chain(b"\3" + CHAIN[1:]), CorruptError, "chains of 3"),
    "chain of complex numbers": (_chain(kind=2, data_type=12, elements=bytes(96)), CorruptError, "complex"),
    "base of a chain": (_chain(b"\0\x80\x80\4" + CHAIN[2:]), CorruptError, "varint"),
    "limit of a chain": (_chain(b"\0\3\x81\x80\x40" + CHAIN[3:]), CorruptError, "varint"),
    "chain without gains": (_chain(CHAIN[:5] + b"\0"), CorruptError, "gains"),
    "chain, short": (_chain(CHAIN[:-1]), TruncatedError, ""),
    "chain, long": (_chain(CHAIN + b"\0"), CorruptError, "gains"),
    "series that are not critical": (stream_of(sections=((25, SERIES),)), CorruptError, "critical"),
    "stored series": (stream_of(sections=((25 | 128, SERIES),)), CorruptError, "series"),
    "series of complex numbers": (_series(kind=2, data_type=12, elements=bytes(96)), CorruptError, "series"),
    "series beside a chain": (_series(sections=((16 | 128, CHAIN), (25 | 128, SERIES))), CorruptError, "series"),
    "series of one column": (_series(shape=(3, 2, 1), elements=bytes(6)), CorruptError, "column"),
    "base of series": (_series(b"\x80\x80\4" + SERIES[1:]), CorruptError, "varint"),
    "limit of series": (_series(b"\3\x81\x80\x40" + SERIES[2:]), CorruptError, "varint"),
    "series without gains": (_series(SERIES[:2] + b"\0" + SERIES[5:]), CorruptError, "gains"),
    "starts of 17 bits": (_series(SERIES[:5] + b"\x11" + bytes(7)), CorruptError, "bits"),
    "starts, short": (_series(SERIES[:-1]), TruncatedError, ""),
    "starts, long": (_series(SERIES + b"\0"), CorruptError, "starts"),
    "starts that are not filled with zeros": (_series(SERIES[:-1] + b"\3"), CorruptError, "bits"),
    "beside, not critical": (_beside(number=17), CorruptError, "critical"),
    "beside a stored array": (stream_of(sections=((17 | 128, BESIDE),)), CorruptError, "reference of another"),
    "beside another codec": (stream_of(70, sections=((17 | 128, BESIDE),)), CorruptError, "reference of another"),
    "beside floats": (_beside(data_type=8, elements=bytes(12)), CorruptError, "no integers"),
    "beside, outside": (_beside(_field(15, b"\0")), MissingError, f"{HASH.hex()}, dark"),
    "beside another": (_beside(inner=stream_of(data=b"abd")), CorruptError, "reference"),
    "beside another type": (_beside(inner=stream_of(data_type=1)), CorruptError, "reference"),
    "beside another shape": (_beside(inner=stream_of(shape=(1, 3))), CorruptError, "reference"),
    "beside what is beside": (_beside(inner=_beside()), CorruptError, "reference"),
    "beside what is no stream": (_beside(inner=b"abc"), CorruptError, ""),
    "beside, damaged": (_beside(inner=stream_of(elements=b"abd")), CorruptError, ""),
    "beside, short": (_beside(BESIDE[:40]), TruncatedError, ""),
    **{
        f"beside, {at} is {new.hex()}": (_beside(_field(at, new, length)), CorruptError, what)
        for at, new, length, what in (
            (0, b"\x0a", 1, "type"),
            (1, b"\0", 1, "axes"),
            (1, b"\2", 1, "axes"),
            (2, varint(1 << 63), 2, "zero"),
            (4, b"\x30", 1, "varint"),
            (5, varint(257), 2, "varint"),
            (7, varint(257), 2, "varint"),
            (9, varint(257), 2, "varint"),
            (11, varint(8192), 1, "varint"),
            (14, b"\0", 1, "bits"),
            (14, b"\x09", 1, "bits"),
            (15, b"\2", 1, "bits"),
            (16, bytes(256), 4, "name"),
        )
    },
    "short parameters": (_causal(bytes(5)), TruncatedError, ""),
    "long parameters": (_causal(bytes(7)), CorruptError, "parameters"),
    "causal without elements": (_causal(shape=(3, 0), data=b"", elements=b""), CorruptError, "axis"),
    "causal without elements or parameters": (stream_of(1, 0, (3, 0), (), b"", b"", b""), CorruptError, "axis"),
    "kind 1 of integers": (_causal(b"\1" + bytes(5)), CorruptError, "kind"),
    "kind 0 of floats": (_causal(data_type=8), CorruptError, "kind"),
    "kind 4": (_causal(b"\4" + bytes(5), data_type=8), CorruptError, "kind"),
    "rule 3": (_causal(b"\x30" + bytes(5)), CorruptError, "rule"),
    "gaps of a set": (_causal(b"\x20\0\1" + bytes(7)), CorruptError, "varint"),
    "nine gaps": (_causal(b"\0\0\x09" + bytes(21)), CorruptError, "varint"),
    "low bits": (_causal(bytes(3) + b"\x31\0\0"), CorruptError, "low bits"),
    "an axis twice": (_axes(b"\2\0\0"), CorruptError, "axes"),
    "an axis that is not there": (_axes(b"\3\0\1"), CorruptError, "axes"),
    "few axes": (_axes(b"\2\0"), TruncatedError, "bytes"),
    "a byte behind the axes": (_axes(b"\2\0\1\3"), CorruptError, "behind"),
    "stored axes": (stream_of(sections=((22 | 128, b"\0"),)), CorruptError, "axes"),
    "no maps": (_maps(b"\0\0\3"), CorruptError, "no maps"),
    "as many maps as planes": (_maps(b"\3" + 3 * b"\0\4\0\0" + b"\0\3"), CorruptError, "varint"),
    "a map of nothing": (_maps(b"\1\0\4\0\0\0\0"), CorruptError, "no planes"),
    "a map beyond the planes": (_maps(b"\1\0\4\0\0\0\4"), CorruptError, "varint"),
    "a map that is not listed": (_maps(b"\1\0\4\0\0\2\3"), CorruptError, "varint"),
    "maps that end early": (_maps(MAPS[:-2]), TruncatedError, "bytes"),
    "a byte behind the maps": (_maps(MAPS + b"\0"), CorruptError, "behind"),
    "maps of planes that share pieces": (_maps(MAPS, sides=b"\3\0", pieces=1), CorruptError, "share"),
    "maps with many low bits": (_maps(b"\1\0\4\0\x31\0\3"), CorruptError, "low bits"),
    "trailing zeros": (_causal(b"\1\x1f" + bytes(5), data_type=8), CorruptError, "31 trailing"),
    "trailing zeros of parts": (_causal(b"\1\x1f" + bytes(5), data_type=12), CorruptError, "31 trailing"),
    "rank": (_ranks(5, 1, 2, *ONE), CorruptError, "rank 5"),
    "set without values": (_ranks(0, 0, 0), CorruptError, "values"),
    "bytes behind a set": (_causal(_set(_decided() + b"\0\0")), CorruptError, "bytes"),
    "set that ends elsewhere": (_causal(_set(b"\1\0\1\0")), CorruptError, "states"),
    "set of a low state": (_causal(_set(b"\xff\xff\0\0")), CorruptError, "state"),
    "many units": (_ranks(0, 0, 3, *HALF, *TWICE), CorruptError, "units"),
    "distance of nothing": (_ranks(0, 0, 2, *NONE), CorruptError, "distance"),
    "distance of 2^64": (_ranks(0, 0, 3, *ALL, *ONE_MORE), CorruptError, "distance"),
    "value of 2^64": (_ranks(0, 0, 3, *HALF, *HALF_AGAIN), CorruptError, "value 18446744073709551616"),
    "short set": (_causal(_set(b"")), CorruptError, "set"),
    "large set": (_causal(_set(b"", 65537)), CorruptError, "varint"),
    "set larger than the array": (_causal(_set(b"", 4)), CorruptError, "a set of 4 values"),
    "sets larger than the array": (
        _maps(b"\2" + _set(_decided(*SIX, *SIX_AGAIN), 3)[:-2] + _set(b"", 4)[:-2] + MAPS[9:]),
        CorruptError,
        "a set of 4 values",
    ),
    "half 2049": (_causal(b"\2" + bytes(5), b"\3\0\1\x08", bytes(6), data_type=11), CorruptError, "2049"),
    "half 65520": (_causal(b"\2" + bytes(5), b"\3\0\xf0\xff", bytes(6), data_type=11), CorruptError, "65520"),
    "2^31": (_causal(b"\2" + varint(1 << 32) + bytes(4), b"\3\0\0\0", bytes(24), data_type=9), CorruptError, "21474"),
    "wide pieces": (_causal(bytes(5) + b"\4"), CorruptError, "pieces"),
    "too many planes": (_causal(bytes(4) + b"\x08\0", elements=b"\5" * 12, shape=(3, 2, 2)), CorruptError, "pieces"),
    "planes and a half": (_causal(bytes(4) + b"\3\0", elements=b"\5" * 12, shape=(3, 2, 2)), CorruptError, "pieces"),
    "narrow planes": (_causal(bytes(4) + b"\4\1", elements=b"\5" * 12, shape=(3, 2, 2)), CorruptError, "pieces"),
    "65537 columns": (_causal(shape=(65537,), elements=b"\5" * 65537), CorruptError, "pieces"),
    "large piece": (_causal(shape=(8193, 8192)), CorruptError, "pieces"),
    "cuts, not critical": (stream_of(sections=((18, b"\0\1\1"),)), CorruptError, "critical"),
    **{
        f"cuts {cuts.hex()}": (_causal(data=2 * FIVES, cuts=cuts), kind, what)
        for cuts, kind, what in (
            (b"", TruncatedError, ""),
            (b"\0\1", TruncatedError, ""),
            (b"\0\0", CorruptError, "no cut"),
            (b"\0\1\0", CorruptError, "cut 0"),
            (b"\0\1\3", CorruptError, "cut 3"),
            (b"\0\2\1\0", CorruptError, "cut 1"),
            (b"\0\2\1\2", CorruptError, "cut 3"),
            (b"\1\1\1\1", CorruptError, "cut 1 of 1"),
            (b"\0\x80\2" + b"\1" * 256, CorruptError, "varint"),
            (b"\0\1" + b"\xff" * 9 + b"\1", CorruptError, "cut"),
            (b"\0\1\1\0", CorruptError, "behind"),
        )
    },
    "cuts of shared pieces": (
        _causal(bytes(4) + b"\4\0", 2 * FIVES, b"\5" * 12, (3, 2, 2), cuts=b"\0\1\1"), CorruptError, "share"
    ),
    "low bit of eight": (_low(0, 8), CorruptError, "8 in 3 bits"),
    "bits behind low bits": (_low(1, 255, 3), CorruptError, "bits"),
    "mode of a bit plane": (_low(2, 255, 1), CorruptError, "mode 2"),
    "no piece": (_causal(data=b"\0"), TruncatedError, ""),
    "one piece more": (_causal(data=2 * FIVES), CorruptError, "behind"),
    "long constant": (_causal(data=b"\4\0\5\0\0"), CorruptError, "behind"),
    "short constant": (_causal(data=b"\2\0\5"), TruncatedError, ""),
    "long raw": (_causal(data=b"\x08\2" + b"\5\0" * 3 + b"\0"), CorruptError, "behind"),
    "short raw": (_causal(data=b"\6\2" + b"\5\0" * 2 + b"\0"), TruncatedError, ""),
    "mode of a piece": (_causal(data=b"\3\7\5\0"), CorruptError, "mode 7"),
    "odd of a trellis": (_causal(data=b"\x0d\6" + bytes(7) + b"\2" + b"\0\0\1\0"), CorruptError, "trellis of odd 2"),
    "short trellis": (_causal(data=b"\x08\6" + bytes(7)), TruncatedError, ""),
    "64 states": (_causal(data=b"\x0f\1\6" + bytes(13)), CorruptError, "states"),
    "counts without words": (_causal(data=b"\x07\5\5\0\1\0\1\0"), TruncatedError, ""),
    "state of counts": (_causal(data=b"\x07\5\5\0\xff\xff\0\0"), CorruptError, "state"),
    "amplitude": (_causal(data=b"\x0c\1\0\0\0\0\x80\0\0\0\0\1\0"), CorruptError, "amplitude"),
    "state": (_causal(data=b"\x0c\1\0\0\0\0\0\0\0\xff\xff\0\0"), CorruptError, "state"),
    "model file": (_causal(model=_model(b"G", b"", 964, 2)), NewerError, "version 2"),
    "checksum of the model": (_causal(model=_general()[:-1] + b"\0"), CorruptError, "checksum"),
    "fingerprint": (stream_of(1, 0, (3,), ((1, _general()),), bytes(14), FIVES), CorruptError, "fingerprint"),
    "behind the zlib stream": (_causal(model=_general(behind=b"\0")), CorruptError, "zlib"),
    "no zlib stream": (_causal(model=_model(b"G", b"", 964)), CorruptError, "zlib"),
    **{f"network {i}": (_causal(model=_general(i, b"\x40")), NewerError, "64") for i in range(8)},
    "linear weights": (_causal(model=_general(8, struct.pack("<26h", *[2501] * 26))), CorruptError, "linear"),
    "32768 in w1": (_first_row(8, [127, 127, -127, 127, -12]), CorruptError, "row"),
    "-32769 in w1": (_first_row(-9, [127, 127, -127, 127, -12]), CorruptError, "row"),
    "second half in w1": (_first_row(0, [], [127, 127, 127, 127, 13]), CorruptError, "row"),
    "32768 in w2": (_first_row(2, [127, -100, 127, 4], at=B2), CorruptError, "row"),
    "-32769 in w2": (_first_row(-3, [-127, 100, -127, -4], at=B2), CorruptError, "row"),
    "second half in w2": (_first_row(0, [], [127, 127, 5, -127], at=B2), CorruptError, "row"),
    "knots decrease": (_causal(model=_general(knots=(0, 1 << 30))), CorruptError, "knots"),
    "knots exceed": (_causal(model=_general(knots=(592, (1 << 30) + 1))), CorruptError, "knots"),
    "version of a tuned model": (_causal(model=_tuned(SAME, 2)), NewerError, "version 2"),
    "base": (_causal(model=_tuned(SAME, base="00" * 8)), MissingError, "base 0000"),
    "short tuned model": (_causal(model=_tuned(SAME[:-1])), TruncatedError, ""),
    "behind a tuned model": (_causal(model=_tuned(SAME + b"\0")), CorruptError, "0 tables"),
    "16 tables of code widths": (
        _causal(model=_tuned(SAME + _widths(*[(0xFF1, 12)] * 16, tables=16))), CorruptError, "16 tables"
    ),
    "period of 1": (_causal(model=_tuned(SAME + _widths((0, 4), (15, 4)))), CorruptError, "period"),
    "period of 512": (_causal(model=_tuned(SAME + _widths((9, 4), *[(15, 4)] * 10))), CorruptError, "period"),
    "displacement": (
        _causal(model=_tuned(SAME + _widths((1, 4), (7, 4), (0, 1), (127, 7), (15, 4)))), CorruptError, "displacement"
    ),
    "narrow code": (_causal(model=_tuned(SAME + _parity(126))), CorruptError, "width"),
    "short code widths": (_causal(model=_tuned(SAME + _parity(124)[:-1])), TruncatedError, ""),
    "bits behind code widths": (
        _causal(model=_tuned(SAME + _widths((0xFF1, 12), (8, 4)))), CorruptError, "bits behind"
    ),
    "bytes behind code widths": (_causal(model=_tuned(SAME + _parity(124) + b"\0")), CorruptError, "bytes behind"),
    "code widths of a general model": (_causal(model=_general(widths=_parity(126))), CorruptError, "width"),
    "table of code widths": (
        _causal(data=b"\x0e\4" + bytes(11) + b"\1\0"), CorruptError, "table 0 of code widths"
    ),
    "long tuned model": (_causal(model=_tuned(FAR)), CorruptError, "65536"),
}  # fmt: skip
