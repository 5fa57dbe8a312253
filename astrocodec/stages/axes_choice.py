"""Axes: in which order an array is coded (docs/encoder.md section "Order of axes").

native/axes_choice.c chooses alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.axes import Order, turn
from astrocodec.stages.chain_choice import period_of
from astrocodec.stages.log512 import log512
from astrocodec.stages.pixels import map_pixels
from astrocodec.stages.plane_choice import are_sparser
from astrocodec.stages.planes import planes_of, to_planes
from astrocodec.stages.split import least_low_bits

_LEAST, _FEW, _MANY, _ENOUGH = 4096, 1 << 13, 1 << 15, 16
_MOST_LONG, _TRIED, _NEAR = 4, 3, 3
_NO_COST = 1 << 30


def boxes_of(values: NDArray[Any], most: int) -> Iterator[NDArray[Any]]:
    """Yield parts of an array of at most so many elements: the longest axis is halved until they are small enough."""
    count = 1 if values.size < _ENOUGH * most else 2
    shape = list(values.shape)
    while math.prod(shape) > most:
        longest = shape.index(max(shape))
        shape[longest] = (shape[longest] + 1) // 2
    for j in range(count):
        starts = [(2 * j + 1) * (n - m) // (2 * count) for n, m in zip(values.shape, shape, strict=True)]
        yield values[tuple(slice(start, start + m) for start, m in zip(starts, shape, strict=True))]


def _samples(box: NDArray[Any]) -> NDArray[np.uint16]:
    """Samples of a box, with one more axis of two for complex numbers."""
    planes = to_planes(np.ascontiguousarray(box))
    u, _, largest = map_pixels(planes.reshape(-1, planes.shape[2]))
    samples = (u >> least_low_bits(largest)).astype(np.uint16)
    return samples.reshape(-1, *box.shape)


def _orders(shape: tuple[int, ...]) -> list[Order]:
    """The orders that are tried; axes of one element stand first."""
    one = [axis for axis, length in enumerate(shape) if length == 1]
    many = [axis for axis, length in enumerate(shape) if length > 1]
    if not 2 <= len(many) <= _MOST_LONG:
        return []
    found = []
    for pair in itertools.combinations(many, 2):
        others = [axis for axis in many if axis not in pair]
        for outer in (others, others[::-1])[: 2 if len(many) == _MOST_LONG else 1]:
            found.append((*one, *outer, *pair))
    return found


def _bits(planes: NDArray[np.uint16]) -> tuple[int, int]:
    """About 512 times the bits of planes ``(..., y, x)``, first rows and columns aside, and of how many values."""
    v = planes.astype(np.int64)
    off = v[..., 1:, 1:] - ((v[..., 1:, :-1] + v[..., :-1, 1:]) >> 1)
    return int(log512(1 + np.abs((off + 32768) % 65536 - 32768)).sum()), off.size


def _cost(boxes: list[NDArray[np.uint16]], order: Order) -> int:
    """What an order costs by differences between samples: of planes, or of what the one before leaves of each."""
    alone, left = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for box in boxes:
        parts = [turn(part, order) for part in box]
        shape = planes_of(parts[0].shape)
        for part in parts:
            alone += _bits(part.reshape(shape))
            if len(parts) == 1:
                chains = part.reshape(-1, period_of(part.shape) or shape.number, *shape[1:])
                left += _bits(chains[:, 1:] - chains[:, :-1] + np.uint16(32768))
    return min(int(bits) * 256 // int(values) if values else _NO_COST for bits, values in (alone, left))


def _are_sparser(values: NDArray[Any], order: Order) -> bool:
    """Whether whole planes in an order have sets or lattices of their own: neighbours in the middle are looked at."""
    if values.dtype.kind == "c":
        return False
    turned = values.transpose(order)
    near = [slice((n - min(n, _NEAR)) // 2, (n + min(n, _NEAR)) // 2) for n in turned.shape[:-2]]
    return are_sparser(to_planes(np.ascontiguousarray(turned[tuple(near)])))


def choose_order(values: NDArray[Any], size: Callable[[NDArray[Any]], int]) -> Order:
    """The order of axes in which parts of the array take the fewest bytes, which `size` tells."""
    given = tuple(range(values.ndim))
    orders = _orders(values.shape)
    is_image = len(orders) == 1 and min(values.shape[-2:]) > 1
    if not orders or is_image or values.size < _LEAST:
        return given
    samples = [_samples(box) for box in boxes_of(values, _FEW)]
    as_given = _cost(samples, given)
    costs = {order: as_given if order == given else _cost(samples, order) for order in orders}
    most = 33 * min(costs.values()) // 32
    cheaper = [order for order in sorted(orders, key=lambda order: costs[order]) if costs[order] <= most]
    cheaper = [order for order in cheaper if 200 * costs[order] < 199 * as_given]
    if not cheaper:
        return given
    boxes = list(boxes_of(values, _MANY))
    sizes = {order: sum(size(turn(box, order)) for box in boxes) for order in (given, *cheaper[:_TRIED])}
    best = min(cheaper[:_TRIED], key=lambda order: sizes[order])
    if 100 * sizes[best] >= 99 * sizes[given]:
        return given
    return given if _are_sparser(values, given) and not _are_sparser(values, best) else best
