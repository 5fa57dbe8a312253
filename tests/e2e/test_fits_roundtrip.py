"""compress then decompress gives the original file back, byte for byte, for every kind of file we can think of."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from cli_process import run_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fits_tiles
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import DifferenceError, FormatError
from fits_tiles.layout.blocks import padded
from fits_tiles.layout.card_format import assemble

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def _noise(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return (rng.normal(60, 5, shape)).astype(dtype)


def _save(path: Path, *hdus: Any, **keywords: Any) -> bytes:
    fits.HDUList(list(hdus)).writeto(path, **keywords)
    return path.read_bytes()


def _round_trip(path: Path, **keywords: Any) -> fits_tiles.FileReport:
    packed, back = path.with_name("packed.fits"), path.with_name("back.fits")
    report = fits_tiles.compress(path, packed, overwrite=True, **keywords)
    assert report.verified
    assert report.compressed_bytes == packed.stat().st_size
    restored = fits_tiles.decompress(packed, back, overwrite=True)
    assert back.read_bytes() == path.read_bytes()
    assert restored.original_bytes == path.stat().st_size
    assert fits_tiles.verify(packed, path).verified
    assert fits_tiles.info(packed).original_bytes == path.stat().st_size
    return report


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_in_primary_and_extension(tmp_path: Path, dtype: str, container: str) -> None:
    path = tmp_path / "plain.fits"
    _save(path, fits.PrimaryHDU(_noise(dtype, (70, 90))), fits.ImageHDU(_noise(dtype, (33, 65), 1), name="SCI"))
    report = _round_trip(path, container=container, tile_shape=(32, 40), tune=False)
    assert [hdu.kind for hdu in report.hdus] == ["compressed", "compressed"]
    assert report.hdus[1].name == "SCI"
    assert report.hdus[0].shape == (70, 90)


@pytest.mark.parametrize("shape", [(1,), (5000,), (1, 1), (1, 300), (300, 1), (3, 20, 30), (2, 2, 9, 11), (40, 3, 4)])
def test_every_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "plain.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", shape)))
    _round_trip(path, tile_shape=(8, 16))


def test_tables_and_empty_hdus_are_copied_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    lists = np.array([np.arange(3), np.arange(5)], dtype=object)
    _save(
        path,
        fits.PrimaryHDU(),
        fits.BinTableHDU.from_columns([fits.Column("v", "PJ()", array=lists)], name="EVENTS"),
        fits.ImageHDU(_noise("i2", (50, 60)), name="SCI"),
        fits.TableHDU.from_columns([fits.Column("t", "I5", ascii=True, array=np.arange(9))]),
        fits.ImageHDU(name="EMPTY"),
    )
    report = _round_trip(path)
    assert [hdu.kind for hdu in report.hdus] == ["copied", "copied", "compressed", "copied", "copied"]


def test_random_groups_are_copied(tmp_path: Path) -> None:
    path = tmp_path / "groups.fits"
    groups = fits.GroupData(np.zeros((4, 1, 1, 2, 2), np.float32), bitpix=-32, parnames=["A", "B"], pardata=[1.0, 2.0])
    fits.GroupsHDU(groups).writeto(path)
    assert _round_trip(path).hdus[0].kind == "copied"


def test_checksums_are_kept_and_new_ones_are_right(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    _save(path, fits.PrimaryHDU(_noise("u2", (60, 60))), fits.ImageHDU(_noise("f4", (9, 9)), name="F"), checksum=True)
    for container in ("zimage", "table"):
        _round_trip(path, container=container)
        with fits.open(tmp_path / "packed.fits", checksum=True, disable_image_compression=True) as packed:
            assert packed[1]._header["ZHECKSUM" if container == "zimage" else "CHECKSUM"]
            assert [hdu.verify_checksum() for hdu in packed[1:]] == [1, 1]


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("extension", [False, True])
def test_cards_of_a_compressed_image_left_in_a_plain_one(tmp_path: Path, extension: bool, container: str) -> None:
    """As careless unpacking leaves them: the image is still an image."""
    image = (fits.ImageHDU if extension else fits.PrimaryHDU)(np.arange(1600, dtype="i2").reshape(40, 40))
    image.header["ZIMAGE"] = True
    image.header["ZCMPTYPE"] = "RICE_1"
    image.header["ZBITPIX"] = 16
    hdus = fits.HDUList([fits.PrimaryHDU(), image] if extension else [image])
    hdus.writeto(tmp_path / "a.fits", output_verify="ignore")
    report = fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", container=container, tune=False)
    assert report.hdus[-1].kind == "compressed"
    fits_tiles.decompress(tmp_path / "a.ac.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


@pytest.mark.parametrize("zero", [34685, 32768, -100.5])
def test_odd_scaling_and_blank_ride_along(tmp_path: Path, zero: float) -> None:
    path = tmp_path / "plain.fits"
    pixels = _noise("i2", (40, 50))
    pixels[:, ::3] = 60
    hdu = fits.PrimaryHDU(pixels)
    for keyword, value in (("BSCALE", 0.25), ("BZERO", zero), ("BLANK", 60), ("BUNIT", "adu"), ("DATAMAX", 9.0)):
        hdu.header[keyword] = value
    raw = bytearray(_save(path, hdu))
    path.write_bytes(raw)
    for container in ("zimage", "table"):
        _round_trip(path, container=container)
        with fits.open(path) as plain, fits.open(tmp_path / "packed.fits") as packed:
            assert packed[1].header.tostring() == plain[0].header.tostring()
            np.testing.assert_array_equal(packed[1].data, plain[0].data)
        # A section after data with BLANK fails in astropy, for plain images too.
        with fits.open(path) as plain, fits.open(tmp_path / "packed.fits") as packed:
            np.testing.assert_array_equal(packed[1].section[3:9, 5:8], plain[0].section[3:9, 5:8])


def test_float_bits_survive(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    for dtype, unsigned in (("f4", "u4"), ("f8", "u8")):
        bits = np.random.default_rng(5).integers(0, np.iinfo(unsigned).max, (40, 40), unsigned, endpoint=True)
        pixels = bits.view(dtype)
        pixels[0, :4] = [np.nan, np.inf, -np.inf, -0.0]
        _save(path, fits.PrimaryHDU(pixels), overwrite=True)
        _round_trip(path)


def test_unusual_headers_and_padding_come_back(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    raw = bytearray(_save(path, fits.PrimaryHDU(_noise("i2", (10, 10)))))
    end = raw.index(b"END" + b" " * 77)
    cards = [b"ZBITPIX =                   16", b"TTYPE1  = 'x'", b"GAIN.SPE=                  1.5 / \xb5", b"", b"END"]
    for number, card in enumerate(cards):
        raw[end + 80 * number : end + 80 * number + 80] = card.ljust(80)
    raw[-100:] = b"#" * 100
    path.write_bytes(raw)
    _round_trip(path)
    _round_trip(path, container="table")
    # The last block may lack its padding, and anything may follow the last HDU.
    path.write_bytes(raw[: 2880 + 200])
    _round_trip(path)
    path.write_bytes(raw + b"notes of the observer")
    _round_trip(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_inputs(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "plain.fits"
    raw = _save(path, fits.PrimaryHDU(_noise("i2", (64, 64))))
    packed = tmp_path / "plain.fits.packed"
    packed.write_bytes(pack(raw))
    out, back = tmp_path / "out.fits", tmp_path / "back.fits"
    report = fits_tiles.compress(packed, out)
    assert report.original_bytes == packed.stat().st_size < len(raw)
    fits_tiles.decompress(out, back)
    assert back.read_bytes() == raw
    twice = tmp_path / "out.fits.packed"
    twice.write_bytes(pack(out.read_bytes()))
    assert fits_tiles.decompress(twice, back, overwrite=True).compressed_bytes == twice.stat().st_size
    packed.write_bytes(pack(raw)[:-9])
    with pytest.raises(fits_tiles_errors(), match=r"plain\.fits\.packed: the (gzip|bzip2) file is cut short"):
        fits_tiles.compress(packed, out, overwrite=True)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_is_unpacked_to_its_last_byte_or_refused(tmp_path: Path, pack: Any) -> None:
    """A damaged later stream, or anything behind the last one, is not the end of the file."""
    path, packed, out = tmp_path / "a.fits", tmp_path / "a.packed", tmp_path / "out.fits"
    raw = _save(path, fits.PrimaryHDU(_noise("i2", (64, 64))), fits.ImageHDU(_noise("i4", (64, 64))))
    # As pbzip2 writes, and with a stream of nothing; the first stream holds a whole HDU.
    first = 2880 * 4
    streams = [pack(raw[:first]), pack(raw[first:-5000]), pack(b""), pack(raw[-5000:])]
    packed.write_bytes(b"".join(streams))
    assert len(fits_tiles.compress(packed, out, tune=False).hdus) == 2
    fits_tiles.decompress(out, tmp_path / "back.fits")
    assert (tmp_path / "back.fits").read_bytes() == raw
    damaged = [b"".join([*streams[:at], b"Q" + streams[at][1:], *streams[at + 1 :]]) for at in (1, 2, 3)]
    damaged += [b"".join(streams) + tail for tail in (b"x", b"notes of the observer", streams[0][:30])]
    damaged += [b"".join([streams[0], b"\1", *streams[1:]])]
    for content in damaged:
        packed.write_bytes(content)
        with pytest.raises(FormatError, match=r"file is (damaged, which shows after|cut short)"):
            fits_tiles.compress(packed, out, tune=False, overwrite=True)
    packed.write_bytes(b"".join(streams) + bytes(1000))
    if pack is gzip.compress:  # blocks of tapes
        assert len(fits_tiles.compress(packed, out, tune=False, overwrite=True).hdus) == 2
    else:
        with pytest.raises(FormatError, match="in stream 5 of the file"):
            fits_tiles.compress(packed, out, tune=False, overwrite=True)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_where_damage_of_a_packed_file_shows_is_told(tmp_path: Path, pack: Any) -> None:
    path, packed = tmp_path / "a.fits", tmp_path / "a.packed"
    raw = _save(path, fits.PrimaryHDU(_noise("i2", (400, 500))))
    first = pack(raw[:300_000])
    content = bytearray(first + pack(raw[300_000:]))
    content[len(first) + 5000 : len(first) + 6000] = bytes(1000)
    packed.write_bytes(content)
    with pytest.raises(FormatError, match=r"is damaged, which shows after [0-9]+ unpacked bytes") as caught:
        fits_tiles.compress(packed, tmp_path / "out.fits")
    found = int(str(caught.value).split("shows after ")[1].split()[0])
    assert 300_000 - 2**14 <= found <= len(raw)


def test_only_smaller_files_are_written_on_request(tmp_path: Path) -> None:
    """Smaller than what lies on the disk, which is the packed file."""
    path, out = tmp_path / "zeros.fits", tmp_path / "out.fits"
    raw = _save(path, fits.PrimaryHDU(np.zeros((300, 300), np.int16)))
    packed = tmp_path / "zeros.fits.gz"
    packed.write_bytes(gzip.compress(raw))
    report = fits_tiles.compress(packed, out, only_smaller=True)
    assert (report.target, out.exists(), report.checked) == ("", False, "not checked")
    assert report.original_bytes == packed.stat().st_size <= report.compressed_bytes
    assert fits_tiles.compress(path, out, only_smaller=True).target == str(out)
    assert out.stat().st_size < len(raw)
    again = tmp_path / "again.fits"
    assert fits_tiles.compress(out, again, only_smaller=True).target == ""  # an equal size is not smaller
    assert [entry.name for entry in tmp_path.iterdir() if ".part" in entry.name or entry == again] == []


def fits_tiles_errors() -> type[Exception]:
    from astrocodec.errors import TruncatedError

    return TruncatedError


def test_file_objects_and_no_target(tmp_path: Path) -> None:
    raw = _save(tmp_path / "plain.fits", fits.PrimaryHDU(_noise("i2", (64, 64))))
    packed, back = io.BytesIO(), io.BytesIO()
    report = fits_tiles.compress(io.BytesIO(raw), packed)
    assert (report.source, report.target) == ("-", "-")
    fits_tiles.decompress(io.BytesIO(packed.getvalue()), back)
    assert back.getvalue() == raw
    assert fits_tiles.compress(io.BytesIO(raw), None).compressed_bytes == len(packed.getvalue())


def test_standard_tiles_are_the_same_at_any_time() -> None:
    """Gzip would note when they were made."""
    from fits_tiles.files.coders import StandardCoder

    pixels = _noise("f4", (8, 9)).astype(">f4")
    coder = StandardCoder("GZIP_2", ">f4")
    coded = coder.encode(0, pixels)
    assert coded.stream[:2] == b"\x1f\x8b"
    assert coded.stream[4:8] == bytes(4)
    assert coder.decode(0, coded, (8, 9)).tobytes() == pixels.tobytes()


def test_threads_give_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", (3, 200, 200))))
    outputs = []
    for workers in (1, 3):
        out = io.BytesIO()
        fits_tiles.compress(path, out, workers=workers, tile_shape=(64, 64), effort=1)
        outputs.append(out.getvalue())
        back = io.BytesIO()
        fits_tiles.decompress(io.BytesIO(outputs[-1]), back, workers=workers)
        assert back.getvalue() == path.read_bytes()
    assert outputs[0] == outputs[1]


def test_chosen_extensions(tmp_path: Path) -> None:
    path, out, back = tmp_path / "plain.fits", tmp_path / "out.fits", tmp_path / "back.fits"
    images = [fits.ImageHDU(_noise("i2", (30, 30), n), name=f"EXT{n}") for n in range(3)]
    _save(path, fits.PrimaryHDU(_noise("i2", (30, 30))), *images)
    report = fits_tiles.compress(path, out, extensions=[1, "ext2"])
    assert [hdu.kind for hdu in report.hdus] == ["copied", "compressed", "copied", "compressed"]
    fits_tiles.decompress(out, back)
    assert back.read_bytes() == path.read_bytes()
    report = fits_tiles.decompress(out, back, extensions="EXT2", overwrite=True)
    assert [hdu.kind for hdu in report.hdus] == ["copied", "copied", "copied", "decompressed"]
    with pytest.raises(ValueError, match=r"there is no HDU 'FLAT'; it has HDU 0 \('PRIMARY'\), HDU 1 \('EXT0'\)"):
        fits_tiles.compress(path, out, extensions=["FLAT"], overwrite=True)


def test_a_compressed_file_is_not_compressed_again(tmp_path: Path) -> None:
    path, once, twice = tmp_path / "plain.fits", tmp_path / "once.fits", tmp_path / "twice.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", (30, 30))))
    fits_tiles.compress(path, once)
    report = fits_tiles.compress(once, twice)
    assert twice.read_bytes() == once.read_bytes()
    assert report.hdus[1].note == "already ASTROCODEC_1, copied"


@pytest.mark.parametrize(("dither", "name"), [(None, 1), (2, 2), ("none", -1)])
def test_quantised_floats(tmp_path: Path, dither: Any, name: int) -> None:
    path, out, back = tmp_path / "plain.fits", tmp_path / "out.fits", tmp_path / "back.fits"
    pixels = np.random.default_rng(1).normal(100, 3, (100, 120)).astype(np.float32)
    pixels[5, 6:9] = np.nan
    pixels[40:80, 50:120] = np.nan
    pixels[90:, 100:] = 7.0
    pixels[3, 3] = 0.0
    _save(path, fits.PrimaryHDU(), fits.ImageHDU(pixels, name="F"), checksum=True)
    tiling: dict[str, Any] = {"quantize_level": 8, "dither": dither, "tile_shape": (40, 50)}
    report = fits_tiles.compress(path, out, effort=1, **tiling)
    assert report.verified
    assert "lossy: quantised at level 8" in report.hdus[1].note
    fits_tiles.decompress(out, back)
    with fits.open(out) as tiled, fits.open(back, checksum=True) as plain:
        assert (tiled[1].quantize_level, tiled[1].quantize_method) == (8, name)
        np.testing.assert_array_equal(tiled[1].data, plain[1].data)
        np.testing.assert_array_equal(np.isnan(plain[1].data), np.isnan(pixels))
        assert np.nanmax(np.abs(plain[1].data - pixels)) < 3 / 8
        assert dither != 2 or plain[1].data[3, 3] == 0.0
    assert fits_tiles.verify(out).verified
    with fits.open(path) as plain:
        hdu = fits.CompImageHDU(
            plain[1].data, name="F", quantize_level=8, quantize_method=name, dither_seed=77, tile_shape=(40, 50)
        )
        hdu.writeto(tmp_path / "rice.fits")
    fits_tiles.compress(path, out, tune=False, dither_seed=77, overwrite=True, **tiling)
    with fits.open(out) as ours, fits.open(tmp_path / "rice.fits") as theirs:
        np.testing.assert_array_equal(ours[1].data, theirs[1].data)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 2e7, 1e30])
def test_one_odd_pixel_lets_no_other_differ(tmp_path: Path, odd: float, dtype: str) -> None:
    """A tile with an infinite pixel is not quantised; one with a bright pixel has no larger step for that."""
    pixels = np.random.default_rng(1).normal(100, 1, (60, 70)).astype(dtype)
    pixels[3, 4] = odd
    path, packed = tmp_path / "a.fits", tmp_path / "a.ac.fits"
    fits.PrimaryHDU(pixels).writeto(path)
    assert fits_tiles.compress(path, packed, tune=False, quantize_level=16).verified
    assert fits_tiles.verify(packed, path).verified
    pixels[7, 8] += 9
    fits.PrimaryHDU(pixels).writeto(path, overwrite=True)
    with pytest.raises(DifferenceError, match="tile 1: pixels differ"):
        fits_tiles.verify(packed, path)


def test_reports_serialise_and_progress_reaches_the_end(tmp_path: Path) -> None:
    path, out = tmp_path / "plain.fits", tmp_path / "out.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", (300, 300))))
    calls: list[tuple[int, int]] = []
    report = fits_tiles.compress(path, out, effort=1, progress=lambda done, total: calls.append((done, total)))
    assert json.loads(json.dumps(report.to_dict()))["hdus"][0]["pixels"] == 90000
    assert calls[-1][0] == calls[-1][1]
    assert calls == sorted(calls)
    fits_tiles.decompress(out, tmp_path / "back.fits", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1]


def test_existing_targets_are_kept(tmp_path: Path) -> None:
    path, out = tmp_path / "plain.fits", tmp_path / "out.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", (30, 30))))
    out.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        fits_tiles.compress(path, out)
    assert out.read_bytes() == b"precious"
    with pytest.raises(FileNotFoundError):
        fits_tiles.compress(tmp_path / "missing.fits", tmp_path / "other.fits")
    assert sorted(os.listdir(tmp_path)) == ["out.fits", "plain.fits"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"container": "zip"}, "container is 'zip'"),
        ({"effort": 10}, "effort is 10"),
        ({"workers": 0}, "workers is 0"),
        ({"dither": 3}, "dither is 3"),
        ({"dither_seed": 0}, "dither_seed is 0"),
        ({"quantize_level": float("nan")}, "quantize_level is nan"),
        ({"tile_shape": (0, 5)}, "tile_shape is"),
        ({"extensions": [9]}, "there is no HDU 9"),
    ],
)
def test_wrong_arguments_are_named(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    path = tmp_path / "plain.fits"
    _save(path, fits.PrimaryHDU(_noise("i2", (30, 30))))
    with pytest.raises(ValueError, match=message):
        fits_tiles.compress(path, tmp_path / "out.fits", **wrong)
    with pytest.raises(ValueError, match="to is 'zip'"):
        fits_tiles.decompress(path, tmp_path / "out.fits", to="zip")
    assert os.listdir(tmp_path) == ["plain.fits"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    hnp.arrays(
        st.sampled_from(["u1", "i2", "u2", "i4", "i8", "f4", "f8"]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=12),
    ),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["zimage", "table"]),
    st.booleans(),
)
def test_any_image_comes_back(
    pixels: np.ndarray[Any, Any], tile_shape: tuple[int, int], container: str, primary: bool
) -> None:
    plain, packed, back = io.BytesIO(), io.BytesIO(), io.BytesIO()
    hdus = [fits.PrimaryHDU(pixels)] if primary else [fits.PrimaryHDU(), fits.ImageHDU(pixels)]
    fits.HDUList(hdus).writeto(plain)
    raw = plain.getvalue()
    fits_tiles.compress(io.BytesIO(raw), packed, tile_shape=tile_shape, container=container)
    fits_tiles.decompress(io.BytesIO(packed.getvalue()), back)
    assert back.getvalue() == raw
    with fits.open(io.BytesIO(packed.getvalue())) as opened, fits.open(io.BytesIO(raw)) as original:
        np.testing.assert_array_equal(opened[1].data, original[-1].data)


def test_a_file_can_take_the_place_of_its_source(tmp_path: Path) -> None:
    path = tmp_path / "plain.fits"
    raw = _save(path, fits.PrimaryHDU(_noise("i2", (64, 64))))
    fits_tiles.compress(path, path, overwrite=True)
    assert fits_tiles.info(path).hdus[1].kind == "compressed"
    fits_tiles.decompress(path, path, overwrite=True)
    assert path.read_bytes() == raw
    assert os.listdir(tmp_path) == ["plain.fits"]


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, workers: int) -> None:
    path, out = tmp_path / "plain.fits", tmp_path / "out.fits"
    _save(path, fits.PrimaryHDU(np.zeros((16, 1024, 1024), np.int16)))
    for call in (
        lambda: fits_tiles.compress(path, out, workers=workers, tile_shape=(256, 256), tune=False),
        lambda: fits_tiles.decompress(out, tmp_path / "back.fits", workers=workers),
    ):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < path.stat().st_size // 3


def test_a_large_file_needs_little_memory_with_tuning_and_checking(tmp_path: Path) -> None:
    """Maps of files count as memory where batch systems look, so the high-water mark of the process decides."""
    path, side = tmp_path / "plain.fits", 16384
    header = fits.PrimaryHDU(np.zeros((1, 1), np.int16)).header
    header["NAXIS1"] = header["NAXIS2"] = side
    with path.open("wb") as file:
        file.write(header.tostring().encode("ascii"))
        file.truncate(file.tell() + padded(2 * side * side))  # a hole: the file takes no room on the disk
    program = (
        "import re, sys, fits_tiles\n"
        "from pathlib import Path\n"
        "fits_tiles.compress(sys.argv[1], sys.argv[2])\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
    )
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "out.fits")]
    paths = os.pathsep.join([str(Path(fits_tiles.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": paths})
    assert int(run.stdout) / 1024 < 150


def test_lossless_tiles_do_not_grow_noise(tmp_path: Path) -> None:
    path, out = tmp_path / "plain.fits", tmp_path / "out.fits"
    pixels = np.random.default_rng(0).integers(-(2**15), 2**15, (512, 512)).astype(np.int16)
    raw = _save(path, fits.PrimaryHDU(pixels))
    report = fits_tiles.compress(path, out, tile_shape=(128, 128), tune=False)
    # Empty primary HDU, longer header, 16 rows of the table and 64 bytes a tile, rounded up to blocks.
    assert report.compressed_bytes <= len(raw) + 3 * 2880 + 16 * (8 + 64) + 2880


def _header(*cards: bytes) -> bytes:
    return assemble([card.ljust(80) for card in cards])


def test_an_image_of_a_hundred_axes_is_left_plain(tmp_path: Path) -> None:
    axes = [b"NAXIS%-3d=                    1" % n for n in range(1, 101)]
    header = _header(b"SIMPLE  =                    T", b"BITPIX  =                    8", b"NAXIS   = 100", *axes)
    extension = b"XTENSION= 'IMAGE   '", b"BITPIX  = 8", b"NAXIS   = 1", b"NAXIS1  = 9", b"PCOUNT  = 0", b"GCOUNT  = 1"
    source, packed, back = tmp_path / "source.fits", tmp_path / "packed.fits", tmp_path / "back.fits"
    source.write_bytes(header + bytes(2880) + _header(*extension) + bytes(2880))
    report = fits_tiles.compress(source, packed, tune=False)
    assert [entry.kind for entry in report.hdus] == ["copied", "compressed"]
    assert "100 axes" in report.hdus[0].note
    assert fits_tiles.verify(packed).verified
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == source.read_bytes()


def test_astropy_is_told_why_a_header_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fits_tiles.layout.headers.MOST_BYTES", 40)  # so many cards take astropy a minute
    hdu = fits.CompImageHDU(np.zeros((9, 9), "i2"), compression_type="ASTROCODEC_1")
    hdu.header.extend((("HISTORY", f"step {n}") for n in range(30)), bottom=True)
    with pytest.raises(ValueError, match=r"at most 20 can be kept; write this image as `fits\.ImageHDU`"):
        hdu.writeto(tmp_path / "a.fits")


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_an_image_whose_header_cannot_be_kept_is_left_plain(tmp_path: Path, container: str) -> None:
    pixels = np.arange(2000, dtype=">i2").reshape(40, 50)
    head = [b"BITPIX  =                   16", b"NAXIS   =                    2"]
    head += [b"NAXIS1  =                   50", b"NAXIS2  =                   40"]
    extension = [b"XTENSION= 'IMAGE   '", *head, b"PCOUNT  =                    0", b"GCOUNT  =                    1"]
    notes = [b"HISTORY step %d" % n for n in range(30000)]
    data = pixels.tobytes().ljust(5760, b"\0")
    source, packed, back = tmp_path / "source.fits", tmp_path / "packed.fits", tmp_path / "back.fits"
    first = _header(b"SIMPLE  =                    T", *head, *notes)
    source.write_bytes(first + data + _header(*extension, *notes) + data + _header(*extension) + data)
    report = fits_tiles.compress(source, packed, tune=False, container=container)
    assert [entry.kind for entry in report.hdus] == ["copied", "copied", "compressed"]
    assert [entry.note for entry in report.hdus[:2]] == [
        f"its header has {count} cards, checksums of at most 27470 can be kept" for count in (30005, 30007)
    ]
    fits_tiles.verify(packed, source)
    fits_tiles.decompress(packed, back)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("count", [4000, 4001])
def test_more_hdus_than_a_manifest_holds(tmp_path: Path, count: int) -> None:
    """They come back, but nothing would watch those that are copied: less is said, and the source is not deleted."""
    path, packed = tmp_path / "many.fits", tmp_path / "many.ac.fits"
    first = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.arange(60000, dtype="i4").reshape(200, 300))]).writeto(first)
    empty = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU()]).writeto(empty)
    path.write_bytes(first.getvalue() + (count - 2) * empty.getvalue()[2880:])
    report = fits_tiles.compress(path, packed, tune=False, overwrite=True)
    assert report.verified == (count <= 4000)
    assert [entry.checked for entry in report.hdus[:2]] == ["verified" if count <= 4000 else "not checked", "verified"]
    back = fits_tiles.decompress(packed, tmp_path / "back.fits")
    assert back.checked == report.checked
    assert (tmp_path / "back.fits").read_bytes() == path.read_bytes()
    packed.unlink()
    result = run_here("fits-compress", "-q", "-Y", "-D", path)
    assert path.exists() == (count > 4000)
    assert result.returncode == (ExitCode.DIFFERS if count > 4000 else ExitCode.OK), result.stderr
