"""Apertures: what a codec did to the fluxes of the sources."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.extra import require
from astrocodec.analysis.signal.sources import Segmentation

__all__ = ["FluxBin", "Fluxes", "compare_fluxes"]

_EDGES = (5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, np.inf)
_MOST_SOURCES = 5000


@dataclass(frozen=True)
class FluxBin:
    """
    Sources of similar signal-to-noise ratio.

    Attributes
    ----------
    low, high : float
        Range of the signal-to-noise ratio of their flux.
    count : int
        How many there are.
    bias_percent : float
        Median change of the flux, % of the flux.
    bias_sigma, scatter_sigma : float
        Median change and its scatter (from the 16th and 84th percentiles), in units of the flux's own noise.
    """

    low: float
    high: float
    count: int
    bias_percent: float
    bias_sigma: float
    scatter_sigma: float


@dataclass(frozen=True, eq=False)
class Fluxes:
    """
    Fluxes of the sources of A, measured in both images in the same apertures.

    Attributes
    ----------
    radius : float
        Of the apertures, pixels.
    snr, flux, change : ndarray
        Per source: signal-to-noise ratio, flux in A and flux in B less flux in A, ADU.
    noise : ndarray
        Noise of each flux from the background alone, ADU.
    bins : tuple of FluxBin
        Those that have sources.
    """

    radius: float
    snr: NDArray[np.float64]
    flux: NDArray[np.float64]
    change: NDArray[np.float64]
    noise: NDArray[np.float64]
    bins: tuple[FluxBin, ...]


def compare_fluxes(
    image: NDArray[Any],
    residual: NDArray[Any],
    background: Background,
    sources: Segmentation,
    *,
    radius: float = 4.0,
) -> Fluxes | None:
    """Measure the sources of A in circular apertures (`radius` in pixels), before and after.

    `residual` is B - A, NaN where nothing is known. None without a source whose flux is positive.
    """
    aperture = require("photutils.aperture")
    places = np.column_stack([sources.table["x"], sources.table["y"]])
    bright = np.argsort(-sources.table["snr"])[:_MOST_SOURCES]
    places = places[bright]
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return None
    circles = aperture.CircularAperture(places, radius)
    unknown = ~np.isfinite(residual)
    signal = np.where(unknown, 0.0, image - background.level)
    changes = np.where(unknown, 0.0, residual)
    flux, change, variance = (
        np.asarray(circles.do_photometry(values.astype(np.float64))[0])
        for values in (signal, changes, background.total_noise**2)
    )
    good = (flux > 0) & (variance > 0)
    if not good.any():
        return None
    flux, change, noise = flux[good], change[good], np.sqrt(variance[good])
    snr = flux / noise
    bins = (_bin(low, high, snr, flux, change, noise) for low, high in itertools.pairwise(_EDGES))
    return Fluxes(radius, snr, flux, change, noise, tuple(one for one in bins if one is not None))


def _bin(
    low: float,
    high: float,
    snr: NDArray[np.float64],
    flux: NDArray[np.float64],
    change: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> FluxBin | None:
    within = (snr >= low) & (snr < high)
    if not within.any():
        return None
    sigmas = change[within] / noise[within]
    left, middle, right = np.percentile(sigmas, (16, 50, 84))
    percent = float(100 * np.median(change[within] / flux[within]))
    return FluxBin(low, high, int(within.sum()), percent, float(middle), float((right - left) / 2))
