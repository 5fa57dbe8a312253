"""Cosmic-ray candidates, by Laplacian edge detection in the manner of L.A.Cosmic (van Dokkum 2001, PASP 113, 1420).

The Laplacian of the image, subsampled twice so that no edge cancels another, over twice the noise, is large where an
edge is sharper than the optics make it. A pixel counts if that exceeds a threshold, and what the fine structure of a
star would give. The medians of the method are taken where the Laplacian is large and not in the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.extra import require
from astrocodec.analysis.plane import Plane, as_plane

_MOST_CANDIDATES = 1 << 18
_HIGHEST = 1e6


@dataclass(frozen=True, eq=False)
class CosmicRays:
    """Candidates for cosmic-ray hits.

    Attributes
    ----------
    mask : ndarray of bool, [y, x]
        True for their pixels.
    count : int
        Number of connected groups.
    share : float
        Share of the pixels.
    """

    mask: NDArray[np.bool_]
    count: int
    share: float


def _laplacian(values: NDArray[Any]) -> NDArray[Any]:
    """Of the image with each pixel cut into four: positive parts of the quarters' Laplacians, their mean.

    A quarter has two neighbours of its own pixel, and one each of the next pixels in a column and in a row.
    """
    padded = np.pad(values, 1, mode="edge")
    centre = padded[1:-1, 1:-1]
    up, down = (centre - padded[:-2, 1:-1], centre - padded[2:, 1:-1])
    left, right = (centre - padded[1:-1, :-2], centre - padded[1:-1, 2:])
    total = np.zeros_like(centre)
    for vertical in (up, down):
        for horizontal in (left, right):
            total += np.maximum(vertical + horizontal, np.float32(0))
    return total / np.float32(4)


def _windows(values: NDArray[Any], y: NDArray[Any], x: NDArray[Any], half: int) -> NDArray[Any]:
    """Square neighbourhoods of pixels, shape (pixels, side * side)."""
    span = np.arange(-half, half + 1)
    rows = np.clip(y[:, None, None] + span[:, None], 0, values.shape[0] - 1)
    columns = np.clip(x[:, None, None] + span, 0, values.shape[1] - 1)
    return values[rows, columns].reshape(y.size, -1)


def _fine_structure(values: NDArray[Any], y: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Median over 3 x 3 less the median over 7 x 7 of those medians."""
    span = np.arange(-3, 4)
    rows = np.clip(y[:, None, None] + span[:, None], 0, values.shape[0] - 1)
    columns = np.clip(x[:, None, None] + span, 0, values.shape[1] - 1)
    rows, columns = (a.ravel() for a in np.broadcast_arrays(rows, columns))
    medians = np.median(_windows(values, rows, columns, 1), axis=1).reshape(y.size, 49)
    return np.asarray(medians[:, 24] - np.median(medians, axis=1))


def cosmic_rays(
    image: ArrayLike | Plane,
    background: Background,
    *,
    nsigma: float = 4.5,
    contrast: float = 5.0,
    neighbours: float = 0.3,
    gain: float | None = None,
) -> CosmicRays:
    """Find pixels with edges sharper than the optics make them.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background
        From `background_map` of the same image.
    nsigma : float, optional
        Threshold for the Laplacian, in standard deviations.
    contrast : float, optional
        Least ratio of the Laplacian to the fine structure; larger where stars fill hardly a pixel, smaller where they
        are wide.
    neighbours : float, optional
        Share of `nsigma` that suffices beside a pixel that was found.
    gain : float, optional
        Electron / ADU: the photon noise of a pixel's surroundings is then added to that of the background.

    Returns
    -------
    CosmicRays

    Raises
    ------
    ImportError
        SciPy is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from astrocodec.analysis import background_map
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200))
    >>> image[50, 60:64] += 200
    >>> found = cosmic_rays(image, background_map(image))
    >>> found.count, found.mask[50, 60:64].all().item()
    (1, True)
    """
    ndimage = require("scipy.ndimage")
    plane = image if isinstance(image, Plane) else as_plane(image)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rest = (plane.values - background.level) / background.total_noise
    rest = np.where(plane.mask | ~np.isfinite(rest), np.float32(0), np.clip(rest, -_HIGHEST, _HIGHEST)).astype(
        np.float32
    )
    significance = _laplacian(rest) / 2
    y, x = np.nonzero((significance > neighbours * nsigma) & (rest > 2))
    mask = np.zeros(rest.shape, np.bool_)
    strong = significance[y, x] > nsigma
    if not strong.any() or y.size > _MOST_CANDIDATES:
        return CosmicRays(mask, 0, 0.0)
    y_strong, x_strong = y[strong], x[strong]
    sigma = np.ones(y_strong.size, np.float32)
    if gain is not None:
        # Photons above the background, their variance in units of the background's.
        photons = np.maximum(np.median(_windows(rest, y_strong, x_strong, 2), axis=1), 0)
        sigma = np.sqrt(1 + photons / (gain * background.total_noise[y_strong, x_strong])).astype(np.float32)
        significance[y_strong, x_strong] /= sigma
    # The flux of a sampled source has a Laplacian too: that of the surroundings is taken off.
    excess = significance[y_strong, x_strong] - np.median(_windows(significance, y_strong, x_strong, 2), axis=1)
    sharp = excess > nsigma
    y_strong, x_strong, excess, sigma = y_strong[sharp], x_strong[sharp], excess[sharp], sigma[sharp]
    if not y_strong.size:
        return CosmicRays(mask, 0, 0.0)
    structure = np.maximum(_fine_structure(rest, y_strong, x_strong) / sigma, 0.01)
    hit = excess > contrast * structure
    mask[y_strong[hit], x_strong[hit]] = True
    weak = np.zeros_like(mask)
    weak[y, x] = True
    grown = ndimage.binary_dilation(mask, structure=np.ones((3, 3), np.bool_), mask=weak) if hit.any() else mask
    mask = (mask | grown) & ~plane.mask
    count = int(ndimage.label(mask, structure=np.ones((3, 3)))[1])
    return CosmicRays(mask, count, float(mask.mean()))
