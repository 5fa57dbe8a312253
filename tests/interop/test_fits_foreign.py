"""Compressed images of other programs: nothing of them is lost, or they are kept as they are."""

from __future__ import annotations

import io
import pickle
import re
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits.hdu.compressed._codecs import PLIO1, Gzip1, Gzip2, HCompress1, Rice1

import fits_tiles
from astrocodec.errors import AstrocodecError, DifferenceError, FormatError
from fits_tiles.files.foreign_tiles import ForeignTiles
from fits_tiles.layout.blocks import walk
from fits_tiles.layout.card_format import assemble

PIXELS = np.random.default_rng(7).poisson(300, (6, 40)).astype(np.int16)


def _cards(path: Path) -> list[list[bytes]]:
    with path.open("rb") as file:
        return [[*hdu.cards] for hdu in walk(file.fileno(), path.name)]


def _table(
    tiles: list[bytes], bitpix: int, shape: tuple[int, ...], algorithm: str, cards: dict[str, Any], **columns: Any
) -> fits.BinTableHDU:
    """A compressed image as another program might write it: one tile a row."""
    streams = np.empty(len(tiles), object)
    streams[:] = [np.frombuffer(tile, np.uint8) for tile in tiles]
    made = [fits.Column("COMPRESSED_DATA", "1PB()", array=streams)]
    for name, (form, values) in columns.items():
        made.append(fits.Column(name, form, array=values))
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header["ZIMAGE"] = True
    hdu.header["ZBITPIX"] = bitpix
    hdu.header["ZNAXIS"] = len(shape)
    for n, length in enumerate(reversed(shape), 1):
        hdu.header[f"ZNAXIS{n}"] = length
        hdu.header[f"ZTILE{n}"] = length if n == 1 else 1
    hdu.header["ZCMPTYPE"] = algorithm
    for name, value in cards.items():
        hdu.header[name] = value
    return hdu


def _save(path: Path, *hdus: Any) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def _rice(pixels: np.ndarray[Any, Any]) -> list[bytes]:
    size = pixels.dtype.itemsize
    return [Rice1(blocksize=32, bytepix=size, tilesize=row.size).encode(row) for row in pixels]


def _through(path: Path, **keywords: Any) -> tuple[fits_tiles.FileReport, Path, Path]:
    packed, plain = path.with_name("packed.fits"), path.with_name("back.fits")
    report = fits_tiles.compress(path, packed, tune=False, overwrite=True, original=False, **keywords)
    fits_tiles.verify(packed, path)
    fits_tiles.decompress(packed, plain, overwrite=True)
    return report, packed, plain


# The primary HDU


def _behind(path: Path, primary: fits.PrimaryHDU, kind: str = "RICE_1") -> Path:
    meta = fits.PrimaryHDU(PIXELS).header
    meta["OBJECT"] = "M31"
    fits.HDUList([primary, fits.CompImageHDU(PIXELS, header=meta, compression_type=kind)]).writeto(path)
    return path


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_2", "ASTROCODEC_1"])
def test_a_primary_hdu_with_cards_of_its_own_stays(tmp_path: Path, kind: str, container: str) -> None:
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"], primary.header["OBJECT"], primary.header["HISTORY"] = "T1", "other", "only here"
    path = _behind(tmp_path / "source.fits", primary, kind)
    given = _cards(path)[0]
    report, packed, plain = _through(path, container=container)
    expected = "already ASTROCODEC_1, copied" if kind == "ASTROCODEC_1" else f"recoded from {kind}"
    assert report.hdus[1].note == expected
    for output in (packed, plain):
        assert _cards(output)[0] == given
        with fits.open(output) as hdus:
            assert hdus[1].header["OBJECT"] == "M31"
            assert (hdus[1].data == PIXELS).all()
    if kind == "ASTROCODEC_1":
        fits_tiles.decompress(path, plain, overwrite=True)
        assert _cards(plain)[0] == given


@pytest.mark.parametrize("keyword", ["TELESCOP", "COMMENT", "HISTORY", "NEXTEND"])
def test_one_card_is_enough_to_keep_it(tmp_path: Path, keyword: str) -> None:
    primary = fits.PrimaryHDU()
    primary.header[keyword] = 1 if keyword == "NEXTEND" else "word"
    path = _behind(tmp_path / "source.fits", primary)
    assert _cards(_through(path)[1])[0] == _cards(path)[0]


def test_an_empty_primary_hdu_gives_its_place_to_the_image(tmp_path: Path) -> None:
    _, _, plain = _through(_behind(tmp_path / "source.fits", fits.PrimaryHDU()))
    with fits.open(plain) as hdus:
        assert len(hdus) == 1
        assert (hdus[0].data == PIXELS).all()


def test_a_card_that_disappears_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _behind(tmp_path / "source.fits", fits.PrimaryHDU())
    packed = tmp_path / "packed.fits"
    monkeypatch.setattr("fits_tiles.files.foreign.lost_card", lambda *a, **k: None)
    plain_header = fits_tiles.files.foreign.plain_header
    monkeypatch.setattr(
        "fits_tiles.files.foreign.plain_header",
        lambda cards, *a, **k: plain_header(tuple(c for c in cards if c[:6] != b"OBJECT"), *a, **k),
    )
    fits_tiles.compress(path, packed, tune=False, original=False)
    monkeypatch.undo()
    with pytest.raises(DifferenceError, match=r"packed\.fits: HDU 0.*header"):
        fits_tiles.verify(packed, path)


def test_pixels_are_proved_on_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(tmp_path / "source.fits", fits.CompImageHDU(PIXELS, compression_type="RICE_1"))
    calls = []
    pixels = ForeignTiles.pixels

    def once_wrong(self: ForeignTiles, tile: int) -> Any:
        calls.append(tile)
        return pixels(self, tile) + (len(calls) == 3)

    monkeypatch.setattr(ForeignTiles, "pixels", once_wrong)
    with pytest.raises(DifferenceError, match=r"HDU 1.*tile 3 of 6 is not what was decoded"):
        fits_tiles.compress(path, tmp_path / "packed.fits", tune=False, original=False)
    assert not (tmp_path / "packed.fits").exists()


# Undefined pixels


@pytest.mark.parametrize("keyword", ["card", "column", "column of two values"])
@pytest.mark.parametrize("blank", [None, -32768, -99])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("bitpix", [8, 16, 32])
def test_undefined_pixels_stay_undefined(
    tmp_path: Path, bitpix: int, scaled: bool, blank: int | None, keyword: str
) -> None:
    kind = {8: np.uint8, 16: np.int16, 32: np.int32}[bitpix]
    null = {8: 255, 16: -32768, 32: -2147483648}[bitpix]
    if blank is not None:
        blank = {8: {-32768: 255, -99: 7}, 16: {-32768: -32768, -99: -99}, 32: {-32768: null, -99: -99}}[bitpix][blank]
    pixels = (PIXELS % 97 + 100).astype(kind)
    nulls = np.full(6, null)
    if keyword == "column of two values":
        nulls[3:] = null - 1 if bitpix == 8 else null + 1
    holes = np.zeros(pixels.shape, bool)
    holes[1, 3:9] = holes[4, 30] = holes[5, 0] = True
    pixels[holes] = np.broadcast_to(nulls[:, None], pixels.shape)[holes]
    cards: dict[str, Any] = {"ZNAME1": "BYTEPIX", "ZVAL1": bitpix // 8}
    if scaled:
        cards |= {"BZERO": 1000.5, "BSCALE": 0.25}
    if blank is not None:
        cards["BLANK"] = blank
    columns = {"ZBLANK": ("J", nulls)} if keyword != "card" else {}
    if keyword == "card":
        cards["ZBLANK"] = null
    path = _save(tmp_path / "source.fits", _table(_rice(pixels), bitpix, pixels.shape, "RICE_1", cards, **columns))
    if keyword == "card" and blank not in (None, null):
        _kept(path, "programs differ in which they take")  # most take BLANK, and ZBLANK may be an old card
        return
    report, packed, plain = _through(path)
    assert report.hdus[1].note == "recoded from RICE_1"
    standard = tmp_path / "rice.fits"
    fits_tiles.decompress(packed, standard, to="rice")
    again, back = tmp_path / "again.fits", tmp_path / "again_plain.fits"
    fits_tiles.compress(standard, again, tune=False)
    fits_tiles.decompress(again, back)
    for output in (packed, plain, standard, again, back):
        with fits.open(output, do_not_scale_image_data=True) as hdus:
            found, value = hdus[1].data, hdus[1].header["BLANK"]
            assert value == (blank if blank is not None else null)
            np.testing.assert_array_equal(found == value, holes)
            np.testing.assert_array_equal(found[~holes], pixels[~holes])
    if scaled:
        with fits.open(plain) as hdus:
            np.testing.assert_array_equal(np.isnan(hdus[1].data), holes)


def test_an_undefined_value_that_the_type_does_not_hold_gets_one_that_it_does(tmp_path: Path) -> None:
    """Tiles of 32 bits for an image of 16 bits: astropy makes such undefined pixels 0."""
    wide = PIXELS.astype(np.int32)
    wide[2, 5] = -2147483648
    cards = {"ZBLANK": -2147483648, "ZNAME1": "BYTEPIX", "ZVAL1": 4}
    path = _save(tmp_path / "source.fits", _table(_rice(wide), 16, wide.shape, "RICE_1", cards))
    _, _, plain = _through(path)
    with fits.open(plain, do_not_scale_image_data=True) as hdus:
        assert hdus[1].header["BLANK"] == hdus[1].data[2, 5] == -32768
        assert (np.delete(hdus[1].data, 85) == np.delete(PIXELS, 85)).all()


def test_no_valid_pixel_becomes_undefined(tmp_path: Path) -> None:
    """Nothing is left that could mark the undefined pixels, so the image stays as it is."""
    pixels = PIXELS.copy()
    pixels[0, 0], pixels[5, 5] = -32768, -5
    nulls = np.array([-5, -5, -5, -7, -7, -5])
    path = _save(
        tmp_path / "source.fits",
        _table(_rice(pixels), 16, pixels.shape, "RICE_1", {"ZNAME1": "BYTEPIX", "ZVAL1": 2}, ZBLANK=("J", nulls)),
    )
    report, packed, _ = _through(path)
    assert "no value is left for undefined pixels" in report.hdus[1].note
    assert packed.read_bytes() == path.read_bytes()


# What is kept as it is


def _kept(path: Path, reason: str) -> None:
    report, packed, _ = _through(path)
    assert report.hdus[1].kind == "copied"
    assert report.hdus[1].note.startswith("kept as it is: ")
    assert reason in report.hdus[1].note
    assert packed.read_bytes() == path.read_bytes()


def test_masks_scales_unknown_algorithms_and_missing_tiles_are_kept(tmp_path: Path) -> None:
    rice, cards = _rice(PIXELS), {"ZNAME1": "BYTEPIX", "ZVAL1": 2}
    path = tmp_path / "source.fits"
    _kept(_save(path, _table(rice, 16, PIXELS.shape, "RICE_1", cards | {"ZMASKCMP": "RICE_1"})), "mask")
    mask = np.array([np.zeros(3, np.uint8)] * 6 + [None], object)[:6]
    _kept(_save(path, _table(rice, 16, PIXELS.shape, "RICE_1", cards, NULL_PIXEL_MASK=("1PB()", mask))), "mask")
    _kept(_save(path, _table(rice, 16, PIXELS.shape, "RICE_1", cards | {"ZSCALE": 2.0, "ZZERO": 1.0})), "scaled")
    _kept(_save(path, _table(rice, 16, PIXELS.shape, "ZSTD_9", cards)), "ZSTD_9, which is not known")
    _kept(_save(path, _table([*rice[:2], b"", *rice[3:]], 16, PIXELS.shape, "RICE_1", cards)), "no data")
    _kept(_save(path, _table(rice, -32, PIXELS.shape, "RICE_1", cards)), "which is for integers")
    wide = PIXELS.astype(np.int32) * 1000
    _kept(_save(path, _table(_rice(wide), 16, wide.shape, "RICE_1", {"ZNAME1": "BYTEPIX", "ZVAL1": 4})), "16 bits")


def test_a_compressed_table_is_copied(tmp_path: Path) -> None:
    table = _table(_rice(PIXELS), 16, PIXELS.shape, "RICE_1", {})
    del table.header["ZIMAGE"]
    table.header["ZTABLE"] = True
    path = _save(tmp_path / "source.fits", table)
    assert _through(path)[1].read_bytes() == path.read_bytes()


def test_only_the_hdu_that_must_is_kept(tmp_path: Path) -> None:
    wide = PIXELS.astype(np.int32) * 1000
    odd = _table(_rice(wide), 16, wide.shape, "RICE_1", {"ZNAME1": "BYTEPIX", "ZVAL1": 4})
    hdus = [
        fits.CompImageHDU(PIXELS, name="A"),
        odd,
        fits.ImageHDU(PIXELS, name="C"),
        fits.CompImageHDU(PIXELS, name="D"),
    ]
    path = _save(tmp_path / "source.fits", *hdus)
    report, _, plain = _through(path)
    assert [entry.kind for entry in report.hdus] == ["copied", "compressed", "copied", "compressed", "compressed"]
    with fits.open(plain) as found:
        assert all((found[name].data == PIXELS).all() for name in "ACD")


def test_damage_gets_no_checksums_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "source.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(PIXELS, compression_type="RICE_1")]).writeto(path, checksum=True)
    whole = bytearray(path.read_bytes())
    with path.open("rb") as file:
        hdu = list(walk(file.fileno(), path.name))[1]
    whole[hdu.data_start + hdu.data_bytes - 20] ^= 4
    path.write_bytes(whole)
    packed = tmp_path / "packed.fits"
    report = fits_tiles.compress(path, packed, tune=False)
    assert report.hdus[1].note == "kept as it is: its DATASUM does not fit; it may be damaged"
    assert report.notes == ["HDU 1: its DATASUM does not fit; it may be damaged, and is kept as it is"]
    assert packed.read_bytes() == path.read_bytes()


def test_a_damaged_tile_is_named(tmp_path: Path) -> None:
    tiles = [Gzip1().encode(row) for row in PIXELS]
    tiles[3] = tiles[3][:20] + b"\xff\xff\xff" + tiles[3][23:]
    path = _save(tmp_path / "source.fits", _table(tiles, 16, PIXELS.shape, "GZIP_1", {}))
    with pytest.raises(FormatError, match=r"source\.fits: HDU 1.*tile 4 of 6 \(bytes \d+ to \d+\)"):
        fits_tiles.compress(path, tmp_path / "packed.fits")


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_any_changed_byte_gives_an_error_or_a_file_that_verifies(kind: str) -> None:
    source = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(PIXELS.reshape(12, 20), compression_type=kind)]).writeto(source)
    rng = np.random.default_rng(3)
    for _ in range(30):
        changed = bytearray(source.getvalue())
        changed[rng.integers(2880, len(changed))] = rng.choice([rng.integers(256), rng.integers(48, 58)])
        packed = io.BytesIO()
        try:
            fits_tiles.compress(io.BytesIO(changed), packed, tune=False)
        except AstrocodecError:
            continue
        fits_tiles.verify(io.BytesIO(packed.getvalue()), io.BytesIO(changed))
        fits_tiles.decompress(io.BytesIO(packed.getvalue()), io.BytesIO())


# What the convention allows


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("column", ["GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA"])
def test_tiles_in_other_columns(tmp_path: Path, column: str, kind: str) -> None:
    pixels = PIXELS.astype(kind)
    tiles = [Gzip2(itemsize=pixels.itemsize).encode(row) for row in pixels]
    other = np.empty(6, object)
    letter = {"u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}[kind]
    gzipped = column.startswith("GZIP")
    for n in range(6):
        other[n] = np.zeros(0, np.uint8 if gzipped else kind)
    for n in (1, 4):
        tiles[n] = b""
        other[n] = np.frombuffer(Gzip1().encode(pixels[n]), np.uint8) if gzipped else pixels[n]
    form = "1PB()" if gzipped else f"1P{letter}()"
    hdu = _table(
        tiles,
        {"f4": -32, "f8": -64}.get(kind, pixels.itemsize * 8),
        pixels.shape,
        "GZIP_2",
        {},
        **{column: (form, other)},
    )
    report, _, plain = _through(_save(tmp_path / "source.fits", hdu))
    assert report.hdus[1].note == "recoded from GZIP_2"
    with fits.open(plain) as hdus:
        np.testing.assert_array_equal(hdus[1].data, pixels)


@pytest.mark.parametrize("tile", [(5, 7), (6, 40), (1, 13), (4, 1)])
def test_tiles_of_any_shape_and_a_table_with_a_gap(tmp_path: Path, tile: tuple[int, int]) -> None:
    path = _save(tmp_path / "source.fits", fits.CompImageHDU(PIXELS, compression_type="GZIP_1", tile_shape=tile))
    _, _, plain = _through(path)
    with fits.open(plain) as hdus:
        np.testing.assert_array_equal(hdus[1].data, PIXELS)


def test_pixel_lists_and_lossy_hcompress_are_what_their_decoder_gives(tmp_path: Path) -> None:
    wide = PIXELS.astype(np.int64).repeat(4, 0)
    lossy = HCompress1(scale=8, smooth=False, bytepix=8, nx=24, ny=40)
    cards = {"ZTILE1": 40, "ZTILE2": 24, "ZNAME1": "SCALE", "ZVAL1": 8.0}
    plio = [PLIO1(tilesize=40).encode(row.astype(np.int32)) for row in PIXELS]
    lists = _table(
        [np.frombuffer(one, np.int16).astype(">i2").tobytes() for one in plio], 16, PIXELS.shape, "PLIO_1", {}
    )
    path = _save(tmp_path / "source.fits", _table([lossy.encode(wide)], 16, wide.shape, "HCOMPRESS_1", cards), lists)
    report, _, plain = _through(path)
    assert [entry.note for entry in report.hdus[1:]] == ["recoded from HCOMPRESS_1", "recoded from PLIO_1"]
    with fits.open(path) as given, fits.open(plain) as hdus:
        np.testing.assert_array_equal(hdus[1].data, given[1].data)
        assert (given[1].data != wide).any()
        np.testing.assert_array_equal(hdus[2].data, PIXELS)


def test_cards_that_only_look_like_those_of_the_table_are_kept(tmp_path: Path) -> None:
    cards = {"ZNAME1": "BYTEPIX", "ZVAL1": 2, "TUNIT7": "adu", "ACBLANK": 5, "ZTILE5": 1, "ZVAL8": 3}
    path = _save(tmp_path / "source.fits", _table(_rice(PIXELS), 16, PIXELS.shape, "RICE_1", cards))
    _, _, plain = _through(path)
    kept = {card[:8].rstrip().decode() for card in _cards(plain)[1]}
    assert {"TUNIT7", "ACBLANK", "ZTILE5", "ZVAL8"} <= kept
    assert not {"ZNAME1", "ZVAL1", "ZCMPTYPE", "TFORM1"} & kept


@pytest.mark.parametrize("option", ["-r", "-p", "-h", "-g1", "-g2", "-r -w"])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "i4", "u4"])
@pytest.mark.parametrize("shape", [(50, 60), (3, 20, 30), (300,)])
def test_files_of_fpack_come_back_as_they_were(tmp_path: Path, option: str, kind: str, shape: tuple[int, ...]) -> None:
    if shutil.which("fpack") is None:
        pytest.skip("fpack is not installed")
    plain = tmp_path / "plain.fits"
    pixels = np.random.default_rng(0).normal(60, 5, shape).astype(kind)
    fits.PrimaryHDU(pixels).writeto(plain, checksum=True)
    packed = tmp_path / "plain.fits.fz"
    subprocess.run(["fpack", *option.split(), "-O", packed, plain], check=False, capture_output=True)
    if not packed.exists():
        pytest.skip("fpack does not do this")
    report, _, back = _through(packed)
    assert report.hdus[0].note.startswith("recoded from")
    assert back.read_bytes() == plain.read_bytes()


def test_sums_are_those_of_the_pixels_that_fpack_changed(tmp_path: Path) -> None:
    """It writes NaN of other bits, and keeps the sum of the original."""
    if shutil.which("fpack") is None:
        pytest.skip("fpack is not installed")
    plain, packed = tmp_path / "plain.fits", tmp_path / "plain.fits.fz"
    pixels = np.random.default_rng(0).normal(60, 5, (50, 60)).astype("f4")
    pixels[3, 4] = np.nan
    fits.PrimaryHDU(pixels).writeto(plain, checksum=True)
    subprocess.run(["fpack", "-g", "-q", "0", "-O", packed, plain], check=True, capture_output=True)
    _, _, back = _through(packed)
    with fits.open(back, checksum=True) as hdus:  # a wrong one is a warning
        np.testing.assert_array_equal(hdus[0].data, pixels)


# What decoders in C would believe


def _reasons(kind: str, streams: list[bytes], **cards: int) -> list[str]:
    """What each stream as the only tile of an image of 12 by 20 pixels ends with, in another process: it may crash."""
    code = (
        "import io, pickle, sys\n"
        "import fits_tiles\n"
        "from astrocodec.errors import AstrocodecError\n"
        "for raw in pickle.load(sys.stdin.buffer):\n"
        "    try:\n"
        "        fits_tiles.compress(io.BytesIO(raw), io.BytesIO(), tune=False)\n"
        "        print('read')\n"
        "    except AstrocodecError as error:\n"
        "        print(str(error).replace(chr(10), ' '))\n"
    )
    files = []
    for stream in streams:
        parameters = {}
        for n, (name, value) in enumerate(cards.items(), 1):
            parameters |= {f"ZNAME{n}": name, f"ZVAL{n}": value}
        table = _table([stream], 16, (12, 20), kind, parameters)
        table.header["ZTILE2"] = 12
        file = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
        files.append(file.getvalue())
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(files), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-300:]
    return done.stdout.decode().splitlines()


TILE = PIXELS.reshape(12, 20)
STREAMS = {
    "RICE_1": (Rice1(blocksize=32, bytepix=2, tilesize=240).encode(TILE), {"BLOCKSIZE": 32, "BYTEPIX": 2}),
    "PLIO_1": (PLIO1(tilesize=240).encode(TILE.astype("i4")), {}),
    "HCOMPRESS_1": (HCompress1(scale=0, smooth=False, bytepix=8, nx=12, ny=20).encode(TILE.astype("i8")), {}),
}
STREAMS["PLIO_1"] = (np.frombuffer(STREAMS["PLIO_1"][0], "i2").astype(">i2").tobytes(), {})


@pytest.mark.parametrize("kind", STREAMS)
def test_no_damaged_stream_crashes_a_decoder(kind: str) -> None:
    stream, cards = STREAMS[kind]
    rng = np.random.default_rng(5)
    damaged = [stream[:cut] for cut in range(1, len(stream), 9)]
    for place in [*range(min(26, len(stream))), *rng.integers(0, len(stream), 50)]:
        for value in (0, 0x14, 0x7F, 0xFF):
            damaged.append(stream[:place] + bytes([value]) + stream[place + 1 :])
    words = _reasons(kind, [stream, *damaged], **cards)
    assert len(words) == len(damaged) + 1
    assert words[0] == "read"
    cut = words[1 : 1 + len(range(1, len(stream), 9))]
    assert "read" not in cut


@pytest.mark.parametrize(
    ("kind", "place", "raw", "reason"),
    [
        ("HCOMPRESS_1", 2, b"\0\0\x14\0", r"is one of \(5120, 20\) pixels, the tile has \(12, 20\)"),
        ("HCOMPRESS_1", 7, b"\x01", r"is one of \(12, 65556\) pixels"),
        ("HCOMPRESS_1", 22, b"\xff", "has 255 bit planes, at most 64"),
        ("PLIO_1", 2, b"\xf0\0", "says that it has words -4095 to"),
        ("PLIO_1", 6, b"\x7f\xff", "says that it has words 8 to 32767"),
        ("PLIO_1", 4, b"\x7f\xff", "says that it has words 4 to 32767"),
    ],
)
def test_what_a_stream_says_of_itself_is_compared_with_the_tile(kind: str, place: int, raw: bytes, reason: str) -> None:
    stream, cards = STREAMS[kind]
    (word,) = _reasons(kind, [stream[:place] + raw + stream[place + len(raw) :]], **cards)
    assert re.search(r"HDU 1.*tile 1 of 1 \(bytes \d+ to \d+\).*(" + reason + ")", word), word


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"BLOCKSIZE": 32, "BYTEPIX": 8}, "BYTEPIX is 8, allowed are 1, 2, 4"),
        ({"BLOCKSIZE": 0, "BYTEPIX": 2}, "BLOCKSIZE is 0, at least 1"),
        ({"BLOCKSIZE": 2**31 - 1, "BYTEPIX": 2}, ""),
    ],
)
def test_parameters_of_rice_are_bounded(cards: dict[str, int], reason: str) -> None:
    assert reason in _reasons("RICE_1", [STREAMS["RICE_1"][0]], **cards)[0]


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("ZNAXIS", 999999999, "ZNAXIS is 999999999, allowed are 0 to 999"),
        ("ZNAXIS", -1, "ZNAXIS is -1, allowed are 0 to 999"),
        ("TFIELDS", 999999999, "TFIELDS is 999999999, allowed are 0 to 999"),
        ("TFIELDS", -1, "TFIELDS is -1, allowed are 0 to 999"),
        ("ZTILE1", 0, "all must be positive"),
    ],
)
def test_counts_are_bounded_before_they_are_used(tmp_path: Path, keyword: str, value: int, reason: str) -> None:
    path = _save(tmp_path / "source.fits", _table(_rice(PIXELS), 16, PIXELS.shape, "RICE_1", {}))
    card = f"{keyword:8s}= {value:20d}".encode()
    raw = re.sub(keyword.ljust(8).encode() + rb"= +\d+ *", lambda found: card.ljust(len(found[0])), path.read_bytes())
    assert card in raw
    path.write_bytes(raw)
    _kept(path, reason)
    assert fits_tiles.verify(path).checked == "not checked"


@pytest.mark.parametrize("cards", [{}, {"ZNAXIS": 2, "ZBITPIX": 16}, {"ZNAXIS": 1, "ZNAXIS1": 3, "ZBITPIX": 7}])
@pytest.mark.parametrize("algorithm", ["RICE_1", "ZSTD_9"])
def test_a_table_that_only_says_that_it_is_an_image_is_a_table(
    tmp_path: Path, algorithm: str, cards: dict[str, int]
) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=np.arange(3))])
    table.header.update({"ZIMAGE": True, "ZCMPTYPE": algorithm, **cards})
    path = _save(tmp_path / "source.fits", table, fits.ImageHDU(PIXELS))
    report, packed, back = _through(path)
    assert report.hdus[1].note.startswith("kept as it is: ")
    assert fits_tiles.verify(packed).verified
    assert "no image" in fits_tiles.info(packed).hdus[1].note
    assert back.read_bytes() == path.read_bytes()


def test_a_short_stream_takes_no_memory_for_the_pixels_that_a_header_claims(tmp_path: Path) -> None:
    path = tmp_path / "source.fits"
    for kind in ("RICE_1", "PLIO_1", "HCOMPRESS_1"):
        stream, cards = STREAMS[kind]
        parameters = {"ZNAME1": "BYTEPIX", "ZVAL1": 2} if cards else {}
        _save(path, _table([stream], 16, (1, 200_000_000), kind, parameters))
        tracemalloc.start()
        try:
            with pytest.raises(FormatError, match=r"tile 1 of 1 .*(at least|too few|is one of)"):
                fits_tiles.compress(path, None)
            assert tracemalloc.get_traced_memory()[1] < 20 << 20
        finally:
            tracemalloc.stop()


def test_a_table_that_holds_more_than_tiles_is_kept(tmp_path: Path) -> None:
    rice, cards = _rice(PIXELS), {"ZNAME1": "BYTEPIX", "ZVAL1": 2}
    path, seeing = tmp_path / "source.fits", np.linspace(1, 2, 6)
    for form, values in (("1D", seeing), ("2E", np.ones((6, 2), "f4")), ("3A", np.array(["abc"] * 6))):
        _kept(
            _save(path, _table(rice, 16, PIXELS.shape, "RICE_1", cards, AIRMASS=(form, values))), "its column 'AIRMASS'"
        )
    _kept(_save(path, _table([*rice, rice[0]], 16, PIXELS.shape, "RICE_1", cards)), "7 rows for 6 tiles")


def test_a_header_that_no_table_can_keep_leaves_the_tiles_as_they_are(tmp_path: Path) -> None:
    table = _table(_rice(PIXELS), 16, PIXELS.shape, "RICE_1", {"ZNAME1": "BYTEPIX", "ZVAL1": 2})
    path = _save(tmp_path / "source.fits", table)
    with path.open("rb") as file:
        hdu = list(walk(file.fileno(), path.name))[1]
    raw = path.read_bytes()
    longer = assemble([*hdu.cards, *((b"HISTORY step %d" % n).ljust(80) for n in range(28000))])
    path.write_bytes(raw[: hdu.start] + longer + raw[hdu.data_start :])
    _kept(path, "checksums of at most 27470 can be kept")
