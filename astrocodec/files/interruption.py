"""Ctrl-C, closed terminals, and what batch systems send: all unwind the stack, so that no half file stays."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
# Those that a whole process group gets are the parent's to treat; these may be sent to one process alone.
WORKER_SIGNALS = tuple(number for number in SIGNALS if number is not signal.SIGINT)
# Batch systems send a signal to every process, and some send it twice; cleaning up must not be interrupted by that.
_CLEANING_SECONDS = 5.0
_AGAIN_SECONDS = 0.02


class Interrupted(SystemExit):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


class _Received:
    """The first signal, when it came, and whether it may raise something now."""

    number = 0
    time = 0.0
    held = False


def raise_on_signals() -> None:
    """Raise `Interrupted` where a signal asks to end. Signals that are ignored, as by ``nohup``, stay so."""
    _Received.number = 0
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)
    signal.signal(signal.SIGALRM, _raise_again)
    sys.unraisablehook = _notice_dropped


def ignore_signals() -> None:
    """Leave the exit code to what was done: there is nothing left to interrupt."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let signals wait; a process that is started meanwhile has them blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    _Received.held = True  # they may also reach another thread, of a library
    try:
        yield
    finally:
        _Received.held = False
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise_if_interrupted()


def raise_if_interrupted() -> None:
    """Go on with an interruption that waited or got lost."""
    if _Received.number:
        raise Interrupted(_Received.number)


def _raise(number: int, frame: FrameType | None) -> None:
    """Unwind the stack."""
    if _Received.number and time.monotonic() - _Received.time < _CLEANING_SECONDS:
        return
    _Received.number, _Received.time = number, time.monotonic()
    if not _Received.held:
        raise Interrupted(number)


def _notice_dropped(dropped: "sys.UnraisableHookArgs") -> None:
    """Raise an interruption again that came in a place where Python drops exceptions, as when it deletes an object."""
    if isinstance(dropped.exc_value, Interrupted):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(dropped)


def _raise_again(number: int, frame: FrameType | None) -> None:
    raise_if_interrupted()
