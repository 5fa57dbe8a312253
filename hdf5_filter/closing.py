"""Files that are written, and closed so that a full disk is an error and no crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h5py

__all__ = ["closing"]


@contextmanager
def closing(file: h5py.File) -> Iterator[h5py.File]:
    """
    Close a file that is written, all of it on its way to the disk unless an exception says that it is not.

    What HDF5 cannot write while it closes it does not tell, or ends the process for (2.0). So it writes before, and
    when that failed the rest goes to ``/dev/null``.

    Examples
    --------
    >>> import tempfile
    >>> with closing(h5py.File(tempfile.mkdtemp() + "/a.h5", "w")) as file:
    ...     file["a"] = 1
    """
    try:
        yield file
        file.flush()
    except BaseException:
        _lead_away(file)
        with suppress(OSError, RuntimeError):
            file.close()
        raise
    file.close()


def _lead_away(file: h5py.File) -> None:
    """Let all that is still to be written to a file be lost."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.dup2(nothing, file.id.get_vfd_handle(), inheritable=False)
    finally:
        os.close(nothing)
