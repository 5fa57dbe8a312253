"""`h5-compress IN OUT`, as h5repack and h5copy have taught it to fingers."""

import os
from collections.abc import Sequence
from dataclasses import replace

from astrocodec.cli.inputs import STANDARD_STREAM, is_pattern
from astrocodec.cli.run_options import RunOptions


def input_and_output(arguments: Sequence[str], run: RunOptions) -> tuple[Sequence[str], RunOptions]:
    """Take two names of which only the first exists as input and output; a name that exists is always an input.

    Parameters
    ----------
    arguments : sequence of str
        The file arguments.
    run : RunOptions
        The options.

    Returns
    -------
    arguments : sequence of str
        The inputs.
    run : RunOptions
        With the output, if it was one.
    """
    if len(arguments) != 2 or run.output is not None or run.outdir is not None or run.recursive or run.list_only:
        return arguments, run
    first, second = arguments
    new = not (os.path.lexists(second) or is_pattern(second) or second == STANDARD_STREAM)
    if new and os.path.isfile(first):
        return [first], replace(run, output=second)
    return arguments, run
