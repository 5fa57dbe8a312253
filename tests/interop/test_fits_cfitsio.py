"""What programs built on cfitsio make of our files: plain tables are stepped over, transcoded files are read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from fits_tiles import DifferenceError
from fits_tiles.files import coders

fitsio = pytest.importorskip("fitsio", reason="fitsio is not installed")


def _noise(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(60, 5, shape).astype(dtype)


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file with a scaled primary image, an extension, a table."""
    path = tmp_path / "plain.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.arange(5))], name="EVENTS")
    primary = fits.PrimaryHDU(_noise("u2", (50, 60)))
    primary.header["BUNIT"] = "adu"
    fits.HDUList([primary, fits.ImageHDU(_noise("i4", (2, 30, 40)), name="SCI"), table]).writeto(path, checksum=True)
    return path


def test_plain_tables_are_conforming_and_stepped_over(plain: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.fits"
    fits_tiles.compress(plain, packed, container="table")
    result = _run("fitsverify", "-q", packed)
    assert "verification OK" in result.stdout, result.stdout
    with fitsio.FITS(str(packed)) as opened:
        assert len(opened) == 4
        np.testing.assert_array_equal(opened["EVENTS"]["x"][:], np.arange(5))


def test_the_tile_convention_stops_cfitsio_with_its_own_message(plain: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.fits"
    fits_tiles.compress(plain, packed)
    result = _run("fitsverify", packed)
    text = " ".join((result.stdout + result.stderr).split())
    assert "Unknown image compression type: ASTROCODEC_1" in text
    with pytest.raises(OSError, match=r"HDU|extension"), fitsio.FITS(str(packed)) as opened:
        opened["EVENTS"].read()


@pytest.mark.parametrize(("to", "algorithm"), [("rice", "RICE_1"), ("gzip2", "GZIP_2")])
def test_transcoded_files_are_standard(plain: Path, tmp_path: Path, to: str, algorithm: str) -> None:
    packed, standard, back = tmp_path / "packed.fits", tmp_path / "standard.fits.fz", tmp_path / "back.fits"
    fits_tiles.compress(plain, packed)
    report = fits_tiles.decompress(packed, standard, to=to)
    assert report.hdus[1].note == f"transcoded to {algorithm}"
    result = _run("fitsverify", "-q", standard)
    assert "verification OK" in result.stdout, result.stdout
    assert _run("funpack", "-C", "-O", back, standard).returncode == 0
    diff = fits.FITSDiff(str(plain), str(back), ignore_keywords=["CHECKSUM", "DATASUM"])
    assert diff.identical, diff.report()
    with fitsio.FITS(str(standard)) as opened, fits.open(plain) as expected:
        np.testing.assert_array_equal(opened["SCI"].read(), expected["SCI"].data)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize(
    "shape",
    [(700,), (40, 50), (3, 20, 21), (1, 1, 20, 21), (2, 1, 2, 9, 8), (1, 1, 2, 1, 2, 5, 6), (5, 1)],
)
def test_cfitsio_reads_every_type_and_shape(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    source, packed, standard = tmp_path / "plain.fits", tmp_path / "packed.fits", tmp_path / "standard.fits"
    pixels = _noise(dtype, shape)
    fits.HDUList([fits.PrimaryHDU(pixels), fits.ImageHDU(pixels[0:1], name="SCI")]).writeto(source)
    fits_tiles.compress(source, packed, tune=False)
    plain = dtype in ("i8", "u8") or len(shape) > 3
    for to in ("rice", "gzip2"):
        report = fits_tiles.decompress(packed, standard, to=to, overwrite=True)
        reason = f"{len(shape)} axes" if dtype not in ("i8", "u8") else "64-bit integers"
        algorithm = "RICE_1" if to == "rice" and dtype[0] != "f" else "GZIP_2"
        expected = f"left plain: cfitsio reads no tiles of {reason}" if plain else f"transcoded to {algorithm}"
        assert report.hdus[1].note == expected
        if plain:
            assert standard.read_bytes() == source.read_bytes()
        with fits.open(standard) as opened:
            np.testing.assert_array_equal(opened[0 if plain else 1].data, pixels)
            np.testing.assert_array_equal(opened["SCI"].data, pixels[0:1])
        with fitsio.FITS(str(standard)) as opened:
            np.testing.assert_array_equal(opened[0 if plain else 1].read(), pixels)
            np.testing.assert_array_equal(opened["SCI"].read(), pixels[0:1])
        assert "verification OK" in _run("fitsverify", "-q", standard).stdout
        unpacked = tmp_path / f"{to}.fits"
        assert _run("funpack", "-O", unpacked, standard).returncode == 0
        np.testing.assert_array_equal(fits.getdata(unpacked), pixels)


def test_files_of_fpack_are_taken_and_given_back(plain: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
    assert _run("fpack", "-r", plain).returncode == 0
    source = plain.with_suffix(".fits.fz")
    report = fits_tiles.compress(source, packed)
    assert [hdu.kind for hdu in report.hdus] == ["compressed", "compressed", "copied"]
    fits_tiles.decompress(packed, back)
    diff = fits.FITSDiff(str(plain), str(back))
    assert diff.identical, diff.report()
    assert fits_tiles.verify(packed, source).verified


def test_fits_files_after_decompression_satisfy_fitsdiff(plain: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
    fits_tiles.compress(plain, packed)
    fits_tiles.decompress(packed, back)
    assert _run("fitsdiff", plain, back).returncode == 0


def test_wrong_standard_tiles_are_caught(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "packed.fits"
    fits_tiles.compress(plain, packed)
    encode = coders.StandardCoder.encode
    monkeypatch.setattr(coders.StandardCoder, "encode", lambda self, tile, pixels: encode(self, tile, pixels + 1))
    with pytest.raises(DifferenceError, match=r"HDU 1.*the RICE_1 tiles do not decode to the pixels they came from"):
        fits_tiles.decompress(packed, tmp_path / "standard.fits", to="rice")
    assert not (tmp_path / "standard.fits").exists()
