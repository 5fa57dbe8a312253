"""Whether errors average down as white noise does: in time, in frequency, over baselines."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["coherence", "mean_ratios"]

MOST = 10_000
_LEAST_MEANS = 20  # means of a length, of real and imaginary parts each, below which chance rules
# Orders in which samples stand in a line: the first axis named turns fastest.
ORDERS = {"time": (0, 2, 1, 3), "frequency": (2, 0, 1, 3), "baselines": (1, 0, 2, 3)}


def mean_ratios(relative: NDArray[np.complex64], known: NDArray[np.bool_], axis: str) -> dict[int, float]:
    """
    Return by length N the rms of means of N errors along `axis` over what white noise of the same rms gives.

    `relative` are errors over the noise, [time, baseline, freq, pol]. Where an axis is shorter than N, means go on
    along the next. Lengths go by powers of 10 ** 0.5 to 10,000.

    Examples
    --------
    >>> white = np.random.default_rng(1).normal(size=(100, 10, 20, 1, 2)).astype(np.float32).view(np.complex64)[..., 0]
    >>> ratios = mean_ratios(white, np.ones(white.shape, bool), "time")
    >>> max(ratios), all(0.7 < ratio < 1.3 for ratio in ratios.values())
    (316, True)
    """
    order = ORDERS[axis][::-1]  # C order: the last axis turns fastest
    line = relative.transpose(order)[known.transpose(order)]
    if not len(line):
        return {}
    typical = math.sqrt(float(np.mean(np.abs(line) ** 2)))
    found = {}
    for half in range(9):
        n = round(10 ** (half / 2))
        count = len(line) // n
        if count < _LEAST_MEANS or n > MOST or typical == 0:
            break
        means = line[: count * n].reshape(count, n).mean(axis=1, dtype=np.complex128)
        found[n] = math.sqrt(float(np.mean(np.abs(means) ** 2))) * math.sqrt(n) / typical
    return found


def coherence(relative: NDArray[np.complex64], known: NDArray[np.bool_]) -> tuple[int | None, float | None]:
    """The longest mean, and the largest ratio of `mean_ratios` over all axes, less what chance may add at 2 sigma."""
    worst, longest = 0.0, 1
    total = int(known.sum())
    for axis in ORDERS:
        for n, ratio in mean_ratios(relative, known, axis).items():
            chance = 2.0 / math.sqrt(4 * (total // n))
            worst, longest = max(worst, ratio - chance), max(longest, n)
    return (longest, worst) if worst else (None, None)
