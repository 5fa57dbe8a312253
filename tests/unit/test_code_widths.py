"""Code widths that are learned in tuning: where they pay, what they save, and that even codes cost nothing."""

from dataclasses import replace

import numpy as np
import pytest

import astrocodec
from astrocodec import _native, tuning
from astrocodec.codec import same_bits
from astrocodec.model import Model, load_model
from astrocodec.simulate import Converter, configure, digitise, observe, uneven_widths
from astrocodec.stages import reference

RANDOM = tuple(np.random.default_rng(5).uniform(0.5, 1.5, 64))
# Even codes have 60 % of the range; half a bit of information.
COARSE = (1.4, 0.05, 2.54, 0.2, 0.41, 0.6, 2.7, 0.28, 0.3, 1.59, 0.63, 2.26, 0.22, 1.1, 1.4, 0.31)


DESCENT = {"steps": 600, "first_round": 200, "batch": 512, "outputs_only": False, "seed": 0, "rate": 6e-3}
DESCENT |= {"least": 0.001, "charge": 0.0}


def noise(sigma: float, widths: tuple[float, ...], shape: tuple[int, int] = (400, 640), seed: int = 1) -> np.ndarray:
    """Noise on a sky that brightens to one side, as a converter shows it."""
    sky = 8000 + 20 * sigma * np.linspace(0, 1, shape[1])
    signal = np.random.default_rng(seed).normal(sky, sigma, shape).astype(np.float32)
    return digitise(signal, Converter(16, widths=widths)).astype(np.uint16)


def contexts_of(frame: np.ndarray, count: int = 100_000) -> np.ndarray:
    """Evenly spaced ones; samples are the frame's values."""
    return _native.piece_contexts(frame, (np.arange(count) * frame.size // count).astype(np.uint32))


def widths_of(table: np.ndarray) -> np.ndarray:
    """In codes."""
    return 1 + (np.roll(table, -1) - table.astype(float)) / 64


def size(frame: np.ndarray, model: Model) -> int:
    """Bytes, once the stream is seen to be right."""
    stream = astrocodec.encode(frame, model)
    assert same_bits(astrocodec.decode(stream), frame)
    return len(stream)


@pytest.mark.parametrize("sigma", [4.0, 25.0, 200.0])
@pytest.mark.parametrize("period", [16, 64, 256])
def test_a_converters_widths_are_found(sigma: float, period: int) -> None:
    """As well as so many samples can tell; those held back take as much less as the information in the widths."""
    widths = np.resize(RANDOM[: min(period, 64)], 256)
    frame = noise(sigma, tuple(widths[: min(period, 64)]))
    start = np.zeros((1, period), np.int16)
    tables, even, uneven = _native.learn_widths(_native.native_model(load_model("default")), contexts_of(frame), start)
    counts = np.bincount(frame.ravel() % period, minlength=period)
    error = widths_of(tables[0]) - widths[:period] / widths.mean()
    assert np.sqrt(np.average(error**2, weights=counts)) < (0.06 if period < 256 else 0.1)
    relative = widths / widths.mean()
    information = float((relative * np.log2(relative)).mean())
    assert even - uneven == pytest.approx(information, abs=0.25 * information)


@pytest.mark.parametrize("level", _native.SIMD_LEVELS)
def test_all_processors_find_the_same(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what floats round differently: the network's answers are on the edge of a table here and there."""
    frame = noise(3, RANDOM)
    contexts, none = contexts_of(frame, 20_000), np.zeros((1, 64), np.int16)
    model = _native.native_model(load_model("default"))
    monkeypatch.setenv("ASTROCODEC_SIMD", "portable")
    portable = _native.learn_widths(model, contexts, none)
    monkeypatch.setenv("ASTROCODEC_SIMD", level)
    try:
        _native.encode_piece(model, frame)
    except ValueError:
        pytest.skip(f"no {level} here")
    found = _native.learn_widths(model, contexts, none)
    assert found[1:] == pytest.approx(portable[1:], rel=1e-4)
    assert np.abs(found[0] - portable[0]).max() <= 2
    tuned = astrocodec.tune(frame, effort=1)
    assert tuned.code_widths()
    assert size(frame, tuned) < 0.99 * size(frame, replace(tuned, widths=b""))


def test_a_fit_that_begins_at_its_end_stays_there() -> None:
    model, contexts = _native.native_model(load_model("default")), contexts_of(noise(10, RANDOM))
    found, even, uneven = _native.learn_widths(model, contexts, np.zeros((1, 64), np.int16))
    again, even_again, uneven_again = _native.learn_widths(model, contexts, found)
    assert even_again == even
    assert uneven_again == pytest.approx(uneven, rel=1e-4)
    assert np.abs(again - found).max() <= 4


def test_areas_have_tables_of_their_own() -> None:
    left, right = noise(6, RANDOM), noise(6, RANDOM[::-1])
    contexts = np.concatenate([contexts_of(left), contexts_of(right)])
    contexts["area"] = np.arange(contexts.size) >= 100_000
    found, _, _ = _native.learn_widths(
        _native.native_model(load_model("default")), contexts, np.zeros((2, 64), np.int16)
    )
    for table, widths in zip(found, (RANDOM, RANDOM[::-1]), strict=True):
        error = widths_of(table) - np.array(widths) / np.mean(widths)
        counts = np.bincount(left.ravel() % 64, minlength=64)
        assert np.sqrt(np.average(error**2, weights=counts)) < 0.08


def test_what_samples_of_shifted_codes_are() -> None:
    """A piece's samples begin at the least value of it: the table is of the array's values nevertheless."""
    frame = noise(6, RANDOM)
    contexts = contexts_of((frame - 7000).astype(np.uint16))
    contexts["shift"] = 7000 % 256
    model = _native.native_model(load_model("default"))
    found, _, _ = _native.learn_widths(model, contexts, np.zeros((1, 64), np.int16))
    unshifted, _, _ = _native.learn_widths(model, contexts_of(frame), np.zeros((1, 64), np.int16))
    assert np.abs(found - unshifted).mean() < 3


@pytest.mark.parametrize(
    ("change", "start"),
    [({"area": 1}, np.zeros((1, 64))), ({}, np.zeros((16, 64))), ({}, np.zeros((1, 1))), ({}, np.zeros((1, 512)))],
)
def test_fits_that_cannot_be(change: dict[str, int], start: np.ndarray) -> None:
    contexts = contexts_of(noise(6, RANDOM), 1000)
    for name, value in change.items():
        contexts[name] = value
    model = _native.native_model(load_model("default"))
    with pytest.raises(ValueError, match="widths of codes"):
        _native.learn_widths(model, contexts, start)
    with pytest.raises(ValueError, match="tuning"):
        _native.tune_weights(model, model, contexts, **DESCENT, tables=start)


def test_a_network_learns_with_the_widths() -> None:
    """Narrow noise: a network that knows that codes are uneven foretells them better."""
    frame = noise(1.2, COARSE)
    contexts, model = contexts_of(frame), load_model("default")

    def learned(tables: np.ndarray | None) -> float:
        native = _native.native_model(model)
        found = _native.tune_weights(native, native, contexts, **DESCENT, tables=tables)
        tuned = _native.native_model(Model(found.weights, model.shapes, "tuned", model))
        return _native.learn_widths(tuned, contexts, first)[2]

    first, _, _ = _native.learn_widths(_native.native_model(model), contexts, np.zeros((1, 16), np.int16))
    assert learned(first) < 0.995 * learned(None)


@pytest.mark.parametrize(
    ("sigma", "widths", "gain"),
    [
        (200.0, COARSE, 0.04),
        (30.0, RANDOM, 0.008),
        (3.0, RANDOM, 0.012),
        (3.0, (1.2, 0.8), 0.004),
    ],
)
def test_tuning_learns_tables_that_pay(sigma: float, widths: tuple[float, ...], gain: float) -> None:
    """Wide noise and narrow; all is charged."""
    frame = noise(sigma, widths)
    model = astrocodec.tune(frame, effort=3)
    assert model.code_widths()
    assert size(frame, model) < (1 - gain) * size(frame, replace(model, widths=b""))
    assert Model.from_delta(model.delta()) == model
    assert len(model.delta()) <= 944


def test_the_gain_is_there_for_signed_values_and_at_any_offset() -> None:
    frame = noise(3, RANDOM)
    whole = size(frame, astrocodec.tune(frame, effort=1))
    for other in (frame.astype(np.int16) - 9000, frame.astype(np.int32) + 100_003, frame.astype(np.float32)):
        assert size(other, astrocodec.tune(other, effort=1)) < 1.003 * whole


def test_amplifiers_with_converters_of_their_own() -> None:
    """Two halves, each in pieces of its own, are smaller with two tables than with one."""
    frame = np.concatenate([noise(3, RANDOM, (512, 520), 1), noise(3, RANDOM[::-1], (512, 520), 2)], axis=1)
    model = astrocodec.tune(frame, effort=1)
    assert len(model.code_widths()) == 2
    plain = size(frame, replace(model, widths=b""))
    assert size(frame, model) < 0.985 * plain


@pytest.mark.parametrize("preset", ["ccd", "bias", "flat"])
def test_frames_with_even_codes_are_tuned_as_before(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What little a table could do for the shape of their noise is not worth the time that it takes."""
    frame = observe(configure(preset, shape=(400, 640)), seed=1).data
    model = astrocodec.tune(frame, effort=3)
    monkeypatch.setattr(tuning, "with_code_widths", lambda *_: None)
    assert model == astrocodec.tune(frame, effort=3)
    assert model.code_widths() == ()


@pytest.mark.parametrize("dtype", ["<u4", "<i4", "<f4"])
def test_codes_in_the_upper_bits_are_codes(dtype: str) -> None:
    """Twelve bits of sixteen: a lattice of multiples of 16, whose places are the codes."""
    plain = noise(6, RANDOM)
    frame = (16 * plain.astype(np.int64) - (160_000 if dtype == "<i4" else 0)).astype(dtype)
    model = astrocodec.tune(frame, effort=1)
    assert model.code_widths()
    assert size(frame, model) < 1.002 * size(plain, astrocodec.tune(plain, effort=1))
    part = np.ascontiguousarray(frame[:64, :128])
    assert reference.encode_stream(part, [(model, b"")]) == astrocodec.encode(part, model, embed_model=False)


def test_what_has_no_codes_has_no_tables() -> None:
    """Values that software rescaled: samples are places on a lattice, of no whole number."""
    frame = np.floor(noise(6, uneven_widths(16, 0.4)) * 2.7).astype(np.uint16)
    assert astrocodec.tune(frame, effort=1).code_widths() == ()


def test_the_model_of_another_frame_is_a_start() -> None:
    """Of the same camera: its tables are as good, and learned anew where they are not."""
    first, second, other = noise(3, RANDOM, seed=1), noise(3, RANDOM, seed=2), noise(3, RANDOM[::-1], seed=3)
    start = astrocodec.tune(first, effort=1)
    assert size(second, astrocodec.tune(second, start, effort=1)) < 1.003 * size(second, astrocodec.tune(second))
    anew = astrocodec.tune(other, start, effort=1)
    assert size(other, anew) < 0.985 * size(other, replace(anew, widths=b""))


def test_flat_frames_of_uneven_codes_gain_as_they_are_coded() -> None:
    """A thorough writer would take differences there, whatever the model; by default none does."""
    rng = np.random.default_rng(5)
    codes = rng.normal(3000, 10, (256, 256)).astype(np.uint16)
    frame = np.where(rng.random(codes.shape) < 0.7, codes & ~np.uint16(1), codes)
    assert len(astrocodec.encode(frame, astrocodec.tune(frame))) < 0.95 * len(astrocodec.encode(frame))
