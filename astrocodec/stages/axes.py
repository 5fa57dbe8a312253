"""Axes: an array <-> the same in another order of axes.

docs/format.md section "Order of axes". native/axes.c does the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError

# Axis i of the turned array is axis order[i] of the array.
Order = tuple[int, ...]


def read_order(body: bytes | None, ndim: int) -> Order:
    """The order of axes that a section says; that of the array without one.

    >>> read_order(bytes([2, 0, 1]), 3), read_order(None, 2)
    ((2, 0, 1), (0, 1))
    """
    if body is None:
        return tuple(range(ndim))
    if len(body) < ndim:
        raise TruncatedError(f"an order of {len(body)} axes found, the array has {ndim}")
    if sorted(body) != list(range(ndim)):
        raise CorruptError(f"axes in the order {tuple(body)}, the array has 0 to {ndim - 1}")
    return tuple(body)


def turned_shape(shape: tuple[int, ...], order: Order) -> tuple[int, ...]:
    """Shape of the turned array."""
    return tuple(shape[axis] for axis in order)


def turn(values: NDArray[Any], order: Order) -> NDArray[Any]:
    """The array with its axes in an order."""
    return np.ascontiguousarray(values.transpose(order)).reshape(turned_shape(values.shape, order))


def turn_back(turned: NDArray[Any], order: Order) -> NDArray[Any]:
    """Undo `turn`."""
    back = tuple(int(axis) for axis in np.argsort(order))
    return turn(turned, back)
