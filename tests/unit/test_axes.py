"""Order of axes: in whatever order a cube is stored, it is as small as in the best one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import Model, _native
from astrocodec._native.stream import array_order
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import reference
from astrocodec.stages.axes import read_order, turn, turn_back
from astrocodec.stages.axes_choice import choose_order
from astrocodec.stages.causal import CAUSAL, Parameters, frame_pieces
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.plane_maps import PlaneMap
from astrocodec.stages.planes import Grid, planes_of
from astrocodec.stages.stream import AXES, Header, Section, seal
from astrocodec.stages.widths import Choice


def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def decode_one(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    _native.decode_piece(_native.native_model(model), data, out)


def reads(shape: tuple[int, ...] = (12, 60, 70)) -> NDArray[np.uint16]:
    """Reads of pixels of their own levels, which light makes rise."""
    rng = np.random.default_rng(1)
    light = np.cumsum(rng.poisson(3, shape), -3)
    return (rng.integers(2000, 9000, shape[-2:]) + light + rng.normal(0, 4, shape)).astype(np.uint16)


def visibilities() -> NDArray[np.complex64]:
    """Of times, baselines and channels: a fringe of its own for each baseline, smooth in time and channels."""
    rng = np.random.default_rng(4)
    t, b, c = np.ogrid[:30, :21, :40]
    phase = rng.uniform(0, 6, 21)[:, None] + t * rng.uniform(0.01, 0.05, 21)[:, None] + c / 30 + 0 * b
    noise = rng.normal(0, 2, (2, 30, 21, 40))
    strong = 500 * np.exp(1j * phase) + noise[0] + 1j * noise[1]
    return (strong.real.round() + 1j * strong.imag.round()).astype("c8")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_reads_are_as_small_in_any_order_of_axes(order: tuple[int, ...]) -> None:
    cube = reads()
    stored = np.ascontiguousarray(cube.transpose(order))
    stream = astrocodec.encode(stored)
    found = astrocodec.inspect(stream)
    # the order of rows and columns within a plane is not sought
    assert len(stream) <= 1.005 * len(astrocodec.encode(cube))
    assert order[found.axes[0]] == 0
    for decoded in (astrocodec.decode(stream, workers=2), reference.decode_stream(memoryview(stream), (), decode_one)):
        np.testing.assert_array_equal(decoded, stored)


def test_integrations_are_found_behind_the_pixels() -> None:
    cube = np.stack([reads((6, 40, 50)) for _ in range(4)]) + np.random.default_rng(2).integers(0, 9, (4, 6, 40, 50))
    cube = cube.astype("i4")
    stored = np.ascontiguousarray(cube.transpose(2, 3, 1, 0))
    stream = astrocodec.encode(stored)
    assert len(stream) <= 1.002 * len(astrocodec.encode(cube))
    assert astrocodec.inspect(stream).axes[2:] == (0, 1)
    assert astrocodec.decode(stream).tobytes() == stored.tobytes()


def test_axes_of_one_element_are_no_columns() -> None:
    frame = (
        np.random.default_rng(3).poisson(np.linspace(200, 900, 90)[:, None, None, None], (90, 1, 80, 1)).astype("u2")
    )
    stream = astrocodec.encode(frame)
    assert len(stream) <= len(astrocodec.encode(frame.reshape(90, 80))) + 16
    np.testing.assert_array_equal(astrocodec.decode(stream), frame)


def test_baselines_of_visibilities_are_planes() -> None:
    stored = visibilities()
    stream = astrocodec.encode(stored)
    assert astrocodec.inspect(stream).axes == (1, 0, 2)
    assert len(stream) < 0.97 * len(astrocodec.encode(stored, piece_shape=(512, 512)))
    assert astrocodec.decode(stream).tobytes() == stored.tobytes()


def test_boxes_do_not_turn_planes_that_have_sets_of_their_own() -> None:
    rng = np.random.default_rng(5)
    cube = np.empty((24, 48, 48), np.float32)
    for plane in cube:
        ranks = np.cumsum(rng.normal(0, 3, plane.shape), 1) + 150
        plane[:] = np.sort(rng.normal(0, 1, 300).astype("f4"))[np.clip(ranks, 0, 299).astype(int)]
    assert array_order(cube) == (0, 1, 2)
    sizes = itertools.count(1000, -100)  # of one box: as it is, then smaller in each order that is tried
    assert choose_order(cube, lambda box: next(sizes)) == (0, 1, 2)
    assert next(sizes) < 900


def test_what_is_asked_for_is_of_the_planes_as_given() -> None:
    stored = np.ascontiguousarray(reads().transpose(1, 2, 0))
    assert astrocodec.inspect(astrocodec.encode(stored, piece_shape=(64, 64))).axes == (0, 1, 2)
    assert AXES not in [section.id for section in astrocodec.inspect(astrocodec.encode(reads())).sections]


def test_tuning_sees_the_planes_that_are_coded() -> None:
    cube = reads()
    models = [astrocodec.tune(stored, effort=1) for stored in (cube, np.ascontiguousarray(cube.transpose(1, 2, 0)))]
    assert models[0] == models[1]


def test_bits_are_told_at_their_pixels() -> None:
    cube = reads()
    cube[3, 20, 30] += 9000
    found = bits_map(astrocodec.encode(np.ascontiguousarray(cube.transpose(1, 2, 0))))
    assert found.bits.shape == (60, 70, 12)
    assert found.bits[20, 30, 3] > 8 > np.median(found.bits)


@pytest.mark.parametrize("dtype", ["u1", "<i2", "f4", ">f8", "c16"])
def test_any_order_is_decoded(dtype: str) -> None:
    """Streams of raw and stored pieces in every order of axes of a small array."""
    values = np.arange(120).reshape(2, 5, 1, 4, 3).astype(dtype)
    for order in itertools.permutations(range(5)):
        coded = turn(values.astype(values.dtype.newbyteorder("=")), order)
        assert turn_back(coded, order).tobytes() == values.astype(values.dtype.newbyteorder("=")).tobytes()
        shape, is_complex = planes_of(coded.shape, coded.dtype.kind == "c"), coded.dtype.kind == "c"
        pixel_map = PlaneMap(PixelMap(0 if coded.dtype.kind in "ui" else 2, 0), 0)
        parameters = Parameters(astrocodec.load_model().fingerprint, pixel_map, (0, 0)).to_bytes()
        header = Header(CAUSAL, coded.dtype, values.shape, parameters, (Section(AXES, bytes(order), True),)).to_bytes()
        planes = (np.stack([coded.real, coded.imag]) if is_complex else coded).reshape(shape).astype("<u2")
        pieces = [b"\2" + piece.take(planes).tobytes() for piece in Grid(shape, (0, 0))]
        stream = seal(header, frame_pieces(pieces), values.astype(values.dtype.newbyteorder("=")))
        np.testing.assert_array_equal(astrocodec.decode(stream), values)


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_both_choose_alike(data: st.DataObject) -> None:
    lengths = data.draw(st.sampled_from([(9, 24, 24), (24, 30, 8), (4, 12, 10, 11), (90, 1, 60), (3, 1, 50, 40, 1)]))
    shape = tuple(data.draw(st.permutations(lengths)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(300, 3, shape)
    for axis, length in enumerate(shape):
        step = data.draw(st.sampled_from([0, 3, 100]))
        values += rng.normal(0, step, length).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    values = values.round().astype(data.draw(st.sampled_from(["i2", "f4", "c8", "u8"])))
    stream = astrocodec.encode(values)
    assert stream == reference.encode_stream(values, [(astrocodec.load_model(), b"")], encode_one=encode_one)
    assert array_order(values) == astrocodec.inspect(stream).axes
    assert astrocodec.decode(stream).tobytes() == values.tobytes()


def test_sections_of_other_axes_are_refused() -> None:
    with pytest.raises(TruncatedError, match="an order of 2 axes found, the array has 3"):
        read_order(b"\0\1", 3)
    for body in (b"\0\1\1", b"\0\1\3", b"\0\1\2\3"):
        with pytest.raises(CorruptError, match="the array has 0 to 2"):
            read_order(body, 3)
