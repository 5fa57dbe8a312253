"""Maps of planes: pixel maps and low bits that some planes have of their own (docs/format.md section "Maps of planes").

native/plane_maps.c does the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.pixels import BINS, PixelMap
from astrocodec.stages.planes import Grid, Planes
from astrocodec.stages.split import MAX_LOW_BITS
from astrocodec.stages.stream import MAPS, PLANES, SERIES, Header

_LOOK_BACK = 16


class PlaneMap(NamedTuple):
    """How elements became samples and low bits."""

    pixel_map: PixelMap
    low_bits: int

    def to_bytes(self) -> bytes:
        """The map and the number of low bits."""
        return self.pixel_map.to_bytes() + bytes([self.low_bits])

    @classmethod
    def read(cls, reader: varint.Reader, dtype: np.dtype[Any], most: int) -> PlaneMap:
        """Read what `to_bytes` wrote, for elements of this type; a set has at most `most` values."""
        pixel_map = PixelMap.read(reader, most=most)
        if not pixel_map.fits(dtype):
            raise CorruptError(f"byte {reader.place}: {dtype} elements with pixel map of kind {pixel_map.kind}")
        low_bits = reader.take(1, "low bits")[0]
        if low_bits > MAX_LOW_BITS:
            raise CorruptError(f"byte {reader.place}: {low_bits} low bits found, at most {MAX_LOW_BITS} allowed")
        if low_bits and pixel_map.kind == BINS:
            raise CorruptError(f"byte {reader.place}: {low_bits} low bits of bins, which have their own")
        return cls(pixel_map, low_bits)


def pack_maps(maps: Sequence[PlaneMap]) -> bytes:
    """The section for the maps of all planes, the first of which stands in the parameters; none where that is all."""
    listed = [maps[0].to_bytes()]
    indices = []
    for one in maps:
        body = one.to_bytes()
        latest = listed[-_LOOK_BACK:]
        if body not in latest:
            listed.append(body)
            latest = [body]
        indices.append(len(listed) - len(latest) + latest.index(body))
    if len(listed) == 1:
        return b""
    runs = ((index, len(list(run))) for index, run in groupby(indices))
    return (
        varint.put(len(listed) - 1)
        + b"".join(listed[1:])
        + b"".join(varint.put(index) + varint.put(length) for index, length in runs)
    )


def unpack_maps(data: bytes, first: PlaneMap, shape: Planes, dtype: np.dtype[Any], start: int = 0) -> list[PlaneMap]:
    """Undo `pack_maps`; `start` is where the section stands in the stream, for messages."""
    reader, planes = varint.Reader(memoryview(data), start=start), shape.number
    count = reader.number("number of maps", planes - 1)
    if not count:
        raise CorruptError(f"byte {reader.place}: no maps of planes")
    maps, left = [first], math.prod(shape) - first.pixel_map.set_count()
    for _ in range(count):
        maps.append(PlaneMap.read(reader, dtype, left))
        left -= maps[-1].pixel_map.set_count()
    found: list[PlaneMap] = []
    while len(found) < planes:
        index = reader.number("index of a map", count)
        length = reader.number("planes that have a map", planes - len(found))
        if not length:
            raise CorruptError(f"byte {reader.place}: a map of no planes")
        found += [maps[index]] * length
    if reader.at != len(data):
        raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the maps of planes")
    return found


def maps_of(header: Header, first: PlaneMap, grid: Grid) -> list[PlaneMap]:
    """The map of each plane of a stream whose parameters have `first`."""
    body = header.body_of(MAPS)
    if body is None:
        return [first] * grid.planes.number
    if grid.together > 1 or any(header.body_of(number) is not None for number in (PLANES, SERIES)):
        raise CorruptError(f"section {MAPS}: planes of a chain or of series, or that share pieces, have one map")
    return unpack_maps(body, first, grid.planes, header.dtype)
