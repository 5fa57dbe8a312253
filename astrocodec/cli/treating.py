"""The course of `fits-compress` and `fits-decompress`: find, plan, ask, run, report."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from astrocodec.cli.exit_codes import ExitCode, combine
from astrocodec.cli.failures import explain
from astrocodec.cli.info import list_files
from astrocodec.cli.inputs import find_inputs, take_shard
from astrocodec.cli.planning import check_options, confirm, plan_tasks, refuse_report_file
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.run_tasks import run_tasks
from astrocodec.cli.size_table import Outcome, hdu_table, json_report, size_table
from astrocodec.cli.tasks import Destination


def treat_files(
    operation: Literal["compress", "decompress"],
    arguments: Sequence[str],
    run: RunOptions,
    wanted: Callable[[Path], bool],
    name_output: Callable[[Path], str],
    options: Mapping[str, Any],
) -> None:
    """Run one operation over all files and exit.

    Parameters
    ----------
    operation : str
        Function of `fits_tiles`.
    arguments : sequence of str
        Files, patterns, directories or ``-``.
    run : RunOptions
        The shared options.
    wanted : callable
        Whether to take a file found in a directory.
    name_output : callable
        Name of the output for an input.
    options : mapping
        Arguments of the operation.

    Raises
    ------
    click.exceptions.Exit
        With the exit code.
    """
    check_options(run, arguments)
    inputs = take_shard(find_inputs(arguments, wanted, run.recursive), run.shard)
    if run.list_only:
        raise click.exceptions.Exit(list_files([entry.path for entry in inputs], run.as_json))
    tasks, refused = plan_tasks(operation, inputs, run, name_output, options)
    refuse_report_file(run, tasks)
    confirm(run, len(tasks))
    for outcome in refused:
        _show(outcome, run)
    with progress_bar(len(tasks), run.quiet) as advance:
        outcomes = refused + run_tasks(tasks, run.jobs, advance, lambda outcome: _show(outcome, run))
    on_stdout = any(task.destination is Destination.STDOUT for task in tasks)
    codes = [outcome.failure.code if outcome.failure else ExitCode.OK for outcome in outcomes]
    try:
        _report(outcomes, run, to_stderr=on_stdout)
    except OSError as error:
        if run.report_file is None:
            raise
        failure = explain(error, str(run.report_file))
        click.echo(f"astrocodec: {failure.message}", err=True)
        codes.append(failure.code)
    raise click.exceptions.Exit(combine(codes))


def _show(outcome: Outcome, run: RunOptions) -> None:
    """Print a failure, and details where they are wanted, as soon as they are known."""
    if outcome.failure:
        click.echo(f"astrocodec: {outcome.failure.message}", err=True)
    if outcome.details and run.verbose:
        click.echo(outcome.details, err=True)


def _report(outcomes: Sequence[Outcome], run: RunOptions, to_stderr: bool) -> None:
    """Print the table or the JSON document at the end, or write it to the file that was named for it."""
    text = json_report(outcomes) if run.as_json else _tables(outcomes, run.verbose)
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
    parts = [f"{one.source} -> {one.target or 'nowhere (test)'}\n{hdu_table(one)}\n" for one in reports if verbose]
    return "\n".join([*parts, size_table(reports)])
