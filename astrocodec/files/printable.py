"""Names, messages and sizes as people read them: on one line, whatever bytes a name holds."""

import re

__all__ = ["human_bytes", "join_lines", "one_line", "printable_name"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def printable_name(name: str) -> str:
    r"""Escape what would break a line or cannot be encoded, so that the name can be told from it.

    Examples
    --------
    >>> print(printable_name("a b.fits"), printable_name("a\nb\udcff.fits"), printable_name("a\\b.fits"))
    a b.fits a\nb\xff.fits a\\b.fits
    """
    return one_line(name.replace("\\", "\\\\"))


def one_line(text: str) -> str:
    r"""Escape what is not printable; backslashes stay as they are.

    Examples
    --------
    >>> print(one_line("a\\b\tc"))
    a\b\tc
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    """Write a character as itself or as what stands for it in bash's ``$'...'``."""
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"  # a byte that is not UTF-8, as `os.fsdecode` gives it
    if character < "\x80":
        return character.encode("unicode_escape").decode()
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"


def join_lines(text: str) -> str:
    r"""Make one line of a message that was written as several, with blanks for line breaks.

    Examples
    --------
    >>> join_lines("cannot be\n  read")
    'cannot be read'
    """
    return one_line(re.sub(r"\s*\n\s*", " ", text.strip()))


def human_bytes(count: float) -> str:
    """Write a number of bytes with three digits and a decimal unit.

    Examples
    --------
    >>> human_bytes(8_388_608), human_bytes(12)
    ('8.39 MB', '12 B')
    """
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"
