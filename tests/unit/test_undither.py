"""Undither: floats quantised for FITS tiles are told from their values, and cost what the tiles' integers do."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import astrocodec
from astrocodec import Quantised
from astrocodec.stages.quantise import NULL_STEP, restore

Array = NDArray[Any]


def frame(shape: tuple[int, ...], level: float, sigma: float, dtype: str = "f4") -> Array:
    """Noise and stars."""
    rng = np.random.default_rng(4)
    image = rng.normal(level, sigma, shape)
    rows = image.reshape(-1, shape[-1])
    for _ in range(30):
        y, x = rng.integers(2, rows.shape[0] - 2), rng.integers(2, shape[-1] - 2)
        rows[y - 2 : y + 3, x - 2 : x + 3] += sigma * 10 ** rng.uniform(1, 3)
    return image.astype(dtype)


def unpacked(
    image: Array, tile: tuple[int, ...], level: float, method: int, seed: int = 1234
) -> tuple[Array, Quantised]:
    """What a file of quantised tiles gives, and its own scales and zeros."""
    file = io.BytesIO()
    how = {"quantize_level": level, "quantize_method": method, "dither_seed": seed, "tile_shape": tile}
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type="RICE_1", **how)]).writeto(file)
    values = fits.getdata(io.BytesIO(file.getvalue()), 1)
    with fits.open(io.BytesIO(file.getvalue()), disable_image_compression=True) as hdus:
        table = hdus[1].data
    null: dict[str, Any] = {}
    if np.isnan(values).any():
        null = {"null": NULL_STEP, "null_bits": 0x7FC00000}
    q = Quantised(table["ZSCALE"], table["ZZERO"], tile[-2:], dither=max(0, method), seed=seed - 1, **null)  # type: ignore[arg-type]
    return values.astype(values.dtype.newbyteorder("=")), q


def is_same(stream: bytes, values: Array) -> bool:
    return astrocodec.decode(stream).tobytes() == values.tobytes()


KINDS: dict[str, tuple[Array, tuple[int, ...], float, int]] = {
    "few steps": (frame((90, 400), 1000, 10), (1, 400), 1, 1),
    "many steps": (frame((90, 400), -30, 10), (1, 400), 16, 1),
    "coarse floats": (frame((90, 400), 1e5, 10), (1, 400), 16, 1),
    "zeros apart": (frame((90, 400), 0, 1), (1, 400), 4, 2),
    "cube": (frame((4, 30, 400), 50, 10), (1, 1, 400), 4, 1),
    "tiles": (frame((210, 310), 1000, 10), (100, 100), 16, 1),
    "small tiles": (frame((256, 256), 1000, 10), (64, 64), 4, 1),
    "bands": (frame((100, 400), 1000, 10), (16, 400), 4, 2),
    "doubles": (frame((90, 400), 1000, 10, "f8"), (1, 400), 4, 1),
}
KINDS["zeros apart"][0][20:50, 30:60] = 0


@pytest.mark.parametrize("kind", KINDS)
def test_floats_cost_what_their_integers_cost(kind: str) -> None:
    values, own = unpacked(*KINDS[kind])
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    assert len(stream) < 1.03 * len(astrocodec.encode(values, quantised=own))
    _, found = astrocodec.quantised(stream)
    assert found.dither
    assert found.seed == own.seed
    assert found.exceptions.length.sum() < values.size / 200


@pytest.mark.parametrize("kind", ["few steps", "zeros apart"])
def test_float64_copies_cost_what_float32_does(kind: str) -> None:
    values, own = unpacked(*KINDS[kind])
    wide = values.astype("f8")
    stream = astrocodec.encode(wide)
    assert is_same(stream, wide)
    assert len(stream) < 1.01 * len(astrocodec.encode(values, quantised=own))
    assert astrocodec.quantised(stream)[1].arithmetic == 8


def test_images_that_were_multiplied_afterwards_end_the_search_soon() -> None:
    def seconds(image: Array) -> float:
        began = time.process_time()
        astrocodec.encode(image)
        return time.process_time() - began

    rng = np.random.default_rng(5)
    steps, scale = np.floor(rng.normal(0, 20, (300, 1000))).astype("i4"), rng.uniform(1, 1.3, 300)
    own = Quantised(scale, rng.integers(-99, 99, 300) * scale, (1, 0), dither=1, seed=17)
    values = restore(steps, own, np.dtype("f4")) * np.float32(1.1)
    noise = rng.permuted(values, axis=1)
    assert min(seconds(values) for _ in range(3)) < 5 * min(seconds(noise) for _ in range(3))  # all tiles took 30


def test_no_value_has_a_step_of_its_own() -> None:
    image = frame((90, 400), 1000, 10)
    image[20:40, 100:300] = np.nan
    values, own = unpacked(image, (1, 400), 4, 1)
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    assert len(stream) < 1.03 * len(astrocodec.encode(values, quantised=own))


@pytest.mark.parametrize("level", [1, 16])
def test_rows_without_dither_have_scales_of_their_own(level: float) -> None:
    values, own = unpacked(frame((90, 400), 1000, 10), (1, 400), level, -1)
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    _, found = astrocodec.quantised(stream)
    assert (found.dither, found.tile_shape) == (0, (1, 0))
    assert len(stream) < 1.1 * len(astrocodec.encode(values, quantised=own))


@pytest.mark.parametrize(
    ("shape", "tile", "seed", "cut"),
    [
        ((120, 700), (1, 700), 9950, np.s_[17:107, 211:600]),
        ((6, 3000), (1, 3000), 1, np.s_[2:, 100:]),
        ((30, 21000), (1, 21000), 77, np.s_[5:25, 10900:11400]),
        ((420, 430), (100, 100), 3, np.s_[37:380, 123:]),
        ((90, 900), (16, 900), 3, np.s_[5:, 210:800]),
    ],
)
def test_cut_outs_begin_anywhere(shape: tuple[int, ...], tile: tuple[int, ...], seed: int, cut: Any) -> None:
    values, _ = unpacked(frame(shape, 1000, 10), tile, 4, 1, seed)
    part = np.ascontiguousarray(values[cut])
    stream = astrocodec.encode(part)
    assert is_same(stream, part)
    _, found = astrocodec.quantised(stream)
    assert found.origin[1] % tile[1] == cut[1].start % tile[1]
    assert not found.exceptions.length.sum()


def test_a_part_of_a_cube_skips_rows_from_plane_to_plane() -> None:
    values, _ = unpacked(frame((3, 60, 300), 1000, 10), (1, 1, 300), 4, 1)
    part = np.ascontiguousarray(values[:, 11:40, 30:])
    _, found = astrocodec.quantised(astrocodec.encode(part))
    assert (found.seed, found.origin[1], found.whole[0]) == (1233 + 11, 30, 60)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_was_changed_afterwards_is_exact(dtype: str) -> None:
    values, _ = unpacked(frame((90, 400), 10, 5, dtype), (1, 400), 4, 1)
    unsigned = values.view(f"u{values.itemsize}")
    quiet, wide = (0x7FC00000, 32) if dtype == "f4" else (0x7FF8 << 48, 64)
    unsigned[3, 5:9] = [quiet, quiet + 1, quiet >> 1 | 1 << (wide - 1), 1 << (wide - 1)]
    unsigned[30, 100:103] = [1, (1 << (wide - 1)) + 3, quiet - (quiet & -quiet)]
    values[50:54] *= 1.01
    values[60] = 7
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    assert astrocodec.quantised(stream)[1].dither


@pytest.mark.parametrize("value", [-9999, 65535, 1e30])
def test_pixels_that_were_set_to_a_value_afterwards_are_exceptions(value: float) -> None:
    values, _ = unpacked(frame((90, 400), 1000, 10), (1, 400), 4, 1)
    values.ravel()[np.random.default_rng(4).choice(values.size, 60, replace=False)] = value
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    assert astrocodec.quantised(stream)[1].exceptions.length.sum() < 300


def others() -> dict[str, Array]:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:90, :400]
    dithered = unpacked(frame((90, 400), 1000, 10), (1, 400), 4, 1)[0]
    return {
        "noise": rng.normal(100, 5, (90, 400)).astype("f4"),
        "integers": rng.poisson(900, (90, 400)).astype("f4"),
        "smooth": (np.sin(x / 50) * np.cos(y / 30)).astype("f4"),
        "zeros": np.zeros((90, 400), "f4"),
        "nulls": np.full((90, 400), np.nan, "f4"),
        "large": rng.normal(0, 1e308, (90, 400)),
        "processed": dithered * np.float32(1.1) - rng.normal(20, 1, (90, 400)).astype("f4"),
        "few of the rows": np.concatenate([dithered[:20], rng.normal(1000, 10, (70, 400)).astype("f4")]),
    }


@pytest.mark.parametrize("kind", others())
def test_other_floats_have_no_dither(kind: str) -> None:
    values = others()[kind]
    stream = astrocodec.encode(values)
    assert is_same(stream, values)
    assert "dither" not in (astrocodec.inspect(stream).holds or "")
