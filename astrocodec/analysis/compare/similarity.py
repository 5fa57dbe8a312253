"""Similarity as image coding measures it: PSNR and SSIM, over the whole range and over that of the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.extra import require

__all__ = ["Similarity", "similarity"]

# Of the background's noise: what a display shows of faint sources.
_BELOW, _ABOVE = 3.0, 20.0
_LEAST_SIDE = 7


@dataclass(frozen=True)
class Similarity:
    """
    Likeness of two images.

    Attributes
    ----------
    psnr : float or None
        Peak signal-to-noise ratio over the range of A, decibel; None for equal images, where it is infinite.
    ssim : float or None
        Structural similarity over the range of A. One bright star makes everything else alike.
    ssim_faint : float or None
        The same with both images cut to 3 sigma below and 20 sigma above the sky of A.
    """

    psnr: float | None
    ssim: float | None
    ssim_faint: float | None


# In ranges of A; what is farther off is as unlike, and its square would be no number.
_FAR = 1e6


@np.errstate(over="ignore")
def similarity(a: NDArray[Any], b: NDArray[Any], background: Background | None) -> Similarity:
    """Compare two images without NaN; without the background of `a` there is no `ssim_faint`."""
    metrics = require("skimage.metrics")
    low, high = float(a.min()), float(a.max())
    if not high > low:
        return Similarity(None, None, None)
    mean_square = float(np.mean(np.clip((a - b) / (high - low), -_FAR, _FAR) ** 2, dtype=np.float64))
    psnr = -10 * math.log10(mean_square) if mean_square else None
    if min(a.shape) < _LEAST_SIDE:
        return Similarity(psnr, None, None)
    # From 0 to 1, where float32 has digits to spare.
    first, second = (np.clip((image - low) / (high - low), -_FAR, _FAR).astype(np.float32) for image in (a, b))
    whole = float(metrics.structural_similarity(first, second, data_range=1.0))
    if background is None or not (background.noise > 0).any():
        return Similarity(psnr, whole, None)
    noise = np.maximum(background.total_noise, 1e-30)
    faint = [
        np.clip((image - background.level) / noise, -_BELOW, _ABOVE).astype(np.float32) + np.float32(_BELOW)
        for image in (a, b)
    ]
    return Similarity(psnr, whole, float(metrics.structural_similarity(*faint, data_range=_BELOW + _ABOVE)))
