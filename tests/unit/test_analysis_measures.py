"""The measures astronomers trust: each finds a change that is known, and its errors are those of repeated frames."""

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("photutils")
pytest.importorskip("skimage")

from astrocodec.analysis import background_map
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.comparison import Comparison, compare
from astrocodec.analysis.compare.page import comparison_rows
from astrocodec.analysis.compare.psf_fluxes import compare_psf_fluxes
from astrocodec.analysis.compare.source_changes import SourceChanges, compare_sources

FWHM, SIDE, NOISE = 3.5, 484, 5.0
SIGMA = FWHM / 2.3548


def field(shift: float = 0.0, longer: float = 1.0, share: float = 1.0) -> tuple[np.ndarray, Catalogue]:
    """Gaussian stars of SNR 8 to 400 on a grid, at fractions of pixels, with ellipticities of their own."""
    rng = np.random.default_rng(5)
    places = np.arange(22, SIDE - 20, 22)
    x, y = (axis.ravel() + rng.uniform(-0.5, 0.5, axis.size) for axis in np.meshgrid(places, places))
    flux = np.geomspace(300, 15_000, x.size)
    rng.shuffle(flux)
    axes = rng.uniform(0.9, 1.1, x.size)
    image = np.zeros((SIDE, SIDE))
    rows, columns = np.mgrid[-10:11, -10:11]
    for x0, y0, f, a in zip(x, y, flux, axes, strict=True):
        column, row = round(x0), round(y0)
        dx, dy = columns + column - x0 - shift, rows + row - y0
        wide, tall = SIGMA * a * longer, SIGMA / a
        star = np.exp(-((dx / wide) ** 2 + (dy / tall) ** 2) / 2) / (2 * np.pi * wide * tall)
        image[row - 10 : row + 11, column - 10 : column + 11] += share * f * star
    return image, Catalogue.of(x, y, flux, fwhm=FWHM)


@pytest.fixture(scope="module")
def measured() -> Callable[[np.ndarray], SourceChanges]:
    """Compares the field with what it became by a residual."""
    clean, truth = field()
    image = clean + np.random.default_rng(6).normal(100, NOISE, clean.shape)
    background = background_map(image)
    return lambda residual: compare_sources(image, residual, background, truth)


def test_noise_once_more_scatters_by_the_stated_errors(measured: Callable[[np.ndarray], SourceChanges]) -> None:
    """A residual as strong as the noise moves each measurement by one of its own errors, and biases none."""
    found = measured(np.random.default_rng(7).normal(0, NOISE, (SIDE, SIDE)))
    for fluxes in (found.fluxes, found.psf_fluxes):
        assert fluxes is not None
        assert np.std(fluxes.change / fluxes.noise) == pytest.approx(1, abs=0.12)
        assert all(abs(one.bias_sigma) < 4 * one.bias_error_sigma for one in fluxes.bins if one.count > 20)
    assert found.centroids is not None
    assert found.centroids.scatter_sigma == pytest.approx(1, abs=0.12)
    assert abs(found.centroids.x_sigma) < 4 * found.centroids.x_error_sigma
    assert found.shapes is not None
    for error in (found.shapes.e1_error_sigma, found.shapes.e2_error_sigma, found.shapes.size_error_sigma):
        assert error * np.sqrt(found.shapes.count) / np.sqrt(np.pi / 2) == pytest.approx(1, abs=0.2)


def test_lost_light_is_found(measured: Callable[[np.ndarray], SourceChanges]) -> None:
    """Two percent of every star."""
    found = measured(field(share=0.98)[0] - field()[0])
    assert found.fluxes is not None
    assert found.psf_fluxes is not None
    for one in found.psf_fluxes.bins:
        assert one.bias_percent == pytest.approx(-2, abs=0.1)
    last = found.psf_fluxes.bins[-1]
    assert last.bias_sigma == pytest.approx(
        -0.02 * np.median(found.psf_fluxes.snr[found.psf_fluxes.snr >= last.low]), rel=0.05
    )
    assert [one.bias_percent for one in found.fluxes.bins] == pytest.approx([-2] * len(found.fluxes.bins), abs=0.2)


def test_a_shift_is_found(measured: Callable[[np.ndarray], SourceChanges]) -> None:
    """A twentieth of a pixel along x, none along y."""
    found = measured(field(shift=0.05)[0] - field()[0]).centroids
    assert found is not None
    assert found.count == 441
    assert found.x == pytest.approx(0.05, abs=0.002)
    assert found.y == pytest.approx(0, abs=0.002)
    assert found.x_sigma > 10 * abs(found.y_sigma)


def test_longer_stars_are_found(measured: Callable[[np.ndarray], SourceChanges]) -> None:
    """Moments under the window are those of 1 / (1 / s**2 + 1 / w**2)."""
    found = measured(field(longer=1.1)[0] - field()[0]).shapes
    assert found is not None
    wide, tall = (1 / (1 / s**2 + 1) for s in (1.1, 1))
    assert found.e1 == pytest.approx((wide - tall) / (wide + tall), rel=0.1)
    assert found.e2 == pytest.approx(0, abs=0.003)
    assert found.size_percent == pytest.approx(100 * ((wide + tall) / (2 * tall) - 1), rel=0.1)


def test_rounder_stars_are_a_multiplicative_bias(measured: Callable[[np.ndarray], SourceChanges]) -> None:
    """A residual that takes a tenth of each star's difference from its image with x and y exchanged."""
    clean, truth = field()
    turned = np.zeros_like(clean)
    for x, y in np.rint(np.column_stack([truth.x, truth.y])).astype(int):
        here = (slice(y - 10, y + 11), slice(x - 10, x + 11))
        turned[here] = clean[here].T
    found = measured(0.05 * (turned - clean)).shapes
    assert found is not None
    assert found.slope == pytest.approx(-0.1, abs=0.03)


def test_psf_fluxes_are_those_of_photutils() -> None:
    """With the place fixed, and equal noise everywhere."""
    psf = pytest.importorskip("photutils.psf")
    table = pytest.importorskip("astropy.table")
    clean, truth = field()
    image = clean + np.random.default_rng(6).normal(0, NOISE, clean.shape)
    few = Catalogue(truth.x[:4], truth.y[:4], None, FWHM)
    model = psf.CircularGaussianPRF(fwhm=SIGMA * 2.3548)
    model.fwhm.fixed = model.x_0.fixed = model.y_0.fixed = True
    start = table.Table({"x": few.x, "y": few.y, "flux": np.full(4, 1000.0)})
    fitted = psf.PSFPhotometry(model, (13, 13))(image, init_params=start)
    background = background_map(image)
    flat = type(background)(np.zeros_like(image), np.full_like(image, NOISE), 50, 0.0)
    found = compare_psf_fluxes(image, np.zeros_like(image), flat, few)
    assert found is not None
    assert found.flux == pytest.approx(np.asarray(fitted["flux_fit"]), rel=1e-3)


@pytest.fixture(scope="module")
def changed() -> Comparison:
    """Ten of the stars are gone, three are new, the sky is 0.5 ADU higher and noisier."""
    clean, truth = field()
    rng = np.random.default_rng(8)
    image = clean + rng.normal(100, NOISE, clean.shape)
    other = image + rng.normal(0.5, 2.0, image.shape)
    assert truth.flux is not None
    for number in np.argsort(-truth.flux)[:10]:
        x, y = round(truth.x[number]), round(truth.y[number])
        here = (slice(y - 10, y + 11), slice(x - 10, x + 11))
        other[here] -= clean[here]
    for x, y in ((33, 33), (55, 77), (121, 33)):
        other[y - 2 : y + 3, x - 2 : x + 3] += 60
    return compare(image, other, truth=truth)


def test_what_is_gone_and_what_is_new(changed: Comparison) -> None:
    """Completeness and purity, in all and in the bin of the brightest."""
    seen = changed.detections
    assert seen is not None
    assert seen.has_truth
    assert seen.completeness_a is not None
    assert seen.completeness_a > 0.95
    assert seen.completeness_b == pytest.approx(seen.completeness_a - 10 / seen.count, abs=0.012)
    assert seen.purity_a == 1
    assert seen.purity_b == pytest.approx(1 - 3 / seen.found_b, abs=0.003)
    brightest = seen.bins[0]
    assert brightest.completeness_a == 1
    assert brightest.completeness_b == pytest.approx(1 - 10 / brightest.count)
    assert -2.5 * np.log10(15_000) == pytest.approx((brightest.low + brightest.high) / 2, abs=1)


def test_the_sky_is_another(changed: Comparison) -> None:
    """Level and noise."""
    assert changed.sky is not None
    assert changed.sky.level == pytest.approx(0.5, abs=0.05)
    assert changed.sky.level_sigma == pytest.approx(0.1, abs=0.01)
    assert changed.sky.noise_ratio == pytest.approx(np.hypot(NOISE, 2) / NOISE, abs=0.01)


def test_the_table_tells_all(changed: Comparison) -> None:
    """What people read, and what programs read."""
    rows = dict(comparison_rows(changed))
    for name in ("sky level", "size of sources", "PSNR"):
        assert name in rows
    assert any(name.startswith("PSF flux of") for name in rows)
    assert any(name.startswith("completeness of 441 true sources") for name in rows)
    assert changed.to_dict()["detections"]["count"] == 441


def test_a_catalogue_is_of_equal_columns() -> None:
    """Said with their shapes."""
    with pytest.raises(ValueError, match=r"\(1,\), \(2,\)"):
        Catalogue.of([1.0], [2.0, 3.0])
    with pytest.raises(ValueError, match="NaN"):
        Catalogue.of([1.0], [np.nan])
