"""Simulated ramps and epochs as FITS files, written plane by plane: a cube may be larger than memory."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astrocodec.files.target import Target
from astrocodec.simulate.epochs import EpochSettings, draw_frames, epochs_header, expose_epochs
from astrocodec.simulate.ramp import expose_ramp, ramp_header
from astrocodec.simulate.ramp_settings import configure_ramp

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU, Header

BLOCK = 2880  # bytes of a FITS block
SIGN = np.uint16(0x8000)  # what BZERO = 32768 takes off, modulo 2**16


@dataclass(frozen=True, eq=False)
class Cube:
    """A cube to be written: header, shape, planes (uint16, [y, x]), and a table of what each has of its own."""

    header: "Header"
    shape: tuple[int, ...]
    planes: Iterator[Any]
    table: "BinTableHDU | None" = None


def ramp_cube(pattern: str, seed: int, **changes: Any) -> Cube:
    """Up-the-ramp reads, [group, y, x] or [integration, group, y, x]; ``ValueError`` for what cannot be."""
    settings = configure_ramp(pattern, **changes)
    shape = (settings.integrations,) if settings.integrations > 1 else ()
    planes = (group.data for group in expose_ramp(settings, seed=seed))
    return Cube(ramp_header(settings, seed=seed), (*shape, settings.groups, *settings.shape), planes)


def epoch_cube(filters: str, seed: int, **changes: Any) -> Cube:
    """Epochs of one field, with a table FRAMES of the truth of each; ``ValueError`` for what cannot be."""
    from astropy.io.fits import BinTableHDU

    settings = EpochSettings(filters, **changes)
    frames = draw_frames(settings, seed)
    epoch, number = np.indices(frames.shape).reshape(2, -1)
    fields = [("epoch", "i4"), ("filter", "S1"), *((name, "f8") for name in frames.dtype.names or ())]
    rows = np.zeros(frames.size, fields)
    rows["epoch"], rows["filter"] = epoch, np.array([name.encode() for name in filters])[number]
    for name in frames.dtype.names or ():
        rows[name] = frames[name].ravel()
    planes = expose_epochs(settings, seed=seed)
    return Cube(epochs_header(settings, seed=seed), settings.cube, planes, BinTableHDU(rows, name="FRAMES"))


def _head(cube: Cube) -> bytes:
    """Header blocks of the primary image, of 16 bits with BZERO for unsigned numbers."""
    from astropy.io.fits import PrimaryHDU

    header = PrimaryHDU(np.zeros((1,) * len(cube.shape), np.uint16), cube.header).header
    for axis, size in enumerate(reversed(cube.shape), 1):
        header[f"NAXIS{axis}"] = size
    if cube.table is not None:
        header.set("EXTEND", True, after=f"NAXIS{len(cube.shape)}")
    return bytes(header.tostring().encode("ascii"))


def _tail(cube: Cube) -> bytes:
    """What follows the pixels: the block's end, and the table as an extension."""
    from astropy.io.fits import HDUList, PrimaryHDU

    padding = bytes(-2 * math.prod(cube.shape) % BLOCK)
    if cube.table is None:
        return padding
    alone = BytesIO()
    HDUList([PrimaryHDU(), cube.table]).writeto(alone)
    return padding + alone.getvalue()[BLOCK:]


def write_cube(cube: Cube, target: Path) -> None:
    """Write the file; no reader and no power cut ever sees half of it."""
    with Target(target, overwrite=True) as out:
        out.file.write(_head(cube))
        for plane in cube.planes:
            out.file.write((plane ^ SIGN).astype(">u2").tobytes())
        out.file.write(_tail(cube))
        out.commit()
