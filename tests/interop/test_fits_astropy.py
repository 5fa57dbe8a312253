"""astropy reads and writes ASTROCODEC_1 through the hook, as it does its own algorithms."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.errors import CorruptError
from fits_tiles.hooks import astropy_hook
from fits_tiles.hooks.tile_codec import model_of
from fits_tiles.layout.blocks import card_value, find_card, walk

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def _noise(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(60, 5, shape).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_comp_image_hdu_of_every_type(tmp_path: Path, dtype: str) -> None:
    path, back = tmp_path / "tiled.fits", tmp_path / "back.fits"
    pixels = _noise(dtype, (60, 70))
    hdu = fits.CompImageHDU(pixels, name="SCI", compression_type="ASTROCODEC_1", quantize_level=0, tile_shape=(32, 32))
    hdu.header["OBJECT"] = "M31"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, checksum=True)
    with fits.open(path, checksum=True) as opened:
        assert opened[1].compression_type == "ASTROCODEC_1"
        np.testing.assert_array_equal(opened[1].data, pixels)
        np.testing.assert_array_equal(opened[1].section[50:3:-7, 20:40], pixels[50:3:-7, 20:40])
        assert opened[1].header["OBJECT"] == "M31"
    report = fits_tiles.decompress(path, back)
    assert (report.hdus[1].kind, report.hdus[1].shape) == ("decompressed", (60, 70))
    with fits.open(back) as opened:
        assert isinstance(opened[1], fits.ImageHDU)
        np.testing.assert_array_equal(opened[1].data, pixels)
        assert opened[1].header["OBJECT"] == "M31"


@pytest.mark.parametrize("dtype", ["i2", "u2", "f4"])
@pytest.mark.parametrize("tune", [False, True])
def test_our_own_hdu(tmp_path: Path, dtype: str, tune: bool) -> None:
    path = tmp_path / "tiled.fits"
    pixels = _noise(dtype, (3, 100, 110))
    hdu = fits_tiles.CompImageHDU(pixels, name="SCI", tune=tune)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    with fits.open(path) as opened:
        np.testing.assert_array_equal(opened[1].data, pixels)
        assert not [keyword for keyword in opened[1].header if keyword.startswith("AC")]
    assert fits_tiles.info(path).hdus[1].kind == "compressed"
    found = fits_tiles.verify(path)
    assert [hdu.checked for hdu in found.hdus] == ["not checked", "verified"]
    assert found.checked == "not checked"
    with fits.open(path) as opened:
        opened.writeto(path.with_name("summed.fits"), checksum=True)
    assert fits_tiles.verify(path.with_name("summed.fits")).checked == "checksum ok"


def test_update_mode_keeps_model_and_losslessness(tmp_path: Path) -> None:
    plain, path, back = tmp_path / "plain.fits", tmp_path / "tiled.fits", tmp_path / "back.fits"
    pixels = _noise("f4", (150, 160))
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(pixels, name="SCI")]).writeto(plain)
    before = fits_tiles.compress(plain, path).hdus[1]
    with fits.open(path, mode="update") as opened:
        opened["SCI"].data[3, 4] = 7
        opened["SCI"].header["OBJECT"] = "M31"
    changed = pixels.copy()
    changed[3, 4] = 7
    after = fits_tiles.info(path).hdus[1]
    assert (after.model, after.tuned) == (before.model, before.tuned)
    fits_tiles.decompress(path, back)
    with fits.open(back) as opened:
        np.testing.assert_array_equal(opened["SCI"].data, changed)
        assert opened["SCI"].header["OBJECT"] == "M31"


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_headers_and_pixels_as_in_the_plain_file(tmp_path: Path, container: str) -> None:
    plain, packed, copy = tmp_path / "plain.fits", tmp_path / "packed.fits", tmp_path / "copy.fits"
    primary = fits.PrimaryHDU(_noise("u2", (50, 60)))
    primary.header.add_history("reduced")
    primary.header["LONGTEXT"] = "x" * 100
    primary.header["HIERARCH ESO DET GAIN"] = 1.5
    cube = fits.ImageHDU(_noise("i4", (2, 3, 20, 30)), name="CUBE")
    fits.HDUList([primary, cube, fits.ImageHDU(_noise("f8", (9, 9)))]).writeto(plain, checksum=True)
    fits_tiles.compress(plain, packed, container=container)
    with fits.open(plain) as expected, fits.open(packed) as found:
        for one, other in zip(found[1:], expected, strict=True):
            assert isinstance(one, fits.CompImageHDU)
            assert one.header.tostring() == other.header.tostring()
            assert one.shape == other.shape
            np.testing.assert_array_equal(one.data, other.data)
            assert one.data.dtype.newbyteorder("=") == other.data.dtype.newbyteorder("=")
        found.writeto(copy)
    with fits.open(packed) as found:
        found.writeto(tmp_path / "untouched.fits")
    assert (tmp_path / "untouched.fits").read_bytes() == packed.read_bytes()
    with fits.open(copy) as found:
        np.testing.assert_array_equal(found["CUBE"].section[1, 2, 3:5, -1], cube.data[1, 2, 3:5, -1])


def test_a_changed_plain_table_stays_a_plain_table(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.fits"
    pixels = _noise("i2", (50, 60))
    fits.PrimaryHDU(pixels).writeto(plain)
    fits_tiles.compress(plain, packed, container="table")
    with fits.open(packed, mode="update") as opened:
        opened[1].header["OBJECT"] = "M31"
    with fits.open(packed) as opened:
        assert opened[1].header["OBJECT"] == "M31"
        np.testing.assert_array_equal(opened[1].data, pixels)
    with fits.open(packed, disable_image_compression=True) as opened:
        assert "ZIMAGE" not in opened[1].header


def test_tiles_of_other_programs_are_recoded(tmp_path: Path) -> None:
    path, packed, back = tmp_path / "rice.fits", tmp_path / "packed.fits", tmp_path / "back.fits"
    pixels = _noise("i2", (300, 310))
    rice = fits.CompImageHDU(pixels, name="INT", compression_type="RICE_1")
    lossy = fits.CompImageHDU(_noise("f4", (300, 310)), name="LOSSY", compression_type="RICE_1")
    exact = fits.CompImageHDU(_noise("f4", (2, 40, 50)), name="EXACT", compression_type="GZIP_2", quantize_level=0)
    fits.HDUList([fits.PrimaryHDU(), rice, lossy, exact]).writeto(path)
    report = fits_tiles.compress(path, packed)
    assert [hdu.kind for hdu in report.hdus] == ["copied", "compressed", "compressed", "compressed"]
    assert report.hdus[1].note.startswith("recoded from RICE_1; --to original")
    assert report.hdus[2].note.startswith("recoded from RICE_1; floats quantised at q = 16, without dither;")
    fits_tiles.decompress(packed, back)
    with fits.open(path) as expected, fits.open(back) as found:
        for name in ("INT", "LOSSY", "EXACT"):
            np.testing.assert_array_equal(found[name].data, expected[name].data)
    assert fits_tiles.verify(packed, path).verified


def test_registration_is_idempotent_and_reversible() -> None:
    tiled = importlib.import_module("astropy.io.fits.hdu.compressed._tiled_compression")
    compressed = importlib.import_module("astropy.io.fits.hdu.compressed.compressed")
    fits_tiles.register()
    fits_tiles.register()
    assert compressed.COMPRESSION_TYPES.count("ASTROCODEC_1") == 1
    try:
        fits_tiles.unregister()
        fits_tiles.unregister()
        assert "ASTROCODEC_1" not in tiled.ALGORITHMS
        assert "ASTROCODEC_1" not in compressed.COMPRESSION_TYPES
        assert not hasattr(tiled._header_to_settings, "__wrapped__")
    finally:
        fits_tiles.register()


@pytest.mark.parametrize(
    ("module", "name"),
    [("_tiled_compression", "ALGORITHMS"), ("compressed", "_bintable_header_to_image_header"), ("_codecs", "Rice1")],
)
def test_another_astropy_gives_one_clear_error(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    fits_tiles.unregister()
    try:
        owner = importlib.import_module(f"astropy.io.fits.hdu.compressed.{module}")
        with monkeypatch.context() as patch:
            patch.delattr(owner, name)
            with pytest.raises(astropy_hook.AstropyHookError, match=rf"astropy \d.*has no name .*{module}.{name}"):
                fits_tiles.register()
        assert not astropy_hook._undo
    finally:
        fits_tiles.register()


def test_files_opened_before_registration_read_well_after_it(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.fits"
    pixels = _noise("i2", (50, 60))
    fits.PrimaryHDU(pixels).writeto(plain)
    fits_tiles.compress(plain, packed)
    fits_tiles.unregister()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = fits.open(packed, lazy_load_hdus=False)
            with pytest.raises(ValueError, match="Unrecognized compression type: ASTROCODEC_1"):
                _ = opened[1].section[0, 0]
    finally:
        fits_tiles.register()
    np.testing.assert_array_equal(opened[1].section[...], pixels)
    opened.close()


def test_a_card_added_without_the_hook_comes_along(tmp_path: Path) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "packed.fits", tmp_path / "back.fits"
    pixels = _noise("i2", (50, 60))
    fits.PrimaryHDU(pixels, fits.Header([("OBJECT", "M31")])).writeto(plain)
    fits_tiles.compress(plain, packed)
    with fits.open(packed, mode="update", disable_image_compression=True) as opened:
        opened[1].header["OBSERVER"] = "me"
    report = fits_tiles.decompress(packed, back)
    assert report.checked == "decoded"
    assert "1 card added since it was compressed" in report.hdus[1].note
    with fits.open(back) as opened:
        assert (opened[0].header["OBSERVER"], opened[0].header["OBJECT"]) == ("me", "M31")
        np.testing.assert_array_equal(opened[0].data, pixels)
    with fits.open(packed) as opened:
        assert opened[1].header["OBSERVER"] == "me"


def test_a_card_changed_without_the_hook_is_noticed(tmp_path: Path) -> None:
    plain, packed, back = tmp_path / "plain.fits", tmp_path / "packed.fits", tmp_path / "back.fits"
    pixels = _noise("i2", (50, 60))
    fits.PrimaryHDU(pixels, fits.Header([("OBJECT", "M31"), ("GAIN", 2)])).writeto(plain)
    fits_tiles.compress(plain, packed)
    with fits.open(packed, mode="update", disable_image_compression=True) as opened:
        opened[1].header["OBJECT"] = "M32"
    with pytest.raises(CorruptError, match=r"card \d of the image is not there any more; .*OBJECT  = 'M32.* is new"):
        fits_tiles.decompress(packed, back)
    with pytest.raises(CorruptError, match="--edited"):
        fits_tiles.verify(packed)
    with pytest.warns(fits.verify.VerifyWarning, match="changed since"), fits.open(packed) as opened:
        assert opened[1].header["OBJECT"] == "M32"
    report = fits_tiles.decompress(packed, back, edited=True)
    assert report.checked == "decoded"
    with fits.open(back) as opened:
        assert list(opened[0].header)[-2:] == ["OBJECT", "GAIN"]
        assert opened[0].header["OBJECT"] == "M32"
        np.testing.assert_array_equal(opened[0].data, pixels)
    with fits.open(packed, mode="update", disable_image_compression=True) as opened:
        opened[1].add_checksum()
    report = fits_tiles.decompress(packed, back, overwrite=True)
    assert report.hdus[1].checked == "checksum ok"


def test_options_reach_the_tile_codec(tmp_path: Path) -> None:
    path = tmp_path / "tiled.fits"
    with fits_tiles.options(tile_shape=(16, 20)):
        fits.CompImageHDU(_noise("i2", (50, 60)), compression_type="ASTROCODEC_1").writeto(path)
    with fits.open(path) as opened:
        assert opened[1].tile_shape == (16, 20)


def test_model_cards_stand_in_the_table_header(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.fits"
    fits.PrimaryHDU(_noise("i2", (500, 1100))).writeto(plain)
    report = fits_tiles.compress(plain, packed).hdus[0]
    with packed.open("rb") as file:
        cards = list(walk(file.fileno(), "packed.fits"))[1].cards
    assert report.model in str(card_value(find_card(cards, "ACTILES")))
    assert (find_card(cards, "ACMOD001") is not None) == report.tuned
    assert not [card for card in cards if card.startswith(b"ZVAL")]


def test_a_lone_tile_holds_its_model_and_hands_it_on_where_pixels_change(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.fits", tmp_path / "packed.fits"
    y, x = np.indices((300, 280))
    pixels = (900 + 40 * (x % 3) + np.random.default_rng(3).normal(0, 9, y.shape)).astype(np.int16)
    fits.PrimaryHDU(pixels).writeto(plain)
    report = fits_tiles.compress(plain, packed).hdus[0]
    assert report.tuned
    assert fits_tiles.info(packed).hdus[1].tuned
    assert fits_tiles.decompress(packed, tmp_path / "again.fits").hdus[1].model == report.model
    with fits.open(packed, disable_image_compression=True) as opened:
        assert not [keyword for keyword in opened[1].header if keyword.startswith("ACMOD")]
        stream = opened[1].data["COMPRESSED_DATA"][0].tobytes()
    assert astrocodec.inspect(stream).embedded_model
    assert astrocodec.inspect(stream).model_fingerprint == report.model
    with fits.open(packed, mode="update") as opened:
        opened[1].data[7, 7] += 1
    found = fits_tiles.info(packed).hdus[1]
    assert (found.model, found.tuned) == (report.model, True)
    pixels[7, 7] += 1
    np.testing.assert_array_equal(fits.getdata(packed), pixels)


def test_a_model_stands_where_the_file_has_fewer_blocks(tmp_path: Path) -> None:
    plain, y = tmp_path / "plain.fits", np.indices((240, 200))[0]
    pixels = (900 + 40 * (y % 3) + np.random.default_rng(3).normal(0, 9, y.shape)).astype(np.int16)
    places = set()
    for rows in range(208, 220):
        fits.PrimaryHDU(pixels[:rows]).writeto(plain, overwrite=True)
        fits_tiles.compress(plain, tmp_path / "packed.fits", overwrite=True, effort=1)
        with fits.open(tmp_path / "packed.fits", disable_image_compression=True) as opened:
            header = opened[1].header
            cards = [keyword for keyword in header if keyword.startswith("ACMOD")]
            stream = opened[1].data["COMPRESSED_DATA"][0].tobytes()
        assert astrocodec.inspect(stream).embedded_model == (not cards)
        places.add(bool(cards))
        if cards:  # without them, and with their bytes in the data, the file would be longer
            model = model_of(header, "HDU 1")
            assert model is not None
            file = 16 + len(model.delta())
            blocks = [-(-80 * (len(header) + 1 - less) // 2880) for less in (0, len(cards))]
            data = [-(-(8 + len(stream) + inside) // 2880) for inside in (0, file)]
            assert blocks[0] + data[0] < blocks[1] + data[1]
    assert places == {False, True}


def test_import_loads_neither_torch_nor_h5py() -> None:
    code = "import sys, fits_tiles; print([name for name in ('torch', 'h5py', 'matplotlib') if name in sys.modules])"
    folder = Path(fits_tiles.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder)
    assert run.stdout.strip() == "[]"
