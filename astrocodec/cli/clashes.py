"""Outputs that would have each other's name, or that of an input: refused before any work is done."""

import os
from collections import defaultdict
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure
from astrocodec.cli.formats import FITS
from astrocodec.cli.outputs import is_same_file
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.task import Destination, Task


def refuse_clashes(planned: Sequence[Task | Outcome], old_outputs: Container[str] = ()) -> list[Task | Outcome]:
    """Put failures in the place of tasks whose output cannot have its name.

    A file that is there twice, by two paths, is treated once. One that is settled already is an input too, and is not
    overwritten, unless it is among `old_outputs`: those of earlier runs, which a search of directories found.
    """
    tasks = _without_repetition([entry for entry in planned if isinstance(entry, Task)])
    sources = {_place(task.source.path): task for task in tasks if not task.source.is_stdin}
    outputs: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        if task.target is not None and task.destination is not Destination.REPLACE_INPUT:
            outputs[_place(task.target)].append(task)
    # Where case does not count, or a directory is mounted twice, a file has names that cannot be told to be one.
    files = {file for task in tasks if not task.source.is_stdin and (file := _file(task.source.path)) is not None}
    left = [Path(entry.file) for entry in planned if isinstance(entry, Outcome) and entry.file not in old_outputs]
    kept = {_place(path) for path in left} | {file for path in left if (file := _file(path)) is not None}
    once = set(map(id, tasks))
    result: list[Task | Outcome] = []
    for entry in planned:
        if isinstance(entry, Outcome):
            result.append(entry)
        elif id(entry) in once:
            problem = _problem(entry, sources, outputs, files) or _problem_of_kept(entry, kept)
            failure = Failure(f"{entry.file}: {problem}", ExitCode.EXISTS)
            result.append(Outcome(entry.file, failure=failure) if problem else entry)
    return result


def _without_repetition(tasks: Sequence[Task]) -> list[Task]:
    """Leave out what is there already by another path."""
    found: dict[str, Task] = {}
    for task in tasks:
        found.setdefault(_place(task.source.path), task)
    return list(found.values())


def _problem(task: Task, sources: dict[str, Task], outputs: dict[str, list[Task]], files: set[tuple[int, int]]) -> str:
    """Say why an output cannot have its name, if it cannot."""
    target, source = task.target, task.source.path
    if target is None or task.destination is Destination.REPLACE_INPUT or not os.path.exists(source):
        return ""  # that there is no input is told when it is opened
    place = _place(target)
    if place == _place(source) or (os.path.exists(target) and os.path.samefile(target, source)):
        replacing = "-F to replace it, or " if task.kind is FITS else ""
        return f"its output would be the input itself; give {replacing}-O or --outdir for another name"
    model = task.options.get("model")
    if model and is_same_file(target, Path(model)):
        return f"its output would be {target}, the model that it is coded with; give -O or --outdir"
    if sources.get(place, task) is not task or _file(target) in files:
        return f"its output would be {target}, which is an input too; give -O or --outdir"
    others = [other.file for other in outputs[place] if other is not task]
    if others:
        return f"its output would be {target}, as for {', '.join(others)}; give -O or --outdir"
    return ""


def _problem_of_kept(task: Task, kept: set[str | tuple[int, int]]) -> str:
    """Say that an output would replace an input which the run leaves as it is, if it would."""
    target = task.target
    if target is None or not task.overwrite or task.destination is Destination.REPLACE_INPUT:
        return ""  # without --overwrite what exists stays
    if _place(target) in kept or _file(target) in kept:
        return f"its output would be {target}, which is an input too; leave that out, or give -O or --outdir"
    return ""


def _file(path: Path) -> tuple[int, int] | None:
    """What the system knows a file by, None where there is none."""
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


def _place(path: Path) -> str:
    """Name of a directory entry, the same by whatever links its directory is reached."""
    return os.path.join(os.path.realpath(path.parent), path.name)
