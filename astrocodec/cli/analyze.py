"""`astrocodec analyze`."""

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from astrocodec.cli.analyze_pages import PagePlan, plan_pages, write_pages
from astrocodec.cli.analyze_tasks import Analysed, AnalyzeTask, analyse_file
from astrocodec.cli.exit_codes import ExitCode, combine
from astrocodec.cli.failures import Failure, end_with, explain
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_listed_name
from astrocodec.cli.option_types import extension_option
from astrocodec.cli.outputs import check_output, refuse_existing, refuse_inputs
from astrocodec.cli.run_files import run_files
from astrocodec.cli.standard_streams import need_output
from astrocodec.files.file_kind import is_zarr
from astrocodec.files.printable import one_line


@click.command("analyze")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="REPORT.html|FOLDER",
    type=click.Path(path_type=Path),
    help="Write a page with pictures, no network; of several files, one for each and one of all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Files at once.")
@extension_option("Analyse this HDU, dataset or array only; repeat.")
@click.option("--plane", type=int, help="Plane of cubes, from 0.  [default: the middle one]")
@click.option("--tune/--no-tune", default=True, show_default=True, help="Fit the model to each image first.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Compare with RICE, JPEG-LS and JPEG-XL.")
@click.option(
    "--details", type=click.IntRange(0), default=8, show_default=True, help="Images of each file with pictures."
)
@click.option("--overwrite", is_flag=True, help="Replace pages that exist.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was left out; show tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def analyze_command(
    files: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    recursive: bool,
    jobs: int,
    extensions: tuple[int | str, ...],
    plane: int | None,
    tune: bool,
    peers: bool,
    details: int,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Tell how much of FILES is noise and where the bits go: FITS, HDF5, and folders of Zarr arrays."""
    paths = _paths(files, recursive)
    plan = None if output is None else _plan(output, paths, overwrite)
    if plan is None:
        need_output()
    # Other codecs are measured where they are shown: on the page, and in the card of a single file.
    shows_peers = as_json or (output is None and len(paths) == 1)
    with tempfile.TemporaryDirectory(prefix="astrocodec-") as folder:
        tasks = [
            AnalyzeTask(
                path,
                number,
                plane,
                frozenset(extensions),
                tune,
                peers and (shows_peers or plan is not None),
                0 if plan is None else details,
                None if plan is None else Path(folder),
            )
            for number, path in enumerate(paths)
        ]
        tell = partial(_show, verbose=verbose)
        results = run_files(analyse_file, tasks, jobs, quiet, lost=_lost, tell=tell)
        codes = [failure.code for result in results for failure in result.failures]
        if plan is not None:
            codes.append(_write(plan, overwrite, results))
    _print(results, as_json, quiet)
    raise click.exceptions.Exit(combine(codes))


def _paths(files: Sequence[str], recursive: bool) -> list[Path]:
    """Files, patterns and directories; the folder of a Zarr array or group counts as a file."""
    found: dict[Path, None] = {}
    for argument in files:
        if is_zarr(argument):
            found[Path(argument)] = None
            continue
        for entry in find_inputs([argument], is_listed_name, recursive):
            found[entry.path] = None
    return list(found)


def _plan(output: Path, paths: Sequence[Path], overwrite: bool) -> PagePlan:
    """Say which pages there will be; before anything is done, that none is in the way."""
    if str(output) == "-":
        raise click.UsageError("-o -: pages go to files; name one that ends in .html, or a folder.")
    try:
        plan = plan_pages(output, paths)
    except NotADirectoryError as error:
        raise click.UsageError(f"-o {error}.") from error
    except OSError as error:
        end_with(error, str(output))
    refuse_inputs([plan.first, *plan.own], paths)
    existing = plan.existing
    if existing is not None and not overwrite:
        refuse_existing(existing)
    check_output(plan.first, overwrite, makes_folder=bool(plan.own))
    return plan


def _lost(file: str, failure: Failure) -> Analysed:
    return Analysed(file, failures=[failure])


def _show(result: Analysed, verbose: bool) -> Analysed:
    """Print what went wrong, and what holds no image where that is all or was asked for."""
    for failure in result.failures:
        click.echo(f"astrocodec: {failure.message}", err=True)
    if not result.reports and not result.failures and not verbose:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in result.skipped)) or "it is empty"
        click.echo(one_line(f"astrocodec: {result.file}: holds no image: {reasons}"), err=True)
    if verbose:
        for title, reason in result.skipped:
            click.echo(one_line(f"{title}: left out: {reason}"), err=True)
        for trace in result.traces:
            click.echo(trace, err=True)
    return result


def _write(plan: PagePlan, overwrite: bool, results: Sequence[Analysed]) -> ExitCode:
    """Write the pages; what goes wrong is one line and an exit code."""
    try:
        write_pages(plan, results, overwrite=overwrite)
    except OSError as error:
        failure = explain(error, str(error.filename or plan.first))
        click.echo(f"astrocodec: {failure.message}", err=True)
        return failure.code
    return ExitCode.OK


def _print(results: Sequence[Analysed], as_json: bool, quiet: bool) -> None:
    """Print the table or the JSON document."""
    if as_json:
        click.echo(_document(results))
        return
    reports = [report for result in results for report in result.reports]
    if quiet or not reports:
        return
    from astrocodec.analysis.report.table import terminal_table

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    click.echo(terminal_table(reports, width=width, colour=terminal))


def _document(results: Sequence[Analysed]) -> str:
    """Everything about a run, for programs."""
    files = [
        {
            "file": result.file,
            "images": [report.to_dict() for report in result.reports],
            "skipped": [{"part": title, "reason": reason} for title, reason in result.skipped],
            "errors": [{"message": one.message, "exit_code": int(one.code)} for one in result.failures],
        }
        for result in results
    ]
    return json.dumps({"files": files}, indent=2)
