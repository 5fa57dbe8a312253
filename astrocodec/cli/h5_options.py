"""Options that `h5-compress` and `h5-decompress` share, and the course of both."""

import errno
import os
import shutil
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.shared_options import as_one_argument
from astrocodec.cli.size_table import Outcome, hdu_table, json_report, size_table

if TYPE_CHECKING:
    from hdf5_filter import FileReport


@dataclass(frozen=True)
class FileOptions:
    """Values of the shared options, named as on the command line."""

    overwrite: bool
    verify: bool
    jobs: int
    as_json: bool
    verbose: bool
    quiet: bool


_OPTIONS = (
    click.option("--overwrite", is_flag=True, help="Replace OUT where it exists."),
    click.option(
        "--verify/--no-verify", default=True, show_default=True, help="Compare with the input before the end."
    ),
    click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Cores for chunks."),
    click.option("--json", "as_json", is_flag=True, help="Report as JSON on stdout instead of the table."),
    click.option("-v", "--verbose", is_flag=True, help="List every dataset; show warnings and tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
)


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a command, which gets them as one argument ``run``.

    Parameters
    ----------
    command : callable
        Takes ``run: FileOptions`` beside its own options.

    Returns
    -------
    callable
        For `click.command`.
    """
    return as_one_argument(FileOptions, _OPTIONS, command)


def treat_file(
    operation: Literal["compress", "decompress"], source: Path, target: Path, run: FileOptions, options: dict[str, Any]
) -> None:
    """Run one operation on one HDF5 file and exit.

    Parameters
    ----------
    operation : str
        Function of `hdf5_filter`.
    source, target : pathlib.Path
        Input and output.
    run : FileOptions
        The shared options.
    options : dict
        Further arguments of the operation.

    Raises
    ------
    click.exceptions.Exit
        With the exit code.
    """
    if "-" in (str(source), str(target)):
        raise click.UsageError("'-' cannot be given here: HDF5 files are not read or written as streams.")
    outcome = _perform(operation, source, target, run, options)
    if outcome.failure:
        click.echo(f"astrocodec: {outcome.failure.message}", err=True)
    if outcome.details and run.verbose:
        click.echo(outcome.details, err=True)
    if run.as_json:
        click.echo(json_report([outcome]))
    elif outcome.report and not run.quiet:
        if run.verbose:
            click.echo(f"{source} -> {target}\n{hdu_table(outcome.report)}\n")
        click.echo(size_table([outcome.report]))
    raise click.exceptions.Exit(outcome.failure.code if outcome.failure else ExitCode.OK)


def _perform(operation: str, source: Path, target: Path, run: FileOptions, options: dict[str, Any]) -> Outcome:
    """Do it; an exception becomes a failure that says what to do."""
    file = str(source)
    with (
        progress_bar(1, run.quiet or run.as_json) as advance,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        try:
            if not run.overwrite and os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            import hdf5_filter

            report: FileReport = getattr(hdf5_filter, operation)(
                source,
                target,
                workers=run.jobs,
                overwrite=run.overwrite,
                verify=run.verify,
                progress=lambda done, total: advance(file, done / max(total, 1)),
                **options,
            )
            shutil.copymode(source, target)
        except Exception as error:  # becomes one line and an exit code
            failure = explain(error, file)
            trace = traceback.format_exc() if failure.code == ExitCode.INTERNAL else ""
            return Outcome(file, str(target), failure=failure, details=trace)
    remarks = "\n".join(dict.fromkeys(f"{file}: warning: {warning.message}" for warning in caught))
    return Outcome(file, str(target), report, details=remarks)
