"""Bits: the exact code length of every pixel of our own streams, as it was decoded.

A sample costs -log2 of the probability that the decoder's table gives it, and its raw bits.
What belongs to no pixel is counted apart, so that both add up to the file.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import AstrocodecError, CorruptError, TruncatedError
from astrocodec.inspection import Buffer
from astrocodec.model import Model, find_model
from astrocodec.stages import varint
from astrocodec.stages.axes import read_order, turn_back, turned_shape
from astrocodec.stages.blanks import Blanks, unpack_mask
from astrocodec.stages.causal import CAUSAL, STORED, Parameters, split_pieces, split_reference
from astrocodec.stages.cuts import Cuts
from astrocodec.stages.outside import Outside
from astrocodec.stages.pixels import BINS
from astrocodec.stages.plane_maps import PlaneMap, maps_of
from astrocodec.stages.planes import MAX_PIXELS, Grid, part_type, planes_of
from astrocodec.stages.stream import AXES, BLANKS, CUTS, MODEL, QUANTISE, REFERENCE, Header, data_of, read_header

_MODES = ("constant", "modelled", "raw", "differences", "widths", "counts", "trellis")


@dataclass(frozen=True, eq=False)
class BitsMap:
    """Where the bits of a stream or file went.

    Attributes
    ----------
    bits : ndarray of float32
        Code length of every pixel, of the array's shape; of complex numbers that of both parts. Where a file's tile is
        no stream of ours, or one of a codec that is not part of this package (mode ``other``), its bits are spread
        evenly.
    payload_bits : float
        Bits of the pixels' code as they lie in the file; `bits` adds up to them but for the rounding of the coder.
    header_bits : float
        All other bits: headers, tables, models, checksums, padding, the coder's first states.
    total_bits : int
        Of the stream, or of the HDU in a file: `payload_bits` plus `header_bits`.
    modes : dict of str to int
        Number of pieces by how they are coded: ``constant``, ``modelled``, ``raw``, ``differences``, ``widths``,
        ``counts``, ``trellis``, ``stored``, ``other``.
    """

    bits: NDArray[np.float32]
    payload_bits: float
    header_bits: float
    total_bits: int
    modes: dict[str, int] = field(default_factory=dict)

    @property
    def pieces(self) -> int:
        """Number of pieces, of all streams together."""
        return sum(self.modes.values())

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


def _before(data: memoryview, plane_map: PlaneMap, values: int, bits: NDArray[np.float32]) -> tuple[float, int]:
    """Give pixels the bits of what stands before their piece: its mask, and low bits or places in bins.

    Returns how many there are, and the bytes that they take.
    """
    mask, at = unpack_mask(data, values, bits.shape) if values else (np.zeros(bits.shape, np.uint8), 0)
    kept, of_mask = mask == 0, 8 * at
    count = int(kept.sum())
    bits += np.float32(of_mask / bits.size)
    if plane_map.pixel_map.kind == BINS:
        reader = varint.Reader(data, at)
        start, size = reader.at, reader.number("bytes of places in bins")
        reader.take(size, "places in bins")
        low, at = 8.0 * (reader.at - start), reader.at
    else:
        each, used = _low_planes(data[at:], count, plane_map.low_bits) if count else (0, 0)
        low, at = float(each * count), at + used
    bits[kept] += np.float32(low / max(1, count))
    return of_mask + (low if count else 0), at


def _piece_bits(
    model: _native.NativeModel, data: memoryview, plane_map: PlaneMap, values: int, bits: NDArray[np.float32]
) -> tuple[float, str]:
    """Bits of every pixel of a piece; returns those of all its pixels as they lie there, and its mode."""
    before = np.zeros(bits.shape, np.float32)
    total, at = _before(data, plane_map, values, before)
    overhead = _native.piece_bits(model, np.frombuffer(data[at:], np.uint8), bits)
    bits += before
    return 8 * (len(data) - at) - overhead + total, _MODES[data[at]]


def _modelled(stream: memoryview, data: memoryview, at: int, header: Header, models: Iterable[Model]) -> BitsMap:
    if header.body_of(QUANTISE) is not None:  # its steps are coded
        header = replace(header, dtype=np.dtype("i4"))
    is_complex = header.dtype.kind == "c"
    order = read_order(header.body_of(AXES), len(header.shape))
    turned = turned_shape(header.shape, order)
    planes = planes_of(turned, is_complex)
    count = math.prod(planes)
    parameters = Parameters.read(header.parameters, header.dtype, count, header.parameters_at)
    model = _native.native_model(find_model(parameters.fingerprint, models, header.body_of(MODEL)))
    if not 0 < count <= len(stream) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(stream)} bytes can hold")
    cuts = Cuts.read(header.body_of(CUTS), planes.height, planes.width)
    grid = Grid(planes, parameters.piece_shape, cuts)
    bits = np.zeros(planes, np.float32)
    section = header.body_of(REFERENCE)
    if section and Outside.read(section, header.dtype, header.shape).embedded:
        _, data, at = split_reference(data, at)
    maps = maps_of(header, parameters.plane_map, grid)
    values = len(Blanks.read(header.body_of(BLANKS), part_type(header.dtype)).values)
    payload, modes = 0.0, Counter[str]()
    for index, (piece, part) in enumerate(zip(grid, split_pieces(data, len(grid), at), strict=True)):
        found = np.zeros(piece.shape, np.float32)
        try:
            used, mode = _piece_bits(model, part, maps[piece.planes.start], values, found)
        except AstrocodecError as error:
            raise type(error)(f"piece {index} ({piece}): {error}") from None
        piece.put(bits, found)
        payload += used
        modes[mode] += 1
    total = 8 * len(stream)
    of_elements = bits.reshape(2, *turned).sum(0) if is_complex else bits.reshape(turned)
    return BitsMap(turn_back(of_elements, order), payload, total - payload, total, dict(modes))


def stream_bits(stream: Buffer, models: Iterable[Model] = ()) -> BitsMap:
    """`bits_map` of a stream; see there."""
    view = memoryview(stream).cast("B")  # type: ignore[arg-type]
    header, at = read_header(view)
    header.check_known()
    data = data_of(view, at)
    if header.codec == CAUSAL:
        return _modelled(view, data, at, header, models)
    size, payload, total = math.prod(header.shape), 8 * len(data), 8 * len(view)
    if header.codec == STORED and len(data) != size * header.dtype.itemsize:
        raise CorruptError(f"stored array of {size * header.dtype.itemsize} bytes expected, {len(data)} found")
    if size > len(view) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(view)} bytes can hold")
    bits = np.full(header.shape, payload / max(1, size), np.float32)
    return BitsMap(
        bits, float(payload), float(total - payload), total, {"stored" if header.codec == STORED else "other": 1}
    )
