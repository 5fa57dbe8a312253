"""`astrocodec train`."""

from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, end, end_with
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_compressible_name
from astrocodec.cli.outputs import check_model_output


@click.command("train")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-O", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Model file (.acm)."
)
@click.option("--steps", type=click.IntRange(1), default=25_000, show_default=True, help="Optimiser steps.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of weights and sampling.")
@click.option("--hidden", type=click.IntRange(1), default=16, show_default=True, help="Width of the hidden layers.")
@click.option("--batch", type=click.IntRange(1), default=3600, show_default=True, help="Pixels of a step.")
@click.option("--exclude", metavar="GROUP", multiple=True, help="Leave this instrument out; repeat.")
@click.option("--device", default="cpu", show_default=True, help="Device of torch.")
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("--overwrite", is_flag=True, help="Replace the model file where it exists.")
def train_command(
    files: tuple[str, ...],
    output: Path,
    steps: int,
    seed: int,
    hidden: int,
    batch: int,
    exclude: tuple[str, ...],
    device: str,
    recursive: bool,
    overwrite: bool,
) -> None:
    """Train a general model on the integer images of FITS FILES, with equal weight for each group of files.

    A file's group is named by a MANIFEST.csv beside it (columns `file` and `group`), otherwise it is its directory.
    """
    paths = [entry.path for entry in find_inputs(files, is_compressible_name, recursive)]
    check_model_output(output, overwrite, paths)
    _require_torch()
    import fits_tiles
    from astrocodec.learning.training import train

    current = str(output)
    try:
        for path in paths:
            current = str(path)
            fits_tiles.info(path)  # says what is wrong with a damaged file
        current = str(output)
        train(
            paths,
            output,
            steps=steps,
            seed=seed,
            hidden=hidden,
            batch=batch,
            device=device,
            exclude=exclude,
            log=click.echo,
        )
    except Exception as error:  # becomes one line and an exit code
        if type(error) is ValueError:
            raise click.UsageError(str(error)) from error
        end_with(error, current)


def _require_torch() -> None:
    """Say what to install where torch is missing."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        end(Failure("training needs torch: pip install astrocodec[torch]", ExitCode.NEEDS_INSTALL))
