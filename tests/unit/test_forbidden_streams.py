"""What docs/format.md forbids, clause by clause: both decoders refuse it, though the checksum is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from astrocodec import _native, codec, load_model
from astrocodec._native import stream as native_stream
from astrocodec.errors import AstrocodecError, CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import reference, varint
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.valueset import pack_set

ONE = 1 << 32
DEFAULT = load_model("default")


def pixel_map(head: int, offset: int = 0, gaps: tuple[tuple[int, int], ...] = (), rest: bytes = b"") -> bytes:
    """A pixel map, whatever it says."""
    pairs = b"".join(varint.put(start) + varint.put(length) for start, length in gaps)
    return bytes([head]) + varint.put_signed(offset) + varint.put(len(gaps)) + pairs + rest


def value_set(values: list[int], packed: bytes | None = None) -> bytes:
    """What follows with rule 2."""
    packed = pack_set(np.array(values, np.uint16)) if packed is None else packed
    return varint.put(len(values)) + varint.put(len(packed)) + packed


@dataclass(frozen=True)
class Crafted:
    """A stream of one constant tile; `elements` are what a decoder makes of it that does not look."""

    dtype: str = "u2"
    shape: tuple[int, ...] = (2, 3)
    elements: Any = 7
    sample: int = 7
    map: bytes = pixel_map(0)
    low_bits: int = 0
    tile_sides: tuple[int, int] = (2, 3)
    tile: bytes | None = None
    low: bytes = b""
    head: bytes = b"\xac\x0d\x01\x01"
    ndim: int | None = None
    axes: bytes | None = None
    embedded: bytes = b""
    more: bytes = b""

    def to_bytes(self) -> bytes:
        """The stream, with the checksum of `elements`."""
        axes = b"".join(map(varint.put, self.shape)) if self.axes is None else self.axes
        ndim = len(self.shape) if self.ndim is None else self.ndim
        code = DTYPES.index(self.dtype) if self.dtype in DTYPES else 10
        header = self.head + bytes([code, ndim]) + axes
        if self.head[3:] != b"\0":
            header += bytes.fromhex(DEFAULT.fingerprint) + self.embedded + self.map + bytes([self.low_bits])
            header += varint.put(self.tile_sides[0]) + varint.put(self.tile_sides[1])
        tile = b"\0" + self.sample.to_bytes(2, "little") if self.tile is None else self.tile
        kind = self.dtype if self.dtype in DTYPES else "u2"
        elements = np.full(self.shape if np.prod(self.shape) < 100 else (1,), self.elements, f"<{kind}")
        body = elements.tobytes() if self.head[3:] == b"\0" else varint.put(len(tile)) + tile + self.low
        crc = _native.crc32c(np.frombuffer(header, np.uint8))
        return header + body + self.more + _native.crc32c(elements, crc).to_bytes(4, "little")


FLOATS = Crafted(dtype="f4", map=pixel_map(2), elements=7.0)
LATTICE = Crafted(map=pixel_map(16, 0, (), varint.put(2 * ONE) + varint.put(0)), sample=3, elements=6)
SET = Crafted(map=pixel_map(32, 0, (), value_set([2, 6])), sample=1, elements=6)
LOW = Crafted(low_bits=3, low=b"\0\5", elements=7 * 8 + 5)
PACKED = Crafted(low_bits=3, low=b"\1" + bytes([0b01101101, 0b11011011, 0b10]), elements=7 * 8 + 5)
STORED = Crafted(head=b"\xac\x0d\x01\x00")
EMBEDDED = Crafted(head=b"\xac\x0d\x01\x11", embedded=varint.put(len(DEFAULT.to_bytes())) + DEFAULT.to_bytes())

# The same with nothing forbidden: these decode, so what is refused below is refused for its one change.
ALLOWED = {
    "integers": Crafted(),
    "gaps": Crafted(map=pixel_map(0, 1, ((5, 10), (2, 3))), elements=7 + 3 + 10 + 1),
    "floats": FLOATS,
    "bits of floats": replace(FLOATS, map=pixel_map(1, 0x80000000), elements=np.array(7, "u4").view("f4")),
    "largest float": replace(FLOATS, dtype="f8", map=pixel_map(2, 2**31 - 8), elements=2.0**31 - 1),
    "least float": replace(FLOATS, dtype="f8", map=pixel_map(2, -(2**31) - 6), elements=-(2.0**31) + 1),
    "lattice": LATTICE,
    "set": SET,
    "low bits": LOW,
    "packed low bits": PACKED,
    "stored": STORED,
    "embedded": EMBEDDED,
    "no axes": Crafted(shape=(), tile_sides=(1, 1)),
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
        f"flag {bit}": (Crafted(head=b"\xac\x0d\x01" + bytes([1 | 1 << bit])), VersionError)
        for bit in (1, 2, 3, 5, 6, 7)
    },
    "a model without tiles": (Crafted(head=b"\xac\x0d\x01\x10"), VersionError),
    "data type 10": (Crafted(dtype="x"), CorruptError),
    "33 axes": (Crafted(shape=(1,) * 33, tile_sides=(1, 1)), CorruptError),
    "an axis above 2^40": (Crafted(shape=((1 << 40) + 1,)), CorruptError),
    "axes above 2^40": (Crafted(shape=(1 << 21, 1 << 20)), CorruptError),
    "an axis of 0": (Crafted(shape=(0, 3), elements=7), CorruptError),
    "an embedded model of 0 bytes": (replace(EMBEDDED, embedded=b"\0"), TruncatedError),
    "an embedded model of 65537 bytes": (replace(EMBEDDED, embedded=varint.put(65537) + bytes(65537)), CorruptError),
    "bytes behind the stored elements": (replace(STORED, more=b"\0"), CorruptError),
    "bytes behind the tiles": (Crafted(more=b"\0"), CorruptError),
    "bytes behind the low bits": (replace(LOW, more=b"\0"), CorruptError),
    "a wrong checksum": (Crafted(elements=8), CorruptError),
    # Pixels
    "kind 3": (replace(FLOATS, map=pixel_map(3)), CorruptError),
    "kind 15": (Crafted(map=pixel_map(15)), CorruptError),
    "rule 3": (Crafted(map=pixel_map(48)), CorruptError),
    "integers as bits of floats": (Crafted(map=pixel_map(1), elements=65535 - 7), CorruptError),
    "integers as floats": (Crafted(map=pixel_map(2)), CorruptError),
    "floats as integers": (Crafted(dtype="f4", elements=np.array(7, "u4").view("f4")), CorruptError),
    "a float of 2^31": (replace(FLOATS, dtype="f8", map=pixel_map(2, 2**31 - 7), elements=2.0**31), CorruptError),
    "a float of -2^31": (replace(FLOATS, map=pixel_map(2, -(2**31) - 7), elements=-(2.0**31)), CorruptError),
    "a float of 2^62": (replace(FLOATS, dtype="f8", map=pixel_map(2, 2**62 - 7), elements=2.0**62), CorruptError),
    "nine gaps": (Crafted(map=pixel_map(0, 0, ((9, 1),) * 9)), CorruptError),
    "start above 2^62": (Crafted(map=pixel_map(0, 0, ((2**62 + 1, 1),))), CorruptError),
    "length above 2^62": (Crafted(map=pixel_map(0, 0, ((9, 2**62 + 1),))), CorruptError),
    "gaps with a lattice": (
        replace(LATTICE, map=pixel_map(16, 0, ((5, 10),), varint.put(2 * ONE) + b"\0"), elements=16),
        CorruptError,
    ),
    "an empty gap with a lattice": (
        replace(LATTICE, map=pixel_map(16, 0, ((5, 0),), varint.put(2 * ONE) + b"\0")),
        CorruptError,
    ),
    "gaps with a set": (replace(SET, map=pixel_map(32, 0, ((5, 10),), value_set([2, 6])), elements=16), CorruptError),
    "step above 2^48": (
        replace(LATTICE, map=pixel_map(16, 0, (), varint.put(2**48 + 1) + b"\0"), elements=0),
        CorruptError,
    ),
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
    "a set that is cut": (
        replace(SET, map=pixel_map(32, 0, (), value_set([2, 6], pack_set(np.array([2, 6]))[:-1]))),
        CorruptError,
    ),
    "a set with a byte behind it": (
        replace(SET, map=pixel_map(32, 0, (), value_set([2, 6], pack_set(np.array([2, 6])) + b"\0"))),
        CorruptError,
    ),
    "a set filled with ones": (
        replace(
            SET,
            map=pixel_map(
                32,
                0,
                (),
                value_set([2, 6], bytes([*pack_set(np.array([2, 6]))[:-1], pack_set(np.array([2, 6]))[-1] | 128])),
            ),
        ),
        CorruptError,
    ),
    "a value of 65536": (
        replace(SET, map=pixel_map(32, 0, (), value_set([0, 0], b"\xff" * 8192 + b"\0\0"))),
        CorruptError,
    ),
    # Split
    "49 low bits": (replace(LOW, low_bits=49, low=b"\0\0" * 7), CorruptError),
    "a plane of mode 2": (replace(LOW, low=b"\2\5"), TruncatedError),
    "a whole plane of mode 2": (replace(PACKED, low=b"\2" + PACKED.low[1:]), CorruptError),
    "no planes": (replace(LOW, low=b""), TruncatedError),
    "a constant of more bits than its plane": (replace(LOW, low=b"\0\x0d", elements=7 * 8 | 13), CorruptError),
    "a plane filled with ones": (replace(PACKED, low=PACKED.low[:-1] + b"\6"), CorruptError),
    # Tiles
    "tiles of no rows": (Crafted(tile_sides=(0, 3)), CorruptError),
    "tiles of no columns": (Crafted(tile_sides=(2, 0)), CorruptError),
    "tiles of 65537 rows": (Crafted(tile_sides=(65537, 3)), CorruptError),
    "tiles of more than 2^26 pixels": (Crafted(tile_sides=(65536, 1025)), CorruptError),
    # Tile
    "a tile without bytes": (Crafted(tile=b""), TruncatedError),
    "a tile of mode 4": (Crafted(tile=b"\4\7\0"), CorruptError),
    "a tile of mode 255": (Crafted(tile=b"\xff\7\0"), CorruptError),
    "a short constant tile": (Crafted(tile=b"\0\7"), TruncatedError),
    "a long constant tile": (Crafted(tile=b"\0\7\0\0"), CorruptError),
    "a short raw tile": (Crafted(tile=b"\2" + b"\7\0" * 5 + b"\7"), TruncatedError),
    "a long raw tile": (Crafted(tile=b"\2" + b"\7\0" * 6 + b"\0"), CorruptError),
    "64 states": (Crafted(tile=b"\1\6" + bytes(6) + b"\0\0\1\0" * 64), CorruptError),
    "amplitude 32768": (Crafted(tile=b"\1\0\0\0\0\x80\0\0" + b"\0\0\1\0" + bytes(40)), CorruptError),
    "a state below 65536": (Crafted(tile=b"\1\0" + bytes(6) + b"\xff\xff\0\0" + bytes(40)), CorruptError),
    # Differences
    "predictor 4": (Crafted(tile=b"\3\4\0\0\0\0\0" + bytes(40)), CorruptError),
    "16 classes": (Crafted(tile=b"\3\0\4\0\0\0\0" + bytes(40)), CorruptError),
    "4096 symbols": (Crafted(tile=b"\3\0\0\0\x10\0\0" + bytes(40)), CorruptError),
    "a first symbol of none": (Crafted(tile=b"\3\0\0\0\0\1\0" + bytes(40)), CorruptError),
    "frequencies of 0": (Crafted(tile=b"\3\0\0\0\0\0\0" + bytes(40)), CorruptError),
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
    """By the C library alone, without the reference that explains its errors."""
    out = np.empty(1 << 12, np.uint8)
    models = [DEFAULT.native]
    header = native_stream.inspect_stream(stream)
    size = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    native_stream.decode_stream(stream, models, out[: max(0, min(size, out.size))], 1)


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("decode", [native, reference.decode_stream, codec.decode], ids=["c", "reference", "codec"])
def test_both_decoders_refuse(name: str, decode: Any) -> None:
    crafted, kind = FORBIDDEN[name]
    with pytest.raises(kind) as found:
        decode(memoryview(crafted.to_bytes()))
    assert "please report" not in str(found.value)


def test_a_changed_element_that_is_stored_is_found() -> None:
    stream = bytearray(STORED.to_bytes())
    stream[-5] ^= 1
    for decode in (native, reference.decode_stream, codec.decode):
        with pytest.raises(CorruptError):
            decode(memoryview(stream))


def test_an_embedded_model_is_the_one_that_is_named() -> None:
    other = replace(EMBEDDED, embedded=EMBEDDED.embedded).to_bytes()
    other = other.replace(bytes.fromhex(DEFAULT.fingerprint), bytes(8))
    with pytest.raises(CorruptError, match="embedded model is"):
        reference.decode_stream(memoryview(other))
    with pytest.raises(AstrocodecError):
        codec.decode(other)
