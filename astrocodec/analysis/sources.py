"""Sources: pixels that belong to stars, galaxies and whatever else stands above the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.extra import require
from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.analysis.snr import snr_map

_FWHM = 2.3548


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
    """

    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    table: dict[str, NDArray[Any]]

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
    nsigma: float = 3.0,
    npixels: int = 5,
    fwhm: float = 2.5,
    grow: int = 3,
    snr: NDArray[np.float32] | None = None,
) -> Segmentation:
    """Find sources: connected pixels of a smoothed SNR map above a threshold (photutils' detect_sources).

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background
        From `background_map` of the same image.
    nsigma : float, optional
        Threshold, in standard deviations of a single pixel.
    npixels : int, optional
        Least number of connected pixels.
    fwhm : float, optional
        Of the Gaussian that the SNR is smoothed with, pixels; 0 for none.
    grow : int, optional
        Pixels by which the mask reaches beyond the sources.
    snr : ndarray, optional
        `snr_map` of the image, where it is at hand.

    Returns
    -------
    Segmentation

    Raises
    ------
    ImportError
        photutils is not installed.

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
    segmentation, ndimage = require("photutils.segmentation"), require("scipy.ndimage")
    plane = image if isinstance(image, Plane) else as_plane(image)
    ratio = snr_map(plane, background) if snr is None else snr
    # What has no noise or an absurd ratio must not smear over its neighbours.
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0, posinf=1e4, neginf=-1e4), -1e4, 1e4)
    smooth = ndimage.gaussian_filter(ratio, fwhm / _FWHM, truncate=3.0) if fwhm > 0 else ratio
    labels = np.zeros(smooth.shape, np.int32)
    if (smooth > nsigma).any():
        found = segmentation.detect_sources(smooth, nsigma, npixels, mask=plane.mask if plane.mask.any() else None)
        if found is not None:
            labels = np.asarray(found.data, np.int32)
    signal = plane.values - background.level
    mask = labels > 0
    if grow and mask.any():
        mask = ndimage.binary_dilation(mask, iterations=grow)
    return Segmentation(mask, labels, _measure(labels, signal, background.total_noise))
