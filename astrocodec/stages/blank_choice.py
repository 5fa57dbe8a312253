"""Blanks: which numbers are, and what an array holds in their place while it is coded.

docs/encoder.md section "Blanks"; native/blank_choice.c chooses alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.blanks import NO_BLANKS, Blanks
from astrocodec.stages.pixels import ordered_bits

_LEAST, _MOST, _SHARE = 256, 4096, 64
_COMMON, _FEW, _CANDIDATES = 8, 16, 3
_FAR, _RARE, _LOW = 8, 128, 32
_SMALL = 1 << 16  # so few numbers that both are tried


def _keys(numbers: NDArray[Any]) -> NDArray[Any]:
    return ordered_bits(numbers, 0) if numbers.dtype.kind == "f" else numbers


def _repeated(sample: NDArray[Any]) -> list[Any]:
    """Values that come again and again among numbers that hardly do."""
    values, counts = np.unique(sample, return_counts=True)
    order = np.argsort(-counts, kind="stable")[: _CANDIDATES + 1]
    usual = int(counts[order[_CANDIDATES]]) if order.size > _CANDIDATES else 1
    found = [i for i in order[:_CANDIDATES].tolist() if counts[i] >= _COMMON * usual]
    others = sample.size - int(counts[found].sum())
    return values[found].tolist() if others >= _FEW and 4 * (values.size - len(found)) >= 3 * others else []


def _far(sample: NDArray[Any]) -> list[Any]:
    """The lowest and the highest value, where many numbers have it and others are far off."""
    low, high = (int((sample == sample[at]).sum()) for at in (0, -1))
    low, high = (count if count >= _COMMON and count * _RARE >= sample.size else 0 for count in (low, high))
    others = sample[low : sample.size - high]
    if not low + high or others.size < _FEW or np.unique(others).size < _FEW:
        return []
    spread = int(others[3 * others.size // 4]) - int(others[others.size // 4])
    found = []
    if low and (int(others[0]) - int(sample[0])) // _FAR > spread:
        found.append(sample[0])
    if high and (int(sample[-1]) - int(others[-1])) // _FAR > spread:
        found.append(sample[-1])
    return found


def choose_blanks(values: NDArray[Any], planes: NDArray[Any]) -> list[tuple[Blanks, NDArray[Any]]]:
    """Blanks of an array, and its planes with other numbers in their place; two such choices where one must try."""
    numbers = planes.ravel()
    stride = (numbers.size // max(_LEAST, min(_MOST, numbers.size // _SHARE))) | 1
    sample = np.sort(_keys(numbers[::stride]))
    # Pixels of 16 bits have no low bits to save, and models know flat regions.
    repeated = _repeated(sample) if planes.dtype.itemsize > 2 else []
    found = repeated or _far(sample)
    if not found:
        return [(NO_BLANKS, planes)]
    unsigned = f"u{planes.dtype.itemsize}"
    keys = _keys(numbers)
    firsts = [numbers[int(np.flatnonzero(keys == key)[0])] for key in found]
    blanks = Blanks(tuple(int(first.view(unsigned)) for first in firsts))
    in_memory = np.ascontiguousarray(values).ravel().view(unsigned)
    marked = edges = 0
    for value in blanks.values:
        is_blank = in_memory == value
        marked += int(is_blank.sum())
        edges += int((is_blank[1:] != is_blank[:-1]).sum())
    if repeated and 4 * planes.dtype.itemsize * marked <= 6 * edges:  # they take half of their bits, and edges six bits
        return [(NO_BLANKS, planes)]
    kept = sample[~np.isin(sample, np.array(found, sample.dtype))]
    # Models know flat regions at the foot of what they see.
    fill = numbers[int(np.flatnonzero(keys == kept[kept.size // (2 if edges > marked else _LOW)])[0])]
    filled = planes.copy()
    filled[blanks.mask_of(planes) > 0] = fill
    is_certain = repeated and numbers.size > _SMALL
    return [(blanks, filled)] if is_certain else [(NO_BLANKS, planes), (blanks, filled)]
