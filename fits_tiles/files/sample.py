"""A sample of an image for tuning: read where it is looked at, so that memory does not grow with the image."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import astrocodec
from astrocodec.model import Model
from fits_tiles.files.beside import tile_places, without_single_planes
from fits_tiles.files.bounded_image import ImageBound
from fits_tiles.files.coders import QuantizedCoder, bounded_numbers
from fits_tiles.files.container import coder_for
from fits_tiles.files.tile_pixels import FloatSteps
from fits_tiles.layout.blocks import Hdu, read_at
from fits_tiles.layout.grid import plan_tile_shape, runs
from fits_tiles.layout.headers import TileLayout
from fits_tiles.layout.model_cards import MAX_DELTA

__all__ = ["read_window", "sampled_windows", "tuned_model", "tuned_to_steps", "tuned_within"]

# Up to here an image is read whole, and the tuning takes its own sample.
_WHOLE_BYTES = 1 << 25
_WINDOWS = 12
_BANDS = 4  # of quantised floats, of half a million integers each or so
_BOUNDED_WINDOWS = 4
_WINDOW_PIXELS = 1 << 18
# Of a cube's tile as many rows as the tuning looks at together.
_CUBE_ROWS, _CUBE_COLUMNS = 128, 256
Pixels = npt.NDArray[Any]


def tuned_model(
    fd: int, hdu: Hdu, layout: TileLayout, base: Model, effort: int, reference: Pixels | None = None
) -> Model:
    """Fit a model to the pixels of a plain image, as a reference leaves them; it is `base` where that does not pay."""
    tune = partial(astrocodec.tune, base=base, max_bytes=MAX_DELTA, effort=effort)
    if reference is not None:
        raw = read_at(fd, hdu.data_start, hdu.data_bytes, hdu.label)
        whole = np.frombuffer(raw, layout.pixel_type).reshape(layout.shape)
        return tune(whole, reference=reference)
    if layout.quantization is not None:
        coder = coder_for(layout, None)
        assert isinstance(coder, QuantizedCoder)
        windows = sampled_windows(fd, hdu, layout)
        found = [coder.integers(number, window) for number, window in enumerate(windows)]
        integers = [one[0] for one in found if one is not None]
        return tune(integers, thorough=True) if integers else base
    if hdu.data_bytes > _WHOLE_BYTES and prod(layout.tile_shape[:-2]) > 1:
        return tune(_sampled_cubes(fd, hdu, layout))
    if hdu.data_bytes > _WHOLE_BYTES:
        # One sheet of whole tiles: the tuning treats its first and last rows as those of the detector.
        return tune(np.concatenate(sampled_windows(fd, hdu, layout)))
    pixels = np.frombuffer(read_at(fd, hdu.data_start, hdu.data_bytes, hdu.label), layout.pixel_type)
    planes = pixels.reshape(-1, *layout.shape[-2:])
    # Planes that share a tile are seen with those before them, as they are coded.
    apart = len(planes) > 1 and prod(layout.tile_shape[:-2]) == 1
    return tune(list(planes) if apart else planes if len(planes) > 1 else planes[0], thorough=True)


def tuned_to_steps(fd: int, hdu: Hdu, layout: TileLayout, base: Model, effort: int, steps: FloatSteps) -> Model:
    """Fit a model to the integers that floats were made of, as they are coded."""
    bands = list(layout.grid.bands())
    chosen = np.unique(np.linspace(0, len(bands) - 1, min(len(bands), _BANDS)).round().astype(int))
    places, samples = tile_places(layout.grid), []
    for number in (bands[one].first_tile for one in chosen):
        place = places[number]
        if steps.how.are_plain(place):
            continue
        raw = b"".join(
            read_at(fd, hdu.data_start + first * layout.itemsize, count * layout.itemsize, hdu.label)
            for first, count in runs(layout.shape, place)
        )
        values = np.frombuffer(raw, layout.pixel_type).astype(np.dtype(layout.pixel_type).newbyteorder("="))
        samples.append(without_single_planes(steps.coded(place, values)))
    if not samples:
        return base
    return astrocodec.tune(samples, base=base, max_bytes=MAX_DELTA, effort=effort, thorough=True)


def tuned_within(fd: int, hdu: Hdu, layout: TileLayout, base: Model, effort: int, bound: ImageBound) -> Model:
    """Fit a model to the steps of some windows of a plain image, which are what a bound lets be coded."""
    windows = sampled_windows(fd, hdu, layout)
    chosen = np.unique(np.linspace(0, len(windows) - 1, _BOUNDED_WINDOWS).round().astype(int))
    samples = [bounded_numbers(windows[number], bound) for number in chosen]
    return astrocodec.tune(samples, base=base, max_bytes=MAX_DELTA, effort=effort, thorough=True, bound=bound.bound)


def sampled_windows(fd: int, hdu: Hdu, layout: TileLayout) -> list[Pixels]:
    """
    Read some windows of an image in its order, all of the size of a default tile, big-endian.

    The first and the last of the image are among them, the others are random, but the same for the same shape.
    """
    shape = layout.shape if len(layout.shape) > 1 else (1, *layout.shape)
    height, width = shape[-2:]
    rows, columns = (1, *plan_tile_shape(layout.shape, None))[-2:]
    down, across = -(-height // rows), -(-width // columns)
    count = prod(shape[:-2]) * down * across
    # Where an axis is short, more windows make up for it.
    wanted = max(_WINDOWS, _WINDOW_PIXELS * _WINDOWS // (rows * columns))
    chosen = np.random.default_rng(0).choice(count, min(wanted, count), replace=False)
    chosen[0], chosen[-1] = 0, count - 1
    windows = []
    for number in np.unique(chosen).tolist():
        plane, place = divmod(number, down * across)
        # The last window of a line or column reaches back, so that all have one shape.
        top = min(place // across * rows, height - rows)
        left = min(place % across * columns, width - columns)
        windows.append(read_window(fd, hdu, layout, (plane * height + top, left), (rows, columns)))
    return windows


def _sampled_cubes(fd: int, hdu: Hdu, layout: TileLayout) -> list[Pixels]:
    """Read parts of some tiles, of the rows of one place in all planes of the tile."""
    planes, height, width = layout.shape[-3:]
    deep, high, wide = layout.tile_shape[-3:]
    rows, columns = min(high, _CUBE_ROWS), min(wide, width, _CUBE_COLUMNS)
    wanted = max(2, _WINDOW_PIXELS * _WINDOWS // (deep * rows * columns))
    outer, along, down, across = prod(layout.shape[:-3]), -(-planes // deep), -(-height // high), -(-width // wide)
    count = outer * along * down * across
    chosen = np.random.default_rng(0).choice(count, min(wanted, count), replace=False)
    chosen[0], chosen[-1] = 0, count - 1
    cubes = []
    for number in np.unique(chosen).tolist():
        cube, slab, y, x = (int(n) for n in np.unravel_index(number, (outer, along, down, across)))
        first, top, left = slab * deep, min(y * high, height - rows), min(x * wide, width - columns)
        used = range(first, min(first + deep, planes))
        parts = [
            read_window(fd, hdu, layout, ((cube * planes + t) * height + top, left), (rows, columns)) for t in used
        ]
        cubes.append(np.stack(parts))
    return cubes


def read_window(fd: int, hdu: Hdu, layout: TileLayout, corner: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """Read a rectangle of big-endian pixels; its top is counted from the first row of the first plane."""
    (top, left), (rows, columns), width = corner, size, layout.shape[-1]
    # Whole rows lie one behind the other.
    runs, run = (1, rows * columns) if columns == width else (rows, columns)
    raw = bytearray()
    for row in range(top, top + runs):
        start = hdu.data_start + (row * width + left) * layout.itemsize
        raw += read_at(fd, start, run * layout.itemsize, hdu.label)
    return np.frombuffer(raw, layout.pixel_type).reshape(rows, columns)
