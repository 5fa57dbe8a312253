"""Sky: whether the level of the background and its noise are still what they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astrocodec.analysis.background import Background

__all__ = ["SkyChange", "compare_sky"]


@dataclass(frozen=True)
class SkyChange:
    """
    Change of the background as photutils measures it in each image.

    Attributes
    ----------
    level : float
        Median of the background of B less that of A, ADU.
    level_sigma : float
        The same in units of the noise of a pixel of A.
    noise_ratio : float
        Median noise of B over that of A: 1.01 for 1 % more.
    """

    level: float
    level_sigma: float
    noise_ratio: float


def compare_sky(a: Background, b: Background) -> SkyChange | None:
    """
    Compare two backgrounds.

    Parameters
    ----------
    a, b : Background
        From `background_map`, with the same boxes.

    Returns
    -------
    SkyChange or None
        None where A has no noise.

    Examples
    --------
    >>> from astrocodec.analysis import background_map
    >>> rng = np.random.default_rng(1)
    >>> image = rng.normal(100, 5, (300, 300))
    >>> worse = image + rng.normal(0.5, 2, (300, 300))
    >>> found = compare_sky(background_map(image), background_map(worse))
    >>> round(found.level, 1), round(found.level_sigma, 1), round(found.noise_ratio, 2)
    (0.5, 0.1, 1.08)
    """
    before, after = a.total_noise.astype(np.float64), b.total_noise.astype(np.float64)
    noisy = before > 0
    if not noisy.any():
        return None
    level = b.level.astype(np.float64) - a.level
    return SkyChange(
        float(np.median(level[noisy])),
        float(np.median(level[noisy] / before[noisy])),
        float(np.median(after[noisy] / before[noisy])),
    )
