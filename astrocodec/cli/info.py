"""`astrocodec info`."""

import warnings
from collections.abc import Sequence

import click

from astrocodec.cli.exit_codes import ExitCode, worst
from astrocodec.cli.failures import explain
from astrocodec.cli.formats import is_folder_read, package_of
from astrocodec.cli.inputs import Input, find_inputs
from astrocodec.cli.names import is_listed_name
from astrocodec.cli.planning import refuse_report_file
from astrocodec.cli.run_files import run_and_report
from astrocodec.cli.run_options import RunOptions, reading_options
from astrocodec.cli.size_table import Outcome, parts_table, parts_word
from astrocodec.cli.skipping import refused
from astrocodec.cli.standard_streams import need_output
from astrocodec.cli.task import ReadTask
from astrocodec.files.executor import Progress
from astrocodec.files.printable import human_bytes, printable_name


@click.command("info")
@click.argument("files", nargs=-1, required=True)
@reading_options
def info_command(files: tuple[str, ...], run: RunOptions) -> None:
    """List the HDUs or datasets of FILES: type, shape, sizes, and the model that each needs. No pixel is decoded.

    FILES may be FITS and HDF5 files, folders of Zarr, patterns, directories with -r. The exit code is that of the worst
    file.
    """
    inputs = find_inputs(files, is_listed_name, run.recursive, keeps_problems=True, is_file=is_folder_read)
    raise click.exceptions.Exit(list_files(inputs, run))


def list_files(inputs: Sequence[Input], run: RunOptions) -> ExitCode:
    """Print the HDUs or datasets of files; give the exit code of the worst."""
    tasks = [ReadTask(entry.path) for entry in inputs if not entry.problem]
    refuse_report_file(run, [task.path for task in tasks])
    need_output()
    settled = [refused(entry) for entry in inputs if entry.problem]
    return worst(run_and_report(inspect_file, tasks, settled, run, listing=_listing))


def _listing(outcome: Outcome) -> str:
    """Lay out a file's line and its table of HDUs or datasets."""
    report = outcome.report
    assert report is not None
    sizes = f"{human_bytes(report.original_bytes)} -> {human_bytes(report.compressed_bytes)}"
    file = printable_name(outcome.file)
    return f"{file}: {len(report.parts)} {parts_word(report)}, {sizes}\n{parts_table(report)}"


def inspect_file(task: ReadTask, workers: int, progress: Progress | None = None) -> Outcome:
    """Ask the package that reads it about one file, whose headers are read at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the listing does not depend on them
        try:
            return Outcome(task.file, report=package_of(task.path).info(task.path))
        except Exception as error:  # one bad file must not stop the others
            return Outcome(task.file, failure=explain(error, task.file))
