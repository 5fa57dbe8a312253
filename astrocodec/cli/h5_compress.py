"""`astrocodec h5-compress`."""

from pathlib import Path

import click

from astrocodec.cli.h5_options import FileOptions, file_options, treat_file
from astrocodec.cli.option_types import chunk_shape


@click.command("h5-compress")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@file_options
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
@click.option("--model", metavar="NAME|FILE", default="default", show_default=True, help="Model to code with.")
@click.option("--tune/--no-tune", default=True, show_default=True, help="Fit the model to each dataset.")
@click.option("--effort", type=click.IntRange(1, 9), default=5, show_default=True, help="Time for tuning: 1 to 9.")
@click.option("--thorough", is_flag=True, help="Try every way to code a chunk: smaller by a little, slower.")
def h5_compress_command(
    source: Path,
    target: Path,
    run: FileOptions,
    datasets: tuple[str, ...],
    chunk: tuple[int, ...] | None,
    model: str,
    tune: bool,
    effort: int,
    thorough: bool,
) -> None:
    """Copy the HDF5 file IN to OUT, with its datasets of numbers compressed without loss.

    Everything else is kept: groups, attributes, links, references, dimension scales, types, fill values. Programs read
    OUT with the plugin: export HDF5_PLUGIN_PATH=$(astrocodec plugin-path). OUT is decoded and compared with IN before
    it gets its name.
    """
    options = {
        "datasets": list(datasets) or None,
        "chunks": chunk,
        "model": model,
        "tune": tune,
        "effort": effort,
        "thorough": thorough,
    }
    treat_file("compress", source, target, run, options)
