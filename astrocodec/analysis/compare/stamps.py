"""Stamps: squares around sources, all of one size, so that all sources are measured at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.signal.seeing import FWHM

__all__ = ["Stamps", "cut_stamps", "window_sigma"]

_USUAL_FWHM = 2.5
_REACH = 4.0  # standard deviations of the window from the middle to the edge
_MOST_ELEMENTS = 1 << 23


def window_sigma(fwhm: float | None) -> float:
    """Standard deviation of the Gaussian that is as wide as stars, pixels."""
    return (fwhm or _USUAL_FWHM) / FWHM


@dataclass(frozen=True, eq=False)
class Stamps:
    """
    Squares of whole pixels around sources.

    Attributes
    ----------
    rows, columns : ndarray of intp
        Indices into an image, ``image[rows, columns]`` being [source, y, x].
    which : ndarray of intp
        Number of each source in the catalogue: those near an edge are left out.
    half : int
        Pixels from the middle one to the edge.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    which: NDArray[np.intp]
    half: int

    def of(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Squares of an image, [source, y, x]."""
        return np.asarray(image[self.rows, self.columns], np.float64)

    def offsets(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of the pixels from points, one for each source, along x and along y."""
        return self.columns - x[:, None, None], self.rows - y[:, None, None]


def cut_stamps(shape: tuple[int, ...], x: NDArray[np.float64], y: NDArray[np.float64], sigma: float) -> Stamps:
    """Choose the squares around points that lie within an image; of very many sources the first.

    Examples
    --------
    >>> found = cut_stamps((40, 40), np.array([20.2, 1.0]), np.array([18.0, 18.0]), 1.0)
    >>> found.which.tolist(), found.of(np.ones((40, 40))).shape
    ([0], (1, 9, 9))
    """
    half = max(3, round(_REACH * sigma))
    column, row = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
    inside = (np.minimum(column, row) >= half) & (column < shape[1] - half) & (row < shape[0] - half)
    which = np.nonzero(inside)[0][: max(1, _MOST_ELEMENTS // (2 * half + 1) ** 2)]
    reach = np.arange(-half, half + 1)
    rows = row[which, None, None] + reach[None, :, None]
    columns = column[which, None, None] + reach[None, None, :]
    return Stamps(rows, columns, which, half)
