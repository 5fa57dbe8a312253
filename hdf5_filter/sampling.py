"""Parts of a large array that a model is fitted to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["as_planes", "sample"]

_FRAMES = 6
_SIDE = 2048


def as_planes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """
    Return complex numbers as two planes along a new first axis; other arrays as they are.

    Examples
    --------
    >>> as_planes(np.array([1 + 2j])).tolist()
    [[1.0], [2.0]]
    """
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag])
    if array.dtype.names and len(array.dtype.names) == 2:
        first, second = (array[name] for name in array.dtype.names)
        return np.stack([first, second]) if first.dtype == second.dtype else array
    return array


def sample(data: Any) -> Iterator[np.ndarray[Any, Any]]:
    """
    Yield a few frames of an array or dataset, cut to a moderate size.

    Examples
    --------
    >>> [part.shape for part in sample(np.zeros((100, 8, 9), "u2"))][:2]
    [(8, 9), (8, 9)]
    """
    shape = tuple(np.shape(data))
    frames = math.prod(shape[:-2])
    if len(shape) <= 2 or frames == 1:
        starts: list[tuple[int, ...]] = [(0,) * max(0, len(shape) - 2)]
    else:
        numbers = np.unique(np.linspace(0, frames - 1, _FRAMES).astype(int))
        starts = [tuple(map(int, np.unravel_index(number, shape[:-2]))) for number in numbers]
    for start in starts:
        cut = tuple(_middle(length) for length in shape[-2:])
        part = as_planes(np.asarray(data[(*start, *cut)]))
        yield part.astype(part.dtype.newbyteorder("="), copy=False)


def _middle(length: int) -> slice:
    start = max(0, (length - _SIDE) // 2)
    return slice(start, min(length, start + _SIDE))
