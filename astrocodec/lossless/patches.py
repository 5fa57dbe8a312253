"""Patches of 32 x 32 pixels of arrays of any shape, and back. docs/format.md section "Patches"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
Words = NDArray[np.uint16]


def lowest(values: NDArray[Any]) -> int | None:
    """What to take off an array of integers so that 16 bits hold the rest, 0 where none need be; None: they do not."""
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high < 1 << 16:
        return 0
    return low if high - low < 1 << 16 else None


def to_words(values: NDArray[Any], low: int) -> Words:
    """Planes (n, y, x) of 16 bits of an array of two axes or more."""
    planes = values.reshape(-1, *values.shape[-2:])
    words: Words = (planes.astype(np.uint64) - np.uint64(low % (1 << 64))).astype(np.uint16)
    return words


def from_words(words: Words, low: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `to_words`."""
    return (words.astype(np.uint64) + np.uint64(low % (1 << 64))).astype(dtype).reshape(shape)


def differences(planes: Words) -> Words:
    """The first plane, and of each other what the one before leaves of it, modulo 65536."""
    return np.concatenate([planes[:1], planes[1:] - planes[:-1]])


def sums(planes: Words) -> Words:
    """Undo `differences`."""
    return np.cumsum(planes, 0, dtype=np.uint16)


def grid(shape: tuple[int, ...], frames: int) -> tuple[int, int, int]:
    """Stacks of `frames` planes, rows and columns of patches of an array."""
    return -(-math.prod(shape[:-2]) // frames), -(-shape[-2] // SIDE), -(-shape[-1] // SIDE)


def patch_count(shape: tuple[int, ...], frames: int) -> int:
    """How many patches an array has.

    >>> patch_count((5, 33, 7), 3)
    4
    """
    return math.prod(grid(shape, frames))


def cut(planes: Words, frames: int) -> Words:
    """Patches (n, frames, 32, 32), row by row of each stack; sides are reflected, the last plane repeated."""
    stacks, rows, columns = grid(planes.shape, frames)
    missing = ((0, stacks * frames - len(planes)), (0, 0), (0, 0))
    planes = np.pad(planes, missing, "edge")
    sides = ((0, 0), (0, rows * SIDE - planes.shape[1]), (0, columns * SIDE - planes.shape[2]))
    padded = np.pad(planes, sides, "reflect")
    parts = padded.reshape(stacks, frames, rows, SIDE, columns, SIDE).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(parts).reshape(-1, frames, SIDE, SIDE)


def join(patches: Words, shape: tuple[int, int, int]) -> Words:
    """Undo `cut`, of planes (n, y, x)."""
    frames = patches.shape[1]
    stacks, rows, columns = grid(shape, frames)
    parts = patches.reshape(stacks, rows, columns, frames, SIDE, SIDE).transpose(0, 3, 1, 4, 2, 5)
    whole = parts.reshape(stacks * frames, rows * SIDE, columns * SIDE)
    return np.ascontiguousarray(whole[: shape[0], : shape[1], : shape[2]])
