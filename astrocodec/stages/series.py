"""Series: rows that are series in time <-> what is left of them once earlier columns have told what they can.

docs/format.md section "Series". native/series.c does the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.bits import BitReader, BitWriter
from astrocodec.stages.chain import MAX_LIMIT, Chain, Gains, apply_chain, undo_chain
from astrocodec.stages.planes import Planes

_WHOLE_SCALE, _MAX_BITS = 256, 16
_MAX_SERIES = 1 << 23


@dataclass(frozen=True)
class Series:
    """How a column is predicted from those before it, and the first one."""

    base: int  # what is left of a sample that is as expected
    limit: int  # innovations beyond it are jumps, in 1/16
    places: tuple[Gains, ...]  # of the second, third, ... column; the last one holds from there on
    starts: tuple[int, ...]  # first sample of each series

    @property
    def chain(self) -> Chain:
        """The same as a chain of columns."""
        return Chain(0, self.base, self.limit, _WHOLE_SCALE, _WHOLE_SCALE, self.places)

    @property
    def order(self) -> NDArray[np.intp]:
        """The series by their starts, of equal ones as they follow each other."""
        return np.argsort(np.array(self.starts), kind="stable")

    def to_bytes(self) -> bytes:
        """The section's bytes."""
        out = varint.put(self.base) + varint.put(self.limit) + bytes([len(self.places)])
        out += bytes(gain for place in self.places for gain in (place.level - 1, place.slope))
        width, bits = max(self.starts).bit_length(), BitWriter()
        for start in self.starts:
            bits.write(start, width)
        return out + bytes([width]) + bits.to_bytes()

    @classmethod
    def read(cls, data: bytes, planes: Planes, start: int = 0) -> Series:
        """Read what `to_bytes` wrote; `start` is where it stands in the stream, for messages."""
        reader = varint.Reader(memoryview(data), start=start)
        if planes.width < 2:
            raise CorruptError(f"byte {start}: series of {planes.width} columns, at least 2 allowed")
        rows = planes.number * planes.height
        if rows > _MAX_SERIES:
            raise CorruptError(f"byte {start}: {rows} series, at most {_MAX_SERIES} allowed")
        base, limit = reader.number("base of series", 65535), reader.number("limit of series", MAX_LIMIT)
        count = reader.take(1, "gains of series")[0]
        if not count:
            raise CorruptError(f"byte {reader.place}: no gains of series")
        gains = reader.take(2 * count, "gains of series")
        places = tuple(Gains(level + 1, slope) for level, slope in zip(gains[::2], gains[1::2], strict=True))
        width = reader.take(1, "bits of starts")[0]
        if width > _MAX_BITS:
            raise CorruptError(f"byte {reader.place}: starts of {width} bits, at most {_MAX_BITS} allowed")
        bits = BitReader(bytes(reader.take((rows * width + 7) // 8, "starts of series")), "starts of series")
        starts = tuple(bits.read(width) for _ in range(rows))
        bits.finish()
        if reader.at != len(data):
            raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the starts of series")
        return cls(base, limit, places, starts)


def _columns(rows: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Rows as planes of a chain: ``(column, row, 1)``."""
    return np.ascontiguousarray(rows.T)[..., None]


def apply_series(series: Series, samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """What is left of samples ``(plane, y, x)``; the least start is on top, and the first column is the base."""
    left = apply_chain(series.chain, _columns(samples.reshape(-1, samples.shape[2])))[..., 0].T
    left[:, 0] = series.base
    return np.ascontiguousarray(left[series.order]).reshape(samples.shape)


def undo_series(series: Series, left: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Undo `apply_series`; the first column does not matter."""
    rows = np.empty((len(series.starts), left.shape[2]), np.uint16)
    rows[series.order] = left.reshape(rows.shape)
    rows[:, 0] = series.starts
    return np.ascontiguousarray(undo_chain(series.chain, _columns(rows))[..., 0].T).reshape(left.shape)
