"""Centroids: whether a codec moves sources, in units of how well their places are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.fluxes import middle_and_scatter
from astrocodec.analysis.compare.stamps import Stamps, cut_stamps, window_sigma

__all__ = ["CentroidShift", "Windowed", "compare_centroids", "windowed"]

_PASSES = 12


@dataclass(frozen=True)
class CentroidShift:
    """
    Shift of the sources' centroids, B less A.

    Attributes
    ----------
    count : int
        Sources that were measured.
    x, y : float
        Median shift, pixels.
    x_sigma, y_sigma : float
        Median shift in units of each centroid's error.
    x_error_sigma, y_error_sigma : float
        How far chance alone brings these medians from 0.
    scatter_sigma : float
        Scatter of the shifts, both axes together, in units of the error.
    """

    count: int
    x: float
    y: float
    x_sigma: float
    y_sigma: float
    x_error_sigma: float
    y_error_sigma: float
    scatter_sigma: float


@dataclass(frozen=True, eq=False)
class Windowed:
    """
    Sources measured under a Gaussian window as wide as the stars, in both images.

    Attributes
    ----------
    stamps : Stamps
        Squares around those that were measured.
    sigma : float
        Of the window, pixels.
    a, b : ndarray, [source, y, x]
        Light above the background of A, ADU.
    noise : ndarray, [source, y, x]
        ADU.
    at_a, at_b : ndarray, [source, (x, y)]
        Centroids, pixels from 0.
    """

    stamps: Stamps
    sigma: float
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    noise: NDArray[np.float64]
    at_a: NDArray[np.float64]
    at_b: NDArray[np.float64]


def windowed(
    image: NDArray[Any], residual: NDArray[Any], background: Background, sources: Catalogue
) -> Windowed | None:
    """Find the centroids of sources in both images; None without one. What is not a peak in both is left out."""
    sigma = window_sigma(sources.fwhm)
    stamps = cut_stamps(image.shape, sources.x, sources.y, sigma)
    start = np.column_stack([sources.x, sources.y])[stamps.which]
    a, change = stamps.of(image - background.level), stamps.of(residual)
    noise = stamps.of(background.total_noise)
    known = np.isfinite(change).all(axis=(1, 2)) & (noise > 0).all(axis=(1, 2))
    b = a + np.nan_to_num(change)
    at_a, at_b = (_settle(stamps, light, start, sigma) for light in (a, b))
    good = known & np.isfinite(at_a).all(axis=1) & np.isfinite(at_b).all(axis=1)
    if not good.any():
        return None
    kept = Stamps(stamps.rows[good], stamps.columns[good], stamps.which[good], stamps.half)
    return Windowed(kept, sigma, a[good], b[good], noise[good], at_a[good], at_b[good])


def _settle(
    stamps: Stamps, light: NDArray[np.float64], start: NDArray[np.float64], sigma: float
) -> NDArray[np.float64]:
    """Move windows until they lie on their centroids, as SExtractor's XWIN_IMAGE; NaN where they do not stay."""
    at = start.copy()
    for _ in range(_PASSES):
        dx, dy = stamps.offsets(at[:, 0], at[:, 1])
        weight = light * np.exp(-(dx**2 + dy**2) / (2 * sigma**2))
        total = weight.sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Twice, since the window halves the distance of a star of its own width.
            step = 2 * np.column_stack([(weight * d).sum(axis=(1, 2)) / total for d in (dx, dy)])
        step[(total <= 0) | (np.abs(step) > stamps.half).any(axis=1)] = np.nan
        at += step
    at[np.hypot(*(at - start).T) > 2 * sigma + 1] = np.nan
    return at


def compare_centroids(found: Windowed) -> CentroidShift:
    """
    Measure by how much centroids moved.

    The error of a centroid is that of SExtractor's ERRX2WIN: 4 * sum(w**2 * noise**2 * dx**2) / sum(w * light)**2, of
    the background's noise.

    Parameters
    ----------
    found : Windowed
        From `windowed`.

    Returns
    -------
    CentroidShift

    Examples
    --------
    >>> from astrocodec.analysis import background_map
    >>> y, x = np.mgrid[:120, :120]
    >>> star = lambda at: 5000 * np.exp(-((x - at) ** 2 + (y - 60) ** 2) / (2 * 1.5**2)) / (2 * np.pi * 1.5**2)
    >>> image = np.random.default_rng(1).normal(100, 5, (120, 120)) + star(60)
    >>> moved = star(60.1) - star(60)
    >>> found = compare_centroids(windowed(image, moved, background_map(image), Catalogue.of(60, 60, fwhm=3.5)))
    >>> round(found.x, 2), round(found.y, 2), round(found.x_sigma)
    (0.1, 0.0, 9)
    """
    dx, dy = found.stamps.offsets(found.at_a[:, 0], found.at_a[:, 1])
    window = np.exp(-(dx**2 + dy**2) / (2 * found.sigma**2))
    total = (window * found.a).sum(axis=(1, 2))
    errors = np.column_stack(
        [2 * np.sqrt(((window * found.noise * d) ** 2).sum(axis=(1, 2))) / total for d in (dx, dy)]
    )
    shift = found.at_b - found.at_a
    (x, _, x_error), (y, _, y_error) = (middle_and_scatter(column) for column in (shift / errors).T)
    _, scatter, _ = middle_and_scatter((shift / errors).ravel())
    medians = np.median(shift, axis=0)
    return CentroidShift(len(shift), float(medians[0]), float(medians[1]), x, y, x_error, y_error, scatter)
