"""A bound as it stands in the filter's values; docs/hdf5.md section "Filter values".

native/hdf5/chunk_values.c does the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from astrocodec.bounds import Bound
from astrocodec.errors import CorruptError
from astrocodec.stages.loss import KINDS

__all__ = ["bound_of", "values_of"]

_HAS_DITHER, _DITHER, _PROTECT, _HAS_BLANK = 1 << 8, 1 << 9, 1 << 10, 1 << 14
_NUMBERS = {"gain": 1 << 11, "read_noise": 1 << 12, "saturation": 1 << 13}  # in this order, behind the bound itself
_ALL = (1 << 15) - 1


def _halves(number: float) -> tuple[int, int]:
    low, high = struct.unpack("<2I", struct.pack("<d", number))
    return low, high


def values_of(bound: Bound, blank: int | None = None) -> list[int]:
    """
    Return the values of a bound, and of the bits of the element that stands for none.

    Examples
    --------
    >>> values_of(Bound("0.5sigma"))
    [1, 0, 1071644672]
    """
    what = bound.number | _PROTECT * bound.protect_sources
    if bound.dither is not None:
        what |= _HAS_DITHER | _DITHER * bound.dither
    numbers = {name: getattr(bound, name) for name in _NUMBERS}
    given = {name: float(number) for name, number in numbers.items() if number is not None}
    what |= sum(_NUMBERS[name] for name in given)
    values = [half for number in (bound.value, *given.values()) for half in _halves(number)]
    if blank is not None:
        what |= _HAS_BLANK
        values += [blank & 0xFFFFFFFF, blank >> 32]
    return [what, *values]


def bound_of(values: Sequence[int]) -> tuple[Bound, int | None]:
    """
    Read the values of a bound, and the bits of a blank; those behind it are not looked at.

    Raises
    ------
    CorruptError
        They contradict each other.

    Examples
    --------
    >>> bound_of((1, 0, 1071644672))[0].max_error
    '0.5sigma'
    """
    what = values[0] if values else _ALL + 1
    names = [name for name, bit in _NUMBERS.items() if what & bit]
    length = 3 + 2 * len(names) + 2 * bool(what & _HAS_BLANK)
    kind = what & 255
    if what > _ALL or kind >= len(KINDS) - 1 or len(values) < length or what & (_HAS_DITHER | _DITHER) == _DITHER:
        raise CorruptError("the bound in the filter's values contradicts itself: the dataset's header is damaged")
    numbers = struct.unpack(
        f"<{1 + len(names)}d", struct.pack(f"<{2 + 2 * len(names)}I", *values[1 : 3 + 2 * len(names)])
    )
    value = numbers[0]
    words = {"noise": f"{value!r}sigma", "relative": f"{100 * value!r}%", "added": f"{value!r} adu"}
    name = "noise_increase" if KINDS[kind] in ("increase", "added") else "max_error"
    try:
        bound = Bound(
            **{name: words.get(KINDS[kind], value)},
            **dict(zip(names, numbers[1:], strict=True)),
            dither=bool(what & _DITHER) if what & _HAS_DITHER else None,
            protect_sources=bool(what & _PROTECT),
        )
    except (TypeError, ValueError) as error:
        raise CorruptError(f"the bound in the filter's values: {error}: the dataset's header is damaged") from error
    return bound, values[length - 2] | values[length - 1] << 32 if what & _HAS_BLANK else None
