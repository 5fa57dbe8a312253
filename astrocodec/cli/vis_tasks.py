"""One set of visibilities from input to output: files as all others are treated, Measurement Sets as directories."""

import os
import traceback
import warnings
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from astrocodec.cli.bound_options import asks_for_loss
from astrocodec.cli.deletion import Deletion, SetDeletion
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.notes import notes_on
from astrocodec.cli.size_table import Outcome, is_lossy
from astrocodec.cli.skipping import nothing_gained
from astrocodec.cli.task import Destination, Task
from astrocodec.cli.tasks import prepare_target, run_task
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.executor import Progress
from astrocodec.files.file_kind import is_table
from astrocodec.files.unchanged import settled, state

if TYPE_CHECKING:
    from astrocodec.visibility.set_files import SetState


def run_visibilities(task: Task, workers: int, progress: Progress | None = None) -> Outcome:
    """Treat one file or set; an exception becomes a failure that says what to do."""
    replaces = task.destination is Destination.REPLACE_INPUT
    if replaces or is_table(task.source.path) or _gives_set(task):
        outcome = _run(task, workers, progress)
    else:
        outcome = run_task(task, workers, progress)
    if outcome.report is None or task.operation == "decompress":
        return outcome
    with suppress(OSError):  # of an output that is another user's, as its input is, and not for others to read
        lines = _growth_lines(outcome.report.target)
        return replace(outcome, details="\n".join(filter(None, [outcome.details, lines])))
    return outcome


def _gives_set(task: Task) -> bool:
    """Whether a file is one that a Measurement Set is made of."""
    from astrocodec.visibility.archive import is_archive

    try:
        return task.operation == "decompress" and is_archive(task.source.path)
    except (FormatError, OSError):
        return False  # told when it is treated


def _run(task: Task, workers: int, progress: Progress | None) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if task.destination is Destination.REPLACE_INPUT:
                return _replaced(task, workers, progress)
            return _settled(task, progress) or _perform(task, workers, progress)
        except Exception as error:  # one bad file must not stop the others
            failure = explain(error, task.file)
            trace = traceback.format_exc() if failure.code == ExitCode.INTERNAL else ""
            return Outcome(task.file, str(task.target or ""), failure=failure, details=trace)


def _replaced(task: Task, workers: int, progress: Progress | None) -> Outcome:
    """Let an output take the place of its input."""
    from astrocodec.visibility import files

    options = {name: value for name, value in task.options.items() if name != "verify"}
    report = files.compress_in_place(task.source.path, workers=workers, progress=progress, **options)
    if not report.target:
        return Outcome(task.file, note=f"left as it is, {nothing_gained(report)}")
    report = replace(report, source=task.file)
    return Outcome(task.file, report.target, report, note=notes_on(report))


def _settled(task: Task, progress: Progress | None) -> Outcome | None:
    """Settle what an earlier run did."""
    from astrocodec.visibility import files

    target, source = task.target, task.source.path
    if not task.skip_existing or target is None or not os.path.exists(target):
        return None
    before = _before(task)
    found = state(os.path.realpath(target))
    archive, folder = (target, source) if task.operation == "compress" else (source, target)
    try:
        report = files.verify(archive, folder, progress=progress)
        lossy = task.operation == "compress" and is_lossy(report)
        # It is compared within its own bound, which need not be that of this run.
        problem = "" if not lossy else "is lossy" if not asks_for_loss(task.options) else "is lossy, as this run is"
    except (DifferenceError, FormatError) as error:
        problem = f"does not give it back: {error}"
    if problem:
        if task.overwrite and os.path.isfile(target):
            return None
        advice = "give --overwrite to replace it" if os.path.isfile(target) else "choose another name"
        raise DifferenceError(f"{target} exists and {problem}; {advice}")
    note = f"done before, {target} was compared with it"
    if task.destination is not Destination.DELETE_INPUT:
        return Outcome(task.file, str(target), note=note)
    is_larger = task.operation == "compress" and target.stat().st_size >= sum(
        path.stat().st_size for path in source.rglob("*") if path.is_file()
    )
    if is_larger or task.keep:
        return Outcome(task.file, str(target), note=f"{note}; kept, {task.keep or 'since that is not smaller'}")
    return Outcome(task.file, str(target), note=note, deletion=_deletion(task, before, found))


def _perform(task: Task, workers: int, progress: Progress | None) -> Outcome:
    """Run the operation, then see to the input."""
    from astrocodec.visibility import files

    target = task.target
    assert target is not None
    if os.path.isdir(target):
        raise FileExistsError(f"{target}: is a directory, which is never replaced; choose another name")
    before = _before(task)
    prepare_target(target, task.overwrite)
    options = {"workers": workers, "overwrite": task.overwrite, "progress": progress, **task.options}
    report = getattr(files, task.operation)(task.source.path, target, **options)
    if not report.target:
        return Outcome(task.file, note=f"left as it is, {nothing_gained(report)}")
    report = replace(report, source=task.file, target=str(target))
    deletion, note = None, ""
    if task.destination is Destination.DELETE_INPUT:
        if report.checked != "verified":
            raise DifferenceError(f"the output is {report.checked}, not verified; the input was kept")
        if task.keep:
            note = f"kept, {task.keep}"
        else:
            deletion = _deletion(task, before, report.written or state(os.path.realpath(target)))
    return Outcome(task.file, str(target), report, note=notes_on(report, about=note), deletion=deletion)


def _before(task: Task) -> "os.stat_result | SetState | None":
    """The input as it is, where it is to go."""
    from astrocodec.visibility.set_files import state_of_set

    if task.destination is not Destination.DELETE_INPUT:
        return None
    return state_of_set(task.source.path, waits=True) if is_table(task.source.path) else settled(task.source.path)


def _deletion(
    task: Task, before: "os.stat_result | SetState | None", written: os.stat_result | None
) -> Deletion | SetDeletion:
    assert task.target is not None
    if isinstance(before, os.stat_result):
        return Deletion(task.source.path, task.target, before, written)
    return SetDeletion(task.source.path, task.target, before or {}, written)


def _growth_lines(path: str) -> str:
    """What each baseline of a file lost, a line each."""
    from astrocodec.visibility.files import growth_in

    return "\n".join(
        f"{name}: baseline {number}: variance of noise grown by {share:.3%}"
        for name, shares in growth_in(path).items()
        for number, share in enumerate(shares.tolist())
    )
