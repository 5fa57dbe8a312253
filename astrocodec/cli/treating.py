"""The course of the commands that write a file for each input: find, plan, ask, run, report."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click

from astrocodec.cli.exit_codes import combine
from astrocodec.cli.formats import FITS, Format
from astrocodec.cli.info import list_files
from astrocodec.cli.inputs import Input, find_inputs, take_shard
from astrocodec.cli.needed import keep_needed
from astrocodec.cli.planning import check_options, confirm, output_of, plan_tasks, refuse_report_file
from astrocodec.cli.run_files import run_and_report
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.task import Destination, Task
from astrocodec.cli.tasks import run_task
from astrocodec.files.executor import Work


def treat_files(
    kind: Format,
    operation: Literal["compress", "decompress"],
    arguments: Sequence[str],
    run: RunOptions,
    wanted: Callable[[Path], bool],
    name_output: Callable[[Path], str],
    options: Mapping[str, Any],
    arrange: Callable[[list[Task | Outcome]], list[Task | Outcome]] = list,
    *,
    is_file: Callable[[Path], bool] = lambda path: False,
    treat: Work[Task, Outcome] = run_task,
) -> None:
    """Run one operation over all files and exit.

    Parameters
    ----------
    kind, operation
        Format of the files, and function of its package.
    arguments : sequence of str
        Files, patterns, directories or ``-``.
    run : RunOptions
        The shared options.
    wanted : callable
        Whether to take a file found in a directory.
    name_output : callable
        Name of the output for an input.
    options : mapping
        Arguments of the operation.
    arrange : callable, optional
        Gives tasks further options.
    is_file : callable, optional
        Whether a directory counts as a file.
    treat : callable, optional
        What treats one of them.
    """
    check_options(kind, run, arguments)

    def is_done(path: Path) -> bool:
        output = output_of(Input(path), run, name_output)
        return run.output is None and output is not None and os.path.lexists(output)

    inputs = find_inputs(
        arguments, wanted, run.recursive, stream=kind is FITS, keeps_problems=True, is_done=is_done, is_file=is_file
    )
    if run.list_only:
        raise click.exceptions.Exit(list_files(take_shard(inputs, run.shard), run))
    # Outputs of other shards must not clash with ours either, nor must our report replace their files.
    of_all = arrange(keep_needed(plan_tasks(kind, operation, inputs, run, name_output, options)))
    targets = [entry.target for entry in of_all if isinstance(entry, Task) and entry.target is not None]
    refuse_report_file(run, [*(entry.path for entry in inputs), *targets])
    planned = take_shard(of_all, run.shard)
    tasks = [entry for entry in planned if isinstance(entry, Task)]
    settled = [entry for entry in planned if isinstance(entry, Outcome)]
    confirm(run, len(tasks))
    on_stdout = any(task.destination is Destination.STDOUT for task in tasks)
    raise click.exceptions.Exit(combine(run_and_report(treat, tasks, settled, run, to_stderr=on_stdout)))
