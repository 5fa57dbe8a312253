"""The order of pixels: complete, and never ahead of what a context needs."""

import numpy as np
import pytest

from astrocodec.stages.network import NEIGHBOURS
from astrocodec.stages.wavefront import LAG, MAX_SIDE, PAD, Wavefront, check_sides

SIZES = [(1, 1), (1, 5), (5, 1), (2, 3), (33, 1), (33, 120), (34, 123), (66, 249), (66, 250), (130, 260)]


def _steps_of(height: int, width: int) -> np.ndarray:
    when = np.full((height, width), -1)
    for number, step in enumerate(Wavefront(height, width)):
        assert (when[step.y, step.x] == -1).all()
        when[step.y, step.x] = number
    return when


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_pixel_comes_once(height: int, width: int) -> None:
    assert (_steps_of(height, width) >= 0).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_neighbours_come_in_earlier_steps(height: int, width: int) -> None:
    when = _steps_of(height, width)
    y, x = np.arange(height)[:, None] + 0 * when, np.arange(width) + 0 * when
    # The running means of the row above are read LAG - 1 columns to the right.
    for dy, dx in (*NEIGHBOURS, (-1, LAG - 1)):
        above, beside = y + dy, x + dx
        inside = (above >= 0) & (beside >= 0) & (beside < width)
        assert (when[above[inside], beside[inside]] < when[inside]).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_right_pad_is_known_when_it_is_read(height: int, width: int) -> None:
    when = _steps_of(height, width)
    near_edge = when[1:, max(width - PAD, 0) :]
    assert (when[:-1, -1:] < near_edge).all()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_lanes_ascend_within_a_step(height: int, width: int) -> None:
    wave = Wavefront(height, width)
    for step in wave:
        assert (np.diff(step.lane) > 0).all()
        np.testing.assert_array_equal(step.y % wave.lanes, step.lane)


def test_last_step_has_the_last_pixel() -> None:
    for height, width in SIZES:
        wave = Wavefront(height, width)
        *_, last = wave
        assert last.y[-1] == height - 1
        assert last.x[-1] == width - 1
        assert len(list(wave)) <= wave.count


def test_short_rows_have_half_the_lanes() -> None:
    assert Wavefront(10, 249).lanes == 32
    assert Wavefront(10, 250).lanes == 64
    assert Wavefront(10, 249).period == 255
    assert Wavefront(10, 10).period == 32 * LAG


@pytest.mark.parametrize(("height", "width"), [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (8193, 8192)])
def test_sizes_outside_the_format_are_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"piece of {height}x{width}"):
        check_sides(height, width)
