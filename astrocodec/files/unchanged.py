"""Whether a file is still what it was: nothing takes the place of what somebody wrote meanwhile."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress

__all__ = ["has_same_content", "is_unchanged", "settled", "state"]

# A change within the unit of a file's times does not show: a tick of the kernel; FAT, HFS+ and old ext have seconds.
_TICK, _SECONDS = 0.03, 2.0
_LOOKS = 5


def state(path: str | os.PathLike[str]) -> os.stat_result | None:
    """
    Return what the system knows of a directory entry, of a link itself; None where there is none.

    A file is opened for that: only then do network file systems ask what others did to it meanwhile.

    Examples
    --------
    >>> state("no/such/file") is None
    True
    """
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISREG(found.st_mode):
        with suppress(OSError):  # what may not be read
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return os.fstat(descriptor)
            finally:
                os.close(descriptor)
    return found


def is_unchanged(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    """Tell whether two looks at a file, None where there was none, saw the same one with the same content.

    Examples
    --------
    >>> is_unchanged(os.stat("."), os.stat("..")), is_unchanged(None, None)
    (False, True)
    """
    if before is None or now is None:
        return before is now
    # Times of writing can be set back, this one cannot; a hard link made or removed moves it too, which is no harm.
    return has_same_content(before, now) and before.st_ctime_ns == now.st_ctime_ns


def has_same_content(before: os.stat_result, now: os.stat_result) -> bool:
    """
    Tell whether two looks saw one file of one size that was last written at one time, whatever its names are.

    Examples
    --------
    >>> has_same_content(os.stat("."), os.stat("."))
    True
    """
    return all(getattr(before, name) == getattr(now, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns"))


def settled(path: str | os.PathLike[str]) -> os.stat_result:
    """
    Look at a file as soon as every later change will show in its times, but do not wait for one that changes on and on.

    Examples
    --------
    >>> settled(".").st_ino == os.stat(".").st_ino
    True
    """
    found = os.stat(path)
    for _ in range(_LOOKS):
        unit = _TICK if found.st_ctime_ns % 10_000_000 else _SECONDS
        wait = unit - (_clock_of(path) - found.st_ctime_ns) / 1e9
        if wait <= 0:
            break
        time.sleep(min(wait, unit))
        found = os.stat(path)
    return found


def _clock_of(path: str | os.PathLike[str]) -> int:
    """Nanoseconds by the clock of a file system, which may be another machine's."""
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))) as file:
            return os.fstat(file.fileno()).st_ctime_ns
    except OSError:
        return time.time_ns()
