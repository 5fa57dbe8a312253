"""Correlated noise: what the pixels of a row or of a column have in common, and what neighbours share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background, Region
from astrocodec.analysis.plane import Plane, as_plane

_CLIP = 4.0
_MAD = 1.4826
_LEAST = 16
# Corrections below this share of the variance are within the error of the estimates.
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True)
class Correlated:
    """Noise that is not independent from pixel to pixel.

    Attributes
    ----------
    row_noise, column_noise : float
        Standard deviation of the offsets of whole rows and columns from those beside them, ADU.
    row_share, column_share : float
        Their share of the noise's variance.
    lag_x, lag_y : float
        Correlation of a background pixel with the next one along x and along y, -1 to 1.
    """

    row_noise: float
    column_noise: float
    row_share: float
    column_share: float
    lag_x: float
    lag_y: float


def _offsets(rest: NDArray[Any], good: NDArray[Any], axis: int) -> tuple[float, float]:
    """Variance of the differences between neighbouring rows' means, halved; and the mean of 1 / pixels in a row."""
    count = good.sum(axis=axis, dtype=np.float64)
    enough = count >= _LEAST
    if enough.sum() < _LEAST:
        return 0.0, 0.0
    means = rest.sum(axis=axis, dtype=np.float64)[enough] / count[enough]
    steps = np.diff(means)
    return (_MAD * float(np.median(np.abs(steps - np.median(steps))))) ** 2 / 2, float((1 / count[enough]).mean())


def _lag(rest: NDArray[Any], good: NDArray[Any], variance: float, axis: int) -> float:
    here, there = (slice(None, -1), slice(1, None))
    a, b = ((here, slice(None)), (there, slice(None))) if axis == 0 else ((slice(None), here), (slice(None), there))
    pairs = int(np.count_nonzero(good[a] & good[b]))
    product = float(np.einsum("ij,ij->", rest[a], rest[b], dtype=np.float64)) if pairs else 0.0
    return product / pairs / variance if pairs and variance else 0.0


def _of_region(rest: NDArray[Any], good: NDArray[Any]) -> tuple[float, float, float, float, float]:
    """Variances: all, rows, columns; lags along x and y."""
    pixels = int(np.count_nonzero(good))
    if pixels < _LEAST * _LEAST:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    whole = float(np.einsum("ij,ij->", rest, rest, dtype=np.float64)) / pixels
    of_rows, rows = _offsets(rest, good, 1)
    of_columns, columns = _offsets(rest, good, 0)
    row = column = 0.0
    for _ in range(4):  # what is not common spreads over the means too
        white = max(whole - row - column, 0.0)
        row, column = (max(found - white * share, 0.0) for found, share in ((of_rows, rows), (of_columns, columns)))
    return whole, row, column, _lag(rest, good, whole, 1), _lag(rest, good, whole, 0)


def correlated_noise(
    image: ArrayLike | Plane,
    background: Background,
    *,
    sources: NDArray[np.bool_] | None = None,
    regions: Sequence[Region] = (),
) -> Correlated:
    """Measure noise common to rows and columns.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background
        From `background_map` of the same image.
    sources : ndarray of bool, optional
        True for pixels of sources, which do not count.
    regions : sequence of (slice, slice), optional
        Parts with rows and columns of their own, such as amplifiers; the result is their mean.

    Returns
    -------
    Correlated

    Examples
    --------
    >>> import numpy as np
    >>> from astrocodec.analysis import background_map
    >>> rng = np.random.default_rng(1)
    >>> image = rng.normal(100, 5, (400, 400)) + rng.normal(0, 2, (400, 1))
    >>> found = correlated_noise(image, background_map(image))
    >>> round(found.row_noise, 1), found.column_noise < 0.2
    (2.0, True)
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    rest = plane.values - background.level
    good = ~plane.mask & (np.abs(rest) <= np.float32(_CLIP) * background.total_noise)
    if sources is not None:
        good &= ~sources
    rest = np.where(good, rest, np.float32(0))
    parts = regions or [(slice(None), slice(None))]
    found = np.array([_of_region(rest[part], good[part]) for part in parts])
    weight = np.array([np.count_nonzero(good[part]) for part in parts], np.float64)
    if not weight.sum() or not found[:, 0].any():
        return Correlated(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    whole, row, column, lag_x, lag_y = (float(v) for v in weight @ found / weight.sum())
    row, column = (v if v > _NEGLIGIBLE * whole else 0.0 for v in (row, column))
    # Rows that leap from one to the next, as between readout channels, may do so by more than all else scatters.
    row, column = (v / max(1.0, (row + column) / whole) for v in (row, column))
    return Correlated(math.sqrt(row), math.sqrt(column), row / whole, column / whole, lag_x, lag_y)
