"""`astrocodec verify`."""

from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.progress import progress_bar
from astrocodec.cli.size_table import Outcome, json_report, size_table


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("original", type=click.Path(path_type=Path), required=False)
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Cores for tiles.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def verify_command(file: Path, original: Path | None, jobs: int, as_json: bool, quiet: bool) -> None:
    """Decode every tile of FILE and check its checksum; with ORIGINAL, compare every pixel and header card."""
    outcome = _verify(file, original, jobs, quiet or as_json)
    if outcome.failure:
        click.echo(f"astrocodec: {outcome.failure.message}", err=True)
    if as_json:
        click.echo(json_report([outcome]))
    elif outcome.report and not quiet:
        click.echo(size_table([outcome.report]))
    raise click.exceptions.Exit(outcome.failure.code if outcome.failure else ExitCode.OK)


def _verify(file: Path, original: Path | None, jobs: int, quiet: bool) -> Outcome:
    """Ask `fits_tiles` whether a file is whole."""
    import warnings

    import fits_tiles

    with progress_bar(1, quiet) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the pixels decide
        try:
            report = fits_tiles.verify(
                file, original, workers=jobs, progress=lambda done, total: advance(str(file), done / max(total, 1))
            )
            return Outcome(str(file), report=report)
        except fits_tiles.DifferenceError as error:
            difference = fits_tiles.DifferenceError(f"{file}: is not a copy of {original}: {error}")
            return Outcome(str(file), failure=explain(difference, str(file)))
        except Exception as error:  # becomes one line and an exit code
            return Outcome(str(file), failure=explain(error, str(file)))
