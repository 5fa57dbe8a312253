"""How an image is cut into tiles, and which bytes of the image a row of tiles covers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import isqrt, prod
from operator import mul

from astrocodec.stages.planes import TARGET, balanced_sides

__all__ = ["Band", "TileGrid", "plan_bands", "plan_cube_tiles", "plan_tile_shape", "runs"]

# Bands of wide images take some of the columns, so that memory does not grow with the width.
_BAND_BYTES = 1 << 23
_BAND_PIXELS = 1 << 19
_PIECE = 1 << 22
_LINE = 1 << 14
_MOST_PLANES = 64


@dataclass(frozen=True)
class Band:
    """
    Whole tiles side by side: consecutive bytes of an image; of a wide one the same columns of consecutive rows; of
    tiles that reach over several planes the same rows of each.
    """

    offset: int  # first byte in the image
    size: int  # in bytes
    shape: tuple[int, ...]  # of these pixels
    first_tile: int  # its number; the others follow
    tiles: tuple[tuple[slice, ...], ...]  # where each lies in the band
    line: int = 0  # bytes from a row to the next, 0 where the bytes are consecutive
    plane: int = 0  # bytes from a plane to the next, 0 likewise

    def pieces(self) -> Iterator[tuple[int, int]]:
        """
        Yield first byte and size of the stretches of consecutive bytes, at most 4 MiB each, in the band's order.

        Examples
        --------
        >>> list(Band(4, 6, (2, 3), 0, (), line=10).pieces())
        [(4, 3), (14, 3)]
        """
        planes, rows = self.shape[0] if self.plane else 1, self.shape[-2] if self.line else 1
        length = self.size // (planes * rows)
        for plane, row in product(range(planes), range(rows)):
            start = self.offset + plane * self.plane + row * self.line
            for at in range(0, length, _PIECE):
                yield start + at, min(_PIECE, length - at)


def plan_tile_shape(shape: Sequence[int], requested: Sequence[int] | None) -> tuple[int, ...]:
    """
    Choose the tile shape of an image.

    Tiles lie in the plane of the last two axes. Where an axis is shorter than the tile, the other axis (and behind it
    the third) takes more, so that a tile keeps about the number of pixels that was asked for. `requested` are rows and
    columns, or one length per axis: of these a third may say how many planes a tile has, those before it are 1. None is
    about 512 by 512, in nearly equal parts so that no narrow tiles are left at the edges.

    Raises
    ------
    ValueError
        If `requested` is no tile shape.

    Examples
    --------
    >>> plan_tile_shape((2048, 2048), (512, 512)), plan_tile_shape((3, 100, 2000), (512, 512))
    ((512, 512), (1, 100, 2000))
    >>> plan_tile_shape((10**6,), (512, 512)), plan_tile_shape((4096, 16, 16), (512, 512))
    ((262144,), (1024, 16, 16))
    >>> plan_tile_shape((2048, 577), None), plan_tile_shape((4, 266, 266), None), plan_tile_shape((500, 6, 6), None)
    ((512, 577), (2, 266, 266), (500, 6, 6))
    >>> plan_tile_shape((10, 2048, 2048), (10, 256, 256))
    (10, 256, 256)
    """
    if requested is None:
        rows, columns = balanced_sides((shape[-2] if len(shape) > 1 else 1, shape[-1]))
        # The coder's own memory is 256 bytes a pixel where a tile has a single row.
        planned = plan_tile_shape(shape, (rows, min(columns, _LINE) if rows == 1 else columns))
        if len(shape) < 3 or planned[-2:] != tuple(shape[-2:]):
            return planned
        slabs = -(-shape[-3] // max(1, TARGET * TARGET // prod(planned[-2:])))
        return (*planned[:-3], -(-shape[-3] // slabs), *planned[-2:])
    lengths = tuple(int(length) for length in requested)
    if not lengths or min(lengths) < 1 or any(length > 1 for length in lengths[:-3]):
        raise ValueError(f"tile_shape is {tuple(requested)}, expected positive rows and columns such as (512, 512)")
    area = prod(lengths[-2:])
    if len(shape) == 1:
        return (min(shape[0], area),)
    rows, columns = (1, *lengths)[-2:]
    columns = min(shape[-1], columns)
    rows = min(shape[-2], max(rows, area // columns))
    columns = min(shape[-1], max(columns, area // rows))
    leading = [1] * (len(shape) - 2)
    if leading and len(lengths) > 2 and lengths[-3] > 1:
        leading[-1] = min(shape[-3], lengths[-3])
    elif leading and (rows, columns) == tuple(shape[-2:]):
        leading[-1] = max(1, min(shape[-3], area // (rows * columns)))
    return (*leading, rows, columns)


def plan_bands(shape: Sequence[int], inner: Sequence[int]) -> tuple[int, ...]:
    """
    Choose the shape of tiles as wide as the image, of about half a million pixels, that hold whole inner tiles.

    Examples
    --------
    >>> plan_bands((2048, 2048), (1, 2048)), plan_bands((1000, 4000), (100, 100)), plan_bands((300,), (300,))
    ((256, 2048), (200, 4000), (300,))
    """
    if len(shape) < 2:
        return plan_tile_shape(shape, None)
    height, width = shape[-2:]
    bands = max(1, -(-height * width // _BAND_PIXELS))
    rows = min(height, -(-height // (bands * inner[-2])) * inner[-2])
    return plan_tile_shape(shape, (rows, width))


def plan_cube_tiles(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """
    Choose the shape of tiles that reach over planes: as many of these as there are, at most 64, of up to 8 MiB in all.

    Examples
    --------
    >>> plan_cube_tiles((10, 2048, 2048), 2), plan_cube_tiles((500, 300, 300), 4)
    ((10, 512, 512), (63, 150, 150))
    """
    count = -(-shape[-3] // -(-shape[-3] // _MOST_PLANES))
    side = min(TARGET, isqrt(_BAND_BYTES // (itemsize * count)))
    rows, columns = balanced_sides((shape[-2], shape[-1]), side)
    return plan_tile_shape(shape, (count, rows, columns))


def runs(shape: Sequence[int], place: Sequence[slice]) -> Iterator[tuple[int, int]]:
    """
    Yield first pixel and length of the stretches of an image that make up a rectangle, in the rectangle's order.

    Examples
    --------
    >>> list(runs((4, 5), (slice(1, 3), slice(0, 5)))), list(runs((4, 5), (slice(1, 3), slice(2, 4))))
    ([(5, 10)], [(7, 2), (12, 2)])
    """
    axis = len(shape) - 1
    while axis and place[axis].stop - place[axis].start == shape[axis]:
        axis -= 1
    inner = prod(shape[axis + 1 :])
    first, count = place[axis].start * inner, (place[axis].stop - place[axis].start) * inner
    steps = [prod(shape[n + 1 :]) for n in range(axis)]
    for lead in product(*(range(cut.start, cut.stop) for cut in place[:axis])):
        yield first + sum(map(mul, lead, steps)), count


@dataclass(frozen=True)
class TileGrid:
    """
    The tiles of one image; their shape is that away from the edges.

    Raises
    ------
    ValueError
        If a tile reaches over more axes than three.

    Examples
    --------
    >>> grid = TileGrid((5, 4), (2, 3), 2)
    >>> grid.count, [band.size for band in grid.bands()]
    (6, [16, 16, 8])
    """

    shape: tuple[int, ...]
    tile_shape: tuple[int, ...]
    itemsize: int

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.tile_shape) or not self.shape or min(self.shape + self.tile_shape) < 1:
            raise ValueError(f"tiles of shape {self.tile_shape} do not fit an image of shape {self.shape}")
        if any(length > 1 for length in self.tile_shape[:-3]):
            raise ValueError(f"tiles of shape {self.tile_shape} reach over more axes than three of {self.shape}")

    @property
    def count(self) -> int:
        """Number of tiles."""
        return prod(-(-axis // tile) for axis, tile in zip(self.shape, self.tile_shape, strict=True))

    def bands(self) -> Iterator[Band]:
        """Yield the bands in the order of their tiles; unless the image is wide, from its first byte to its last."""
        if len(self.shape) == 1:
            yield from self._runs(self.shape[0], self.tile_shape[0], ())
        elif len(self.shape) == 2 or self.tile_shape[-3] == 1:
            for plane in range(prod(self.shape[:-2])):
                yield from self._rows(plane, plane * self._tiles_of_planes, 0)
        else:
            yield from self._stacks()

    @property
    def _tiles_of_planes(self) -> int:
        """Number of tiles side by side, and one below the other."""
        return prod(-(-axis // tile) for axis, tile in zip(self.shape[-2:], self.tile_shape[-2:], strict=True))

    def _stacks(self) -> Iterator[Band]:
        """Bands of tiles that reach over several planes."""
        outer, planes, step = prod(self.shape[:-3]), self.shape[-3], self.tile_shape[-3]
        is_whole = all(tile >= axis for tile, axis in zip(self.tile_shape[-2:], self.shape[-2:], strict=True))
        tile = 0
        for cube in range(outer):
            if is_whole:
                yield from self._runs(planes, step, self.shape[-2:], cube)
                continue
            for start in range(0, planes, step):
                yield from self._rows(cube * planes + start, tile, min(step, planes - start))
                tile += self._tiles_of_planes

    def _runs(self, length: int, step: int, inner: tuple[int, ...], cube: int = 0) -> Iterator[Band]:
        """Bands of one tile each: stretches of a line, or stacks of whole planes."""
        unit = prod(inner) * self.itemsize
        tile = cube * -(-length // step)
        for start in range(0, length, step):
            count = min(step, length - start)
            shape = (count, *inner)
            offset = (cube * length + start) * unit
            yield Band(offset, count * unit, shape, tile, (tuple(slice(0, n) for n in shape),))
            tile += 1

    def _rows(self, plane: int, tile: int, stacked: int) -> Iterator[Band]:
        """
        Bands of one plane, or of that many: over the whole width, or over as many tiles as memory should hold.

        `tile` is the number of the first one.
        """
        height, width = self.shape[-2:]
        rows, columns = self.tile_shape[-2:]
        count = max(1, stacked)
        line = width * self.itemsize
        reach = max(1, _BAND_BYTES // (count * rows * columns * self.itemsize)) * columns
        leading, whole = ((count,), (slice(0, count),)) if stacked else ((), ())
        for top in range(0, height, rows):
            down = min(rows, height - top)
            for left in range(0, width, reach):
                across = min(reach, width - left)
                cuts = tuple(
                    (*whole, slice(0, down), slice(at, min(at + columns, across))) for at in range(0, across, columns)
                )
                offset = (plane * height + top) * line + left * self.itemsize
                size, step = count * down * across * self.itemsize, line if across < width else 0
                yield Band(offset, size, (*leading, down, across), tile, cuts, step, height * line if stacked else 0)
                tile += len(cuts)
