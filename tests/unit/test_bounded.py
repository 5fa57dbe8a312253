"""Bounded loss: every element is within its bound, and what is said of the loss is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import astrocodec
from astrocodec import Bound
from astrocodec.added_variance import added_variance
from astrocodec.stages import reference
from astrocodec.stages.curves import Octaves

_RNG = np.random.default_rng(7)
NOISE = 9.0


def sky(dtype: str, shape: tuple[int, ...] = (96, 130), level: float = 120.0) -> NDArray[Any]:
    """Gaussian noise on a level, some sources, in a type."""
    values = np.random.default_rng(3).normal(level, NOISE, shape)
    values[..., 40:44, 60:64] += 90
    return np.clip(values, 0, 255).astype(dtype) if dtype == "u1" else values.astype(dtype)


def lossy(values: NDArray[Any], **how: Any) -> tuple[NDArray[Any], astrocodec.Loss | None]:
    """What comes back, by both decoders, and what is said of it."""
    stream = astrocodec.encode(values, **how)
    decoded = astrocodec.decode(stream)
    again = reference.decode_stream(memoryview(stream))
    assert decoded.dtype == values.dtype
    assert again.tobytes() == decoded.tobytes()
    return decoded, astrocodec.inspect(stream).loss


BOUNDS: list[dict[str, Any]] = [
    {"max_error": "0.5sigma"},
    {"max_error": "3 sigma"},
    {"max_error": 4},
    {"max_error": "3%"},
    {"noise_increase": "2%"},
    {"noise_increase": 0.6},
    {"bound": Bound(noise_increase="5%", gain=1.6, read_noise=5)},
    {"bound": Bound(max_error="0.7sigma", gain=1.6)},
    {"bound": Bound(max_error="1sigma", dither=True)},
    {"bound": Bound(noise_increase="5%", protect_sources=True)},
]


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "u4", "f4", "f8"])
@pytest.mark.parametrize("how", BOUNDS, ids=str)
def test_no_element_is_beyond_its_bound(how: dict[str, Any], dtype: str) -> None:
    values = sky(dtype)
    decoded, loss = lossy(values, **how)
    assert loss is not None
    error = np.abs(decoded.astype("f8") - values)
    share = error / np.abs(values) if loss.kind == "relative" else error
    assert share.max() == pytest.approx(loss.largest_error)
    assert loss.largest_error <= loss.max_error
    assert (error**2).mean() == pytest.approx(loss.variance, rel=1e-6)
    if loss.kind in ("absolute", "relative"):
        assert loss.max_error == loss.asked
    elif "bound" not in how and loss.kind == "noise":
        assert loss.max_error <= loss.asked * NOISE * 1.1
    elif "bound" not in how:
        assert loss.noise_increase == pytest.approx(loss.asked, rel=0.1)


def test_a_trellis_takes_less_than_rounding_at_equal_noise() -> None:
    values = np.random.default_rng(1).normal(1000, 30, (400, 400)).astype("f4")
    by_trellis = astrocodec.encode(values, noise_increase="1%")
    loss = astrocodec.inspect(by_trellis).loss
    assert loss is not None
    by_rounding = astrocodec.encode(values, max_error=np.sqrt(3 * loss.variance))
    assert len(by_trellis) < 0.965 * len(by_rounding)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("how", [{"max_error": "0.5sigma"}, {"noise_increase": "1%"}, {"max_error": "1%"}], ids=str)
def test_what_is_no_number_comes_back_bit_by_bit(how: dict[str, Any], dtype: str) -> None:
    values = sky(dtype)
    values[3:9, 5:50] = np.nan
    values[20, 7], values[21, :3] = np.inf, -np.inf
    values.view(f"u{values.itemsize}")[30, 2] = np.array(np.nan, dtype).view(f"u{values.itemsize}") + 5
    decoded, loss = lossy(values, **how)
    kept = ~np.isfinite(values)
    assert loss is not None
    assert (decoded[kept].view("u1") == values[kept].view("u1")).all()
    assert np.isfinite(decoded[~kept]).all()


def test_blank_and_saturated_elements_come_back() -> None:
    values = sky("i2")
    values[5:9], values[50:54, 9:14] = -32768, 32000
    for how in ({"noise_increase": "5%"}, {"max_error": "1sigma"}):
        decoded, loss = lossy(values, bound=Bound(**how, blank=-32768, saturation=32000))  # type: ignore[arg-type]
        assert loss is not None
        assert loss.max_error < 20
        assert (decoded[5:9] == -32768).all()
        assert (decoded[50:54, 9:14] == 32000).all()
        used = (values != -32768) & (values != 32000)
        changes = (decoded - values.astype("f8"))[used]
        assert loss.variance == pytest.approx((changes**2).mean())


def test_a_relative_bound_keeps_signs_and_zeros() -> None:
    values = (10 ** _RNG.uniform(-30, 30, (60, 70)) * _RNG.choice([-1, 0, 1], (60, 70))).astype("f4")
    values[0, :3] = -0.0, 1e-42, np.finfo("f4").max
    decoded, _ = lossy(values, max_error="0.5%")
    assert (np.signbit(decoded) == np.signbit(values)).all()
    assert ((decoded == 0) == (values == 0)).all()
    assert (np.abs(decoded.astype("f8") - values) <= 0.005 * np.abs(values.astype("f8"))).all()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4"])
def test_integers_at_the_ends_of_their_range(dtype: str) -> None:
    ends = np.iinfo(dtype)
    values = _RNG.choice([ends.min, ends.max, ends.min + 1, ends.max - 1], (40, 50)).astype(dtype)
    for how in ({"max_error": 3}, {"max_error": "2%"}, {"noise_increase": 0.1}):
        decoded, loss = lossy(values, **how)  # type: ignore[arg-type]
        error = np.abs(decoded.astype("f8") - values)
        assert (
            loss is None or (error <= (0.02 * np.abs(values.astype("f8")) if "%" in str(how) else loss.max_error)).all()
        )


@pytest.mark.parametrize(
    "values",
    [
        np.full((70, 80), 3.25, "f4"),
        np.full((70, 80), np.nan, "f4"),
        np.zeros((0, 5), "f4"),
        np.array(4.0, "f4"),
        np.arange(30, dtype="u2"),
        np.indices((70, 80)).sum(0).astype("u2"),
    ],
    ids=["flat", "all NaN", "empty", "scalar", "30 pixels", "ramp"],
)
def test_without_noise_nothing_is_lost_in_its_name(values: NDArray[Any]) -> None:
    for how in ({"max_error": "1sigma"}, {"noise_increase": "5%"}):
        decoded, loss = lossy(values, **how)  # type: ignore[arg-type]
        assert loss is None
        assert np.array_equal(decoded, values, equal_nan=values.dtype.kind == "f")


def test_noise_that_differs_grows_by_the_same_share() -> None:
    noise = np.where(np.arange(256) < 128, 2.0, 20.0)
    values = np.random.default_rng(5).normal(50, noise, (192, 256)).astype("f4")
    for how, share in (({"noise_increase": "2%"}, 0.02), ({"max_error": "0.5sigma"}, 0.0408)):
        loss = astrocodec.inspect(astrocodec.encode(values, **how)).loss  # type: ignore[arg-type]
        assert loss is not None
        assert loss.noise_increase == pytest.approx(share, rel=0.15)  # of the smaller noise its variance is far more


def test_a_level_that_is_not_moved_for_nothing() -> None:
    flat = np.full((70, 80), 1001, "i2")
    assert lossy(flat, max_error=2)[1] is None
    flat[20:] += np.rint(np.random.default_rng(1).normal(0, 9, (50, 80))).astype("i2")
    decoded, loss = lossy(flat, max_error=2)
    assert loss is not None
    assert (decoded[:20] == 1001).all()


@pytest.mark.parametrize("how", [{"max_error": "0.5sigma"}, {"noise_increase": "1%"}], ids=str)
def test_a_quiet_corner_keeps_its_noise(how: dict[str, Any]) -> None:
    values = np.random.default_rng(1).normal(100, 10, (512, 640)).astype("f4")
    values[:128, :192] = np.random.default_rng(2).normal(100, 0.1, (128, 192))
    decoded = astrocodec.decode(astrocodec.encode(values, **how))
    assert np.abs(decoded - values)[:128, :192].max() < 0.1
    assert np.abs(decoded - values)[200:].max() > 1


@pytest.mark.parametrize(("dtype", "blank"), [("i2", 0), ("i2", -7), ("f4", -999.0), ("f8", 9.96920996838687e36)])
def test_no_pixel_becomes_blank(dtype: str, blank: float) -> None:
    values = np.rint(np.random.default_rng(0).normal(0, 3, (64, 64))).astype(dtype)
    values[0, :5] = blank
    if dtype == "f8":
        values[9:12] = np.nan
    for how in ({"noise_increase": "9%"}, {"max_error": 2}, {"max_error": "1sigma"}):
        decoded, loss = lossy(values, bound=Bound(**how, blank=blank))  # type: ignore[arg-type]
        # amid the values it would shift the mean that none of them may become the blank
        assert (loss is None) == (blank == 0 and how == {"max_error": 2})
        assert ((decoded == blank) == (values == blank)).all()
        assert (np.isnan(decoded) == np.isnan(values)).all()
        assert loss is None or loss.max_error < 12


FEW_PHOTONS = [
    (5, 3, {"noise_increase": "1%", "gain": 3, "read_noise": 5}),
    (5, 1, {"noise_increase": "1%", "gain": 1}),
    (0.5, 1, {"max_error": 1}),
]


@pytest.mark.parametrize(("sky", "gain", "how"), FEW_PHOTONS)
def test_integers_of_few_photons_keep_their_mean(sky: float, gain: float, how: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    electrons = random.poisson(sky * gain, (256, 256)) + random.normal(0, how.get("read_noise", 0), (256, 256))
    values = np.maximum(np.rint(electrons / gain + (100 if gain > 1 else 0)), 0).astype("u2")
    decoded = astrocodec.decode(astrocodec.encode(values, bound=Bound(**how))).astype(float)
    noise = values.std()
    assert abs(decoded.mean() - values.mean()) < 0.004 * noise  # they were off by 0.02 to 0.28 of it
    assert decoded.std() < 1.015 * noise


@pytest.mark.parametrize("width", [64, 128, 1000])
def test_floats_lose_no_more_than_was_asked(width: int) -> None:
    values = np.random.default_rng(1).normal(1000, 12, (128, width)).astype("f4")
    _, loss = lossy(values, noise_increase="1%")
    assert loss is not None
    assert 0.0095 < loss.noise_increase < 0.01006


@pytest.mark.parametrize("scale", [1, 300])
def test_what_gains_nothing_stays_as_it_is(scale: int) -> None:
    counts = np.random.default_rng(5).poisson(3, (256, 256))
    values = counts.astype("i2") if scale == 1 else counts.astype("f4") / scale
    assert len(astrocodec.encode(values, noise_increase="0.1%")) <= len(astrocodec.encode(values))


@pytest.mark.parametrize("dtype", ["i2", "u2", "f4"])
@pytest.mark.parametrize(
    "bound", [Bound("1%", saturation=25000, blank=30000), Bound("1sigma", blank=30000, saturation=25000)]
)
def test_what_is_kept_has_no_added_variance_and_takes_no_part_in_others(bound: Bound, dtype: str) -> None:
    values = np.random.default_rng(3).normal(1000, 12, (64, 90)).astype(dtype)
    values[5, 7:11], values[9, 9:20] = 30000, 25000
    stream = astrocodec.encode(values, bound=bound)
    decoded = astrocodec.decode(stream)
    found, sky = added_variance(stream, decoded), values < 20000
    assert (found[~sky] == 0).all()
    squares = (decoded.astype("f8") - values)[sky] ** 2
    assert found[sky].mean() == pytest.approx(squares.mean(), rel=0.05)


def test_nothing_becomes_zero_within_a_share() -> None:
    values = np.full((20, 20), 3.0) + np.random.default_rng(0).normal(size=(20, 20))
    values[0, 0] = 5e-324
    decoded, loss = lossy(values, max_error="99%")
    assert loss is not None
    assert loss.largest_error <= loss.max_error == 0.99
    assert (decoded != 0).all()


def test_noise_of_each_element_is_kept_to() -> None:
    noise = np.where(np.arange(128) < 64, 2.0, 20.0)[None, :] * np.ones((96, 1))
    values = np.random.default_rng(5).normal(50, noise).astype("f4")
    for how in ({"noise": noise}, {}):
        decoded, _ = lossy(values, max_error="0.5sigma", **how)  # type: ignore[arg-type]
        assert (np.abs(decoded - values)[:, :64] <= 0.5 * 2.4).all()
        assert np.abs(decoded - values)[:, 64:].max() > 3


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4"])
@pytest.mark.parametrize("how", [{}, {"read_noise": 4}, {"read_noise": 4, "protect_sources": True}], ids=str)
def test_the_noise_grows_by_what_was_asked_where_photons_make_it(how: dict[str, Any], dtype: str) -> None:
    rng = np.random.default_rng(4)
    electrons = np.full((128, 160), 5.0)
    electrons[60:68, 60:70] += 4000
    values = (rng.poisson(electrons) + rng.normal(0, 4, electrons.shape)) / 1.5 + 100
    values = values.astype(dtype) if dtype == "f4" else np.rint(values).astype(dtype)
    blank = None if dtype == "f4" else 7
    bound = Bound(noise_increase="2%", gain=1.5, saturation=9000, blank=blank, **how)
    decoded, loss = lossy(values, bound=bound)
    assert loss is not None
    assert loss.noise_increase is not None
    error = decoded.astype("f8") - values
    noise = (electrons + 16) / 1.5**2 + (dtype != "f4") / 12
    assert loss.noise_increase < 0.0204
    assert np.sqrt(1 + (error**2 / noise).mean()) - 1 < 0.0225  # the noise of the model is a measured one
    assert abs(error.mean()) < 4 * error.std() / 143


def test_noise_that_is_added_is_the_same_everywhere() -> None:
    noise = np.where(np.arange(256) < 128, 2.0, 20.0)
    values = np.random.default_rng(8).normal(50, noise, (192, 256)).astype("f4")
    decoded, loss = lossy(values, noise_increase="1.5 adu")
    assert loss is not None
    error = decoded - values
    assert np.sqrt((error[:, :128] ** 2).mean()) == pytest.approx(1.5, rel=0.02)
    assert np.sqrt((error[:, 128:] ** 2).mean()) == pytest.approx(1.5, rel=0.02)
    assert loss.noise_increase == pytest.approx(np.sqrt(1 + 1.5**2 * (1 / 2**2 + 1 / 20**2) / 2) - 1, rel=0.2)


@pytest.mark.parametrize("odd", ["some NaN", "bright stars", "half of it NaN"])
def test_a_trellis_bears_what_is_no_sky(odd: str) -> None:
    values = np.random.default_rng(1).normal(1000, 10, (256, 256)).astype("f4")
    plain = len(astrocodec.encode(values, noise_increase="1%"))
    if odd == "bright stars":
        values[[7, 90, 200], [9, 60, 255]] = 1e9, 3e5, -4e6
    else:
        values[:128] = values[:128] if odd == "some NaN" else np.nan
        values[[140, 190, 220], [9, 60, 255]] = np.nan
    stream = astrocodec.encode(values, noise_increase="1%")
    assert "trellis" in astrocodec.inspect(stream).holds
    assert len(stream) < (1.01 if odd != "half of it NaN" else 0.53) * plain
    decoded, _ = lossy(values, noise_increase="1%")
    assert np.array_equal(np.isnan(decoded), np.isnan(values))


def test_what_lies_far_off_does_not_keep_a_frame_from_losing() -> None:
    values = np.random.default_rng(1).normal(1, 0.04, (128, 128)).astype("f4")
    values[5, 6] = 1.8e6  # a float of its size cannot tell 0.04
    decoded, loss = lossy(values, noise_increase="1%")
    assert loss is not None
    assert loss.largest_error < 0.03
    assert decoded[5, 6] == values[5, 6]


@pytest.mark.parametrize("unit", [1, 0.01, 2.7])
def test_numbers_of_a_lattice_are_not_shifted(unit: float) -> None:
    counts = np.random.default_rng(2).poisson(30 if unit != 0.01 else 2, (256, 256))
    values = (counts * np.float32(unit)).astype("f4")
    for how in ("0.2sigma", "0.4sigma", "0.5sigma", "0.7sigma", "1sigma", "1.3sigma"):
        error = lossy_error(values, max_error=how)
        assert abs(error.mean()) <= 4 * error.std() / 256, how


def test_integers_on_a_curve_are_not_shifted() -> None:
    counts = np.random.default_rng(2).poisson(30, (200, 200)).astype("i4")
    for gain in (0.9, 1.0, 1.3):
        error = lossy_error(counts, bound=Bound(max_error="0.9sigma", gain=gain, read_noise=2))
        assert error.any()
        assert abs(error.mean()) < 4 * error.std() / 200


def test_many_frames_average_without_bias() -> None:
    frames = np.random.default_rng(6).normal(100.3, 5, (300, 48, 48)).astype("f4")
    for how in ({"noise_increase": "10%"}, {"max_error": "2sigma"}):
        errors = np.stack([lossy_error(frame, **how) for frame in frames[:: 1 if "noise_increase" in how else 3]])
        spread = errors.std() / np.sqrt(len(errors))
        assert abs(errors.mean()) < 4 * spread / 48
        assert errors.mean(0).std() == pytest.approx(spread, rel=0.1)


def lossy_error(frame: NDArray[Any], **how: Any) -> NDArray[np.float64]:
    return astrocodec.decode(astrocodec.encode(frame, **how)).astype("f8") - frame


def test_bytes_are_equal_with_more_workers() -> None:
    values = sky("f4", (3, 200, 300))
    for how in BOUNDS[:5]:
        one = astrocodec.encode(values, piece_shape=(64, 64), **how)
        assert one == astrocodec.encode(values, piece_shape=(64, 64), workers=3, **how)


@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "0", "x", "1 parsec", "100%", "-2sigma", "nan", "1e999"])
def test_bounds_that_are_none_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"needed|must be|units"):
        astrocodec.encode(np.zeros((3, 3), "f4"), max_error=bad)
    with pytest.raises(ValueError, match=r"needed|must be|units|share"):
        Bound(noise_increase=bad if bad != "100%" else "1sigma")


def test_what_contradicts_a_bound_is_refused() -> None:
    values = sky("f4")
    with pytest.raises(ValueError, match="one of max_error and noise_increase"):
        astrocodec.encode(values, max_error=1, noise_increase="1%")
    with pytest.raises(ValueError, match="choose one"):
        astrocodec.encode(values, max_error=1, bound=Bound(1))
    with pytest.raises(ValueError, match="choose one"):
        astrocodec.encode(values, max_error=1, planes="residuals")
    with pytest.raises(ValueError, match="give one of them"):
        astrocodec.encode(values, noise=values)
    with pytest.raises(ValueError, match="shape"):
        astrocodec.encode(values, max_error="1sigma", noise=np.ones(7))
    with pytest.raises(ValueError, match="whole number"):
        astrocodec.encode(sky("i2"), bound=Bound(2, blank=0.5))
    with pytest.raises(ValueError, match="gain"):
        Bound(max_error=1, gain=2)
    with pytest.raises(TypeError, match="losslessly only"):
        astrocodec.encode(values.astype("f2"), max_error=1)
    with pytest.raises(TypeError, match="number"):
        Bound(max_error=[1])  # type: ignore[arg-type]
    for word in ("saturation", "blank"):
        with pytest.raises(TypeError, match=f"{word} is 'abc', a number is needed"):
            Bound(1, **{word: "abc"})


@pytest.mark.parametrize("blank", [1000 + 65536, np.nan, np.inf, -1e300])
def test_a_blank_that_the_type_cannot_hold_is_none(blank: float) -> None:
    values = sky("i2")
    assert astrocodec.encode(values, bound=Bound(2, blank=blank)) == astrocodec.encode(values, max_error=2)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
def test_a_bound_that_no_step_can_have_loses_nothing(dtype: str) -> None:
    values = sky(dtype)
    decoded, loss = lossy(values, max_error=1e308)
    assert loss is None
    assert decoded.tobytes() == values.tobytes()


def test_a_gain_that_no_curve_can_have_loses_nothing() -> None:
    values = np.random.default_rng(1).normal(size=(20, 30)).clip(-3, 3).astype("f4") * np.float32(1e38)
    decoded, loss = lossy(values, bound=Bound(noise_increase="5%", gain=1e300, read_noise=1e-300))
    assert loss is None
    assert decoded.tobytes() == values.tobytes()


def test_places_in_octaves_end() -> None:
    with np.errstate(over="ignore"):
        far = Octaves(1 << 24, 0).elements(np.array([2.0**52, -(2.0**70), np.inf]))
    assert far[0] == -far[1] == far[2]


@pytest.mark.parametrize("gain", [None, 2.0])
def test_large_integers_take_the_steps_of_small_ones(gain: float | None) -> None:
    """Integers of 16 bits have their places from a table where they are many, and a blank that none has forbids it."""
    values = np.random.default_rng(5).normal(900, 20, (512, 1030)).round().astype("u2")
    bounds = [Bound(noise_increase="3%", gain=gain), Bound(noise_increase="3%", gain=gain, blank=65535)]
    by_table, one_by_one = (astrocodec.decode(astrocodec.encode(values, bound=bound)) for bound in bounds)
    assert np.array_equal(by_table, one_by_one)
    assert not np.array_equal(by_table, values)
