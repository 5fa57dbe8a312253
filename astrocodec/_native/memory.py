"""Memory that a C library filled, read and written by address."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bytes_at", "clear", "sequence_at", "text_at", "view_of"]


def bytes_at(address: int, size: int) -> bytes:
    """Return a copy of bytes."""
    return ctypes.string_at(address, size)


def clear(address: int, size: int) -> None:
    """Fill bytes with zeros."""
    ctypes.memset(address, 0, size)


def text_at(address: int) -> bytes | None:
    """Follow a pointer to a string that ends with a null; None where the pointer is null."""
    return ctypes.c_char_p.from_address(address).value


def sequence_at(address: int) -> tuple[int, int]:
    """Return length and address of a sequence of varying length, HDF5's ``hvl_t``."""
    length = ctypes.c_size_t.from_address(address).value
    return length, ctypes.c_void_p.from_address(address + ctypes.sizeof(ctypes.c_size_t)).value or 0


def view_of(address: int, count: int, stride: int, size: int) -> NDArray[np.uint8]:
    """Return bytes as an array without copying them: `count` rows of `size` bytes, `stride` apart."""
    whole: Any = (ctypes.c_uint8 * ((count - 1) * stride + size)).from_address(address)
    return np.ndarray((count, size), np.uint8, buffer=whole, strides=(stride, 1))
