"""Bayer phase: whether an image is a mosaic of colour filters, and where the green ones are (Bayer, US 3971065)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from astrocodec.analysis.plane import Plane, as_plane, blocks_of

_BLOCK = 32
# Differences between places below this share of the signal's scatter, or so many of their errors, are chance.
_LEAST_SHARE = 0.03
_SIGNIFICANT = 8.0
_LEAST_BLOCKS = 9


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
    """Tell a mosaic of colour filters from a plain image.

    Of the two diagonals of the 2 x 2 blocks, the green one has two equal levels.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.

    Returns
    -------
    BayerPhase
        Red and blue on an image without colour give one level for all places: such a mosaic is not seen.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(100, 5, (256, 256))
    >>> image[::2, ::2] += 30
    >>> image[1::2, 1::2] += 50
    >>> bayer_phase(image).patterns
    ('RGGB', 'BGGR')
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    places = [plane.smooth[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    side = _BLOCK // 2
    if min(plane.values.shape) < 2 * _BLOCK:
        side = max(1, min(plane.values.shape) // 8)
    if min(plane.values.shape) < 16 or plane.mask.mean() > 0.5:
        return BayerPhase(False, (), (), 0.0)
    shape = min(p.shape[0] for p in places), min(p.shape[1] for p in places)
    # Medians of blocks: stars and slopes fall out of the differences between places.
    cut = (blocks_of(p[: shape[0], : shape[1]], side, side) for p in places)
    blocks = [np.median(pixels, axis=2).ravel().astype(np.float64) for pixels in cut]
    levels = tuple(float(np.median(b)) for b in blocks)
    if blocks[0].size < _LEAST_BLOCKS:
        return BayerPhase(False, (), levels, 0.0)

    def difference(i: int, j: int) -> tuple[float, float]:
        """Typical difference between two places, and its error."""
        rest = blocks[i] - blocks[j]
        middle = float(np.median(rest))
        scatter = 1.4826 * float(np.median(np.abs(rest - middle)))
        return middle, 1.25 * scatter / np.sqrt(rest.size) + 1e-3 * plane.step + 1e-12 * (1 + abs(levels[0]))

    pairs = {(i, j): difference(i, j) for i in range(4) for j in range(i)}
    significance = max(abs(d) / e for d, e in pairs.values())
    straight, across = pairs[3, 0], pairs[2, 1]
    spread = max(abs(d) for d, _ in pairs.values())
    scatter = 1.4826 * float(np.median(np.abs(places[0] - np.median(places[0])))) + plane.step
    # Rows or columns that alternate as a whole, as with two amplifiers, have two pairs of equal places and no more.
    rows = max(abs(pairs[1, 0][0]), abs(pairs[3, 2][0])) < 0.1 * spread
    columns = max(abs(pairs[2, 0][0]), abs(pairs[3, 1][0])) < 0.1 * spread
    is_mosaic = significance > _SIGNIFICANT and spread > _LEAST_SHARE * scatter and not rows and not columns
    # One diagonal of equal levels, those of the other off both of them.
    equal, other = sorted((abs(straight[0]), abs(across[0])))
    green_is_across = abs(across[0]) < abs(straight[0])
    is_mosaic = is_mosaic and equal < 0.35 * spread
    patterns: tuple[str, ...] = ()
    if is_mosaic and other > max(3 * equal, 0.05 * spread):
        patterns = ("RGGB", "BGGR") if green_is_across else ("GRBG", "GBRG")
    return BayerPhase(is_mosaic, patterns, levels, float(significance))
