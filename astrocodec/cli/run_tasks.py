"""Many files: one after the other in this process, or several at once in others."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure
from astrocodec.cli.progress import Advance
from astrocodec.cli.size_table import Outcome
from astrocodec.cli.tasks import Task, run_task

# multiprocessing and concurrent.futures.process cost more than a small file: only runs over several files import them.
if TYPE_CHECKING:
    from concurrent.futures import Future

_GRACE_SECONDS = 5.0


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
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor, as_completed

    # Spawned, not forked: the progress bar's thread may hold a lock at any time.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare_process)
    try:
        futures: dict[Future[Outcome], int] = {
            pool.submit(_run_in_worker, task, workers): number for number, task in enumerate(tasks)
        }
        outcomes: dict[int, Outcome] = {}
        for future in as_completed(futures):
            number = futures[future]
            outcome = _result(future, tasks[number])
            outcomes[number] = outcome
            advance(tasks[number].file, len(outcomes))
            show(outcome)
    except BaseException:
        _stop_children()
        pool.shutdown(cancel_futures=True)  # waits for the pool's thread, which now finds its workers gone
        raise
    pool.shutdown()
    return [outcomes[number] for number in range(len(tasks))]


def _result(future: "Future[Outcome]", task: Task) -> Outcome:
    """Take a file's outcome, or say that its process died."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        message = f"{task.file}: a worker process was killed (out of memory?); try again with a smaller -j"
        return Outcome(task.file, failure=Failure(message, ExitCode.SYSTEM))


def _run_in_worker(task: Task, workers: int) -> Outcome:
    """Treat one file in a worker; a worker that is told to stop takes no further file."""
    try:
        return run_task(task, workers)
    except SystemExit:
        # The pool would catch it and go on. Temporary files are gone: the stack down to here is unwound.
        os._exit(ExitCode.TERMINATED)


def _prepare_process() -> None:
    """Make a worker leave nothing behind: the parent tells it when to stop, and it notices when the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent sees to the workers
    signal.signal(signal.SIGTERM, _raise_exit)
    threading.Thread(target=_stop_with_parent, daemon=True).start()


def _stop_with_parent() -> None:
    """End this process when its parent has ended, whatever ended it."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # lets the main thread remove its temporary file
    time.sleep(_GRACE_SECONDS)
    os._exit(ExitCode.TERMINATED)


def _stop_children() -> None:
    """End the workers, first politely."""
    import multiprocessing

    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()


def _raise_exit(number: int, frame: object) -> None:
    """Unwind the stack, so that temporary files are removed."""
    sys.exit(ExitCode.TERMINATED)


@contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """Treat SIGTERM, which batch systems send, like Ctrl-C.

    Yields
    ------
    None
        While it does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
