"""Outside reference: how much of it is taken off, and whether that pays.

docs/encoder.md section "Outside reference".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.outside import (
    ARRAY_TYPES,
    REFERENCE_TYPES,
    Outside,
    hash_of,
    integers_of,
    neighbourhood,
    taken_off,
)
from astrocodec.stages.planes import planes_of

_LEAST_PIXELS = 4096
_PARTS, _ROWS, _COLUMNS = 7, 64, 256
_ROOM = 8192  # below the least element, for what is taken off too much
_QUARTERS = (64, 128, 192, 256)
_SMALL = (0, 16, 32, 64, 96, 128, 160, 192, 224, 256)
_SMOOTH = (0, 64, 128, 192, 256)
# From this spread on deviations are large; 256 is half of what three quarters of the neighbours span.
_LARGE = ((0, 0), (256, 600), (256, 850), (256, 1200))

# Bytes of a piece of samples.
Size = Callable[[NDArray[np.uint16]], int]


def _limits(reference: NDArray[Any]) -> tuple[int, int]:
    """Level of the reference that comes to 0, and low bits that do not count."""
    values = integers_of(reference)
    low, high = int(values.min()), int(values.max())
    if high - low > 65535:  # a few elements may be beyond
        seen = np.sort(values.ravel()[:: max(1, values.size // 65536)])
        low, high = int(seen[seen.size // 100]), int(seen[seen.size - 1 - seen.size // 100])
        if high - low <= 65535:
            low = (low + high) // 2 - 32768
    limit = (1 << 62) - 1
    return max(-limit, min(limit, low)), min(47, max(0, (high - low).bit_length() - 16))


def _start(values: NDArray[Any], reference: NDArray[Any], name: str) -> tuple[Outside, int]:
    """A reference of which nothing is taken off, and the level that keeps what is left within the type."""
    low, high = int(values.min()), int(values.max())
    zero, shift = _limits(reference)
    bits, offset, room = 8 * values.dtype.itemsize, 0, 0
    info = np.iinfo(values.dtype)
    if bits > 16 and high - low <= 65535:
        bits, offset = 16, low - min(_ROOM, (65535 - high + low) // 2)
    elif low - info.min < _ROOM:
        # Of whole 256s, so that codes of a converter stay what they are modulo powers of two.
        room = max(0, min(_ROOM, (int(info.max) - high) // 2)) & ~255
    fields = (hash_of(reference), reference.dtype, reference.ndim, zero, shift, 0, 0, 0, 0, 0, offset, bits)
    return Outside(*fields, name=name), room


class _Sample:
    """Parts of an array and of the reference at the same place, and what coding the former costs."""

    def __init__(self, values: NDArray[Any], reference: NDArray[Any], start: Outside, room: int, size: Size) -> None:
        self._start, self._room, self._size = start, room, size
        self._costs: dict[Outside, int] = {}
        planes, beside = values.reshape(planes_of(values.shape)), reference.reshape(planes_of(reference.shape))
        number, height, width = planes.shape
        rows, columns = min(height, _ROWS), min(width, _COLUMNS)
        self._parts = []
        for j in range(_PARTS):
            t = j * number // _PARTS
            y, x = (
                (2 * j + 1) * (height - rows) // (2 * _PARTS),
                (2 * (5 * j % _PARTS) + 1) * (width - columns) // (2 * _PARTS),
            )
            place = slice(y, y + rows), slice(x, x + columns)
            near = integers_of(beside[t % len(beside)][place])
            plane = np.clip((near - start.zero) >> start.shift, 0, 65535).astype(np.int32)
            unsigned = planes[t][place].view(f"u{values.dtype.itemsize}").astype(np.uint64)
            self._parts.append((unsigned - np.uint64(start.offset % (1 << 64)), neighbourhood(plane)))
        self._low = max(0, (int(values.max()) - int(values.min())).bit_length() - 16) if start.bits > 16 else 0
        self._mask = np.uint64((1 << start.bits) - 1)

    def levelled(self, outside: Outside) -> Outside:
        """The same with the level that leaves the array's own."""
        middle = np.median([np.median(taken_off(outside, *near)) for _, near in self._parts])
        return dataclasses.replace(outside, level=int(middle) + self._room)

    def cost(self, outside: Outside) -> int:
        """Bytes of what is left of the parts."""
        if outside not in self._costs:
            self._costs[outside] = sum(self._size(left) for left in self._left(outside))
        return self._costs[outside]

    def _left(self, outside: Outside) -> Iterator[NDArray[np.uint16]]:
        """What is left of the parts."""
        for part, near in self._parts:
            shift = taken_off(outside, *near).view(np.uint64) - np.uint64(outside.level % (1 << 64))
            yield (((part - shift) & self._mask) >> np.uint64(self._low)).astype(np.uint16)

    def best(self, found: Iterable[Outside]) -> Outside:
        """The cheapest, of equal ones the first."""
        return min((self.levelled(one) for one in found), key=self.cost)


def choose_outside(values: NDArray[Any], reference: NDArray[Any], name: str, size: Size) -> Outside | None:
    """How an array of native byte order is best told by a reference, None where it does not pay."""
    is_known = values.dtype.str[1:] in ARRAY_TYPES and reference.dtype.str[1:] in REFERENCE_TYPES
    if not is_known or values.size < _LEAST_PIXELS:
        return None
    nothing, room = _start(values, reference, name)
    with np.errstate(over="ignore"):
        sample = _Sample(values, reference, nothing, room, size)
        alone = sample.cost(sample.levelled(nothing))

        def having(start: Outside, **changed: Any) -> Outside:
            return dataclasses.replace(start, **changed)

        plain = [having(nothing, smooth=n, small=n, large=n) for n in _QUARTERS]
        best = sample.best([nothing, *plain, *(having(nothing, large=a, spread=b) for a, b in _LARGE[1:])])
        if best == sample.levelled(nothing):
            best = sample.best([best, *(having(nothing, small=n, large=n) for n in _SMALL[1:4])])
        for _ in range(2):
            best = sample.best([best, *(having(best, small=n, large=max(n, best.large)) for n in _SMALL)])
            best = sample.best([best, *(having(best, smooth=n) for n in _SMOOTH)])
            best = sample.best([best, *(having(best, large=max(a, best.small), spread=b) for a, b in _LARGE)])
        return best if 1000 * sample.cost(best) < 995 * alone else None
