"""Bins: whether floats are coded by them, and how wide they are (docs/encoder.md section "Bins").

native/find_bins.c chooses alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.bins import Bins, bins_of, float_bits
from astrocodec.stages.log512 import log512

_RUN, _RUNS, _APART = 64, 64, 512
_QUIET = 7  # octaves of a usual step between neighbours
_WIDEST, _NARROWEST, _BY = 14, 4, 2
_MARGIN, _NEARER = 16, 24
_DOUBLE_BIAS, _SPECIAL = 1023, 2047
_FAR = 1 << 30


def _runs(numbers: NDArray[Any]) -> NDArray[Any]:
    """Runs of neighbours, one a row."""
    length = min(numbers.size, _RUN)
    count = max(1, min(_RUNS, numbers.size // _APART))
    places = np.arange(count)[:, None] * (numbers.size // count) + np.arange(length)
    found: NDArray[Any] = numbers.ravel()[places]
    return found


def _middle_exponent(values: NDArray[Any]) -> int:
    """The middle exponent of steps between neighbours, as that of a double; 0 where there are none."""
    with np.errstate(all="ignore"):
        steps = np.diff(_runs(values).astype(np.float64), axis=1)
    exponents = steps.ravel().view(np.uint64) >> np.uint64(52) & np.uint64(_SPECIAL)
    exponents = np.sort(exponents[(exponents > 0) & (exponents < _SPECIAL)])
    return int(exponents[exponents.size // 2]) if exponents.size else 0


def _steps(u: NDArray[np.uint64], low: int = 0) -> NDArray[np.int64]:
    """512 for each bit that steps between neighbours take, and for each of their low bits."""
    apart = np.where(u[:, 1:] > u[:, :-1], u[:, 1:] - u[:, :-1], u[:, :-1] - u[:, 1:])
    apart = apart >> np.uint64(low)
    bits: NDArray[np.int64] = 512 * low + log512(1 + np.minimum(apart, np.uint64(_FAR - 1)).astype(np.int64))
    return bits


def _cost(bins: Bins, bits: NDArray[np.uint64]) -> int | None:
    """What runs of floats take, 512 for each bit; None where there are too many bins."""
    k, _, taken = bins.take(bits)
    if int(k.max()) - int(k.min()) > 65535:
        return None
    is_other = bits[:, 1:] != bits[:, :-1]  # equal floats may be what stands for blanks
    return int(((_steps((k - k.min()).astype(np.uint64)) + 512 * taken[:, 1:]) * is_other).sum())


def find_bins(values: NDArray[Any], trailing: int, closed: NDArray[Any], largest: int) -> Bins | None:
    """Bins that take fewer bits than the integers `closed`, up to `largest`, that floats are by their bits."""
    simple = bins_of(values.dtype, trailing, 1, 0)
    if values.size < 2 or simple.fraction < 0:
        return None
    middle = _middle_exponent(values)
    if not middle:
        return None
    bits = _runs(float_bits(values, trailing))

    def bins_from(exponent: int, linear: int) -> Bins:
        most = simple.exponents - 1 - linear
        first = exponent - _DOUBLE_BIAS + simple.exponents // 2 - 1
        return simple._replace(first=max(1, min(first, most)), linear=linear)

    best: tuple[int, Bins] | None = None
    for linear in range(_WIDEST, _NARROWEST - 1, -_BY):
        tried = bins_from(middle - _QUIET, linear)
        if not tried.are_there:
            continue
        cost = _cost(tried, bits)
        if cost is not None and (best is None or cost < best[0]):
            best = cost, tried
    if best is None:
        return None
    steps = bits.shape[0] * (bits.shape[1] - 1)
    for finer in (-_BY, _BY):
        tried = bins_from(middle - _QUIET + finer, best[1].linear)
        cost = _cost(tried, bits)
        if cost is not None and cost + _NEARER * steps < best[0]:
            best = cost, tried
    low = max(0, largest.bit_length() - 16)
    runs = _runs(closed).astype(np.uint64)
    cost_of_bits = int((_steps(runs, low) * (runs[:, 1:] != runs[:, :-1])).sum())
    return best[1] if cost_of_bits - best[0] >= _MARGIN * steps else None
