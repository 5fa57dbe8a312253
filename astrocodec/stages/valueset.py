"""Which values an image uses: a lattice ``v = (k*step + phase) >> 32``, or an explicit set.

Software that rescales integers (plate scans, companded downlinks) leaves regular holes that a predictor cannot see.
docs/format.md section "Pixels".
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.decisions import Decision, DecisionReader, DecisionWriter, Number
from astrocodec.stages.log512 import log512

_ONE = 1 << 32
_MIN_COUNT = 16
_STRETCH = 32
_MIN_STEP = 1.05
# How a distance in a set is coded: by multiples of the unit, of one that it changes, or as the next unit.
_SAME, _CHANGED, _OTHER = 0, 1, 2
_MOST_SEEN = 255
_LOOK_AHEAD = 8
_NEW_UNIT = 4  # bits
_MAX_VALUE = (1 << 64) - 1
# More than so many bits are saved nowhere.
_FAR = 1 << 30


def lattice_value(k: NDArray[np.uint64], step: int, phase: int) -> NDArray[np.uint64]:
    """Values of lattice indices `k`."""
    return (k * np.uint64(step) + np.uint64(phase)) >> np.uint64(32)


def _room(values: NDArray[np.int64], k: NDArray[np.int64], slope: int) -> tuple[int, int]:
    """Least and largest phase, from the first value on, with which a line of this slope holds all values."""
    rest = ((values - values[0]) << 32) - (k - k[0]) * slope
    return int(rest.max()), int(rest.min()) + _ONE - 1


def _line_through(values: NDArray[np.int64], k: NDArray[np.int64]) -> tuple[int, int] | None:
    """Step and phase with ``values == (k*step + phase) >> 32`` for all.

    The room for the phase is a concave function of the slope, so bisection by thirds finds where it is widest.
    """
    x, y = k[1:] - k[0], values[1:] - values[0]
    low, high = int((((y - 1) << 32) // x).max()), int((((y + 1) << 32) // x).min())
    while high - low > 2:
        third = (high - low) // 3
        left, right = _room(values, k, low + third), _room(values, k, high - third)
        low, high = (low + third, high) if left[1] - left[0] < right[1] - right[0] else (low, high - third)
    nearest = (low + high) // 2
    for step in range(nearest - 1, nearest + 2):
        least, most = _room(values, k, step)
        if least <= most and step > _ONE:
            return step, int(values[0]) * _ONE + (least + most) // 2
    return None


def _slope(values: NDArray[np.int64], k: NDArray[np.int64]) -> float:
    """Least squares: a quotient of two exact integers below 2**63."""
    y, n = values - values[0], values.size
    sums = [int(v) for v in (k.sum(), y.sum(), (k * k).sum(), (k * y).sum())]
    return float(n * sums[3] - sums[0] * sums[1]) / float(n * sums[2] - sums[0] ** 2)


def _grow_line(values: NDArray[np.int64], window: int) -> tuple[int, int] | None:
    """A line that starts from the densest `window` gaps and is refined over ever longer stretches."""
    gaps = np.diff(values)
    lo = int(np.argmin(values[window:] - values[: values.size - window]))
    hi = lo + window + 1
    near = gaps[lo : hi - 1]
    if near.min() > 1:
        near = near[2 * near <= 3 * near.min() + 1]
    slope = float(near.sum()) / near.size
    if slope < _MIN_STEP:
        return None
    while True:
        k = np.rint((values[lo:hi] - values[lo]) / slope).astype(np.int64)
        if (np.diff(k) < 1).any():
            return None
        slope = _slope(values[lo:hi], k)
        if lo == 0 and hi == values.size:
            return _line_through(values, k)
        reach = max(1, (hi - lo) // 4)
        lo, hi = max(0, lo - reach), min(values.size, hi + reach)


def fit_lattice(values: NDArray[np.int64]) -> tuple[int, int] | None:
    """Step and phase (in units of 2**-32) of a lattice that holds all of the ascending `values`, or None.

    >>> import numpy as np
    >>> fit_lattice(np.arange(0, 1600, 16))
    (68719476736, 2147483648)
    """
    values = values.astype(np.int64)
    if values.size < _MIN_COUNT:
        return None
    gaps = np.diff(values)
    common = int(np.gcd.reduce(gaps))
    if common > 1:
        return common * _ONE, int(values[0]) % common * _ONE + (_ONE >> 1)
    if gaps.max() - gaps.min() <= 1:
        line = _line_through(values, np.arange(values.size))
    else:
        line = _grow_line(values, min(_STRETCH, gaps.size)) or _grow_line(values, min(_STRETCH // 4, gaps.size))
    if line is None:
        return None
    # An index origin below the first value keeps the phase small.
    step, phase = line[0], line[1] % line[0]
    index = ((values << 32) + (_ONE - 1) - phase) // step
    return (step, phase) if (((index * step + phase) >> 32) == values).all() and index.max() < 65536 else None


def set_saves(values: NDArray[np.integer], counts: NDArray[np.int64]) -> int:
    """About 512 times the bits that ranks among ascending `values` save, each of which occurs so many times."""
    gaps = np.minimum(np.diff(values.astype(np.uint64)), np.uint64(_FAR)).astype(np.int64)
    near = np.minimum(np.append(1, gaps), np.append(gaps, gaps[-1:] if gaps.size else 1))
    return int((counts * log512(near)).sum())


def set_pays(saved: int, numbers: int, size: int) -> bool:
    """Whether that is more than a set of `size` bytes costs, for so many numbers."""
    return 50 * saved > 512 * numbers and saved > 2 * 512 * 8 * size


class _Distances:
    """What is learned of the distances between the values of a set while they are coded one by one."""

    def __init__(self) -> None:
        self.changes = [[Decision(_MOST_SEEN) for _ in range(2)] for _ in range(3)]
        self.several = [[Decision(_MOST_SEEN) for _ in range(3)] for _ in range(3)]
        self.multiples, self.rests, self.others = (Number(_MOST_SEEN) for _ in range(3))
        self.is_less = Decision(_MOST_SEEN)
        self.kind, self.near, self.unit = _SAME, [0, 0], 1

    def know(self, kind: int, multiple: int, distance: int) -> None:
        """Take a distance in."""
        self.kind = kind
        if kind == _OTHER:
            self.unit = distance
            return
        self.near = [min(2, (multiple - 1).bit_length()), self.near[0]]
        if kind == _CHANGED:
            self.unit = max(1, _nearest(distance, multiple))


def _nearest(number: int, divisor: int) -> int:
    """The quotient to the nearest integer, halves up."""
    return number // divisor + (number % divisor >= divisor - number % divisor)


def _ahead(distances: list[int], unit: int) -> int:
    """About the bits of distances as multiples of a unit and what it becomes."""
    bits = 0
    for distance in distances:
        multiple = max(1, _nearest(distance, unit))
        rest = abs(distance - multiple * unit)
        bits += 2 * multiple.bit_length()
        if rest:
            bits += 2 * rest.bit_length() + 2
            unit = max(1, _nearest(distance, multiple))
    return bits


def _kind_of(distances: list[int], unit: int) -> tuple[int, int]:
    """How the first of some distances is coded: its kind, and of how many units."""
    first, multiple = distances[0], max(1, _nearest(distances[0], unit))
    if first == unit:
        return _SAME, 1
    if multiple * unit > _MAX_VALUE or _ahead(distances, unit) > 2 * first.bit_length() + _NEW_UNIT + _ahead(
        distances[1:], first
    ):
        return _OTHER, 0
    return (_SAME if first == multiple * unit else _CHANGED), multiple


def pack_set(values: NDArray[np.integer]) -> bytes:
    """Code ascending values, the first of which is 0, by what their distances are multiples of."""
    distances = [b - a for a, b in pairwise(values.tolist())]
    out, known = DecisionWriter(), _Distances()
    for i, distance in enumerate(distances):
        kind, multiple = _kind_of(distances[i : i + 1 + _LOOK_AHEAD], known.unit)
        is_other, is_changed = known.changes[known.kind]
        out.choose(is_other, kind != _SAME)
        if kind != _SAME:
            out.choose(is_changed, kind == _OTHER)
        if kind == _OTHER:
            out.number(known.others, distance)
        else:
            out.choose(known.several[known.near[0]][known.near[1]], multiple > 1)
            if multiple > 1:
                out.number(known.multiples, multiple - 1)
        if kind == _CHANGED:
            out.choose(known.is_less, distance < multiple * known.unit)
            out.number(known.rests, abs(distance - multiple * known.unit))
        known.know(kind, multiple, distance)
    return out.to_bytes()


def _take_distance(choices: DecisionReader, known: _Distances) -> int:
    kind, multiple = _SAME, 1
    is_other, is_changed = known.changes[known.kind]
    if choices.is_yes(is_other):
        kind = _OTHER if choices.is_yes(is_changed) else _CHANGED
    if kind == _OTHER:
        distance = choices.number(known.others)
    else:
        if choices.is_yes(known.several[known.near[0]][known.near[1]]):
            multiple += choices.number(known.multiples)
        distance = multiple * known.unit
    if distance > _MAX_VALUE:
        raise CorruptError(f"value set: {distance} found, at most {_MAX_VALUE} allowed")
    if kind == _CHANGED:
        sign = -1 if choices.is_yes(known.is_less) else 1
        distance += sign * choices.number(known.rests)
    if not 0 < distance <= _MAX_VALUE:
        raise CorruptError(f"value set: a distance of {distance} found, 1 to {_MAX_VALUE} allowed")
    known.know(kind, multiple, distance)
    return distance


def unpack_set(data: memoryview | bytes, count: int) -> NDArray[np.uint64]:
    """Undo `pack_set`."""
    values = [0]
    try:
        choices, known = DecisionReader(data, "value set"), _Distances()
        for _ in range(count - 1):
            values.append(values[-1] + _take_distance(choices, known))
            if values[-1] > _MAX_VALUE:
                raise CorruptError(f"value set: {values[-1]} found, at most {_MAX_VALUE} allowed")
    except TruncatedError:
        raise CorruptError(f"value set: {len(data)} bytes are too few for {count} values") from None
    choices.finish()
    return np.array(values, np.uint64)
