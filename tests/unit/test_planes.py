"""Arrays as planes, planes as pieces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astrocodec.errors import CorruptError
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.planes import (
    MAX_PIXELS,
    MAX_SIDE,
    Grid,
    Planes,
    choose_pieces,
    from_planes,
    part_type,
    planes_of,
    to_planes,
    wanted_pieces,
)

shapes = st.lists(st.integers(1, 7), max_size=5).map(tuple)
planes_of_any_size = st.builds(Planes, st.integers(1, 30), st.integers(1, 40), st.integers(1, 40))


@given(st.sampled_from(DTYPES), shapes, st.integers(0, 99))
def test_arrays_are_planes_of_their_last_two_axes(dtype: str, shape: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 2, (math.prod(shape), np.dtype(dtype).itemsize), np.uint8).view(dtype).reshape(shape)
    planes = to_planes(array)
    assert planes.shape == planes_of(shape, array.dtype.kind == "c")
    assert planes.dtype == part_type(array.dtype)
    again = from_planes(planes, array.dtype, shape)
    assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, shape, array.tobytes())


def test_real_parts_come_first() -> None:
    array = np.arange(24).reshape(2, 3, 4) + 100j
    planes = to_planes(array)
    assert planes.shape == (4, 3, 4)
    np.testing.assert_array_equal(planes[:2], array.real)
    np.testing.assert_array_equal(planes[2:], array.imag)


def check(grid: Grid) -> None:
    """Every element is in one piece, and no piece holds parts of several planes."""
    seen = np.zeros(grid.planes, np.int64)
    numbers = np.arange(seen.size).reshape(grid.planes)
    pieces = list(grid)
    assert len(pieces) == len(grid)
    for index, piece in enumerate(pieces):
        assert max(piece.shape) <= MAX_SIDE
        assert math.prod(piece.shape) <= MAX_PIXELS
        part = piece.take(numbers)
        assert part.shape == piece.shape
        if part.shape[0] != len({*(part // (grid.planes.height * grid.planes.width)).ravel()}) * grid.planes.height:
            assert len(np.unique(part // (grid.planes.height * grid.planes.width))) == 1
        piece.put(seen, seen[piece].reshape(piece.shape) + 1)
        assert str(piece).startswith(f"plane {part[0, 0] // (grid.planes.height * grid.planes.width)}, ")
        assert index == 0 or piece.planes.start >= pieces[index - 1].planes.start
    assert (seen == 1).all()


@settings(deadline=None)
@given(planes_of_any_size)
def test_the_chosen_pieces_hold_each_element_once(planes: Planes) -> None:
    grid = Grid(planes, choose_pieces(planes))
    check(grid)
    if planes.number > 1:
        assert grid.together > 1
        assert math.prod(grid.sides) <= 1 << 18


@settings(deadline=None)
@given(planes_of_any_size, st.integers(1, 90), st.integers(1, 60))
def test_pieces_that_are_asked_for(planes: Planes, height: int, width: int) -> None:
    grid = Grid(planes, wanted_pieces(planes, (height, width)))
    check(grid)
    assert grid.sides[0] <= height
    assert grid.sides[1] <= width


@pytest.mark.parametrize(
    ("planes", "chosen"),
    [
        (Planes(1, 512, 512), (0, 0)),
        (Planes(500, 6, 6), (3000, 0)),
        (Planes(2, 512, 512), (0, 0)),
        (Planes(2, 256, 512), (512, 0)),
        (Planes(3, 256, 512), (512, 0)),
        (Planes(9, 300, 400), (600, 0)),
        (Planes(2, 32769, 1), (0, 0)),
        (Planes(1000, 1, 65536), (4, 0)),
        (Planes(1000, 1, 65537), (0, 32770)),
        (Planes(10**6, 1, 1), (62500, 0)),
        (Planes(1, 10**6, 1), (62500, 0)),
        (Planes(4, 70000, 3), (35000, 0)),
    ],
)
def test_choice(planes: Planes, chosen: tuple[int, int]) -> None:
    assert choose_pieces(planes) == chosen


@pytest.mark.parametrize(
    ("planes", "wanted", "chosen"),
    [
        (Planes(5, 10, 20), (30, 20), (30, 0)),
        (Planes(5, 10, 20), (39, 99), (30, 0)),
        (Planes(5, 10, 20), (19, 20), (0, 0)),
        (Planes(5, 10, 20), (30, 19), (0, 19)),
        (Planes(5, 10, 20), (1000, 20), (50, 0)),
        (Planes(1, 10, 20), (1000, 1000), (0, 0)),
        (Planes(5, 1, 65537), (3, 70000), (0, 65536)),
        (Planes(3, 40000, 2), (80000, 2), (0, 0)),
    ],
)
def test_wanted(planes: Planes, wanted: tuple[int, int], chosen: tuple[int, int]) -> None:
    assert wanted_pieces(planes, wanted) == chosen


@pytest.mark.parametrize(
    ("planes", "sides"),
    [
        (Planes(5, 10, 20), (15, 0)),
        (Planes(5, 10, 20), (60, 0)),
        (Planes(5, 10, 20), (20, 10)),
        (Planes(5, 10, 20), (10, 21)),
        (Planes(1, 10, 20), (20, 0)),
        (Planes(1, 65537, 1), (0, 0)),
        (Planes(1, 1, 65537), (0, 0)),
        (Planes(1, 8193, 8192), (0, 0)),
    ],
)
def test_pieces_across_planes_or_too_large_are_corrupt(planes: Planes, sides: tuple[int, int]) -> None:
    with pytest.raises(CorruptError, match="do not fit"):
        Grid(planes, sides)
