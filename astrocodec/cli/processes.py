"""Several processes at once, which end with the one that started them and leave nothing behind."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure

_GRACE_SECONDS = 5.0
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_processes(
    function: Callable[[_Item], _Result], items: Sequence[_Item], processes: int
) -> Generator[tuple[int, _Result | None], None, None]:
    """Apply a function to items in processes of their own, results as they come.

    Parameters
    ----------
    function : callable
        Of a module, for one item.
    items : sequence
        Sent to the processes as they become free.
    processes : int
        How many there are.

    Yields
    ------
    number : int
        Of the item.
    result : object or None
        None where the process was killed.
    """
    # multiprocessing and concurrent.futures.process cost more than a small file: only runs over several files import
    # them.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    # Spawned, not forked: the progress bar's thread may hold a lock at any time.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare_process)
    try:
        futures = {pool.submit(_run_in_worker, function, item): number for number, item in enumerate(items)}
        for future in as_completed(futures):
            number = futures.pop(future)  # a result that was taken must not stay in memory
            try:
                result = future.result()
            except BrokenProcessPool:
                result = None
            yield number, result
    except BaseException:
        _stop_children()
        pool.shutdown(cancel_futures=True)  # waits for the pool's thread, which now finds its workers gone
        raise
    pool.shutdown()


def killed(file: str) -> Failure:
    """Say that the process that treated a file died.

    Parameters
    ----------
    file : str
        Its name.

    Returns
    -------
    Failure
        With what to do.
    """
    message = f"{file}: a worker process was killed (out of memory?); try again with a smaller -j"
    return Failure(message, ExitCode.SYSTEM)


def _run_in_worker(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    """Treat one item in a worker; a worker that is told to stop takes no further one."""
    try:
        return function(item)
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
