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
_ESTIMATORS = {"median": "MedianBackground", "mean": "MeanBackground", "sextractor": "SExtractorBackground"}


@dataclass(frozen=True, eq=False)
class Background:
    """Level and noise of the background of an image.

    Attributes
    ----------
    level, noise : ndarray of float32, [y, x]
        ADU. `noise` is the standard deviation before rounding to the image's step.
    box : int
        Pixels along each side of a box.
    step : float
        ADU between possible values of the image, 0 where they are continuous: rounding adds ``step**2 / 12`` to the
        variance of the pixels.
    """

    level: NDArray[np.float32]
    noise: NDArray[np.float32]
    box: int
    step: float

    @property
    def total_noise(self) -> NDArray[np.float32]:
        """Standard deviation of the pixels as they are, rounding included; ADU."""
        total: NDArray[np.float32] = np.sqrt(self.noise**2 + np.float32(self.step**2 / 12))
        return total


def clipped_share(sigma: float) -> float:
    """Standard deviation that is left of Gaussian noise of 1 when it is clipped at `sigma` times itself, to the end.

    Examples
    --------
    >>> round(clipped_share(3.0), 4)
    0.985
    """
    share = 1.0
    for _ in range(100):
        edge = sigma * share
        inside = math.erf(edge / math.sqrt(2))
        density = math.exp(-edge * edge / 2) / math.sqrt(2 * math.pi)
        share = math.sqrt(max(1 - 2 * edge * density / inside, 0.0)) if inside else 0.0
    return share


def _smoothed(plane: Plane) -> NDArray[Any]:
    """The values with their rounding spread evenly: the median of few distinct numbers would jump between them."""
    if not plane.step:
        return plane.values
    spread = np.random.default_rng(0).random(plane.values.shape, np.float32)
    spread -= np.float32(0.5)
    spread *= np.float32(plane.step)
    return plane.values + spread


def _of_region(
    values: NDArray[Any], mask: NDArray[np.bool_], box: int, sigma: float, estimator: Estimator, filter_size: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    photutils, stats = require("photutils.background"), require("astropy.stats")
    sides = min(box, values.shape[0]), min(box, values.shape[1])
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
    return found.background, found.background_rms


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
    >>> bool(abs(background.noise.mean() - 5) < 0.1), bool(abs(background.level.mean() - 100) < 0.1)
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
    values = _smoothed(plane)
    level, noise = np.zeros(values.shape, np.float32), np.zeros(values.shape, np.float32)
    for region in regions or [(slice(None), slice(None))]:
        if plane.mask[region].all():
            continue
        level[region], noise[region] = _of_region(
            values[region], plane.mask[region], box, sigma, estimator, filter_size
        )
    # Rounding and the even spread both add a twelfth.
    noise /= np.float32(clipped_share(sigma))
    np.sqrt(np.maximum(noise**2 - np.float32(plane.step**2 / 6), 0), out=noise)
    return Background(level, noise, box, plane.step)
