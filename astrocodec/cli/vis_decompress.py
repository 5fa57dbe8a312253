"""`astrocodec vis-decompress`."""

from pathlib import Path

import click

from astrocodec.cli.run_options import RunOptions, visibility_options
from astrocodec.cli.vis_files import VisTask, treat_visibilities


@click.command("vis-decompress")
@click.argument("files", nargs=-1, required=True)
@visibility_options
def vis_decompress_command(files: tuple[str, ...], run: RunOptions) -> None:
    """Give back what vis-compress was given: NAME.ms of NAME.ms.ac.h5, NAME.uvh5 of NAME.ac.uvh5.

    A directory that exists is never replaced.
    """

    def task(path: Path, target: Path) -> VisTask:
        return VisTask(path, target, "decompress", run.overwrite, {"verify": run.verify})

    treat_visibilities(files, run, task, "decompressed_name")
