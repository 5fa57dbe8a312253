"""Logarithms in integers."""

import numpy as np

from astrocodec.stages.log512 import bit_length, log2_floor, log512


def test_bits_are_counted_exactly() -> None:
    edges = [n for k in range(61) for n in (2**k - 1, 2**k, 2**k + 1)]
    v = np.array([*range(1 << 12), *edges], np.int64)
    assert bit_length(v).tolist() == [n.bit_length() for n in v.tolist()]
    assert log2_floor(v).tolist() == [n.bit_length() - 1 for n in v.tolist()]


def test_log512_is_near_the_logarithm_and_never_falls() -> None:
    v = np.unique(np.r_[1 : 1 << 17, np.random.default_rng(0).integers(1, 1 << 50, 1000)])
    assert (np.diff(log512(v)) >= 0).all()
    assert np.abs(log512(v) - 512 * np.log2(v)).max() < 512 * 0.0861 + 1
    assert log512(np.array([0, 1])).tolist() == [0, 0]
