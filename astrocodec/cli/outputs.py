"""A single output that a command was told to write: what is in its way is told before the work."""

import errno
import os
from pathlib import Path

import click

from astrocodec.cli.failures import explain
from astrocodec.target import Target


def check_output(path: Path, overwrite: bool, *, makes_folder: bool = False) -> None:
    """Refuse an output that exists, or cannot be written.

    Parameters
    ----------
    path : pathlib.Path
        The output.
    overwrite : bool
        Whether it may exist.
    makes_folder : bool
        Whether the command makes its folder, which need not be there yet.

    Raises
    ------
    click.exceptions.Exit
        With the exit code; a line says why.
    """
    folder = path.parent
    while makes_folder and not os.path.lexists(folder):
        folder = folder.parent
    try:
        if os.path.lexists(path) and not os.path.isdir(path) and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))
        os.stat(folder)
        with Target(folder / path.name, overwrite=overwrite):
            pass
    except OSError as error:
        failure = explain(error, str(path))
        click.echo(f"astrocodec: {failure.message}", err=True)
        raise click.exceptions.Exit(failure.code) from error
