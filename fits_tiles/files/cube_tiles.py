"""Whether tiles of a cube reach over its planes: only where planes tell of each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import astrocodec
from astrocodec.stages.stream import AXES, PLANES, SERIES
from fits_tiles.files.sample import read_window
from fits_tiles.layout.blocks import Hdu
from fits_tiles.layout.grid import plan_cube_tiles
from fits_tiles.layout.headers import TileLayout

__all__ = ["with_cube_tiles"]

_PLANES, _ROWS, _COLUMNS = 12, 64, 256
_WINDOWS = 3


def with_cube_tiles(fd: int, hdu: Hdu, layout: TileLayout) -> TileLayout:
    """The layout of an uncompressed image with tiles over planes where most windows are chains, series or turned."""
    shape = layout.shape
    if len(shape) < 3 or shape[-3] < 2 or layout.tile_shape[-3] == shape[-3] or min(shape[-2:]) < 2:
        return layout
    related = 0
    for number in range(_WINDOWS):
        found = astrocodec.inspect(astrocodec.encode(_window(fd, hdu, layout, number)))
        related += any(section.id in (PLANES, AXES, SERIES) for section in found.sections)
    if 2 * related <= _WINDOWS:
        return layout
    return replace(layout, tile_shape=plan_cube_tiles(shape, layout.itemsize))


def _window(fd: int, hdu: Hdu, layout: TileLayout, number: int) -> np.ndarray:
    """Part of some planes behind each other: of the first ones, of those in the middle, of the last ones."""
    planes, height, width = layout.shape[-3:]
    count, rows, columns = min(planes, _PLANES), min(height, _ROWS), min(width, _COLUMNS)
    total = int(np.prod(layout.shape[:-3]))
    cube, first = (part * number // (_WINDOWS - 1) for part in (total - 1, planes - count))
    top, left = ((2 * number + 1) * side // (2 * _WINDOWS) for side in (height - rows, width - columns))
    found = [
        read_window(fd, hdu, layout, (((cube * planes) + first + t) * height + top, left), (rows, columns))
        for t in range(count)
    ]
    return np.stack(found)
