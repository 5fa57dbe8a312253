"""Residuals: how far two images are apart, in ADU and in units of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Residuals", "residual_statistics"]


@dataclass(frozen=True)
class Residuals:
    """
    Statistics of B - A over the pixels that both images have.

    Attributes
    ----------
    pixels, differing : int
        Pixels compared, and those of them that are not equal.
    mean, deviation, largest : float
        Mean, standard deviation and largest magnitude; ADU.
    mean_sigma, deviation_sigma, largest_sigma : float or None
        The same with every pixel's difference divided by the noise of A there; None where A has no noise.
    percentiles : tuple of float
        Of the differences: 1, 16, 50, 84 and 99 %; ADU.
    added_noise : float or None
        Share by which the standard deviation of the background, in the median, grows if the differences are noise of
        their own.
    """

    pixels: int
    differing: int
    mean: float
    deviation: float
    largest: float
    mean_sigma: float | None
    deviation_sigma: float | None
    largest_sigma: float | None
    percentiles: tuple[float, float, float, float, float]
    added_noise: float | None


def residual_statistics(residual: NDArray[Any], noise: NDArray[Any] | None, differing: int | None = None) -> Residuals:
    """Summarise differences, NaN where nothing is known, of which at least one is; `noise` is that of each pixel.

    Give `differing` where pixels may differ by less than the residual can say, as 64-bit integers do.

    Examples
    --------
    >>> found = residual_statistics(np.array([[1.0, -1.0, np.nan]]), np.full((1, 3), 2.0))
    >>> found.pixels, found.deviation, found.largest_sigma
    (2, 1.0, 0.5)
    """
    known = np.isfinite(residual)
    values = residual[known].astype(np.float64)
    low, left, middle, right, high = map(float, np.percentile(values, (1, 16, 50, 84, 99)))
    in_sigma: tuple[float | None, float | None, float | None] = (None, None, None)
    added = None
    if noise is not None:
        sigmas = noise[known].astype(np.float64)
        noisy = sigmas > 0
        if noisy.any():
            with np.errstate(over="ignore", invalid="ignore"):  # hardly any noise: infinite
                ratio = values[noisy] / sigmas[noisy]
                in_sigma = float(ratio.mean()), float(ratio.std()), float(np.abs(ratio).max())
            added = _added(values[noisy], float(np.median(sigmas[noisy])))
    return Residuals(
        values.size,
        int(np.count_nonzero(values)) if differing is None else differing,
        float(values.mean()),
        float(values.std()),
        float(np.abs(values).max()),
        *in_sigma,
        (low, left, middle, right, high),
        added,
    )


def _added(values: NDArray[np.float64], sigma: float) -> float:
    """Growth of the noise, without the hundredth of the differences that is furthest out: sources, not sky."""
    sky = values[np.abs(values) <= np.percentile(np.abs(values), 99)]
    with np.errstate(over="ignore", divide="ignore"):
        return float(np.sqrt(1 + sky.var() / np.float64(sigma) ** 2) - 1)
