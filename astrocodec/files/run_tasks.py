"""Many files: one after the other in this process, or in others, where several go at once or HDF5 may crash."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from astrocodec.files.executor import Executor, Here, Progress, Work
from astrocodec.files.interruption import raise_if_interrupted
from astrocodec.files.processes import Processes
from astrocodec.files.target import remove_leftovers

__all__ = ["FileTask", "choose_executor", "look_at", "run_tasks"]


class FileTask(Protocol):
    """Something to do with one file."""

    @property
    def file(self) -> str:
        """The file's name, as printed."""

    @property
    def target(self) -> Path | None:
        """What is written, None where nothing is."""

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it, which does not survive all damage."""


_Task = TypeVar("_Task", bound=FileTask)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def choose_executor(tasks: Sequence[FileTask], jobs: int) -> Executor:
    """Choose where a run's work is done on so many cores (`jobs`).

    They work first on files, in processes of their own, what remains on the tiles of each. Several files of which some
    are HDF5 never run in this process: then one file is lost with its process, not the run.

    Examples
    --------
    >>> choose_executor([], jobs=4)
    Here(threads=4, at_once=1)
    """
    at_once = min(jobs, len(tasks))
    if at_once > 1 or (len(tasks) > 1 and any(task.may_be_hdf5 for task in tasks)):
        return Processes(at_once, jobs // at_once)
    return Here(jobs)


def run_tasks(
    treat: Work[_Task, _Result],
    tasks: Sequence[_Task],
    executor: Executor,
    *,
    advance: Callable[[str, float], None],
    tell: Callable[[_Result], _Result],
    lost: Callable[[str], _Result],
) -> list[_Result]:
    """Treat all files; one that fails does not stop the others. Results are in the order of the tasks.

    Parameters
    ----------
    treat : callable
        Of a module, so that processes find it. Raises nothing: what goes wrong is in its result.
    tasks : sequence of FileTask
        One per file.
    executor : Executor
        Where it is done.
    advance : callable
        The progress bar: called with a file's name and the number of files done, fractions included.
    tell : callable
        Called with each file's result as it comes; gives it back as it stands then.
    lost : callable
        Makes the result of a file, by its name, whose process was killed.
    """
    results: dict[int, _Result] = {}

    def progress(number: int, done: int, total: int) -> None:
        raise_if_interrupted()
        advance(tasks[number].file, len(results) + done / max(total, 1))

    # Closed at once where something goes wrong here: that is what ends the processes.
    with closing(executor.results(treat, tasks, progress, _remove_leftovers)) as coming:
        for number, result in coming:
            file = tasks[number].file
            results[number] = tell(lost(file) if result is None else result)
            advance(file, len(results))
    return [results[number] for number in range(len(tasks))]


def look_at(function: Callable[[_Item], _Result], items: Sequence[_Item], *, apart: bool) -> list[_Result | None]:
    """
    Apply a function to items, before any is treated; `apart` in a process of its own, since a file may be its end.

    Examples
    --------
    >>> look_at(len, ["a.h5", "b.hdf5"], apart=False)  # None where the process was killed
    [4, 6]
    """
    executor = Processes() if apart and items else Here()
    work = partial(_look, function)
    with closing(executor.results(work, items, lambda *progress: None, lambda *lost: None)) as coming:
        found = dict(coming)
    return [found[number] for number in range(len(items))]


def _look(function: Callable[[_Item], _Result], item: _Item, threads: int, progress: Progress | None) -> _Result:
    """Work that needs neither threads nor a progress bar."""
    return function(item)


def _remove_leftovers(task: FileTask, process: int) -> None:
    """Remove the half output of a process that was killed."""
    if task.target is not None:
        remove_leftovers(os.path.realpath(task.target), process)
        remove_leftovers(task.target, process)
