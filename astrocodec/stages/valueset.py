"""Which values an image uses: a lattice ``v = (k*step + phase) >> 32``, or an explicit set.

Software that rescales integers (plate scans, companded downlinks) leaves regular holes that a predictor cannot see.
docs/format.md section "Pixels".
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.bits import LONG, BitReader, BitWriter, RiceMean
from astrocodec.stages.log512 import log512

_ONE = 1 << 32
_MIN_COUNT = 16
_STRETCH = 32
_MIN_STEP = 1.05
# How a set is coded.
_DISTANCES, _MULTIPLES = 0, 1
_MAX_VALUE = (1 << 62) - 1
_MAX_MULTIPLE = 65535
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


def set_saves(values: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    """About 512 times the bits that ranks among ascending `values` save, each of which occurs so many times."""
    gaps = np.diff(values, prepend=values[0] - 1)
    near = np.minimum(gaps, np.append(gaps[1:], gaps[-1]))
    return int((counts * log512(np.minimum(near, _FAR))).sum())


def set_pays(values: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """Whether ranks among `values` save more than listing the values costs."""
    saved = set_saves(values, counts)
    return 50 * saved > 512 * int(counts.sum()) and saved > 2 * 512 * 8 * len(pack_set(values))


def _pack_distances(distances: list[int]) -> BitWriter:
    out, mean = BitWriter(), RiceMean()
    out.write(_DISTANCES, 1)
    for distance in distances:
        mean.write_far(out, distance - 1)
    return out


def _far_cost(value: int, k: int) -> int:
    ones = value >> k
    return ones + k if ones < LONG else LONG + value.bit_length()


def _pack_multiples(distances: list[int]) -> BitWriter:
    out, multiples, others, unit = BitWriter(), RiceMean(), RiceMean(), 1
    out.write(_MULTIPLES, 1)
    for distance in distances:
        number = distance // unit
        symbol = (0 if number == 1 else number) if number * unit == distance and number <= _MAX_MULTIPLE else 1
        k = multiples.parameter()
        if _far_cost(symbol, k) > _far_cost(1, k) + _far_cost(distance - 1, others.parameter()):
            symbol = 1
        multiples.write_far(out, symbol)
        if symbol == 1:
            others.write_far(out, distance - 1)
            unit = distance
    return out


def pack_set(values: NDArray[np.integer]) -> bytes:
    """Code ascending values below 2**62: the distances, or how many times the last other one each is."""
    distances = [int(b) - a for a, b in pairwise([-1, *values.tolist()])]
    ways = [way(distances).to_bytes() for way in (_pack_distances, _pack_multiples)]
    return min(ways, key=len)


def unpack_set(data: memoryview | bytes, count: int) -> NDArray[np.uint64]:
    """Undo `pack_set`."""
    bits, means, unit = BitReader(data, "value set"), (RiceMean(), RiceMean()), 1
    values: list[int] = []
    last = -1
    try:
        are_multiples = bits.read(1) == _MULTIPLES
        for _ in range(count):
            symbol = means[0].read_far(bits, _MAX_MULTIPLE) if are_multiples else 1
            if symbol == 1:
                unit = 1 + means[are_multiples].read_far(bits, _MAX_VALUE)
            last += max(symbol, 1) * unit
            if last > _MAX_VALUE:
                raise CorruptError(f"value set: {last} found, at most {_MAX_VALUE} allowed")
            values.append(last)
    except TruncatedError:
        raise CorruptError(f"value set: {len(data)} bytes are too few for {count} values") from None
    bits.finish()
    return np.array(values, np.uint64)
