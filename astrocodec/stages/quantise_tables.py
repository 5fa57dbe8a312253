"""Tables of tiles and exceptions: scales and zeros, and elements that no step gives.

docs/format.md section "Tables of tiles and exceptions" of "Quantise". native/quantise_tables.c does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.decisions import Decision, DecisionReader, DecisionWriter, Number

_MAX_WHOLE = 1 << 52
_FRACTION, _EXPONENT = 52, 12  # bits of a double, its sign among those of the exponent
_HALVED = 255
_FIRST_SCALE = 1.0
_LOWEST_STEP = 2147483637.0  # less it: where cfitsio begins with nulls or dither 2
# What cfitsio multiplies differences of pixels by, of third, second and fifth order, and levels that people give it.
_NOISES = (0.6052697, 1.0483579, 0.1772048)
_ORDERS = len(_NOISES)
_LEVELS = (4.0, 16.0, 1.0, 2.0, 8.0, 10.0, 0.5, 32.0, 5.0, 20.0, 0.25, 64.0, 100.0)
_LOOKED_AT = 64
_MOST_TRAILING, _LEAST_TRAILING = 29, 26  # low bits that are 0 in a float32, in the mean of two or more


class Exceptions(NamedTuple):
    """Runs of elements, in the array's order, that no step gives: each of so many with the same bits."""

    first: NDArray[np.int64]
    length: NDArray[np.int64]
    bits: NDArray[np.uint64]


def no_exceptions() -> Exceptions:
    return Exceptions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint64))


def whole(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To the nearest integers, halves to even; 0 where that is beyond 2**52."""
    return np.where(np.abs(values) <= _MAX_WHOLE, np.rint(values), 0.0)


class ScaleCode(NamedTuple):
    """How scales are coded: as they are, or where they have one as a noise that fpack found, divided by this level."""

    noise_level: float  # 0: as they are
    trailing: int  # low bits that are 0 in all of them, or in all noises

    @classmethod
    def of(cls, scales: NDArray[np.float64]) -> ScaleCode:
        """That which takes fewer bits."""
        every = int(np.bitwise_or.reduce(scales.view(np.uint64), initial=1 << _FRACTION))
        plain, level = cls(0.0, _zeros_below(every)), _level_of(scales)
        noises = [noise for order, noise in (_noise_of(scale, level) for scale in scales.tolist()) if order < _ORDERS]
        code = cls(level, _zeros_below(reduce(or_, noises, 1 << _MOST_TRAILING)))
        # in bits; the order of a noise takes two
        saved, paid = code.trailing - plain.trailing - 2, plain.trailing + 3
        return code if level and saved * len(noises) - paid * (scales.size - len(noises)) > 32 else plain


def _zeros_below(number: int) -> int:
    return (number & -number).bit_length() - 1


def _scale_of(noise: int, order: int, level: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(_of_bits(noise)) * _NOISES[order] / level)


def _noise_of(scale: float, level: float) -> tuple[int, int]:
    """Order and bits of the noise that gave a scale, or without one, `_ORDERS` and the scale's."""
    for order, factor in enumerate(_NOISES if level else ()):
        with np.errstate(all="ignore"):
            bits = _bits(float(np.float64(scale) * level / factor))
        noise = (bits + (1 << _LEAST_TRAILING >> 1)) % (1 << 64) >> _LEAST_TRAILING << _LEAST_TRAILING
        if _scale_of(noise, order, level) == scale:
            return order, noise
    return _ORDERS, _bits(scale)


def _level_of(scales: NDArray[np.float64]) -> float:
    """The level with which most of some scales have a noise; 0 where few have one."""
    some = scales[:_LOOKED_AT].tolist()
    counts = [sum(_noise_of(scale, level)[0] < _ORDERS for scale in some) for level in _LEVELS]
    return _LEVELS[counts.index(max(counts))] if max(counts) > len(some) // 2 else 0.0


class _Known:
    """What is learned of tiles and exceptions while they are coded."""

    def __init__(self) -> None:
        self.is_other, self.is_far, self.has_rest, self.is_same = (Decision(_HALVED) for _ in range(4))
        self.has_moved, self.is_less, self.rest_is_less = (Decision(_HALVED) for _ in range(3))
        self.is_not = [Decision(_HALVED) for _ in _NOISES]  # the noise of this order
        self.moves, self.rests, self.gaps, self.lengths = (Number(_HALVED) for _ in range(4))
        self.is_lowest, self.lowest_is_less = Decision(_HALVED), Decision(_HALVED)
        self.lowests, self.lowest = Number(_HALVED), 0  # and the bits of the last one
        self.coded, self.multiple = _bits(_FIRST_SCALE), 0


def _bits(value: float) -> int:
    """Of a float64."""
    return int(np.float64(value).view(np.uint64))


def _of_bits(bits: int) -> float:
    return float(np.uint64(bits).view(np.float64))


def _multiple(zero: float, scale: float, divides: bool) -> int:
    """The step nearest to a zero."""
    with np.errstate(all="ignore"):
        return int(whole(np.array([zero]) * scale if divides else np.array([zero]) / scale)[0])


def _product(multiple: int, scale: float, divides: bool) -> int:
    """The bits of what a step is without a zero."""
    with np.errstate(all="ignore"):
        step = np.float64(multiple)
        return _bits(float(step / np.float64(scale) if divides else step * np.float64(scale)))


def _signed(bits: int) -> int:
    """Of two's complement in 64 bits."""
    return (bits + (1 << 63)) % (1 << 64) - (1 << 63)


def _put_signed(out: DecisionWriter, is_less: Decision, number: Number, value: int) -> None:
    """Every number but 0."""
    out.choose(is_less, value < 0)
    out.number(number, abs(value))


def _put_scale(out: DecisionWriter, known: _Known, scale: float, code: ScaleCode) -> None:
    order, coded = _noise_of(scale, code.noise_level)
    if code.noise_level:
        for i in range(min(order + 1, _ORDERS)):
            out.choose(known.is_not[i], i < order)
    zeros = code.trailing if order < _ORDERS or not code.noise_level else 0
    is_far = coded >> _FRACTION != known.coded >> _FRACTION
    out.choose(known.is_far, is_far)
    if is_far:
        out.raw(coded >> _FRACTION, _EXPONENT)
    out.raw((coded & (1 << _FRACTION) - 1) >> zeros, _FRACTION - zeros)
    known.coded = coded


def _zero_above(lowest: int, scale: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(scale) * _LOWEST_STEP + np.float64(np.uint32(lowest).view(np.float32)))


def _lowest_of(scale: float, zero: float) -> int | None:
    """Bits of the lowest pixel, a float32, that gave a zero, if one did."""
    with np.errstate(all="ignore"):
        lowest = int(np.float32(zero - np.float64(scale) * _LOWEST_STEP).view(np.uint32))
    return lowest if _zero_above(lowest, scale) == zero else None


def _put_lowest(out: DecisionWriter, known: _Known, lowest: int) -> None:
    out.choose(known.lowest_is_less, lowest < known.lowest)
    out.number(known.lowests, abs(lowest - known.lowest) + 1)
    known.lowest = lowest


def _put_tile(out: DecisionWriter, known: _Known, scale: float, zero: float, code: ScaleCode, divides: bool) -> None:
    _put_scale(out, known, scale, code)
    lowest = _lowest_of(scale, zero) if code.noise_level else None
    multiple = known.multiple if lowest is not None else _multiple(zero, scale, divides)
    moved, rest = multiple - known.multiple, _signed(_bits(zero) - _product(multiple, scale, divides))
    out.choose(known.has_moved, moved != 0)
    if moved:
        _put_signed(out, known.is_less, known.moves, moved)
    has_rest = lowest is not None or rest != 0
    out.choose(known.has_rest, has_rest)
    if has_rest and code.noise_level:
        out.choose(known.is_lowest, lowest is not None)
    if lowest is not None:
        _put_lowest(out, known, lowest)
    elif rest:
        _put_signed(out, known.rest_is_less, known.rests, rest)
    known.multiple = multiple


def pack_tables(
    scales: NDArray[np.float64],
    zeros: NDArray[np.float64],
    exceptions: Exceptions,
    code: ScaleCode,
    divides: bool,
    dtype: np.dtype[Any],
) -> bytes:
    """Tiles and exceptions of elements of a type, coded as "Decisions" says; `divides`: by scales."""
    out, known = DecisionWriter(), _Known()
    before: tuple[int, int] | None = None
    for scale, zero in zip(scales.tolist(), zeros.tolist(), strict=True):
        tile = _bits(scale), _bits(zero)
        if before:
            out.choose(known.is_other, tile != before)
        if tile != before:
            _put_tile(out, known, scale, zero, code, divides)
        before = tile
    at = last = 0
    for first, length, bits in zip(*(column.tolist() for column in exceptions), strict=True):
        out.number(known.gaps, first - at + 1)
        out.number(known.lengths, length)
        out.choose(known.is_same, bits == last)
        if bits != last:
            out.raw(bits, 8 * dtype.itemsize)
        at, last = first + length, bits
    return out.to_bytes()


def _take_signed(choices: DecisionReader, is_less: Decision, number: Number) -> int:
    less = choices.is_yes(is_less)
    value = choices.number(number)
    return -value if less else value


def _take_scale(choices: DecisionReader, known: _Known, code: ScaleCode) -> float:
    order = _ORDERS
    if code.noise_level:
        order = next((i for i, is_not in enumerate(known.is_not) if not choices.is_yes(is_not)), _ORDERS)
    zeros = code.trailing if order < _ORDERS or not code.noise_level else 0
    top = known.coded >> _FRACTION
    if choices.is_yes(known.is_far):
        top = choices.raw(_EXPONENT)
    known.coded = top << _FRACTION | choices.raw(_FRACTION - zeros) << zeros
    return _scale_of(known.coded, order, code.noise_level) if order < _ORDERS else _of_bits(known.coded)


def _take_tile(choices: DecisionReader, known: _Known, code: ScaleCode, divides: bool) -> tuple[float, float]:
    scale = _take_scale(choices, known, code)
    moved = rest = 0
    if choices.is_yes(known.has_moved):
        moved = _take_signed(choices, known.is_less, known.moves)
    is_lowest = False
    if choices.is_yes(known.has_rest):
        is_lowest = bool(code.noise_level) and choices.is_yes(known.is_lowest)
        if is_lowest:
            less = choices.is_yes(known.lowest_is_less)
            by = choices.number(known.lowests) - 1
            known.lowest = (known.lowest - by if less else known.lowest + by) % (1 << 32)
        else:
            rest = _take_signed(choices, known.rest_is_less, known.rests)
    known.multiple += moved
    if abs(known.multiple) > _MAX_WHOLE:
        raise CorruptError(f"quantise: a zero of {known.multiple} scales, at most {_MAX_WHOLE} allowed")
    if is_lowest:
        return scale, _zero_above(known.lowest, scale)
    return scale, _of_bits((_product(known.multiple, scale, divides) + rest) % (1 << 64))


def unpack_tables(
    data: bytes,
    counts: tuple[int, int, int],
    code: ScaleCode,
    divides: bool,
    dtype: np.dtype[Any],
    are_good: Callable[[NDArray[np.float64], NDArray[np.float64]], bool],
) -> tuple[NDArray[np.float64], NDArray[np.float64], Exceptions]:
    """Undo `pack_tables`, for counts of tiles, runs of exceptions and elements; `are_good` tells which tiles may be."""
    tiles, runs, elements = counts
    pairs: list[tuple[float, float]] = []
    try:
        choices, known = DecisionReader(data, "quantise"), _Known()
        for _ in range(tiles):
            is_other = not pairs or choices.is_yes(known.is_other)
            pairs.append(_take_tile(choices, known, code, divides) if is_other else pairs[-1])
            if is_other and not are_good(np.array(pairs[-1][:1]), np.array(pairs[-1][1:])):
                raise CorruptError(f"quantise: scale and zero of tile {len(pairs) - 1} are {pairs[-1]}")
        exceptions = _take_exceptions(choices, known, runs, elements, 8 * dtype.itemsize)
    except TruncatedError:
        raise CorruptError(f"quantise: {len(data)} bytes do not hold {tiles} tiles and {runs} exceptions") from None
    choices.finish()
    scale, zero = np.array(pairs).T.copy()
    return scale, zero, exceptions


def _take_exceptions(choices: DecisionReader, known: _Known, runs: int, elements: int, width: int) -> Exceptions:
    found, at, last = [], 0, 0
    for _ in range(runs):
        first = at + choices.number(known.gaps) - 1
        length = choices.number(known.lengths)
        if first >= elements or length > elements - first:
            raise CorruptError(f"quantise: exceptions {first} to {first + length} of {elements} elements")
        if not choices.is_yes(known.is_same):
            last = choices.raw(width)
        found.append((first, length, last))
        at = first + length
    first_of, lengths, bits = zip(*found, strict=True) if found else ((), (), ())
    return Exceptions(np.array(first_of, np.int64), np.array(lengths, np.int64), np.array(bits, np.uint64))
