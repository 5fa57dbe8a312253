"""`astrocodec h5-decompress`."""

from pathlib import Path

import click

from astrocodec.cli.h5_options import FileOptions, file_options, treat_file


@click.command("h5-decompress")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@file_options
@click.option(
    "--to",
    type=click.Choice(["plain", "gzip"]),
    default="plain",
    show_default=True,
    help="plain: no filter. gzip: shuffle and gzip, which every HDF5 program reads.",
)
def h5_decompress_command(source: Path, target: Path, run: FileOptions, to: str) -> None:
    """Copy the HDF5 file IN to OUT, which needs no plugin to be read. Everything but the storage is kept."""
    treat_file("decompress", source, target, run, {"to": to})
