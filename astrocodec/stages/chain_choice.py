"""Chains: with which gains earlier planes tell the most (docs/encoder.md section "Chains").

native/chain_choice.c chooses alike.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.chain import MAX_LIMIT, Chain, Gains, apply_chain
from astrocodec.stages.log512 import log512
from astrocodec.stages.planes import Planes

_LEAST_PIXELS = 4096
_MAX_PLANES, _MAX_ROWS, _MAX_COLUMNS = 16, 16, 64
_MAX_PLACES = 32
# How much a level wanders from plane to plane against the noise of a sample, in 1/65536; the last: without measure.
WANDERING = (1 << 8, 1 << 11, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 30)
SLOPES = (1, 2, 4, 8, 16, 32, 0)
_SCALES = (248, 240, 224, 192, 160, 128)


def period_of(shape: tuple[int, ...]) -> int:
    """Planes of a chain: the third axis from the end, where a fourth says that it is one of several.

    >>> period_of((20, 64, 64)), period_of((3, 5, 64, 64)), period_of((1, 5, 64, 64))
    (0, 5, 0)
    """
    return shape[-3] if len(shape) > 3 and shape[-3] >= 2 and np.prod(shape[:-3]) >= 2 else 0


def _sample(planes: NDArray[np.uint16], period: int) -> NDArray[np.uint16]:
    """Pairs of rows of the first planes: ``(plane, pair, row, x)``."""
    count, height, width = planes.shape
    rows = min(height - 1, _MAX_ROWS, max(4, height * width >> 11))
    columns = min(width, _MAX_COLUMNS)
    pairs = []
    for i in range(rows):
        y, x = 1 + i * (height - 1) // rows, (37 * i % 64) * (width - columns) // 64
        pairs.append(planes[: min(period or count, _MAX_PLANES), y - 1 : y + 1, x : x + columns])
    return np.stack(pairs, 1)


def _cost(left: NDArray[np.uint16]) -> int:
    """About 512 times the bits of the second rows, first plane and first column aside."""
    found = left[1:].astype(np.int64)
    off = found[..., 1, 1:] - ((found[..., 1, :-1] + found[..., 0, 1:]) >> 1)
    return int(log512(1 + np.abs((off + 32768) % 65536 - 32768)).sum())


def middle(values: NDArray[Any]) -> int:
    return int(np.sort(values.ravel())[values.size // 2])


def levels_of(wandering: int, count: int) -> list[int]:
    """Gains of the level: those of the best estimate where it wanders so much."""
    gains, known = [], 65536
    for _ in range(count):
        known = (known + wandering << 16) // (known + wandering + 65536)
        gains.append(min(256, max(1, (known + 128) >> 8)))
    return gains


def slopes_of(rule: int, count: int) -> list[int]:
    """Gains of the slope: the same everywhere, or those of a mean."""
    return [rule or min(255, 256 // n) for n in range(1, count + 1)]


def _shortened(chain: Chain) -> Chain:
    """The same without places that repeat the last one."""
    places = chain.places
    while len(places) > 1 and places[-1] == places[-2]:
        places = places[:-1]
    return dataclasses.replace(chain, places=places)


def _fit(planes: NDArray[np.uint16], period: int) -> Chain | None:
    """The chain that leaves the least of a sample; None where that is no less than the samples themselves cost."""
    sample = _sample(planes, period)
    steps = np.diff(sample.astype(np.int64), axis=0)
    noise = middle(np.abs(steps - middle(steps)))
    room = min(32 * noise, 32768)
    base = min(max(middle(sample[0].astype(np.int64)), room), 65535 - room)
    count = min((period or len(planes)) - 1, _MAX_PLACES)

    def chain_of(levels: list[int], slopes: list[int]) -> Chain:
        places = tuple(Gains(level, slope) for level, slope in zip(levels, slopes, strict=True))
        return Chain(period, base, min(192 * max(noise, 1), MAX_LIMIT), 256, 128, places)

    def cost_of(chain: Chain) -> int:
        return _cost(apply_chain(dataclasses.replace(chain, period=0), sample))

    def best_of(chains: list[Chain]) -> Chain:
        return min(chains, key=cost_of)

    none = [0] * count
    best = best_of([chain_of(levels_of(wandering, count), none) for wandering in WANDERING])
    if cost_of(best) >= _cost(sample):
        return None
    levels = [place.level for place in best.places]
    best = best_of([best, *(chain_of(levels, slopes_of(rule, count)) for rule in SLOPES)])
    return _shortened(best_of([best, *(dataclasses.replace(best, scale=scale) for scale in _SCALES)]))


def fit_chain(planes: NDArray[np.uint16], period: int) -> Chain | None:
    """The chain that leaves the least of samples ``(plane, y, x)``, None where it leaves no less than there was."""
    shape = Planes(*planes.shape)
    if shape.number < 2 or min(shape.height, shape.width) < 2 or planes.size < _LEAST_PIXELS:
        return None
    return _fit(planes, period)


def plain_chain(period: int) -> Chain:
    """The chain that leaves the differences to the plane before."""
    return Chain(period, 32768, MAX_LIMIT, 256, 256, (Gains(256, 0),))
