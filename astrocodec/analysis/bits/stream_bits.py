"""Bits: the exact code length of every pixel of our own streams, as it was decoded.

A sample costs -log2 of the probability that the decoder's table gives it, and its raw bits: `stages.code_bits`.
What belongs to no pixel is counted apart, so that both add up to the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.codec import Buffer
from astrocodec.errors import AstrocodecError, CorruptError, TruncatedError
from astrocodec.model import Model
from astrocodec.stages.planes import MAX_PIXELS, tile_slices
from astrocodec.stages.reference import find_model
from astrocodec.stages.stream import CHECKSUM_SIZE, STORED, Header, read_header, split_tiles

_MODES = ("constant", "modelled", "raw", "differences")


@dataclass(frozen=True, eq=False)
class BitsMap:
    """Where the bits of a stream or file went.

    Attributes
    ----------
    bits : ndarray of float32
        Code length of every pixel, of the array's shape. Where a file's tile is no stream of ours (mode ``other``) its
        bits are spread evenly.
    payload_bits : float
        Bits of the pixels' code as they lie in the file; `bits` adds up to them but for the rounding of the coder.
    header_bits : float
        All other bits: headers, tables, models, checksums, padding, the coder's first states.
    total_bits : int
        Of the stream, or of the HDU in a file: `payload_bits` plus `header_bits`.
    tiles : int
        Number of tiles.
    modes : dict of str to int
        Number of tiles by how they are coded: ``constant``, ``modelled``, ``raw``, ``differences``, ``stored``,
        ``other``.
    """

    bits: NDArray[np.float32]
    payload_bits: float
    header_bits: float
    total_bits: int
    tiles: int
    modes: dict[str, int] = field(default_factory=dict)

    @property
    def bits_per_pixel(self) -> float:
        """Of everything, headers too."""
        return self.total_bits / max(1, self.bits.size)

    @property
    def mismatch(self) -> float:
        """Relative difference between the sum of `bits` and `payload_bits`."""
        return float(self.bits.sum(dtype=np.float64)) / self.payload_bits - 1 if self.payload_bits else 0.0


def _low_planes(data: memoryview, count: int, low: int) -> tuple[int, int]:
    """Bits per pixel of the low bits as they are stored, and bytes of all their planes (docs/format.md "Split")."""
    each = at = 0
    for first in range(0, low, 8):
        bits = min(8, low - first)
        if at >= len(data):
            raise TruncatedError(f"low bits {first}..{first + bits - 1}: missing")
        is_packed = data[at] != 0
        each += bits if is_packed else 0
        at += 1 + (count * bits + 7) // 8 if is_packed else 2
    return each, at


def _modelled(stream: memoryview, header: Header, at: int, models: Iterable[Model]) -> BitsMap:
    model = find_model(header, models).native
    count = int(np.prod(header.shape, dtype=object))
    if count > len(stream) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(stream)} bytes can hold")
    tiles, end = split_tiles(stream[:-CHECKSUM_SIZE], at, header.tile_count)
    bits = np.zeros(header.sheet, np.float32)
    payload, modes = 0.0, Counter[str]()
    for index, where in enumerate(tile_slices(header.sheet, header.tile_shape)):
        try:
            overhead = _native.tile_bits(model, np.frombuffer(tiles[index], np.uint8), bits[where])
        except AstrocodecError as error:
            raise type(error)(f"tile {index} at row {where[0].start}, column {where[1].start}: {error}") from None
        payload += 8 * len(tiles[index]) - overhead
        modes[_MODES[tiles[index][0]]] += 1
    if header.low_bits:
        each, used = _low_planes(stream[end:-CHECKSUM_SIZE], count, header.low_bits)
        if end + used != len(stream) - CHECKSUM_SIZE:
            raise CorruptError(f"byte {end}: low bits of {used} bytes expected")
        bits += np.float32(each)
        payload += each * count
    total = 8 * len(stream)
    return BitsMap(bits.reshape(header.shape), payload, total - payload, total, len(tiles), dict(modes))


def stream_bits(stream: Buffer, models: Iterable[Model] = ()) -> BitsMap:
    """`bits_map` of a stream; see there."""
    view = memoryview(stream).cast("B")  # type: ignore[arg-type]
    header, at = read_header(view)
    if len(view) - at < CHECKSUM_SIZE:
        raise TruncatedError(f"{len(view)} bytes found, at least {at + CHECKSUM_SIZE} needed: the stream is cut")
    if header.mode != STORED:
        return _modelled(view, header, at, models)
    size = int(np.prod(header.shape, dtype=object))
    payload, total = 8 * size * header.dtype.itemsize, 8 * len(view)
    if payload != total - 8 * (at + CHECKSUM_SIZE):
        raise CorruptError(f"stored array of {payload // 8} bytes expected in a stream of {len(view)}")
    bits = np.full(header.shape, 8 * header.dtype.itemsize, np.float32)
    return BitsMap(bits, float(payload), float(total - payload), total, 1, {"stored": 1})
