"""Floats: parts of visibilities that are exact floats, found in cells around their predictions.

Readable reference of docs/format.md section "Cells of floats"; native/visibility/float_site.h and float_group.c do
the same.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from astrocodec.errors import CorruptError
from astrocodec.stages.visibility_tables import SCALES, TOTAL, cumulative, reach

LATTICE_BIAS = 1024
_LEAST_FLOAT, _RAW, _MOST_BEYOND, _CELL_BITS = -1000, 63, 46, 56
_HALVED, _CLASSES, _FADE = 1024, 32, 64
_MOST = {32: float(np.finfo(np.float32).max), 64: math.inf}
Bits = Callable[[int], int]
Symbol = Callable[[tuple[int, ...]], int]


@dataclass(frozen=True)
class Floats:
    """Numbers whose last bit is 2^(exponent - mantissa), and never below 2^lowest."""

    mantissa: int
    lowest: int
    bits: int  # of one that is written whole


def floats_of(itemsize: int, seed: int) -> Floats:
    """Those of a block, by what its parameters say."""
    zeros = seed & 255
    return Floats(23 - zeros, zeros - 149, 32) if itemsize == 4 else Floats(52 - zeros, _LEAST_FLOAT, 64)


@dataclass
class Count:
    """How often something was so."""

    yes: int = 1
    total: int = 2

    def take(self, symbol: Symbol) -> bool:
        """Decide."""
        share = min(max(self.yes * TOTAL // self.total, 1), TOTAL - 1)
        is_yes = symbol((0, share, TOTAL)) == 0
        self.yes, self.total = self.yes + is_yes, self.total + 1
        if self.total >= _HALVED:
            self.yes, self.total = (self.yes + 1) // 2, self.total // 2 + 1
        return is_yes


def exponent_of(value: float) -> int:
    """floor(log2 |value|); -1023 of zero and what is next to it, 1024 of infinity."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return (bits >> 52 & 2047) - 1023


@dataclass(frozen=True)
class _Site:
    width: int  # cells are 2^width wide
    scale: int
    place: int
    cell: int


def _site(f: Floats, mean: float, distance: float) -> _Site:
    by_mean = exponent_of(mean) - f.mantissa
    width = max(exponent_of(distance) - 2, by_mean, f.lowest)
    share = float(np.float32(distance * 2.0**-width))
    wide = np.float32(share if share > 1 / 16 else 1 / 16)
    scale = min((int(wide.view(np.uint32)) >> 20) - ((127 - 4) << 3), SCALES - 1)
    middle = 0 if width != by_mean else -4 if mean < 0 else 4
    eighth = math.floor(8 * (mean * 2.0**-width)) + middle
    return _Site(width, scale, eighth & 7, eighth >> 3)


@dataclass
class FloatReader:
    """Finds floats of one lane after the other; its `symbol` and `bits` pop from the lane's state."""

    shape: int
    symbol: Symbol
    bits: Bits

    def around(self, f: Floats, zeros: Count, mean: float, distance: float) -> float:
        """The float that is found around a mean."""
        site = _site(f, mean, distance)
        far = reach(site.scale)
        symbol = self.symbol(cumulative(self.shape, site.scale, site.place))
        away = symbol - far
        if symbol in (0, 2 * far):
            count = self.bits(6)
            if count == _RAW:
                return self._whole(f)
            if count > _MOST_BEYOND:
                raise CorruptError(f"{count} bits of a float's cell, at most {_MOST_BEYOND} allowed")
            beyond = (1 << count | self.bits(count)) - 1
            away += beyond if symbol else -beyond
        cell = site.cell + away
        n = -1 - cell if cell < 0 else cell
        if n >> _CELL_BITS:
            raise CorruptError(f"a float in cell {n}")
        magnitude = self._rest(f, zeros, n, site.width)
        return -magnitude if cell < 0 else magnitude

    def _whole(self, f: Floats) -> float:
        raw = self.bits(f.bits).to_bytes(8, "little")
        value = float(struct.unpack_from("<f" if f.bits == 32 else "<d", raw)[0])
        if not math.isfinite(value):
            raise CorruptError(f"a float that is {value}")
        return value

    def _rest(self, f: Floats, zeros: Count, n: int, width: int) -> float:
        """A magnitude in cell n."""
        top, base = width + n.bit_length() - 1, n * 2.0**width if n else 0.0
        if not n:
            if width <= f.lowest or zeros.take(self.symbol):
                return 0.0
            top = width - 1
            while top > f.lowest and not self.bits(1):
                top -= 1
            base, width = 2.0**top, top
        last = max(top - f.mantissa, f.lowest)
        if width < last and (last - width > 62 or n & ((1 << (last - width)) - 1)):
            raise CorruptError(f"a part of {base}, which is no float")
        return base + self.bits(width - last) * 2.0**last if width > last else base


@dataclass
class _Off:
    """Of parts of one size: how often they were on the lattice, and how far off."""

    away: float
    on: Count = field(default_factory=Count)
    count: float = 1.0


class PartReader:
    """Parts of a group's samples."""

    def __init__(self, itemsize: int, seed: int) -> None:
        self.floats = floats_of(itemsize, seed)
        self.has_lattice = seed > 255
        self.lattice = Floats(52, (seed >> 8) - LATTICE_BIAS, 8 * itemsize)
        self._zeros, self._zeros_off = [Count(), Count()], [Count(), Count()]
        self._off = [_Off(2.0**self.lattice.lowest / 16) for _ in range(_CLASSES)] if self.has_lattice else []

    def part(self, reader: FloatReader, part: int, mean: float, distance: float, other: float) -> float:
        """A part; `other` is its sample's other one, as far as that is known."""
        found = self._part(reader, part, mean, distance, other)
        if not math.isfinite(found) or abs(found) > _MOST[self.floats.bits]:
            raise CorruptError(f"a part of {found}, which its data type does not have")
        return found

    def _part(self, reader: FloatReader, part: int, mean: float, distance: float, other: float) -> float:
        if not self.has_lattice:
            return reader.around(self.floats, self._zeros[part], mean, distance)
        on = reader.around(self.lattice, self._zeros[part], mean, distance)
        above = max(exponent_of(on), exponent_of(other)) - self.lattice.lowest
        off = self._off[min(max(above, 0), _CLASSES - 1)]
        if off.on.take(reader.symbol):
            return on
        value = reader.around(self.floats, self._zeros_off[part], on, off.away / off.count)
        off.away, off.count = off.away + abs(value - on), off.count + 1
        if off.count >= _FADE:
            off.away, off.count = off.away * 0.5, off.count * 0.5
        return value
