"""Fluxes of a denoised image against the truth: relative error, histogram, loss of peaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def image_pair(truth: ArrayLike, found: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two images of one shape as floats; ``ValueError`` for others."""
    first, second = np.asarray(truth, np.float64), np.asarray(found, np.float64)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"images have shapes {first.shape} and {second.shape}: two of one shape [y, x] are needed")
    return first, second


def mean_relative_error(truth: ArrayLike, found: ArrayLike, threshold: float) -> float:
    """
    Mean of ``|truth - found| / truth`` over pixels whose true flux is above `threshold` (the paper's equation 7).

    Parameters
    ----------
    truth, found : array_like, [y, x]
        Flux densities in one unit.
    threshold : float
        In that unit, above 0; the paper's is a thirtieth of the noise.

    Returns
    -------
    float
        NaN where no pixel is above.

    Examples
    --------
    >>> mean_relative_error([[1.0, 4.0, 0.0]], [[0.5, 4.0, 3.0]], 0.1)
    0.25
    """
    if not threshold > 0:
        raise ValueError(f"threshold is {threshold}, a positive flux is needed")
    first, second = image_pair(truth, found)
    bright = first > threshold
    return float((np.abs(first - second)[bright] / first[bright]).mean()) if bright.any() else float("nan")


def flux_histogram(image: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """Number of pixels in each bin of flux; what lies outside the edges is in none.

    Examples
    --------
    >>> flux_histogram([[0.5, 2.0, 30.0]], flux_edges(1.0, 100.0, 1)).tolist()
    [1, 1]
    """
    return np.histogram(np.asarray(image, np.float64), np.asarray(edges, np.float64))[0].astype(np.int64)


def flux_edges(low: float, high: float, per_decade: int = 5) -> NDArray[np.float64]:
    """Edges of bins of equal width in the logarithm, from `low` to at least `high`."""
    if not 0 < low < high:
        raise ValueError(f"edges from {low} to {high} asked for, allowed are rising positive fluxes")
    count = int(np.ceil(np.log10(high / low) * per_decade - 1e-9))
    return low * 10.0 ** (np.arange(count + 1) / per_decade)


def histogram_discrepancy(truth: ArrayLike, found: ArrayLike, edges: ArrayLike) -> float:
    """
    Sum of differences of two flux histograms (the paper's equation A1), per pixel of the truth within the edges.

    Parameters
    ----------
    truth, found : array_like, [y, x]
        Flux densities in one unit.
    edges : array_like
        Of the bins.

    Returns
    -------
    float
        0 for equal histograms; 1 where the pixels that one has more than the other are as many as the truth has.

    Examples
    --------
    >>> histogram_discrepancy([[1.5, 1.5, 20.0, 20.0]], [[1.5, 0.0, 20.0, 20.0]], flux_edges(1.0, 100.0, 1))
    0.25
    """
    first, second = image_pair(truth, found)
    true_counts, counts = flux_histogram(first, edges), flux_histogram(second, edges)
    return float(np.abs(true_counts - counts).sum() / max(int(true_counts.sum()), 1))


@dataclass(frozen=True)
class PeakLoss:
    """
    What is lost of the brightest pixels of sources.

    Attributes
    ----------
    sources : int
        Peaks that count.
    ratio, scatter : float
        Median of found over true flux at these, and half the distance of its 16 % and 84 % quantiles; NaN without any.
    """

    sources: int
    ratio: float
    scatter: float


def peak_loss(truth: ArrayLike, found: ArrayLike, low: float, high: float = float("inf"), apart: int = 5) -> PeakLoss:
    """
    Flux at the peaks of the true image: local maxima between `low` and `high`, the largest within `apart` pixels.

    The found image is read at the brightest of the pixel and its eight neighbours.

    Examples
    --------
    >>> truth = np.zeros((20, 20)); truth[10, 10] = 8.0
    >>> peak_loss(truth, 0.75 * truth, 1.0)
    PeakLoss(sources=1, ratio=0.75, scatter=0.0)
    """
    from astrocodec.analysis.extra import require

    ndimage: Any = require("scipy.ndimage")
    first, second = image_pair(truth, found)
    peaks = (first == ndimage.maximum_filter(first, 2 * apart + 1)) & (first >= low) & (first < high)
    if not peaks.any():
        return PeakLoss(0, float("nan"), float("nan"))
    ratios = ndimage.maximum_filter(second, 3)[peaks] / first[peaks]
    down, middle, up = np.quantile(ratios, [0.16, 0.5, 0.84])
    return PeakLoss(int(peaks.sum()), float(middle), float(up - down) / 2)
