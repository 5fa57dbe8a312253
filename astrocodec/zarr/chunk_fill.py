"""What stands for no element of a chunk: the array's fill value, or what fills the chunk beyond the array's edge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blank_of"]

_LEAST_RUN = 16  # of a chunk of one axis


def blank_of(chunk: NDArray[Any], fill: Any = None) -> float | None:
    """
    Return the value that a bound keeps exactly; None where there is none.

    A fill value of 0, which is Zarr's own, need not mean anything: it does where the last row or column is nothing but
    it, and it is outside of the range of all other elements, or they have fractions.

    Examples
    --------
    >>> blank_of(np.array([[5, 6, 0], [7, 5, 0]])), blank_of(np.array([[5, 6, 3], [7, 5, 0]])), blank_of(np.ones(3), -1)
    (0, None, -1.0)
    """
    if fill:
        return float(fill) if chunk.dtype.kind == "f" else int(fill)
    if not chunk.size:
        return None
    value = chunk.ravel()[-1]
    ends = [chunk[..., -1, :], chunk[..., :, -1]] if chunk.ndim > 1 else [chunk[-_LEAST_RUN:]]
    lasts = [end.reshape(-1, end.shape[-1])[-1] for end in ends]
    others = chunk[(chunk != value) & np.isfinite(chunk)]
    if not np.isfinite(value) or not others.size or not any((last == value).all() for last in lasts):
        return None
    is_apart = not others.min() <= value <= others.max() or (others != np.rint(others)).any()
    found: float = value.item()
    return found if is_apart else None
