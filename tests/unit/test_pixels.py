"""Elements to integers: the map that both encoders choose as docs/encoder.md says, and what undoes it."""

from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec._native.stream import inspect_stream
from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.bins import float_bits
from astrocodec.stages.pixels import BINS, PixelMap, map_pixels, unmap_pixels
from astrocodec.stages.stream import PARAMETERS

STEPS = np.arange(4096).reshape(64, 64) % 300
EACH = np.arange(4096, dtype="i4").reshape(64, 64)
HOLE = np.where(STEPS == 7, -(2**31), STEPS)
NOISE = np.random.default_rng(8).normal(0, 2, (64, 64))
WIDE = np.random.default_rng(5).integers(-(2**20), 2**20, (64, 64))
SEVEN = np.array([0, 3, 1000, 1700, 1800, 9999, 20000])  # too few for a lattice


def blank(dtype: str) -> np.ndarray:
    """Floats with one NaN."""
    values = STEPS.astype(dtype)
    values[0, 0] = np.nan
    return values


def odd(dtype: str) -> np.ndarray:
    """Noise around zero, and the floats that are easily lost."""
    values = NOISE.astype(dtype)
    bits = values.view(f"u{values.itemsize}")
    payload = np.array([np.nan]).astype(dtype).view(bits.dtype)[0]
    bits[0, :6] = payload + 1, payload ^ 5, 1, 1 << (8 * values.itemsize - 1), (1 << 8 * values.itemsize) - 3, 0
    values[1, :2] = np.inf, -np.inf
    return values


CHOICES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "dense": (STEPS.astype("u2"), {"kind": 0, "offset": 0}),
    "offset in steps of 16": (STEPS.astype("i2") + 37, {"offset": 32}),
    "offset below zero": (STEPS.astype("i4") - 37, {"offset": -48}),
    "offset where 16 do not fit": (np.where(STEPS == 7, 65540, STEPS + 5).astype("i4"), {"offset": 5}),
    "gaps, ever finer": (HOLE.astype("i4"), {"offset": -(2**31), "gaps": ((1 << 16, 2**31 - 2**16), (2, 65534))}),
    "floats that are integers": (STEPS.astype("f4"), {"kind": 2, "offset": 0}),
    "floats with a negative zero": (np.where(STEPS == 0, -0.0, STEPS).astype("f4"), {"kind": 1}),
    "floats with a NaN": (blank("f4"), {"kind": 1}),
    "multiples": (
        STEPS.astype("u2") * 16 + 5,
        {"offset": 0, "rule": 1, "step": 16 << 32, "phase": (5 << 32) + (1 << 31)},
    ),
    "rescaled": ((STEPS * 5 // 2).astype("u2"), {"rule": 1, "step": (5 << 31) - 1}),
    "set": (SEVEN[STEPS % 7].astype("u2"), {"offset": 0, "rule": 2}),
    "a set beyond 16 bits, and no value": (
        np.where(STEPS == 3, -1, (STEPS % 7) ** 9).astype("i4"),
        {"offset": -1, "rule": 2},
    ),
    "a set of floats": ((np.float32(1) / (1 + STEPS % 7)).astype("f4"), {"kind": 1, "rule": 2}),
    "nearly all of one value": (np.where(EACH % 211 == 5, EACH / np.float32(7), 0).astype("f4"), {"rule": 2}),
    "dense, and one value far off": (np.where(EACH == 7, -(2**31), EACH % 3001).astype("i4"), {"rule": 0}),
    "multiples beyond 16 bits": ((WIDE * 100 + 7).astype("i4"), {"rule": 1, "step": 100 << 32, "phase": 0, "gaps": ()}),
    "sums of 48 frames of few bits": ((WIDE % 1000 * 48).astype("u4") << 4, {"rule": 1, "step": 768 << 32}),
    "multiples in floats": ((WIDE * 3).astype("f8"), {"kind": 2, "rule": 1, "step": 3 << 32}),
    "multiples, and a BLANK": (
        np.where(EACH == 7, -(2**31), np.abs(WIDE) * 100),
        {"offset": -(2**31), "rule": 1, "step": 100 << 32, "gaps": ((1, int(np.abs(WIDE).min()) * 100 + 2**31 - 100),)},
    ),
    "multiples, and a top value": (np.where(EACH == 7, 2**40, 7 * EACH * 1000), {"rule": 1, "step": 7000 << 32}),
    "multiples, and one that is none": (np.where(EACH == 7, 49_999, WIDE * 100), {"rule": 0}),
    "half floats in float32": (NOISE.astype("f2").astype("f4"), {"kind": 3, "trailing": 13}),
    "half floats in float64": (NOISE.astype("f2").astype("f8"), {"kind": 3, "trailing": 42}),
    "float32 in float64": (odd("f4").astype("f8"), {"kind": 3, "trailing": 29}),
    "oddities of float64": (odd("f8"), {"kind": 3, "trailing": 0, "rule": 0}),
    "all negative zeros": (np.full((5, 6), -0.0), {"kind": 1, "trailing": 62}),
    "a set beyond 16 bits that does not pay": (
        np.random.default_rng(1).integers(0, 2**31, 2048)[EACH // 2].astype("i4"),
        {"rule": 0},
    ),
    "a table of squares": ((EACH // 2 + 99) ** 2, {"rule": 2}),
    "too many values for a set": (EACH**2, {"rule": 0}),
    "a set that does not pay": (np.where(STEPS < 298, STEPS * 0, STEPS).astype("u2"), {"rule": 0}),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_map_is_chosen_as_described(name: str) -> None:
    values, expected = CHOICES[name]
    u, found, largest = map_pixels(values)
    assert {field: getattr(found, field) for field in expected} == expected
    assert largest == int(u.max())
    if found.kind == BINS:
        bins, _, taken = found.bins(values.dtype).take(float_bits(values, found.trailing))
        assert (unmap_pixels(u, found, values.dtype) == bins).all()
        assert (found.bins(values.dtype).taken_by(bins) == taken).all()
    else:
        assert unmap_pixels(u, found, values.dtype).tobytes() == values.tobytes()
    assert PixelMap.read(varint.Reader(memoryview(found.to_bytes()))).to_bytes() == found.to_bytes()
    parameters = inspect_stream(memoryview(astrocodec.encode(values))).body_of(PARAMETERS) or b""
    assert parameters[8:].startswith(found.to_bytes())


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("dense", ""),
        ("floats that are integers", "float32, but integers"),
        ("half floats in float64", "float64, but no more digits than half floats"),
        ("float32 in float64", "float64, but no more digits than float32"),
        ("nearly all of one value", "float32, but 21 values"),
        ("multiples", "uint16, but values 16 apart"),
        ("multiples beyond 16 bits", "int32, but values 100 apart"),
    ],
)
def test_streams_say_what_the_elements_are(name: str, holds: str) -> None:
    assert astrocodec.inspect(astrocodec.encode(CHOICES[name][0])).holds == holds


@pytest.mark.parametrize("dtype", ["u8", "i8", "f8"])
def test_the_whole_range_is_mapped(dtype: str) -> None:
    values = EACH[:40, :50].astype("u8") + 2**61
    values[3, 4], values[5, 6] = 2**63, 2**63 - 1  # the ends of signed integers
    values[7, 8], values[9, 10] = 0, 2**64 - 1
    values = values.view(dtype)
    stream = astrocodec.encode(values)
    assert astrocodec.inspect(stream).codec == "causal"
    assert astrocodec.decode(stream).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x04\0\0", "pixel map 0x4 is unknown"),
        (b"\x13\0\0", "pixel map 0x13 is unknown"),
        (b"\x30\0\0", "pixel map 0x30 is unknown"),
        (b"\x20\0\1\5\5\2\0", "1 gaps found with pixel rule 2, which has none"),
        (b"\0\0\x09", "number of gaps"),
    ],
)
def test_maps_that_no_stream_may_have_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        PixelMap.read(varint.Reader(memoryview(data)))


def test_integers_that_a_map_has_no_element_for_are_refused() -> None:
    members = PixelMap(0, 0, rule=2, values=np.array([4, 9], np.uint64))
    with pytest.raises(CorruptError, match="rank 2 found, the value set has 2 values"):
        unmap_pixels(np.array([2], np.uint16), members, np.dtype("u2"))
    with pytest.raises(CorruptError, match="magnitudes below 2"):
        unmap_pixels(np.array([2**31], np.uint64), PixelMap(2, 0), np.dtype("f8"))
    with pytest.raises(CorruptError, match="one found that float32 does not have"):
        unmap_pixels(np.array([2**24 + 1], np.uint64), PixelMap(2, 0), np.dtype("f4"))
