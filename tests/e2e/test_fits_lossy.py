"""Bounded loss in FITS files: no pixel beyond its bound, headers and reports that say so, all else as it was."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from cli_process import run_here, succeed_here

import fits_tiles
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import DifferenceError

RNG = np.random.default_rng(11)
CARDS = ("ACLOSSY", "ACMAXERR", "ACLARGST", "ACADDVAR", "ACNOISUP")


def sky(dtype: str, shape: tuple[int, ...] = (70, 90)) -> np.ndarray[Any, Any]:
    """Noise of 9 on a level."""
    return np.clip(np.random.default_rng(3).normal(120, 9, shape), 0, 255).astype(dtype)


def packed(*hdus: Any, **how: Any) -> tuple[fits_tiles.FileReport, bytes, bytes]:
    """Compress; give the report, the file, and what it gives back, after every check of ours."""
    plain, target, back = io.BytesIO(), io.BytesIO(), io.BytesIO()
    fits.HDUList(list(hdus)).writeto(plain, checksum=True)
    report = fits_tiles.compress(io.BytesIO(plain.getvalue()), target, **{"tune": False} | how)
    assert report.verified
    for original in (None, io.BytesIO(plain.getvalue())):
        assert fits_tiles.verify(io.BytesIO(target.getvalue()), original).verified
    assert fits_tiles.decompress(io.BytesIO(target.getvalue()), back).verified
    for one, other in ((back, plain), (back, target), (target, back)):
        assert fits_tiles.verify(io.BytesIO(one.getvalue()), io.BytesIO(other.getvalue())).verified
    return report, target.getvalue(), back.getvalue()


@pytest.mark.parametrize(
    ("dtype", "container"),
    [("u1", "table"), ("i1", "zimage"), ("i2", "zimage"), ("u2", "table"), ("u4", "zimage"), ("f4", "table")],
)
def test_pixels_of_every_type_are_within_the_bound_that_the_header_says(dtype: str, container: str) -> None:
    values = sky(dtype) if dtype != "i1" else (sky("f8") - 50).astype("i1")
    for how in ({"noise_increase": "2%"}, {"max_error": "3 adu"}, {"max_error": "5%"}):
        report, file, back = packed(fits.PrimaryHDU(values), container=container, tile_shape=(32, 90), **how)
        with fits.open(io.BytesIO(back), checksum=True) as plain, fits.open(io.BytesIO(file), checksum=True) as ours:
            found, header = plain[0].data.astype("f8"), plain[0].header
            assert [header[key] for key in CARDS] == [ours[1].header[key] for key in CARDS]
            assert np.array_equal(ours[1].data, plain[0].data)
            error = np.abs(found - values)
            share = error / np.maximum(np.abs(values.astype("f8")), 1e-9) if "5%" in how.values() else error
            assert 0 < header["ACLARGST"] <= header["ACMAXERR"]
            assert header["ACLARGST"] == pytest.approx(share.max(), rel=1e-6)
            assert header["ACADDVAR"] == pytest.approx((error**2).mean(), rel=0.02)
            assert header["ACLOSSY"] == " ".join((next(iter(how)), next(iter(how.values())).removesuffix(" adu")))
        for said in (report.hdus[0], fits_tiles.info(io.BytesIO(file)).hdus[1]):
            assert f"lossy: {header['ACLOSSY']}, within " in said.note
            assert said.loss is not None
            assert said.loss.max_error == header["ACMAXERR"]


def test_what_stands_for_no_value_or_must_not_change_comes_back() -> None:
    image, saturated = sky("i2"), sky("f4")
    image[5:9], saturated[3, 4:9], saturated[7, 7], saturated[20:22, :9] = -1, np.nan, -np.inf, 60000
    first = fits.PrimaryHDU(image)
    first.header["BLANK"], first.header["BSCALE"], first.header["BZERO"] = -1, 0.5, 10
    plain = io.BytesIO()
    first.writeto(plain)
    scaled = bytearray(plain.getvalue())
    masks = [fits.ImageHDU(RNG.integers(0, 9, (50, 60)).astype(kind), name=name) for kind, name in MASKS]
    hdus = [fits.PrimaryHDU(saturated), *masks, fits.ImageHDU(np.full((40, 50), 7, "i2"), name="FLAT")]
    report, _, back = packed(*hdus, max_error="1sigma", saturation=60000)
    kept = ~(saturated < 60000)
    with fits.open(io.BytesIO(back)) as found:
        assert found[0].data[kept].astype("f4").tobytes() == saturated[kept].tobytes()
        for hdu, other in zip(hdus[1:], found[1:], strict=True):
            assert (hdu.data == other.data).all()
            assert "ACLOSSY" not in other.header
    assert [hdu.note.split(": ")[0] for hdu in report.hdus] == ["lossy", "kept lossless", "kept lossless", "lossless"]
    target = io.BytesIO()
    assert fits_tiles.compress(io.BytesIO(scaled), target, max_error="2 adu", tune=False).verified
    with fits.open(io.BytesIO(target.getvalue()), do_not_scale_image_data=True) as found:
        stored = found[1].data
        assert (stored[5:9] == -1).all()
        assert 2 < np.abs(stored.astype(int) - image).max() <= 4  # of half a unit each
        assert found[1].header["ACMAXERR"] == 2


@pytest.mark.parametrize("how", [{"max_error": "0.3%"}, {"max_error": "1 adu"}, {"noise_increase": "2%", "gain": 2}])
def test_the_added_variance_of_each_pixel_is_an_image_of_its_own(how: dict[str, Any]) -> None:
    shape = (128, 160)
    level = np.where(np.arange(160) < 80, 100, 20000)
    values = np.random.default_rng(2).normal(level / 2, np.sqrt(level) / 2, shape).astype("f4")  # of 2 electrons each
    values[:4] = np.nan
    _, file, _ = packed(fits.PrimaryHDU(), fits.ImageHDU(values, name="SCI"), tile_shape=(64, 160), **how)
    back = io.BytesIO()
    report = fits_tiles.decompress(io.BytesIO(file), back, variance_hdu=True)
    assert report.verified
    assert report.hdus[1].note.endswith("its added variance in HDU 2")
    with fits.open(io.BytesIO(back.getvalue())) as found:
        added, error = found["SCI_ADDVAR"].data, found["SCI"].data.astype("f8") - values
        assert found["SCI_ADDVAR"].header["ACADDOF"] == 1
        assert not added[:4].any()
        for half in np.s_[4:, :80], np.s_[4:, 80:]:
            assert added[half].mean() == pytest.approx((error[half] ** 2).mean(), rel=0.15)
        grows = added[4:, 80:].mean() > 3 * added[4:, :80].mean()
        assert grows == (how != {"max_error": "1 adu"})


def test_images_of_added_variance_are_left_aside_where_files_are_compared(tmp_path: Path) -> None:
    a, ours, back = (tmp_path / name for name in ("a.fits", "a.ac.fits", "b.fits"))
    fits.PrimaryHDU(sky("f4", (3, 40, 50))).writeto(a)
    fits_tiles.compress(a, ours, max_error=2, tune=False)
    fits_tiles.decompress(ours, back, variance_hdu=True)
    said = succeed_here("compare", "--within", "2", a, back)
    assert b"left aside: " in said
    assert b"ADDVAR] (the variance that a loss added)" in said
    assert run_here("compare", a, back).returncode == ExitCode.DIFFERS
    succeed_here("compare", back, back)


MASKS = (("i4", "DQ"), ("i8", "LABELS"))


def test_a_file_beyond_its_bound_is_not_its_original(tmp_path: Path) -> None:
    values = sky("f4")
    fits.PrimaryHDU(values).writeto(tmp_path / "a.fits")
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", max_error=0.5, tune=False)
    values[40, 50] += 1.5
    fits.PrimaryHDU(values).writeto(tmp_path / "b.fits")
    with pytest.raises(DifferenceError, match=r"pixel \(40, 50\) .* within 0\.5"):
        fits_tiles.verify(tmp_path / "a.ac.fits", tmp_path / "b.fits")


def test_a_restored_file_is_judged_by_its_bound() -> None:
    """And by its checksums, which cannot be the original's."""
    image, files = fits.PrimaryHDU(sky(">i2")), []
    _, file, back = packed(image, max_error=3)
    for number in (0, 8):
        image.data[3, 4] += number
        fits.HDUList([image]).writeto(plain := io.BytesIO(), checksum=True)
        files.append(plain.getvalue())
    report = fits_tiles.verify(io.BytesIO(back), io.BytesIO(files[0]))
    assert report.hdus[0].note.startswith("lossy: max_error 3, within 3")
    assert fits_tiles.verify(io.BytesIO(back)).hdus[0].note == "lossy before: max_error 3"
    with pytest.raises(DifferenceError, match=r"pixel \(3, 4\) .* its header says max_error 3, within 3"):
        fits_tiles.verify(io.BytesIO(back), io.BytesIO(files[1]))
    with pytest.raises(DifferenceError, match="its DATASUM does not fit"):
        fits_tiles.verify(io.BytesIO(back[:2880] + files[0][2880:]), io.BytesIO(files[0]))
    fits_tiles.decompress(io.BytesIO(file), with_variance := io.BytesIO(), variance_hdu=True)
    report = fits_tiles.verify(io.BytesIO(with_variance.getvalue()), io.BytesIO(files[0]))
    assert [hdu.checked for hdu in report.hdus] == ["verified", "not checked"]


def test_what_was_lossy_before_loses_no_more(tmp_path: Path) -> None:
    image = sky("f4")
    quantised = fits.CompImageHDU(image, compression_type="RICE_1", quantize_level=4)
    quantised.writeto(tmp_path / "a.fits.fz")
    report = fits_tiles.compress(tmp_path / "a.fits.fz", None, noise_increase="1%", tune=False)
    assert "kept lossless: it has lost something in the tiles that it was in" in report.hdus[-1].note
    integers = fits.CompImageHDU(sky("i2"), compression_type="RICE_1")
    integers.writeto(tmp_path / "b.fits.fz")
    report = fits_tiles.compress(tmp_path / "b.fits.fz", tmp_path / "b.ac.fits", noise_increase="1%", tune=False)
    assert "recoded from RICE_1; lossy: noise_increase 1%" in report.hdus[-1].note
    fits_tiles.decompress(tmp_path / "b.ac.fits", tmp_path / "b.fits")
    again = fits_tiles.compress(tmp_path / "b.fits", tmp_path / "c.ac.fits", noise_increase="1%", tune=False)
    assert "kept lossless: it has lost something before (noise_increase 1%)" in again.hdus[-1].note
    assert fits_tiles.verify(tmp_path / "c.ac.fits", tmp_path / "b.fits").verified
    assert "lossy before: noise_increase 1%" in fits_tiles.info(tmp_path / "b.fits").hdus[-1].note


def test_a_gain_in_the_header_lets_steps_grow_where_its_unit_fits() -> None:
    bright = np.random.default_rng(5).poisson(np.linspace(100, 40000, 90), (70, 90)).astype("f4")
    bounds = []
    for unit, how in (("adu", {"gain": "header"}), ("MJy/sr", {"gain": "header"}), ("adu", {})):
        hdu = fits.PrimaryHDU(bright)
        hdu.header["GAIN"], hdu.header["BUNIT"] = 1.0, unit
        report, _, back = packed(hdu, noise_increase="1%", **how)
        bounds.append(fits.getheader(io.BytesIO(back))["ACMAXERR"])
        assert ("no GAIN" in report.hdus[0].note) == (unit != "adu")
    assert bounds[0] > 1.3 * bounds[1] == 1.3 * bounds[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-error", "0"], "above 0"),
        (["--max-error", "2 furlongs"], "units are"),
        (["--max-error", "1", "--noise-increase", "1%"], "one of max_error and noise_increase"),
        (["--gain", "2"], "needs a bound"),
        (["--max-error", "1sigma", "--gain", "much"], "number of electrons"),
        (["--noise-increase", "1%", "--lossy", "4"], "--lossy"),
        (["--noise-increase", "1%", "--reference", "x.fits"], "--reference"),
    ],
)
def test_options_that_make_no_bound_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run_here("fits-compress", *arguments, tmp_path / "a.fits")
    assert result.returncode == ExitCode.USAGE
    assert message in " ".join(result.stderr.decode().split())


def test_a_lossy_run_says_so_at_every_step(tmp_path: Path) -> None:
    plain, file = tmp_path / "a.fits", tmp_path / "a.ac.fits"
    fits.PrimaryHDU(sky("u2")).writeto(plain)
    original = plain.read_bytes()
    told = succeed_here("fits-compress", "--noise-increase", "2%", "--no-dither", "--no-tune", "-D", "-Y", plain)
    assert b"verified, lossy" in told
    assert not plain.exists()
    (tmp_path / "b.fits").write_bytes(original)
    assert b"verified, lossy" in succeed_here("verify", file)
    assert b"verified, lossy" in succeed_here("verify", file, "--against", tmp_path / "b.fits")
    assert b"lossy: noise_increase 2%, within " in succeed_here("info", file)
    assert b"verified, lossy" in succeed_here("fits-decompress", file)
    assert "ACLOSSY" in fits.getheader(plain)
