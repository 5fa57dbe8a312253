"""`astrocodec h5-compress`."""

from typing import Any

import click

from astrocodec.cli.bound_options import BOUND_NAMES, bound_arguments, bound_options
from astrocodec.cli.formats import HDF5
from astrocodec.cli.names import compressed_hdf5_name, is_hdf5_name
from astrocodec.cli.option_types import chunk_shape, coding_options
from astrocodec.cli.run_options import RunOptions, hdf5_options
from astrocodec.cli.treating import treat_files
from astrocodec.cli.two_names import input_and_output


@click.command("h5-compress")
@click.argument("files", nargs=-1, required=True)
@hdf5_options
@click.option(
    "-d",
    "--dataset",
    "datasets",
    metavar="PATH",
    multiple=True,
    help="Compress this dataset, or those of this group, only; repeat.",
)
@click.option(
    "-c",
    "--chunk",
    metavar="...,NY,NX",
    type=chunk_shape,
    help="Shape of the chunks along the last axes. By default a dataset's own, or about 512,512.",
)
@coding_options("dataset", cost="34 kB a dataset")
@click.option("--thorough", is_flag=True, help="Try every way to code a chunk: smaller by a little, slower.")
@click.option(
    "--planes",
    type=click.Choice(["auto", "residuals"]),
    default="auto",
    help="residuals: code each plane of a chunk as its difference to the one before, to compare with.",
)
@bound_options(asks_header=False)
def h5_compress_command(
    files: tuple[str, ...],
    run: RunOptions,
    datasets: tuple[str, ...],
    chunk: tuple[int, ...] | None,
    thorough: bool,
    planes: str,
    **coding: Any,
) -> None:
    """Compress the datasets of numbers of HDF5 FILES to NAME.ac.h5 (NAME.ac.nc), without loss unless a bound is given.

    FILES may be patterns, and directories with -r; IN OUT, where OUT does not exist, is the same as IN -O OUT,
    but in batches (-D, --skip-existing, --outdir, -r, --shard).

    Everything else is kept: groups, attributes, links, references, dimension scales, types, fill values. Programs read
    the outputs with the plugin: export HDF5_PLUGIN_PATH=$(astrocodec plugin-path). Every output is decoded and compared
    with its input before it gets its name. Files that are compressed already are skipped; -D leaves files as they are
    that would not become smaller.

    A bound is of the stored numbers; coordinates, flags and what is no image stay lossless unless -d names them.
    """
    given = {name: coding.pop(name) for name in BOUND_NAMES}
    others = {"--codec": coding["codec"] != "causal", "--planes residuals": planes != "auto"}
    coding |= bound_arguments(given, contradicts=others)
    own = {"datasets": list(datasets) or None, "chunks": chunk, "thorough": thorough, "planes": planes}
    inputs, run = input_and_output(files, run, compressed_hdf5_name)
    treat_files(HDF5, "compress", inputs, run, is_hdf5_name, compressed_hdf5_name, coding | own)
