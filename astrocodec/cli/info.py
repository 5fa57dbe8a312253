"""`astrocodec info`."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode, worst
from astrocodec.cli.failures import explain
from astrocodec.cli.formats import may_be_hdf5, package_of
from astrocodec.cli.inputs import Input, find_inputs
from astrocodec.cli.names import is_fits_name, is_hdf5_name
from astrocodec.cli.planning import refuse_report_file
from astrocodec.cli.printable import printable_name
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.run_options import RunOptions, reading_options
from astrocodec.cli.run_report import RunReport
from astrocodec.cli.run_tasks import run_tasks
from astrocodec.cli.size_table import Outcome, hdu_table, human_bytes, parts_of, parts_word
from astrocodec.cli.skipping import refused
from astrocodec.cli.standard_streams import need_output


@dataclass(frozen=True)
class InfoTask:
    """A file to list.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    """

    path: Path

    @property
    def file(self) -> str:
        """The file's name, as printed."""
        return str(self.path)

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it."""
        return may_be_hdf5(self.path)


@click.command("info")
@click.argument("files", nargs=-1, required=True)
@reading_options
def info_command(files: tuple[str, ...], run: RunOptions) -> None:
    """List the HDUs or datasets of FILES: type, shape, sizes, and the model that each needs. No pixel is decoded.

    FILES may be FITS and HDF5 files, patterns, directories with -r. The exit code is that of the worst file.
    """
    inputs = find_inputs(files, is_listed, run.recursive, keeps_problems=True)
    raise click.exceptions.Exit(list_files(inputs, run))


def is_listed(path: Path) -> bool:
    """Whether a file found in a directory is probably FITS or HDF5.

    Parameters
    ----------
    path : pathlib.Path
        Any path.

    Returns
    -------
    bool
        By its suffix.
    """
    return is_fits_name(path) or is_hdf5_name(path)


def list_files(inputs: Sequence[Input], run: RunOptions) -> ExitCode:
    """Print the HDUs of files.

    Parameters
    ----------
    inputs : sequence of Input
        The files.
    run : RunOptions
        The options.

    Returns
    -------
    ExitCode
        Of the worst file.
    """
    tasks = [InfoTask(entry.path) for entry in inputs if not entry.problem]
    refuse_report_file(run, [task.path for task in tasks])
    need_output()
    with RunReport(run, [task.file for task in tasks], listing=_listing) as report:
        outcomes = [report.add(refused(entry)) for entry in inputs if entry.problem]
        with progress_bar(len(tasks), run.quiet or run.as_json) as advance:
            outcomes += run_tasks(inspect_file, tasks, run.jobs, advance, report.add)
        return worst(report.end(outcomes))


def _listing(outcome: Outcome) -> str:
    """Lay out a file's line and its table of HDUs or datasets."""
    report = outcome.report
    assert report is not None
    sizes = f"{human_bytes(report.original_bytes)} -> {human_bytes(report.compressed_bytes)}"
    file = printable_name(outcome.file)
    return f"{file}: {len(parts_of(report))} {parts_word(report)}, {sizes}\n{hdu_table(report)}"


def inspect_file(task: InfoTask, workers: int, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Ask `fits_tiles` or `hdf5_filter` about one file.

    Parameters
    ----------
    task : InfoTask
        The file.
    workers, progress
        Not needed: headers are read at once.

    Returns
    -------
    Outcome
        With a report or a failure.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the listing does not depend on them
        try:
            return Outcome(task.file, report=package_of(task.path).info(task.path))
        except Exception as error:  # one bad file must not stop the others
            return Outcome(task.file, failure=explain(error, task.file))
