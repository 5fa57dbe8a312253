"""Weight blocks and the coded difference between two of them."""

from dataclasses import fields, replace

import numpy as np
import pytest
from made_models import made_weights

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages.weights import Weights, apply_delta, limit_rows, weight_delta


def _equal(a: Weights, b: Weights) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Weights))


@pytest.mark.parametrize("hidden", [16, 32])
def test_block_comes_back(hidden: int) -> None:
    weights = made_weights(np.random.default_rng(hidden), hidden)
    block = weights.to_bytes()
    assert block[:8] == bytes([1, 1, 26, 32, 2, hidden, hidden, 4])
    assert len(block) == 68 + 40 * hidden + hidden * hidden
    assert _equal(Weights.from_bytes(block), weights)


def test_broken_blocks_are_refused() -> None:
    block = made_weights(np.random.default_rng(0)).to_bytes()
    for broken in (b"", block[:7], block + b"\0"):
        with pytest.raises(FormatError, match="weight block"):
            Weights.from_bytes(broken)
    for end in (8, 100, len(block) - 1):
        with pytest.raises(TruncatedError, match="too few for 16 neurons"):
            Weights.from_bytes(block[:end])


@pytest.mark.parametrize("place", range(8))
def test_other_networks_need_a_newer_version(place: int) -> None:
    """Of other counts, or of contexts laid out otherwise."""
    block = bytearray(made_weights(np.random.default_rng(0)).to_bytes())
    block[place] += 1
    with pytest.raises(VersionError, match="upgrade astrocodec"):
        Weights.from_bytes(bytes(block))


@pytest.mark.parametrize("reach", [0, 1, 5, 100])
@pytest.mark.parametrize("hidden", [16, 32])
def test_difference_comes_back(hidden: int, reach: int) -> None:
    rng = np.random.default_rng(reach)
    base = made_weights(rng, hidden, 20)
    tuned = Weights(
        *(
            (getattr(base, f.name) + rng.integers(-reach, reach + 1, getattr(base, f.name).shape)).astype(
                getattr(base, f.name).dtype
            )
            for f in fields(Weights)
        )
    )
    assert _equal(apply_delta(base, weight_delta(base, tuned)), tuned)


def test_no_difference_is_a_nibble_per_row() -> None:
    base = made_weights(np.random.default_rng(0), 16)
    # linear, b1, b2, b3 and the rows of w1, w2, w3
    assert weight_delta(base, base) == b"\xff" * ((4 + 16 + 16 + 4) // 2)


def test_largest_difference_comes_back() -> None:
    base = made_weights(np.random.default_rng(0), 16)
    base.b1[:] = -32768
    tuned = replace(base, b1=np.full(16, 32767, np.int16))
    assert _equal(apply_delta(base, weight_delta(base, tuned)), tuned)


def test_different_sizes_have_no_difference() -> None:
    small, large = (made_weights(np.random.default_rng(0), h) for h in (16, 32))
    with pytest.raises(ValueError, match="32 neurons, its base 16"):
        weight_delta(small, large)


def test_broken_differences_are_refused() -> None:
    rng = np.random.default_rng(0)
    base, tuned = made_weights(rng), made_weights(rng)
    delta = weight_delta(base, tuned)
    for end in range(0, len(delta), 7):
        with pytest.raises(TruncatedError, match=f"{end} bytes are too few"):
            apply_delta(base, delta[:end])
    with pytest.raises(CorruptError, match="follow its end"):
        apply_delta(base, delta + b"\0")
    with pytest.raises(CorruptError, match="leaves the range of int8"):
        apply_delta(
            base,
            weight_delta(replace(base, w1=np.full_like(base.w1, -100)), replace(base, w1=np.full_like(base.w1, 100))),
        )


def test_limited_rows_keep_the_limit_and_small_rows() -> None:
    rng = np.random.default_rng(0)
    wild = rng.integers(-128, 128, (40, 32)).astype(np.int8)
    limited = limit_rows(wild).astype(int)
    for i in (i for i in range(32) if i % 8 in (0, 2)):
        assert np.abs(limited[:, [i, i + 1, i + 4, i + 5]]).sum(1).max() <= 258
    assert (np.sign(limited) * np.sign(wild) >= 0).all()
    small = rng.integers(-64, 65, (40, 32)).astype(np.int8)
    np.testing.assert_array_equal(limit_rows(small), small)
