"""Bins: floats around zero, by the bin that they are in and their place there."""

from __future__ import annotations

import numpy as np
import pytest

import astrocodec
from astrocodec import Model, _native
from astrocodec.errors import CorruptError
from astrocodec.stages import reference
from astrocodec.stages.bins import Bins, bins_of, float_bits, pack_places, unpack_places
from astrocodec.stages.widths import Choice

RNG = np.random.default_rng(4)
NOISE = RNG.normal(size=(256, 256))
ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -1e-310, 2.0**-1022, 1.7e308, 1e-45, 1, -1])


def encode_one(model: Model, samples: np.ndarray, thorough: bool, choice: Choice | None) -> bytes:
    return _native.encode_piece(_native.native_model(model), samples, thorough, choice)


def bits_of(values: np.ndarray) -> float:
    stream = astrocodec.encode(values)
    assert astrocodec.decode(stream).tobytes() == values.tobytes()
    return 8 * len(stream) / values.size


@pytest.mark.parametrize(("dtype", "floor"), [("f4", 26.5), ("f8", 55.5), ("f2", 13.5)])
def test_noise_around_zero_takes_what_it_must(dtype: str, floor: float) -> None:
    """Log2 of sigma · sqrt(2πe), less the mean of log2 of the distance between floats."""
    assert floor - 0.1 < bits_of((NOISE * 37).astype(dtype)) < floor + 0.12
    assert (
        bits_of((NOISE * 37).astype(dtype)[None, :128] * np.array([1, 40])[:, None, None].astype(dtype)) < floor + 0.3
    )


def test_stars_beside_a_sky_around_zero_take_no_more_than_their_digits() -> None:
    y, x = np.indices((120, 130))
    sky = RNG.normal(size=y.shape) + 4e5 * np.exp(-((y - 60) ** 2 + (x - 40) ** 2) / 30)
    assert bits_of(sky.astype("f4")) < 26.9


@pytest.mark.parametrize("trailing", [0, 7])
@pytest.mark.parametrize("linear", [0, 1, 9])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_every_float_has_a_bin(dtype: str, linear: int, trailing: int) -> None:
    if trailing + linear > 10 and dtype == "f2":
        return
    size = np.dtype(dtype).itemsize
    raw = RNG.integers(0, 2**64, 4000, np.uint64).astype(f"u{size}")
    with np.errstate(over="ignore"):
        values = np.concatenate([raw.view(dtype), ODD.astype(dtype)])
    bits = float_bits(values, trailing)
    for first in (1, 9, bins_of(np.dtype(dtype), trailing, 1, 0).exponents - 1 - linear):
        bins = bins_of(np.dtype(dtype), trailing, first, linear)
        assert bins.are_there
        k, places, taken = bins.take(bits)
        assert (bins.floats(k, places) == bits).all()
        assert (bins.taken_by(k) == taken).all()
        assert (places >> taken.astype(np.uint64) == 0).all()
        numbers = np.flatnonzero(np.isfinite(values) & (values != 0))
        assert (np.diff(k[numbers[np.argsort(values[numbers])]]) >= 0).all()
    assert not bins_of(np.dtype(dtype), trailing, bins.first + 1, linear).are_there


def test_places_are_packed_by_their_bits() -> None:
    taken = RNG.integers(0, 64, 300)
    places = RNG.integers(0, 2**63, 300, np.uint64) >> (63 - taken).astype(np.uint64)
    packed = pack_places(places, taken)
    assert (unpack_places(packed[2:], taken) == places).all()
    with pytest.raises(CorruptError, match="the samples need"):
        unpack_places(packed[2:-1], taken)


def test_a_bin_that_there_is_not() -> None:
    bins = Bins(23, 256, 250, 3)
    assert bins.taken_by(np.array([bins.each_sign - 1, -bins.each_sign])).tolist() == [20, 20]
    with pytest.raises(CorruptError, match="there are 32 of a sign"):
        bins.taken_by(np.array([-33]))


def test_floats_far_from_zero_keep_their_bits() -> None:
    """The same digits for all: the bits themselves are as good, and are modelled to the last one that tells."""
    values = (NOISE[:64, :64] * 1e-4 + 1000).astype("f4")
    assert bits_of(values) < 4


def test_bits_that_show_few_differences_are_tried_beside_bins() -> None:
    """Tables of their differences take what uniform floats must, 26 bits; models of bins a third of a bit more."""
    values = np.random.default_rng(7).uniform(-1, 1, (512, 512)).astype("f4")
    assert bits_of(values) < 26.2
    cube = RNG.normal(size=(3, 40, 40)) + 1j * RNG.uniform(-1, 1, (3, 40, 40))
    for some in (values[:90, :90], cube, cube.imag.astype("f4")):
        choices = [(astrocodec.load_model(), b"")]
        assert astrocodec.encode(some) == reference.encode_stream(some, choices, encode_one=encode_one)
