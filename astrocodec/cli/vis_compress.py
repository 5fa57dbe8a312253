"""`astrocodec vis-compress`."""

from pathlib import Path

import click

from astrocodec.cli.run_options import RunOptions, visibility_options
from astrocodec.cli.vis_files import VisTask, treat_visibilities


@click.command("vis-compress")
@click.argument("files", nargs=-1, required=True)
@visibility_options
@click.option(
    "--noise-increase",
    metavar="D",
    help="LOSSY: variance that is added over the variance of the noise, such as 0.1%, measured on each baseline.",
)
@click.option("--lossless", is_flag=True, help="Lose nothing, which is the default.")
@click.option(
    "--column",
    "columns",
    metavar="NAME",
    multiple=True,
    help="With --noise-increase: a column of Measurement Sets that may lose it; repeat. By default DATA and "
    "CORRECTED_DATA.",
)
@click.option(
    "--in-place",
    is_flag=True,
    help="Let the output take the input's place once it is verified: a uvh5 file keeps its name, of NAME.ms stays "
    "NAME.ms.ac.h5.",
)
def vis_compress_command(
    files: tuple[str, ...],
    run: RunOptions,
    noise_increase: str | None,
    lossless: bool,
    columns: tuple[str, ...],
    in_place: bool,
) -> None:
    """Compress visibilities: Measurement Sets to NAME.ms.ac.h5, uvh5 and uvfits to NAME.ac.uvh5.

    Without --noise-increase nothing is lost. With it visibilities are rounded so that their noise's VARIANCE grows by D
    (of images, --noise-increase is of the standard deviation). Flags, weights, all other columns, subtables and
    keywords come back bit for bit in any case: vis-decompress gives the set back. Programs read uvh5 outputs with the
    plugin: export HDF5_PLUGIN_PATH=$(astrocodec plugin-path).
    """
    if lossless and noise_increase is not None:
        raise click.UsageError("--lossless and --noise-increase contradict each other; give one of them.")
    if columns and noise_increase is None:
        raise click.UsageError("--column says what may be lost: give --noise-increase too.")
    if in_place and (run.output is not None or run.outdir is not None or not run.verify):
        raise click.UsageError("--in-place goes with none of -O, --outdir and --no-verify.")
    if noise_increase is not None:
        from astrocodec.visibility.coding import Lossy

        try:
            Lossy(noise_increase)
        except ValueError as error:
            raise click.UsageError(f"--noise-increase: {error}.") from error
    options = {"noise_increase": noise_increase, "columns": list(columns) or None, "verify": run.verify}

    def task(path: Path, target: Path) -> VisTask:
        return VisTask(path, None if in_place else target, "compress", run.overwrite, options)

    treat_visibilities(files, run, task, "compressed_name")
