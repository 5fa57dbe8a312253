"""Mosaic: planes (time, baseline) of every channel and polarisation, side by side in pictures that fill tiles well.

docs/format.md section "Planes of visibilities".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TILE = 512  # side of tiles, and of pictures where planes are smaller


@dataclass(frozen=True)
class Mosaic:
    """How planes lie in pictures.

    >>> Mosaic.of((3, 171, 256, 1))
    Mosaic(times=3, baselines=171, planes=256, across=2, down=128)
    """

    times: int
    baselines: int
    planes: int  # of all polarisations and channels, channels turning fastest
    across: int  # planes beside each other in a picture
    down: int  # rows of planes of all pictures but the last, which may have fewer

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Mosaic:
        """Of visibilities of a shape ``[time, baseline, freq, pol]`` that has elements."""
        times, baselines, planes = shape[0], shape[1], shape[2] * shape[3]
        across = min(planes, max(1, TILE // baselines))
        down = min(-(-planes // across), max(1, TILE // times))
        return cls(times, baselines, planes, across, down)

    @property
    def pictures(self) -> int:
        """How many there are."""
        return -(-self.planes // (self.across * self.down))

    def rows(self, number: int) -> int:
        """Rows of planes of a picture."""
        left = self.planes - number * self.across * self.down
        return min(self.down, -(-left // self.across))

    def sides(self, number: int) -> tuple[int, int]:
        """Height and width of a picture."""
        return self.rows(number) * self.times, self.across * self.baselines

    def tiles(self, number: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of a picture's tiles."""
        height, width = self.sides(number)
        for y in range(0, height, TILE):
            for x in range(0, width, TILE):
                yield slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width))

    def tile_count(self) -> int:
        """Tiles of all pictures."""
        wide = -(-self.across * self.baselines // TILE)
        whole = self.pictures - 1
        high = whole * -(-self.down * self.times // TILE) + -(-self.rows(whole) * self.times // TILE)
        return wide * high

    def picture(self, values: NDArray[Any], number: int) -> NDArray[Any]:
        """A picture ``(y, x)`` of values ``[time, baseline, freq, pol]``; cells left over are 0."""
        first = number * self.across * self.down
        count = self.rows(number) * self.across
        which = np.arange(first, min(first + count, self.planes))
        planes = np.zeros((self.times, self.baselines, count), values.dtype)
        channels = values.shape[2]
        planes[:, :, : len(which)] = values[:, :, which % channels, which // channels]
        cells = planes.reshape(self.times, self.baselines, self.rows(number), self.across)
        return cells.transpose(2, 0, 3, 1).reshape(self.sides(number))

    def put(self, picture: NDArray[Any], number: int, values: NDArray[Any]) -> None:
        """Undo `picture`, into values ``[time, baseline, freq, pol]``."""
        first = number * self.across * self.down
        count = min(self.rows(number) * self.across, self.planes - first)
        cells = picture.reshape(self.rows(number), self.times, self.across, self.baselines)
        planes = cells.transpose(1, 3, 0, 2).reshape(self.times, self.baselines, -1)
        which = np.arange(first, first + count)
        channels = values.shape[2]
        values[:, :, which % channels, which // channels] = planes[:, :, :count]
