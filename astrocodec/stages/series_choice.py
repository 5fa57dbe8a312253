"""Series: whether an array is coded as such, and with which gains (docs/encoder.md section "Series").

native/axes_series.c and series_choice.c choose alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.axes import Order, turn
from astrocodec.stages.chain import MAX_LIMIT, Gains, apply_chain
from astrocodec.stages.chain_choice import SLOPES, WANDERING, levels_of, middle, slopes_of
from astrocodec.stages.log512 import log512
from astrocodec.stages.pixels import map_pixels
from astrocodec.stages.planes import part_type
from astrocodec.stages.series import Series
from astrocodec.stages.split import least_low_bits

_LEAST, _LEAST_COLUMNS, _MAX_ROWS, _LEAST_AXES = 4096, 64, 1024, 3
_MANY = 1 << 15
_LOOKS, _BEFORE, _AHEAD = 4, 8, 300
_FITTED, _FITTED_COLUMNS, _MAX_PLACES = 1 << 14, 32, 32
_LEAST_BASE = 1024

Size = Callable[[NDArray[Any]], int]


def order_of(shape: tuple[int, ...]) -> Order | None:
    """The order of axes in which rows are series: the longest axis last. None for arrays that are not tried.

    >>> order_of((500, 6, 6)), order_of((1, 6, 6, 500)), order_of((500, 60, 60))
    ((1, 2, 0), (0, 1, 2, 3), None)
    """
    many = [axis for axis, length in enumerate(shape) if length > 1]
    if len(many) < _LEAST_AXES or math.prod(shape) < _LEAST:
        return None
    longest = shape.index(max(shape))
    if shape[longest] < _LEAST_COLUMNS or math.prod(shape) > _MAX_ROWS * shape[longest]:
        return None
    one = [axis for axis, length in enumerate(shape) if length == 1]
    return (*one, *(axis for axis in many if axis != longest), longest)


def _middle_of(values: NDArray[Any]) -> NDArray[Any]:
    """The part of an array that is coded for a trial: of the longest axis as much as takes some 2^15 elements."""
    axis = values.shape.index(max(values.shape))
    length = values.shape[axis]
    kept = min(length, max(_LEAST_COLUMNS, _MANY * length // values.size))
    start = (length - kept) // 2
    return values.take(range(start, start + kept), axis)


def _bits(off: NDArray[np.int64]) -> NDArray[np.int64]:
    """About 512 times the bits of numbers that are off by so much."""
    return log512(1 + np.abs(off)).astype(np.int64)


def are_steady(values: NDArray[Any], order: Order) -> bool:
    """Whether a look tells that series are steadier in time than from one to the next, by 0.6 bits."""
    axis = order[-1]
    starts = [(2 * j + 1) * (values.shape[axis] - _BEFORE - 1) // (2 * _LOOKS) for j in range(_LOOKS)]
    parts = [turn(values.take(range(start, start + _BEFORE + 1), axis), order) for start in starts]
    rows = np.stack(parts).reshape(-1, _BEFORE + 1)
    u, _, largest = map_pixels(rows.view(part_type(rows.dtype)))
    samples = (u >> least_low_bits(largest)).astype(np.int64).reshape(_LOOKS, -1, _BEFORE + 1)
    expected = (samples[:, 1:, :-1].sum(-1) + _BEFORE // 2) // _BEFORE
    now = samples[..., -1]
    return int((_bits(np.diff(now)) - _bits(now[:, 1:] - expected) - _AHEAD).sum()) > 0


def choose_series(values: NDArray[Any], other: Order, size: Size, size_as_series: Size) -> Order | None:
    """The order of axes in which the array is coded as series; None where it takes fewer bytes in another order."""
    order = None if values.dtype.kind == "c" else order_of(values.shape)
    if order is None or not are_steady(values, order):
        return None
    part = _middle_of(values)
    return order if 100 * size_as_series(turn(part, order)) < 99 * size(turn(part, other)) else None


def _shortened(places: list[Gains]) -> tuple[Gains, ...]:
    """The same without last places whose level hardly differs from the last one's."""
    *places, last = places
    while places and places[-1].slope == last.slope and 16 * (places[-1].level - last.level) <= last.level:
        places.pop()
    return (*places, last)


def fit_series(samples: NDArray[np.uint16]) -> Series:
    """The series that leave the least of a part of samples ``(plane, y, x)``."""
    rows = samples.reshape(-1, samples.shape[2])
    columns = min(rows.shape[1], max(_FITTED_COLUMNS, _FITTED // len(rows)))
    part = np.ascontiguousarray(rows[:, :columns].T)[..., None]
    steps = np.diff(part.astype(np.int64), axis=0)
    noise = max(1, middle(np.abs(steps - middle(steps))))
    base, limit = min(max(_LEAST_BASE, 32 * noise), 32768), min(384 * noise, MAX_LIMIT)
    count = min(rows.shape[1] - 1, _MAX_PLACES)
    starts = tuple(rows[:, 0].tolist())

    def cost_of(gains: tuple[list[int], list[int]]) -> int:
        places = tuple(Gains(level, slope) for level, slope in zip(*gains, strict=True))
        left = apply_chain(Series(base, limit, places, starts).chain, part)[1:].astype(np.int64)
        return int(_bits((left - base + 32768) % 65536 - 32768).sum())

    levels = [levels_of(wandering, count) for wandering in WANDERING]
    best = min(((level, [0] * count) for level in levels), key=cost_of)
    best = min([best, *((best[0], slopes_of(rule, count)) for rule in SLOPES)], key=cost_of)
    best = min([best, *((level, best[1]) for level in levels)], key=cost_of)
    return Series(base, limit, _shortened([Gains(*place) for place in zip(*best, strict=True)]), starts)
