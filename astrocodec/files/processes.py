"""Several processes at once, which end with the one that started them and leave nothing behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from astrocodec.files.executor import Clean, ProgressOf, Work
from astrocodec.files.interruption import WORKER_SIGNALS, signals_held
from astrocodec.files.target import discard_unfinished

__all__ = ["Processes"]

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

_GRACE_SECONDS = 5.0
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Processes:
    """Items in so many processes of their own, without progress; another takes the place of one that is killed."""

    at_once: int = 1
    threads: int = 1

    def results(
        self, work: Work[_Item, _Result], items: Sequence[_Item], progress: ProgressOf, clean: Clean[_Item]
    ) -> Generator[tuple[int, _Result | None], None, None]:
        """Work on all items, sent to the processes as they become free."""
        # multiprocessing costs more than a small file: only runs over several files import it.
        import multiprocessing
        from multiprocessing.connection import wait

        # Spawned, not forked: the progress bar's thread may hold a lock at any time.
        context = multiprocessing.get_context("spawn")
        waiting = deque(enumerate(items))
        workers: list[_Worker[_Item, _Result]] = []
        try:
            for _ in range(min(self.at_once, len(items))):
                workers.append(_Worker(context, work, self.threads))
                workers[-1].give(*waiting.popleft())
            while workers:
                ready = wait([worker.connection for worker in workers])
                for worker in [worker for worker in workers if worker.connection in ready]:
                    number, result = worker.take()
                    if result is None:
                        workers.remove(worker)
                        worker.stop()
                        clean(items[number], worker.process.pid or 0)
                        if waiting:
                            worker = _Worker(context, work, self.threads)
                            workers.append(worker)
                    if waiting:
                        worker.give(*waiting.popleft())
                    elif result is not None:
                        workers.remove(worker)
                        worker.finish()
                    yield number, result
        finally:
            for worker in workers:
                worker.process.terminate()
            for worker in workers:
                worker.stop()
                if worker.number >= 0:
                    clean(items[worker.number], worker.process.pid or 0)


@contextmanager
def _no_modules_from_here() -> Iterator[None]:
    """Let processes start without looking for modules in the current directory: a select.py may lie beside frames."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


class _Worker(Generic[_Item, _Result]):
    """A process and what it is doing."""

    def __init__(self, context: SpawnContext, work: Work[_Item, _Result], threads: int) -> None:
        from multiprocessing import resource_tracker

        self.number = -1
        self.connection, there = context.Pipe()
        self.process = context.Process(target=_work, args=(work, threads, there), daemon=True)
        # A signal that comes before the process is ready for it would be answered with a traceback. The tracker of
        # multiprocessing, which starts with the first process, would lift the block.
        with _no_modules_from_here():
            resource_tracker.ensure_running()
            with signals_held():
                self.process.start()
                there.close()

    def give(self, number: int, item: _Item) -> None:
        """Send an item; a process that has died is noticed by `take`."""
        self.number = number
        with suppress(BrokenPipeError):
            self.connection.send(item)

    def take(self) -> tuple[int, _Result | None]:
        """Receive the result of the item that was sent last, None from a process that has died."""
        try:
            return self.number, self.connection.recv()
        except (EOFError, OSError):
            # What killed it may have been sent to this process too, and then that counts.
            time.sleep(0.1)
            return self.number, None

    def finish(self) -> None:
        """Let a process end that is waiting for its next item."""
        self.connection.close()
        self.process.join()

    def stop(self) -> None:
        """End a process that was told to end, in whatever way."""
        self.process.join(_GRACE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def _work(work: Work[Any, Any], threads: int, connection: Connection[Any, Any]) -> None:
    """Work on items until there are no more."""
    _prepare_process()
    try:
        while True:
            item = connection.recv()
            connection.send(work(item, threads, None))
    except (EOFError, BrokenPipeError):
        return  # no more items, or nobody who waits for the result


def _prepare_process() -> None:
    """Make a worker leave nothing behind: it ends at once when it is told to, and when its parent has ended.

    A thread sees to that, since signal handlers of Python wait for the end of a call of the C library. Ctrl-C stays
    blocked: it reaches the whole group, and the parent sees to the workers.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in WORKER_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)
    threading.Thread(target=_end_when_told, args=(told,), daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WORKER_SIGNALS)


def _end_when_told(told: int) -> None:
    """End this process on a signal, or when its parent has ended, whatever ended it."""
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    wait([told] if parent is None else [told, parent.sentinel])
    discard_unfinished()
    os._exit(128 + signal.SIGTERM)
