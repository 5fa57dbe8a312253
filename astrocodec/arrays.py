"""Arrays of whatever library, and lists, as NumPy's; what its own conversion would lose is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_array", "refuse_mask"]


def as_array(data: Any) -> np.ndarray[Any, Any]:
    """
    Return data as an array; what is masked, and integers of a list that would be rounded to floats, is a TypeError.

    Examples
    --------
    >>> as_array(np.ma.masked_array([1, 2], [0, 0])).tolist()
    [1, 2]
    """
    data = _computed(data)
    refuse_mask(data)
    values = np.asarray(data)
    if isinstance(data, list) and values.dtype.kind in "fc":
        largest, exact = _largest_integer(data), 2 ** (np.finfo(values.dtype).nmant + 1)
        if largest > exact:
            raise TypeError(
                f"integers of a list would become {values.dtype}, exact up to {exact}; {largest} found: convert them "
                "yourself, or give one type"
            )
    return values


def _largest_integer(data: Any) -> int:
    """Return the largest magnitude of the integers in nested lists of numbers and arrays."""
    if isinstance(data, list):
        return max(map(_largest_integer, data), default=0)
    if isinstance(data, int | float):
        return abs(data) if isinstance(data, int) else 0
    part = np.asarray(data)
    return max(abs(int(part.min())), abs(int(part.max()))) if part.dtype.kind in "iu" and part.size else 0


def _computed(data: Any) -> Any:
    """Return Dask's data as they are once computed, those in lists too: its own conversion drops masks."""
    if isinstance(data, list | tuple):
        return [_computed(part) for part in data]
    return data.compute() if callable(getattr(data, "compute", None)) else data


def refuse_mask(data: Any) -> None:
    """Refuse by a TypeError what would lose a mask: an array, or a list that holds one."""
    for part in data if isinstance(data, list | tuple) else ():
        refuse_mask(part)
    mask = getattr(data, "mask", None)  # of NumPy and astropy; a method in pandas
    if mask is not None and not callable(mask) and np.any(mask):
        raise TypeError("a masked array's mask would be lost: give data.filled(VALUE), or data.data without the mask")
