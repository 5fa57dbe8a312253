"""Contexts and the network: the same integers as the native library's, within their ranges."""

import numpy as np
import pytest
from made_models import GENTLE, SAMPLE_KINDS, WIDE, WILD, MadeModel, made_samples, made_weights

from astrocodec import _native
from astrocodec.errors import FormatError
from astrocodec.stages.piece import MAX_AMPLITUDE, Plane, choose_start
from astrocodec.stages.predict import Contexts, Running, check_weights, contexts_of, predict, update
from astrocodec.stages.wavefront import Step
from astrocodec.stages.weights import Weights

LARGEST_LOC16 = 16 * 65535 + 15


def _contexts_in_order(samples: np.ndarray) -> Contexts:
    """Contexts of every pixel of a plane, row by row."""
    height, width = samples.shape
    plane = Plane(height, width, choose_start(samples))
    found = []
    for y in range(height):
        for x in range(width):
            step = Step(np.array([0]), np.array([y]), np.array([x]))
            found.append(plane.contexts(step))
            plane.take_in(step, samples[step.y, step.x].astype(np.int64), found[-1].sum)
    np.testing.assert_array_equal(plane.pixels(), samples)
    return Contexts(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 2), (3, 70), (12, 13)])
def test_contexts_equal_the_native_ones(kind: str, height: int, width: int) -> None:
    samples = made_samples(kind, height, width)
    ours = _contexts_in_order(samples)
    native = _native.piece_contexts(samples, np.arange(samples.size, dtype=np.uint32))
    np.testing.assert_array_equal(ours.inputs, native["input"])
    np.testing.assert_array_equal(ours.linear, native["linear"])
    np.testing.assert_array_equal(ours.mean, native["mean"])
    np.testing.assert_array_equal(ours.sum, native["sum"])
    assert np.abs(ours.inputs).max() <= 63


@pytest.mark.parametrize("made", [GENTLE, WIDE, WILD])
def test_predictions_stay_in_their_ranges(made: MadeModel) -> None:
    weights = Weights.from_bytes(made.weights)
    parts = []
    for kind in SAMPLE_KINDS:
        found = predict(weights, 3, 2, _contexts_in_order(made_samples(kind, 8, 20)))
        parts.append(np.stack(found))
    loc16, q, shape = np.concatenate(parts, axis=1)
    assert loc16.min() >= 0
    assert loc16.max() <= LARGEST_LOC16
    assert q.min() >= 0
    assert q.max() <= 143
    assert set(shape.tolist()) <= set(range(6))


def test_flat_neighbourhood_predicts_its_level() -> None:
    flat = Running(*(np.array([v]) for v in (256 * 1000, 256 * 1000, 0, 0)))
    zero = np.array([0])
    context = contexts_of(np.full((1, 22), 1000), flat, flat, zero, 0, zero, zero)
    assert context.mean.tolist() == [1000]
    assert context.sum.tolist() == [10]
    assert not context.linear.any()
    assert not context.inputs[:, :26].any()


def test_signal_counts_from_the_floor() -> None:
    flat = Running(*(np.array([v]) for v in (256 * 1000, 256 * 1000, 0, 0)))
    zero, neighbours = np.array([0]), np.full((1, 22), 1000)
    signals = {floor: contexts_of(neighbours, flat, flat, zero, floor, zero, zero) for floor in (0, 745, 1000, 65535)}
    assert {floor: int(c.inputs[0, 29]) for floor, c in signals.items()} == {0: 15, 745: 0, 1000: -63, 65535: -63}
    others = [np.delete(c.inputs, 29).tolist() for c in signals.values()]
    assert others.count(others[0]) == len(others)


def test_extreme_integers_fit() -> None:
    """The largest sums that the limits of the weight block and of the start allow."""
    assert 65000 * 32768 + 256 < 1 << 31
    assert (10 + 22 * 2047) * 32767 + 256 < 1 << 31
    assert max(362 * MAX_AMPLITUDE, 256 * 65535) + 16 < 1 << 24


def test_running_means_come_to_rest() -> None:
    value, s, column = np.array([500]), np.array([100]), np.array([0])
    own = up = Running(*(np.array([v]) for v in (256 * 480, 256 * 480, 0, 0)))
    for _ in range(200):
        own, column = update(value, value, s, own, up, column)
        up = own
    assert abs(int(own.level[0]) - 256 * 500) < 8
    assert abs(int(own.area[0]) - 256 * 500) < 16
    assert own.difference.tolist() == [0]
    assert abs(int(column[0])) < 8


def test_outliers_move_the_level_by_their_limit_only() -> None:
    zero, s = np.array([0]), np.array([10])
    still = Running(zero, zero, zero, zero)
    own, column = update(np.array([65535]), zero, s, still, still, zero)
    assert own.level.tolist() == [640 // 8]
    assert own.difference.tolist() == [512 // 16]
    assert column.tolist() == [(640 // 16) // 8]


def _refused(weights: Weights, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        check_weights(weights)
    with pytest.raises(FormatError, match="model"):
        _native.NativeModel(weights.to_bytes(), GENTLE.shapes)


def test_linear_predictor_has_a_limit() -> None:
    weights = made_weights(np.random.default_rng(0))
    weights.linear[:] = 2500
    check_weights(weights)
    _native.NativeModel(weights.to_bytes(), GENTLE.shapes)
    weights.linear[0] += 1
    _refused(weights, "sum to 65001")
    weights.linear[:] = -32768
    _refused(weights, "linear predictor")


@pytest.mark.parametrize(
    ("layer", "bias", "half"),
    [
        (1, 7, [127, -127, 127, -127, 12]),
        (1, -8, [127, -127, 127, -127, 12]),
        (2, 1, [127, 127, -127, 4]),
        (2, -2, [-127, -127, 127, -4]),
        (3, 1, [127, 127, -127, 4]),
        (3, -2, [-127, -127, 127, -4]),
    ],
)
def test_half_rows_have_a_limit(layer: int, bias: int, half: list[int]) -> None:
    weights = made_weights(np.random.default_rng(0))
    row, biases = getattr(weights, f"w{layer}")[-1], getattr(weights, f"b{layer}")
    row[:] = 0
    row[2 : 2 + len(half)] = half
    biases[-1] = bias
    row[row.size // 2 :] = row[: row.size // 2]
    check_weights(weights)
    _native.NativeModel(weights.to_bytes(), GENTLE.shapes)
    biases[-1] += np.sign(bias)
    _refused(weights, f"half a row of w{layer} reach")
    biases[-1] = 0
    row[-1] = np.sign(bias) if layer > 1 else 1
    _refused(weights, f"half a row of w{layer} reach")


def test_neurons_are_16_or_32() -> None:
    _refused(made_weights(np.random.default_rng(0), 24), "24 neurons")
