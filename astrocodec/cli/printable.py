"""Names and messages on one line, whatever bytes a name holds."""

import re


def printable_name(name: str) -> str:
    r"""Escape what would break a line or cannot be encoded, so that the name can be told from it.

    Parameters
    ----------
    name : str
        As from `os.fsdecode`: bytes that are not UTF-8 are surrogates.

    Returns
    -------
    str
        ``a\nb`` for a line break, ``\xff`` for a byte that is not UTF-8, two backslashes for one.

    Examples
    --------
    >>> print(printable_name("a b.fits"), printable_name("a\nb\udcff.fits"))
    a b.fits a\nb\xff.fits
    """
    return one_line(name.replace("\\", "\\\\"))


def one_line(text: str) -> str:
    r"""Escape what is not printable; backslashes stay as they are.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        One line.

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
        return f"\\x{ord(character) - 0xDC00:02x}"  # a byte
    if character < "\x80":
        return character.encode("unicode_escape").decode()
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"


def join_lines(text: str) -> str:
    r"""Make one line of a message that was written as several.

    Parameters
    ----------
    text : str
        Of an exception.

    Returns
    -------
    str
        With blanks for line breaks.

    Examples
    --------
    >>> join_lines("cannot be\n  read")
    'cannot be read'
    """
    return one_line(re.sub(r"\s*\n\s*", " ", text.strip()))
