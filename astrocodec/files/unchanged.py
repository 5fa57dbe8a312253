"""Whether a file is still what it was: nothing takes the place of what somebody wrote meanwhile."""

from __future__ import annotations

import os

__all__ = ["is_unchanged", "state"]


def state(path: str | os.PathLike[str]) -> os.stat_result | None:
    """
    Return what the system knows of a directory entry, of a link itself; None where there is none.

    Examples
    --------
    >>> state("no/such/file") is None
    True
    """
    try:
        return os.lstat(path)
    except OSError:
        return None


def is_unchanged(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    """
    Tell whether two looks saw the same file with the same content.

    Parameters
    ----------
    before, now : os.stat_result or None
        Of the file; None where there was none.

    Examples
    --------
    >>> is_unchanged(os.stat("."), os.stat("..")), is_unchanged(None, None)
    (False, True)
    """
    if before is None or now is None:
        return before is now
    if any(getattr(before, name) != getattr(now, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns")):
        return False
    # Times of writing can be set back, this one cannot; but a hard link made or removed counts too.
    return before.st_ctime_ns == now.st_ctime_ns or before.st_nlink != now.st_nlink
