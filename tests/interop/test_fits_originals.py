"""Tiles of other programs, coded anew, come back byte for byte, or stay as they are."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from astrocodec.errors import CorruptError, DifferenceError
from fits_tiles.files.check import keeps_tiles
from fits_tiles.layout.blocks import split_cards, walk
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.checksums import fits_checksums
from fits_tiles.layout.folded_header import fold, unfold
from fits_tiles.layout.original_card import read_original_card

# Steps of 4, of which no coder of the standard knows.
NOISE = np.random.default_rng(5).poisson(20, (90, 330)).astype(np.int16) * 4


def _packed(path: Path, **keywords: Any) -> tuple[fits_tiles.FileReport, Path]:
    packed = path.with_name("packed.ac.fits")
    report = fits_tiles.compress(path, packed, tune=False, overwrite=True, **keywords)
    assert report.verified
    assert packed.stat().st_size <= path.stat().st_size
    return report, packed


def _back(packed: Path) -> bytes:
    original = packed.with_name("again.fz")
    assert fits_tiles.decompress(packed, original, to="original", overwrite=True).verified
    return original.read_bytes()


def _comes_back(path: Path) -> bytes:
    """Compress and restore a file; return what is kept of its tiles."""
    report, packed = _packed(path)
    note = report.hdus[-1].note
    assert note.startswith("recoded from")
    assert note.endswith("--to original gives the very file back")
    assert _back(packed) == path.read_bytes()
    assert fits_tiles.verify(packed, path).verified
    assert fits_tiles.verify(packed).verified
    with packed.open("rb") as file:
        card = next(filter(None, (read_original_card(hdu.cards, "") for hdu in walk(file.fileno(), "packed"))))
        hdu = list(walk(file.fileno(), "packed"))[-1]
        file.seek(hdu.data_start + hdu.data_bytes - card.size)
        return file.read(card.size)


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1", "NOCOMPRESS"])
@pytest.mark.parametrize("type_name", ["u1", "i2", "i4"])
def test_tiles_of_astropy_come_back(tmp_path: Path, kind: str, type_name: str) -> None:
    path = tmp_path / "source.fz"
    pixels = NOISE.astype(type_name)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, compression_type=kind)]).writeto(path, checksum=True)
    assert len(_comes_back(path)) < 260


@pytest.mark.parametrize("kind", ["GZIP_1", "GZIP_2"])
def test_lossless_floats_come_back(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "source.fz"
    pixels = (NOISE / 7).astype("f4")
    image = fits.CompImageHDU(pixels, compression_type=kind, quantize_level=0, tile_shape=(40, 50))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    _comes_back(path)


@pytest.mark.parametrize("option", ["-r", "-p", "-h", "-g1", "-g2", "-r -w", "-r -t 37,41"])
@pytest.mark.parametrize("extension", [False, True])
def test_files_of_fpack_come_back(tmp_path: Path, option: str, extension: bool) -> None:
    if shutil.which("fpack") is None:
        pytest.skip("fpack is not installed")
    plain, path = tmp_path / "plain.fits", tmp_path / "plain.fits.fz"
    image = fits.ImageHDU(NOISE, name="SCI") if extension else fits.PrimaryHDU(NOISE.astype("u2"))
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=np.arange(50))])
    hdus = [fits.PrimaryHDU(), table, image] if extension else [image]
    fits.HDUList(hdus).writeto(plain, checksum=True)
    subprocess.run(["fpack", *option.split(), "-O", path, plain], check=True, capture_output=True)
    _comes_back(path)


# Quantised floats


def _floats(type_name: str = "f4", shape: tuple[int, ...] = NOISE.shape) -> np.ndarray[Any, Any]:
    """Steps of a tenth and noise, no values in some rows, a row of one value."""
    chance = np.random.default_rng(2)
    pixels = (chance.poisson(20, shape) * 0.1 + chance.normal(0, 0.01, shape)).astype(type_name)
    pixels[..., 3:9, 50:90] = np.nan
    pixels[..., 20, :] = 5
    return pixels


def _bits(pixels: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("=")).tobytes()


def _has_pixels_of(path: Path) -> None:
    """What astropy reads of the source, of ours and of the plain image is the same, bit for bit."""
    plain = path.with_name("plain-again.fits")
    fits_tiles.decompress(path.with_name("packed.ac.fits"), plain, overwrite=True)
    with fits.open(path) as given, fits.open(path.with_name("packed.ac.fits")) as ours, fits.open(plain) as image:
        expected = given[-1].data
        assert _bits(ours[-1].data) == _bits(expected) == _bits(image[-1].data)
        assert _bits(ours[-1].section[..., 15:40, 30:200]) == _bits(expected[..., 15:40, 30:200])


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "NOCOMPRESS"])
@pytest.mark.parametrize("dither", [-1, 1, 2])
def test_quantised_floats_of_astropy_come_back(tmp_path: Path, kind: str, dither: int) -> None:
    path = tmp_path / "source.fz"
    # Tiles of a row of one value do not quantise, and are gzipped; the seed wraps.
    image = fits.CompImageHDU(
        _floats(), compression_type=kind, quantize_level=1, quantize_method=dither, dither_seed=9950
    )
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    _comes_back(path)
    _has_pixels_of(path)


@pytest.mark.parametrize("shape", [(90, 330), (3, 60, 200)])
@pytest.mark.parametrize("tile", [(40, 50), (1, 500), (500, 500)])
@pytest.mark.parametrize("ours", [None, (30, 64)])
def test_quantised_tiles_of_any_shape_come_back(
    tmp_path: Path, shape: tuple[int, ...], tile: tuple[int, int], ours: tuple[int, int] | None
) -> None:
    path = tmp_path / "source.fz"
    tile_shape = (1,) * (len(shape) - 2) + tuple(map(min, tile, shape[-2:]))
    image = fits.CompImageHDU(
        _floats("f8", shape), compression_type="RICE_1", quantize_level=1, quantize_method=1, tile_shape=tile_shape
    )
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    report, packed = _packed(path, tile_shape=ours)
    assert "floats quantised at q = 1, dither 1; --to original" in report.hdus[1].note
    assert _back(packed) == path.read_bytes()
    _has_pixels_of(path)


@pytest.mark.parametrize("option", ["-r -q 4", "-r -q0 4", "-r -qz 1", "-h -q 1", "-g -q 4", "-r -q -0.01"])
def test_quantised_floats_of_fpack_come_back(tmp_path: Path, option: str) -> None:
    if shutil.which("fpack") is None:
        pytest.skip("fpack is not installed")
    plain, path = tmp_path / "plain.fits", tmp_path / "plain.fits.fz"
    pixels = _floats()
    pixels[40:60] *= -1  # zeros of dither 2
    pixels[40:60, ::3] = 0
    fits.PrimaryHDU(pixels).writeto(plain, checksum=True)
    subprocess.run(["fpack", *option.split(), "-O", path, plain], check=True, capture_output=True)
    _comes_back(path)
    _has_pixels_of(path)


def test_floats_of_steps_that_no_program_agrees_on_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    image = fits.CompImageHDU(_floats(), compression_type="RICE_1", quantize_level=1, quantize_method=1)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    for name, value, reason in (
        ("ZDITHER0", 10001, "dither of seed 10001"),
        ("ZQUANTIZ", "SUBTRACTIVE_DITHER_9", "in a way that is not known"),
        ("ZBLANK", 1 << 40, "which is no step"),
    ):
        changed = tmp_path / f"{name}.fz"
        with fits.open(path, disable_image_compression=True) as hdus:
            hdus[1].header[name] = value
            hdus.writeto(changed)
        report, packed = _packed(changed)
        assert reason in report.hdus[1].note
        assert packed.read_bytes() == changed.read_bytes()


@pytest.mark.parametrize("is_told", [True, False])
def test_tiles_of_very_different_scales_come_back_or_stay(tmp_path: Path, is_told: bool) -> None:
    """Around the middle level some steps are beyond 32 bits; around that of the finest scale none, or others."""
    chance, path = np.random.default_rng(1), tmp_path / "source.fz"
    pixels = chance.normal(0, 1e-6, NOISE.shape)
    pixels[30:] = chance.normal(1e4, 100 if is_told else 1e-6, pixels[30:].shape)
    image = fits.CompImageHDU(pixels, compression_type="RICE_1", quantize_level=4, quantize_method=1)
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    report, packed = _packed(path)
    assert is_told == report.hdus[1].note.startswith("recoded from RICE_1")
    assert is_told or "which are not 32-bit integers" in report.hdus[1].note
    assert (_back(packed) if is_told else packed.read_bytes()) == path.read_bytes()
    _has_pixels_of(path)


@pytest.mark.parametrize(("level", "null", "reason"), [(2.2e7, None, "not 32-bit integers"), (0, 3, "for null")])
def test_steps_that_no_stream_tells_stay_and_others_go_on(
    tmp_path: Path, level: float, null: int | None, reason: str
) -> None:
    """A hot column, beyond 32 bits around the level of the others; a null that is a step like any other."""
    path = tmp_path / "source.fz"
    pixels = np.random.default_rng(1).normal(0, 0.05, (64, 200))
    pixels[:, 100] += level
    steps = fits.CompImageHDU(
        pixels, compression_type="RICE_1", quantize_level=-0.01, quantize_method=1, tile_shape=(64, 200)
    )
    fits.HDUList([fits.PrimaryHDU(), steps, fits.CompImageHDU(NOISE, compression_type="RICE_1")]).writeto(path)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        if null is not None:
            hdus[1].header["ZBLANK"] = null
    report, packed = _packed(path)
    assert report.hdus[1].note.startswith("kept as it is: ")
    assert reason in report.hdus[1].note
    assert report.hdus[2].note.startswith("recoded from RICE_1")
    assert _back(packed) == path.read_bytes()


def test_a_header_that_does_not_fit_its_checksum_gives_no_sums_that_fit(tmp_path: Path) -> None:
    """Or the damage would not be seen any more."""
    path, image = tmp_path / "source.fz", tmp_path / "image.fits"
    steps = {"compression_type": "RICE_1", "quantize_level": 1, "quantize_method": 1, "dither_seed": 8766}
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(_floats(), **steps)]).writeto(path)
    with fits.open(path, mode="update", disable_image_compression=True, checksum=True) as hdus:
        hdus[1].header["ZDATASUM"] = "1"
    for wrong in (False, True):
        if wrong:
            path.write_bytes(path.read_bytes().replace(b"8766", b"8767", 1))
        report, packed = _packed(path)
        doubts = ["HDU 1: its CHECKSUM does not fit; it may be damaged, or edited since"] if wrong else []
        assert report.notes == doubts
        assert _back(packed) == path.read_bytes()
        fits_tiles.decompress(packed, image, overwrite=True)
        with image.open("rb") as file:
            sums = fits_checksums(file.fileno(), list(walk(file.fileno(), "image"))[1])
        assert bool(sums.wrong) == wrong


# What is not usual


def _tile_file(path: Path, algorithm: str) -> tuple[fits.Header, np.ndarray[Any, Any], bytes]:
    """Write a compressed image, and return its parts."""
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(NOISE, compression_type=algorithm)]).writeto(path)
    return _raw(path)


def _save_raw(path: Path, header: fits.Header, rows: np.ndarray[Any, Any], heap: bytes) -> None:
    """Write a table of which astropy would put the heap in order."""
    data = rows.tobytes() + heap
    header["PCOUNT"] = len(data) - header["NAXIS1"] * header["NAXIS2"]
    primary = fits.PrimaryHDU().header.tostring()
    text = header.tostring() + data.decode("latin-1")
    path.write_bytes((primary + text).encode("latin-1") + bytes(-len(data) % 2880))


def _raw(path: Path) -> tuple[fits.Header, np.ndarray[Any, Any], bytes]:
    with fits.open(path, disable_image_compression=True) as hdus:
        header, start = hdus[1].header.copy(), hdus[1]._data_offset
    raw = path.read_bytes()
    size = header["NAXIS1"] * header["NAXIS2"]
    rows = np.frombuffer(raw[start : start + size], ">i4").reshape(-1, 2).copy()
    return header, rows, raw[start + size : start + size + header["PCOUNT"]]


def test_order_and_gaps_of_the_heap_come_back(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    header, rows, heap = _tile_file(path, "RICE_1")
    pieces = [heap[offset : offset + size] for size, offset in rows]
    order = np.random.default_rng(1).permutation(len(pieces))
    moved, at = bytearray(b"left over"), 9
    for number in order:
        rows[number, 1] = at
        moved += pieces[number] + bytes(number % 3)
        at = len(moved)
    gap = b"between rows and heap"
    header["THEAP"] = rows.nbytes + len(gap)
    _save_raw(path, header, rows, gap + bytes(moved) + b"behind the last")
    _comes_back(path)


def test_two_rows_may_share_a_tile_and_the_padding_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    header, rows, heap = _tile_file(path, "RICE_1")
    rows[7] = rows[6]
    _save_raw(path, header, rows, heap)
    raw = path.read_bytes()
    path.write_bytes(raw.rstrip(b"\0") if len(raw.rstrip(b"\0")) % 2880 else raw)
    _comes_back(path)


def test_tiles_that_come_out_otherwise_are_kept(tmp_path: Path) -> None:
    """Some with another level of deflate, which is found, some of which no level gives."""
    path = tmp_path / "source.fz"
    header, rows, heap = _tile_file(path, "GZIP_1")
    out = b""
    for number, (size, offset) in enumerate(rows):
        stream = heap[offset : offset + size]
        if number % 9 == 2:
            stream = gzip.compress(gzip.decompress(stream), 1, mtime=number)
        if number == 50:
            coder = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_HUFFMAN_ONLY)
            stream = coder.compress(gzip.decompress(stream)) + coder.flush()
        rows[number] = len(stream), len(out)
        out += stream
    _save_raw(path, header, rows, out)
    assert 150 < len(_comes_back(path)) < 1200


def test_foreign_deflate_leaves_the_tiles_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    header, rows, heap = _tile_file(path, "GZIP_1")
    out = b""
    for number, (size, offset) in enumerate(rows):
        coder = zlib.compressobj(9, zlib.DEFLATED, 31, 8, zlib.Z_HUFFMAN_ONLY)
        stream = coder.compress(gzip.decompress(heap[offset : offset + size])) + coder.flush()
        rows[number] = len(stream), len(out)
        out += stream
    _save_raw(path, header, rows, out)
    report, packed = _packed(path)
    assert "kept as it is: GZIP_1 makes other tiles of its pixels" in report.hdus[1].note
    assert packed.read_bytes() == path.read_bytes()
    report, packed = _packed(path, original=False)
    assert report.hdus[-1].note == "recoded from GZIP_1"


def test_small_files_do_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(NOISE[:5, :5], compression_type="RICE_1")]).writeto(path)
    report, packed = _packed(path)
    assert "kept as it is: its RICE_1 tiles are no larger than ours" in report.hdus[1].note
    assert packed.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("knowing", [True, False])
def test_an_edited_header_gives_no_tiles_of_another(tmp_path: Path, knowing: bool) -> None:
    """Where they are kept still, a plain image in their stead has to be asked for."""
    path = tmp_path / "source.fz"
    _tile_file(path, "RICE_1")
    _, packed = _packed(path)
    with fits.open(packed, mode="update", disable_image_compression=not knowing) as hdus:
        hdus[1].header["OBJECT"] = "M31"
    assert keeps_tiles(packed) != knowing
    assert not keeps_tiles(packed, edited=True)
    if not knowing:
        with pytest.raises(DifferenceError, match="RICE_1 tiles cannot be had back, since its header was edited"):
            fits_tiles.decompress(packed, tmp_path / "image.fits", to="original")
        assert not (tmp_path / "image.fits").exists()
    report = fits_tiles.decompress(packed, tmp_path / "image.fits", to="original", edited=not knowing)
    assert report.hdus[1].kind == "decompressed"
    assert report.notes[0].startswith("HDU 1 is a plain image, since nothing gives tiles of another program back")
    with fits.open(tmp_path / "image.fits") as hdus:
        assert (hdus[1].data == NOISE).all()
        assert hdus[1].header["OBJECT"] == "M31"


def test_damage_of_what_is_kept_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "source.fz"
    _tile_file(path, "RICE_1")
    kept = _comes_back(path)
    packed = tmp_path / "packed.ac.fits"
    raw = bytearray(packed.read_bytes())
    raw[raw.index(kept) + 20] ^= 1
    packed.write_bytes(raw)
    with pytest.raises(CorruptError, match="what is kept of the original tiles in bytes"):
        fits_tiles.decompress(packed, None, to="original")
    with pytest.raises(CorruptError, match=r"kept of the original tiles|belong to no tile"):
        fits_tiles.verify(packed)


def test_another_coder_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "source.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(NOISE, compression_type="GZIP_2")]).writeto(path)
    _, packed = _packed(path)
    made = zlib.compressobj

    def other(level: int, *arguments: Any) -> Any:
        return made(1, *arguments)

    monkeypatch.setattr("fits_tiles.files.foreign_coders.zlib.compressobj", other)
    with pytest.raises(DifferenceError, match="tiles made again are not those of the original"):
        fits_tiles.decompress(packed, tmp_path / "again.fz", to="original")
    assert not (tmp_path / "again.fz").exists()
    assert fits_tiles.decompress(packed, tmp_path / "image.fits").verified
    checked = fits_tiles.verify(packed)
    assert checked.verified
    assert "tiles made again are not those of the original" in checked.notes[0]


def test_an_error_in_what_is_kept_is_found_before_the_file_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "source.fz"
    _tile_file(path, "RICE_1")
    monkeypatch.setattr("fits_tiles.files.original._crc", lambda *_: 5)
    monkeypatch.setattr("fits_tiles.files.foreign.same_bytes", lambda *_: False)
    with pytest.raises(DifferenceError, match="are not those of the source"):
        fits_tiles.compress(path, tmp_path / "packed.fits", tune=False)
    assert not (tmp_path / "packed.fits").exists()


@pytest.mark.parametrize("seed", range(5))
def test_headers_fold(seed: int) -> None:
    chance = np.random.default_rng(seed)
    words = [b"%-8s= %20d" % (b"KEY%d" % n, n) for n in range(30)] + [b"", b"COMMENT same"] * 5
    cards = [word.ljust(80) for word in words]
    known = [cards[n] for n in chance.integers(0, len(cards), 60)]
    header = assemble([cards[n] for n in chance.integers(0, len(cards), 50)])
    assert unfold(fold(header, known), known, "HDU 1") == header
    odd = header[:-80] + b"END junk".ljust(80)
    assert unfold(fold(odd, known), known, "HDU 1") == odd
    whole = fold(assemble(list(split_cards(header))), list(split_cards(header)))
    assert len(whole) < 100
