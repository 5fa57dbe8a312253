"""Weight blocks and the coded difference between two of them."""

from dataclasses import fields, replace

import numpy as np
import pytest
from made_models import made_weights

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages.predict import check_weights
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
    delta = weight_delta(base, tuned)
    found, used = apply_delta(base, delta + b"\xff")
    assert _equal(found, tuned)
    assert used == len(delta)


def test_no_difference_is_a_nibble_per_row() -> None:
    base = made_weights(np.random.default_rng(0), 16)
    # linear, b1, b2, b3 and the rows of w1, w2, w3
    assert weight_delta(base, base) == b"\xff" * ((4 + 16 + 16 + 4) // 2)


def test_largest_difference_comes_back() -> None:
    base = made_weights(np.random.default_rng(0), 16)
    base.b1[:] = -32768
    tuned = replace(base, b1=np.full(16, 32767, np.int16))
    delta = weight_delta(base, tuned)
    found, used = apply_delta(base, delta + b"\xff")
    assert _equal(found, tuned)
    assert used == len(delta)


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
    with pytest.raises(CorruptError, match="leaves the range of int8"):
        apply_delta(
            base,
            weight_delta(replace(base, w1=np.full_like(base.w1, -100)), replace(base, w1=np.full_like(base.w1, 100))),
        )


def test_limited_rows_keep_the_limit_and_small_rows() -> None:
    rng = np.random.default_rng(0)
    rows = {
        f"w{i}": rng.integers(-128, 128, s).astype(np.int8) for i, s in ((1, (32, 32)), (2, (32, 32)), (3, (4, 32)))
    }
    biases = {f"b{i}": rng.integers(-32768, 32768, n).astype(np.int16) for i, n in ((1, 32), (2, 32), (3, 4))}
    wild = Weights(linear=np.zeros(26, np.int16), **rows, **biases)
    limited = limit_rows(wild)
    check_weights(limited)
    for name, old in rows.items():
        new = getattr(limited, name)
        assert (np.sign(new.astype(int)) * np.sign(old) >= 0).all()
        assert (np.abs(new.astype(int)) <= np.abs(old.astype(int))).all()
        half = new.astype(int).reshape(len(new), 2, -1)[:, 1]
        # Not much more than needed: a step takes one from the largest, which may be several.
        reach = 63 * np.abs(half).sum(1) if name == "w1" else 127 * np.maximum(half, 0).sum(1)
        assert reach.max() > 32767 - 127 * 16
    np.testing.assert_array_equal(limit_rows(limited).w1, limited.w1)
    gentle = made_weights(rng)
    for name in rows:
        np.testing.assert_array_equal(getattr(limit_rows(gentle), name), getattr(gentle, name))
