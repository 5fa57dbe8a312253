"""Background: level and noise of the sky, box by box, without the sources.

As in section 4.4 of the AstroCompress benchmark (Truong et al. 2025): boxes of 50 x 50 pixels, 3-sigma clipping,
medians and standard deviations, interpolated between the boxes; by photutils' Background2D (Bradley et al.).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.extra import require
from astrocodec.analysis.plane import Plane, as_plane

Region = tuple[slice, slice]
Estimator = Literal["median", "mean", "sextractor"]
# Steps, and standard deviations, beyond which a value among counted photons is one of a source.
_FAR = 8
# Change of level from one box to the next, in units of the noise: a slope adds a twelfth of its square to the variance.
_STEEP = 0.3
_MOST_PASSES = 4
_ESTIMATORS = {"median": "MedianBackground", "mean": "MeanBackground", "sextractor": "SExtractorBackground"}


@dataclass(frozen=True, eq=False)
class Background:
    """Level and noise of the background of an image.

    Attributes
    ----------
    level, noise : ndarray of float32 or float64, [y, x]
        ADU. `noise` is the standard deviation before rounding to the image's step; of counted photons and other noise
        well below a step, that of the values as they are.
    box : int
        Pixels along each side of a box.
    step : float
        ADU between possible values of the image: rounding adds ``step**2 / 12`` to the variance of the pixels. 0 where
        they are continuous, or the noise contains it.
    regions : tuple of (slice, slice)
        Parts that were treated on their own; empty if there are none.
    """

    level: NDArray[Any]
    noise: NDArray[Any]
    box: int
    step: float
    regions: tuple[Region, ...] = ()

    @property
    def total_noise(self) -> NDArray[Any]:
        """Standard deviation of the pixels as they are, rounding included; ADU."""
        total: NDArray[Any] = np.sqrt(self.noise**2 + self.noise.dtype.type(self.step**2 / 12))
        return total


def clipped_share(sigma: float) -> float:
    """Standard deviation that is left of Gaussian noise of 1 when it is clipped at `sigma` times itself, to the end.

    Examples
    --------
    >>> round(clipped_share(3.0), 4)
    0.9848
    """
    share = 1.0
    for _ in range(100):
        edge = sigma * share
        inside = math.erf(edge / math.sqrt(2))
        density = math.exp(-edge * edge / 2) / math.sqrt(2 * math.pi)
        share = math.sqrt(max(1 - 2 * edge * density / inside, 0.0)) if inside else 0.0
    return share


def _of_few(values: NDArray[Any], mask: NDArray[np.bool_], sigma: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """One level and one noise for all, where pixels that count are too few in every box."""
    good = values[~mask].astype(np.float64)
    for _ in range(10):
        centre = float(np.median(good))
        kept = good[np.abs(good - centre) <= sigma * good.std()]
        if kept.size in (0, good.size):
            break
        good = kept
    level, noise = float(np.median(good)), float(good.std())
    return np.full(values.shape, level, values.dtype), np.full(values.shape, noise, values.dtype)


def _of_region(
    values: NDArray[Any], mask: NDArray[np.bool_], box: int, sigma: float, estimator: Estimator, filter_size: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    photutils, stats = require("photutils.background"), require("astropy.stats")
    sides = min(box, values.shape[0]), min(box, values.shape[1])
    try:
        found = photutils.Background2D(
            values,
            sides,
            mask=mask if mask.any() else None,
            sigma_clip=stats.SigmaClip(sigma),
            bkg_estimator=getattr(photutils, _ESTIMATORS[estimator])(),
            bkg_rms_estimator=photutils.StdBackgroundRMS(),
            filter_size=filter_size,
            # Boxes of which hardly a pixel counts are filled in from their neighbours.
            exclude_percentile=90.0,
        )
    except ValueError:  # masking and clipping leave too few in every box
        return _of_few(values, mask, sigma)
    return found.background, found.background_rms


def _is_steep(level: NDArray[Any], noise: NDArray[Any], box: int) -> bool:
    """Whether the level changes from box to box by what matters to the noise."""
    coarse = level[box // 2 :: box, box // 2 :: box]
    changes = [np.abs(np.diff(coarse, axis=axis)).ravel() for axis in (0, 1)]
    return any(c.size and float(np.median(c)) > _STEEP * float(np.median(noise)) for c in changes)


def _is_sparse(plane: Plane, noise: NDArray[Any]) -> bool:
    """Whether most pixels have one value, so that clipping takes all others for sources: counted photons."""
    return bool(plane.step) and float(np.median(noise[::4, ::4])) < 0.6 * plane.step


def _of_counts(plane: Plane, region: Region, box: int, filter_size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean, and Poisson's standard deviation or what remains of it: values far above are left out once."""
    values, mask = plane.values[region], plane.mask[region]
    good = values[~mask]
    centre = np.median(good)
    near = good[np.abs(good - centre) <= _FAR * plane.step]
    near = near if near.size else good  # the median of two values may be neither
    limit = max(float(_FAR * near.std()), 1.5 * plane.step)
    mask = mask | (np.abs(values - near.mean()) > limit)
    return _of_region(values, mask, box, 1e3, "mean", filter_size)


def background_map(
    image: ArrayLike | Plane,
    *,
    box: int = 50,
    sigma: float = 3.0,
    mask: ArrayLike | None = None,
    estimator: Estimator = "median",
    filter_size: int = 3,
    regions: Sequence[Region] = (),
) -> Background:
    """Background level and noise of every pixel.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    box : int, optional
        Side of the boxes in pixels.
    sigma : float, optional
        Pixels further than this from the median are left out, until none is; noise is corrected for what that takes
        from Gaussian noise.
    mask : array_like of bool, optional
        True for pixels that do not count.
    estimator : {"median", "mean", "sextractor"}, optional
        Level of a box: median or mean of what is left, or SExtractor's 2.5 median - 1.5 mean (Bertin & Arnouts 1996).
    filter_size : int, optional
        Boxes, odd: the median of so many by so many takes the place of each.
    regions : sequence of (slice, slice), optional
        Parts to be treated on their own, such as amplifiers: no box reaches over their borders. What is in none
        is 0.

    Returns
    -------
    Background

    Raises
    ------
    ValueError
        No pixel counts, or an option is outside its range.
    ImportError
        photutils is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200)).round()
    >>> background = background_map(image)
    >>> bool(abs(background.noise.mean() - 5) < 0.1), bool(abs(background.level.mean() - 100) < 0.3)
    (True, True)
    """
    if box < 2 or not sigma > 1 or filter_size < 1 or not filter_size % 2 or estimator not in _ESTIMATORS:
        raise ValueError(
            f"box {box}, sigma {sigma}, filter_size {filter_size}, estimator {estimator!r}: allowed are boxes from 2, "
            f"sigma above 1, odd filter sizes, {', '.join(_ESTIMATORS)}"
        )
    plane = image if isinstance(image, Plane) else as_plane(image, mask)
    if plane.is_empty:
        raise ValueError("no pixel of the image counts: all are masked or NaN")
    values = plane.smooth
    level, noise = np.zeros(values.shape, values.dtype), np.zeros(values.shape, values.dtype)
    parts = [part for part in regions or [(slice(None), slice(None))] if not plane.mask[part].all()]
    for region in parts:
        here, mask = values[region], plane.mask[region]
        level[region], noise[region] = _of_region(here, mask, box, sigma, estimator, filter_size)
        for _ in range(_MOST_PASSES):
            if not _is_steep(level[region], noise[region], box):
                break
            # A slope within a box is no noise: what the level so far leaves is measured again.
            more, left = _of_region(here - level[region], mask, box, sigma, estimator, filter_size)
            level[region] += more
            is_done = float(np.median(left)) > 0.97 * float(np.median(noise[region]))
            noise[region] = left
            if is_done:
                break
    noise /= values.dtype.type(clipped_share(sigma))
    # Rounding and the even spread both add a twelfth.
    rounding = plane.step**2 / 12
    if _is_sparse(plane, noise):
        for region in parts:
            level[region], noise[region] = _of_counts(plane, region, box, filter_size)
        rounding = 0.0
    np.sqrt(np.maximum(noise**2 - values.dtype.type(2 * rounding), 0), out=noise)
    return Background(level, noise, box, plane.step if rounding else 0.0, tuple(regions))
