"""The file that a run's report goes to: a line of JSON for each file as soon as the file is finished."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["BEGINNING", "ReportFile"]

# What every line begins with; by it a report is told from other files of JSON.
BEGINNING = b'{"file": '


class ReportFile:
    """Opened before the work begins, written while it goes on; devices and pipes are written too.

    Raises
    ------
    OSError
        It cannot be opened, or another run is writing it.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self._path = path
        self._file: IO[bytes] = open(path, "ab" if overwrite or _is_special(path) else "xb")  # noqa: SIM115
        self._claim()

    def close(self) -> None:
        """Close the file, whose lines are written."""
        with suppress(OSError):
            self._file.close()

    def _claim(self) -> None:
        """Take the file for this run alone, and empty it."""
        if _is_special(self._path):
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            reason = "another run is writing its report there; give each run a name of its own"
            raise FileExistsError(f"{self._path}: {reason}") from error
        except OSError:
            pass  # a file system without locks
        self._file.truncate(0)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Write a line, which is in the system's hands when this returns; the file's name comes first in it."""
        self._file.write(json.dumps(entry).encode("ascii") + b"\n")
        self._file.flush()


def _is_special(path: Path) -> bool:
    """Whether a path is a device or pipe, which is there before."""
    with suppress(OSError):
        return not stat.S_ISREG(os.stat(path).st_mode)
    return False
