"""Apertures: fluxes of sources in circles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.fluxes import Fluxes, binned_fluxes
from astrocodec.analysis.extra import require

__all__ = ["compare_fluxes"]


def compare_fluxes(
    image: NDArray[Any],
    residual: NDArray[Any],
    background: Background,
    sources: Catalogue,
    *,
    radius: float = 4.0,
) -> Fluxes | None:
    """
    Measure sources in circular apertures, before and after.

    Parameters
    ----------
    image, residual : ndarray, [y, x]
        A, and B - A with NaN where nothing is known; ADU.
    background : Background
        Of A.
    sources : Catalogue
        Where to measure.
    radius : float, optional
        Of the apertures, pixels.

    Returns
    -------
    Fluxes or None
        None without a source whose flux is positive.

    Examples
    --------
    >>> from astrocodec.analysis import background_map
    >>> image = np.random.default_rng(1).normal(100, 5, (120, 120))
    >>> image[58:63, 58:63] += 80
    >>> lost = np.where(image > 150, -0.02 * 80, 0.0)
    >>> found = compare_fluxes(image, lost, background_map(image), Catalogue.of(60, 60))
    >>> round(found.bins[0].bias_percent)
    -2
    """
    if not sources.count:
        return None
    aperture = require("photutils.aperture")
    circles = aperture.CircularAperture(np.column_stack([sources.x, sources.y]), radius)
    unknown = ~np.isfinite(residual)
    signal = np.where(unknown, 0.0, image - background.level)
    changes = np.where(unknown, 0.0, residual)
    flux, change, variance = (
        np.asarray(circles.do_photometry(values.astype(np.float64))[0])
        for values in (signal, changes, background.total_noise**2)
    )
    return binned_fluxes(radius, flux, change, np.sqrt(np.maximum(variance, 0)), sources.flux)
