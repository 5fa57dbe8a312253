"""Names of objects, which need not be UTF-8, and errors that carry them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from astrocodec.errors import AstrocodecError, FormatError

__all__ = ["bytes_of", "disk_error", "name_of", "naming", "shown", "text_of"]

_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def text_of(name: bytes) -> str:
    """
    Return a name or path as text; bytes that are not UTF-8 come back with `bytes_of`.

    Examples
    --------
    >>> bytes_of(text_of(b"/caf\\xe9"))
    b'/caf\\xe9'
    """
    return name.decode("utf-8", "surrogateescape") or "/"


def shown(name: bytes) -> str:
    """
    Return a name or path for people.

    Examples
    --------
    >>> print(shown(b"/caf\\xe9"))
    /caf\\xe9
    """
    return name.decode("utf-8", "backslashreplace") or "/"


def bytes_of(name: str | bytes) -> bytes:
    """Return a name as the file has it."""
    return name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")


def name_of(obj: Any) -> str:
    """Return the path of an open dataset."""
    return text_of(h5py.h5i.get_name(obj.id) or b"")


def disk_error(error: BaseException) -> int | None:
    """Return the system's number of a full disk where HDF5 tells of one, else None."""
    text = str(error)
    return next((n for n in _DISK if f"errno = {n}," in text or os.strerror(n) in text), None)


@contextmanager
def naming(file: h5py.File, path: bytes) -> Iterator[None]:
    """
    Turn what HDF5 says against an object into an error that names it.

    Raises
    ------
    FormatError
        Naming file and object.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, AstrocodecError) or getattr(error, "errno", None) or disk_error(error) is not None:
            raise
        raise FormatError(
            f"{file.filename}: {shown(path)}: cannot be copied, so nothing was written: {error}"
        ) from error
