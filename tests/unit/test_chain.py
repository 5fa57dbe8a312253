"""Chains: what earlier planes leave of samples, in Python, in C and by a decoder made from the text alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import Model, _native
from astrocodec.errors import CorruptError
from astrocodec.stages import reference, varint
from astrocodec.stages.causal import CAUSAL, Parameters, frame_pieces
from astrocodec.stages.chain import MAX_LIMIT, Chain, Gains, apply_chain, undo_chain
from astrocodec.stages.chain_choice import fit_chain, period_of
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.plane_maps import PlaneMap
from astrocodec.stages.planes import Planes, planes_of
from astrocodec.stages.stream import PLANES, Header, Section, read_header, seal
from astrocodec.stages.widths import Choice

sys.path.append(str(Path(__file__).parents[1] / "golden"))
from independent_decoder import Chain as IndependentChain
from independent_decoder import read_frame

PLAIN = Chain(0, 1000, MAX_LIMIT, 256, 1, (Gains(256, 0),))


@st.composite
def chains(draw: st.DrawFn, planes: int) -> Chain:
    """Any parameters."""
    period = draw(st.one_of(st.just(0), st.integers(2, planes - 1))) if planes > 2 else 0
    gains = st.lists(st.builds(Gains, st.integers(1, 256), st.integers(0, 255)), min_size=1, max_size=9)
    limits = st.one_of(st.integers(0, 2000), st.integers(0, MAX_LIMIT))
    levels = st.integers(1, 256)
    return Chain(period, draw(st.integers(0, 65535)), draw(limits), draw(levels), draw(levels), tuple(draw(gains)))


@st.composite
def cubes(draw: st.DrawFn) -> NDArray[np.uint16]:
    """Samples that go on as they began, or leap; some at both ends of the range."""
    shape = draw(st.tuples(st.integers(2, 12), st.integers(1, 4), st.integers(1, 700)))
    rng, scale = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), 2.0 ** draw(st.integers(0, 17))
    slopes = rng.normal(0, scale / 8, shape[1:]) * np.arange(shape[0])[:, None, None]
    leaps = np.where(rng.random(shape) < 0.05, rng.integers(-65535, 65536, shape), 0)
    values = rng.normal(rng.integers(0, 65536), scale, shape) + slopes + leaps
    return np.clip(values, 0, 65535).astype(np.uint16)


def stream_of(chain: Chain, samples: NDArray[np.uint16]) -> bytes:
    """A stream of raw pieces, whole planes each."""
    parameters = Parameters(astrocodec.load_model().fingerprint, PlaneMap(PixelMap(0, 0), 0), (0, 0)).to_bytes()
    sections = (Section(PLANES, chain.to_bytes(), True),)
    header = Header(CAUSAL, samples.dtype, samples.shape, parameters, sections).to_bytes()
    pieces = [b"\2" + plane.astype("<u2").tobytes() for plane in apply_chain(chain, samples)]
    return seal(header, frame_pieces(pieces), samples)


@settings(deadline=None, max_examples=150)
@given(st.data(), cubes())
def test_any_chain_comes_back_from_all_decoders(data: st.DataObject, samples: NDArray[np.uint16]) -> None:
    chain = data.draw(chains(len(samples)))
    assert Chain.read(chain.to_bytes(), Planes(*samples.shape)) == chain
    left = apply_chain(chain, samples)
    np.testing.assert_array_equal(undo_chain(chain, left), samples)
    stream = stream_of(chain, samples)
    for workers in (1, 3):
        np.testing.assert_array_equal(astrocodec.decode(stream, workers=workers), samples)
    few = np.ascontiguousarray(left[:, :1, :3])
    found = few.ravel().tolist()
    IndependentChain.read(read_frame(stream)).undo(found, few[0].size)
    assert found == samples[:, :1, :3].ravel().tolist()


def test_the_plain_residual() -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (5, 3, 4), np.uint16)
    left = apply_chain(PLAIN, samples)
    np.testing.assert_array_equal(left[0], samples[0])
    np.testing.assert_array_equal(left[1:], np.diff(samples, axis=0) + np.uint16(1000))


@pytest.mark.parametrize("period", [1, 3, 4])
def test_chains_of_other_lengths_are_refused(period: int) -> None:
    body = varint.put(period) + PLAIN.to_bytes()[1:]
    with pytest.raises(CorruptError, match=f"chains of {period} planes, 0 or 2 to 2 allowed"):
        Chain.read(body, Planes(3, 4, 5))


def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def as_residuals(values: NDArray[np.generic]) -> bytes:
    return reference.encode_stream(values, [(astrocodec.load_model(), b"")], encode_one=encode_one, residuals=True)


@pytest.mark.parametrize("shape", [(5, 40, 31), (2, 3, 20, 50), (3, 1, 700), (4, 400, 1)])
@pytest.mark.parametrize("dtype", ["u2", ">i4", "f4"])
def test_residuals_are_coded_where_they_are_asked_for(shape: tuple[int, ...], dtype: str) -> None:
    """Modulo 65536: samples at both ends of the range follow each other."""
    rng = np.random.default_rng(6)
    cube = np.clip(rng.choice([0, 65535, 300], shape) + rng.integers(-9, 10, shape), 0, 65535).astype(dtype)
    stream = astrocodec.encode(cube, planes="residuals")
    header = read_header(memoryview(stream))[0]
    chain = Chain.read(header.body_of(PLANES) or b"", planes_of(shape))
    assert (chain.scale, chain.limit, chain.places) == (256, MAX_LIMIT, (Gains(256, 0),))
    native = cube.astype(cube.dtype.newbyteorder("="))
    assert stream == as_residuals(native)
    for decoded in (astrocodec.decode(stream), astrocodec.decode(stream, workers=2)):
        np.testing.assert_array_equal(decoded, cube)


def test_residuals_of_one_plane_or_of_complex_numbers_are_none() -> None:
    for values in (np.arange(80.0).reshape(8, 10), np.ones((3, 4, 5), complex)):
        stream = astrocodec.encode(values, planes="residuals")
        assert stream == as_residuals(values)
        assert PLANES not in sections(stream)
    with pytest.raises(ValueError, match="planes is 'alone', allowed are 'auto', 'residuals'"):
        astrocodec.encode(values, planes="alone")


def reads(groups: int, shape: tuple[int, int], noise: float = 4, seed: int = 1) -> NDArray[np.uint16]:
    """Reads of pixels of their own levels, which light makes rise."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(2000, 4000, shape) + np.cumsum(rng.poisson(3, (groups, *shape)), 0)
    return (levels + rng.normal(0, noise, (groups, *shape))).astype(np.uint16)


def sections(stream: bytes) -> list[int]:
    return [section.id for section in astrocodec.inspect(stream).sections]


def size_alone(cube: NDArray[np.generic]) -> int:
    return sum(len(astrocodec.encode(plane)) for plane in cube.reshape(-1, *cube.shape[-2:]))


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_pixels_of_their_own_levels_are_a_chain(dtype: str) -> None:
    cube = reads(8, (96, 128)).astype(dtype)
    stream = astrocodec.encode(cube)
    assert PLANES in sections(stream)
    assert len(stream) < 0.7 * size_alone(cube)
    np.testing.assert_array_equal(astrocodec.decode(stream), cube)


def test_noise_is_none() -> None:
    cube = np.random.default_rng(1).poisson(200, (8, 96, 128)).astype(np.uint16)
    assert PLANES not in sections(astrocodec.encode(cube))


def test_more_reads_tell_more() -> None:
    """White noise of reads: the mean of nine earlier ones halves the variance of a difference, which is 0.4 bits."""
    cube = reads(12, (128, 128), noise=30) - np.uint16(1000)
    model = astrocodec.load_model()
    planes = cube.astype(np.uint16)
    chosen = fit_chain(planes, 0)
    assert chosen is not None
    ours, plain = (apply_chain(chain, planes)[-1] for chain in (chosen, PLAIN))
    saved = len(astrocodec.encode(plain, model)) - len(astrocodec.encode(ours, model))
    assert 8 * saved / ours.size > 0.3


def test_first_planes_of_integrations_come_from_first_planes() -> None:
    """Light makes pixels rise within an integration; each begins at the pixels' levels again."""
    groups = [reads(5, (64, 64), seed=3) + (600 * np.arange(5, dtype=np.uint16))[:, None, None] for _ in range(4)]
    noise = np.random.default_rng(2).integers(0, 9, (4, 5, 64, 64), np.uint16)
    cube = np.stack(groups) + noise
    assert period_of(cube.shape) == 5
    apart, flat = (len(astrocodec.encode(array)) for array in (cube, cube.reshape(20, 64, 64)))
    assert apart < flat
    np.testing.assert_array_equal(astrocodec.decode(astrocodec.encode(cube)), cube)


def test_a_level_is_not_cut_where_it_is_loud() -> None:
    """Neighbours differ by thousands, reads by little: no bits are left aside, as they would be of a plane alone."""
    rng = np.random.default_rng(1)
    cube = (rng.integers(0, 12000, (64, 64)) + rng.poisson(9, (8, 64, 64))).astype(np.uint16)
    stream = astrocodec.encode(cube)
    assert astrocodec.inspect(astrocodec.encode(cube[0])).low_bits > 0
    assert astrocodec.inspect(stream).low_bits == 0
    assert len(stream) < 0.5 * size_alone(cube)


def test_changes_of_nearly_all_codes_both_ways() -> None:
    """Their distance from the middle one is larger than any code, and its count has a place all the same."""
    frames = np.zeros((6, 64, 64), np.uint16)
    frames[::2] = 65000
    frames[:, 10:20] = 65000 - frames[:, 10:20]
    frames += np.random.default_rng(1).poisson(20, frames.shape).astype(np.uint16)
    for _ in range(20):  # what lies behind a block of memory seldom matters at once
        stream = astrocodec.encode(frames)
    np.testing.assert_array_equal(astrocodec.decode(stream), frames)


def test_tuning_sees_what_is_left() -> None:
    """A model for what a chain leaves, of a cube that is sampled and of one that is seen whole."""
    for shape in ((6, 120, 130), (3, 600, 1100)):
        rng = np.random.default_rng(4)
        rows = np.repeat(rng.normal(0, 12, (shape[0], shape[1], shape[2] // 10)), 10, axis=2)
        cube = (reads(shape[0], shape[1:]) + 500 + rows).astype(np.uint16)
        model = astrocodec.tune(cube, effort=2)
        assert model.base is not None
        assert len(astrocodec.encode(cube, model)) < 0.99 * len(astrocodec.encode(cube))


def test_small_planes_are_tuned_as_they_are_coded() -> None:
    """A run that is sampled has enough pixels to be a chain where the cube is one."""
    rng = np.random.default_rng(5)
    cube = (rng.integers(0, 300, (33, 33)) + rng.poisson(3, (80, 33, 33))).astype(np.uint16)
    tuned = astrocodec.encode(cube, astrocodec.tune(cube, effort=1))
    assert PLANES in sections(tuned)
    assert len(tuned) < 1.01 * len(astrocodec.encode(cube))


def test_complex_cubes_are_none() -> None:
    cube = reads(6, (64, 64)).astype("c8")
    stream = astrocodec.encode(cube)
    assert PLANES not in sections(stream)
    np.testing.assert_array_equal(astrocodec.decode(stream), cube)


def test_the_reference_writes_the_same() -> None:
    cube = reads(3, (40, 50))
    choices = [(astrocodec.load_model(), b"")]
    stream = reference.encode_stream(cube, choices)
    assert stream == astrocodec.encode(cube)
    assert PLANES in sections(stream)
    np.testing.assert_array_equal(reference.decode_stream(memoryview(stream)), cube)
