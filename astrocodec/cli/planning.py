"""From inputs and options to tasks: which output each file gets, and what cannot be done."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import click

from astrocodec.cli.clashes import refuse_clashes
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.formats import FITS, Format
from astrocodec.cli.inputs import STANDARD_STREAM, Input
from astrocodec.cli.option_types import NO_STREAM
from astrocodec.cli.outputs import is_same_file, refuse_existing, refuse_other_content
from astrocodec.cli.run_options import RunOptions
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.skipping import settled_by_name
from astrocodec.cli.task import Destination, Task
from astrocodec.files.report_file import BEGINNING
from astrocodec.files.unchanged import state


def check_options(kind: Format, run: RunOptions, arguments: Sequence[str]) -> None:
    """Refuse options that contradict each other, or the file arguments as they were given."""
    chosen = [
        name
        for name, given in (
            ("-O", run.output is not None),
            ("-S", run.stdout),
            ("-F", run.replace),
            ("-T", run.test),
            ("-L", run.list_only),
            ("--outdir", run.outdir is not None),
        )
        if given
    ]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} contradict each other; give one of them.")
    if run.delete and chosen and chosen[0] in ("-S", "-F", "-T", "-L"):
        raise click.UsageError(f"-D and {chosen[0]} contradict each other; give one of them.")
    if run.skip_existing and (run.to_stdout or run.replace or run.test or run.list_only):
        raise click.UsageError("--skip-existing needs outputs that stay: it goes with none of -S, -F, -T and -L.")
    stdin = STANDARD_STREAM in arguments
    if stdin and kind is not FITS:
        raise click.UsageError(NO_STREAM)
    if stdin and len(arguments) > 1:
        raise click.UsageError("'-' (stdin) cannot be given together with other inputs.")
    if stdin and (run.touches_input or run.outdir or run.list_only or run.skip_existing):
        raise click.UsageError("-D, -F, -L, --outdir and --skip-existing need a named input, not '-' (stdin).")
    writes_stdout = run.to_stdout or (stdin and run.output is None and not run.test)
    if writes_stdout and run.delete:
        raise click.UsageError("-D and output to stdout contradict each other: the output cannot be checked there.")
    if writes_stdout and run.as_json:
        raise click.UsageError("--json and output to stdout contradict each other; both would go to stdout.")
    if writes_stdout and kind is not FITS:
        raise click.UsageError("HDF5 files are not written to stdout; give -O FILE ('./-' for a file called '-').")
    if writes_stdout and _is_terminal(sys.stdout):
        raise click.UsageError("will not write a FITS file to a terminal; redirect stdout or give -O FILE.")


def plan_tasks(
    kind: Format,
    operation: Literal["compress", "decompress"],
    inputs: Sequence[Input],
    run: RunOptions,
    name_output: Callable[[Path], str],
    options: Mapping[str, Any],
) -> list[Task | Outcome]:
    """Give each input its task, or say why it has none.

    Outcomes are of files that are compressed already or not at all, and of those whose output would be the input
    itself, another input, or another's output too. `name_output` names the output for an input, without directory.
    """
    if len(inputs) > 1 and (run.output is not None or run.stdout):
        raise click.UsageError(f"-O and -S take a single input, there are {len(inputs)}; give --outdir instead.")
    arguments = _arguments(operation, run, options)
    named = run.output is not None or run.stdout
    planned: list[Task | Outcome] = []
    for entry, settled in zip(inputs, settled_by_name(operation, inputs, kind, not named), strict=True):
        if settled is not None:
            planned.append(settled)
            continue
        destination = _destination(entry, run)
        target = _target(entry, run, destination, name_output)
        replaced = state(target) if run.overwrite and target is not None else None
        planned.append(
            Task(
                kind,
                operation,
                entry,
                target,
                destination,
                run.overwrite,
                replaced,
                run.skip_existing,
                named,
                arguments,
            )
        )
    # Who searches a directory for originals finds their outputs too, and did not name them.
    searched = {entry.file for entry in inputs if entry.walked} if operation == "compress" else set()
    return refuse_clashes(planned, searched)


def output_of(entry: Input, run: RunOptions, name_output: Callable[[Path], str]) -> Path | None:
    """Tell where the output of an input stands, which need not be there; None for standard output and for tests."""
    return _target(entry, run, _destination(entry, run), name_output)


def _arguments(operation: str, run: RunOptions, options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the operation: the command's own and those that follow from the shared options."""
    arguments = {**options, "verify": run.verify or run.touches_input or run.test}
    if operation == "compress":
        # An input that goes must not go for something larger; an output that was asked for by name is written.
        arguments["only_smaller"] = run.replace or (run.delete and run.output is None)
    elif run.replace:
        arguments["only_verified"] = True
    return arguments


def refuse_report_file(run: RunOptions, paths: Iterable[Path]) -> None:
    """Refuse a report's name that an input or output has, by a link too, or another file that must stay."""
    if run.report_file is None:
        return
    file = run.report_file
    there = os.path.isfile(file)
    name = os.path.realpath(file)  # it is written through links
    if any(name == os.path.realpath(path) or (there and is_same_file(file, path)) for path in paths):
        raise click.UsageError(f"-R {file}: an input or output has this name.")
    if there and not run.overwrite:
        refuse_existing(file)
    if there:
        refuse_other_content(file, BEGINNING, "report")


def confirm(run: RunOptions, count: int) -> None:
    """Ask before inputs are deleted or replaced, on a terminal; end the command where the answer is no."""
    if not run.touches_input or run.yes or not count or not _is_terminal(sys.stdin):
        return
    act = "Replace" if run.replace else "Delete"
    files = "the input file" if count == 1 else f"{count} input files"
    if not click.confirm(f"{act} {files} once the output is verified?", err=True):
        click.echo("nothing was done", err=True)
        raise click.exceptions.Exit(ExitCode.USAGE)


def _is_terminal(stream: IO[str] | None) -> bool:
    """Whether somebody sits at the other end; a process may also have no such stream at all."""
    return stream is not None and stream.isatty()


def _destination(entry: Input, run: RunOptions) -> Destination:
    """Where an input's result goes."""
    if run.test:
        return Destination.NOWHERE
    if run.to_stdout or (entry.is_stdin and run.output is None):
        return Destination.STDOUT
    if run.replace:
        return Destination.REPLACE_INPUT
    return Destination.DELETE_INPUT if run.delete else Destination.FILE


def _target(entry: Input, run: RunOptions, destination: Destination, name_output: Callable[[Path], str]) -> Path | None:
    """Path of an input's output."""
    if destination in (Destination.NOWHERE, Destination.STDOUT):
        return None
    if destination is Destination.REPLACE_INPUT:
        return entry.path
    if run.output is not None:
        return Path(run.output)
    folder = entry.path.parent if run.outdir is None else run.outdir / entry.subfolder
    return folder / name_output(entry.path)
