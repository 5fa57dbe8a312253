"""Exit codes of every command; `docs/cli.md` lists them for users."""

from collections.abc import Collection
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's end means."""

    OK = 0
    MIXED = 1  # several files failed for different reasons
    USAGE = 2  # click's own code for a wrong command line
    BAD_DATA = 3  # not FITS, truncated, corrupt
    NEEDS_INSTALL = 4  # a model, a newer astrocodec, an optional package or a reference is missing
    EXISTS = 5  # the output exists and --overwrite was not given
    SYSTEM = 6  # cannot read, cannot write, no space, no memory
    DIFFERS = 7  # verification found a difference
    INTERNAL = 70  # a fault of astrocodec
    HUNG_UP = 129  # SIGHUP
    INTERRUPTED = 130  # SIGINT
    TERMINATED = 143  # SIGTERM


# What a check of many files must not hide, first: damage before what only kept a file from being checked.
_GRAVEST = (
    ExitCode.DIFFERS,
    ExitCode.BAD_DATA,
    ExitCode.INTERNAL,
    ExitCode.SYSTEM,
    ExitCode.NEEDS_INSTALL,
    ExitCode.EXISTS,
    ExitCode.USAGE,
)


def worst(codes: Collection[ExitCode]) -> ExitCode:
    """Take the gravest of many files' codes, for commands that check."""
    return next((code for code in _GRAVEST if code in codes), ExitCode.OK)


def combine(codes: Collection[ExitCode]) -> ExitCode:
    """Make one code of many files' codes: that of all failures where they have one, otherwise MIXED."""
    failures = {code for code in codes if code != ExitCode.OK}
    if not failures:
        return ExitCode.OK
    return failures.pop() if len(failures) == 1 else ExitCode.MIXED
