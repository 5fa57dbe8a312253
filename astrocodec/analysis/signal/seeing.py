"""Seeing: how wide stars are, and which pixels are too sharp to be of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.extra import require

__all__ = ["FWHM", "seeing", "without_sharp"]

# Full width at half maximum of a Gaussian of standard deviation 1.
FWHM = 2.3548
# Standard deviations from which on a pixel is looked at.
_BRIGHT = 5.0
# Mean of the pixels around a star's brightest, the largest of them left out because hot pixels come in pairs, over that
# pixel: 0.14 and more for stars of 1.2 pixels at half maximum.
_SHARPEST = 0.1
# Standard deviations from which on a few percent of such a pixel are seen in its neighbours.
_LEAKING = 25.0
Places = tuple[tuple[int, int], ...]
_AROUND: Places = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
_FARTHER: Places = tuple((dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if max(abs(dy), abs(dx)) == 2)
# Pixels of a column whose median means something, and how far that stands out of noise, standard deviations.
_LEAST_LINE = 64
_STANDING_OUT = 0.5
# Of the Gaussians under which single pixels' noise makes no peaks, pixels; wider ones for wide and faint stars.
_SCALES = (1.0, 2.0, 4.0)
# Height of peaks that are measured, in standard deviations of the smoothed image.
_LEAST_PEAK = 8.0
_LEAST_STARS = 5
_MOST_STARS = 3000
_NARROWEST, _WIDEST = 1.2, 15.0
_EDGE = 8


def _neighbours(
    values: NDArray[Any], y: NDArray[np.intp], x: NDArray[np.intp], places: Places = _AROUND
) -> NDArray[Any]:
    """The pixels around each; those beyond an edge are mirror images of those within."""
    padded = np.pad(values, 2, mode="reflect" if min(values.shape) > 2 else "edge")
    return np.stack([padded[y + 2 + dy, x + 2 + dx] for dy, dx in places], axis=1)


def _without_lines(snr: NDArray[Any]) -> NDArray[Any]:
    """A copy without bad columns and rows: those a pixel wide whose median stands out from that of both neighbours."""
    calm = snr.copy()
    for view in (calm, calm.T):
        if view.shape[0] < _LEAST_LINE or view.shape[1] < 3:
            continue
        levels = np.median(view, axis=0)
        padded = np.pad(levels, 1, mode="reflect")
        excess = levels - np.maximum(padded[:-2], padded[2:])
        stand_out = (excess > _STANDING_OUT) & (excess > 0.75 * levels)
        view[:, stand_out] -= excess[stand_out]
    return calm


def without_sharp(snr: NDArray[Any]) -> NDArray[Any]:
    """Take out pixels that stand alone, as hot ones and hits of particles do, what leaks from them, and bad columns.

    In the copy, of signal-to-noise ratios without NaN, each such pixel is the median of those around it.

    Examples
    --------
    >>> snr = np.zeros((9, 9))
    >>> snr[2, 3], snr[6:8, 6:8] = 50, 50
    >>> calm = without_sharp(snr)
    >>> float(calm[2, 3]), float(calm[6, 6])
    (0.0, 50.0)
    """
    y, x = np.nonzero(snr > _BRIGHT)
    around = _neighbours(snr, y, x)
    others = (around.sum(axis=1) - around.max(axis=1, initial=-np.inf)) / 7
    alone = others < _SHARPEST * snr[y, x]
    y, x, level, height = y[alone], x[alone], np.median(around[alone], axis=1), snr[y, x][alone]
    calm = _without_lines(snr)
    calm[y, x] = level
    y, x, height = (values[height > _LEAKING] for values in (y, x, height))
    level = np.median(_neighbours(snr, y, x, _FARTHER), axis=1)
    for dy, dx in _AROUND:
        row, column = np.clip(y + dy, 0, snr.shape[0] - 1), np.clip(x + dx, 0, snr.shape[1] - 1)
        leaked = calm[row, column] < 2 * _SHARPEST * height
        calm[row[leaked], column[leaked]] = level[leaked]
    return calm


def seeing(snr: NDArray[Any]) -> float | None:
    """Measure the full width of stars at half maximum, in pixels, by how the light falls off around round peaks.

    Takes signal-to-noise ratios without NaN and without sharp pixels; None where there are too few stars.

    Examples
    --------
    >>> y, x = np.indices((120, 120))
    >>> stars = sum(100 * np.exp(-((y - 12 * n - 6.3) ** 2 + (x - 9 * n - 9.7) ** 2) / 8) for n in range(9))
    >>> round(seeing(stars + np.random.default_rng(1).normal(0, 1, stars.shape)), 1)
    4.7
    """
    ndimage = require("scipy.ndimage")
    for scale in _SCALES:
        smooth = ndimage.gaussian_filter(snr, scale, truncate=4.0)
        # A Gaussian filter of standard deviation s leaves 1 / (2 s sqrt(pi)) of white noise, more of others.
        low, middle = np.percentile(smooth[::3, ::3], (15.87, 50))
        least = _LEAST_PEAK * max(1 / (2 * scale * math.sqrt(math.pi)), float(middle - low))
        y, x = _peaks(smooth, least)
        found = None
        for distance in (1, 2, 4, 8):
            widths = _widths(smooth, y, x, distance, scale)
            if distance < scale or widths.size < _LEAST_STARS:
                continue
            found = float(np.percentile(widths, 30))
            if found < 5 * distance:
                break
        if found is not None:
            return min(max(found, _NARROWEST), _WIDEST)
    return None


def _peaks(smooth: NDArray[Any], least: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels above all around them and not at an edge; of many those of middling height: the brightest saturate."""
    ndimage = require("scipy.ndimage")
    peaks = (smooth >= least) & (smooth == ndimage.maximum_filter(smooth, 5))
    inner = np.zeros_like(peaks)
    inner[_EDGE:-_EDGE, _EDGE:-_EDGE] = True
    y, x = np.nonzero(peaks & inner)
    if y.size > _MOST_STARS:
        order = np.argsort(smooth[y, x])
        middle = order[(order.size - _MOST_STARS) // 2 :][:_MOST_STARS]
        y, x = y[middle], x[middle]
    return y, x


def _widths(
    smooth: NDArray[Any], y: NDArray[np.intp], x: NDArray[np.intp], distance: int, scale: float
) -> NDArray[np.float64]:
    """Full widths of round peaks, from their logarithm at a distance on both sides: a Gaussian's is a parabola."""
    variances = []
    for dy, dx in ((0, distance), (distance, 0)):
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(smooth[y, x]) * 2 - np.log(smooth[y + dy, x + dx]) - np.log(smooth[y - dy, x - dx])
            variances.append(distance**2 / logs - scale**2)
    along_x, along_y = variances
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = along_x / along_y
    is_round = (along_x > 0) & (ratio > 0.5) & (ratio < 2) & np.isfinite(along_x) & np.isfinite(along_y)
    return np.asarray(FWHM * np.sqrt((along_x[is_round] + along_y[is_round]) / 2), np.float64)
