"""What programs built on cfitsio make of our files: plain tables are stepped over, transcoded files are read."""

from __future__ import annotations

import shutil
import subprocess
import sys
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


_OTHER_PROGRAM = """
import sys, fitsio, numpy
with fitsio.FITS(sys.argv[1], "rw") as opened:
    opened.write(numpy.zeros(3, [("a", "i4")]), extname="NEW")
    opened.write(numpy.ones((4, 4)), extname="MASK")
    opened["EVENTS"].write_key("STATUS", "done")
    opened["EVENTS"].write_checksum()
print(*[hdu.get_extname() or "PRIMARY" for hdu in fitsio.FITS(sys.argv[1])])
"""


@pytest.mark.parametrize("how", ["compress", "pixel", "header", "new", "planes"])
@pytest.mark.parametrize("container", ["zimage", "table"])
def test_cfitsio_appends_behind_our_images(plain: Path, tmp_path: Path, container: str, how: str) -> None:
    """Not over the first of them, whoever wrote it; with ``ZIMAGE = T`` it takes that for the end of the file."""
    packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
    fits.setval(plain, "EXTNAME", value="FIRST")
    fits_tiles.compress(plain, packed, container=container)
    if how in ("new", "planes"):
        cube = _noise("i2", (4, 5, 20, 20))
        shape = (20, 20) if how == "new" else (1, 2, 20, 20)
        with fits.open(packed, mode="update") as opened:
            tiles = {"compression_type": "ASTROCODEC_1", "tile_shape": (1, 1, *shape)[-4:]}
            opened.insert(2, fits.CompImageHDU(cube, name="CUBE", **tiles))
    elif how != "compress":
        with fits.open(packed, mode="update") as opened:
            if how == "pixel":
                opened["SCI"].data[0, 0, 0] += 1
            else:
                opened["SCI"].header["NOTE"] = "x"
    with fits.open(packed) as opened:
        before = {hdu.name: hdu.data.copy() for hdu in opened if hdu.data is not None}
    result = _run(sys.executable, "-c", _OTHER_PROGRAM, packed)
    names = ["PRIMARY", "FIRST", *(["CUBE"] if "CUBE" in before else []), "SCI", "EVENTS", "NEW", "MASK"]
    assert result.stdout.split() == names, result.stderr
    fits_tiles.verify(packed)
    fits_tiles.decompress(packed, back)
    for path in (packed, back):
        with fits.open(path) as opened:
            assert opened["EVENTS"].header["STATUS"] == "done"
            assert {"NEW", "MASK"} <= {hdu.name for hdu in opened}
            for name, pixels in before.items():
                np.testing.assert_array_equal(opened[name].data, pixels)


@pytest.mark.parametrize("how", ["compress", "pixel"])
@pytest.mark.parametrize("container", ["zimage", "table"])
def test_fpack_of_tables_leaves_ours(plain: Path, tmp_path: Path, container: str, how: str) -> None:
    """It writes the size of the table over that of the image, and nobody could unpack what it gives."""
    packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
    fits_tiles.compress(plain, packed, container=container, tile_shape=(10, 10))
    if how == "pixel":
        with fits.open(packed, mode="update") as opened:
            opened["SCI"].data[0, 0, 0] += 1
    fits_tiles.decompress(packed, tmp_path / "expected.fits")
    assert _run("fpack", "-table", "-D", "-Y", packed).returncode == 0
    assert not packed.exists()
    assert _run("funpack", "-O", tmp_path / "unpacked.fits", f"{packed}.fz").returncode == 0
    fits_tiles.decompress(tmp_path / "unpacked.fits", back)
    with fits.open(tmp_path / "expected.fits") as expected, fits.open(back) as found:
        for before, after in zip(expected, found, strict=True):
            np.testing.assert_array_equal(before.data, after.data)


@pytest.mark.parametrize("value", ["NONE", "RICE_1"])
def test_directives_for_fpack_in_images_come_back(plain: Path, tmp_path: Path, value: str) -> None:
    """Archives write them into every image. They cost a card, not the whole header once more."""
    fits.setval(plain, "FZALGOR", value=value, extname="SCI")
    packed, standard, unpacked = (tmp_path / name for name in ("packed.fits", "standard.fits", "unpacked.fits"))
    fits_tiles.compress(plain, packed)
    assert b"ACRAW001" not in packed.read_bytes()
    with fits.open(packed) as opened:
        assert opened["SCI"].header["FZALGOR"] == value
    fits_tiles.decompress(packed, tmp_path / "back.fits")
    assert (tmp_path / "back.fits").read_bytes() == plain.read_bytes()
    fits_tiles.decompress(packed, standard, to="rice")
    assert _run("funpack", "-O", unpacked, standard).returncode == 0
    assert fits.getval(unpacked, "FZALGOR", extname="SCI") == value


@pytest.mark.parametrize("value", ["1", "T"])
def test_both_values_of_zimage_are_read(plain: Path, tmp_path: Path, value: str) -> None:
    """`T` is what a program may make of it."""
    packed, back = tmp_path / "packed.fits", tmp_path / "back.fits"
    fits_tiles.compress(plain, packed)
    raw, card = packed.read_bytes(), b"ZIMAGE  = " + b"1".rjust(20)
    assert raw.count(card) == 2
    packed.write_bytes(raw.replace(card, b"ZIMAGE  = " + value.encode().rjust(20)))
    with fits.open(packed) as opened, fits.open(plain) as expected:
        np.testing.assert_array_equal(opened["SCI"].data, expected["SCI"].data)
    fits_tiles.decompress(packed, back, edited=value == "T")
    assert back.read_bytes() == plain.read_bytes()


def test_verifiers_know_the_tile_convention_as_a_table(plain: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.fits"
    fits_tiles.compress(plain, packed)
    result = _run("fitsverify", packed)
    errors = [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("*** Error")]
    assert len(errors) == 3
    assert all("is not allowed in the Bin/ASCII table" in line for line in errors)


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
    report = fits_tiles.compress(source, packed, original=False)
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
