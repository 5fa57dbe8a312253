"""Outside references: what another array leaves of elements, by both codecs and by a decoder made from the text."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import _native
from astrocodec._native import stream as native_stream
from astrocodec.analysis.bits.stream_bits import stream_bits
from astrocodec.errors import AstrocodecError, CorruptError, FormatError, ModelNotFoundError, ReferenceNotFoundError
from astrocodec.model import Model
from astrocodec.references import leave
from astrocodec.stages import reference
from astrocodec.stages.outside import (
    ARRAY_TYPES,
    REFERENCE_TYPES,
    Outside,
    apply_outside,
    hash_of,
    undo_outside,
)
from astrocodec.stages.stream import REFERENCE
from astrocodec.stages.widths import Choice

sys.path.append(str(Path(__file__).parents[1] / "golden"))
from independent_decoder import Frame
from independent_decoder import Outside as IndependentOutside
from independent_decoder import decode_stream as independent_decode
from made_streams import shipped

Array = NDArray[Any]


def of_bytes(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Array:
    """Elements of any bytes, or of few levels with some that stand out."""
    if rng.random() < 0.5:
        return rng.integers(0, 256, (*shape, int(dtype[1:])), np.uint8).view(dtype).reshape(shape)
    values = rng.normal(50, 3, shape) + np.where(rng.random(shape) < 0.1, 60, 0)
    return np.asarray(values if dtype[0] == "f" else values.round(), dtype)


@st.composite
def beside(draw: st.DrawFn) -> tuple[Outside, Array, Array]:
    """Any parameters, an array and a reference."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axes = draw(st.integers(min(2, len(shape)), len(shape)))
    dtype, other = draw(st.sampled_from(ARRAY_TYPES)), draw(st.sampled_from(REFERENCE_TYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values, found = of_bytes(rng, dtype, shape), of_bytes(rng, other, shape[len(shape) - axes :])
    gains = [draw(st.integers(0, 256)) for _ in range(3)]
    wide = st.one_of(st.integers(-100, 100), st.integers(1 - 2**62, 2**62 - 1))
    outside = Outside(
        *(hash_of(found), found.dtype, axes, draw(wide), draw(st.one_of(st.just(0), st.integers(0, 47))), *gains),
        *(draw(st.integers(0, 8191)), draw(wide), draw(wide), draw(st.integers(1, 8 * values.dtype.itemsize))),
        *(draw(st.booleans()), draw(st.text(max_size=60))),
    )
    return outside, values, found


@settings(deadline=None, max_examples=300)
@given(beside())
def test_all_do_the_same(case: tuple[Outside, Array, Array]) -> None:
    outside, values, found = case
    section = outside.to_bytes()
    assert Outside.read(section, values.dtype, values.shape) == outside
    left = apply_outside(outside, values, found)
    np.testing.assert_array_equal(native_stream.apply_reference(section, values, found), left)
    back = undo_outside(outside, left, found)
    np.testing.assert_array_equal(native_stream.apply_reference(section, left, found, undo=True), back)
    if outside.bits == 8 * values.dtype.itemsize:
        np.testing.assert_array_equal(back, values)
    frame = Frame(1, values.dtype.str[1:], 0, values.shape, {REFERENCE: section}, 0)
    little, size = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in (left, found)), values.itemsize
    assert IndependentOutside.read(frame).undo(*little, size) == back.astype(back.dtype.newbyteorder("<")).tobytes()


def frames(
    dtype: str = "u2", shape: tuple[int, ...] = (130, 150), seed: int = 1, noise: float = 4
) -> tuple[Array, Array]:
    """Two exposures of a detector with levels of its own for each pixel, some of them hot."""
    rng = np.random.default_rng(seed)
    pattern = rng.normal(0, 40, shape[-2:]) + np.where(rng.random(shape[-2:]) < 0.01, 700, 0)
    night = [900 + pattern + rng.normal(0, noise, shape) for _ in range(2)]
    return np.asarray(night[0].round(), dtype), np.asarray(night[1].round() + 50, dtype)


@pytest.mark.parametrize("dtype", ARRAY_TYPES[2:])
def test_a_pattern_that_comes_back_is_not_paid_twice(dtype: str) -> None:
    first, second = frames(dtype)
    alone, stream = astrocodec.encode(second), astrocodec.encode(second, reference=first, reference_name="a.fits")
    assert len(stream) < 0.65 * len(alone)
    info = astrocodec.inspect(stream).reference
    assert info == (hash_of(first).hex(), first.dtype, first.shape, "a.fits", False)
    for given_one in (first, {info.sha256: first}, lambda wanted: first if wanted == info else None):
        np.testing.assert_array_equal(astrocodec.decode(stream, reference=given_one), second)
    np.testing.assert_array_equal(astrocodec.decode(stream, reference=first.astype("f8"), workers=3), second)
    big = first.astype(first.dtype.newbyteorder(">"))
    np.testing.assert_array_equal(astrocodec.decode(stream, reference=big), second)
    assert independent_decode(stream, shipped(), first.tobytes())[2] == second.tobytes()


def test_one_reference_for_all_planes_and_one_for_each() -> None:
    first, second = frames("i4", (6, 64, 70), noise=9)
    plane = np.median(first, 0).astype("f4") + np.float32(0.5)
    for found in (plane, first):
        stream = astrocodec.encode(second[:, ::-1, ::-1], reference=found[..., ::-1, ::-1])
        np.testing.assert_array_equal(
            astrocodec.decode(stream, reference=found[..., ::-1, ::-1]), second[:, ::-1, ::-1]
        )
    one = astrocodec.encode(second[0], reference=plane)
    assert astrocodec.inspect(one).reference is not None


def quick(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def test_the_reference_writes_the_same() -> None:
    first, second = frames("i2", (60, 80))
    lines = (first[0, :] + np.random.default_rng(2).integers(0, 5, (60, 1, 80))).swapaxes(1, 2).astype("i2")
    for values, found, embed in ((second, first, False), (lines, first[0, :, None].astype("f8") + 0.25, True)):
        options: dict[str, Any] = {"reference": found, "reference_name": "n", "embed_reference": embed}
        stream = reference.encode_stream(values, [(astrocodec.load_model(), b"")], encode_one=quick, **options)
        assert stream == astrocodec.encode(values, **options)
        assert astrocodec.inspect(stream).reference[3:] == ("n", embed)
        given_one = None if embed else found
        np.testing.assert_array_equal(reference.decode_stream(memoryview(stream), reference=given_one), values)
        np.testing.assert_array_equal(astrocodec.decode(stream, reference=given_one), values)


def test_a_reference_that_tells_nothing_is_not_used() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.poisson(300, (2, 100, 120)).astype(np.uint16)
    stream = astrocodec.encode(second, reference=first)
    assert stream == astrocodec.encode(second)
    np.testing.assert_array_equal(astrocodec.decode(stream), second)
    floats = second.astype("f4")
    assert astrocodec.encode(floats, reference=floats) == astrocodec.encode(floats)


def test_wrong_and_missing_references_give_no_pixels() -> None:
    first, second = frames()
    stream = astrocodec.encode(second, reference=first, reference_name="night/a.fits[1]")
    other = first.copy()
    other[7, 9] += 1
    name = hash_of(first).hex()
    for bad in (None, other, {}, {name: other}, lambda info: None, first[1:], first + 0.5, first.astype("f4") + 0.25):
        with pytest.raises(ReferenceNotFoundError, match=rf"night/a.fits\[1\].*{name}|{name}, night/a.fits\[1\]"):
            astrocodec.decode(stream, reference=bad)
    with pytest.raises(FormatError, match=f"{name}, night"):
        reference.decode_stream(memoryview(stream), reference=other)
    with pytest.raises(FormatError, match=f"{name}, night"):
        reference.decode_stream(memoryview(stream))


def test_every_changed_byte_is_noticed() -> None:
    """No damage of the section or of a reference that goes along gives other elements."""
    rng = np.random.default_rng(3)
    line = rng.integers(0, 4000, (90, 1))
    values = (line + rng.integers(0, 3, (50, 90, 1))).astype(np.uint16)
    stream = astrocodec.encode(values, reference=line.astype("u2"), embed_reference=True)
    info = astrocodec.inspect(stream)
    assert info.reference
    assert info.reference.embedded
    for at in range(len(stream)):
        damaged = bytearray(stream)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(AstrocodecError):
            astrocodec.decode(damaged, reference=line.astype("u2"))
    for cut in range(0, len(stream), 7):
        with pytest.raises(FormatError):
            astrocodec.decode(stream[:cut])


def test_arguments_that_are_no_reference() -> None:
    first, second = frames()
    with pytest.raises(ValueError, match=r"shape \(129, 150\) found, the array's \(130, 150\)"):
        astrocodec.encode(second, reference=first[1:])
    with pytest.raises(ValueError, match="at least 2"):
        astrocodec.encode(second, reference=first[0])
    with pytest.raises(TypeError, match="reference of dtype complex128"):
        astrocodec.encode(second, reference=first.astype("c16"))
    with pytest.raises(ValueError, match="reference_name has 256 bytes"):
        astrocodec.encode(second, reference=first, reference_name="x" * 256)
    with pytest.raises(ValueError, match="2 arrays and a reference"):
        astrocodec.tune([first, second], reference=first)


def test_tuning_sees_what_is_left() -> None:
    first, second = frames(shape=(300, 300), noise=9)
    rows = np.repeat(np.random.default_rng(4).normal(0, 25, (300, 30)), 10, 1).astype("u2")
    second = second + rows + 100
    model = astrocodec.tune(second, effort=1, reference=first)
    blind = astrocodec.tune(second, effort=1)
    sizes = [len(astrocodec.encode(second, one, reference=first)) for one in (model, blind)]
    assert sizes[0] < sizes[1]


def test_levels_at_the_ends_of_a_type() -> None:
    """What is taken off too much wraps around, and comes back."""
    rng = np.random.default_rng(5)
    pattern = rng.integers(0, 65536, (80, 90))
    values = np.clip(pattern + rng.integers(-3, 4, (80, 90)), 0, 65535).astype(np.uint16)
    stream = astrocodec.encode(values, reference=pattern.astype(np.float32))
    assert len(stream) < 0.4 * values.nbytes
    np.testing.assert_array_equal(astrocodec.decode(stream, reference=pattern.astype(np.float32)), values)


@pytest.mark.parametrize(("dtype", "end"), [("i8", -(2**63)), ("u8", 2**63), ("u8", 2**64 - 9000)])
def test_wide_elements_beside_small_ones(dtype: str, end: int) -> None:
    pattern = np.random.default_rng(1).poisson(2000, (60, 70)).astype(np.int32)
    values = pattern.astype(dtype) + np.array(end, dtype)
    stream = astrocodec.encode(values, reference=pattern)
    np.testing.assert_array_equal(astrocodec.decode(stream, reference=pattern), values)
    assert len(stream) < 0.4 * len(astrocodec.encode(values))


def test_a_reference_inside_may_have_another_model() -> None:
    rng = np.random.default_rng(5)
    pattern = (2500 + rng.normal(0, 40, (200, 1)) + rng.laplace(0, 9, (200, 220))).astype(np.uint16)
    values = pattern + rng.poisson(9, pattern.shape).astype(np.uint16)
    shipped, tuned = astrocodec.load_model(), astrocodec.tune(pattern, effort=1)
    found = leave(values, pattern, "", shipped)
    assert found is not None
    section = dataclasses.replace(found[0], embedded=True).to_bytes()
    inner = native_stream.encode_stream([(_native.native_model(tuned), b"")], pattern, None, False, 1)
    beside = native_stream.Beside(section, values, inner)
    stream = native_stream.encode_stream([(_native.native_model(shipped), b"")], found[1], None, False, 1, beside)
    assert astrocodec.inspect(stream).model_fingerprint == shipped.fingerprint
    np.testing.assert_array_equal(astrocodec.decode(stream, models=iter([tuned])), values)
    with pytest.raises(ModelNotFoundError):
        astrocodec.decode(stream)


def test_bits_of_a_stream_with_its_reference() -> None:
    rng = np.random.default_rng(3)
    line = rng.integers(0, 4000, (90, 1))
    values = (line + rng.integers(0, 3, (50, 90, 1))).astype(np.uint16)
    stream = astrocodec.encode(values, reference=line.astype("u2"), embed_reference=True)
    found = stream_bits(stream)
    assert found.bits.shape == values.shape
    assert found.bits.sum() < 8 * len(stream)


def test_sections_that_break_their_rules_are_refused() -> None:
    outside = Outside(bytes(32), np.dtype("u2"), 2, 0, 0, 0, 0, 0, 0, 0, 0, 16)
    with pytest.raises(CorruptError, match="no integers"):
        Outside.read(outside.to_bytes(), np.dtype("f4"), (3, 4))
    with pytest.raises(CorruptError, match="a reference of 2 axes, the array has 1"):
        Outside.read(outside.to_bytes(), np.dtype("u2"), (4,))
