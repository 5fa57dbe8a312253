"""Local noise: from differences between pixels close to each other, in which the structure of an image cancels.

Second differences a - 2 b + c of pixels in a row, or in a column, whose standard deviation is sqrt(6) times that of
independent noise; their median over a box hardly sees stars. A background's noise is larger where an image has
structure finer than its boxes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Region
from astrocodec.analysis.plane import Plane, as_plane, blocks_of

_MAD = 1.4826
_GAIN = math.sqrt(6)
# Pixels that count in a box, at least.
_LEAST = 24


def _of_boxes(steps: NDArray[Any], good: NDArray[np.bool_] | None, box: int) -> NDArray[np.float64]:
    """Median of the magnitudes in each box, NaN where too few count; boxes at the far edges are the last whole ones."""
    rows, columns = min(box, steps.shape[0]), min(box, steps.shape[1])
    magnitudes = np.abs(blocks_of(steps, rows, columns))
    if good is None:
        return np.asarray(np.median(magnitudes, axis=2), np.float64)
    used = blocks_of(good, rows, columns)
    count = used.sum(axis=2)
    ordered = np.sort(np.where(used, magnitudes, np.inf), axis=2)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=2)[..., 0]
    return np.where(count >= _LEAST, middle, np.nan).astype(np.float64)


def _one_way(values: NDArray[Any], mask: NDArray[np.bool_] | None, box: int, lag: int) -> NDArray[np.float64]:
    steps = values[:, 2 * lag :] - 2 * values[:, lag:-lag] + values[:, : -2 * lag]
    good = None if mask is None else ~(mask[:, 2 * lag :] | mask[:, lag:-lag] | mask[:, : -2 * lag])
    return _of_boxes(steps, good, box)


def _least_of_both(
    values: NDArray[Any], mask: NDArray[np.bool_] | None, box: int, lag: int, step: float, found: NDArray[np.float32]
) -> None:
    """Put the noise along rows into `found` where it is smaller than what is there."""
    if values.shape[1] <= 2 * lag:
        return
    noise = _MAD / _GAIN * _one_way(values, mask, box, lag)
    # Rounding and the even spread of `smooth` both add a twelfth.
    noise = np.sqrt(np.maximum(noise**2 - step**2 / 6, 0))
    noise[np.isnan(noise)] = np.inf
    rows = np.minimum(np.arange(values.shape[0]) // box, noise.shape[0] - 1)
    columns = np.minimum(np.arange(values.shape[1]) // box, noise.shape[1] - 1)
    np.minimum(found, noise.astype(np.float32)[rows][:, columns], out=found)


def local_noise(
    image: ArrayLike | Plane, *, box: int = 50, lag: int = 1, regions: Sequence[Region] = ()
) -> NDArray[np.float32]:
    """Noise of every pixel from differences, the smaller of that along rows and that along columns.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    box : int, optional
        Side in pixels of the boxes within which the noise is one number.
    lag : int, optional
        Distance of the pixels that are compared; 2 for a mosaic of colour filters.
    regions : sequence of (slice, slice), optional
        As for `background_map`.

    Returns
    -------
    ndarray of float32, [y, x]
        ADU, before rounding to the image's step; infinite where too few pixels count. Of correlated noise, as in an
        image that was resampled, it is too small.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> image = 500 * np.sin(x / 8) * np.cos(y / 8) + np.random.default_rng(1).normal(0, 5, (200, 200))
    >>> bool(abs(local_noise(image).mean() - 5) < 0.5)
    True
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    found = np.full(plane.values.shape, np.inf, np.float32)
    for region in regions or [(slice(None), slice(None))]:
        values = plane.smooth[region]
        mask = plane.mask[region] if plane.mask[region].any() else None
        _least_of_both(values, mask, box, lag, plane.step, found[region])
        _least_of_both(values.T, None if mask is None else mask.T, box, lag, plane.step, found[region].T)
    return found
