"""One file from input to output, which replaces the input where that was asked for.

Both packages give outputs their name only when they are whole, verified and on the disk.
"""

import errno
import importlib
import os
import sys
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

from astrocodec.cli.deletion import Deletion
from astrocodec.cli.existing import check_alone, difference_of_existing
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.notes import lies_elsewhere, notes_on
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.skipping import is_compressed, nothing_gained, refuse_packed
from astrocodec.cli.task import Destination, Task
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.executor import Progress
from astrocodec.files.target import STAYS, is_reference, sync_folder
from astrocodec.files.unchanged import is_unchanged, settled, state


def run_task(task: Task, workers: int, progress: Progress | None = None) -> Outcome:
    """Treat one file; an exception becomes a failure that says what to do, or a note says why nothing was done."""
    target = str(task.target or "")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _refuse_reference(task)
            outcome = _settled(task, workers, progress) or _perform(task, workers, progress)
        except Exception as error:  # one bad file must not stop the others
            failure = explain(error, task.file)
            trace = traceback.format_exc() if failure.code == ExitCode.INTERNAL else ""
            return Outcome(task.file, target, failure=failure, details=trace)
    # Headers of real files give many warnings; people see them with -v only.
    remarks = "\n".join(dict.fromkeys(f"{task.file}: warning: {warning.message}" for warning in caught))
    return replace(outcome, details=remarks)


def _settled(task: Task, workers: int, progress: Progress | None) -> Outcome | None:
    """Settle a file that was compressed before, under its own name or that of the output."""
    may_be_done = task.operation == "compress" and not task.named and not task.source.is_stdin
    if may_be_done and is_compressed(task.source.path, task.kind):
        return Outcome(task.file, note="skipped, it is compressed already")
    if not task.skip_existing or task.target is None or not os.path.isfile(task.target):
        return None
    deletes = task.destination is Destination.DELETE_INPUT
    if deletes and not os.path.lexists(task.source.path):
        os.stat(task.source.path.parent)  # a disk that is not mounted, or a wrong name
        word = check_alone(task, workers, progress)
        note = f"done before by its name: it is gone, and {task.target} by itself is {word}"
        return Outcome(task.file, str(task.target), note=note)
    before, found = (settled if deletes else os.stat)(task.source.path), state(os.path.realpath(task.target))
    problem, elsewhere = difference_of_existing(task, workers, progress)
    if problem is not None:
        if task.overwrite:
            return None
        raise DifferenceError(f"{task.target} exists and {problem}; give --overwrite to replace it")
    note = f"done before, {task.target} was compared with it"
    if deletes:
        elsewhere = elsewhere or task.keep
        if task.operation == "compress" and task.target.stat().st_size >= before.st_size:
            elsewhere = elsewhere or "since that is not smaller"
        if elsewhere:
            return Outcome(task.file, str(task.target), note=f"{note}; kept, {elsewhere}")
        _sync(task.target)
        deletion = Deletion(task.source.path, task.target, before, found)
        return Outcome(task.file, str(task.target), note=note, deletion=deletion)
    return Outcome(task.file, str(task.target), note=note)


def _perform(task: Task, workers: int, progress: Progress | None) -> Outcome:
    """Run the operation, then see to the input."""
    replaces = task.destination is Destination.REPLACE_INPUT
    if replaces:
        refuse_packed(task.source.path)
    overwrite = replaces or (task.overwrite and task.replaced is not None)
    # Through a link, the file is replaced and the link stays.
    target = Path(os.path.realpath(task.target)) if task.target and replaces else task.target
    goes = replaces or task.destination is Destination.DELETE_INPUT
    before = None if task.source.is_stdin else (settled if goes else os.stat)(task.source.path)
    lost = _original_that_goes(task) if goes else ""
    if target is not None:
        now = state(target)
        if task.overwrite and not replaces and now is not None and not is_unchanged(task.replaced, now):
            # Two names may be one, where case does not count or a directory is mounted twice.
            raise FileExistsError(f"{target} was written after this run began; it was kept")
        prepare_target(target, overwrite)
    try:
        report = getattr(importlib.import_module(task.kind.package), task.operation)(
            sys.stdin.buffer if task.source.is_stdin else task.source.path,
            sys.stdout.buffer if task.destination is Destination.STDOUT else target,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
            **task.options,
        )
    except (DifferenceError, FormatError) as error:
        if before is None or _is_still(task.source.path, before):
            raise
        # What was found wrong comes from that.
        text = "the input changed while it was read, nothing was written; start again when no program writes to it"
        raise DifferenceError(text) from error
    if target is not None and not report.target:
        return Outcome(task.file, note=f"left as it is, {nothing_gained(report)}")
    note, deletion = nothing_gained(report) if task.operation == "compress" else "", None
    if task.destination is Destination.DELETE_INPUT and before is not None and task.target is not None:
        elsewhere = lies_elsewhere(report)
        if report.checked != "verified" and not elsewhere:
            raise DifferenceError(f"the output is {report.checked}, not verified; the input was kept")
        if why := note or elsewhere or task.keep:
            note = f"kept, {why}"
        else:
            deletion = Deletion(task.source.path, task.target, before, report.written)
    if deletion or replaces:
        note = note or lost
    shown_target = "-" if task.destination is Destination.STDOUT else str(task.target or "")
    report = replace(report, source=task.file, target=shown_target)
    return Outcome(task.file, shown_target, report, note=notes_on(report, about=note), deletion=deletion)


def _original_that_goes(task: Task) -> str:
    """Say what of an input is not in its output: what gives the file back that it was made from, of other tiles."""
    if task.kind.package != "fits_tiles" or task.operation != "decompress" or task.options.get("to") == "original":
        return ""
    from fits_tiles.files.check import keeps_tiles

    keeps = keeps_tiles(task.source.path, edited=True)
    return "without it, --to original no longer gives the .fz that it was made from" if keeps else ""


def _refuse_reference(task: Task) -> None:
    """Let no file go that others were compressed beside."""
    goes = task.destination in (Destination.REPLACE_INPUT, Destination.DELETE_INPUT)
    if goes and not task.source.is_stdin and is_reference(task.source.path):
        raise FileExistsError(f"{task.file}: {STAYS}; give neither -D nor -F")


def _is_still(path: Path, before: os.stat_result) -> bool:
    """Whether a file is there as it was."""
    try:
        return is_unchanged(before, os.stat(path))
    except OSError:
        return False


def prepare_target(target: Path, overwrite: bool) -> None:
    """Refuse an output that exists, and make its directory."""
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    made = [folder for folder in (target.parent, *target.parent.parents) if not os.path.lexists(folder)]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in made:
            sync_folder(folder.parent)  # or a loss of power takes the output with them, and its input is gone
    except FileExistsError as error:  # mkdir's word for a file in the place of a directory
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target.parent)) from error


def _sync(path: Path) -> None:
    """See that a file of an earlier run is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(Path(os.path.realpath(path)).parent)
