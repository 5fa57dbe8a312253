"""`astrocodec verify`."""

from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.formats import package_of
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.size_table import Outcome, json_report, size_table


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("original", type=click.Path(path_type=Path), required=False)
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Cores for tiles or chunks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def verify_command(file: Path, original: Path | None, jobs: int, as_json: bool, quiet: bool) -> None:
    """Decode every tile or chunk of FILE and check its checksum; with ORIGINAL, compare everything."""
    outcome = _verify(file, original, jobs, quiet or as_json)
    if outcome.failure:
        click.echo(f"astrocodec: {outcome.failure.message}", err=True)
    if as_json:
        click.echo(json_report([outcome]))
    elif outcome.report and not quiet:
        click.echo(size_table([outcome.report]))
    raise click.exceptions.Exit(outcome.failure.code if outcome.failure else ExitCode.OK)


def _verify(file: Path, original: Path | None, jobs: int, quiet: bool) -> Outcome:
    """Ask `fits_tiles` or `hdf5_filter` whether a file is whole."""
    import warnings

    with progress_bar(1, quiet) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        try:
            package = package_of(file)
            report = package.verify(
                file, original, workers=jobs, progress=lambda done, total: advance(str(file), done / max(total, 1))
            )
            return Outcome(str(file), report=report)
        except Exception as error:  # becomes one line and an exit code
            failure = explain(error, str(file))
            if failure.code == ExitCode.DIFFERS:
                failure = Failure(f"{file}: is not a copy of {original}: {error}", ExitCode.DIFFERS)
            return Outcome(str(file), failure=failure)
