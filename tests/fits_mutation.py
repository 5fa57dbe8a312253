"""Compressed files with every kind of HDU, and what becomes of them when one byte changes."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

import fits_tiles
from astrocodec.errors import AstrocodecError
from fits_tiles.layout.blocks import walk

__all__ = ["Mutation", "Tally", "compressed_archive", "compressed_sample", "try_mutations"]


@dataclass(frozen=True)
class Mutation:
    """One byte of a file, and what it is changed to."""

    place: int
    value: int


@dataclass
class Tally:
    """How many changes ended how, by the HDU that they hit; `wrong` tells of each that ended neither way."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def compressed_sample(folder: Path, container: str) -> Path:
    """Write a file of many kinds of HDU, of the one container with checksums of FITS, and compress it; return that."""
    rng = np.random.default_rng(11)
    primary = fits.PrimaryHDU(rng.normal(500, 9, (40, 36)).astype(np.int16))
    primary.header["OBJECT"] = "M31"
    primary.header["HISTORY"] = "flat-fielded"
    scaled = fits.ImageHDU(rng.poisson(200, (30, 31)).astype(np.uint16), name="SCI")
    scaled.header["EXPTIME"] = 4.1e-5
    floats = fits.ImageHDU(rng.normal(0, 1, (20, 24)).astype(np.float32), name="ERR")
    odd = fits.ImageHDU(np.arange(600, dtype=np.int32).reshape(20, 30), name="ODD")
    odd.header["ZBITPIX"] = 5  # collides: the header is kept whole
    table = fits.BinTableHDU.from_columns(
        [fits.Column("a", "J", array=np.arange(9)), fits.Column("b", "8A", array=["abc"] * 9)], name="CAT"
    )
    text = fits.TableHDU.from_columns([fits.Column("x", "F8.3", array=np.linspace(0, 1, 5))], name="TXT")
    kept = fits.ImageHDU(rng.normal(0, 3, (12, 13)).astype(np.int16), name="KEPT")
    rice = fits.CompImageHDU(rng.normal(0, 3, (16, 16)).astype(np.float32), name="RICE", compression_type="RICE_1")
    nothing = fits.ImageHDU(name="NONE")
    sample = folder / "sample.fits"
    hdus = [primary, table, scaled, text, floats, kept, odd, rice, nothing]
    fits.HDUList(hdus).writeto(sample, checksum=container == "zimage", overwrite=True)
    raw = sample.read_bytes() + b"left behind the last HDU"
    at = raw.index(b"EXPTIME =", raw.index(b"'SCI"))
    raw = raw[:at] + b"EXPTIME = 4.100e-05 / as the camera\twrites".ljust(80) + raw[at + 80 :]
    sample.write_bytes(raw)
    packed = folder / "sample.ac.fits"
    fits_tiles.compress(
        sample, packed, container=container, tile_shape=(16, 16), extensions=[0, 2, 4, 6], tune=False, overwrite=True
    )
    return packed


def compressed_archive(folder: Path) -> Path:
    """Write a file of tiles of other programs, quantised and not, and compress it; return that."""
    pixels = np.random.default_rng(3).poisson(20, (60, 200)).astype(np.int16) * 4
    floats = (pixels * 0.3).astype(np.float32)
    floats[5, 3:9] = np.nan
    images = [
        fits.CompImageHDU(floats, name="STEPS", compression_type="RICE_1", quantize_level=1, quantize_method=1),
        fits.CompImageHDU(pixels, name="GZIP", compression_type="GZIP_1", tile_shape=(20, 200)),
    ]
    archive, packed = folder / "archive.fz", folder / "archive.ac.fits"
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(archive, overwrite=True)
    report = fits_tiles.compress(archive, packed, tune=False, overwrite=True)
    assert all("--to original" in hdu.note for hdu in report.hdus[1:])
    return packed


def mutations(raw: bytes, headers: list[range], count: int, seed: int) -> list[Mutation]:
    """Return changes of single bytes, half of them in headers."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        block = rng.choice(headers) if number % 2 else range(len(raw))
        place = rng.choice(block)
        # Digits and letters that become others are the changes that look like edits.
        value = raw[place] ^ (1 << rng.randrange(8)) if number % 4 < 2 else rng.choice(b"0123456789 ETZ'=/")
        if value != raw[place]:
            found.append(Mutation(place, value))
    return found


def try_mutations(packed: Path, count: int, seed: int, to: str = "image") -> Tally:
    """
    Change one byte at a time: each ends in an error that names the file, or in the identical file.

    `verify` raises an error too, or at least does not call the file verified.
    """
    raw, back, damaged = packed.read_bytes(), packed.with_name("back.fits"), packed.with_name("damaged.fits")
    fits_tiles.decompress(packed, back, to=to, overwrite=True)
    expected = back.read_bytes()
    with packed.open("rb") as file:
        hdus = list(walk(file.fileno(), packed.name))
    tally = Tally()
    for change in mutations(raw, [range(hdu.start, hdu.data_start) for hdu in hdus], count, seed):
        damaged.write_bytes(raw[: change.place] + bytes([change.value]) + raw[change.place + 1 :])
        hit = next((hdu for hdu in hdus if change.place < hdu.stop), None)
        part = "tail" if hit is None else f"{hit.label}, {'header' if change.place < hit.data_start else 'data'}"
        end, verified = _decompressed(damaged, back, expected, to), _verified(damaged)
        tally.ends[f"{part}: {end}"] += 1
        if end not in ("error", "identical") or verified:
            tally.wrong.append(f"byte {change.place} -> {change.value} ({part}): {end}, verified: {verified}")
    return tally


def _decompressed(damaged: Path, back: Path, expected: bytes, to: str) -> str:
    try:
        fits_tiles.decompress(damaged, back, to=to, overwrite=True)
    except AstrocodecError as error:
        return "error" if damaged.name in str(error) else f"an error that names no file: {error}"
    return "identical" if back.read_bytes() == expected else "another file, and no error"


def _verified(damaged: Path) -> bool:
    try:
        return fits_tiles.verify(damaged).verified
    except AstrocodecError:
        return False
