"""Shapes: whether a codec makes sources rounder, longer or wider, as weak lensing would notice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.compare.centroids import Windowed
from astrocodec.analysis.compare.fluxes import middle_and_scatter

__all__ = ["ShapeChange", "compare_shapes"]

_LEAST_FOR_SLOPE = 8


@dataclass(frozen=True)
class ShapeChange:
    """
    Change of second moments under a Gaussian window as wide as the stars, B less A.

    With moments Q the ellipticities are e1 = (Qxx - Qyy) / (Qxx + Qyy) and e2 = 2 Qxy / (Qxx + Qyy), the size is
    Qxx + Qyy.

    Attributes
    ----------
    count : int
        Sources that were measured.
    e1, e2 : float
        Median change of the ellipticity: the additive bias.
    e1_sigma, e2_sigma, size_sigma : float
        Median change in units of each measurement's own error.
    e1_error_sigma, e2_error_sigma, size_error_sigma : float
        How far chance alone brings these medians from 0.
    slope : float or None
        Change of the ellipticity per ellipticity, both components: the multiplicative bias m; None of few sources.
    size_percent : float
        Median change of the size, %.
    """

    count: int
    e1: float
    e2: float
    e1_sigma: float
    e2_sigma: float
    size_sigma: float
    e1_error_sigma: float
    e2_error_sigma: float
    size_error_sigma: float
    slope: float | None
    size_percent: float


def compare_shapes(found: Windowed) -> ShapeChange | None:
    """
    Measure by how much shapes changed.

    Parameters
    ----------
    found : Windowed
        From `windowed`.

    Returns
    -------
    ShapeChange or None
        None where no source has moments in both images.

    Examples
    --------
    >>> from astrocodec.analysis import background_map
    >>> from astrocodec.analysis.compare.catalogue import Catalogue
    >>> from astrocodec.analysis.compare.centroids import windowed
    >>> y, x = np.mgrid[:120, :120]
    >>> star = lambda a: 9000 * np.exp(-(((x - 60) / a) ** 2 + (y - 60) ** 2) / (2 * 1.5**2)) / (2 * np.pi * a * 1.5**2)
    >>> image = np.random.default_rng(1).normal(100, 5, (120, 120)) + star(1)
    >>> longer = star(1.1) - star(1)
    >>> found = compare_shapes(windowed(image, longer, background_map(image), Catalogue.of(60, 60, fwhm=3.5)))
    >>> round(found.e1, 2), abs(found.e2) < 1e-3, round(found.size_percent)
    (0.04, True, 5)
    """
    before, error = _moments(found, found.a, found.at_a)
    after, _ = _moments(found, found.b, found.at_b)
    good = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1) & (before[:, 2] > 0) & (after[:, 2] > 0)
    if not good.any():
        return None
    before, after, error = before[good], after[good], error[good]
    change = after - before
    (e1, _, e1_error), (e2, _, e2_error), (size, _, size_error) = (
        middle_and_scatter(column) for column in (change / error).T
    )
    medians = np.median(change, axis=0)
    return ShapeChange(
        len(change),
        float(medians[0]),
        float(medians[1]),
        e1,
        e2,
        size,
        e1_error,
        e2_error,
        size_error,
        _slope(before[:, :2], change[:, :2], error[:, :2]),
        float(100 * np.median(change[:, 2] / before[:, 2])),
    )


def _moments(
    found: Windowed, light: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """e1, e2 and size of each source, and their errors from the background's noise, [source, 3]."""
    dx, dy = found.stamps.offsets(at[:, 0], at[:, 1])
    window = np.exp(-(dx**2 + dy**2) / (2 * found.sigma**2))
    squares = dx**2 + dy**2, dx**2 - dy**2, 2 * dx * dy
    with np.errstate(divide="ignore", invalid="ignore"):
        total = (window * light).sum(axis=(1, 2))
        size, plus, cross = ((window * light * square).sum(axis=(1, 2)) / total for square in squares)
        values = np.column_stack([plus / size, cross / size, size])
        # Derivatives by the light of a pixel, times its noise.
        slopes = (
            (squares[1] - (plus / size)[:, None, None] * squares[0]) / size[:, None, None],
            (squares[2] - (cross / size)[:, None, None] * squares[0]) / size[:, None, None],
            squares[0] - size[:, None, None],
        )
        errors = np.column_stack(
            [np.sqrt(((window * found.noise * slope) ** 2).sum(axis=(1, 2))) / np.abs(total) for slope in slopes]
        )
    return values, errors


def _slope(before: NDArray[np.float64], change: NDArray[np.float64], error: NDArray[np.float64]) -> float | None:
    """Straight line through change over ellipticity, weighted, both components together."""
    if len(before) < _LEAST_FOR_SLOPE:
        return None
    weight = 1 / error**2
    centred = before - (weight * before).sum(axis=0) / weight.sum(axis=0)
    spread = float((weight * centred**2).sum())
    return float((weight * centred * change).sum()) / spread if spread else None
