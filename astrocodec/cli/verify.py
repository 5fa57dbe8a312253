"""`astrocodec verify`."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode, worst
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.formats import may_be_hdf5, package_of
from astrocodec.cli.info import is_listed
from astrocodec.cli.inputs import Input, find_inputs
from astrocodec.cli.notes import notes_on
from astrocodec.cli.option_types import named_file
from astrocodec.cli.outputs import is_same_file
from astrocodec.cli.planning import refuse_report_file
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.run_options import RunOptions, reading_options
from astrocodec.cli.run_report import RunReport
from astrocodec.cli.run_tasks import run_tasks
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.skipping import refused


@dataclass(frozen=True)
class VerifyTask:
    """A file to check.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    original : pathlib.Path or None
        What it is to be compared with.
    """

    path: Path
    original: Path | None = None

    @property
    def file(self) -> str:
        """The file's name, as printed."""
        return str(self.path)

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it."""
        return may_be_hdf5(self.path)


@click.command("verify")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--against",
    "original",
    metavar="ORIGINAL",
    type=named_file,
    help="Compare a single file with what it was made from: every pixel and card, or dataset and attribute.",
)
@reading_options
def verify_command(files: tuple[str, ...], run: RunOptions, original: Path | None) -> None:
    """Decode every tile or chunk of FILES and check every checksum; with --against, compare with the original.

    FILES may be FITS and HDF5 files, patterns, directories with -r. The exit code is that of the worst file.
    """
    inputs = find_inputs(files, is_listed, run.recursive, keeps_problems=True)
    _check_arguments(inputs, original)
    tasks = [VerifyTask(entry.path, original) for entry in inputs if not entry.problem]
    refuse_report_file(run, [path for task in tasks for path in (task.path, task.original) if path is not None])
    with RunReport(run, [task.file for task in tasks]) as report:
        outcomes = [report.add(refused(entry)) for entry in inputs if entry.problem]
        with progress_bar(len(tasks), run.quiet or run.as_json) as advance:
            outcomes += run_tasks(verify_file, tasks, run.jobs, advance, report.add)
        raise click.exceptions.Exit(worst(report.end(outcomes)))


def _check_arguments(inputs: Sequence[Input], original: Path | None) -> None:
    """Refuse one original for several files, and a file as its own original."""
    if original is not None and len(inputs) > 1:
        raise click.UsageError(f"--against takes a single file to compare, there are {len(inputs)}.")
    if original is not None and inputs and is_same_file(inputs[0].path, original):
        raise click.UsageError("--against names the file itself: that would compare nothing; name its original.")


def verify_file(task: VerifyTask, workers: int, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Ask `fits_tiles` or `hdf5_filter` whether a file is whole.

    Parameters
    ----------
    task : VerifyTask
        The file.
    workers : int
        Threads over tiles or chunks.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    Outcome
        With a report or a failure.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        try:
            package = package_of(task.path)
            report = package.verify(task.path, task.original, workers=workers, progress=progress)
            return Outcome(task.file, report=report, note=notes_on(report))
        except Exception as error:  # one bad file must not stop the others
            failure = explain(error, task.file)
            if failure.code == ExitCode.DIFFERS:
                failure = Failure(f"{task.file}: is not a copy of {task.original}: {error}", ExitCode.DIFFERS)
            return Outcome(task.file, failure=failure)
