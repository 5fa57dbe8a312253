"""Ctrl-C, SIGTERM of batch systems and SIGHUP of closed terminals: all unwind the stack, so that no half file stays."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Batch systems send a signal to every process, and some send it twice; cleaning up must not be interrupted by that.
_CLEANING_SECONDS = 5.0


class Interrupted(SystemExit):
    """A signal asked the command to end.

    Attributes
    ----------
    signal : signal.Signals
        Which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


class _Received:
    """The first signal and when it came."""

    number = 0
    time = 0.0


@contextmanager
def raising_on_signals() -> Iterator[None]:
    """Raise `Interrupted` where a signal asks to end. Signals that are ignored, as by ``nohup``, stay so.

    Yields
    ------
    None
        While it does; for the main thread.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _Received.number = 0
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_interrupted() -> None:
    """Go on with an interruption that got lost: Python drops what is raised while it deletes an object.

    Raises
    ------
    Interrupted
        If a signal came.
    """
    if _Received.number:
        raise Interrupted(_Received.number)


def _raise(number: int, frame: FrameType | None) -> None:
    """Unwind the stack."""
    if _Received.number and time.monotonic() - _Received.time < _CLEANING_SECONDS:
        return
    _Received.number, _Received.time = number, time.monotonic()
    raise Interrupted(number)
