"""Bound: whether what a lossy file promises holds for every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.images.stated_loss import StatedLoss

__all__ = ["BoundCheck", "check_bound"]


@dataclass(frozen=True)
class BoundCheck:
    """
    What a lossy file states, and what was found.

    Attributes
    ----------
    stated : str
        How it was made, in its own words.
    holds : bool or None
        Whether every pixel is within the bound; None where the file promises none.
    bound : float or None
        The largest that is allowed at any pixel, ADU.
    share : float or None
        The largest error over what is allowed at its pixel.
    beyond : int
        Pixels that are farther off, or have a value in one image only.
    stated_largest, stated_variance : float or None
        Largest error and added variance that the file tells of itself.
    """

    stated: str
    holds: bool | None
    bound: float | None = None
    share: float | None = None
    beyond: int = 0
    stated_largest: float | None = None
    stated_variance: float | None = None


def check_bound(original: NDArray[Any], decoded: NDArray[Any], stated: StatedLoss) -> BoundCheck:
    """
    Check every pixel of a lossy image; NaN where there is no value.

    Parameters
    ----------
    original, decoded : ndarray, [y, x]
        Before and after.
    stated : StatedLoss
        What the file says.

    Returns
    -------
    BoundCheck

    Examples
    --------
    >>> original = np.array([[1.0, 2.0, 3.0]])
    >>> found = check_bound(original, original + [0.1, 0, -0.3], StatedLoss("to 0.2", np.full((1, 3), 0.2)))
    >>> found.holds, found.beyond, round(found.share, 2)
    (False, 1, 1.5)
    """
    allowed = stated.allowed(original, decoded)
    if allowed is None:
        return BoundCheck(stated.words, None, stated_largest=stated.largest, stated_variance=stated.variance)
    with np.errstate(invalid="ignore"):
        error = np.abs(decoded.astype(np.float64) - original)
    same = (decoded == original) | (np.isnan(original) & np.isnan(decoded))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = int(np.count_nonzero(~same & ~(error <= allowed)))
        shares = np.where(same, 0.0, error / allowed)
    known = shares[~np.isnan(shares)]
    largest = float(known.max()) if known.size else None
    return BoundCheck(
        stated.words, not beyond, float(np.nanmax(allowed)), largest, beyond, stated.largest, stated.variance
    )
