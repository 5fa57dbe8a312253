"""Filling: what stands in a picture where samples are left out, which is to cost few bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def filled(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Visibilities ``[time, baseline, ...]`` with values where they are not known.

    On a straight line in time between those before and behind; where a baseline has none, on one over baselines; and 0
    where a plane has none.

    >>> filled(np.array([[2j], [9], [4j]]), np.array([[True], [False], [True]])).ravel().tolist()
    [2j, 3j, 4j]
    """
    if known.all():
        return values
    found = _between(np.where(known, values, 0), known, 0)
    in_time = np.broadcast_to(known.any(0), known.shape)
    return found if in_time.all() else _between(found, in_time, 1)


def _between(values: NDArray[Any], known: NDArray[np.bool_], axis: int) -> NDArray[Any]:
    """Values along an axis, linear between known ones, and as the nearest beyond the first and the last."""
    values, known = np.moveaxis(values, axis, 0), np.moveaxis(known, axis, 0)
    length = len(values)
    place = np.arange(length).reshape(-1, *[1] * (values.ndim - 1))
    before = np.maximum.accumulate(np.where(known, place, -1), 0)
    behind = np.minimum.accumulate(np.where(known, place, length)[::-1], 0)[::-1]
    none = before[-1] < 0
    low = np.where(before < 0, np.minimum(behind, length - 1), before)
    high = np.where(behind >= length, np.maximum(before, 0), behind)
    share = ((place - low) / np.maximum(high - low, 1)).astype(values.real.dtype)
    first, last = (np.take_along_axis(values, at, 0) for at in (low, high))
    found = np.where(none, 0, first + (last - first) * share).astype(values.dtype)
    return np.moveaxis(np.where(known, values, found), 0, axis)
