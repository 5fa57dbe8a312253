"""Maps of planes: the section, when planes have maps of their own, and that a cube is as small as its planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import Model, _native
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.stages import reference
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.plane_maps import PlaneMap, pack_maps, unpack_maps
from astrocodec.stages.planes import Planes
from astrocodec.stages.stream import CUTS, MAPS, PLANES
from astrocodec.stages.widths import Choice

INTEGERS = np.dtype("i4")


def sections(stream: bytes) -> list[int]:
    return [section.id for section in astrocodec.inspect(stream).sections]


def size_alone(cube: NDArray[np.generic]) -> int:
    return sum(len(astrocodec.encode(plane)) for plane in cube)


def unlike(height: int, width: int, dtype: str = "f4") -> NDArray[np.generic]:
    """Planes of one field in units of their own."""
    rng = np.random.default_rng(5)
    return (rng.normal(100, 3, (5, height, width)) * np.array([1, 1e-5, 3e4, 1, 700])[:, None, None]).astype(dtype)


def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def decode_one(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    _native.decode_piece(_native.native_model(model), data, out)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=90))
def test_maps_come_back(offsets: list[int]) -> None:
    maps = [PlaneMap(PixelMap(0, offset), offset % 3) for offset in offsets]
    body = pack_maps(maps)
    assert bool(body) == (len(set(offsets)) > 1)
    if body:
        found = unpack_maps(body, maps[0], Planes(len(maps), 1, 1), INTEGERS)
        assert [one.to_bytes() for one in found] == [one.to_bytes() for one in maps]


@pytest.mark.parametrize(("height", "width"), [(40, 60), (180, 200), (600, 500)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_a_cube_of_unlike_planes_is_as_small_as_these(height: int, width: int, dtype: str) -> None:
    cube = unlike(height, width, dtype)
    stream = astrocodec.encode(cube)
    assert dtype != "i4" or MAPS in sections(stream)
    assert len(stream) <= 1.001 * size_alone(cube)
    assert astrocodec.decode(stream).tobytes() == cube.tobytes()


def test_masks_that_are_unlike_share_no_pieces() -> None:
    rng = np.random.default_rng(2)
    cube = np.stack([rng.poisson(0.02, (200, 300)), rng.poisson(40, (200, 300)) * 16]).astype("i2")
    assert len(astrocodec.encode(cube)) <= 1.001 * size_alone(cube)


@pytest.mark.parametrize(("side", "dtype"), [(64, "f4"), (64, "u2"), (64, "i4"), (20, "f8")])
def test_counts_times_a_factor_of_each_plane_are_sets_of_their_own(side: int, dtype: str) -> None:
    """As exposures that were brought to one zero point, or divided by their times; floats are no lattices here."""
    rng = np.random.default_rng(6)
    factors = rng.uniform(0.9, 1.1, 12) if dtype[0] == "f" else rng.permuted(np.arange(5, 17) / 4)
    counts = rng.poisson(9, (12, side, 72))
    cube = ((counts**1.5 if dtype[0] == "f" else counts) * factors[:, None, None]).astype(dtype)
    stream = astrocodec.encode(cube)
    assert MAPS in sections(stream)
    assert len(stream) <= 1.001 * size_alone(cube)
    choices = [(astrocodec.load_model(), b"")]
    assert stream == reference.encode_stream(cube, choices, encode_one=encode_one)
    assert astrocodec.decode(stream).tobytes() == cube.tobytes()


def test_planes_that_are_alike_have_one_map() -> None:
    cube = np.random.default_rng(1).poisson(200, (8, 96, 128)).astype(np.uint16)
    assert MAPS not in sections(astrocodec.encode(cube))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_both_choose_alike(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(2, 6), st.integers(1, 60), st.integers(20, 90)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scales = [10.0 ** data.draw(st.integers(-3, 4)) for _ in range(shape[0])]
    cube = rng.normal(100, 3, shape) * np.array(scales)[:, None, None]
    cube += rng.normal(0, data.draw(st.sampled_from([0, 300])), shape[1:])
    cube[rng.random(shape[0]) < 0.3] //= 64
    cube = cube.astype(data.draw(st.sampled_from(["f4", "f8", "i2", "i4", "u8", "c8"])))
    piece_shape = data.draw(st.sampled_from([None, (30, 40), (64, 90)]))
    stream = astrocodec.encode(cube, piece_shape=piece_shape)
    choices = [(astrocodec.load_model(), b"")]
    assert stream == reference.encode_stream(cube, choices, encode_one=encode_one, piece_shape=piece_shape)
    for decoded in (astrocodec.decode(stream, workers=2), reference.decode_stream(memoryview(stream), (), decode_one)):
        assert decoded.tobytes() == cube.tobytes()


def test_planes_with_maps_are_cut_too() -> None:
    cube = unlike(300, 280)
    cube[:, :, :2] = np.array([0, 5405])
    stream = astrocodec.encode(cube, thorough=True)
    assert {MAPS, CUTS} <= set(sections(stream))
    assert astrocodec.decode(stream).tobytes() == cube.tobytes()


@pytest.mark.parametrize("broken", [0, 2, 4])
def test_planes_apart_are_cut_where_one_of_them_breaks(broken: int) -> None:
    """As the exposure times of a mosaic, between its image and its errors."""
    cube = unlike(300, 280)
    cube[broken, :, :2] = np.array([0, 54 * cube[broken].mean()])
    stream = astrocodec.encode(cube, thorough=True)
    assert {MAPS, CUTS} <= set(sections(stream))
    alone = sum(len(astrocodec.encode(plane, thorough=True)) for plane in cube)
    assert len(stream) <= 1.001 * alone
    choices = [(astrocodec.load_model(), b"")]
    assert stream == reference.encode_stream(cube, choices, encode_one=encode_one, thorough=True)


def test_the_bits_of_planes_with_maps_are_told() -> None:
    cube = unlike(40, 60)
    found = bits_map(astrocodec.encode(cube))
    assert found.bits.shape == cube.shape
    assert found.bits[2].mean() > found.bits[0].mean() - 3


def test_a_chain_competes_with_planes_apart() -> None:
    """Levels of its own in every pixel are worth more than a map for every plane."""
    rng = np.random.default_rng(3)
    cube = rng.integers(2000, 60000, (96, 128)) + rng.poisson(20, (6, 96, 128))
    cube[3] += 70000
    assert PLANES in sections(astrocodec.encode(cube.astype("i4")))
