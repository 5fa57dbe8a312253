"""Many files: one after the other in this process, or several at once in others."""

import functools
from collections.abc import Callable, Sequence
from contextlib import closing

from astrocodec.cli.processes import in_processes, killed, raising_on_sigterm
from astrocodec.cli.progress import Advance
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.tasks import Task, run_task


def run_tasks(tasks: Sequence[Task], jobs: int, advance: Advance, show: Callable[[Outcome], None]) -> list[Outcome]:
    """Treat all files; one that fails does not stop the others.

    Parameters
    ----------
    tasks : sequence of Task
        One per file.
    jobs : int
        Cores to use: first for files, in processes of their own, what remains for the tiles of each.
    advance : callable
        The progress bar.
    show : callable
        Called with each file's outcome as it comes.

    Returns
    -------
    list of Outcome
        In the order of the tasks.
    """
    processes = min(jobs, len(tasks))
    with raising_on_sigterm():
        if processes > 1:
            return _run_in_processes(tasks, processes, jobs // processes, advance, show)
        return _run_here(tasks, jobs, advance, show)


def _run_here(tasks: Sequence[Task], jobs: int, advance: Advance, show: Callable[[Outcome], None]) -> list[Outcome]:
    """One file after the other, threads over tiles."""
    outcomes = []
    for number, task in enumerate(tasks):

        def progress(done: int, total: int, number: int = number, file: str = task.file) -> None:
            advance(file, number + done / max(total, 1))

        outcome = run_task(task, jobs, progress)
        advance(task.file, number + 1)
        show(outcome)
        outcomes.append(outcome)
    return outcomes


def _run_in_processes(
    tasks: Sequence[Task], processes: int, workers: int, advance: Advance, show: Callable[[Outcome], None]
) -> list[Outcome]:
    """Several files at once."""
    outcomes: dict[int, Outcome] = {}
    # Closed at once where something goes wrong here: that is what ends the processes.
    with closing(in_processes(functools.partial(run_task, workers=workers), tasks, processes)) as results:
        for number, found in results:
            outcome = Outcome(tasks[number].file, failure=killed(tasks[number].file)) if found is None else found
            outcomes[number] = outcome
            advance(tasks[number].file, len(outcomes))
            show(outcome)
    return [outcomes[number] for number in range(len(tasks))]
