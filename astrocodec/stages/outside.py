"""Outside reference: elements of an array <-> what another array, known from outside, leaves of them.

docs/format.md section "Outside reference". native/outside.c does the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.planes import planes_of
from astrocodec.stages.stream import elements_of

REFERENCE_TYPES = DTYPES[:10]  # integers and floats
ARRAY_TYPES = DTYPES[:8]  # integers
MAX_NAME = 255
_MAX_GAIN, _MAX_SPREAD, _MAX_SHIFT = 256, 8191, 47
_LARGEST = 1 << 62
_REACH = 2
# How many of a pixel's 24 neighbours are below the middle ones, and where three quarters of them begin and end.
_LOW, _HIGH, _QUARTER, _THREE_QUARTERS = 11, 12, 5, 18


@dataclass(frozen=True)
class Outside:
    """What is taken off an array's elements, and which array it is made of."""

    sha256: bytes  # of the reference's elements in C order, little-endian
    dtype: np.dtype[Any]  # of the reference
    axes: int  # of the reference: the last ones of the array
    zero: int  # level of the reference that comes to 0
    shift: int  # low bits of the reference that do not count
    smooth: int  # part of the neighbourhood's level that is taken off, in 1/256, as the next two
    small: int  # part of small deviations from the neighbourhood
    large: int  # part of large deviations
    spread: int  # from how many spreads of the neighbourhood on a deviation is large, in 1/256 of half a spread
    level: int  # added to what is left
    offset: int  # what is left is at least it
    bits: int  # and less than 2**bits above it
    embedded: bool = False  # whether the stream of the reference stands before the pieces
    name: str = ""  # what the reference was called, for people

    def to_bytes(self) -> bytes:
        """The section's bytes."""
        out = self.sha256 + bytes([DTYPES.index(self.dtype.str[1:]), self.axes]) + varint.put_signed(self.zero)
        for number in (self.shift, self.smooth, self.small, self.large, self.spread):
            out += varint.put(number)
        for number in (self.level, self.offset):  # which count modulo 2**64
            out += varint.put_signed((number + (1 << 63)) % (1 << 64) - (1 << 63))
        return out + bytes([self.bits, self.embedded]) + self.name.encode()

    @classmethod
    def read(cls, data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], start: int = 0) -> Outside:
        """Read what `to_bytes` wrote beside an array; `start` is where it stands in the stream, for messages."""
        if dtype.str[1:] not in ARRAY_TYPES:
            raise CorruptError(f"byte {start}: a reference beside {dtype} elements, which are no integers")
        reader = varint.Reader(memoryview(data), start=start)
        sha256 = bytes(reader.take(32, "hash of the reference"))
        code, axes = reader.take(2, "type of the reference")
        if code >= len(REFERENCE_TYPES):
            raise CorruptError(f"byte {start + 32}: data type {code} found, at most {len(REFERENCE_TYPES) - 1} allowed")
        if not min(2, len(shape)) <= axes <= len(shape):
            raise CorruptError(f"byte {start + 33}: a reference of {axes} axes, the array has {len(shape)}")
        zero = reader.signed("zero of the reference")
        if abs(zero) >= _LARGEST:
            raise CorruptError(f"byte {reader.place}: zero of the reference is {zero}, less than 2**62 is allowed")
        limits = (_MAX_SHIFT, _MAX_GAIN, _MAX_GAIN, _MAX_GAIN, _MAX_SPREAD)
        shift, smooth, small, large, spread = (reader.number("field of the reference", most) for most in limits)
        level, offset = (reader.signed("field of the reference") for _ in range(2))
        bits, embedded = reader.take(2, "field of the reference")
        if not 1 <= bits <= 8 * dtype.itemsize or embedded > 1:
            raise CorruptError(f"byte {reader.place - 2}: {bits} bits of {dtype} elements, or embedded is {embedded}")
        name = bytes(data[reader.at :])
        if len(name) > MAX_NAME:
            raise CorruptError(
                f"byte {reader.place}: name of the reference is {len(name)} bytes long, {MAX_NAME} allowed"
            )
        return cls(
            *(sha256, np.dtype("=" + DTYPES[code]), axes, zero, shift, smooth, small, large, spread),
            *(level, offset, bits, bool(embedded), name.decode("utf-8", "replace")),
        )

    def reference_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the reference beside an array of a shape."""
        return shape[len(shape) - self.axes :]

    def is_reference(self, array: NDArray[Any], shape: tuple[int, ...]) -> bool:
        """Whether an array is the very one."""
        return (
            array.dtype == self.dtype and array.shape == self.reference_shape(shape) and hash_of(array) == self.sha256
        )


def hash_of(array: NDArray[Any]) -> bytes:
    """SHA-256 of an array's elements."""
    return hashlib.sha256(elements_of(array)).digest()


def reference_planes(outside: Outside, reference: NDArray[Any]) -> NDArray[np.int32]:
    """The reference in 16 bits: ``(plane, y, x)``."""
    off = (integers_of(reference) - outside.zero) >> outside.shift
    return np.asarray(np.clip(off, 0, 65535), np.int32).reshape(planes_of(reference.shape))


def integers_of(reference: NDArray[Any]) -> NDArray[np.int64]:
    """Elements of a reference as integers of at most 2**62 in magnitude; halves become the higher integer, NaN 0."""
    if reference.dtype.kind != "f":
        info = np.iinfo(reference.dtype)
        limits = (reference.dtype.type(max(info.min, -_LARGEST)), reference.dtype.type(min(info.max, _LARGEST)))
        return np.asarray(np.clip(reference, *limits), np.int64)
    wide = np.clip(np.where(np.isnan(reference), 0, reference).astype(np.float64), -_LARGEST, _LARGEST)
    floor = np.floor(wide)
    return floor.astype(np.int64) + (wide - floor >= 0.5)


def expected(outside: Outside, planes: NDArray[np.int32]) -> NDArray[np.int64]:
    """What the reference, as `reference_planes` has it, lets expect of each pixel, but for the level."""
    out = np.empty(planes.shape, np.int64)
    for index, plane in enumerate(planes):
        out[index] = taken_off(outside, *neighbourhood(plane))
    return out


def neighbourhood(plane: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Middle of each pixel's 24 neighbours, its deviation from it, and the neighbours' spread."""
    height, width = plane.shape
    wide = np.pad(plane, _REACH, mode="edge")
    sides = range(2 * _REACH + 1)
    near = [wide[y : y + height, x : x + width] for y in sides for x in sides if (y, x) != (_REACH, _REACH)]
    ranks = np.sort(np.stack(near), 0)
    middle = (ranks[_LOW] + ranks[_HIGH] + 1) >> 1
    return middle, plane - middle, ranks[_THREE_QUARTERS] - ranks[_QUARTER]


def taken_off(
    outside: Outside, middle: NDArray[np.int32], deviation: NDArray[np.int32], spread: NDArray[np.int32]
) -> NDArray[np.int64]:
    """What is taken off pixels of such a `neighbourhood`, but for the level."""
    d = np.abs(deviation)
    part = np.maximum(outside.small * d, np.minimum(outside.large * d, 512 * d - outside.spread * spread))
    found = (outside.smooth * middle + np.sign(deviation) * part + 128) >> 8
    return np.asarray(found, np.int64) << outside.shift


def _moved(outside: Outside, values: NDArray[Any], reference: NDArray[Any], sign: int) -> NDArray[Any]:
    """Elements with `sign` times what is expected added, within the bits that there are."""
    planes = expected(outside, reference_planes(outside, reference))
    unsigned = np.dtype(f"u{values.dtype.itemsize}")
    count, height, width = planes_of(values.shape)
    wide = values.view(unsigned).astype(np.uint64).reshape(count // len(planes), len(planes), height, width)
    offset, level = (np.uint64(number % (1 << 64)) for number in (outside.offset, outside.level))
    with np.errstate(over="ignore"):
        shift = planes.view(np.uint64) - level
        moved = wide - offset + shift if sign > 0 else wide - offset - shift
        found = offset + (moved & np.uint64((1 << outside.bits) - 1))
    return found.astype(unsigned).view(values.dtype).reshape(values.shape)


def apply_outside(outside: Outside, values: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    """What the reference leaves of an array of native byte order."""
    return _moved(outside, values, reference, -1)


def undo_outside(outside: Outside, left: NDArray[Any], reference: NDArray[Any]) -> NDArray[Any]:
    """Undo `apply_outside`."""
    return _moved(outside, left, reference, 1)
