"""`astrocodec vis-compress`."""

from dataclasses import replace

import click

from astrocodec.cli.formats import VISIBILITIES
from astrocodec.cli.names import is_visibility_name, visibility_name
from astrocodec.cli.run_options import RunOptions, visibility_options
from astrocodec.cli.treating import treat_files
from astrocodec.cli.two_names import input_and_output
from astrocodec.cli.vis_tasks import run_visibilities
from astrocodec.files.file_kind import is_table


@click.command("vis-compress")
@click.argument("files", nargs=-1, required=True)
@visibility_options
@click.option(
    "--noise-increase",
    metavar="D",
    help="LOSSY: variance that is added over the variance of the noise, such as 0.1%, measured on each baseline.",
)
@click.option(
    "--weights-error",
    metavar="BOUND",
    help="LOSSY: weights and sigmas (WEIGHT_SPECTRUM, ..., nsamples) differ by no more, such as 1% of themselves.",
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
    "-F",
    "--in-place",
    "in_place",
    is_flag=True,
    help="Let the output take the input's place once it is verified: a uvh5 file keeps its name, of NAME.ms stays "
    "NAME.ms.ac.h5.",
)
def vis_compress_command(
    files: tuple[str, ...],
    run: RunOptions,
    noise_increase: str | None,
    weights_error: str | None,
    lossless: bool,
    columns: tuple[str, ...],
    in_place: bool,
) -> None:
    """Compress visibilities: Measurement Sets to NAME.ms.ac.h5, uvh5 and uvfits to NAME.ac.uvh5.

    FILES may be patterns, and directories with -r; IN OUT, where OUT does not exist, is the same as IN -O OUT,
    but in batches (-D, --skip-existing, --outdir, -r, --shard).

    Without --noise-increase and --weights-error nothing is lost. With the first visibilities are rounded so that their
    noise's VARIANCE grows by D (of images, --noise-increase is of the standard deviation). Flags, weights without
    --weights-error, all other columns, subtables and keywords come back bit for bit in any case: vis-decompress gives
    the set back. Programs read uvh5 outputs with the plugin: export HDF5_PLUGIN_PATH=$(astrocodec plugin-path).
    """
    if lossless and (noise_increase is not None or weights_error is not None):
        lossy = "--noise-increase" if noise_increase is not None else "--weights-error"
        raise click.UsageError(f"--lossless and {lossy} contradict each other; give one of them.")
    if columns and noise_increase is None:
        raise click.UsageError("--column says what may be lost: give --noise-increase too.")
    if in_place and not run.verify:
        raise click.UsageError("--in-place and --no-verify contradict each other; give one of them.")
    if noise_increase is not None:
        from astrocodec.visibility.coding import Lossy

        try:
            Lossy(noise_increase)
        except ValueError as error:
            raise click.UsageError(f"--noise-increase: {error}.") from error
    if weights_error is not None:
        from astrocodec.visibility.coding import bound_of_weights

        try:
            bound_of_weights(weights_error)
        except ValueError as error:
            raise click.UsageError(f"--weights-error: {error}.") from error
    options = {"noise_increase": noise_increase, "weights_error": weights_error, "columns": list(columns) or None}
    inputs, run = (files, replace(run, replace=True)) if in_place else input_and_output(files, run, visibility_name)
    treat_files(
        *(VISIBILITIES, "compress", inputs, run, is_visibility_name, visibility_name, options),
        is_file=is_table,
        treat=run_visibilities,
    )
