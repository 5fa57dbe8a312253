"""Options that the commands over many files share: fpack's habits, and parallel runs."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from astrocodec.cli.inputs import STANDARD_STREAM
from astrocodec.cli.option_types import shard
from astrocodec.cli.version import version_option


@dataclass(frozen=True)
class RunOptions:
    """Values of the shared options, named as on the command line; a command has those that suit it."""

    output: str | None = None
    delete: bool = False
    replace: bool = False
    yes: bool = False
    stdout: bool = False
    test: bool = False
    list_only: bool = False
    verbose: bool = False
    quiet: bool = False
    jobs: int = 1
    verify: bool = True
    overwrite: bool = False
    as_json: bool = False
    outdir: Path | None = None
    recursive: bool = False
    report_file: Path | None = None
    checksums: bool = True
    shard: tuple[int, int] | None = None
    skip_existing: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether the file itself goes to standard output."""
        return self.stdout or self.output == STANDARD_STREAM

    @property
    def touches_input(self) -> bool:
        """Whether inputs are deleted or replaced."""
        return self.delete or self.replace


_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace outputs and reports that exist.")
_RECURSIVE = click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
_JOBS = click.option(
    "-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Cores: first for files, then in each."
)
_REPORTING = (
    click.option("--json", "as_json", is_flag=True, help="Report as JSON on stdout instead of the table."),
    click.option(
        "-R",
        "--report",
        "report_file",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write a report to FILE: a line of JSON for each file as soon as it is finished.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="List every HDU or dataset; show warnings and tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    version_option,
)
_NAMING = (
    click.option("-O", "--output", metavar="FILE", help="Name of the output; for a single input."),
    click.option("--outdir", type=click.Path(file_okay=False, path_type=Path), help="Directory for the outputs."),
)
_DELETING = (
    click.option("-D", "--delete", is_flag=True, help="Delete the input after verification."),
    click.option("-Y", "--yes", is_flag=True, help="Do not ask before inputs go (asked on a terminal only)."),
)
_EXISTING = (
    _OVERWRITE,
    click.option(
        "--skip-existing", is_flag=True, help="Count an output that exists as done if it verifies against its input."
    ),
)
_LISTING = click.option("-L", "--list", "list_only", is_flag=True, help="List the HDUs or datasets; write no file.")
_VERIFYING = click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Compare with the input before the end."
)
_FITS_ONLY = (
    click.option("-S", "--stdout", is_flag=True, help="Write the output to stdout, as -O - does."),
    click.option("-F", "--replace", is_flag=True, help="Replace the input under its own name after verification."),
    click.option("-T", "--test", is_flag=True, help="Report sizes and equality; write no file."),
    click.option(
        "-C",
        "--no-checksums",
        "checksums",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Do not write CHECKSUM and DATASUM anew.",
    ),
)
_SHARD = click.option("--shard", metavar="I/N", type=shard, help="Treat part I of N of the files, for job arrays.")


_WRITING = (*_NAMING, *_DELETING, *_EXISTING, _LISTING, _VERIFYING)


def fits_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `fits-compress` and `fits-decompress`, which get them as one `RunOptions` ``run``."""
    return _as_one_argument((*_WRITING, *_FITS_ONLY, _RECURSIVE, _SHARD, _JOBS, *_REPORTING), command)


def hdf5_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `h5-compress` and `h5-decompress`, as `fits_options` does."""
    return _as_one_argument((*_WRITING, _RECURSIVE, _SHARD, _JOBS, *_REPORTING), command)


def visibility_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `vis-compress` and `vis-decompress`, as `fits_options` does."""
    return _as_one_argument((*_WRITING, _RECURSIVE, _SHARD, _JOBS, *_REPORTING), command)


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of commands that read many files and write none, as `fits_options` does."""
    return _as_one_argument((_RECURSIVE, _JOBS, *_REPORTING, _OVERWRITE), command)


def _as_one_argument(options: Sequence[Callable[..., Any]], command: Callable[..., None]) -> Callable[..., None]:
    """Add options, in the order of the help; those that the command lacks keep their defaults in ``run``."""

    @functools.wraps(command)
    def with_run(**values: Any) -> None:
        run = RunOptions(**{entry.name: values.pop(entry.name) for entry in fields(RunOptions) if entry.name in values})
        command(run=run, **values)

    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_run)
