"""Noise of visibilities: the native library finds what the reference finds, with any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec.visibility import encode, estimate_noise
from astrocodec.visibility.differences import OPERATORS, Differences
from astrocodec.visibility.native_differences import NativeDifferences


def made_block(shape: tuple[int, ...]) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
    """Noise under fringes, with interference, zeros, what is not finite, flags, and a baseline without noise."""
    rng = np.random.default_rng(5)
    vis = rng.normal(size=(*shape, 2)).view(complex)[..., 0] * rng.uniform(0.5, 2, shape[1])[:, None, None]
    t, b, f, _ = np.indices(shape)
    vis += 30 * np.exp(1j * (0.3 * f + 0.2 * t + b))
    flags = rng.random(shape) < 0.1
    vis[rng.random(shape) < 0.05] *= 1e4
    vis[rng.random(shape) < 0.02] = 0
    vis[:, 1, :, 0] = 7 - 2j
    vis = (vis * 1e-12).astype(np.complex64)
    vis.real[rng.random(shape) < 0.02] = np.inf
    flags[:, 2] = True
    return vis, flags


@pytest.mark.parametrize("shape", [(9, 7, 33, 4), (1, 5, 40, 2), (60, 4, 1, 1), (2, 40, 3, 3), (3, 3, 1, 2)])
def test_native_differences_are_those_of_the_reference(shape: tuple[int, ...]) -> None:
    vis, flags = made_block(shape)
    reference = Differences(vis, np.isfinite(vis) & (vis != 0) & ~flags)
    times, baselines = (np.arange(n, dtype=np.uint64) for n in shape[:2])
    native = NativeDifferences(vis, flags, times, baselines, 2)
    for some in (slice(None), slice(None, None, 2)):
        expected, found = (d.medians(range(len(OPERATORS)), some) for d in (reference, native))
        np.testing.assert_allclose(found.found, expected.found, rtol=3e-6)
        np.testing.assert_array_equal(found.counts, expected.counts)
        np.testing.assert_array_equal(found.is_known, expected.is_known)
        np.testing.assert_array_equal(found.is_noiseless, expected.is_noiseless)
        for operator in range(len(OPERATORS)):
            of_all = [d.median_of_all(operator, some) for d in (reference, native)]
            assert of_all[1] == pytest.approx(of_all[0], rel=3e-6, nan_ok=True)
            profiles = [d.profile(operator, some, expected.found[0] + np.float32(1e-12)) for d in (reference, native)]
            if len(profiles[1][0]):
                np.testing.assert_allclose(profiles[1][0], profiles[0][0], rtol=3e-6)
                np.testing.assert_array_equal(profiles[1][1], profiles[0][1])
            else:
                assert np.isnan(profiles[0][0]).all()


def test_what_is_no_array_of_visibilities_is_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        estimate_noise(np.ones((2, 3, 4, 1)))
    with pytest.raises(TypeError, match="mask"):
        estimate_noise(np.ma.masked_array(np.ones((2, 3, 4, 1), "c8"), True))
    with pytest.raises(ValueError, match="flags have shape"):
        estimate_noise(np.ones((2, 3, 4, 1), "c8"), np.zeros((2, 3, 4), bool))


def test_threads_change_nothing() -> None:
    vis, flags = made_block((9, 70, 33, 2))
    assert np.array_equal(estimate_noise(vis, flags), estimate_noise(vis, flags, workers=3), equal_nan=True)
    streams = [encode(vis, noise_increase=0.01, flags=flags, workers=workers) for workers in (1, 3)]
    assert streams[0] == streams[1]
    with pytest.raises(ValueError, match="workers is 0"):
        estimate_noise(vis, workers=0)
    with pytest.raises(ValueError, match="workers is 0"):
        encode(vis, noise_increase=0.01, workers=0)


def test_doubles_are_known_as_well() -> None:
    """They have no native estimate."""
    vis, flags = made_block((9, 7, 33, 2))
    doubles = np.where(np.isfinite(vis), vis, 0).astype(np.complex128)
    np.testing.assert_allclose(estimate_noise(doubles, flags), estimate_noise(vis, flags), rtol=1e-4)
