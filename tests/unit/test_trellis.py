"""Trellis: which of two grids an integer stands on."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec.stages.trellis import STATES, halves, next_state


def test_the_eight_state_code() -> None:
    """Two ways lead on from each state, and two ways into each, which differ in p or in the parity."""
    state = np.arange(STATES)
    even, odd = next_state(state, np.zeros(8, np.int64)), next_state(state, np.ones(8, np.int64))
    assert even.tolist() == [0, 5, 1, 4, 2, 7, 3, 6]
    assert odd.tolist() == [2, 7, 3, 6, 0, 5, 1, 4]
    assert (np.bincount(np.concatenate([even, odd])) == 2).all()


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_runs_are_apart(odd: int, dtype: type[Any]) -> None:
    integers: NDArray[Any] = np.random.default_rng(1).integers(0, 60000, (2, 3, 100)).astype(dtype)
    whole = halves(integers, odd)
    state = 0
    for k, p in zip(integers[1, 2].tolist(), whole[1, 2].tolist(), strict=True):
        assert p == state & 1
        state = (state >> 1) ^ 5 * p ^ 2 * ((k + odd) & 1)
    parts = [halves(integers[..., x : x + 33], odd) for x in range(0, 100, 33)]
    np.testing.assert_array_equal(halves(integers, odd, run=33), np.concatenate(parts, axis=-1))
    assert halves(integers[..., :0], odd).shape == (2, 3, 0)
