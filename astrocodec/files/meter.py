"""Progress in bytes for callers that show a bar."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Meter", "ProgressCall"]

ProgressCall = Callable[[int, int], object]


class Meter:
    """
    Adds up bytes and reports them.

    Parameters
    ----------
    call : callable or None
        Called with bytes done and bytes in total.
    total : int
        Bytes in total.

    Examples
    --------
    >>> Meter(lambda done, total: print(done, total), 10).advance(4)
    4 10
    """

    def __init__(self, call: ProgressCall | None, total: int) -> None:
        self._call = call
        self._total = total
        self._done = 0

    def advance(self, size: int) -> None:
        """Count bytes."""
        self._done = min(self._total, self._done + size)
        if self._call is not None:
            self._call(self._done, self._total)

    def finish(self) -> None:
        """Report that everything is done."""
        self.advance(self._total - self._done)
