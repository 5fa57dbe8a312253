"""Many files: one after the other in this process, or in others, where several go at once or HDF5 may crash."""

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Protocol

from astrocodec.cli.interruption import raise_if_interrupted
from astrocodec.cli.processes import in_processes, killed
from astrocodec.cli.progress import Advance
from astrocodec.cli.size_table import Outcome
from astrocodec.files.target import remove_leftovers


class FileTask(Protocol):
    """Something to do with one file."""

    @property
    def file(self) -> str:
        """The file's name, as printed."""

    @property
    def may_be_hdf5(self) -> bool:
        """Whether HDF5 will read it, which does not survive all damage."""


# Treats one file: the task, threads, and what to call with bytes done and bytes in total.
Treat = Callable[[Any, int, Callable[[int, int], None] | None], Outcome]


def run_tasks(
    treat: Treat, tasks: Sequence[FileTask], jobs: int, advance: Advance, tell: Callable[[Outcome], Outcome]
) -> list[Outcome]:
    """Treat all files; one that fails does not stop the others.

    Parameters
    ----------
    treat : callable
        Of a module, so that processes find it.
    tasks : sequence of FileTask
        One per file.
    jobs : int
        Cores to use: first for files, in processes of their own, what remains for the tiles of each. Several files of
        which some are HDF5 never run in this process.
    advance : callable
        The progress bar.
    tell : callable
        Called with each file's outcome as it comes; gives it back as it stands then.

    Returns
    -------
    list of Outcome
        In the order of the tasks.
    """
    processes = min(jobs, len(tasks))
    # HDF5 does not survive all damage: then one file is lost with its process, not the run.
    if processes > 1 or (len(tasks) > 1 and any(task.may_be_hdf5 for task in tasks)):
        return _run_in_processes(treat, tasks, processes, jobs // processes, advance, tell)
    return _run_here(treat, tasks, jobs, advance, tell)


def _run_here(
    treat: Treat, tasks: Sequence[FileTask], jobs: int, advance: Advance, tell: Callable[[Outcome], Outcome]
) -> list[Outcome]:
    """One file after the other, threads over tiles."""
    outcomes = []
    for number, task in enumerate(tasks):

        def progress(done: int, total: int, number: int = number, file: str = task.file) -> None:
            raise_if_interrupted()
            advance(file, number + done / max(total, 1))

        raise_if_interrupted()
        outcome = treat(task, jobs, progress)
        advance(task.file, number + 1)
        outcomes.append(tell(outcome))
    return outcomes


def _run_in_processes(
    treat: Treat,
    tasks: Sequence[FileTask],
    processes: int,
    workers: int,
    advance: Advance,
    tell: Callable[[Outcome], Outcome],
) -> list[Outcome]:
    """Several files at once."""
    outcomes: dict[int, Outcome] = {}
    # Closed at once where something goes wrong here: that is what ends the processes.
    running = in_processes(functools.partial(_treat_there, treat, workers), tasks, processes, _remove_leftovers)
    with closing(running) as results:
        for number, found in results:
            outcome = (
                Outcome(tasks[number].file, failure=killed(tasks[number].file, processes)) if found is None else found
            )
            outcomes[number] = tell(outcome)
            advance(tasks[number].file, len(outcomes))
    return [outcomes[number] for number in range(len(tasks))]


def _remove_leftovers(task: FileTask, process: int) -> None:
    """Remove the half output of a process that was killed."""
    target = getattr(task, "target", None)
    if target is not None:
        remove_leftovers(os.path.realpath(target), process)
        remove_leftovers(target, process)


def _treat_there(treat: Treat, workers: int, task: FileTask) -> Outcome:
    """Treat one file in a process, which shows no progress."""
    return treat(task, workers, None)
