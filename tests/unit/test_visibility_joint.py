"""Joint weights of visibilities: least squares that forget, over the lanes of a round."""

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec.stages.visibility_joint import Joint, Parts

STEPS = 96  # weights are found after each eighth


def made(taps: int, lanes: int, size: float = 1.0) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Taps [step, lane, tap], and values that they tell but for some noise."""
    rng = np.random.default_rng(taps * lanes)

    def normal(*shape: int) -> NDArray[np.complex128]:
        found: NDArray[np.complex128] = rng.normal(size=(*shape, 2)).view(complex)[..., 0]
        return found

    found = size * normal(STEPS, lanes, taps)
    return found, found @ normal(taps) + normal(STEPS, lanes)


def parts(numbers: NDArray[np.complex128]) -> Parts:
    return numbers.real.copy(), numbers.imag.copy()


def taught(taps: NDArray[np.complex128], values: NDArray[np.complex128], shares: NDArray[np.float64]) -> Joint:
    joint = Joint(taps.shape[-1])
    for tap, value, share in zip(taps, values, shares, strict=True):
        joint.learn([parts(one) for one in tap.T], parts(value), share)
    return joint


def weights_of(joint: Joint) -> NDArray[np.complex128]:
    found: NDArray[np.complex128] = joint.weights[0] + 1j * joint.weights[1]
    return found


@pytest.mark.parametrize("lanes", [1, 4, 8, 32])
def test_weights_are_those_of_least_squares(lanes: int) -> None:
    """With a ridge of 1; a step counts 511/512 of the next one, a lane as much as its share."""
    taps, values = made(6, lanes)
    shares = np.random.default_rng(lanes).uniform(0.1, 2, values.shape)
    shares[::7, 0] = 0
    counted = np.sqrt(shares * (511 / 512) ** np.arange(STEPS)[::-1, None])
    matrix = np.concatenate([(taps * counted[..., None]).reshape(-1, 6), np.eye(6)])
    expected = np.linalg.lstsq(matrix, np.append(values * counted, np.zeros(6)), rcond=None)[0]
    joint = taught(taps, values, shares)
    np.testing.assert_allclose(weights_of(joint), expected, rtol=0, atol=1e-9)
    found = joint.prediction([parts(one) for one in taps[0].T])
    np.testing.assert_allclose(found[0] + 1j * found[1], taps[0] @ expected, rtol=0, atol=1e-8)


def test_a_tap_that_others_make_up_has_no_weight() -> None:
    """So far above the noise that the ridge is lost beside it; the prediction is that of the others."""
    taps, values = made(3, 8, size=2.0**24)
    doubled = np.concatenate([taps, taps[..., :1]], -1)
    joint = taught(doubled, values, np.ones(values.shape))
    weights = weights_of(joint)
    assert weights[3] == 0
    np.testing.assert_allclose(weights[:3], weights_of(taught(taps, values, np.ones(values.shape))), rtol=1e-9)
    np.testing.assert_allclose(doubled[-1] @ weights, values[-1], rtol=0, atol=6)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e200])
def test_what_is_no_number_leaves_no_weights(wrong: float) -> None:
    taps, values = made(3, 8)
    taps[40, 2, 1] = wrong
    with np.errstate(all="ignore"):
        joint = taught(taps, values, np.ones(values.shape))
    assert np.isfinite(joint.weights).all()
    assert weights_of(joint)[1] == 0
