"""Tile-compressed images of other programs, decoded to plain image HDUs through astropy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import numpy as np

from astrocodec.errors import AstrocodecError, FormatError
from fits_tiles.blocks import Hdu, card_value, find_card, int_card, padded, split_cards, walk
from fits_tiles.container import image_shape
from fits_tiles.grid import TileGrid, plan_tile_shape
from fits_tiles.headers import ALGORITHM, holds_tiles, is_compressed_image
from fits_tiles.source import scratch_file
from fits_tiles.tiles_io import copy_bytes, file_size
from fits_tiles.z_keywords import plain_header

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["Staged", "foreign_algorithm", "staged"]

_ROWS = 512


class Staged:
    """
    A file whose foreign compressed images have been decoded.

    Attributes
    ----------
    file : binary file
        Plain FITS.
    origin : list of int
        For every HDU of `file`, its position in the source.
    sizes : list of int
        For every HDU of `file`, its size in the source.
    notes : dict of int to str
        What happened to an HDU of `file`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.origin: list[int] = []
        self.sizes: list[int] = []
        self.notes: dict[int, str] = {}


def foreign_algorithm(hdu: Hdu) -> str:
    """Return the algorithm of a compressed image that `fits_tiles.compress` did not write, ``''`` for other HDUs."""
    if not is_compressed_image(hdu.cards) or holds_tiles(hdu.cards):
        return ""
    return str(card_value(find_card(hdu.cards, "ZCMPTYPE")) or "RICE_1")


def _is_quantized(hdu: Hdu) -> bool:
    names = [card_value(card) for card in hdu.cards if card.startswith(b"TTYPE")]
    return "ZSCALE" in names or find_card(hdu.cards, "ZSCALE") is not None


@contextmanager
def staged(
    file: IO[bytes], name: str, folder: str | None, wanted: Callable[[Hdu], bool], *, only_ours: bool = False
) -> Iterator[Staged]:
    """
    Yield a file in which the compressed images of other programs are plain ones.

    Parameters
    ----------
    file : binary file
        Regular file.
    name : str
        For messages.
    folder : str or None
        Where the decoded file may lie.
    wanted : callable
        Tells whether an HDU is to be decoded.
    only_ours : bool, optional
        Decode only ASTROCODEC_1 tiles that were written through astropy.

    Raises
    ------
    FormatError
        If astropy cannot decode a tile.
    """
    fd = file.fileno()
    hdus = list(walk(fd, name))
    decode = []
    for hdu in hdus:
        algorithm = foreign_algorithm(hdu)
        ours = algorithm == ALGORITHM
        decode.append(bool(algorithm) and wanted(hdu) and (ours if only_ours else ours or not _is_quantized(hdu)))
    if not any(decode):
        plain = Staged(file)
        plain.origin = [hdu.index for hdu in hdus]
        plain.sizes = [hdu.size for hdu in hdus]
        for hdu in hdus:
            plain.notes[hdu.index] = _kept_note(hdu)
        yield plain
        return
    from astropy.io import fits

    drop_first = len(hdus) > 1 and decode[1] and hdus[0].data_bytes == 0 and bool(find_card(hdus[1].cards, "ZSIMPLE"))
    with scratch_file(folder) as out, open(os.dup(fd), "rb") as again:
        result = Staged(out)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", fits.verify.VerifyWarning)
            with fits.open(again, do_not_scale_image_data=True, memmap=False) as opened:
                for hdu in hdus[1:] if drop_first else hdus:
                    number = len(result.origin)
                    if decode[hdu.index]:
                        _decode_hdu(opened, hdu, out, name, primary=number == 0)
                        result.notes[number] = f"was compressed with {foreign_algorithm(hdu)}"
                    else:
                        copy_bytes(fd, hdu.start, hdu.stop, out, name, lambda size: None)
                        result.notes[number] = _kept_note(hdu)
                    result.origin.append(hdu.index)
                    result.sizes.append(hdu.size + (hdus[0].size if drop_first and hdu.index == 1 else 0))
        copy_bytes(fd, hdus[-1].stop, file_size(fd), out, name, lambda size: None)
        out.flush()
        yield result


def _kept_note(hdu: Hdu) -> str:
    algorithm = foreign_algorithm(hdu)
    if algorithm and algorithm != ALGORITHM:
        return f"kept as it is: floats quantised and compressed with {algorithm}" if _is_quantized(hdu) else ""
    return ""


def _decode_hdu(opened: fits.HDUList, hdu: Hdu, out: IO[bytes], name: str, *, primary: bool) -> None:
    where = f"{name}: {hdu.label}"
    header = plain_header(hdu.cards, where, primary=primary)
    shape = image_shape(Hdu(hdu.index, 0, header, 0, 0, 0))
    bitpix = int_card(split_cards(header), "BITPIX", where)
    kind = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}.get(bitpix)
    if kind is None:
        raise FormatError(f"{where}: ZBITPIX is {bitpix}, allowed are 8, 16, 32, 64, -32, -64")
    out.write(header)
    size = 0
    if shape and min(shape) > 0:
        section = opened[hdu.index].section
        width = (1 << 24,) if len(shape) == 1 else (_ROWS, shape[-1])
        grid = TileGrid(shape, plan_tile_shape(shape, width), np.dtype(kind).itemsize)
        for place in _places(grid):
            try:
                pixels = np.asarray(section[place])
            except AstrocodecError:
                raise
            except Exception as error:  # astropy's decoders raise many types on damaged tiles
                raise FormatError(f"{where}: astropy cannot decode the pixels {place}: {error}") from error
            out.write(pixels.astype(kind).tobytes())
            size += pixels.size * np.dtype(kind).itemsize
    out.write(bytes(padded(size) - size))


def _places(grid: TileGrid) -> Iterator[tuple[slice | int, ...]]:
    """Index expressions for the bands of an image."""
    for band in grid.bands():
        first = band.offset // grid.itemsize
        index = np.unravel_index(first, grid.shape)
        axis = len(grid.shape) - len(band.shape)
        lead = tuple(int(n) for n in index[:axis])
        start = int(index[axis])
        yield (*lead, slice(start, start + band.shape[0]), *(slice(0, n) for n in band.shape[1:]))
