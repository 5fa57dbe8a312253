"""Numbers as people read them, in tables and on pages."""

from __future__ import annotations

__all__ = ["count", "fixed", "percent", "size"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NOTHING = "-"


def size(n_bytes: float) -> str:
    """
    Write a number of bytes with three digits and a decimal unit.

    Examples
    --------
    >>> size(8_388_608), size(12)
    ('8.39 MB', '12 B')
    """
    value, unit = float(n_bytes), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"


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
    >>> fixed(5.123, 2, "bits"), fixed(0.00123), fixed(None)
    ('5.12 bits', '0.00123', '-')
    """
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}" if value == 0 or 10**-digits <= abs(value) < 1e7 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def count(number: int | None) -> str:
    """
    Write a count with separators.

    Examples
    --------
    >>> count(1234567)
    '1,234,567'
    """
    return NOTHING if number is None else f"{number:,}"
