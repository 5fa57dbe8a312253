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
    """Tile shape near `target` that leaves no narrow tiles at the edges; sides are even where there are several.

    >>> balanced_tile((2048, 577)), balanced_tile((4096, 4200))
    ((512, 577), (512, 526))
    """
    sides = []
    for length in shape:
        count = max(1, round(length / target))
        side = math.ceil(length / count)
        sides.append(side + (side & 1 if count > 1 else 0))
    return min(sides[0], MAX_SIDE), min(sides[1], MAX_SIDE)


def tile_slices(shape: tuple[int, int], tile_shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Slices of the tiles of a sheet, left to right, then top to bottom; edge tiles are smaller."""
    for y in range(0, shape[0], tile_shape[0]):
        for x in range(0, shape[1], tile_shape[1]):
            yield slice(y, min(y + tile_shape[0], shape[0])), slice(x, min(x + tile_shape[1], shape[1]))
