"""Flags: streams of booleans whose axes are times, baselines, channels and polarisations, as bitmaps.

Readable reference of docs/format.md section "Flags"; native/visibility/flags.c does the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import varint
from astrocodec.stages.bitmap import Bitmap, decode_bitmap, encode_bitmap
from astrocodec.stages.stream import MAX_ELEMENTS, PLANES, REFERENCE, SERIES, Header, seal

FLAGS = 97
_MOST_ELEMENTS, _LEAST_BYTES, _LARGEST_SHARE = 1 << 24, 5, 1 << 14


def bitmap_of(shape: tuple[int, ...], baselines: int | None = None) -> Bitmap:
    """How the bitmap of flags lies that are ``(time, baseline, channel, polarisation)``, or have fewer or more axes.

    Of three axes the first is both time and baseline, of which there are `baselines`; two are time and channel.

    >>> bitmap_of((10, 6, 64, 4)), bitmap_of((60, 64, 4), 6)
    (Bitmap(rows=60, period=6, columns=64, depth=4), Bitmap(rows=60, period=6, columns=64, depth=4))
    """
    depth = shape[-1] if len(shape) > 2 else 1
    columns = shape[-2 if len(shape) > 2 else -1] if shape else 1
    rows = math.prod(shape) // (depth * columns)
    usual = shape[-3] if len(shape) > 3 else 1
    return Bitmap(rows, usual if baselines is None else baselines, columns, depth)


def _parts(whole: Bitmap) -> Iterator[tuple[int, Bitmap]]:
    """First row and sides of each part."""
    most = max(1, _MOST_ELEMENTS // (whole.columns * whole.depth))
    for first in range(0, whole.rows, most):
        yield first, whole._replace(rows=min(most, whole.rows - first))


def parameters_of(bitmap: Bitmap) -> bytes:
    """The codec's parameters."""
    return b"".join(map(varint.put, (bitmap.depth, bitmap.columns, bitmap.period)))


def encode_flags(flags: NDArray[np.bool_], baselines: int | None = None) -> bytes:
    """The stream of an array with elements."""
    whole, data = bitmap_of(flags.shape, baselines), b""
    bits = flags.reshape(whole.rows, whole.columns, whole.depth)
    for first, part in _parts(whole):
        coded = encode_bitmap(part, bits[first : first + part.rows])
        data += varint.put(len(coded)) + coded
    return seal(Header(FLAGS, flags.dtype, flags.shape, parameters_of(whole)).to_bytes(), data, flags)


def _read_bitmap(header: Header, length: int) -> Bitmap:
    """What the parameters say; so many bytes of data must be able to hold it."""
    for section in (PLANES, REFERENCE, SERIES):
        if header.body_of(section) is not None:
            raise CorruptError(f"section {section}: flags have none")
    if header.dtype != np.dtype(bool):
        raise CorruptError(f"flags of {header.dtype}, booleans are allowed")
    left = math.prod(header.shape)
    if not left:
        raise CorruptError(f"shape {header.shape}: an array without elements must be stored")
    reader = varint.Reader(memoryview(header.parameters), 0, header.parameters_at)
    depth, columns, period = (reader.number(what, MAX_ELEMENTS) for what in ("depth", "columns", "period"))
    if reader.at != len(header.parameters):
        raise CorruptError(f"byte {reader.place}: bytes behind the parameters of flags")
    for side in (depth, columns):
        if not side or left % side:
            raise CorruptError(f"an axis of {side} does not part {left} flags")
        left //= side
    if not 1 <= period <= left:
        raise CorruptError(f"a period of {period} rows, there are {left}")
    whole, width = Bitmap(left, period, columns, depth), columns * depth
    parts = -(-whole.rows // max(1, _MOST_ELEMENTS // width))
    if parts > length // _LEAST_BYTES:
        raise TruncatedError(f"{parts} pieces announced, {length} bytes are left: the stream is cut")
    if width > _MOST_ELEMENTS and left * width // _LARGEST_SHARE > length:
        raise CorruptError(f"shape {header.shape} is more than {length} bytes can hold")
    return whole


def decode_flags(data: memoryview, at: int, header: Header) -> NDArray[np.bool_]:
    """The flags of a stream's data, which begin at byte `at`."""
    whole = _read_bitmap(header, len(data))
    flags = np.empty((whole.rows, whole.columns, whole.depth), bool)
    reader = varint.Reader(data, 0, at)
    for index, (first, part) in enumerate(_parts(whole)):
        what = f"piece {index} (row {first})"
        coded = reader.take(reader.number(what), what)
        flags[first : first + part.rows] = decode_bitmap(part, coded, what)
    if reader.at != len(data):
        raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the last piece")
    return flags.reshape(header.shape)
