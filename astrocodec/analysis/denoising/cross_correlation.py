"""Cross-correlation function C(r) of two images (Gheller & Vazza 2022, MNRAS 509, 990, equation 8)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.denoising.fluxes import image_pair


def cross_correlation(a: ArrayLike, b: ArrayLike, radius: int, *, mask: ArrayLike | None = None) -> NDArray[np.float64]:
    """
    Mean product of what two images are above their means, in units of their standard deviations, by separation.

    Parameters
    ----------
    a, b : array_like, [y, x]
    radius : int
        The largest separation, pixels.
    mask : array_like of bool, [y, x], optional
        True for pixels that do not count, in both images.

    Returns
    -------
    ndarray of float64
        C(r) for r = 0, 1, ... `radius`: the mean over separations that round to r, each over its pairs.
        1 at r = 0 for images that are proportional, 0 for an even one.

    Raises
    ------
    ValueError
        Shapes differ, or the radius does not fit into the image.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(60, 70))
    >>> cross_correlation(image, 2 * image + 1, 2).round(1).tolist()[:2]
    [1.0, 0.0]
    """
    first, second = image_pair(a, b)
    if not 0 <= radius < min(first.shape):
        raise ValueError(f"radius is {radius}, allowed are 0 to {min(first.shape) - 1} in an image of {first.shape}")
    good = np.ones(first.shape) if mask is None else 1.0 - np.asarray(mask, np.float64)
    first, second = _standardised(first, good), _standardised(second, good)
    size = tuple(n + radius for n in first.shape)  # zeros that keep the far edge away

    def correlated(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = np.fft.irfft2(np.conj(np.fft.rfft2(x, size)) * np.fft.rfft2(y, size), size)
        rolled = np.roll(whole, (radius, radius), (0, 1))
        return np.asarray(rolled[: 2 * radius + 1, : 2 * radius + 1])

    pairs = np.maximum(np.rint(correlated(good, good)), 1.0)
    matrix = correlated(first, second) / pairs
    y, x = np.indices(matrix.shape) - radius
    distance = np.rint(np.hypot(y, x)).astype(np.int64).ravel()
    sums = np.bincount(distance, matrix.ravel())[: radius + 1]
    return np.asarray(sums / np.bincount(distance)[: radius + 1])


def _standardised(image: NDArray[np.float64], good: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and variance 1 where pixels count, 0 elsewhere."""
    count = max(float(good.sum()), 1.0)
    rest = (image - float((image * good).sum()) / count) * good
    deviation = np.sqrt(float((rest**2).sum()) / count)
    return rest / deviation if deviation > 0 else np.zeros_like(rest)
