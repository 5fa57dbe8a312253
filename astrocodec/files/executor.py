"""Where the work on items is done: in this process, or in others. A third place is one more class."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from astrocodec.files.interruption import raise_if_interrupted

__all__ = ["Clean", "Executor", "Here", "Progress", "ProgressOf", "Work"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Called with what is done of an item and what there is in total, for instance in bytes.
Progress: TypeAlias = Callable[[int, int], None]
# The same of the item with a number, which comes first.
ProgressOf: TypeAlias = Callable[[int, int, int], None]
# Work on an item, with so many threads; never gives None.
Work: TypeAlias = Callable[[_Item, int, Progress | None], _Result]
# Called with an item and the number of the process that ended before it was done with the item.
Clean: TypeAlias = Callable[[_Item, int], None]


class Executor(Protocol):
    """A place for work."""

    @property
    def at_once(self) -> int:
        """How many items it works on at the same time."""

    @property
    def threads(self) -> int:
        """How many the work on one of them may use."""

    def results(
        self, work: Work[_Item, _Result], items: Sequence[_Item], progress: ProgressOf, clean: Clean[_Item]
    ) -> Generator[tuple[int, _Result | None], None, None]:
        """Work on all items; closing this ends it at once.

        Parameters
        ----------
        work : callable
            Of a module, so that other processes find it.
        items : sequence
            What is to be done.
        progress : callable
            What the work tells of itself, where that can be had.
        clean : callable
            Removes what lost work left.

        Yields
        ------
        number : int
            Of an item, in whatever order they are done.
        result : object or None
            None where the process was killed that worked on it.
        """


@dataclass(frozen=True)
class Here:
    """
    One item after the other in this process, each with so many threads.

    Examples
    --------
    >>> list(Here(2).results(lambda item, threads, progress: item * threads, [3, 4], print, print))
    [(0, 6), (1, 8)]
    """

    threads: int = 1
    at_once: int = 1

    def results(
        self, work: Work[_Item, _Result], items: Sequence[_Item], progress: ProgressOf, clean: Clean[_Item]
    ) -> Generator[tuple[int, _Result | None], None, None]:
        """Work on all items, in their order."""
        for number, item in enumerate(items):
            raise_if_interrupted()
            result = work(item, self.threads, partial(progress, number))
            raise_if_interrupted()  # by a signal that an error of some clean-up covered on its way
            yield number, result
