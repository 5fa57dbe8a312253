"""Planes of a sky on a scale of their own noise: y = asinh((x - middle) / (3 sigma)).

The sky's noise stays linear there, sources become logarithmic (Lupton et al. 1999, AJ 118, 1406), and a network sees
the same sky whatever the unit was. Middle and sigma are the median and 1.4826 times the median distance from it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError

KNEE = 3.0  # sigma from the median at which the scale turns from linear to logarithmic
HIGHEST = 24.0  # |y| beyond is cut: 4e10 sigma
LOSS = "no bound on the error, not for photometry"
TYPES = ("float32", "int16", "uint16")
_SMALLEST = np.float32(1.2e-38)


def measure(plane: NDArray[Any]) -> tuple[np.float32, np.float32]:
    """Middle and unit (three sigma) of a plane.

    A plane of which half is one value has a sigma of 0: then the mean distance from the middle stands for it, and one
    where nothing is different, 1.
    """
    values = np.asarray(plane, np.float64)
    middle = np.float32(np.median(values))
    distance = np.abs(values - float(middle))
    spread = 1.4826 * float(np.median(distance)) or float(distance.mean()) or 1.0
    return middle, np.clip(np.float32(KNEE * spread), _SMALLEST, np.float32(3e38))


def stretch(plane: NDArray[Any], middle: np.float32, unit: np.float32) -> NDArray[np.float32]:
    """The plane as float32 of order one."""
    y = np.arcsinh((np.asarray(plane, np.float64) - float(middle)) / float(unit))
    return np.clip(y, -HIGHEST, HIGHEST).astype(np.float32)


def unstretch(y: NDArray[Any], middle: np.float32, unit: np.float32, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Pixels of `dtype` back from `stretch`; integers are rounded, and what leaves the type's range is cut."""
    x = np.sinh(np.clip(np.asarray(y, np.float64), -HIGHEST, HIGHEST)) * float(unit) + float(middle)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.clip(np.rint(x), limits.min, limits.max).astype(dtype)
    most = float(np.finfo(dtype).max)
    return np.clip(x, -most, most).astype(dtype)


def check_written(dtype: np.dtype[Any], shape: tuple[int, ...], codec: str) -> None:
    """See that an array is one that an encoder takes; a `CorruptError` where it is not."""
    if dtype.name not in TYPES or len(shape) < 2:
        raise CorruptError(f"codec {codec}: an array of {dtype} and shape {shape} found, which no encoder writes")


def as_planes(values: NDArray[Any], codec: str) -> NDArray[Any]:
    """An array as planes (n, y, x).

    Raises
    ------
    TypeError
        It is not of float32 nor of integers of 16 bits.
    ValueError
        It has fewer than two axes, or holds not-a-number or infinity.
    """
    if values.dtype.name not in TYPES:
        raise TypeError(f"codec {codec}: float32, int16 and uint16 are coded, found {values.dtype}")
    if values.ndim < 2:
        raise ValueError(f"codec {codec}: images [..., y, x] are coded, found an array of shape {values.shape}")
    if (bad := values.size - np.count_nonzero(np.isfinite(values))) > 0:
        raise ValueError(f"codec {codec}: {bad} pixels are no finite numbers; fill them before, and keep a mask")
    return values.reshape(plane_shape(values.shape))


def plane_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Planes, rows and columns; no planes where there is no pixel."""
    return (math.prod(shape[:-2]) if math.prod(shape) else 0), shape[-2], shape[-1]


def scales_to_bytes(scales: list[tuple[np.float32, np.float32]]) -> bytes:
    """Middle and unit of each plane."""
    return np.array(scales, "<f4").tobytes()


def scales_of(data: memoryview, count: int) -> tuple[NDArray[np.float32], memoryview]:
    """Middle and unit of so many planes, shape (count, 2), and what follows.

    Raises
    ------
    CorruptError
        There are not so many, or they are none that an encoder writes.
    """
    if len(data) < 8 * count:
        raise CorruptError(f"{len(data)} bytes found, middles and units of {count} planes have {8 * count}")
    scales = np.frombuffer(data, "<f4", 2 * count).reshape(count, 2).astype(np.float32)
    if not np.isfinite(scales).all() or (scales[:, 1] <= 0).any():
        raise CorruptError("a plane's middle or unit is no number that an encoder writes")
    return scales, data[8 * count :]
