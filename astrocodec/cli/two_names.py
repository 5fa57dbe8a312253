"""`h5-compress IN OUT`, as h5repack and h5copy have taught it to fingers."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from astrocodec.cli.inputs import STANDARD_STREAM, is_pattern
from astrocodec.cli.run_options import RunOptions
from astrocodec.files.file_kind import is_table


def input_and_output(
    arguments: Sequence[str], run: RunOptions, name_output: Callable[[Path], str]
) -> tuple[Sequence[str], RunOptions]:
    """Take two names of which only the first exists as input and output; a name that exists is always an input.

    So is one whose own output exists: an earlier run may have deleted it. In a batch (with -D, --skip-existing,
    --outdir, -r, --shard) two names are two inputs: a mistyped one must not become an output, and the other go
    for it.
    """
    batch = run.delete or run.skip_existing or run.outdir or run.recursive or run.shard
    if len(arguments) != 2 or batch or run.output is not None or run.list_only:
        return arguments, run
    first, second = arguments
    new = not (os.path.lexists(second) or is_pattern(second) or second == STANDARD_STREAM)
    of_second = Path(second).parent / name_output(Path(second))
    if new and not os.path.lexists(of_second) and (os.path.isfile(first) or is_table(first)):
        return [first], replace(run, output=second)
    return arguments, run
