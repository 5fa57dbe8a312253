"""`astrocodec info`."""

from collections.abc import Sequence
from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode, combine
from astrocodec.cli.failures import explain
from astrocodec.cli.formats import is_hdf5_name, package_of
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_compressed_name, is_compressible_name
from astrocodec.cli.size_table import Outcome, hdu_table, human_bytes, json_report, parts_of, parts_word


@click.command("info")
@click.argument("files", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info_command(files: tuple[str, ...], recursive: bool, as_json: bool) -> None:
    """List the HDUs or datasets of FILES: type, shape, sizes, and the model that each needs. No pixel is decoded."""
    inputs = find_inputs(files, _is_listed, recursive)
    raise click.exceptions.Exit(list_files([entry.path for entry in inputs], as_json))


def list_files(paths: Sequence[Path], as_json: bool) -> ExitCode:
    """Print the HDUs of files.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files.
    as_json : bool
        JSON instead of tables.

    Returns
    -------
    ExitCode
        Of all files together.
    """
    outcomes = [_inspect(path) for path in paths]
    for outcome in outcomes:
        if outcome.failure:
            click.echo(f"astrocodec: {outcome.failure.message}", err=True)
        elif outcome.report and not as_json:
            report = outcome.report
            sizes = f"{human_bytes(report.original_bytes)} -> {human_bytes(report.compressed_bytes)}"
            click.echo(f"{outcome.file}: {len(parts_of(report))} {parts_word(report)}, {sizes}\n{hdu_table(report)}")
    if as_json:
        click.echo(json_report(outcomes))
    return combine([outcome.failure.code if outcome.failure else ExitCode.OK for outcome in outcomes])


def _is_listed(path: Path) -> bool:
    """Whether a file found in a directory is FITS or HDF5."""
    return is_compressed_name(path) or is_compressible_name(path) or is_hdf5_name(path)


def _inspect(path: Path) -> Outcome:
    """Ask `fits_tiles` or `hdf5_filter` about one file."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; the listing does not depend on them
        try:
            return Outcome(str(path), report=package_of(path).info(path))
        except Exception as error:  # one bad file must not stop the others
            return Outcome(str(path), failure=explain(error, str(path)))
