"""Source changes: fluxes, places and shapes of all sources, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.compare.apertures import compare_fluxes
from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.analysis.compare.centroids import CentroidShift, compare_centroids, windowed
from astrocodec.analysis.compare.fluxes import Fluxes
from astrocodec.analysis.compare.psf_fluxes import compare_psf_fluxes
from astrocodec.analysis.compare.shapes import ShapeChange, compare_shapes

__all__ = ["SourceChanges", "compare_sources"]


@dataclass(frozen=True, eq=False)
class SourceChanges:
    """
    What became of the sources; None where nothing could be measured.

    Attributes
    ----------
    fluxes, psf_fluxes : Fluxes or None
        In apertures, and by the profile of the stars.
    centroids : CentroidShift or None
        Shifts in units of their errors.
    shapes : ShapeChange or None
        Second moments.
    """

    fluxes: Fluxes | None = None
    psf_fluxes: Fluxes | None = None
    centroids: CentroidShift | None = None
    shapes: ShapeChange | None = None


def compare_sources(
    image: NDArray[Any], residual: NDArray[Any], background: Background, places: Catalogue, *, radius: float = 4.0
) -> SourceChanges:
    """
    Measure the sources of A in both images.

    Parameters
    ----------
    image, residual : ndarray, [y, x]
        A, and B - A with NaN where nothing is known; ADU.
    background : Background
        Of A.
    places : Catalogue
        Where to measure.
    radius : float, optional
        Of the apertures, pixels.

    Returns
    -------
    SourceChanges

    Examples
    --------
    >>> import numpy as np
    >>> from astrocodec.analysis import background_map
    >>> image = np.random.default_rng(1).normal(100, 5, (120, 120))
    >>> image[58:63, 58:63] += 80
    >>> change = np.where(image > 150, 0.01 * 80, 0.0)
    >>> found = compare_sources(image, change, background_map(image), Catalogue.of(60, 60))
    >>> round(found.fluxes.bins[0].bias_percent, 1), round(found.psf_fluxes.bins[0].bias_percent, 1), found.shapes.count
    (1.0, 1.0, 1)
    """
    seen = windowed(image, residual, background, places)
    return SourceChanges(
        compare_fluxes(image, residual, background, places, radius=radius),
        compare_psf_fluxes(image, residual, background, places),
        None if seen is None else compare_centroids(seen),
        None if seen is None else compare_shapes(seen),
    )
