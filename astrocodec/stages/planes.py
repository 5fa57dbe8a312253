"""Tiles: an array as one sheet of rows, cut into tiles (docs/format.md section "Tiles")."""

from __future__ import annotations

import math
from collections.abc import Iterator

TARGET = 512
MAX_SIDE = 65536
MAX_PIXELS = 1 << 26


def sheet_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of an array whose leading axes are stacked along y.

    >>> sheet_shape((3, 4, 100, 200)), sheet_shape((7,))
    ((1200, 200), (1, 7))
    """
    if not shape:
        return 1, 1
    return math.prod(shape[:-1]), shape[-1]


def balanced_tile(shape: tuple[int, int], target: int = TARGET) -> tuple[int, int]:
    """Tile shape of about `target` x `target` pixels that leaves no narrow tiles at the edges.

    Where one side of the sheet is short the other side of the tile is longer. Sides are even where there are several.

    >>> balanced_tile((2048, 577)), balanced_tile((4096, 4200)), balanced_tile((1, 10**6))
    ((512, 577), (512, 526), (1, 62500))
    """
    area = target * target
    wanted = max(target, area // max(1, shape[1])), max(target, area // max(1, shape[0]))
    return balanced_side(shape[0], wanted[0]), balanced_side(shape[1], wanted[1])


def balanced_side(length: int, wanted: int) -> int:
    """Side near `wanted` that cuts `length` into nearly equal parts.

    >>> balanced_side(577, 512), balanced_side(1300, 512)
    (577, 434)
    """
    wanted = min(wanted, MAX_SIDE)
    count = max(1, round(length / wanted))
    if math.ceil(length / count) > MAX_SIDE:
        count += 1
    side = math.ceil(length / count)
    return side + (side & 1 if count > 1 else 0)


def tile_slices(shape: tuple[int, int], tile_shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Slices of the tiles of a sheet, left to right, then top to bottom; edge tiles are smaller."""
    for y in range(0, shape[0], tile_shape[0]):
        for x in range(0, shape[1], tile_shape[1]):
            yield slice(y, min(y + tile_shape[0], shape[0])), slice(x, min(x + tile_shape[1], shape[1]))
