"""PSF fluxes: the star's profile fitted at places that are known, as point-source photometry does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.fluxes import Fluxes, binned_fluxes
from astrocodec.analysis.compare.stamps import cut_stamps, window_sigma
from astrocodec.analysis.extra import require
from astrocodec.analysis.signal.seeing import FWHM

__all__ = ["compare_psf_fluxes"]


def compare_psf_fluxes(
    image: NDArray[Any], residual: NDArray[Any], background: Background, sources: Catalogue
) -> Fluxes | None:
    """
    Fit a Gaussian profile, integrated over pixels and as wide as the stars, at fixed places, before and after.

    With the place fixed the best fit is a weighted sum of pixels (Naylor 1998, MNRAS 296, 339), so the change of the
    flux is the fit to the residual. It is what photutils' `PSFPhotometry` finds with `CircularGaussianPRF` and fixed
    places.

    Parameters
    ----------
    image, residual : ndarray, [y, x]
        A, and B - A with NaN where nothing is known; ADU.
    background : Background
        Of A.
    sources : Catalogue
        Where to measure. Those so near an edge that the profile does not fit are left out.

    Returns
    -------
    Fluxes or None
        None without a source whose flux is positive.

    Examples
    --------
    >>> from astrocodec.analysis import background_map
    >>> y, x = np.mgrid[:120, :120]
    >>> star = 900 * np.exp(-((x - 60) ** 2 + (y - 60) ** 2) / (2 * 1.5**2)) / (2 * np.pi * 1.5**2)
    >>> image = np.random.default_rng(1).normal(100, 5, (120, 120)) + star
    >>> truth = Catalogue.of(60, 60, 900, fwhm=3.5)
    >>> found = compare_psf_fluxes(image, -0.05 * star, background_map(image), truth)
    >>> round(found.bins[0].bias_percent), round(float(found.snr[0]))
    (-5, 34)
    """
    sigma = window_sigma(sources.fwhm)
    stamps = cut_stamps(image.shape, sources.x, sources.y, sigma)
    if not stamps.which.size:
        return None
    profile = _profile(*stamps.offsets(sources.x[stamps.which], sources.y[stamps.which]), sigma)
    changes = stamps.of(residual)
    variance = stamps.of(background.total_noise) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(np.isfinite(changes) & (variance > 0), profile / variance, 0.0)
        total = (weight * profile).sum(axis=(1, 2))
        flux = (weight * stamps.of(image - background.level)).sum(axis=(1, 2)) / total
        change = (weight * np.nan_to_num(changes)).sum(axis=(1, 2)) / total
        noise = np.sqrt(1 / total)
    true_flux = None if sources.flux is None else sources.flux[stamps.which]
    return binned_fluxes(sigma * FWHM / 2, flux, change, np.where(np.isfinite(noise), noise, 0.0), true_flux)


def _profile(dx: NDArray[np.float64], dy: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """A Gaussian of flux 1 integrated over each pixel."""
    erf, width = require("scipy.special").erf, np.sqrt(2) * sigma
    along_x, along_y = (0.5 * (erf((d + 0.5) / width) - erf((d - 0.5) / width)) for d in (dx, dy))
    return np.asarray(along_y * along_x)
