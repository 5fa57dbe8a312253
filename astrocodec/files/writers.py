"""Whether another program is writing to a file: what it writes after a file has lost its name is lost with it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from astrocodec.errors import DifferenceError

__all__ = ["without_writers"]

_YOUNG = 60.0
_F_SETSIG = 10  # of Linux; the module fcntl does not name it


@contextmanager
def without_writers(path: str | os.PathLike[str]) -> Iterator[None]:
    """
    Refuse a file that a program has open for writing; who would open it so waits until the end of ``with``.

    Linux tells of files of one's own (leases, fcntl(2)), those of other users must be a minute old; where the system or
    the file system tells nothing, nothing is refused.

    Raises
    ------
    DifferenceError
        Some program may still write to it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> with path.open("wb") as file, without_writers(path):
    ...     pass
    Traceback (most recent call last):
    astrocodec.errors.DifferenceError: a program has it open for writing; it was kept
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        yield
        return
    try:
        with suppress(OSError, AttributeError):
            # Who waits is announced by a signal; this one is ignored unless somebody asks for it.
            fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                raise DifferenceError("a program has it open for writing; it was kept") from error
            # Of files of other users the system tells nothing: their age must do.
            if error.errno == errno.EACCES and time.time() - os.fstat(descriptor).st_mtime < _YOUNG:
                reason = "another user's file, written less than a minute ago: a program may still have it open"
                raise DifferenceError(f"{reason}; it was kept") from error
        except AttributeError:
            pass
        yield
    finally:
        os.close(descriptor)  # which gives up the lease
