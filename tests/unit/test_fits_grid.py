"""Tiles cover every pixel once, in astropy's order, and bands are consecutive bytes."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits.hdu.compressed.utils import _iter_array_tiles
from hypothesis import given, settings
from hypothesis import strategies as st

import fits_tiles.layout.grid
from fits_tiles.layout.grid import TileGrid, plan_tile_shape, runs

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


@settings(deadline=None)
@given(shapes, st.lists(st.integers(1, 6), min_size=2, max_size=3), st.sampled_from([1 << 23, 60, 1]))
def test_bands_and_tiles_cover_the_image_in_order(shape: tuple[int, ...], requested: list[int], most: int) -> None:
    tile_shape = plan_tile_shape(shape, requested)
    grid = TileGrid(shape, tile_shape, 2)
    image = np.arange(np.prod(shape), dtype=">i2").reshape(shape)
    raw = image.tobytes()
    expected = [image[place] for _, place in _iter_array_tiles(shape, tile_shape)]
    tile, seen = 0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fits_tiles.layout.grid, "_BAND_BYTES", most)
        bands = list(grid.bands())
    for band in bands:
        assert band.first_tile == tile
        assert len(band.tiles) == 1 or band.size <= most
        pieces = list(band.pieces())
        found = b"".join(raw[offset : offset + size] for offset, size in pieces)
        assert len(found) == band.size
        pixels = np.frombuffer(found, ">i2").reshape(band.shape)
        for place in band.tiles:
            np.testing.assert_array_equal(pixels[place].ravel(), expected[tile].ravel())
            tile += 1
        seen += pieces
    seen.sort()
    assert [offset for offset, _ in seen] == [0, *np.cumsum([size for _, size in seen])[:-1]]
    assert sum(size for _, size in seen) == len(raw)
    assert tile == grid.count == len(expected)


@settings(deadline=None)
@given(shapes, st.data())
def test_a_rectangle_is_made_of_runs(shape: tuple[int, ...], data: st.DataObject) -> None:
    place = []
    for axis in shape:
        start = data.draw(st.integers(0, axis - 1))
        place.append(slice(start, data.draw(st.integers(start + 1, axis))))
    image = np.arange(np.prod(shape)).reshape(shape)
    found = [pixel for first, count in runs(shape, place) for pixel in range(first, first + count)]
    assert found == image[tuple(place)].ravel().tolist()


def test_wide_images_are_taken_some_columns_at_a_time() -> None:
    for shape, kind in (((6000, 216000), 2), ((551, 10**7), 8)):
        grid = TileGrid(shape, plan_tile_shape(shape, None), kind)
        assert max(band.size for band in grid.bands()) <= 1 << 23
    assert plan_tile_shape((10**9,), None) == (16384,)


@pytest.mark.parametrize("wrong", [(), (0, 5), (-1,), (2, 1, 5, 5)])
def test_impossible_tile_shapes_are_refused(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="tile_shape is"):
        plan_tile_shape((10, 10, 10), wrong)


@pytest.mark.parametrize("tile_shape", [(2, 2, 8, 8), (2, 1, 4, 4), (4,), (0, 4, 4)])
def test_tiles_over_more_than_three_axes_are_refused(tile_shape: tuple[int, ...]) -> None:
    shape = (4,) * (len(tile_shape) - 2) + (8, 8)
    with pytest.raises(ValueError, match="tiles of shape"):
        TileGrid(shape, tile_shape, 2)


def test_thin_images_get_tiles_of_the_same_area() -> None:
    assert plan_tile_shape((10000, 64), (512, 512)) == (4096, 64)
    assert plan_tile_shape((2, 10000), (512, 512)) == (2, 10000)
    assert plan_tile_shape((5, 1000, 1000), (512, 512)) == (1, 512, 512)
