"""The noise floor: what no lossless codec can go below where noise is white and Gaussian.

Pence, Seaman and White (2009, PASP 121, 414): pixels with Gaussian noise of ``sigma`` units hold at least
``log2(sigma * sqrt(2 pi e))`` bits each. The noise of a real frame varies with its signal, so that the floor is taken
block by block and averaged.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAUSS_FROM_MAD = 1.4826
_BLOCK = 64
# sigma of (a - 2 b + c) for independent a, b, c of sigma 1: slopes in the signal cancel, unlike in first differences.
_SECOND_DIFFERENCE_GAIN = math.sqrt(6)
_ROUNDING_VARIANCE = 1 / 12


def noise_sigma(plane: NDArray[Any]) -> float:
    """Estimate the noise of an image from its second differences along rows.

    Parameters
    ----------
    plane : numpy.ndarray
        Two axes, integers; at least three columns.

    Returns
    -------
    float
        Robust standard deviation in units of the pixels, 0 for a constant plane or one too narrow.
    """
    if plane.shape[-1] < 3:
        return 0.0
    values = plane.astype(np.int64)
    differences: NDArray[np.int64] = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    magnitude = _grouped_median(np.abs(differences))
    spread = _GAUSS_FROM_MAD * magnitude / _SECOND_DIFFERENCE_GAIN
    return math.sqrt(max(0.0, spread**2 - _ROUNDING_VARIANCE))


def _grouped_median(magnitudes: NDArray[np.int64]) -> float:
    """Median of rounded non-negative numbers, interpolated within its step: small noise has few distinct values."""
    middle = int(np.median(magnitudes))
    below = int(np.count_nonzero(magnitudes < middle))
    within = int(np.count_nonzero(magnitudes == middle))
    low, width = (middle - 0.5, 1.0) if middle else (0.0, 0.5)
    return float(low + width * (magnitudes.size / 2 - below) / max(within, 1))


def gaussian_bits(sigma: float) -> float:
    """Entropy of rounded Gaussian noise.

    Parameters
    ----------
    sigma : float
        Standard deviation in units of the rounding step.

    Returns
    -------
    float
        Bits per pixel: ``log2(sigma * sqrt(2 pi e))``, and the entropy of the rounded values themselves below
        ``sigma`` 0.5, where that formula turns negative.
    """
    if sigma >= 0.5:
        return math.log2(sigma * math.sqrt(2 * math.pi * math.e))
    if sigma <= 0:
        return 0.0
    edges = np.arange(-8, 9) - 0.5
    cumulative = np.array([0.5 * (1 + math.erf(edge / (sigma * math.sqrt(2)))) for edge in edges])
    probabilities = np.diff(cumulative)
    probabilities = probabilities[probabilities > 0]
    return float(-(probabilities * np.log2(probabilities)).sum())


def noise_floor(planes: NDArray[Any]) -> float:
    """Noise floor of an image.

    Parameters
    ----------
    planes : numpy.ndarray
        Shape (planes, rows, columns), integers.

    Returns
    -------
    float
        Bits per pixel, the mean over blocks of 64 x 64 pixels weighted by their size.
    """
    bits = pixels = 0.0
    for plane in planes:
        for top in range(0, plane.shape[0], _BLOCK):
            for left in range(0, plane.shape[1], _BLOCK):
                block = plane[top : top + _BLOCK, left : left + _BLOCK]
                bits += block.size * gaussian_bits(noise_sigma(block))
                pixels += block.size
    return bits / pixels
