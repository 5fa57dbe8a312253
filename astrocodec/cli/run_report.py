"""What a run over files prints: failures as they come, tables or JSON at the end, or a file with them."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.size_table import Outcome, hdu_table, json_report, size_table

if TYPE_CHECKING:
    from astrocodec.cli.size_table import FileReport


def report_outcomes(
    outcomes: Sequence[Outcome],
    run: RunOptions,
    to_stderr: bool = False,
    lay_out: Callable[[Sequence[Outcome], bool], str] | None = None,
) -> list[ExitCode]:
    """Print the table or the JSON document, or write it to the file that was named for it.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One per file.
    run : RunOptions
        The options.
    to_stderr : bool
        Where the table goes when it is printed; a file is on standard output.
    lay_out : callable, optional
        Makes the tables, of the outcomes and whether to list every HDU; by default the table of sizes.

    Returns
    -------
    list of ExitCode
        One per file, and one more where the report could not be written.
    """
    codes = [outcome.failure.code if outcome.failure else ExitCode.OK for outcome in outcomes]
    try:
        _print_or_write(outcomes, run, to_stderr, lay_out or _tables)
    except OSError as error:
        if run.report_file is None:
            raise
        failure = explain(error, str(run.report_file))
        click.echo(f"astrocodec: {failure.message}", err=True)
        codes.append(failure.code)
    return codes


def show_outcome(outcome: Outcome, run: RunOptions) -> None:
    """Print a failure or a note, and details where they are wanted, as soon as they are known.

    Parameters
    ----------
    outcome : Outcome
        What became of a file.
    run : RunOptions
        The options.
    """
    if outcome.failure:
        click.echo(f"astrocodec: {outcome.failure.message}", err=True)
    if outcome.note and not run.quiet:
        click.echo(f"astrocodec: {outcome.file}: {outcome.note}", err=True)
    if outcome.details and run.verbose:
        click.echo(outcome.details, err=True)


def _print_or_write(
    outcomes: Sequence[Outcome], run: RunOptions, to_stderr: bool, lay_out: Callable[[Sequence[Outcome], bool], str]
) -> None:
    """Print the table or the JSON document at the end, or write it to the file that was named for it."""
    text = json_report(outcomes) if run.as_json else lay_out(outcomes, run.verbose)
    if run.report_file is not None:
        run.report_file.write_text(text + "\n" if text else "", encoding="utf-8")
    elif text and (run.as_json or not run.quiet):
        click.echo(text, err=to_stderr and not run.as_json)
    if run.quiet or run.as_json:
        return
    if not outcomes:
        click.echo("no files in this shard", err=True)
    failed = sum(outcome.failure is not None for outcome in outcomes)
    if failed and len(outcomes) > 1:
        click.echo(f"{failed} of {len(outcomes)} files failed", err=True)
    sys.stdout.flush()


def _tables(outcomes: Sequence[Outcome], verbose: bool) -> str:
    """Lay out the table of files, behind one of its HDUs for every file where that is wanted."""
    reports = [outcome.report for outcome in outcomes if outcome.report]
    if not reports:
        return ""
    parts = [f"{_course(one)}\n{hdu_table(one)}\n" for one in reports if verbose]
    return "\n".join([*parts, size_table(reports)])


def _course(report: "FileReport") -> str:
    """From where to where; a file that was only read went nowhere."""
    return f"{report.source} -> {report.target}" if report.target else report.source
