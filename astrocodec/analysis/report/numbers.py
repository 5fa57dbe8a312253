"""Numbers as people read them, in tables and on pages."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

__all__ = ["NOTHING", "count", "fixed", "joined", "percent", "short_number", "short_numbers"]

NOTHING = "-"
_DIGITS = 16
_PLAIN = 8  # characters up to which powers of ten are not worth the reading


def percent(share: float | None, digits: int = 1) -> str:
    """
    Write a share in percent.

    Examples
    --------
    >>> percent(0.9876), percent(None)
    ('98.8 %', '-')
    """
    return NOTHING if share is None else f"{100 * share:.{digits}f} %"


def fixed(value: float | None, digits: int = 2, unit: str = "") -> str:
    """
    Write a number with so many decimals, or three digits where it is tiny or huge.

    Examples
    --------
    >>> fixed(5.123, 2, "bits"), fixed(0.00123), fixed(None), fixed(2.0, 0, "1e-17 W")
    ('5.12 bits', '0.00123', '-', '2 x 1e-17 W')
    """
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}" if value == 0 or 10**-digits <= abs(value) < 1e7 else f"{value:.3g}"
    return joined(text, unit)


def joined(text: str, unit: str) -> str:
    """
    Write a number and its unit, which may be one of the kind that begins with a power of ten.

    Examples
    --------
    >>> joined("3.2", "1e-17 W"), joined("3.2", "")
    ('3.2 x 1e-17 W', '3.2')
    """
    return f"{text}{' x' if unit[:1].isdigit() else ''} {unit}".rstrip()


def count(number: int | None) -> str:
    """
    Write a count with separators.

    Examples
    --------
    >>> count(1234567)
    '1,234,567'
    """
    return NOTHING if number is None else f"{number:,}"


def short_number(value: float) -> str:
    """
    Write one number of an axis that runs over decades.

    Examples
    --------
    >>> short_number(300.0), short_number(2e9), short_number(0.01)
    ('300', '2e9', '0.01')
    """
    return f"{value:g}" if value == 0 or 1e-3 <= abs(value) < 1e5 else _scientific(value, 5)


def short_numbers(values: Sequence[float]) -> list[str]:
    """Write numbers of one axis with as few digits as tell them apart, plainly or by powers of ten.

    Examples
    --------
    >>> short_numbers([0, 2500, 5000]), short_numbers([0, 2.5e9, 5e9])
    (['0', '2,500', '5,000'], ['0', '2.5e9', '5e9'])
    """
    distinct = sorted(set(map(float, values)))
    steps = [after - before for before, after in itertools.pairwise(distinct)]
    accuracy = 0.005 * min(steps) if steps else 1e-3 * abs(distinct[0]) if distinct else 0.0
    plain = _with_least_digits(values, accuracy, _plain)
    powers = _with_least_digits(values, accuracy, _scientific)
    return plain if max(map(len, plain), default=0) <= max([_PLAIN, *map(len, powers)]) else powers


def _with_least_digits(values: Sequence[float], accuracy: float, write: Callable[[float, int], str]) -> list[str]:
    texts: list[str] = []
    for digits in range(_DIGITS):
        texts = [write(value, digits) for value in values]
        if all(
            abs(float(text.replace(",", "")) - value) <= accuracy for text, value in zip(texts, values, strict=True)
        ):
            break
    return texts


def _plain(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def _scientific(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
