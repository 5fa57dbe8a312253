"""Trellis: of integers a step apart, which of two grids half a step apart each stands on.

Readable reference of docs/format.md section "Trellis"; native/trellis.h does the same. The states and their two ways
on are the eight-state code of trellis-coded quantisation (M. W. Marcellin and T. R. Fischer, IEEE Transactions on
Communications 38, 82, 1990), which takes it from G. Ungerboeck's systematic feedback encoder (parity checks 13 and 4,
IEEE Transactions on Information Theory 28, 55, 1982).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STATES = 8


def next_state(state: NDArray[np.int64], is_odd: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state after an integer; bit 0 of a state is p of the integer that comes next.

    `is_odd` is 1 where the integer, with the stream's `odd` added, is odd, else 0.
    """
    return (state >> 1) ^ (5 * (state & 1)) ^ (2 * is_odd)


def halves(integers: NDArray[Any], odd: int = 0, run: int | None = None) -> NDArray[np.int64]:
    """p of each integer along the last axis, 0 or 1: it stands for ``integer + p / 2`` steps.

    The state is 0 at the first integer of every `run` (default: the whole axis).

    Examples
    --------
    >>> halves(np.array([[0, 1, 2, 3, 4, 5], [1, 1, 1, 1, 1, 1]]))
    array([[0, 0, 0, 1, 1, 0],
           [0, 0, 1, 0, 1, 1]])
    """
    is_odd = ((integers & 1) ^ odd).astype(np.int64)
    p = np.zeros(is_odd.shape, np.int64)
    width = is_odd.shape[-1]
    run = width if run is None else run
    state = np.zeros((*is_odd.shape[:-1], -(-width // run) if run else 0), np.int64)
    for x in range(min(run, width)):
        here = is_odd[..., x::run]  # the last run may be shorter
        n = here.shape[-1]
        p[..., x::run] = state[..., :n] & 1
        state[..., :n] = next_state(state[..., :n], here)
    return p
