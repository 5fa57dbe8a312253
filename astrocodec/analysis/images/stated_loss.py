"""Stated loss: what a lossy file itself says of how far its pixels are from those that it was made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["StatedLoss"]


@dataclass(frozen=True, eq=False)
class StatedLoss:
    """
    The bound that a file states, for each pixel of an image.

    Attributes
    ----------
    words : str
        How the pixels were made, for people: ``"RICE_1, steps of 0.26 to 0.31, SUBTRACTIVE_DITHER_1"``.
    bound : ndarray of float64, [y, x], or None
        No pixel differs by more, in the unit of the pixels, or as a share of the original where `relative`; 0 where it
        is stored exactly. None where the file promises nothing.
    relative : bool
        Whether the bound is a share of each pixel's value.
    largest : float or None
        Largest error that was found when the file was made, where it tells.
    variance : float or None
        Variance that was added, the mean over all pixels, where it tells.
    slack : float
        What a decoder's own rounding may add, in units of the spacing of floats at the pixel's value.
    """

    words: str
    bound: NDArray[np.float64] | None
    relative: bool = False
    largest: float | None = None
    variance: float | None = None
    slack: float = 0.0

    def allowed(self, original: NDArray[Any], decoded: NDArray[Any]) -> NDArray[np.float64] | None:
        """Largest error that is allowed at each pixel.

        Examples
        --------
        >>> stated = StatedLoss("to 1 %", np.full((1, 2), 0.01), relative=True)
        >>> stated.allowed(np.array([[100.0, -5.0]]), np.array([[100.5, -5.0]])).round(3).tolist()
        [[1.0, 0.05]]
        """
        if self.bound is None:
            return None
        allowed = self.bound * np.abs(original) if self.relative else self.bound
        if not self.slack or decoded.dtype.kind != "f":
            return np.asarray(allowed, np.float64)
        with np.errstate(invalid="ignore"):
            spacing = np.spacing(np.maximum(np.abs(original), np.abs(decoded)).astype(decoded.dtype))
        return np.asarray(allowed + self.slack * np.nan_to_num(spacing), np.float64)


def described(low: float, high: float) -> str:
    """A number, or a range of them, in four digits.

    Examples
    --------
    >>> described(0.25, 0.25000001), described(1, 3)
    ('0.25', '1 to 3')
    """
    return f"{low:.4g}" if math.isclose(low, high, rel_tol=1e-4) else f"{low:.4g} to {high:.4g}"
