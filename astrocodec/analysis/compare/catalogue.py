"""Catalogue: where the sources are that two images are compared at, and how bright they are if that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.signal.sources import Segmentation

__all__ = ["Catalogue"]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """
    Places of sources, and their true fluxes.

    Attributes
    ----------
    x, y : ndarray of float64
        Centres, pixels from 0.
    flux : ndarray of float64 or None
        True fluxes above the background, ADU; None where only an image tells of them.
    fwhm : float or None
        Full width at half maximum of the stars, pixels; None where the image must tell.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    flux: NDArray[np.float64] | None = None
    fwhm: float | None = None

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike, flux: ArrayLike | None = None, *, fwhm: float | None = None) -> Catalogue:
        """
        Take the sources that were put into an image.

        Parameters
        ----------
        x, y : array_like
            Centres, pixels from 0.
        flux : array_like, optional
            Above the background, ADU.
        fwhm : float, optional
            Of the stars, pixels.

        Raises
        ------
        ValueError
            The columns are not of one length, or hold what is not finite.

        Examples
        --------
        >>> Catalogue.of([3.0, 9.5], [4.0, 2.0], [100, 250], fwhm=3.4).count
        2
        """
        columns = [
            np.atleast_1d(np.asarray(column, np.float64)) for column in (x, y, *(() if flux is None else (flux,)))
        ]
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise ValueError(
                f"x, y and flux have shapes {[column.shape for column in columns]}: they must be of one length"
            )
        if not all(np.isfinite(column).all() for column in columns):
            raise ValueError("a place or flux is NaN or infinite: leave such sources out")
        return cls(columns[0], columns[1], None if flux is None else columns[2], fwhm)

    @classmethod
    def found(cls, sources: Segmentation, most: int = 5000) -> Catalogue:
        """Take those that `source_mask` found, at most so many, the most significant first."""
        order = np.argsort(-sources.table["snr"])[:most]
        x, y = (np.asarray(sources.table[name], np.float64)[order] for name in ("x", "y"))
        finite = np.isfinite(x) & np.isfinite(y)
        return cls(x[finite], y[finite], None, sources.fwhm or None)

    @property
    def count(self) -> int:
        """Number of sources."""
        return int(self.x.size)
