"""Flags and noise as they are given beside visibilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.arrays import as_array

__all__ = ["flags_beside", "noise_beside"]


def flags_beside(flags: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """
    Flags as an array of booleans of the visibilities' shape.

    Raises
    ------
    TypeError, ValueError
        They are masked, or have another shape.

    Examples
    --------
    >>> flags_beside([0, 2], (2,)).tolist()
    [False, True]
    """
    if flags is None:
        return None
    values = as_array(flags)
    if values.shape != shape:
        raise ValueError(f"flags have shape {values.shape}, visibilities {shape}")
    return np.ascontiguousarray(values, bool)


def noise_beside(noise: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    """
    Standard deviations ``[baseline, freq, pol]``; infinite where they are too large, NaN where floats hold them badly.

    Raises
    ------
    TypeError, ValueError
        They are no real numbers, masked, or do not broadcast to the shape.

    Examples
    --------
    >>> noise_beside(2, (2, 1, 1), "sigma").tolist()
    [[[2.0]], [[2.0]]]
    """
    values = as_array(noise)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name} of {values.dtype} found, real numbers are needed: standard deviations of a real part")
    try:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            sigma = values.astype(np.float32)
            sigma = np.where((sigma > 0) & (sigma < np.finfo(np.float32).tiny), np.float32(np.nan), sigma)
            return np.broadcast_to(sigma, shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {values.shape}, what broadcasts to [baseline, freq, pol] = {shape} is needed"
        ) from None
