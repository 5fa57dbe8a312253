"""Whiteness: whether what a codec changed looks like noise of its own, or still shows the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.extra import require

__all__ = ["Whiteness", "whiteness"]

_BLOCK = 64
_LEAST_BLOCK = 8
_SAMPLED = 1 << 18


@dataclass(frozen=True, eq=False)
class Whiteness:
    """
    How much structure a residual has.

    Attributes
    ----------
    lag_x, lag_y : float
        Correlation of neighbours along rows and along columns; 0 for white noise.
    signal_correlation : float
        Rank correlation (Spearman) of the residual with the image; 0 where the change does not depend on the signal.
    flatness : float
        Geometric over arithmetic mean of the power spectrum, 1 for white noise and towards 0 for structure. It is
        corrected for the scatter of a spectrum of so few blocks.
    frequency, power : ndarray
        The power spectrum over spatial frequency (cycles per pixel), relative to that of white noise of the same
        variance: 1 everywhere for white noise.
    """

    lag_x: float
    lag_y: float
    signal_correlation: float
    flatness: float
    frequency: NDArray[np.float64]
    power: NDArray[np.float64]


def whiteness(residual: NDArray[Any], image: NDArray[Any]) -> Whiteness | None:
    """Measure how white a residual of an image is; NaN where nothing is known.

    None where the residual is the same everywhere, or too small to say.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(size=(256, 256))
    >>> white, blurred = whiteness(noise, noise[::-1]), whiteness(noise[:-1] + noise[1:], noise[1:])
    >>> round(white.flatness, 2), round(white.lag_y, 1), round(blurred.lag_y, 1), blurred.flatness < 0.7
    (1.0, 0.0, 0.5, True)
    """
    known = np.isfinite(residual)
    if min(residual.shape) < _LEAST_BLOCK or known.sum() < _LEAST_BLOCK**2:
        return None
    centred = np.where(known, residual - residual[known].mean(), 0.0).astype(np.float64)
    largest = float(np.abs(centred).max())
    if not largest > 0:
        return None
    centred /= largest  # squares of tiny and of huge differences stay numbers
    variance = float((centred**2).sum() / known.sum())
    spectrum, blocks = _spectrum(centred)
    if not spectrum.ravel()[1:].any():
        return None
    frequency, power = _radial(spectrum / (variance * known.mean()))
    inner = spectrum.ravel()[1:]  # without the mean
    inner = np.maximum(inner, inner.mean() * 1e-12)
    # Mean logarithm of a power that is averaged over so many blocks of white noise.
    scatter = float(require("scipy.special").digamma(blocks)) - math.log(blocks)
    flatness = float(np.exp(np.log(inner).mean()) / inner.mean()) / math.exp(scatter)
    return Whiteness(
        _lag(centred[:, :-1], centred[:, 1:]),
        _lag(centred[:-1], centred[1:]),
        _rank_correlation(residual[known], image[known]),
        min(flatness, 1.0),
        frequency,
        power,
    )


def _lag(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Correlation of pixels with their neighbours."""
    scale = math.sqrt(float((left**2).sum()) * float((right**2).sum()))
    return float((left * right).sum()) / scale if scale else 0.0


def _spectrum(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Power spectrum, averaged over square blocks, and how many there were."""
    side = min(_BLOCK, *centred.shape)
    rows, columns = (axis // side for axis in centred.shape)
    total = np.zeros((side, side // 2 + 1))
    for row in range(rows):  # a row of blocks at a time: memory stays small
        band = centred[row * side : (row + 1) * side, : columns * side].reshape(side, columns, side)
        total += (np.abs(np.fft.rfft2(band, axes=(0, 2))) ** 2).sum(axis=1)
    return total / (rows * columns * side**2), rows * columns


def _radial(spectrum: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean over rings of equal frequency."""
    side = spectrum.shape[0]
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    ring = np.rint(radius * side).astype(int)
    ring[0, 0] = -1
    rings = np.arange(1, side // 2 + 1)
    power = np.array([spectrum[ring == number].mean() for number in rings])
    return rings / side, power


def _rank_correlation(residual: NDArray[Any], image: NDArray[Any]) -> float:
    """Spearman's rho over a sample: bright stars count no more than other pixels."""
    every = max(1, residual.size // _SAMPLED)
    ranks = [_ranks(values[::every]) for values in (residual, image)]
    first, second = (rank - rank.mean() for rank in ranks)
    return _lag(first, second)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs. SciPy's are in a module that takes long to import."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2.0)[inverse]
    return shared
