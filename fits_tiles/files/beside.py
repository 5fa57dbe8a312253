"""The image beside which another is coded, cut like it into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy.typing as npt

from astrocodec.stages.outside import hash_of
from fits_tiles.layout.grid import TileGrid

__all__ = ["Beside", "parts_of", "tile_places", "without_single_planes"]

Pixels = npt.NDArray[Any]


def without_single_planes(pixels: Pixels) -> Pixels:
    """Leave out the axes of one plane before a plane: with and without them it is the same reference."""
    while pixels.ndim > 2 and pixels.shape[0] == 1:
        pixels = pixels[0]
    return pixels


class _Tile(NamedTuple):
    """Where a tile lies: a slice of each axis of the image."""

    place: tuple[slice, ...]

    def of(self, reference: Pixels) -> Pixels:
        """Cut the reference as its tile is cut, axes of one plane left out as they are there."""
        return without_single_planes(reference[self.place[len(self.place) - reference.ndim :]])


def _tiles(grid: TileGrid) -> Iterator[_Tile]:
    """Tiles in their order."""
    starts = (range(0, axis, tile) for axis, tile in zip(grid.shape, grid.tile_shape, strict=True))
    for corner in product(*starts):
        sides = zip(corner, grid.tile_shape, grid.shape, strict=True)
        yield _Tile(tuple(slice(at, min(at + tile, axis)) for at, tile, axis in sides))


def tile_places(grid: TileGrid) -> list[tuple[slice, ...]]:
    """Return where the tiles of an image lie, in their order."""
    return [tile.place for tile in _tiles(grid)]


@dataclass(frozen=True)
class Beside:
    """An image beside which the tiles of another are coded."""

    pixels: Pixels
    name: str  # of its file in the store, as it is noted in the tiles
    embed: bool
    tiles: tuple[_Tile, ...]

    @classmethod
    def of_grid(cls, pixels: Pixels, name: str, embed: bool, grid: TileGrid) -> Beside:
        """Return the reference of an image's tiles."""
        return cls(pixels, name, embed, tuple(_tiles(grid)))

    def of_tile(self, tile: int) -> Pixels:
        """Return what lies beside a tile."""
        return self.tiles[tile].of(self.pixels)


def parts_of(pixels: Pixels, grid: TileGrid) -> dict[str, Pixels]:
    """Return the parts of a reference that lie beside an image's tiles, by their hashes; none if it does not fit."""
    if pixels.shape != grid.shape[max(0, len(grid.shape) - pixels.ndim) :]:
        return {}
    return {hash_of(part).hex(): part for part in (tile.of(pixels) for tile in _tiles(grid))}
