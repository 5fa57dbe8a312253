"""Walk over visibilities: what is known of a sample before it is decoded, and what it then teaches.

Readable reference of docs/format.md sections "Prediction" and "Scales of distances"; native/visibility/walk.c does the
same. All floats are binary64, each operation rounded by itself in the order written here: the last bit counts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.visibility_joint import Joint, Lanes, Parts
from astrocodec.stages.visibility_mixing import LEAST, factor, hidden, outputs

TAPS, TAPS_ALONE, EDGES, EXPERTS = 10, 8, 3, 4
JOINT_TAPS, JOINT_TAPS_ALONE = 19, 16
_HUGE, _FAR = 1e30, 2.0**20
_FORGET, _REMEMBER = 511 / 512, 512 / 511
_PRIOR, _LEAST_USUAL, _SMOOTHING, _CLIP, _RESERVE, _FADE = 1 / 32, 4.0, 4.0, 3.0, 1 / 64, 15 / 16
_PROMISE = np.array([97, 110, 124, 137, 155, 181]) / 128
_BOUNDS = (13 / 32, 22 / 32, 36 / 32, 54 / 32, 3.0)
_COUNT, _HALVED = 8.0, 2048.0
_FIRST_SEEN, _SEEN_BEFORE, _MOST_SEEN, _NOTHING = 16.0, 64.0, 128.0, 1 / 1024


def sum_over(lanes: Lanes) -> float:
    """Halves are added to each other until one number is left."""
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return float(lanes[0])


def times(a: Parts, b: Parts) -> Parts:
    """Complex product."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def ratio(a: Parts, b: Parts, c: Parts, usual: Lanes) -> Parts:
    """The value a b / c, less where c is no larger than usual distances."""
    size = (c[0] * c[0] + c[1] * c[1]) + _SMOOTHING * (usual * usual)
    re, im = times(a, b)
    return (re * c[0] + im * c[1]) / size, (im * c[0] - re * c[1]) / size


@dataclass
class Step:
    """One time, channel and polarisation of all baselines."""

    time: int
    channel: int
    turn: int  # of the polarisation
    unit: Lanes  # 1/256 of the step
    is_coded: NDArray[np.bool_]
    taps: list[Parts] = field(default_factory=list)
    more_taps: list[Parts] = field(default_factory=list)  # of joint weights alone
    experts: list[Parts] = field(default_factory=list)
    usual: Lanes = field(default_factory=lambda: np.zeros(0))  # distances of both parts, before the sample
    mean: Parts = (np.zeros(0), np.zeros(0))  # the prediction, in units
    scale: Lanes = field(default_factory=lambda: np.zeros(0))  # mean distance expected of a part
    ratio: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    mixing: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # what a network says
    values: list[Lanes] = field(default_factory=list)  # found, in units
    distances: list[Lanes] = field(default_factory=list)

    @property
    def edge(self) -> int:
        """Which weights: those at the first time, in the first channel, elsewhere."""
        return 0 if not self.time else 1 if not self.channel else 2


class Walk:
    """What is known of up to 32 baselines."""

    def __init__(
        self,
        lanes: int,
        baselines: int,
        sides: tuple[int, int],
        noise: float,
        is_known: bool,
        is_predicted: bool,
        layer: NDArray[np.int64] | None = None,
    ) -> None:
        self.layer = layer  # of the network, where there is one
        self.lanes, self.baselines, (self.channels, self.pols) = lanes, baselines, sides
        self.noise, self.is_known, self.is_predicted = noise, is_known, is_predicted
        channels, pols = sides
        # of the last two times: [time & 1, channel, turn, part, lane]
        self.values = np.zeros((2, channels, pols, 2, lanes))
        self.predictions = np.zeros((2, channels, pols, 2, lanes))
        self.distances = np.zeros((2, channels, pols, lanes))
        self.usual = np.full((pols, 2, lanes), noise)
        self.seen = np.full((pols, lanes), _SEEN_BEFORE if is_known else _FIRST_SEEN)
        self.quiet = np.zeros((pols, 2, lanes))
        self.power = np.zeros((pols, EXPERTS, lanes))
        self.weights = np.zeros((EDGES, pols, TAPS, 2, lanes))
        self.inverse = np.zeros((EDGES, pols, TAPS, TAPS, 2, lanes))
        self.inverse[:, :, range(TAPS), range(TAPS), 0] = _PRIOR / (noise * noise)
        self.is_taught = np.zeros((EDGES, pols, lanes), bool)
        self.taught = np.zeros((EDGES, pols), int)
        taps = [JOINT_TAPS if j else JOINT_TAPS_ALONE for j in range(0 if layer is None else pols)]
        self.joint = [[Joint(count) for count in taps] for _ in range(EDGES)]
        promise = _PROMISE[None, None, :] * _PROMISE[None, :, None] * _PROMISE[:, None, None]
        self.found = np.tile(_COUNT * promise.reshape(-1), (2, 1))
        self.counted = np.full((2, 216), _COUNT)

    def next_baselines(self, lanes: int, baselines: int) -> Walk:
        """A walk that begins with what this one has taught on average."""
        sides = self.channels, self.pols
        follower = Walk(lanes, baselines, sides, self.noise, self.is_known, self.is_predicted, self.layer)
        follower.found, follower.counted, follower.joint = self.found, self.counted, self.joint
        for j, part in np.ndindex(self.pols, 2):
            total = 0.0
            for usual in self.usual[j, part, : self.baselines]:
                total += usual
            follower.usual[j, part] = total / self.baselines
        for edge, j in np.ndindex(self.taught.shape):
            if self.is_predicted and self.taught[edge, j]:
                follower.taught[edge, j] = baselines
                follower.is_taught[edge, j, :baselines] = True
                for k, part in np.ndindex(TAPS, 2):
                    mean = sum_over(self.weights[edge, j, k, part]) / self.taught[edge, j]
                    follower.weights[edge, j, k, part, :baselines] = mean
        return follower

    def _at(
        self, s: Step, array: NDArray[np.float64], is_there: bool, time: int, channel: int, turn: int | None = None
    ) -> Parts:
        """A value or prediction, in units; 0 where it is beyond the block."""
        if not is_there:
            return np.zeros(self.lanes), np.zeros(self.lanes)
        re, im = array[time & 1, channel, s.turn if turn is None else turn]
        per_unit = 1 / s.unit
        return re * per_unit, im * per_unit

    def _taps(self, s: Step) -> list[Parts]:
        t, f, j, usual = s.time, s.channel, s.turn, s.usual
        nothing = (np.zeros(self.lanes), np.zeros(self.lanes))
        of = functools.partial(self._at, s)

        def quotient(is_there: bool, a: Parts, b: Parts, c: Callable[[], Parts]) -> Parts:
            return ratio(a, b, c(), usual) if is_there else nothing

        left, up, corner = (
            of(self.values, *at) for at in ((f > 0, t, f - 1), (t > 0, t - 1, f), (t > 0 < f, t - 1, f - 1))
        )
        taps = [
            left,
            of(self.values, f > 1, t, f - 2),
            up,
            corner,
            of(self.values, t > 0 and f + 1 < self.channels, t - 1, f + 1),
            quotient(t > 0 < f, left, up, lambda: corner),
            of(self.predictions, f > 0, t, f - 1),
            of(self.predictions, t > 0, t - 1, f),
        ]
        if j:
            first = of(self.values, True, t, f, 0)
            taps.append(quotient(f > 0, first, left, lambda: of(self.values, True, t, f - 1, 0)))
            taps.append(quotient(t > 0, first, up, lambda: of(self.values, True, t - 1, f, 0)))
        return taps

    def _more_taps(self, s: Step) -> list[Parts]:
        """What joint weights see besides."""
        t, f, last = s.time, s.channel, self.channels - 1
        of = functools.partial(self._at, s)
        taps = [of(self.values, f > back, t, f - 1 - back) for back in (2, 3, 4)]
        taps += [of(self.values, t > 0 and f > 1, t - 1, f - 2), of(self.values, t > 0 and f + 1 < last, t - 1, f + 2)]
        taps += [of(self.predictions, t > 0 < f, t - 1, f - 1), of(self.predictions, t > 0 and f < last, t - 1, f + 1)]
        taps.append(of(self.predictions, f > 1, t, f - 2))
        if s.turn:
            taps.append(of(self.values, True, t, f, 0))
        return taps

    def predict(self, s: Step) -> None:
        """Set the mean of both parts."""
        nothing = np.zeros(self.lanes)
        s.mean = (nothing, nothing)
        s.usual = (self.usual[s.turn, 0] + self.usual[s.turn, 1]) * 0.5
        if not self.is_predicted:
            return
        s.taps = self._taps(s)
        weights, power, usual = self.weights[s.edge, s.turn], self.power[s.turn], s.usual
        lanes = max(int(self.taught[s.edge, s.turn]), 1)
        shared, own = [nothing, nothing], [nothing, nothing]
        for tap, weight in zip(s.taps, weights, strict=False):
            mean = (np.float64(sum_over(weight[0]) / lanes), np.float64(sum_over(weight[1]) / lanes))
            for expert, of in ((shared, mean), (own, (weight[0], weight[1]))):
                expert[0] = expert[0] + (of[0] * tap[0] - of[1] * tap[1])
                expert[1] = expert[1] + (of[0] * tap[1] + of[1] * tap[0])
        s.experts = [(nothing, nothing), (shared[0], shared[1]), (own[0], own[1])]
        if self.layer is not None:
            s.more_taps = self._more_taps(s)
            s.experts.append(self.joint[s.edge][s.turn].prediction([*s.taps, *s.more_taps]))
        p = power[: len(s.experts)] + _RESERVE * (usual * usual)
        least = p[0]
        for other in p[1:]:
            least = np.where(other < least, other, least)
        squares = [r * r for r in least / p]
        v = [q * q * q for q in squares]
        if self.layer is not None:
            self._mix(s, 0)
            v[1:] = [weight * factor(number) for weight, number in zip(v[1:], s.mixing[:-1], strict=True)]
        total, re, im = v[0], nothing, nothing
        for weight, (x, y) in zip(v[1:], s.experts[1:], strict=True):
            total, re, im = total + weight, re + weight * x, im + weight * y
        re, im = (np.where((mean > -_HUGE) & (mean < _HUGE), mean, 0) for mean in (re / total, im / total))
        s.mean = re, im

    def _mix(self, s: Step, part: int) -> None:
        """Ask the network; of part 1, the distance of part 0 is known."""
        if self.layer is not None:
            s.mixing = outputs(self.layer, hidden(self.inputs(s, part)))

    def inputs(self, s: Step, part: int) -> list[Lanes]:
        """What the network is told."""
        square = s.usual * s.usual
        inputs = [(power + _RESERVE * square) / square for power in self.power[s.turn]]
        for one, other in ((2, 1), (3, 2), (3, 0)):
            (a, b), (c, d) = s.experts[one], s.experts[other]
            x, y = a - c, b - d
            apart = (x * x + y * y) / square + 1 / 64
            inputs.append(np.where(apart < _FAR, apart, _FAR))
        return inputs + [ratio + 1 / 16 for ratio in self.around(s, part)]

    def around(self, s: Step, part: int) -> tuple[Lanes, Lanes, Lanes]:
        """Distances over usual ones in this row, in the time before, and of what has been decoded last."""
        t, f, j, one = s.time, s.channel, s.turn, np.ones(self.lanes)

        def distance(is_there: bool, time: int, channel: int, other: Lanes, turn: int = j) -> Lanes:
            found: Lanes = self.distances[time & 1, channel, turn] if is_there else other
            return found

        left = distance(f > 0, t, f - 1, one)
        row = 0.75 * left + 0.25 * distance(f > 1, t, f - 2, left)
        up = distance(t > 0, t - 1, f, one)
        sides = distance(t > 0 < f, t - 1, f - 1, up), distance(t > 0 and f + 1 < self.channels, t - 1, f + 1, up)
        column = 0.5 * up + 0.25 * (sides[0] + sides[1])
        third = s.distances[0] / self.usual[j, 0] if part else distance(j > 0, t, f, one, j - 1)
        return row, column, third

    def set_scale(self, s: Step, part: int) -> None:
        """Set the scale of a part; of part 1, the distance of part 0 is known."""
        row, column, third = self.around(s, part)
        s.ratio = np.zeros(self.lanes, np.intp)
        for bound in _BOUNDS:
            s.ratio += (row > bound) + 6 * (column > bound) + 36 * (third > bound)
        s.scale = self.usual[s.turn, part] * (self.found[part][s.ratio] / self.counted[part][s.ratio])
        if self.layer is not None:
            if part:
                self._mix(s, 1)
            s.scale = s.scale * ((np.maximum(s.mixing[-1], LEAST) + 64) / 64)

    def learn_scale(self, s: Step, part: int) -> None:
        """Take in the distances of a part, lane by lane."""
        found, counted, usual = self.found[part], self.counted[part], self.usual[s.turn, part]
        most, distance = 8 * s.scale, s.distances[part]
        share = np.where(distance < most, distance, most) / usual
        for i, lane in zip(s.ratio[s.is_coded], np.flatnonzero(s.is_coded), strict=True):
            found[i] += share[lane]
            counted[i] += 1
        for i in s.ratio:
            if counted[i] >= _HALVED:
                found[i] *= 0.5
                counted[i] *= 0.5

    def learn(self, s: Step) -> None:
        """Take in the sample."""
        at, usual = (s.time & 1, s.channel, s.turn), s.usual
        if self.is_predicted:
            for part in range(2):
                self.predictions[at][part] = s.mean[part] * s.unit
                self.values[at][part] = np.where(s.is_coded, s.values[part], s.mean[part]) * s.unit
            power = self.power[s.turn]
            for expert, kept in zip(s.experts, power, strict=False):
                x, y = s.values[0] - expert[0], s.values[1] - expert[1]
                square, most = x * x + y * y, 64 * (usual * usual)
                kept[:] = np.where(s.is_coded, kept * _FADE + np.where(square < most, square, most), kept)
            self._learn_weights(s)
            if self.layer is not None:
                self._learn_joint(s)
            is_taught = self.is_taught[s.edge, s.turn]
            self.taught[s.edge, s.turn] += int(np.sum(s.is_coded & ~is_taught))
            is_taught |= s.is_coded
        self.distances[at] = 0
        seen = self.seen[s.turn]
        for d, of_part, quiet in zip(s.distances, self.usual[s.turn], self.quiet[s.turn], strict=True):
            most = 8 * of_part
            run = np.where(d < _NOTHING * of_part, quiet + 1, 0)
            slowly = of_part + (np.where(d < most, d, most) - of_part) / seen
            following = np.where(run > 1, of_part * 0.5, slowly)
            self.distances[at] += np.where(s.is_coded, d / of_part * 0.5, 0.5)
            of_part[:] = np.where(s.is_coded, np.where(following > _LEAST_USUAL, following, _LEAST_USUAL), of_part)
            quiet[:] = np.where(s.is_coded, run, quiet)
        seen += s.is_coded & (seen < _MOST_SEEN)

    def _learn_joint(self, s: Step) -> None:
        x, y = s.values[0] - s.experts[3][0], s.values[1] - s.experts[3][1]
        far = np.sqrt(x * x + y * y) / (_CLIP * s.usual)
        share = np.where(s.is_coded, 1 / (s.usual * s.usual) / np.where(far > 1, far, 1), 0)
        self.joint[s.edge][s.turn].learn([*s.taps, *s.more_taps], (s.values[0], s.values[1]), share)

    def _learn_weights(self, s: Step) -> None:
        """Recursive least squares, each lane by what its sample is off its own prediction."""
        weights, inverse, usual = self.weights[s.edge, s.turn], self.inverse[s.edge, s.turn], s.usual
        n = len(s.taps)
        gains = []
        for a in range(n):
            re, im = np.zeros(self.lanes), np.zeros(self.lanes)
            for b, (x, y) in enumerate(s.taps):
                p, q = inverse[min(a, b), max(a, b)]
                z = q if a <= b else -1.0 * q
                re = re + (p * x + z * y)
                im = im + (z * x - p * y)
            gains.append((re, im))
        share = np.zeros(self.lanes)
        for tap, gain in zip(s.taps, gains, strict=True):
            share = share + (tap[0] * gain[0] - tap[1] * gain[1])
        off = s.values[0] - s.experts[2][0], s.values[1] - s.experts[2][1]
        far = np.sqrt(off[0] * off[0] + off[1] * off[1]) / (_CLIP * usual)
        total = share + _FORGET * np.where(far > 1, far, 1)
        is_used = s.is_coded & (total > 0) & (total < 1e300)
        share = np.where(is_used, 1 / total, 0)
        fade = np.where(is_used, _REMEMBER, 1)
        for a in range(n):
            x, y = gains[a][0] * share, gains[a][1] * share
            weights[a][0] += x * off[0] - y * off[1]
            weights[a][1] += x * off[1] + y * off[0]
            for b in range(a, n):
                (ar, ai), (br, bi), (p, q) = gains[a], gains[b], inverse[a, b]
                p[:] = (p - (ar * br + ai * bi) * share) * fade
                q[:] = (q - (ai * br - ar * bi) * share) * fade
