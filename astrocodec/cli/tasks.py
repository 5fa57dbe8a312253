"""One file from input to output; then the input is deleted or replaced where that was asked for.

`fits_tiles` gives outputs their name only when they are whole, verified and on the disk.
"""

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.inputs import Input
from astrocodec.cli.interruption import Interrupted
from astrocodec.cli.size_table import Outcome
from astrocodec.errors import DifferenceError

if TYPE_CHECKING:
    from fits_tiles import FileReport

Progress = Callable[[int, int], None]


class Destination(Enum):
    """Where the result of a task goes, and what becomes of its input."""

    FILE = "written beside the input, which stays"
    DELETE_INPUT = "written beside the input, which is deleted after verification"
    REPLACE_INPUT = "takes the input's name after verification"
    STDOUT = "copied to standard output"
    NOWHERE = "thrown away: a test"


@dataclass(frozen=True)
class Task:
    """What to do with one file.

    Attributes
    ----------
    operation : str
        Function of `fits_tiles` to call.
    source : Input
        The file.
    target : pathlib.Path or None
        The file to write; None for standard output and for tests.
    destination : Destination
        What becomes of output and input.
    overwrite : bool
        Whether the target may exist.
    options : mapping
        Further arguments of the operation.
    """

    operation: Literal["compress", "decompress"]
    source: Input
    target: Path | None
    destination: Destination
    overwrite: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The input's name, as printed."""
        return str(self.source.path)


def run_task(task: Task, workers: int, progress: Progress | None = None) -> Outcome:
    """Treat one file; an exception becomes a failure that says what to do.

    Parameters
    ----------
    task : Task
        What to do.
    workers : int
        Threads over tiles.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    Outcome
        With a report or a failure.
    """
    target = str(task.target or "")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            report = _perform(task, workers, progress)
        except Exception as error:  # one bad file must not stop the others
            _raise_if_interrupted(error)
            failure = explain(error, task.file)
            trace = _trace() if failure.code == ExitCode.INTERNAL else ""
            return Outcome(task.file, target, failure=failure, details=trace)
    # Headers of real files give many warnings; people see them with -v only.
    remarks = "\n".join(dict.fromkeys(f"{task.file}: warning: {warning.message}" for warning in caught))
    return Outcome(task.file, target, report, details=remarks)


def _trace() -> str:
    """Where the exception that is being handled came from."""
    import traceback

    return traceback.format_exc()


def _raise_if_interrupted(error: BaseException) -> None:
    """Go on with an interruption that an error of some clean-up covered on its way."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Interrupted):
            raise cause
        cause = cause.__cause__ or cause.__context__


def _perform(task: Task, workers: int, progress: Progress | None) -> "FileReport":
    """Run the operation, then see to the input."""
    import fits_tiles

    operation = fits_tiles.compress if task.operation == "compress" else fits_tiles.decompress
    replaces = task.destination is Destination.REPLACE_INPUT
    overwrite = task.overwrite or replaces
    # Through a link, the file is replaced and the link stays.
    target = Path(os.path.realpath(task.target)) if task.target and replaces else task.target
    if target is not None:
        _prepare_target(target, overwrite)
    report = operation(
        sys.stdin.buffer if task.source.is_stdin else task.source.path,
        sys.stdout.buffer if task.destination is Destination.STDOUT else target,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
        **task.options,
    )
    if target is not None and not task.source.is_stdin and not replaces:
        shutil.copymode(task.source.path, target)
    if task.destination is Destination.DELETE_INPUT:
        _delete_input(task, report)
    shown_target = "-" if task.destination is Destination.STDOUT else str(task.target or "")
    return replace(report, source=task.file, target=shown_target)


def _prepare_target(target: Path, overwrite: bool) -> None:
    """Refuse an output that exists, and make its directory."""
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # mkdir's word for a file in the place of a directory
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target.parent)) from error


def _delete_input(task: Task, report: "FileReport") -> None:
    """Delete the input, once its copy is on the disk and verified."""
    if not report.verified:
        raise DifferenceError(f"the output is {report.checked}, not verified; the input was kept")
    if task.target is not None and os.path.samefile(task.target, task.source.path):
        raise FileExistsError("the output is the input itself; it was not deleted")
    task.source.path.unlink()
