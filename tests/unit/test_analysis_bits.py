"""Bit maps of streams and files add up to what is stored."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
import fits_tiles
from astrocodec.analysis.bits.bits_map import bits_map
from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.errors import AstrocodecError, FormatError
from astrocodec.simulate import simulate

CORPUS = Path(os.environ.get("ASTROCODEC_CORPUS") or Path(__file__).resolve().parents[2] / ".." / "shared" / "corpus")
REAL = [
    CORPUS / f"{name}.fits.gz" for name in ("lco-sinistro_fa05_20211008", "lick-kast-blue_sci_20150520", "kpno-m51_b")
]
RNG = np.random.default_rng(8)

ARRAYS = {
    "uint16": RNG.normal(1000, 9, (300, 200)).astype(np.uint16),
    "int16 cube": RNG.normal(-50, 3, (3, 60, 70)).astype(np.int16),
    "int32 with low bits": RNG.normal(0, 1e7, (120, 130)).astype(np.int32),
    "float32": RNG.normal(0, 1, (90, 80)).astype(np.float32),
    "line": RNG.poisson(40, 5000).astype(np.int32),
    "noise of 8 bits": RNG.integers(0, 256, (64, 64)).astype(np.uint8),
    "stored": RNG.integers(0, 2**64, (30, 30), dtype=np.uint64),
    "constant": np.full((40, 50), 7, np.int16),
    "rescaled": (RNG.normal(1000, 20, (200, 200)).round() * 7.3).astype(np.uint16),
    "few values": RNG.choice(np.array([3, 900, 901, 40000], np.uint16), (100, 100)),
    "complex": (RNG.normal(0, 1, (50, 60)) + 1j * RNG.normal(0, 1, (50, 60))).astype(np.complex64),
    "small planes": RNG.normal(300, 9, (90, 20, 30)).astype(np.int16),
    "mask": RNG.random((70, 80)) < 0.1,
    "scalar": np.array(5, np.int16),
    "empty": np.zeros((0, 4), np.int16),
}


def check(found: BitsMap, total_bytes: int, tolerance: float = 1e-3) -> None:
    """Pixels and headers add up; so do the pixels' own bits to the payload."""
    assert found.total_bits == 8 * total_bytes
    assert found.payload_bits + found.header_bits == pytest.approx(found.total_bits)
    assert found.header_bits >= 0
    assert float(found.bits.sum(dtype=np.float64)) == pytest.approx(found.payload_bits, rel=tolerance, abs=16)
    assert (found.bits >= 0).all()


@pytest.mark.parametrize("name", ARRAYS)
def test_bits_of_streams_add_up(name: str) -> None:
    """For every kind of stream."""
    stream = astrocodec.encode(ARRAYS[name])
    found = bits_map(stream)
    assert found.bits.shape == ARRAYS[name].shape
    check(found, len(stream))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 100), st.integers(1, 150), st.integers(1, 64), st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_bits_of_streams_of_small_pieces_add_up(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    """Each piece rounds to a byte or two."""
    array = np.random.default_rng(seed).normal(500, 1 + seed % 90, (height, width)).astype(np.int16)
    found = bits_map(astrocodec.encode(array, piece_shape=(rows, columns)))
    payload = float(found.bits.sum(dtype=np.float64))
    assert payload == pytest.approx(found.payload_bits, rel=1e-3, abs=16 * found.pieces)


def test_a_bright_pixel_costs_more_than_its_neighbours() -> None:
    """And only it and those that come after."""
    frame = ARRAYS["uint16"].copy()
    before = bits_map(astrocodec.encode(frame)).bits
    frame[150, 100] = 30000
    after = bits_map(astrocodec.encode(frame)).bits
    assert after[150, 100] > before[150, 100] + 8
    np.testing.assert_array_equal(after[:150], before[:150])


def test_a_tuned_model_is_found_in_the_stream_or_given() -> None:
    """As for decoding."""
    model = astrocodec.tune(ARRAYS["uint16"], effort=1, max_bytes=200)
    inside = astrocodec.encode(ARRAYS["uint16"], model)
    beside = astrocodec.encode(ARRAYS["uint16"], model, embed_model=False)
    np.testing.assert_array_equal(bits_map(inside).bits, bits_map(beside, models=[model]).bits)
    check(bits_map(inside), len(inside))


@pytest.mark.parametrize("name", ["uint16", "int32 with low bits", "stored"])
def test_cut_streams_are_refused(name: str) -> None:
    stream = astrocodec.encode(ARRAYS[name])
    for length in (0, 1, 10, len(stream) // 2, len(stream) - 1):
        with pytest.raises(FormatError):
            bits_map(stream[:length])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["uint16", "int32 with low bits", "few values"]), st.integers(0, 10**6), st.integers(1, 255))
def test_damaged_streams_never_crash(name: str, at: int, change: int) -> None:
    """The map is not checked against the checksum: it may be of other pixels, or an error."""
    stream = bytearray(astrocodec.encode(ARRAYS[name][:40, :40]))
    stream[at % len(stream)] ^= change
    try:
        found = bits_map(bytes(stream))
    except AstrocodecError:
        return
    assert np.isfinite(found.bits).all()


@pytest.mark.parametrize("preset", ["ccd", "cmos", "xray", "infrared"])
def test_bits_of_simulated_frames_add_up(preset: str) -> None:
    frame = simulate(preset, shape=(512, 600), seed=2).data
    stream = astrocodec.encode(frame)
    check(bits_map(stream), len(stream))


@pytest.mark.skipif(not REAL[0].exists(), reason="the corpus of real files is not here; point ASTROCODEC_CORPUS at it")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_bits_of_real_frames_add_up(path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = fits.getdata(path)
    stream = astrocodec.encode(frame)
    check(bits_map(stream), len(stream))


# Files


@pytest.fixture
def frame() -> NDArray[Any]:
    """Some rows and columns that no tile divides."""
    return simulate("ccd", shape=(300, 420), seed=4).data


def write(path: Path, data: NDArray[Any], **options: Any) -> Path:
    """A FITS file with an empty primary HDU and a compressed image."""
    from astropy.io import fits

    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, **options)]).writeto(path)
    return path


@pytest.mark.parametrize("tuned", [False, True])
def test_bits_of_our_fits_files(frame: NDArray[Any], tmp_path: Path, tuned: bool) -> None:
    """HDU by HDU, the header and its tuned model apart."""
    from astropy.io import fits

    fits.writeto(tmp_path / "plain.fits", frame)
    fits_tiles.compress(tmp_path / "plain.fits", tmp_path / "ours.fits", tune=tuned, tile_shape=(128, 200))
    found = bits_map(tmp_path / "ours.fits")
    assert found.bits.shape == frame.shape
    assert found.pieces >= 9, "a tile has several where its bad columns are cut off"
    with fits.open(tmp_path / "ours.fits", disable_image_compression=True) as hdus:
        check(found, hdus[1].filebytes())
    check(bits_map(tmp_path / "ours.fits", hdu=1), found.total_bits // 8)


def test_bits_of_a_cube_that_astropy_wrote(tmp_path: Path) -> None:
    cube = np.random.default_rng(1).normal(100, 4, (3, 50, 60)).astype(np.int16)
    found = bits_map(write(tmp_path / "cube.fits", cube, compression_type="ASTROCODEC_1", tile_shape=(1, 50, 60)))
    assert found.bits.shape == cube.shape
    check(found, found.total_bits // 8)
    assert found.bits.mean() == pytest.approx(np.log2(4 * np.sqrt(2 * np.pi * np.e)), abs=0.15)


def test_bits_of_another_codec_are_spread_over_its_tiles(frame: NDArray[Any], tmp_path: Path) -> None:
    found = bits_map(write(tmp_path / "rice.fits", frame, compression_type="RICE_1"))
    assert found.modes == {"other": frame.shape[0]}
    assert np.ptp(found.bits, axis=1).max() == 0
    check(found, found.total_bits // 8)


def test_hdus_without_tiles_are_named(frame: NDArray[Any], tmp_path: Path) -> None:
    from astropy.io import fits

    fits.writeto(tmp_path / "plain.fits", frame)
    with pytest.raises(ValueError, match="no HDU holds tiles"):
        bits_map(tmp_path / "plain.fits")
    with pytest.raises(ValueError, match="HDU 0 holds no tiles; those that do: 1"):
        bits_map(write(tmp_path / "ours.fits", frame, compression_type="ASTROCODEC_1"), hdu=0)


def test_allocation_adds_up_to_the_file() -> None:
    """Sources, background and headers; bins of the SNR; sources one by one."""
    pytest.importorskip("photutils", reason="photutils is not installed")
    from astrocodec.analysis import allocation, background_map, snr_map, source_mask

    data = simulate("ccd", shape=(512, 600), seed=3).data
    stream = astrocodec.encode(data)
    bits, background = bits_map(stream), background_map(data)
    snr = snr_map(data, background)
    sources = source_mask(data, background, snr=snr)
    found = allocation(bits, sources, snr)
    assert found.sources + found.background + found.headers == pytest.approx(8 * len(stream))
    assert found.snr_bits.sum() + found.headers == pytest.approx(8 * len(stream))
    assert found.snr_pixels.sum() == data.size
    assert 0 < found.per_source.sum() <= found.sources * (1 + 1e-9)
    assert found.per_source.shape == (sources.count,)
    with pytest.raises(ValueError, match="shapes"):
        allocation(bits, sources, snr[1:])
