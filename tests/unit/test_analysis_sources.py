"""Sources against the truth: what is found, what is not there, and pixels that are no stars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("photutils", reason="photutils is not installed")

from scipy.special import erf

from astrocodec.analysis import analyse_frame, background_map, source_mask
from astrocodec.analysis.detector.amplifiers import Amplifiers
from astrocodec.analysis.signal.seeing import FWHM, seeing, without_sharp

NOISE = 10.0
SHAPE = (600, 600)


def stars(fwhm: float, ratios: NDArray[Any], seed: int) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
    """Gaussian stars of given signal-to-noise ratios, optimally weighted, in noise; and the pixels where they are."""
    rng = np.random.default_rng(seed)
    sigma = fwhm / FWHM
    image = rng.normal(1000, NOISE, SHAPE)
    y, x = (rng.uniform(12, side - 12, ratios.size) for side in SHAPE)
    edges = [np.arange(side + 1) - 0.5 for side in SHAPE]
    for cy, cx, ratio in zip(y, x, ratios, strict=True):
        light = (np.diff(erf((edge - c) / sigma / 2**0.5)) / 2 for edge, c in zip(edges, (cy, cx), strict=True))
        image += ratio * NOISE * 2 * np.pi**0.5 * sigma * np.outer(*light)
    return image.round(), np.rint(y).astype(int), np.rint(x).astype(int)


@pytest.mark.parametrize(("fwhm", "least"), [(1.5, 12), (2.0, 12), (3.0, 9), (4.5, 8), (8.0, 9)])
def test_stars_of_any_width_are_found_and_nothing_else(fwhm: float, least: float) -> None:
    """From a ratio on that is well below what a single pixel shows: its own is a third of that or less."""
    ratios = np.geomspace(least, 200, 60)
    image, y, x = stars(fwhm, ratios, int(10 * fwhm))
    found = source_mask(image, background_map(image))
    assert found.fwhm == pytest.approx(fwhm, rel=0.12)
    hit = found.labels[y, x] > 0
    assert hit.mean() > 0.96
    assert hit[ratios > 1.6 * least].all()
    assert found.count - np.unique(found.labels[y, x][hit]).size <= 1, "sources without a star"


def test_faint_and_wide_stars_need_the_kernel() -> None:
    """As of a globular cluster in a small camera: no pixel of them stands out of the noise."""
    image, y, x = stars(9.0, np.full(30, 14.0), 4)
    background = background_map(image)
    found = source_mask(image, background)
    assert found.fwhm > 5
    assert (found.labels[y, x] > 0).mean() > 0.8
    narrow = source_mask(image, background, fwhm=1.5)
    assert (narrow.labels[y, x] > 0).mean() < 0.5


def test_noise_has_no_sources() -> None:
    for seed in range(3):
        image = np.random.default_rng(seed).normal(1000, NOISE, (1000, 1000)).round()
        assert source_mask(image, background_map(image)).count == 0


def test_hot_pixels_are_no_sources() -> None:
    """Alone, in pairs, and with what leaks of them to their neighbours."""
    rng = np.random.default_rng(2)
    dark = rng.normal(1000, 3, (1000, 1000))
    hot = rng.random(dark.shape) < 3e-3
    dark[hot] += rng.exponential(300, hot.sum())
    for y, x in rng.integers(5, 995, (40, 2)):
        dark[y, x] += 5000
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            dark[y + dy, x + dx] += 40
    for y, x in rng.integers(5, 995, (40, 2)):
        dark[y, x : x + 2] += 700
    dark = dark.round()
    assert source_mask(dark, background_map(dark)).count <= 4


def test_a_bad_column_is_not_many_sources() -> None:
    image = np.random.default_rng(3).normal(1000, NOISE, SHAPE)
    image[:, 100] += 2.5 * NOISE
    image[:, 599] += 3 * NOISE
    assert source_mask(image.round(), background_map(image.round())).count == 0


def test_a_spectrum_stays_a_source() -> None:
    """It is wider than a column."""
    image = np.random.default_rng(3).normal(1000, NOISE, SHAPE)
    image += 60 * np.exp(-((np.arange(600) - 300) ** 2) / 8)
    found = source_mask(image.round(), background_map(image.round()))
    assert found.mask[:, 298:303].mean() > 0.8


def test_single_photons_are_no_sources() -> None:
    """Each stands far above a noise that is nearly nothing."""
    for mean in (0.002, 0.02, 0.3):
        counts = np.random.default_rng(5).poisson(mean, (500, 500))
        assert source_mask(counts, background_map(counts)).count == 0
        counts[200:204, 300:304] += np.random.default_rng(6).poisson(3, (4, 4))
        found = source_mask(counts, background_map(counts))
        assert found.count == 1
        assert found.labels[202, 302] == 1


def test_nothing_is_a_source_where_there_is_no_light() -> None:
    image, _, _ = stars(3.0, np.full(10, 50.0), 7)
    image[300:306, 580:590] += 500
    whole = slice(0, 600)
    layout = Amplifiers((560,), (), ((whole, slice(0, 560)),), ((whole, slice(560, 600)),))
    found = analyse_frame(image.astype(np.uint16), layout=layout).segmentation
    assert found is not None
    assert found.count > 5
    assert (found.labels[:, 560:] == 0).all()


def test_seeing_is_not_told_where_there_are_no_stars() -> None:
    noise = np.random.default_rng(8).normal(0, 1, SHAPE)
    assert seeing(noise) is None
    spectrum = noise + 50 * np.exp(-((np.arange(600) - 300) ** 2) / 8)
    assert seeing(spectrum) is None
    for shape in ((1, 1), (1, 50), (3, 3), (17, 16)):
        assert seeing(np.full(shape, 100.0)) is None
        assert without_sharp(np.full(shape, 100.0)).shape == shape
