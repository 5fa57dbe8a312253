"""Pictures: arrays as planes of one or two channels with values of 0 to 1, and back.

docs/format.md section "Pictures". What codecs of images learned are pictures of this kind.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError

STRETCHES = ("linear", "asinh")
KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8", "c8", "c16")
_SOFT = 3.0  # robust sigmas at which asinh bends
_FORMS = {"linear": struct.Struct("<dd"), "asinh": struct.Struct("<dddd")}


def range_size(stretch: str) -> int:
    """Bytes of a range in a stream.

    >>> range_size("linear")
    16
    """
    return _FORMS[stretch].size


@dataclass(frozen=True)
class Range:
    """How the values of a picture became those of 0 to 1."""

    low: float  # of stretched values
    high: float
    centre: float
    soft: float  # 0 where the stretch is linear

    def to_bytes(self, stretch: str) -> bytes:
        """As it stands in a stream."""
        both = (self.low, self.high)
        return _FORMS[stretch].pack(*(both if stretch == "linear" else (*both, self.centre, self.soft)))

    @classmethod
    def from_bytes(cls, said: bytes | memoryview, stretch: str) -> Range:
        """What a stream says; a `CorruptError` where that is no range."""
        low, high, centre, soft = (*_FORMS[stretch].unpack(said), 0.0, 0.0)[:4]
        is_range = all(map(math.isfinite, (low, high, centre, soft, high - low))) and low <= high and soft >= 0
        if not is_range:
            raise CorruptError(f"pictures: {low} to {high} around {centre}, softened by {soft}, is no range")
        return cls(low, high, centre, soft)

    def restore(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of those of 0 to 1, which are clipped to that."""
        v = self.low + np.clip(u, 0.0, 1.0) * (self.high - self.low)
        if not self.soft:
            return v
        with np.errstate(over="ignore"):
            restored: NDArray[np.float64] = self.centre + self.soft * np.sinh(v)
        return restored


def normalise(picture: NDArray[Any], stretch: str) -> tuple[NDArray[np.float64], Range]:
    """A picture ``(channels, y, x)`` of finite values as values of 0 to 1.

    Raises
    ------
    ValueError
        The values span more than a double holds.
    """
    v = picture.astype(np.float64)
    centre = soft = 0.0
    if stretch == "asinh":
        centre = float(np.median(v))
        soft = _SOFT * 1.4826 * float(np.median(np.abs(v - centre)))
        if not soft:  # more than half of the pixels are equal
            soft = float(np.abs(v - centre).max()) / 1000
        if soft:
            v = np.arcsinh((v - centre) / soft)
    low, high = float(v.min()), float(v.max())
    found = Range(low, high, centre, soft)
    with np.errstate(over="ignore"):
        span = np.float64(high) - low
    if not np.isfinite(span):
        raise ValueError(f"values of {low:g} to {high:g} found: their range is more than a double holds; scale them")
    return (v - low) / span if span else np.zeros_like(v), found


def as_pictures(values: NDArray[Any], channels: int) -> NDArray[Any]:
    """An array as ``(n, channels, y, x)``; complex numbers as two channels.

    Raises
    ------
    TypeError
        Its dtype is none that codecs of pictures take.
    ValueError
        It has no axis of so many channels, or values that are not finite.
    """
    if values.dtype.str[1:] not in KINDS:
        raise TypeError(f"dtype {values.dtype} found, codecs of pictures take {', '.join(KINDS)}: convert the array")
    if values.dtype.kind in "fc" and not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"{count} values that are not finite found: give them a value, or use a bounded or lossless codec"
        )
    shape = picture_shape(values.dtype, values.shape, channels)
    if values.dtype.kind == "c":
        parts = values.reshape(shape[0], *shape[2:])
        return np.stack([parts.real, parts.imag], 1)
    return values.reshape(shape)


def picture_shape(dtype: np.dtype[Any], shape: tuple[int, ...], channels: int) -> tuple[int, int, int, int]:
    """How `as_pictures` sees an array."""
    sides = (1, 1, *shape)[-2:]
    before = shape[:-2]
    if dtype.kind == "c":
        if channels != 2:
            raise ValueError(f"complex numbers have 2 channels, {channels} asked for")
    elif channels == 2:
        if not before or before[-1] != 2:
            raise ValueError(f"shape {shape} found, two channels need an axis of length 2 before the last two")
        before = before[:-1]
    count = 1
    for length in before:
        count *= length
    return count, channels, sides[0], sides[1]


def real_kind(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Dtype of the channels of an array.

    >>> real_kind(np.dtype("c8"))
    dtype('float32')
    """
    return np.empty(0, dtype).real.dtype


def fit_kind(values: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values as elements of a dtype: integers are rounded, and all are kept within what it holds."""
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    kept = np.clip(values, float(limits.min), float(limits.max))
    return (np.rint(kept) if dtype.kind in "iu" else kept).astype(dtype)


def from_pictures(pictures: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `as_pictures`."""
    if dtype.kind != "c" or not pictures.size:
        return pictures.astype(dtype, copy=False).reshape(shape)
    whole = np.empty((len(pictures), *pictures.shape[2:]), dtype)
    whole.real, whole.imag = pictures[:, 0], pictures[:, 1]
    return whole.reshape(shape)
