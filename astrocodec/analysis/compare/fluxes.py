"""Fluxes: what a codec did to the brightness of the sources, against their signal-to-noise ratio."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SNR_EDGES", "FluxBin", "Fluxes", "binned_fluxes", "middle_and_scatter"]

SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, math.inf)
# The scatter of a median of Gaussian values is that of their mean times sqrt(pi / 2).
_OF_MEDIAN = math.sqrt(math.pi / 2)


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
    bias_error_sigma : float
        How far chance alone brings the median of so many sources with this scatter from 0, same units.
    """

    low: float
    high: float
    count: int
    bias_percent: float
    bias_sigma: float
    scatter_sigma: float
    bias_error_sigma: float = math.nan


@dataclass(frozen=True, eq=False)
class Fluxes:
    """
    Fluxes of sources, measured in both images at the same places in the same way.

    Attributes
    ----------
    radius : float
        Of the apertures, pixels; of profiles half of their width at half maximum.
    snr, flux, change : ndarray
        Per source: signal-to-noise ratio, flux in A and flux in B less flux in A, ADU. The ratio is that of the true
        flux where it is known.
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


def middle_and_scatter(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median, scatter from the 16th and 84th percentiles, and the error of the median that this scatter makes.

    Examples
    --------
    >>> [round(value, 2) for value in middle_and_scatter(np.random.default_rng(1).normal(3, 2, 100_000))]
    [2.99, 1.98, 0.01]
    """
    left, middle, right = map(float, np.percentile(values, (16, 50, 84)))
    scatter = (right - left) / 2
    return middle, scatter, _OF_MEDIAN * scatter / math.sqrt(values.size)


def binned_fluxes(
    radius: float,
    flux: NDArray[np.float64],
    change: NDArray[np.float64],
    noise: NDArray[np.float64],
    true_flux: NDArray[np.float64] | None = None,
) -> Fluxes | None:
    """Sort measured fluxes by signal-to-noise ratio; None without one that is positive and has a noise."""
    known = flux if true_flux is None else true_flux
    good = (known > 0) & (noise > 0) & np.isfinite(change)
    if not good.any():
        return None
    flux, change, noise, known = flux[good], change[good], noise[good], known[good]
    snr = known / noise
    bins = (_bin(low, high, snr, known, change, noise) for low, high in itertools.pairwise(SNR_EDGES))
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
    middle, scatter, error = middle_and_scatter(change[within] / noise[within])
    percent = float(100 * np.median(change[within] / flux[within]))
    return FluxBin(low, high, int(within.sum()), percent, middle, scatter, error)
