"""Pieces of any samples, and of any bytes: the native library and the reference agree on all of them."""

import numpy as np
from backends import AVAILABLE_NATIVE, REFERENCE, Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_models import GENTLE, SAMPLE_KINDS, WIDE, WILD, MadeModel, made_samples

from astrocodec.errors import FormatError, TruncatedError

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
