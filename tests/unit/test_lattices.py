"""Floats that are integers times a step, found by the encoder: docs/encoder.md section "Lattices"."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
from astrocodec._native.stream import _Threads

rng = np.random.default_rng(4)
# More values than a set has, so that steps alone make them small.
COUNTS = np.rint(rng.normal(90_000, 9_000, (120, 160))).astype("i4")
WORDS = (rng.normal(1000, 9, (120, 160)) + rng.exponential(60, (120, 160))).astype("u2")
F = np.float32


def through_fits(dtype: str, scale: float, zero: float, shift: int = 0) -> np.ndarray:
    """What astropy makes of integers with BSCALE and BZERO."""
    hdu = fits.PrimaryHDU((WORDS.astype("i4") - shift).astype(dtype))
    hdu.header["BSCALE"], hdu.header["BZERO"] = scale, zero
    file = io.BytesIO()
    hdu.writeto(file)
    with fits.open(io.BytesIO(file.getvalue())) as hdus:
        return np.array(hdus[0].data).astype(hdus[0].data.dtype.newbyteorder("="))


def spoiled(values: np.ndarray) -> np.ndarray:
    """With a field that ends, cosmic rays, a wrong pixel and oddities."""
    values = values.copy()
    values[:, :30], values[:20] = np.nan, 0
    values[60, 70:75] = values[60, 70:75] * F(1.37)
    values[100, 100], values[101, 100:103] = -0.0, (np.inf, -np.inf, 1e-42)
    values.view(f"u{values.itemsize}")[110, 100] ^= 1
    return values


MADE: dict[str, Callable[[], np.ndarray]] = {
    "a gain in float32": lambda: F(COUNTS) * F(1.7),
    "a gain in float64": lambda: COUNTS * 2.13e-5,
    "a gain in float64, rounded": lambda: F(COUNTS * 0.01),
    "float32 of a gain as float64": lambda: (F(COUNTS) * F(1.7)).astype("f8"),
    "an exposure time in float32": lambda: F(COUNTS) / F(30),
    "an exposure time in float64": lambda: COUNTS / 0.7,
    "averages of 3": lambda: F(COUNTS) / F(3),
    "averages of 7 in float64": lambda: COUNTS / 7,
    "less a bias, times a gain, in float32": lambda: (F(COUNTS) - F(1012.37)) * F(1.7),
    "less a bias, times a gain, in float64": lambda: (COUNTS - 1012.37) * 1.7,
    "less a sky": lambda: F((COUNTS - 90_000) * 1.3 - 0.4),
    "spoiled": lambda: spoiled(F(COUNTS) * F(1.7)),
    "spoiled float64": lambda: spoiled(COUNTS / 0.7),
}
STORED: dict[str, tuple[Any, ...]] = {
    "16 bits about a middle": ("i2", 0.01, 327.68, 32768),
    "16 bits": ("i2", 1.7, 2000.0),
    "16 bits, a small scale": ("i2", 2.13e-5, -0.7),
    "a third": ("i2", 1 / 3, 10000.0, 32768),
    "32 bits": ("i4", 0.013, -4.2),
    "64 bits": ("i8", 1 / 7, 0.0),
}


def check(values: np.ndarray, integers: np.ndarray, room: int, holds: str = "quantised") -> None:
    """Its stream is exact, and about as small as that of the integers."""
    stream = astrocodec.encode(values)
    assert astrocodec.decode(stream).tobytes() == values.tobytes()
    assert holds in astrocodec.inspect(stream).holds
    assert len(stream) <= 1.01 * len(astrocodec.encode(integers)) + room


@pytest.mark.parametrize("name", MADE)
def test_floats_take_no_more_than_their_integers(name: str) -> None:
    check(MADE[name](), COUNTS, 200 if name.startswith("spoiled") else 60)


@pytest.mark.parametrize("name", STORED)
def test_scaled_integers_of_files_take_no_more_than_they_did_there(name: str) -> None:
    check(through_fits(*STORED[name]), WORDS, 60, "")  # a set may do


def test_each_plane_may_have_a_scale_of_its_own() -> None:
    counts = np.stack([COUNTS, COUNTS[::-1], COUNTS[:, ::-1]])
    check(F(counts) * F([1.1, 0.9, 1.03])[:, None, None], counts, 100)


def test_steps_of_32_bits_are_found() -> None:
    wide = np.rint(rng.normal(8e8, 8e7, COUNTS.shape))
    check(wide * 0.3, wide, 60)


def test_integers_of_which_some_are_nan_are_steps_of_1() -> None:
    words = WORDS.astype("i4") - 1000
    check(np.where(words % 97 == 5, np.nan, words).astype("f4"), np.where(words % 97 == 5, -(2**31), words), 60)


@pytest.mark.parametrize("sigma", [9, 9000])
def test_rows_of_the_middle_tell_which_way_pieces_are_coded(sigma: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By steps, or by ranks or bits: few values take as many bytes either way, many take fewer by steps."""
    coded: list[int] = []
    run = _Threads._run

    def counting(self: _Threads, *task: Any) -> None:
        coded.append(task[-1])
        run(self, *task)

    monkeypatch.setattr(_Threads, "_run", counting)
    values = F(np.rint(rng.normal(90_000, sigma, (256, 256)))) * F(1.7)
    stream = astrocodec.encode(values, piece_shape=(128, 256), workers=2)
    assert "quantised" in astrocodec.inspect(stream).holds
    assert coded == [2]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_is_no_lattice_stays_what_it_was(dtype: str) -> None:
    noise = rng.normal(100, 3, (90, 100))
    for values in (noise, np.exp(noise / 50), np.sqrt(COUNTS), noise.astype("f2"), noise * 0, np.full((9, 9), np.nan)):
        stream = astrocodec.encode(values.astype(dtype))
        assert "quantised" not in astrocodec.inspect(stream).holds
        assert astrocodec.decode(stream).tobytes() == values.astype(dtype).tobytes()
