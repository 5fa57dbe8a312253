"""A single output that a command was told to write: what is in its way is told before the work."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, end, end_with
from astrocodec.files.printable import one_line, printable_name
from astrocodec.files.target import Target


def check_output(path: Path, overwrite: bool, *, makes_folder: bool = False) -> None:
    """Refuse an output that exists, unless it may be replaced, or cannot be written; a line says why.

    Where the command `makes_folder`, that need not be there yet.
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
    """Refuse a model's name that is an input's, or that another kind of file has, and what `check_output` refuses."""
    refuse_inputs([path], inputs)
    check_output(path, overwrite)
    if os.path.isfile(path):
        refuse_other_content(path, b"ACM", "model")


def check_weights_output(path: Path, overwrite: bool, inputs: Iterable[Path]) -> None:
    """The same of a file of weights, whose ninth byte opens its table."""
    refuse_inputs([path], inputs)
    check_output(path, overwrite)
    if os.path.isfile(path):
        with path.open("rb") as file:
            if file.read(9)[8:] not in (b"{", b""):
                name = printable_name(str(path))
                end(Failure(f"{name}: is no file of weights, and stays; choose another name", ExitCode.EXISTS))


def refuse_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse an output that is an input, by whatever path or link and with whatever options."""
    known = list(inputs)
    for output in outputs:
        if any(is_same_file(output, path) for path in known):
            name = printable_name(str(output))
            end(Failure(f"{name}: is an input, which no output replaces; choose another name", ExitCode.EXISTS))


def refuse_existing(path: Path) -> NoReturn:
    """Refuse an output that exists, since it may not be replaced."""
    end(Failure(f"{one_line(str(path))} exists already; give --overwrite to replace it", ExitCode.EXISTS))


def refuse_other_content(path: Path, beginning: bytes, kind: str) -> None:
    """Refuse to replace a file of another kind: a pattern of the shell may have put its name behind the option.

    Files that may be replaced are of a `kind` that begins with `beginning`, or empty.
    """
    found = b"?"
    with suppress(OSError), path.open("rb") as file:
        found = file.read(len(beginning))
    if found not in (beginning, b""):
        name = printable_name(str(path))
        text = f"{name}: is no {kind}, and stays even with --overwrite; choose another name"
        end(Failure(text, ExitCode.EXISTS))


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths, of which either may lead nowhere, lead to one file; hard links included."""
    with suppress(OSError):
        return os.path.samefile(one, other)
    return False
