"""Plain images to the standard's own tiles, with the codecs that astropy has."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import IO

from fits_tiles.files.coders import StandardCoder
from fits_tiles.files.tiles_io import read_band, write_table
from fits_tiles.layout.grid import plan_tile_shape
from fits_tiles.layout.headers import TileLayout
from fits_tiles.layout.table import needs_wide

__all__ = ["ALGORITHMS", "standard_coder", "unread_by_cfitsio", "write_standard"]

ALGORITHMS = {"rice": "RICE_1", "gzip2": "GZIP_2"}
_ROWS = 16
_TILE_BYTES = 1 << 20


def write_standard(
    out: IO[bytes],
    pixels_fd: int,
    layout: TileLayout,
    header: bytes,
    to: str,
    where: str,
    workers: int,
    advance: Callable[[int], None],
    *,
    checksums: bool = True,
) -> TileLayout:
    """
    Append an image as RICE_1 or GZIP_2 tiles of 16 whole rows, of wide images in pieces of 1 MiB; return their layout.

    `pixels_fd` is a file of the big-endian pixels alone; of `layout` the tiles are not used.
    """
    algorithm = ALGORITHMS[to]
    if layout.bitpix < 0:
        algorithm = "GZIP_2"
    parameters = (("BLOCKSIZE", 32), ("BYTEPIX", layout.itemsize)) if algorithm == "RICE_1" else ()
    size = prod(layout.shape) * layout.itemsize
    tile_shape = plan_tile_shape(layout.shape, (_ROWS, min(layout.shape[-1], _TILE_BYTES // (_ROWS * layout.itemsize))))
    standard = TileLayout(
        "zimage",
        algorithm,
        layout.bitpix,
        layout.shape,
        tile_shape,
        needs_wide(2 * size, prod(layout.shape)),
        parameters=parameters,
    )
    write_table(
        out,
        standard,
        header,
        standard_coder(standard),
        lambda band: read_band(pixels_fd, 0, band, where),
        where=where,
        workers=workers,
        advance=advance,
        checksums=checksums,
    )
    return standard


def unread_by_cfitsio(layout: TileLayout) -> str:
    """
    Say why standard tiles of an image would be of no use to programs that read with cfitsio, ``''`` where they are.

    Measured with cfitsio 4.2 (funpack, fitsverify) and fitsio 1.4, `tests/interop/test_fits_cfitsio.py`.

    Examples
    --------
    >>> unread_by_cfitsio(TileLayout("zimage", "", 64, (5, 5), (5, 5), wide=False))
    'cfitsio reads no tiles of 64-bit integers'
    """
    if layout.bitpix == 64:
        return "cfitsio reads no tiles of 64-bit integers"
    return f"cfitsio reads no tiles of {len(layout.shape)} axes" if len(layout.shape) > 3 else ""


def standard_coder(layout: TileLayout) -> StandardCoder:
    """Return what codes the tiles of a layout that `write_standard` returned."""
    return StandardCoder(layout.algorithm, layout.pixel_type)
