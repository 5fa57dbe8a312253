"""Options that `fits-compress` and `fits-decompress` share: fpack's habits, and parallel runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from astrocodec.cli.inputs import STANDARD_STREAM
from astrocodec.cli.option_types import shard
from astrocodec.cli.shared_options import as_one_argument
from astrocodec.cli.version import version_option


@dataclass(frozen=True)
class RunOptions:
    """Values of the shared options, named as on the command line."""

    output: str | None
    delete: bool
    replace: bool
    yes: bool
    stdout: bool
    test: bool
    list_only: bool
    verbose: bool
    quiet: bool
    jobs: int
    verify: bool
    overwrite: bool
    as_json: bool
    outdir: Path | None
    recursive: bool
    report_file: Path | None
    checksums: bool
    shard: tuple[int, int] | None

    @property
    def to_stdout(self) -> bool:
        """Whether the file itself goes to standard output."""
        return self.stdout or self.output == STANDARD_STREAM

    @property
    def touches_input(self) -> bool:
        """Whether inputs are deleted or replaced."""
        return self.delete or self.replace


_OPTIONS = (
    click.option("-O", "--output", metavar="FILE", help="Name of the output; for a single input. '-' is stdout."),
    click.option("--outdir", type=click.Path(file_okay=False, path_type=Path), help="Directory for the outputs."),
    click.option("-S", "--stdout", is_flag=True, help="Write the output to stdout."),
    click.option("-D", "--delete", is_flag=True, help="Delete the input after verification."),
    click.option("-F", "--replace", is_flag=True, help="Replace the input under its own name after verification."),
    click.option("-Y", "--yes", is_flag=True, help="Do not ask before -D and -F (asked on a terminal only)."),
    click.option("--overwrite", is_flag=True, help="Replace outputs that exist."),
    click.option("-T", "--test", is_flag=True, help="Report sizes and equality; write no file."),
    click.option("-L", "--list", "list_only", is_flag=True, help="List the HDUs; write no file."),
    click.option(
        "--verify/--no-verify", default=True, show_default=True, help="Compare with the input before the end."
    ),
    click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below."),
    click.option("--shard", metavar="I/N", type=shard, help="Treat every N-th file from the I-th, for job arrays."),
    click.option(
        "-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Cores for files and tiles."
    ),
    click.option("--json", "as_json", is_flag=True, help="Report as JSON on stdout instead of the table."),
    click.option(
        "-R",
        "--report",
        "report_file",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the report to FILE instead of printing it.",
    ),
    click.option(
        "-C",
        "--no-checksums",
        "checksums",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Do not write CHECKSUM and DATASUM anew.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="List every HDU; show warnings and tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    version_option,
)


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a command, which gets them as one `RunOptions` ``run``.

    Parameters
    ----------
    command : callable
        Takes ``run: RunOptions`` beside its own options.

    Returns
    -------
    callable
        For `click.command`.
    """
    return as_one_argument(RunOptions, _OPTIONS, command)
