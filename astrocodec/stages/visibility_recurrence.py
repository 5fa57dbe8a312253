"""Recurrences: what the samples around one foretell of it, where there is no noise, by least squares.

Readable reference of docs/format.md section "Recurrences"; native/visibility/recurrence.c does the same. Arrays are
binary64 with a last axis of lanes, one for each baseline; complex numbers are pairs of parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Lanes = NDArray[np.float64]
# How many times before, how many channels beside, whether of the turn before; level by level.
AROUND = (
    (0, 0, 1),
    *((1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0)),
    *((0, -1, 0), (0, -2, 0), (1, -1, 0), (1, 1, 0)),
    *((0, -3, 0), (0, -4, 0), (1, -2, 0), (1, 2, 0), (2, -1, 0), (2, 1, 0)),
    *((1, -3, 0), (1, 3, 0), (2, -2, 0), (2, 2, 0), (3, -1, 0), (3, 1, 0)),
)
LEVEL_ENDS = (1, 5, 9, len(AROUND))
DEPTH, LEVELS = 4, len(LEVEL_ENDS)
_OLD = LEVELS  # the set of weights before the last reset
_FORGET, _FADE, _RIDGE, _LEAST_RIDGE, _MOST = 31 / 32, 0.75, 2.0**-50, 2.0**-1000, 1e300
_OFTEN, _EARLY, _PERIOD, _ALL = 4, 48, 32, 48


def plan_of(channels: int, has_turn: bool, times: int) -> tuple[list[int], list[int]]:
    """Taps that there are, and where those of each level end.

    >>> plan_of(64, False, 0)
    ([5, 6, 9, 10], [0, 0, 2, 4])
    """
    reach = 4 if channels >= 16 else 2 if channels >= 8 else 1 if channels >= 4 else 0
    taps: list[int] = []
    ends = []
    for first, end in zip((0, *LEVEL_ENDS), LEVEL_ENDS, strict=False):
        for k in range(first, end):
            before, beside, turn = AROUND[k]
            if before <= times and turn <= has_turn and abs(beside) <= reach:
                taps.append(k)
        ends.append(len(taps))
    return taps, ends


@dataclass
class RecurrenceStep:
    """One time, turn and channel of all baselines."""

    time: int
    turn: int
    channel: int
    is_coded: NDArray[np.bool_]
    taps: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    samples: list[Lanes] = field(default_factory=list)  # of each tap, [part, lane]
    levels: int = 0  # that have all their taps
    experts: dict[int, Lanes] = field(default_factory=dict)  # -1 of zero, then of sets of weights; [part, lane]
    mean: Lanes = field(default_factory=lambda: np.zeros(0))  # [part, lane]
    value: Lanes = field(default_factory=lambda: np.zeros(0))

    @property
    def sets(self) -> list[int]:
        """Sets of weights that count."""
        return [*range(self.levels), *([_OLD] if self.levels == LEVELS else [])]


class Recurrence:
    """What is known of up to 32 baselines."""

    def __init__(self, lanes: int, sides: tuple[int, int]) -> None:
        self.lanes, (self.channels, self.pols) = lanes, sides
        n_taps = len(AROUND)
        self.values = np.zeros((DEPTH + 1, self.pols, self.channels, 2, lanes))
        self.normal: list[dict[tuple[int, int], Lanes]] = [{} for _ in range(self.pols)]  # pairs of places in a plan
        self.right: list[dict[int, Lanes]] = [{} for _ in range(self.pols)]
        self.weights = np.zeros((self.pols, LEVELS + 1, n_taps, 2, lanes))
        self.power = np.zeros((self.pols, LEVELS + 2, lanes))  # of zero, then of sets
        self.seen = [0] * self.pols

    def predict(self, s: RecurrenceStep) -> None:
        """Set the mean of both parts: that of the expert which left least lately."""
        self._take_taps(s)
        power = self.power[s.turn]
        least, s.mean = power[0].copy(), np.zeros((2, self.lanes))
        s.experts = {-1: np.zeros((2, self.lanes))}
        for one in s.sets:
            re, im = np.zeros(self.lanes), np.zeros(self.lanes)
            for k in range(s.ends[min(one, LEVELS - 1)]):
                (w, z), (x, y) = self.weights[s.turn, one, s.taps[k]], s.samples[k]
                re, im = re + (w * x - z * y), im + (w * y + z * x)
            s.experts[one] = np.stack([re, im])
            is_better = power[1 + one] < least
            least = np.where(is_better, power[1 + one], least)
            s.mean = np.where(is_better, s.experts[one], s.mean)
        s.mean = np.where((s.mean > -_MOST) & (s.mean < _MOST), s.mean, 0.0)

    def _take_taps(self, s: RecurrenceStep) -> None:
        s.taps, s.ends = plan_of(self.channels, s.turn > 0, min(s.time, DEPTH))
        s.samples, s.levels = [], 0
        for first, end in zip((0, *s.ends), s.ends, strict=False):
            for k in range(first, end):
                before, beside, turn = AROUND[s.taps[k]]
                channel = s.channel + beside
                if not 0 <= channel < self.channels:
                    return
                s.samples.append(self.values[(s.time - before) % (DEPTH + 1), s.turn - turn, channel].copy())
            s.levels += 1

    def learn(self, s: RecurrenceStep) -> None:
        """Take in the sample."""
        for one, expert in s.experts.items():
            x, y = s.value[0] - expert[0], s.value[1] - expert[1]
            power = self.power[s.turn, 1 + one]
            following = power * _FADE + (x * x + y * y)
            following = np.where(following < _MOST, following, _MOST)
            power[:] = np.where(s.is_coded, following, power)
        s.value = np.where(s.is_coded, s.value, s.mean)
        self.values[s.time % (DEPTH + 1), s.turn, s.channel] = s.value
        self._learn_weights(s)
        if s.channel + 1 == self.channels and s.time + 1 <= DEPTH:
            self._reset(s.turn)

    def _learn_weights(self, s: RecurrenceStep) -> None:
        if s.levels < LEVELS or not s.taps or (self.seen[s.turn] >= _ALL and s.channel % 2):
            return
        self._add_sample(s)
        self.seen[s.turn] += 1
        seen = self.seen[s.turn]
        if seen % _PERIOD == 0 or (seen < _EARLY and seen % _OFTEN == 0):
            self._solve(s)
        if seen % _PERIOD == 0:
            for sums in (self.normal[s.turn], self.right[s.turn]):
                for one in sums.values():
                    one *= _FORGET

    def _reset(self, turn: int) -> None:
        """The weights of the best set become those before the reset; the normal equations begin anew."""
        power, weights = self.power[turn], self.weights[turn]
        best = np.full(self.lanes, _OLD)
        for one in range(LEVELS):
            best = np.where(power[1 + one] < power[1 + best, range(self.lanes)], one, best)
        power[1 + _OLD] = power[1 + best, range(self.lanes)]
        for lane, one in enumerate(best):
            weights[_OLD, :, :, lane] = weights[one, :, :, lane]
        self.normal[turn], self.right[turn], self.seen[turn] = {}, {}, 0

    def _add_sample(self, s: RecurrenceStep) -> None:
        nothing = np.zeros((2, self.lanes))
        normal, right = self.normal[s.turn], self.right[s.turn]
        for a, of in enumerate(s.samples):
            x, y = np.where(s.is_coded, of, 0.0)
            for b in range(a, len(s.samples)):
                u, v = s.samples[b]
                sums = normal.setdefault((a, b), nothing.copy())
                sums += np.stack([x * u + y * v, x * v - y * u])
            u, v = s.value
            sums = right.setdefault(a, nothing.copy())
            sums += np.stack([x * u + y * v, x * v - y * u])

    def _solve(self, s: RecurrenceStep) -> None:
        """Weights of all levels: one elimination, whose leading parts are those of the levels."""
        n = len(s.taps)
        u: dict[tuple[int, int], Any] = {pair: sums.copy() for pair, sums in self.normal[s.turn].items()}
        q = [self.right[s.turn][a].copy() for a in range(n)]
        trace = np.zeros(self.lanes)
        for a in range(n):
            trace = trace + u[a, a][0]
        ridge = _RIDGE * trace / n + _LEAST_RIDGE
        for k in range(n):
            pivot = u[k, k][0] + ridge
            inverse = 1 / np.where(pivot > ridge, pivot, ridge)
            for a in range(k + 1, n):
                x, y = u[k, a][0] * inverse, u[k, a][1] * inverse
                for to, (re, im) in [(u[a, b], u[k, b]) for b in range(a, n)] + [(q[a], q[k])]:
                    to -= np.stack([x * re + y * im, x * im - y * re])
            for a in range(k + 1, n):
                u[k, a] *= inverse
            q[k] *= inverse
        for level, end in enumerate(s.ends):
            w = [one.copy() for one in q[:end]]
            for k in reversed(range(end)):
                for b in range(k + 1, end):
                    (re, im), (x, y) = u[k, b], w[b]
                    w[k] -= np.stack([re * x - im * y, re * y + im * x])
                self.weights[s.turn, level, s.taps[k]] = w[k]
