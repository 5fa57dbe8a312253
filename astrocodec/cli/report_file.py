"""The file that a run's report goes to: a line of JSON for each file as soon as the file is finished."""

import fcntl
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import click

from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.size_table import Outcome, json_entry

# What every line begins with; by it a report is told from other files of JSON.
BEGINNING = b'{"file": '


class ReportFile:
    """Opened before the work begins, written while it goes on.

    Parameters
    ----------
    path : pathlib.Path
        The file; devices and pipes are written too.
    overwrite : bool
        Whether it may exist.

    Attributes
    ----------
    failure : Failure or None
        Why a line could not be written; later ones are not tried.

    Raises
    ------
    click.exceptions.Exit
        Where it cannot be opened; a line says why.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        self.failure: Failure | None = None
        self._path = path
        try:
            self._file: IO[bytes] = open(path, "ab" if overwrite or _is_special(path) else "xb")  # noqa: SIM115
            self._claim()
        except OSError as error:
            failure = explain(error, str(path))
            click.echo(f"astrocodec: {failure.message}", err=True)
            raise click.exceptions.Exit(failure.code) from error

    def __enter__(self) -> "ReportFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

    def add(self, outcome: Outcome) -> None:
        """Write a line, which is in the system's hands when this returns.

        Parameters
        ----------
        outcome : Outcome
            What became of a file.
        """
        if self.failure:
            return
        line = json.dumps(json_entry(outcome)).encode("ascii") + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            self.failure = explain(error, str(self._path))
            click.echo(f"astrocodec: {self.failure.message}; the report ends here", err=True)


def _is_special(path: Path) -> bool:
    """Whether a path is a device or pipe, which is there before."""
    with suppress(OSError):
        return not stat.S_ISREG(os.stat(path).st_mode)
    return False
