"""`astrocodec verify`."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from astrocodec.cli.exit_codes import ExitCode, worst
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.formats import FITS, HDF5, is_folder_read, package_of
from astrocodec.cli.inputs import Input, find_inputs
from astrocodec.cli.names import is_listed_name
from astrocodec.cli.notes import notes_on
from astrocodec.cli.option_types import named_file
from astrocodec.cli.outputs import is_same_file
from astrocodec.cli.planning import refuse_report_file
from astrocodec.cli.run_files import run_and_report
from astrocodec.cli.run_options import RunOptions, reading_options
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.skipping import refused
from astrocodec.cli.task import ReadTask
from astrocodec.files.executor import Progress
from astrocodec.files.file_kind import is_zarr


@dataclass(frozen=True)
class VerifyTask(ReadTask):
    """A file to check, and what it is to be compared with."""

    original: Path | None = None
    reference: str | None = None


@click.command("verify")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--against",
    "original",
    metavar="ORIGINAL",
    type=named_file,
    help="Compare a single file with what it was made from: every pixel and card, or dataset and attribute.",
)
@click.option("--reference", metavar="FILE[HDU]", help="FITS: what images were coded beside, if it is lost.")
@reading_options
def verify_command(files: tuple[str, ...], run: RunOptions, original: Path | None, reference: str | None) -> None:
    """Decode every tile or chunk of FILES and check every checksum; with --against, compare with the original.

    FILES may be FITS and HDF5 files, folders of Zarr, patterns, directories with -r. The exit code is that of the worst
    file.
    """
    inputs = find_inputs(files, is_listed_name, run.recursive, keeps_problems=True, is_file=is_folder_read)
    _check_arguments(inputs, original)
    tasks = [VerifyTask(entry.path, original, reference) for entry in inputs if not entry.problem]
    refuse_report_file(run, [path for task in tasks for path in (task.path, task.original) if path is not None])
    settled = [refused(entry) for entry in inputs if entry.problem]
    raise click.exceptions.Exit(worst(run_and_report(verify_file, tasks, settled, run)))


def _check_arguments(inputs: Sequence[Input], original: Path | None) -> None:
    """Refuse one original for several files, and a file as its own original."""
    if original is not None and len(inputs) > 1:
        raise click.UsageError(f"--against takes a single file to compare, there are {len(inputs)}.")
    if original is not None and inputs and is_same_file(inputs[0].path, original):
        raise click.UsageError("--against names the file itself: that would compare nothing; name its original.")


def verify_file(task: VerifyTask, workers: int, progress: Progress | None = None) -> Outcome:
    """Ask the package that reads it whether a file is whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        try:
            if task.original is not None and task.original.is_dir() and not is_zarr(task.path):
                return Outcome(task.file, report=_verify_archive(task, progress))
            package = package_of(task.path)
            named = {"reference": task.reference} if task.reference and package.__name__ == FITS.package else {}
            report = package.verify(task.path, task.original, workers=workers, progress=progress, **named)
            if package.__name__ == HDF5.package:
                from astrocodec.visibility.archive.contents import check_archive

                check_archive(task.path)
            return Outcome(task.file, report=report, note=notes_on(report))
        except Exception as error:  # one bad file must not stop the others
            failure = explain(error, task.file)
            if failure.code == ExitCode.DIFFERS:
                failure = Failure(f"{task.file}: is not a copy of {task.original}: {error}", ExitCode.DIFFERS)
            return Outcome(task.file, failure=failure)


def _verify_archive(task: VerifyTask, progress: Progress | None) -> Any:
    """Compare a Measurement Set's archive with the set."""
    from astrocodec.visibility.archive import compare_with_set

    assert task.original is not None
    report = package_of(task.path).info(task.path)
    compare_with_set(task.path, task.original, progress=progress)
    report.compared({}, [])
    return report
