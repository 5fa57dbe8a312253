"""Simulated radar images: the statistics that speckle has."""

import numpy as np
import pytest

from astrocodec.simulate.speckle import Radar, backscatter, detected, single_look


@pytest.mark.parametrize("looks", [1, 4])
def test_speckle_has_the_variance_of_its_looks(looks: int) -> None:
    """Intensity over its mean has variance 1/L, and neighbours are correlated within a resolution cell."""
    radar = Radar(looks=looks, noise=-60, scale=20_000)
    mean = backscatter((256, 256), seed=4)[1]
    ratio = (detected((256, 256), seed=4, radar=radar)[1] / 20_000.0) ** 2 / mean
    # Where the mean is even: in fields, not at their borders and buildings.
    even = np.abs(np.log(mean[1:-1, 1:-1] / mean[2:, 2:])) + np.abs(np.log(mean[1:-1, 1:-1] / mean[:-2, :-2])) < 0.1
    inside = ratio[1:-1, 1:-1][even]
    assert inside.mean() == pytest.approx(1, abs=0.05)
    assert inside.var() == pytest.approx(1 / looks, rel=0.12)
    left, right = ratio[1:-1, 1:-2][even[:, :-1]] - 1, ratio[1:-1, 2:-1][even[:, :-1]] - 1
    assert (left * right).mean() / inside.var() > 0.3


def test_images_are_those_of_their_seed() -> None:
    """In kind, shape and every pixel."""
    image = detected((40, 70), seed=3)
    assert (image.dtype, image.shape) == (np.uint16, (2, 40, 70))
    assert np.array_equal(image, detected((40, 70), seed=3))
    assert not np.array_equal(image, detected((40, 70), seed=5))
    look = single_look((40, 70), seed=3)
    assert (look.dtype, look.shape) == (np.complex64, (40, 70))
    assert abs(look.real.std() / look.imag.std() - 1) < 0.2


def test_settings_are_checked() -> None:
    """By name."""
    with pytest.raises(ValueError, match=r"Radar\.looks"):
        Radar(looks=0)
    with pytest.raises(ValueError, match="shape"):
        backscatter((0, 4))
