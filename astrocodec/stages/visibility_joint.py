"""Joint weights: least squares over all baselines of a round at once, of more taps than each could learn by itself.

Readable reference of docs/format.md section "Joint weights"; native/visibility/joint.c does the same. All floats are
binary64, each operation rounded by itself in the order written here.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Lanes: TypeAlias = NDArray[np.float64]  # a number for each lane
Parts: TypeAlias = tuple[Lanes, Lanes]  # real and imaginary

_FADE, _LITTLE, _LARGEST, _LARGEST_WEIGHT = 511 / 512, 2.0**-40, 1e300, 1e30
_FEW, _MOST_BETWEEN, _SUMS = 16, 16, 8


class Joint:
    """What a set of weights has seen of `taps` taps."""

    def __init__(self, taps: int) -> None:
        self.taps = taps
        # of the conjugate of a tap times a tap, or the value, [part, tap, tap or value, some lanes]; upper half
        self.sums = np.zeros((2, taps, taps + 1, _SUMS))
        self.weights = np.zeros((2, taps))
        self.steps = 0

    def prediction(self, taps: list[Parts]) -> Parts:
        """The sum of weights times taps."""
        re, im = np.zeros_like(taps[0][0]), np.zeros_like(taps[0][0])
        for (a, b), x, y in zip(taps, *self.weights, strict=True):
            re = re + (x * a - y * b)
            im = im + (x * b + y * a)
        return re, im

    def learn(self, taps: list[Parts], value: Parts, share: Lanes) -> None:
        """Take in a step; `share` is how much each lane counts."""
        others = np.array([*taps, value])  # [tap or value, part, lane]
        if len(share) < _SUMS:
            none = ((0, 0), (0, 0), (0, _SUMS - len(share)))
            others, share = np.pad(others, none), np.pad(share, none[-1])
        for a, (re, im) in enumerate(others[:-1]):
            x, y = re * share, im * share
            u, v = others[a:, 0], others[a:, 1]
            self.sums[0, a, a:] = self.sums[0, a, a:] * _FADE + _halved(x * u + y * v, _SUMS)
            self.sums[1, a, a:] = self.sums[1, a, a:] * _FADE + _halved(x * v - y * u, _SUMS)
        self.steps += 1
        between = 1
        while between < _MOST_BETWEEN and _FEW * between <= self.steps:
            between *= 2
        if self.steps % between == 0:
            with np.errstate(all="ignore"):
                self._solve()

    def _solve(self) -> None:
        """Elimination from the first tap on, then weights from the last one back."""
        n = self.taps
        re, im = _halved(self.sums, 1)[..., 0]
        diagonal = re[range(n), range(n)] + 1
        re[range(n), range(n)] = diagonal
        pivots = np.zeros(n)
        for a in range(n):
            p = re[a, a]
            if not (p > diagonal[a] * _LITTLE and p < _LARGEST):
                continue
            pivots[a] = p
            for c in range(a + 1, n):
                x, y = re[a, c] / p, im[a, c] / p
                re[c, c:] -= x * re[a, c:] + y * im[a, c:]
                im[c, c:] -= x * im[a, c:] - y * re[a, c:]
        for a in reversed(range(n)):
            x, y = re[a, n], im[a, n]
            for b in range(a + 1, n):
                u, v = self.weights[:, b]
                x -= re[a, b] * u - im[a, b] * v
                y -= re[a, b] * v + im[a, b] * u
            x, y = x / pivots[a], y / pivots[a]
            is_fit = pivots[a] > 0 and abs(x) < _LARGEST_WEIGHT and abs(y) < _LARGEST_WEIGHT
            self.weights[:, a] = (x, y) if is_fit else (0, 0)


def _halved(lanes: NDArray[np.float64], left: int) -> NDArray[np.float64]:
    """Sums over lanes: halves are added to each other until no more than so many numbers are left."""
    while lanes.shape[-1] > left:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes
