"""The filters that a denoiser is compared with: Gaussian smoothing, and leaving out high frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.extra import require


def gaussian_filtered(image: ArrayLike, sigma: float) -> NDArray[np.float64]:
    """An image smoothed by a Gaussian of `sigma` pixels, as `scipy.ndimage.gaussian_filter` does.

    Examples
    --------
    >>> gaussian_filtered(np.ones((8, 8)), 2.0).round(6).max()
    np.float64(1.0)
    """
    if not sigma >= 0:
        raise ValueError(f"sigma is {sigma}, a width of at least 0 pixels is needed")
    filtered: Any = require("scipy.ndimage").gaussian_filter(np.asarray(image, np.float64), sigma)
    return np.asarray(filtered)


def fft_filtered(image: ArrayLike, cut: float) -> NDArray[np.float64]:
    """An image without frequencies above `cut`, cycles per pixel along any direction.

    Examples
    --------
    >>> stripes = np.tile([1.0, -1.0], (8, 4))
    >>> float(np.abs(fft_filtered(stripes, 0.4)).max())
    0.0
    """
    if not cut >= 0:
        raise ValueError(f"cut is {cut}, a frequency of at least 0 is needed")
    values = np.asarray(image, np.float64)
    if values.ndim != 2:
        raise ValueError(f"image has shape {values.shape}: [y, x] is needed")
    frequency = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1])[None, :])
    return np.asarray(np.fft.irfft2(np.fft.rfft2(values) * (frequency <= cut), values.shape))


SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
CUTS = (0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025, 0.018, 0.012)
