"""Entropy of rounded noise against direct sums, and the step that adds a given share of noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

special = pytest.importorskip("scipy.special", reason="scipy is not installed")

from astrocodec.analysis.noise.entropy import gaussian_bits, gaussian_bits_of, poisson_read_bits_of  # noqa: E402
from astrocodec.analysis.noise.step import suggested_step  # noqa: E402

PHASES = (np.arange(32) + 0.5) / 32 - 0.5


def entropy(chances: np.ndarray) -> float:
    """Mean entropy of distributions, one in each row."""
    return float(-(chances * np.log2(np.where(chances > 0, chances, 1))).sum(axis=-1).mean())


def direct_bits(electrons: float, gain: float, read_noise: float) -> float:
    """Poisson numbers and Gaussian noise, code by code."""
    n = np.arange(int(electrons + 12 * math.sqrt(electrons) + 20))
    photons = np.exp(n * math.log(max(electrons, 1e-300)) - electrons - special.gammaln(n + 1))
    reach = math.ceil(n[-1] / gain + 9 * read_noise / gain) + 2
    edges = np.arange(-math.ceil(9 * read_noise / gain) - 2, reach + 1) - 0.5
    rows = []
    for phase in PHASES[::4] + 1.5 / 32:
        below = special.ndtr((edges[:, None] - phase - n / gain) / max(read_noise / gain, 1e-7))
        rows.append(np.diff(below, axis=0) @ photons)
    return entropy(np.array(rows))


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.25, 0.5, 0.79, 0.81, 1.0, 3.0, 50.0])
def test_entropy_of_gaussian_noise_is_the_sum_over_codes(sigma: float) -> None:
    """Averaged over where between two codes the mean lies."""
    edges = np.arange(-600, 602) - 0.5 - PHASES[:, None]
    assert gaussian_bits(sigma) == pytest.approx(entropy(np.diff(special.ndtr(edges / sigma), axis=1)), abs=2e-3)


def test_entropy_of_no_noise_is_zero_and_of_wide_noise_the_formula() -> None:
    """Pence, Seaman and White's."""
    assert gaussian_bits(0.0) == 0.0
    assert gaussian_bits(1000.0) == pytest.approx(math.log2(1000 * math.sqrt(2 * math.pi * math.e)), abs=1e-6)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_noise_has_more_entropy(one: float, other: float) -> None:
    """And arrays give what numbers give."""
    few, many = gaussian_bits_of(np.array(sorted((one, other))))
    assert 0 <= few <= many + 1e-9
    assert few == pytest.approx(gaussian_bits(min(one, other)))


@pytest.mark.parametrize("electrons", [0.0, 0.03, 1.0, 12.0, 95.0, 105.0, 700.0])
@pytest.mark.parametrize(("gain", "read_noise"), [(1.0, 0.0), (1.6, 5.2), (0.2, 0.25), (25.0, 4.0), (3.7, 1.1)])
def test_entropy_of_photons_and_read_noise_is_exact(electrons: float, gain: float, read_noise: float) -> None:
    """Countable electrons, converters coarser than the noise, and everything between."""
    found = float(poisson_read_bits_of(np.array([electrons]), gain, read_noise)[0])
    assert found == pytest.approx(direct_bits(electrons, gain, read_noise), abs=0.006)


@pytest.mark.parametrize(("gain", "read_noise"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (math.nan, 1.0)])
def test_impossible_detectors_are_refused(gain: float, read_noise: float) -> None:
    with pytest.raises(ValueError, match="gain"):
        poisson_read_bits_of([1.0], gain, read_noise)


@settings(max_examples=50)
@given(st.floats(1e-3, 1e6), st.sampled_from([0.0, 1.0, 16.0]), st.floats(0.001, 0.5))
def test_the_suggested_step_adds_no_more_than_asked_and_the_next_would(noise: float, unit: float, added: float) -> None:
    """By the variances of rounding."""
    found = suggested_step(noise, added=added, unit=unit)
    assert found.step >= unit
    assert found.added_noise <= added * (1 + 1e-6)
    before = noise**2 + unit**2 / 12
    wider = found.step + unit if unit else 1.001 * found.step
    assert math.sqrt(1 + (wider**2 - unit**2) / 12 / before) - 1 > added * (1 - 1e-6)
    assert found.saved_bits >= 0


def test_one_percent_of_noise_is_half_a_standard_deviation() -> None:
    """sqrt(1 + step^2 / (12 sigma^2)) = 1.01."""
    assert suggested_step(200.0, unit=0.0).step / 200 == pytest.approx(math.sqrt(12 * (1.01**2 - 1)))
    assert suggested_step(200.0).saved_bits == pytest.approx(math.log2(98), abs=0.02)


def test_rounding_adds_the_noise_that_is_said() -> None:
    """Measured on rounded numbers."""
    values = np.random.default_rng(1).normal(0, 60, 400_000).round()
    step = suggested_step(60.0).step
    coarse = np.rint(values / step) * step
    assert coarse.std() / values.std() - 1 == pytest.approx(suggested_step(60.0).added_noise, abs=0.001)
