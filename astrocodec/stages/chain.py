"""Chains: samples of planes <-> what is left of them once earlier planes have told what they can.

docs/format.md section "Chains". native/chain.c does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.planes import Planes

MAX_PERIOD = 1 << 40
MAX_PLACES = 255
MAX_LIMIT = 1 << 20
_MAX_LEVEL = 65535 << 4
_MAX_SLOPE = 1 << 24


class Gains(NamedTuple):
    """By how much of an innovation level and slope change, in 1/256."""

    level: int
    slope: int


@dataclass(frozen=True)
class Chain:
    """How a plane is predicted from those before it."""

    period: int  # planes of a chain; 0: all
    base: int  # the level around which a prediction is scaled, and that takes its place in what is left
    limit: int  # innovations beyond it are jumps, in 1/16
    scale: int  # of a prediction, in 1/256
    first: int  # by how much of an innovation the level of first planes changes, in 1/256
    places: tuple[Gains, ...]  # of the second, third, ... plane of a chain; the last one holds from there on

    def to_bytes(self) -> bytes:
        """The section's bytes."""
        out = varint.put(self.period) + varint.put(self.base) + varint.put(self.limit)
        out += bytes([self.scale - 1, self.first - 1, len(self.places)])
        return out + bytes(gain for place in self.places for gain in (place.level - 1, place.slope))

    @classmethod
    def read(cls, data: bytes, planes: Planes, start: int = 0) -> Chain:
        """Read what `to_bytes` wrote; `start` is where it stands in the stream, for messages."""
        reader = varint.Reader(memoryview(data), start=start)
        period = reader.number("planes of a chain", MAX_PERIOD)
        if period == 1 or period >= planes.number:
            raise CorruptError(f"byte {start}: chains of {period} planes, 0 or 2 to {planes.number - 1} allowed")
        base, limit = reader.number("base of a chain", 65535), reader.number("limit of a chain", MAX_LIMIT)
        scale, first, count = reader.take(3, "gains of a chain")
        if not count:
            raise CorruptError(f"byte {reader.place}: no gains of a chain")
        gains = reader.take(2 * count, "gains of a chain")
        if reader.at != len(data):
            raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the gains of a chain")
        places = tuple(Gains(level + 1, slope) for level, slope in zip(gains[::2], gains[1::2], strict=True))
        return cls(period, base, limit, scale + 1, first + 1, places)


@dataclass
class _State:
    """What is kept of each pixel."""

    level: NDArray[np.int32]  # in 1/16
    slope: NDArray[np.int32]  # change of the level from plane to plane, in 1/256
    first: NDArray[np.int32]  # level of first planes, in 1/16

    @classmethod
    def of(cls, plane: NDArray[np.uint16]) -> _State:
        """That after the very first plane."""
        level = plane.astype(np.int32) << 4
        return cls(level, np.zeros_like(level), level.copy())


def _expected(chain: Chain, state: _State, place: int) -> NDArray[np.int32]:
    if not place:
        return state.first
    return np.clip(state.level + (state.slope >> 4), 0, _MAX_LEVEL).astype(np.int32)


def _shift(chain: Chain, expected: NDArray[np.int32]) -> NDArray[np.int32]:
    """What is taken off the samples of a plane."""
    return ((expected - (chain.base << 4)) * chain.scale + 2048) >> 12


def _update(chain: Chain, state: _State, place: int, expected: NDArray[np.int32], plane: NDArray[np.uint16]) -> None:
    now = plane.astype(np.int32) << 4
    innovation = now - expected
    slope = state.slope >> 4 if place else np.zeros_like(now)
    limit = chain.limit + (np.abs(slope) >> 2)
    is_jump = np.abs(innovation) > limit
    if not place:
        state.level = now
        state.first = np.where(is_jump, now, expected + ((innovation * chain.first) >> 8))
        return
    gains = chain.places[min(place, len(chain.places)) - 1]
    state.level = np.where(is_jump, now, expected + ((innovation * gains.level) >> 8))
    change = (np.clip(innovation, -limit, limit) * gains.slope) >> 4
    state.slope = np.clip(state.slope + change, -_MAX_SLOPE, _MAX_SLOPE)


def apply_chain(chain: Chain, planes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """What is left of samples ``(plane, y, x)``."""
    left, state = planes.copy(), _State.of(planes[0])
    for t in range(1, len(planes)):
        place = t % chain.period if chain.period else t
        expected = _expected(chain, state, place)
        left[t] = (planes[t] - _shift(chain, expected)).astype(np.uint16)
        _update(chain, state, place, expected, planes[t])
    return left


def undo_chain(chain: Chain, left: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Undo `apply_chain`."""
    planes, state = left.copy(), _State.of(left[0])
    for t in range(1, len(planes)):
        place = t % chain.period if chain.period else t
        expected = _expected(chain, state, place)
        planes[t] = (left[t] + _shift(chain, expected)).astype(np.uint16)
        _update(chain, state, place, expected, planes[t])
    return planes
