"""What an image tells of its detector: codes, amplifiers, colour filters, patterns, cosmic rays."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
pytest.importorskip("photutils", reason="photutils is not installed")

from astrocodec.analysis import (  # noqa: E402
    amplifiers,
    background_map,
    bayer_phase,
    correlated_noise,
    cosmic_rays,
    quantisation,
    source_mask,
)
from astrocodec.simulate import Converter, configure, observe, simulate, uneven_widths  # noqa: E402

# Codes


@pytest.mark.parametrize("preset", ["ccd", "bias", "flat", "cmos", "infrared", "spectrum", "xray"])
def test_even_codes_are_called_even(preset: str) -> None:
    """Nothing missing, nothing uneven, no step but one."""
    found = quantisation(simulate(preset, seed=1).data)
    assert (found.step, found.missing_codes, found.uneven_period, found.dnl) == (1.0, (), 0, 0.0)
    assert not found.is_rescaled


@pytest.mark.parametrize(("period", "amplitude"), [(2, 0.1), (4, 0.3), (16, 0.3)])
@pytest.mark.parametrize("preset", ["ccd", "flat"])
def test_uneven_codes(period: int, amplitude: float, preset: str) -> None:
    """Period and widths of a converter."""
    widths = uneven_widths(period, amplitude)
    found = quantisation(observe(replace(configure(preset), converter=Converter(16, widths=widths)), seed=2).data)
    assert found.uneven_period == period
    np.testing.assert_allclose(found.uneven_widths, widths, atol=0.06)


def test_missing_codes() -> None:
    """One in eight, and a single pair."""
    every = Converter(16, missing=(3,), missing_period=8)
    found = quantisation(observe(replace(configure("ccd"), converter=every), seed=1).data)
    assert {code % 8 for code in found.missing_codes} == {3}
    assert found.missing_share == pytest.approx(1 / 8, abs=0.03)
    pair = Converter(16, missing=(1190, 1191))
    found = quantisation(observe(replace(configure("ccd"), converter=pair), seed=1).data)
    assert found.missing_codes == (1190, 1191)
    assert found.uneven_period == 0


@pytest.mark.parametrize("step", [1.37, 2.5, 3.0, 7.3])
@pytest.mark.parametrize("first", [0, 5000])
def test_rescaled_integers(step: float, first: int) -> None:
    """The step that software multiplied them with."""
    values = np.random.default_rng(1).normal(800, 30, (400, 400)).round()
    found = quantisation(np.floor(values * step).astype(np.int32) + first)
    assert found.step == pytest.approx(step, rel=2e-3)
    assert found.is_rescaled
    assert found.missing_share == 0


def test_left_justified_codes() -> None:
    """Twelve bits at the upper end of sixteen, with the converter's uneven codes."""
    frame = simulate("ccd", bits=14, left_justify=True, uneven_codes=True)
    found = quantisation(frame.data)
    assert (found.step, found.uneven_period) == (4.0, 4)
    np.testing.assert_allclose(found.uneven_widths, (1.3, 0.9, 1.1, 0.7), atol=0.05)


def test_values_between_integers_have_no_step() -> None:
    found = quantisation(np.random.default_rng(1).normal(0, 1, (50, 50)))
    assert (found.is_integer, found.step, found.used_codes) == (False, 0.0, 2500)


def test_integers_of_a_huge_range_are_not_counted() -> None:
    found = quantisation(np.array([[0, 2**40], [3, 2**41]]))
    assert found.effective_bits == pytest.approx(41)


# Amplifiers


@pytest.mark.parametrize("changes", [{}, {"exptime": 5.0}, {"bits": 14}, {"shape": (512, 600)}])
@pytest.mark.parametrize("seed", [1, 2])
def test_two_amplifiers_and_their_overscan(changes: dict[str, Any], seed: int) -> None:
    """To the column."""
    frame = simulate("ccd", seed=seed, **changes)
    found = amplifiers(frame.data)
    assert found.data == tuple(area.data for area in frame.truth["areas"])
    assert found.overscan == tuple(area.overscan for area in frame.truth["areas"])


def test_four_quadrants() -> None:
    frame = simulate("infrared", shape=(600, 700), seed=1)
    found = amplifiers(frame.data)
    assert (found.columns, found.rows) == ((350,), (300,))
    assert sorted(map(repr, found.data)) == sorted(repr(area.data) for area in frame.truth["areas"])


@pytest.mark.parametrize(("preset", "changes"), [("cmos", {}), ("cmos", {"bayer": True}), ("xray", {})])
def test_one_amplifier_has_no_borders(preset: str, changes: dict[str, Any]) -> None:
    """Neither patterns of columns nor colour filters are borders."""
    found = amplifiers(simulate(preset, **changes).data)
    assert (found.columns, found.rows, found.overscan) == ((), (), ())


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 4), (20, 20)])
def test_frames_too_small_for_borders(shape: tuple[int, int]) -> None:
    found = amplifiers(np.random.default_rng(1).normal(0, 1, shape))
    assert found.regions == ((slice(0, shape[0]), slice(0, shape[1])),)


# Colour filters


@pytest.mark.parametrize(("dy", "dx", "pattern"), [(0, 0, "RGGB"), (1, 0, "GBRG"), (0, 1, "GRBG"), (1, 1, "BGGR")])
def test_phase_of_colour_filters(dy: int, dx: int, pattern: str) -> None:
    frame = simulate("cmos", shape=(513, 515), seed=1, bayer=True)
    found = bayer_phase(frame.data[dy:, dx:])
    assert found.is_mosaic
    assert pattern in found.patterns


@pytest.mark.parametrize("preset", ["ccd", "cmos", "infrared", "bias", "spectrum", "xray"])
def test_no_colour_filters(preset: str) -> None:
    assert not bayer_phase(simulate(preset, seed=1).data).is_mosaic


def test_alternating_columns_are_no_colour_filters() -> None:
    image = np.random.default_rng(1).normal(100, 3, (200, 200))
    image[:, ::2] += 20
    assert not bayer_phase(image).is_mosaic


# Patterns


@pytest.mark.parametrize(("rows", "columns"), [(0.0, 0.0), (1.5, 0.0), (0.0, 2.0), (1.0, 1.0)])
def test_noise_of_rows_and_columns(rows: float, columns: float) -> None:
    """Each apart, and neither where there is none."""
    rng = np.random.default_rng(3)
    image = rng.normal(100, 5, (500, 600)) + rng.normal(0, rows, (500, 1)) + rng.normal(0, columns, (1, 600))
    found = correlated_noise(image, background_map(image))
    assert found.row_noise == pytest.approx(rows, rel=0.12, abs=0.15)
    assert found.column_noise == pytest.approx(columns, rel=0.12, abs=0.15)
    assert found.lag_x == pytest.approx(rows**2 / (25 + rows**2 + columns**2), abs=0.02)
    assert found.lag_y == pytest.approx(columns**2 / (25 + rows**2 + columns**2), abs=0.02)


def test_smooth_noise_correlates_with_its_neighbours() -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 10, (300, 300)), 1.0)
    found = correlated_noise(image, background_map(image))
    assert found.lag_x == pytest.approx(np.exp(-0.25), abs=0.05)


# Cosmic rays


@pytest.mark.parametrize("seed", [1, 2])
def test_cosmic_rays_are_found_and_stars_are_not(seed: int) -> None:
    """Nearly all of the rays of six standard deviations, and hardly a star in ten."""
    preset = configure("ccd")
    preset = replace(preset, detector=replace(preset.detector, cosmic_rate=1.0, hot_pixels=0.0))
    frame = observe(preset, seed=seed, keep_expected=True)
    background = background_map(frame.data, regions=amplifiers(frame.data).regions)
    expected, gain = frame.truth["expected"], frame.truth["gain"][0]
    sigma = np.sqrt(background.total_noise**2 + np.maximum(expected - background.level, 0) / gain)
    rays, count = ndimage.label(frame.data - expected > 6 * sigma, np.ones((3, 3)))
    found = cosmic_rays(frame.data, background, gain=gain)
    hit = ndimage.maximum(found.mask, rays, range(1, count + 1))
    assert np.mean(hit) > 0.9
    stars = source_mask(np.round(expected), background).count
    false = ndimage.label(found.mask & ~ndimage.binary_dilation(rays > 0, iterations=3), np.ones((3, 3)))[1]
    assert false < 0.3 * stars + 5
    assert found.share == pytest.approx(found.mask.mean())


def test_noise_has_no_cosmic_rays() -> None:
    image = np.random.default_rng(1).normal(100, 5, (500, 500))
    assert cosmic_rays(image, background_map(image)).count <= 2
