"""Quantise: floats of steps, by both codecs, and as astropy and cfitsio make them."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import astrocodec
import hdf5_filter
from astrocodec import Quantised, load_model
from astrocodec.analysis.bits.stream_bits import stream_bits
from astrocodec.errors import FormatError, ModelNotFoundError
from astrocodec.stages import reference
from astrocodec.stages.quantise import (
    NULL_STEP,
    ZERO_STEP,
    Exceptions,
    Tiling,
    find_steps,
    random_numbers,
    restore,
    shift_steps,
)
from astrocodec.stages.stream import QUANTISE, read_header

Array = NDArray[Any]
SHAPES: dict[tuple[int, ...], dict[str, Any]] = {
    (): {},
    (61,): {"tile_shape": (0, 9)},
    (3, 30, 41): {"tile_shape": (40, 17), "stacked": True},
    (2, 2, 11, 41): {"tile_shape": (4, 0), "origin": (2, 5), "whole": (60, 47)},
}
KINDS = [(0, 0), (1, 0), (2, 0), *((0, arithmetic) for arithmetic in range(1, 8))]


def made(shape: tuple[int, ...], dither: int, arithmetic: int, **more: Any) -> tuple[Array, Quantised]:
    """Steps of noise, and scales and zeros for them."""
    rng = np.random.default_rng(1)
    q = Quantised(np.ones(1), np.zeros(1), dither=dither, arithmetic=arithmetic, seed=9998 if dither else 0, **more)
    count = Tiling.of(q, shape).number
    scale = rng.uniform(0.9, 1.1, count)
    zero = rng.normal(0, 99, count).round() * scale + np.where(rng.random(count) < 0.3, 0.1, 0)
    steps = np.asarray(rng.normal(0, 9, shape).round().astype(np.int64) + 700)
    return steps, dataclasses.replace(q, scale=1 / scale if arithmetic & 2 else scale, zero=zero)


def bits(values: Array) -> Array:
    return values.view(f"u{values.dtype.itemsize}")


@pytest.mark.parametrize(
    ("shape", "dither", "arithmetic", "dtype"),
    [((3, 30, 41), *kind, dtype) for kind in KINDS for dtype in ("f4", "f8")]
    + [((61,), 0, arithmetic, "f8") for arithmetic in range(8, 16)]
    + [((61,), dither, 8, "f8") for dither in (1, 2)]
    + [(s, 1, 0, "f4") for s in SHAPES],
)
def test_both_codecs_agree(shape: tuple[int, ...], dither: int, arithmetic: int, dtype: str) -> None:
    steps, q = made(shape, dither, arithmetic, **SHAPES[shape])
    stream = astrocodec.encode_quantised(steps, q, dtype)
    again = astrocodec.quantised(stream)
    assert again is not None
    np.testing.assert_array_equal(again[0], steps)
    for name in ("scale", "zero"):
        assert getattr(again[1], name).tobytes() == getattr(q, name).tobytes()
    assert dataclasses.replace(again[1], level=0, **_tables(q)).__dict__ == {**q.__dict__, "null_bits": None}
    shifted = shift_steps(steps, again[1])
    assert reference.encode_steps(shifted, again[1], np.dtype(dtype), [(load_model(), b"")]) == stream
    values = restore(shifted, again[1], np.dtype(dtype))
    for found in (astrocodec.decode(stream), reference.decode_stream(memoryview(stream))):
        np.testing.assert_array_equal(bits(found), bits(values))
    assert stream_bits(stream).bits.shape == shape


def _tables(q: Quantised) -> dict[str, Any]:
    return {"scale": q.scale, "zero": q.zero, "exceptions": q.exceptions}


@pytest.mark.parametrize("method", [-1, 1, 2])
@pytest.mark.parametrize(
    ("algorithm", "tile", "seed"),
    [("RICE_1", (1, 1, 110), 1), ("RICE_1", (1, 30, 40), 9990), ("GZIP_2", (2, 70, 110), 77)],
)
def test_it_is_what_fits_files_hold(algorithm: str, tile: tuple[int, int, int], seed: int, method: int) -> None:
    image = np.random.default_rng(3).normal(100, 5, (3, 70, 110)).astype("f4")
    image[0, 50:60, 50:60] = 0
    image[1, :4, 5:9] = np.nan
    file = io.BytesIO()
    settings = {"compression_type": algorithm, "quantize_level": 4, "quantize_method": method, "dither_seed": seed}
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, tile_shape=tile, **settings)]).writeto(file)
    values = fits.getdata(io.BytesIO(file.getvalue()), 1).astype("f4")
    with fits.open(io.BytesIO(file.getvalue()), disable_image_compression=True) as hdus:
        table = hdus[1].data
    how = {"dither": max(0, method), "seed": seed - 1, "tile_shape": (tile[0] * tile[1], tile[2])}
    null_bits = int(bits(values[np.isnan(values)])[0])
    q = Quantised(table["ZSCALE"], table["ZZERO"], stacked=tile[0] > 1, null=NULL_STEP, null_bits=null_bits, **how)
    shifted, found = find_steps(values, q)
    assert not found.exceptions.first.size
    section = found.to_bytes(values.dtype, values.shape)
    if q.scale.size > 100:  # less than the scale alone
        assert len(section) < (7.5 if method == 2 else 6) * q.scale.size
    again = Quantised.read(section, values.dtype, values.shape)
    assert (again.scale.tobytes(), again.zero.tobytes()) == (q.scale.tobytes(), q.zero.tobytes())
    stream = astrocodec.encode(values, quantised=q, verify=True)
    assert "quantised" in astrocodec.inspect(stream).holds
    assert len(stream) < 0.2 * values.nbytes
    assert abs(shifted[shifted > ZERO_STEP]).max() < 200


def test_numbers_are_those_of_the_standard() -> None:
    numbers = random_numbers()
    assert numbers.dtype == np.float32
    assert numbers[-1] == np.float32(1043618065 / (2**31 - 1))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_elements_that_no_step_gives_are_exceptions(dtype: str) -> None:
    steps, q = made((30, 41), 2, 0, tile_shape=(1, 0), null=NULL_STEP)
    values = astrocodec.decode(astrocodec.encode_quantised(steps, q, dtype))
    special = np.array([np.inf, -np.inf, -0.0, np.nan, np.finfo(dtype).smallest_subnormal, 1e30, 0.0, 0.0], dtype)
    values[3, :8], values[7, 5:], values[9, 0] = special, np.float32(0.1), -special[0]
    bits(values)[11, :3] = bits(special)[3] ^ 1  # another NaN
    stream = astrocodec.encode(values, quantised=q, verify=True)
    again = astrocodec.quantised(stream)
    assert again is not None
    found = again[1].exceptions
    assert (found.first.tolist(), found.length.tolist()) == (
        [123, 124, 125, 127, 128, 292, 369, 451],
        [1, 1, 1, 1, 1, 36, 1, 3],
    )
    assert again[0][3, 3] == NULL_STEP
    assert (again[0][3, 6:8] == ZERO_STEP).all()
    np.testing.assert_array_equal(bits(reference.decode_stream(memoryview(stream))), bits(values))


def test_a_tile_that_was_not_quantised_costs_its_bits() -> None:
    steps, q = made((40, 50), 1, 0, tile_shape=(1, 0))
    values = astrocodec.decode(astrocodec.encode_quantised(steps, q))
    before = len(astrocodec.encode(values, quantised=q))
    values[8] = np.pi
    one = len(astrocodec.encode(values, quantised=q))
    values[8] = np.random.default_rng(1).normal(700, 9, 50)
    many = astrocodec.encode(values, quantised=q, verify=True)
    assert before - 40 < one < before + 20
    assert 50 * 4 - 40 < len(many) - before < 50 * 4 + 40
    assert "quantised" in astrocodec.inspect(many).holds


def test_wrong_parameters_do_no_harm() -> None:
    values = np.random.default_rng(1).normal(0, 1, (40, 50)).astype("f4")
    q = Quantised(np.ones(40), np.zeros(40), tile_shape=(1, 0), dither=1)
    stream = astrocodec.encode(values, quantised=q, verify=True)
    assert stream == astrocodec.encode(values)
    assert astrocodec.quantised(stream) is None


def test_what_is_not_allowed_is_refused() -> None:
    steps, q = made((10, 20), 1, 0, tile_shape=(1, 0))
    for change in (
        {"dither": 4},
        {"arithmetic": 1},
        {"arithmetic": 9},
        {"seed": 10000},
        {"scale": np.zeros(10)},
        {"zero": np.full(10, np.nan)},
        {"zero": np.zeros(9)},
        {"tile_shape": (-1, 0)},
        {"whole": (9, 0)},
        {"null": 1 << 31},
        {"null": 0, "null_bits": 1 << 32},
        {"exceptions": Exceptions(np.array([200]), np.array([1]), np.array([0], np.uint64))},
        {"exceptions": Exceptions(np.array([3, 3]), np.array([1, 1]), np.array([0, 0], np.uint64))},
    ):
        with pytest.raises(ValueError, match=r"allowed|needed|finite|ascend"):
            astrocodec.encode_quantised(steps, dataclasses.replace(q, **change))
    with pytest.raises(ValueError, match="32-bit"):
        astrocodec.encode_quantised(steps * 2**33, q)
    with pytest.raises(ValueError, match="stands for null"):
        astrocodec.encode_quantised(steps, dataclasses.replace(q, zero=0 * q.zero, null=0))
    with pytest.raises(TypeError, match="integers"):
        astrocodec.encode_quantised(steps.astype("f4"), q)
    with pytest.raises(TypeError, match="f4, f8"):
        astrocodec.encode_quantised(steps, q, "f2")
    with pytest.raises(ValueError, match="f4 and f8"):
        astrocodec.encode(steps, quantised=q)


def test_damaged_sections_are_told_alike_by_both_codecs() -> None:
    steps, q = made((6, 50), 2, 0, tile_shape=(1, 0), null=NULL_STEP)
    values = astrocodec.decode(astrocodec.encode_quantised(steps, q))
    values[2, 3:9] = np.pi
    stream = astrocodec.encode(values, quantised=q)
    section = read_header(memoryview(stream))[0].body_of(QUANTISE) or b""
    start = stream.index(section)
    rng = np.random.default_rng(1)
    for at in [*range(20), *rng.integers(20, len(section), 60)]:
        damaged = bytearray(stream)
        damaged[start + at] ^= 1 << int(rng.integers(8))
        kinds = []
        for decode in (astrocodec.decode, lambda data: reference.decode_stream(memoryview(data))):
            with pytest.raises(FormatError) as found:
                decode(bytes(damaged))
            kinds.append(type(found.value))
        assert kinds[0] is kinds[1], at


def test_all_doors_give_the_floats(tmp_path: Path) -> None:
    steps, q = made((30, 41), 1, 0, tile_shape=(1, 0))
    stream = astrocodec.encode_quantised(steps, q)
    values = astrocodec.decode(stream, workers=2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("a", shape=values.shape, dtype="f4", chunks=values.shape, **hdf5_filter.AstroCodec())
        data.id.write_direct_chunk((0, 0), stream)
        np.testing.assert_array_equal(bits(data[...]), bits(values))
    out = np.empty(values.shape, ">f4")
    np.testing.assert_array_equal(astrocodec.decode(stream, out=out), values)


def test_a_tuned_model_of_the_steps_goes_along() -> None:
    steps, q = made((70, 80), 1, 0, tile_shape=(1, 0))
    first = astrocodec.encode_quantised(steps, q)
    model = astrocodec.tune(shift_steps(steps, dataclasses.replace(q, level=0.0)), effort=1)
    stream = astrocodec.encode_quantised(steps, q, model=model)
    np.testing.assert_array_equal(astrocodec.decode(stream), astrocodec.decode(first))
    again = astrocodec.quantised(stream)
    assert again is not None
    np.testing.assert_array_equal(again[0], steps)
    outside = astrocodec.encode_quantised(steps, q, model=model, embed_model=False)
    with pytest.raises(ModelNotFoundError):
        astrocodec.quantised(outside)
    assert astrocodec.quantised(outside, models=[model]) is not None
