"""Arrays of any kind, and damaged streams of them: the native library and the reference agree on all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import astrocodec
from astrocodec import Model, _native
from astrocodec._native import stream as native_stream
from astrocodec.codecs import NATIVE
from astrocodec.errors import AstrocodecError, CodecNotFoundError, VersionError
from astrocodec.stages import reference
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.stream import CHECKSUM_SIZE, SECTIONS, Section, read_header, seal
from astrocodec.stages.widths import Choice

Array = NDArray[Any]


def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def decode_one(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    _native.decode_piece(_native.native_model(model), data, out)


def native(array: Array) -> Array:
    """The array as the reference wants it."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)


@st.composite
def made_arrays(draw: st.DrawFn) -> Array:
    """Noise, blanks, lattices, sets and wide ranges of all data types and up to three axes, some strided or swapped."""
    dtype = draw(st.sampled_from(DTYPES))
    lines, cubes = hnp.array_shapes(max_dims=1, max_side=700), hnp.array_shapes(max_dims=3, max_side=30)
    shape = draw(st.one_of(st.just(()), lines, cubes))
    rng, scale = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), 2.0 ** draw(st.integers(0, 20))
    noise = rng.normal(1000, scale, shape)
    values = (
        noise,
        np.floor(noise),
        np.full(shape, scale),
        np.floor(rng.integers(0, 250, shape) * (1 + np.log2(scale) / 5)),
        np.where(rng.random(shape) < 0.1, -(2.0**31), np.floor(noise)),
        rng.choice(rng.integers(0, 60000, 30), shape),
        np.floor(noise) * 2**24,
        rng.integers(0, 256, (*shape, 8), dtype=np.uint8).view("f8").reshape(shape),
    )[draw(st.integers(0, 7))]
    with np.errstate(all="ignore"):
        array = np.asarray(values).astype(dtype)
        if array.dtype.kind == "c":
            array = (array + 1j * array[::-1] if array.ndim else array).astype(dtype)
    if draw(st.booleans()):
        array = array.astype(array.dtype.newbyteorder(">"))
    return array.T if draw(st.booleans()) else array


any_arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=9), elements=hnp.from_dtype(np.dtype(dtype)))
)
piece_shapes = st.one_of(st.none(), st.tuples(st.integers(1, 90), st.integers(1, 40)))


@settings(deadline=None, max_examples=200)
@given(st.one_of(made_arrays(), any_arrays), piece_shapes, st.booleans())
def test_both_write_the_same_and_read_it(array: Array, piece_shape: tuple[int, int] | None, thorough: bool) -> None:
    stream = astrocodec.encode(array, piece_shape=piece_shape, thorough=thorough)
    options: dict[str, Any] = {"piece_shape": piece_shape, "thorough": thorough}
    choices = [(astrocodec.load_model(), b"")]
    assert stream == reference.encode_stream(native(array), choices, encode_one=encode_one, **options)
    assert stream == astrocodec.encode(array, workers=3, **options)
    assert len(stream) <= array.nbytes + 64
    for decoded in (
        astrocodec.decode(stream),
        astrocodec.decode(stream, workers=2),
        reference.decode_stream(memoryview(stream), decode_one=decode_one),
    ):
        assert decoded.shape == array.shape
        assert decoded.tobytes() == native(array).tobytes()


@st.composite
def made_cubes(draw: st.DrawFn) -> Array:
    """Planes that tell of each other: levels of their own, slopes, leaps, and integrations; and planes that do not."""
    shape = draw(st.tuples(st.integers(2, 9), st.integers(2, 40), st.integers(2, 80)))
    rng, scale = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), 2.0 ** draw(st.integers(0, 12))
    times = np.arange(shape[0])[:, None, None]
    values = rng.normal(5000, scale * draw(st.sampled_from([0, 1, 5, 40])), shape[1:]) + rng.normal(0, scale, shape)
    values += times * rng.normal(0, scale, shape[1:]) * draw(st.sampled_from([0, 0.1, 3]))
    values += times * draw(st.sampled_from([0, 30])) + np.where(rng.random(shape) < 0.01, 20 * scale, 0)
    if draw(st.booleans()):
        values = np.stack([values, values + rng.normal(0, scale, shape)])
    return np.floor(values).astype(draw(st.sampled_from(["u2", "i4", "f4", "f8", "u8"])))


@settings(deadline=None, max_examples=60)
@given(made_cubes(), piece_shapes)
def test_both_choose_the_same_chains(array: Array, piece_shape: tuple[int, int] | None) -> None:
    stream = astrocodec.encode(array, piece_shape=piece_shape)
    choices = [(astrocodec.load_model(), b"")]
    assert stream == reference.encode_stream(array, choices, encode_one=encode_one, piece_shape=piece_shape)
    for decoded in (astrocodec.decode(stream, workers=2), reference.decode_stream(memoryview(stream), (), decode_one)):
        assert decoded.tobytes() == array.tobytes()


def outcome_of_native(stream: bytes) -> object:
    """The decoded bytes, or the class of the error."""
    view = memoryview(stream)
    try:
        header = native_stream.inspect_stream(view)
        if header.codec not in NATIVE:
            return CodecNotFoundError
        if header.defect is not None:
            return type(header.defect)
        out = np.empty(header.shape, header.dtype)
        native_stream.decode_stream(view, [], out, 1)
    except (AstrocodecError, MemoryError) as error:
        return type(error)
    return out.tobytes()


def outcome_of_reference(stream: bytes) -> object:
    """The same by the reference."""
    try:
        return reference.decode_stream(memoryview(stream), decode_one=decode_one).tobytes()
    except (AstrocodecError, MemoryError) as error:
        return type(error)


def agree(stream: bytes) -> None:
    """The same array, or the same class of error."""
    assert outcome_of_native(stream) == outcome_of_reference(stream)


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    """Streams with bits, bytes and stretches changed, mostly near the beginning."""
    array = draw(st.one_of(made_arrays(), any_arrays, made_cubes()))
    if array.dtype == bool:
        damaged = bytearray(astrocodec.visibility.encode_flags(array))
    else:
        damaged = bytearray(astrocodec.encode(array, piece_shape=draw(piece_shapes)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(damaged), draw(st.sampled_from([8, 60, 10**6]))) - 1))
        damage = draw(st.sampled_from(["bit", "byte", "cut", "insert", "delete"]))
        if damage == "bit":
            damaged[at] ^= 1 << draw(st.integers(0, 7))
        if damage == "byte":
            damaged[at] = draw(st.integers(0, 255))
        if damage == "cut":
            del damaged[at + 1 :]
        if damage == "insert":
            damaged[at:at] = draw(st.binary(min_size=1, max_size=3))
        if damage == "delete" and len(damaged) > 1:
            del damaged[at]
    return bytes(damaged)


@settings(deadline=None, max_examples=300)
@given(damaged_streams())
def test_damage_gives_the_same_refusal(stream: bytes) -> None:
    agree(stream)


@pytest.mark.parametrize("array", [np.arange(600, dtype="i4").reshape(20, 30) ** 3, np.full((9, 9), 2.5)])
def test_every_prefix_and_many_bits(array: Array) -> None:
    stream = astrocodec.encode(array, piece_shape=(7, 16))
    for end in range(len(stream)):
        agree(stream[:end])
    for bit in range(0, 8 * len(stream), 7):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        agree(bytes(damaged))


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(DTYPES), st.integers(0, 99))
def test_the_reference_alone_writes_the_same(dtype: str, seed: int) -> None:
    """Pieces by the reference too."""
    array = np.random.default_rng(seed).normal(100, 5, (3, 5, 11)).astype(dtype)
    stream = reference.encode_stream(array, [(astrocodec.load_model(), b"")], piece_shape=(10, 11))
    assert stream == astrocodec.encode(array, piece_shape=(10, 11))
    assert reference.decode_stream(memoryview(stream)).tobytes() == array.tobytes()


unknown = sorted(set(range(127)) - set(SECTIONS))


@settings(deadline=None, max_examples=60)
@given(
    made_arrays(), st.lists(st.sampled_from(unknown), unique=True, max_size=4), st.booleans(), st.binary(max_size=200)
)
def test_sections_of_later_versions(array: Array, numbers: list[int], is_critical: bool, body: bytes) -> None:
    """They are passed over, or refused by both alike where they must be understood."""
    values = native(array)
    stream = memoryview(astrocodec.encode(array))
    header, at = read_header(stream)
    more = (Section(number, body, is_critical) for number in numbers)
    sections = tuple(sorted((*header.sections, *more), key=lambda section: section.id))
    made = seal(replace(header, sections=sections).to_bytes(), bytes(stream[at:-CHECKSUM_SIZE]), values)
    if is_critical and numbers:
        for decode in (astrocodec.decode, reference.decode_stream):
            with pytest.raises(VersionError, match=f"section {min(numbers)}"):
                decode(memoryview(made))
    else:
        assert astrocodec.decode(made).tobytes() == values.tobytes()
        assert reference.decode_stream(memoryview(made), decode_one=decode_one).tobytes() == values.tobytes()
        assert [found.id for found in astrocodec.inspect(made).sections] == [section.id for section in sections] + [127]
