"""`astrocodec vis-decompress`."""

import click

from astrocodec.cli.formats import VISIBILITIES
from astrocodec.cli.names import is_compressed_visibility_name, plain_visibility_name
from astrocodec.cli.run_options import RunOptions, visibility_options
from astrocodec.cli.treating import treat_files
from astrocodec.cli.two_names import input_and_output
from astrocodec.cli.vis_tasks import run_visibilities


@click.command("vis-decompress")
@click.argument("files", nargs=-1, required=True)
@visibility_options
def vis_decompress_command(files: tuple[str, ...], run: RunOptions) -> None:
    """Give back what vis-compress was given: NAME.ms of NAME.ms.ac.h5, NAME.uvh5 of NAME.ac.uvh5.

    FILES may be patterns, and directories with -r; IN OUT, where OUT does not exist, is the same as IN -O OUT,
    but in batches (-D, --skip-existing, --outdir, -r, --shard). A directory that exists is never replaced.
    """
    inputs, run = input_and_output(files, run, plain_visibility_name)
    treat_files(
        *(VISIBILITIES, "decompress", inputs, run, is_compressed_visibility_name, plain_visibility_name, {}),
        treat=run_visibilities,
    )
