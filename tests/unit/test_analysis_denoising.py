"""Measures of a denoised image where the truth is known, and the filters beside it."""

import numpy as np
import pytest

from astrocodec.analysis import (
    cross_correlation,
    fft_filtered,
    flux_edges,
    flux_histogram,
    gaussian_filtered,
    histogram_discrepancy,
    mean_relative_error,
    peak_loss,
)


def sky(seed: int = 0) -> np.ndarray:
    """Smooth light above zero."""
    return np.exp(gaussian_filtered(np.random.default_rng(seed).normal(0, 20, (96, 128)), 4.0))


def test_correlation_of_an_image_falls_with_separation_and_noise() -> None:
    """As slowly as the image is smooth; noise takes from it at all separations alike."""
    truth = sky()
    own = cross_correlation(truth, truth, 20)
    assert own[0] == pytest.approx(1.0)
    assert own[3] > own[8] > own[16]
    noise = np.random.default_rng(1).normal(0, truth.std(), truth.shape)
    cross = cross_correlation(truth, truth + noise, 20)
    assert cross[0] == pytest.approx(1 / np.sqrt(2), abs=0.03)
    assert cross[3] / own[3] == pytest.approx(1 / np.sqrt(2), abs=0.03)


def test_correlation_of_a_shift_is_where_the_shift_is() -> None:
    """Averaged over directions; against equation 8 of the paper, pair by pair."""
    noise = np.random.default_rng(2).normal(size=(40, 50))
    a, b = noise[:, :-5], noise[:, 5:]
    found = cross_correlation(a, b, 8)
    assert int(np.argmax(found)) == 5
    x, y = (image - image.mean() for image in (a, b))
    expected = []
    for k in range(-8, 9):
        for m in range(-8, 9):
            if round(float(np.hypot(k, m))) == 3:
                first = x[max(-k, 0) : 40 - max(k, 0), max(-m, 0) : 45 - max(m, 0)]
                second = y[max(k, 0) : 40 + min(k, 0), max(m, 0) : 45 + min(m, 0)]
                expected.append((first * second).mean() / a.std() / b.std())
    assert found[3] == pytest.approx(np.mean(expected))


def test_masked_pixels_do_not_count() -> None:
    """However bright they are."""
    truth = sky()
    spoiled, mask = truth.copy(), np.zeros(truth.shape, bool)
    spoiled[10:20, 30:40] = 1e6
    mask[10:20, 30:40] = True
    assert cross_correlation(truth, spoiled, 4)[0] < 0.3
    assert cross_correlation(truth, spoiled, 4, mask=mask)[0] == pytest.approx(1.0)


def test_histograms_and_errors_are_those_of_the_paper() -> None:
    """Equations A1 and 7."""
    truth = np.geomspace(0.01, 10, 1000).reshape(20, 50)
    edges = flux_edges(0.01, 10.0, 5)
    assert len(edges) == 16
    assert flux_histogram(truth, edges).sum() == 1000
    assert histogram_discrepancy(truth, truth, edges) == 0
    assert histogram_discrepancy(truth, np.zeros_like(truth), edges) == 1
    assert histogram_discrepancy(truth, 10**0.2 * truth, edges) == pytest.approx(1 / 15, abs=0.02)
    assert mean_relative_error(truth, 0.8 * truth, 0.1) == pytest.approx(0.2)
    assert np.isnan(mean_relative_error(truth, truth, 100.0))


def test_peaks_that_blur_are_dimmed() -> None:
    """Of stars by what smoothing leaves of them."""
    image = np.zeros((80, 80))
    image[20::40, 20::40] = 100.0
    stars = gaussian_filtered(image, 1.5)
    found = peak_loss(stars, gaussian_filtered(stars, 2.0), 1.0)
    assert found.sources == 4
    assert found.ratio == pytest.approx(1.5**2 / (1.5**2 + 2.0**2), rel=0.03)
    assert peak_loss(stars, stars, 50.0).sources == 0


def test_the_fourier_filter_keeps_what_is_below_its_cut() -> None:
    """And nothing above."""
    x = np.arange(64)
    slow, fast = np.cos(2 * np.pi * 4 * x / 64), np.cos(2 * np.pi * 20 * x / 64)
    assert np.allclose(fft_filtered(np.tile(slow + fast, (32, 1)), 0.2), np.tile(slow, (32, 1)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cross_correlation(np.ones((4, 4)), np.ones((4, 5)), 1), r"\(4, 4\) and \(4, 5\)"),
        (lambda: cross_correlation(np.ones((4, 4)), np.ones((4, 4)), 4), "radius is 4, allowed are 0 to 3"),
        (lambda: mean_relative_error([[1.0]], [[1.0]], 0.0), "threshold is 0.0"),
        (lambda: flux_edges(1.0, 0.5), "from 1.0 to 0.5"),
        (lambda: fft_filtered(np.ones(4), 0.1), r"shape \(4,\)"),
        (lambda: gaussian_filtered(np.ones((4, 4)), -1.0), "sigma is -1.0"),
    ],
)
def test_wrong_arguments_are_named(call, words: str) -> None:
    """With what was found."""
    with pytest.raises(ValueError, match=words):
        call()
