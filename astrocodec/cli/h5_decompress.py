"""`astrocodec h5-decompress`."""

import click

from astrocodec.cli.formats import HDF5
from astrocodec.cli.names import is_hdf5_name, plain_hdf5_name
from astrocodec.cli.run_options import RunOptions, hdf5_options
from astrocodec.cli.treating import treat_files
from astrocodec.cli.two_names import input_and_output


@click.command("h5-decompress")
@click.argument("files", nargs=-1, required=True)
@hdf5_options
@click.option(
    "--to",
    type=click.Choice(["plain", "gzip"]),
    default="plain",
    show_default=True,
    help="plain: no filter. gzip: shuffle and gzip, which every HDF5 program reads.",
)
def h5_decompress_command(files: tuple[str, ...], run: RunOptions, to: str) -> None:
    """Make HDF5 files that need no plugin to be read of FILES, NAME.h5 of NAME.ac.h5.

    FILES may be patterns, and directories with -r; IN OUT, where OUT does not exist, is the same as IN -O OUT,
    but in batches (-D, --skip-existing, --outdir, -r, --shard). Everything but the storage is kept.
    """
    inputs, run = input_and_output(files, run, plain_hdf5_name)
    treat_files(HDF5, "decompress", inputs, run, is_hdf5_name, plain_hdf5_name, {"to": to})
