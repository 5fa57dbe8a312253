"""Tiles cover every pixel once, in astropy's order, and bands are consecutive bytes."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits.hdu.compressed.utils import _iter_array_tiles
from hypothesis import given
from hypothesis import strategies as st

from fits_tiles.grid import TileGrid, plan_tile_shape

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


@given(shapes, st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_bands_and_tiles_cover_the_image_in_order(shape: tuple[int, ...], requested: tuple[int, int]) -> None:
    tile_shape = plan_tile_shape(shape, requested)
    grid = TileGrid(shape, tile_shape, 2)
    image = np.arange(np.prod(shape), dtype=">i2").reshape(shape)
    raw = image.tobytes()
    expected = [image[place] for _, place in _iter_array_tiles(shape, tile_shape)]
    offset, tile = 0, 0
    for band in grid.bands():
        assert (band.offset, band.first_tile) == (offset, tile)
        pixels = np.frombuffer(raw[offset : offset + band.size], ">i2").reshape(band.shape)
        for place in band.tiles:
            np.testing.assert_array_equal(pixels[place].ravel(), expected[tile].ravel())
            tile += 1
        offset += band.size
    assert offset == len(raw)
    assert tile == grid.count == len(expected)


@pytest.mark.parametrize("wrong", [(), (0, 5), (-1,), (2, 5, 5)])
def test_impossible_tile_shapes_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="tile_shape is"):
        plan_tile_shape((10, 10, 10), wrong)


@pytest.mark.parametrize("tile_shape", [(2, 4, 4), (2, 2, 8, 8), (4,), (0, 4, 4)])
def test_tiles_in_several_planes_are_refused(tile_shape: tuple[int, ...]) -> None:
    shape = (4,) * (len(tile_shape) - 2) + (8, 8)
    with pytest.raises(ValueError, match="tiles of shape"):
        TileGrid(shape, tile_shape, 2)


def test_thin_images_get_tiles_of_the_same_area() -> None:
    assert plan_tile_shape((10000, 64), (512, 512)) == (4096, 64)
    assert plan_tile_shape((2, 10000), (512, 512)) == (2, 10000)
    assert plan_tile_shape((5, 1000, 1000), (512, 512)) == (1, 512, 512)
