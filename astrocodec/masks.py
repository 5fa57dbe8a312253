"""Arrays of whatever library as NumPy's, with masks refused: no stream has a place for them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["refuse_mask", "unmasked"]


def unmasked(data: Any) -> np.ndarray[Any, Any]:
    """
    Return data as an array.

    Raises
    ------
    TypeError
        Something is masked.

    Examples
    --------
    >>> unmasked(np.ma.masked_array([1, 2], [0, 0])).tolist()
    [1, 2]
    """
    data = _computed(data)
    refuse_mask(data)
    return np.asarray(data)


def _computed(data: Any) -> Any:
    """Return Dask's data as they are once computed, those in lists too: its own conversion drops masks."""
    if isinstance(data, list | tuple):
        return [_computed(part) for part in data]
    return data.compute() if callable(getattr(data, "compute", None)) else data


def refuse_mask(data: Any) -> None:
    """
    Refuse what would lose a mask: an array, or a list that holds one.

    Raises
    ------
    TypeError
        Something is masked.
    """
    for part in data if isinstance(data, list | tuple) else ():
        refuse_mask(part)
    mask = getattr(data, "mask", None)  # of NumPy and astropy; a method in pandas
    if mask is not None and not callable(mask) and np.any(mask):
        raise TypeError("a masked array's mask would be lost: give data.filled(VALUE), or data.data without the mask")
