"""Pieces of any samples, and of any bytes: the native library and the reference agree on all of them."""

from dataclasses import replace

import numpy as np
from backends import AVAILABLE_NATIVE, REFERENCE, Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_models import GENTLE, SAMPLE_KINDS, WIDE, WILD, MadeModel, made_samples, made_table

from astrocodec import load_model
from astrocodec.errors import FormatError, TruncatedError
from astrocodec.stages.widths import Choice, pack_tables

models = st.sampled_from([GENTLE, WIDE, WILD])
quick = settings(max_examples=25, deadline=None)


@st.composite
def made_planes(draw: st.DrawFn) -> np.ndarray:
    """Planes of the made kinds, with some samples replaced by extremes."""
    kind = draw(st.sampled_from(SAMPLE_KINDS))
    height, width = draw(st.integers(1, 34)), draw(st.integers(1, 24))
    samples = made_samples(kind, height, width, draw(st.integers(0, 1000)))
    for at in draw(st.lists(st.integers(0, samples.size - 1), max_size=5)):
        samples.flat[at] = draw(st.sampled_from([0, 1, 32767, 32768, 65534, 65535]))
    return samples


any_planes = arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 9)))


@given(made=models, samples=st.one_of(made_planes(), any_planes))
@quick
def test_both_write_the_same_and_read_each_other(made: MadeModel, samples: np.ndarray) -> None:
    data = REFERENCE.encode(made, samples)
    np.testing.assert_array_equal(REFERENCE.decode(made, data, *samples.shape), samples)
    for backend in AVAILABLE_NATIVE:
        assert backend.encode(made, samples) == data
        np.testing.assert_array_equal(backend.decode(made, data, *samples.shape), samples)


@st.composite
def uneven_planes(draw: st.DrawFn) -> tuple[MadeModel, np.ndarray, Choice]:
    """Any table of code widths, shift, model and plane; noise of any scale with the shipped model too."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    made, samples = draw(models), draw(st.one_of(made_planes(), any_planes))
    if draw(st.booleans()):
        made = MadeModel(load_model().weights, load_model().shapes, 0)
        level, sigma = draw(st.integers(0, 65535)), 2.0 ** draw(st.floats(-3, 15))
        samples = rng.normal(level, sigma, samples.shape).clip(0, 65535).round().astype(np.uint16)
    table = made_table(rng, draw(st.integers(1, 8)), draw(st.integers(0, 63)))
    shift, number = draw(st.integers(0, 255)), draw(st.sampled_from([0, 0, 0, None]))
    return replace(made, widths=pack_tables([table])), samples, Choice(shift, number)


@given(drawn=uneven_planes())
@quick
def test_both_write_and_read_the_same_with_code_widths(drawn: tuple[MadeModel, np.ndarray, Choice]) -> None:
    made, samples, choice = drawn
    data = REFERENCE.encode(made, samples, choice=choice)
    np.testing.assert_array_equal(REFERENCE.decode(made, data, *samples.shape), samples)
    for backend in AVAILABLE_NATIVE:
        assert backend.encode(made, samples, choice=choice) == data
        np.testing.assert_array_equal(backend.decode(made, data, *samples.shape), samples)


def _outcome(backend: Backend, made: MadeModel, data: bytes, shape: tuple[int, int]) -> object:
    """What decoding gives: the samples, or the kind of error."""
    try:
        return backend.decode(made, data, *shape).tobytes()
    except FormatError as error:
        return type(error)


def _outcomes_are_equal(made: MadeModel, data: bytes, shape: tuple[int, int]) -> None:
    expected = _outcome(REFERENCE, made, data, shape)
    for backend in AVAILABLE_NATIVE:
        assert _outcome(backend, made, data, shape) == expected


@given(made=models, samples=made_planes(), flips=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=3))
@quick
def test_both_treat_damage_alike(made: MadeModel, samples: np.ndarray, flips: list[int]) -> None:
    damaged = bytearray(AVAILABLE_NATIVE[0].encode(made, samples))
    for flip in flips:
        damaged[flip // 8 % len(damaged)] ^= 1 << flip % 8
    _outcomes_are_equal(made, bytes(damaged), samples.shape)


@given(drawn=uneven_planes(), flips=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=3))
@quick
def test_both_treat_damage_alike_with_code_widths(
    drawn: tuple[MadeModel, np.ndarray, Choice], flips: list[int]
) -> None:
    made, samples, choice = drawn
    damaged = bytearray(AVAILABLE_NATIVE[0].encode(made, samples, choice=choice))
    for flip in flips:
        damaged[flip // 8 % len(damaged)] ^= 1 << flip % 8
    _outcomes_are_equal(made, bytes(damaged), samples.shape)


@given(made=models, data=st.binary(max_size=200), height=st.integers(1, 12), width=st.integers(1, 12))
@quick
def test_both_treat_any_bytes_alike(made: MadeModel, data: bytes, height: int, width: int) -> None:
    for start in (b"", b"\1\0", b"\1\0\0\4\10\0\0\2\0\0\1\0"):
        _outcomes_are_equal(made, start + data, (height, width))


@given(made=models, samples=any_planes)
@quick
def test_no_prefix_decodes(made: MadeModel, samples: np.ndarray) -> None:
    for backend in AVAILABLE_NATIVE:
        data = backend.encode(made, samples)
        for end in range(len(data)):
            assert _outcome(backend, made, data[:end], samples.shape) is TruncatedError
