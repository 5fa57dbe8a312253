"""Command-line arguments to the list of files to treat."""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeVar

import click

from astrocodec.cli.option_types import NO_STREAM, problem_of
from astrocodec.files.target import REFERENCES

STANDARD_STREAM = "-"
_GLOB_CHARACTERS = frozenset("*?[")


class _Named(Protocol):
    @property
    def file(self) -> str: ...


Share = TypeVar("Share", bound=_Named)


@dataclass(frozen=True)
class Input:
    """A file to treat."""

    path: Path  # where it is; ``-`` for standard input
    subfolder: Path = Path()  # its folder relative to the directory argument that it was found under
    walked: bool = False  # whether it was found under a directory argument
    is_stdin: bool = False  # whether it is standard input; a file may have the name ``-`` too
    problem: str = ""  # why there is nothing to treat: an argument without a file, or what is no regular file

    @property
    def file(self) -> str:
        """Its name, as printed."""
        return str(self.path)


def find_inputs(
    arguments: Iterable[str],
    wanted: Callable[[Path], bool],
    recursive: bool,
    *,
    stream: bool = False,
    keeps_problems: bool = False,
    is_done: Callable[[Path], bool] = lambda path: False,
    is_file: Callable[[Path], bool] = lambda path: False,
) -> list[Input]:
    """Expand globs and directories.

    Parameters
    ----------
    arguments : iterable of str
        Paths, glob patterns (for shells that leave them alone), directories, ``-``. A path that exists is never taken
        for a pattern, so that names with brackets and stars work. ``-`` is standard input, ``./-`` a file.
    wanted : callable
        Whether to take a file found in a directory.
    recursive : bool
        Whether directories are allowed; all their subdirectories are searched.
    stream : bool
        Whether standard input is allowed.
    keeps_problems : bool
        Whether arguments with a problem are in the list beside others, whose work they must not stop.
    is_done : callable
        Whether a file of this name has an output. Then it was there, and the argument is no pattern.
    is_file : callable
        Whether a directory that is named, or is found and wanted, counts as a file.

    Returns
    -------
    list of Input
        In the order of the arguments, directories sorted by path, no file twice. A path that does not exist is kept:
        opening it gives the error.

    Raises
    ------
    click.UsageError
        For a directory without `recursive`, ``-`` without `stream`, and for arguments with a problem unless
        `keeps_problems` and there are others.
    """
    found: dict[Path, Input] = {}
    for argument in arguments:
        path = Path(argument)
        if not argument:
            raise click.UsageError("an argument is empty, as an unset variable of the shell is; '.' is this directory.")
        if argument == STANDARD_STREAM:
            if not stream:
                raise click.UsageError(NO_STREAM)
            inputs = [Input(path, is_stdin=True)]
        elif os.path.isdir(path) and is_file(path):
            inputs = [Input(path)]
        elif os.path.isdir(path):
            inputs = _directory(path, wanted, recursive, is_file)
        elif is_pattern(argument) and not is_done(path):
            inputs = _pattern(argument, is_file)
        else:
            inputs = [Input(path, problem=problem_of(path))]
        for entry in inputs:
            found.setdefault(entry.path, entry)
    problems = [entry.problem for entry in found.values() if entry.problem]
    if problems and not (keeps_problems and len(problems) < len(found)):
        raise click.UsageError(problems[0])
    return list(found.values())


def is_pattern(argument: str) -> bool:
    """Whether an argument is a pattern: it has a star, question mark or bracket, and no file has that name."""
    return bool(_GLOB_CHARACTERS & set(argument)) and not os.path.lexists(argument)


def take_shard(files: Sequence[Share], shard: tuple[int, int] | None) -> list[Share]:
    """Take the files of job I of N (by `shard`), so that N jobs of an array share the work.

    A file's name alone tells whose it is: by the time that a job starts, others may have deleted or added files.
    """
    if shard is None:
        return list(files)
    job, jobs = shard
    return [entry for entry in files if _number(entry.file) % jobs == job - 1]


def _number(name: str) -> int:
    """Number that follows from a name, the same everywhere."""
    return int.from_bytes(blake2b(os.fsencode(name), digest_size=8).digest(), "big")


def _directory(
    directory: Path, wanted: Callable[[Path], bool], recursive: bool, is_file: Callable[[Path], bool]
) -> list[Input]:
    """List the wanted files under a directory."""
    if not recursive:
        raise click.UsageError(f"{directory} is a directory; give -r to take the files in it and below.")
    files: list[Path] = []
    closed: list[Input] = []

    def tell(error: OSError) -> None:
        folder = Path(os.fsdecode(error.filename))
        closed.append(Input(folder, problem=f"{folder} cannot be searched: {error.strerror}."))

    # A leading dot marks what is hidden, such as snapshots, and the unfinished outputs of other runs.
    for folder, below, names in os.walk(directory, onerror=tell):
        below[:] = [name for name in below if not name.startswith(".") and name != REFERENCES]
        folders = [name for name in below if is_file(path := Path(folder, name)) and wanted(path)]
        below[:] = [name for name in below if name not in folders]
        files += [Path(folder, name) for name in names if not name.startswith(".")]
        files += [Path(folder, name) for name in folders]
    wanted_files = [path for path in sorted(files) if wanted(path) and (os.path.isfile(path) or is_file(path))]
    inputs = [Input(path, path.parent.relative_to(directory), walked=True) for path in wanted_files] + closed
    return inputs or [Input(directory, problem=f"{directory} holds no file for this command.")]


def _pattern(pattern: str, is_file: Callable[[Path], bool]) -> list[Input]:
    """List the files that match a glob pattern."""
    matches = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
    inputs = [Input(path) for path in matches if os.path.isfile(path) or is_file(path)]
    return inputs or [Input(Path(pattern), problem=f"no file matches {pattern!r}.")]
