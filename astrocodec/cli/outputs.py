"""A single output that a command was told to write: what is in its way is told before the work."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import end_with
from astrocodec.cli.printable import printable_name
from astrocodec.files.target import Target


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
        end_with(error, str(path))


def check_model_output(path: Path, overwrite: bool, inputs: Iterable[Path]) -> None:
    """Refuse a model's name that is an input's, or that another kind of file has, and what `check_output` refuses.

    Parameters
    ----------
    path : pathlib.Path
        The model.
    overwrite : bool
        Whether it may replace a model.
    inputs : iterable of pathlib.Path
        What it is made from.

    Raises
    ------
    click.exceptions.Exit
        With the exit code; a line says why.
    """
    refuse_inputs([path], inputs)
    check_output(path, overwrite)
    if os.path.isfile(path):
        refuse_other_content(path, b"ACM", "model")


def refuse_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse an output that is an input, by whatever path or link and with whatever options.

    Parameters
    ----------
    outputs, inputs : iterable of pathlib.Path
        What will be written, and what is read for it.

    Raises
    ------
    click.exceptions.Exit
        With the exit code; a line says why.
    """
    known = list(inputs)
    for output in outputs:
        if any(is_same_file(output, path) for path in known):
            name = printable_name(str(output))
            click.echo(f"astrocodec: {name}: is an input, which no output replaces; choose another name", err=True)
            raise click.exceptions.Exit(ExitCode.EXISTS)


def refuse_other_content(path: Path, beginning: bytes, kind: str) -> None:
    """Refuse to replace a file of another kind: a pattern of the shell may have put its name behind the option.

    Parameters
    ----------
    path : pathlib.Path
        A file that exists.
    beginning : bytes
        Of files that may be replaced; empty files may.
    kind : str
        What they are called.

    Raises
    ------
    click.exceptions.Exit
        With the exit code; a line says why.
    """
    found = b"?"
    with suppress(OSError), path.open("rb") as file:
        found = file.read(len(beginning))
    if found not in (beginning, b""):
        name = printable_name(str(path))
        click.echo(f"astrocodec: {name}: is no {kind}, and stays even with --overwrite; choose another name", err=True)
        raise click.exceptions.Exit(ExitCode.EXISTS)


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file.

    Parameters
    ----------
    one, other : pathlib.Path
        Paths, of which either may lead nowhere.

    Returns
    -------
    bool
        By what the system says, hard links included.
    """
    with suppress(OSError):
        return os.path.samefile(one, other)
    return False
