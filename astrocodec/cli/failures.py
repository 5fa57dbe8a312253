"""Exceptions to one clear line and an exit code."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.inputs import STANDARD_STREAM
from astrocodec.cli.names import is_hdf5_name
from astrocodec.errors import (
    CodecNotFoundError,
    DifferenceError,
    FormatError,
    ModelNotFoundError,
    NativeLibraryError,
    OptionError,
    ReferenceNotFoundError,
    VersionError,
)
from astrocodec.files.printable import join_lines, one_line

_ADVICE = {
    errno.ENOSPC: "no space left on the device; free some, or choose another place with --outdir or -O",
    errno.EDQUOT: "the disk quota is used up; free some, or choose another place with --outdir or -O",
    errno.EFBIG: "the file would be larger than the system's limit for files (see `ulimit -f`)",
    errno.EROFS: "the file system is read-only; choose another place with --outdir or -O",
    errno.EACCES: "permission denied; check who owns the file and its directory",
    errno.EPERM: "operation not permitted; check who owns the file and its directory",
    errno.ENOENT: "no such file or directory",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.EISDIR: "is a directory; name a file",
    errno.ENAMETOOLONG: "the file name is too long for the file system",
    errno.EPIPE: "the program that reads the output has stopped",
}


@dataclass(frozen=True)
class Failure:
    """Why a file could not be treated, in one line for people, and what the command ends with."""

    message: str
    code: ExitCode


def explain(error: BaseException, file: str) -> Failure:
    """Say in one line, which begins with the file's name, what went wrong with a file."""
    code = _code(error, file)
    text = _system_text(error, file) if isinstance(error, OSError) else str(error)
    text = text.strip() or type(error).__name__
    if isinstance(error, RuntimeError) and "start new thread" in text:  # the only word that Python has for it
        text, code = "the system lets no more threads start; use fewer cores (-j)", ExitCode.SYSTEM
    if code == ExitCode.INTERNAL:
        text = f"internal error, {type(error).__name__}: {text}; please report it (-v shows the traceback)"
    elif isinstance(error, MemoryError):
        text = f"not enough memory ({text}); fewer files at once (-j 1) or smaller tiles (-t) need less"
    rest = text[len(file) :] if text.startswith(file) else f": {text}"
    return Failure(one_line(file) + join_lines(rest), code)


def killed(file: str, processes: int = 1) -> Failure:
    """Say that the process that treated a file died, where so many worked at once, and what to do."""
    cause = "out of memory, or damage that HDF5 does not survive?" if is_hdf5_name(Path(file)) else "out of memory?"
    advice = "try again with a smaller -j" if processes > 1 else "the log of the system tells more"
    message = f"{file}: a worker process was killed ({cause}); {advice}"
    return Failure(message, ExitCode.SYSTEM)


def end_with(error: BaseException, file: str) -> NoReturn:
    """End the command with one line on what went wrong with a file, and its exit code."""
    end(explain(error, file))


def end(failure: Failure) -> NoReturn:
    """End the command with the line and the exit code of a failure."""
    click.echo(f"astrocodec: {failure.message}", err=True)
    raise click.exceptions.Exit(failure.code)


def _code(error: BaseException, file: str) -> ExitCode:
    """Find the exit code of an exception."""
    if type(error) is ValueError and str(error).startswith(file):
        return ExitCode.USAGE  # a request that does not fit the file, such as an HDU that it does not have
    # An error of ours may also be a built-in one (FormatError is a ValueError): ours come first.
    kinds: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitCode], ...] = (
        (ModelNotFoundError, ExitCode.NEEDS_INSTALL),
        (CodecNotFoundError, ExitCode.NEEDS_INSTALL),
        (ReferenceNotFoundError, ExitCode.NEEDS_INSTALL),
        (VersionError, ExitCode.NEEDS_INSTALL),
        (NativeLibraryError, ExitCode.NEEDS_INSTALL),
        (DifferenceError, ExitCode.DIFFERS),
        (FormatError, ExitCode.BAD_DATA),
        (OptionError, ExitCode.USAGE),
        (FileExistsError, ExitCode.EXISTS),
        (OSError, ExitCode.SYSTEM),
        (MemoryError, ExitCode.SYSTEM),
        (ImportError, ExitCode.NEEDS_INSTALL),
        (KeyboardInterrupt, ExitCode.INTERRUPTED),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), ExitCode.INTERNAL)


def _system_text(error: OSError, file: str) -> str:
    """Say what the operating system refused, and where."""
    if error.errno is None:
        return str(error)
    if isinstance(error, FileExistsError):
        target = os.fsdecode(error.filename) if error.filename else file
        name = "" if target == file else f"{one_line(target)} "
        return f"{name}exists already; give --overwrite to replace it"
    advice = _ADVICE.get(error.errno, error.strerror or str(error))
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if where == STANDARD_STREAM:
        where = "standard output"
    return advice if where in ("", file) else f"{one_line(where)}: {advice}"
