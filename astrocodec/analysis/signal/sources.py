"""Sources: pixels that belong to stars, galaxies and whatever else stands above the background."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background, Region
from astrocodec.analysis.extra import require
from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.analysis.signal.seeing import FWHM, seeing, without_sharp
from astrocodec.analysis.signal.snr import snr_map

_USUAL_FWHM = 2.5
_ABSURD = 1e4


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Sources of an image.

    Attributes
    ----------
    mask : ndarray of bool, [y, x]
        True for pixels of a source and those near it.
    labels : ndarray of int32, [y, x]
        Number of the source, from 1; 0 for none. Pixels near a source have no number.
    table : dict of str to ndarray
        A column each, an entry per source: ``x``, ``y`` (centroid, pixels from 0), ``flux`` (ADU above the background),
        ``peak`` (largest SNR of a pixel), ``area`` (pixels), ``snr`` (flux over the noise of so many pixels).
    fwhm : float
        Full width at half maximum of the kernel that the image was smoothed with, pixels.
    """

    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    table: dict[str, NDArray[Any]]
    fwhm: float = 0.0

    @property
    def count(self) -> int:
        """Number of sources."""
        return int(self.table["area"].size)


def _measure(labels: NDArray[np.int32], signal: NDArray[Any], noise: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Moments of all sources in one pass over their pixels."""
    y, x = np.nonzero(labels)
    number = labels[y, x] - 1
    count = int(number.max()) + 1 if number.size else 0
    values = signal[y, x].astype(np.float64)
    area = np.bincount(number, minlength=count)
    flux = np.bincount(number, values, count)
    weight = np.maximum(values, 0)
    total = np.maximum(np.bincount(number, weight, count), 1e-30)
    variance = np.bincount(number, noise[y, x].astype(np.float64) ** 2, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(values / noise[y, x], posinf=np.inf, neginf=0.0)
        peak = np.zeros(count)
        np.maximum.at(peak, number, ratios)
        snr = flux / np.sqrt(variance)
    centre = {"x": np.bincount(number, weight * x, count) / total, "y": np.bincount(number, weight * y, count) / total}
    return {**centre, "flux": flux, "peak": peak, "area": area, "snr": snr}


def source_mask(
    image: ArrayLike | Plane,
    background: Background,
    *,
    nsigma: float = 4.5,
    npixels: int | None = None,
    fwhm: float | None = None,
    grow: int = 3,
    snr: NDArray[np.float32] | None = None,
    lit: Sequence[Region] = (),
) -> Segmentation:
    """Find sources: connected pixels above a threshold after smoothing with a kernel of the seeing.

    As photutils' examples do it (Bradley et al.): smoothing by what a star looks like gives the best signal-to-noise
    ratio for stars. Pixels that stand alone, as hot ones do, are taken out before.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background
        From `background_map` of the same image.
    nsigma : float, optional
        Threshold, in standard deviations of the smoothed image.
    npixels : int, optional
        Least number of connected pixels; by default 5, fewer where stars are narrower than 2 pixels.
    fwhm : float, optional
        Of the Gaussian that the SNR is smoothed with, pixels; 0 for none; by default that of the stars, or 2.5 where
        there are too few.
    grow : int, optional
        Pixels by which the mask reaches beyond the sources.
    snr : ndarray, optional
        `snr_map` of the image, where it is at hand.
    lit : sequence of (slice, slice), optional
        Light-sensitive parts, outside of which nothing is a source; by default everything.

    Returns
    -------
    Segmentation

    Raises
    ------
    ImportError
        SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from astrocodec.analysis import background_map
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200))
    >>> image[50:55, 60:65] += 100
    >>> found = source_mask(image, background_map(image))
    >>> found.count, found.table["x"].round().tolist(), found.table["y"].round().tolist()
    (1, [62.0], [52.0])
    """
    ndimage = require("scipy.ndimage")
    plane = image if isinstance(image, Plane) else as_plane(image)
    ratio = snr_map(plane, background) if snr is None else snr
    # What has no noise or an absurd ratio must not smear over its neighbours.
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0, posinf=_ABSURD, neginf=-_ABSURD), -_ABSURD, _ABSURD)
    ratio = without_sharp(ratio)
    width = (seeing(ratio) or _USUAL_FWHM) if fwhm is None else fwhm
    smooth = ndimage.gaussian_filter(ratio, width / FWHM, truncate=3.0) if width > 0 else ratio
    above = smooth > nsigma * _noise_of(smooth, width / FWHM, plane.mask, background)
    if _is_counted(plane, background):
        above &= smooth > _least_counts(background, width / FWHM)
    above &= ~plane.mask
    if lit:
        dark = np.ones(above.shape, np.bool_)
        for region in lit:
            dark[region] = False
        above &= ~dark
    labels = _labelled(above, npixels or min(5, max(2, round(1.2 * width**2))))
    signal = plane.values - background.level
    mask = labels > 0
    if grow and mask.any():
        mask = ndimage.binary_dilation(mask, iterations=grow)
    return Segmentation(mask, labels, _measure(labels, signal, background.total_noise), width)


def _noise_of(
    smooth: NDArray[Any], sigma: float, mask: NDArray[np.bool_], background: Background
) -> NDArray[np.float32]:
    """Standard deviation of the smoothed image: that of white noise, or in each box of what lies below its median."""
    white = min(1.0, 1 / (2 * sigma * math.sqrt(math.pi))) if sigma > 0 else 1.0
    noise = np.full(smooth.shape, white, np.float32)
    for region in background.regions or ((slice(None), slice(None)),):
        found = _lower_halves(smooth[region], mask[region], 2 * background.box)
        np.maximum(noise[region], found, out=noise[region])
    return noise


def _lower_halves(values: NDArray[Any], mask: NDArray[np.bool_], box: int) -> NDArray[np.float32]:
    """In each box, from the median down to where a sixth of the pixels is left: sources lie above the median."""
    rows, columns = (max(1, round(side / box)) for side in values.shape)
    y_edges = np.linspace(0, values.shape[0], rows + 1).astype(int)
    x_edges = np.linspace(0, values.shape[1], columns + 1).astype(int)
    found = np.zeros(values.shape, np.float32)
    for top, bottom in itertools.pairwise(y_edges):
        for left, right in itertools.pairwise(x_edges):
            here = (slice(top, bottom), slice(left, right))
            good = values[here][~mask[here]]
            if good.size:
                low, middle = np.percentile(good, (15.87, 50))
                found[here] = middle - low
    return found


def _is_counted(plane: Plane, background: Background) -> bool:
    """Whether the background is of so few photons that its noise is not Gaussian."""
    return bool(plane.step) and not background.step


def _least_counts(background: Background, sigma: float) -> NDArray[Any]:
    """Ratio that stands for more photons under the kernel than chance brings there: of few, hardly ever seven."""
    pixels = max(4 * math.pi * sigma**2, 1.0)
    mean = np.maximum(background.level, 0) * pixels
    most = mean + 5 * np.sqrt(mean) + 6
    with np.errstate(divide="ignore", invalid="ignore"):
        least: NDArray[Any] = (most / pixels - background.level) / background.total_noise
    return np.asarray(np.nan_to_num(least, nan=0.0, posinf=_ABSURD))


def _labelled(above: NDArray[np.bool_], npixels: int) -> NDArray[np.int32]:
    """Numbers of connected pixels, corners included; groups that are too small have none."""
    ndimage = require("scipy.ndimage")
    labels, count = ndimage.label(above, structure=np.ones((3, 3), np.bool_))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = sizes >= npixels
    large[0] = False
    return np.asarray(np.where(large, np.cumsum(large), 0)[labels], np.int32)
