"""Plane: an image as the analysis takes it, floats and the pixels that do not count."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# float32 holds integers up to 2**24 exactly; a quarter of it leaves two bits for differences.
_EXACT = 1 << 22
_SAMPLED = 1 << 16
# Squares of values between these fit float32; above the farthest not even float64.
_LEAST, _LARGEST, _FARTHEST = 1e-12, 1e12, 1e150


@dataclass(frozen=True, eq=False)
class Plane:
    """An image ready for analysis.

    Attributes
    ----------
    values : ndarray of float32 or float64, [y, x]
        ADU; 0 where masked.
    mask : ndarray of bool, [y, x]
        True for pixels that do not count: masked, NaN, infinite or beyond 1e150.
    step : float
        ADU between possible values: 1 for most integers, 16 for 12 bits in the upper part of 16; 0 for floats that are
        no integers.
    """

    values: NDArray[Any]
    mask: NDArray[np.bool_]
    step: float

    @functools.cached_property
    def smooth(self) -> NDArray[Any]:
        """The values with their rounding spread evenly: medians of few distinct numbers would jump between them."""
        if not self.step:
            return self.values
        spread = np.random.default_rng(0).random(self.values.shape, np.float32)
        spread -= np.float32(0.5)
        spread *= np.float32(self.step)
        return self.values + spread

    @property
    def is_empty(self) -> bool:
        """Whether no pixel counts."""
        return bool(self.mask.all())


def _step_of(values: NDArray[Any]) -> float:
    """Greatest common divisor of the differences among a sample of values; 0 if they are no integers."""
    sample = values[:: max(1, values.size // _SAMPLED)]
    if sample.size < 2:
        return float(values.dtype.kind in "iub")
    if sample.dtype.kind == "f" and (not (sample == np.rint(sample)).all() or np.abs(sample).max() >= 2**53):
        return 0.0
    whole = sample.astype(np.int64)
    common = int(np.gcd.reduce(whole - whole[0]))
    if common > 1:
        # All pixels decide: a sample may miss what is between.
        common = int(np.gcd.reduce(values.astype(np.int64) - whole[0]))
    return float(max(common, 1))


def as_plane(image: ArrayLike, mask: ArrayLike | None = None) -> Plane:
    """Take an image apart.

    Parameters
    ----------
    image : array_like, [y, x]
        Integers or floats, any byte order; masked arrays and NaN are understood.
    mask : array_like of bool, optional
        True for pixels that do not count.

    Raises
    ------
    ValueError
        It has not two axes, has no pixel, is not of numbers, or the mask has another shape.

    Examples
    --------
    >>> plane = as_plane([[1.5, float("nan")], [2.5, 3.0]])
    >>> plane.mask.tolist(), plane.step
    ([[False, True], [False, False]], 0.0)
    """
    hidden = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else None
    values = np.ma.getdata(image) if hidden is not None else np.asarray(image)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"image has shape {values.shape}, two axes with pixels are needed: give one plane at a time")
    if values.dtype.kind not in "iufb":
        raise ValueError(f"image has dtype {values.dtype}, integers or floats are needed")
    bad = np.zeros(values.shape, np.bool_) if hidden is None else hidden.copy()
    if mask is not None:
        given = np.asarray(mask, np.bool_)
        if given.shape != values.shape:
            raise ValueError(f"mask has shape {given.shape}, the image {values.shape}: they must be the same")
        bad |= given
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "f":
        bad |= ~(np.abs(values) < values.dtype.type(min(_FARTHEST, float(np.finfo(values.dtype).max))))
    any_bad = bool(bad.any())
    good = values[~bad] if any_bad else values.ravel()
    step = _step_of(good)
    largest = max(abs(float(good.max())), abs(float(good.min()))) if good.size else 0.0
    is_exact = values.dtype.itemsize <= 2 or values.dtype == np.float32 or (step > 0 and largest < _EXACT)
    is_exact = is_exact and (largest == 0 or _LEAST < largest < _LARGEST)
    with np.errstate(over="ignore", invalid="ignore"):  # of pixels that do not count
        floats = values.astype(np.float32 if is_exact else np.float64)
    if any_bad:
        floats[bad] = 0
    return Plane(floats, bad, step)


def blocks_of(values: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Cut an image into whole blocks: shape (down, across, pixels of a block); what fills no block is left out.

    Examples
    --------
    >>> blocks_of(np.arange(10).reshape(2, 5), 2, 2).tolist()
    [[[0, 1, 5, 6], [2, 3, 7, 8]]]
    """
    down, across = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: down * rows, : across * columns].reshape(down, rows, across, columns)
    return cut.swapaxes(1, 2).reshape(down, across, rows * columns)
