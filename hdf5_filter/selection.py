"""Selections of slices and integers, as ranges along each axis."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

__all__ = ["Selection", "parse_selection"]


@dataclass(frozen=True)
class Selection:
    """A box of indices, and the index for the array of its elements that gives what was selected."""

    ranges: tuple[range, ...]  # ascending, along each axis
    post: tuple[int | slice, ...]  # integers that take an axis away, slices that turn one around

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array before `post`."""
        return tuple(map(len, self.ranges))


def parse_selection(selection: Any, shape: tuple[int, ...]) -> Selection | None:
    """
    Read a selection; None where it is more than slices, integers and an ellipsis.

    Raises
    ------
    IndexError
        For an integer outside the array, or too many indices.

    Examples
    --------
    >>> parse_selection((slice(None, None, -2), -1), (5, 7))
    Selection(ranges=(range(0, 6, 2), range(6, 7)), post=(slice(None, None, -1), 0))
    """
    if selection is None:
        selection = ()
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(not isinstance(part, slice) and part is not Ellipsis and not _is_integer(part) for part in parts):
        return None
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    given = sum(part is not Ellipsis for part in parts)
    if given > len(shape):
        raise IndexError(f"{given} indices were given, the dataset has {len(shape)} axes")
    at = next((number for number, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    read = [_read_axis(part, length, axis) for axis, (part, length) in enumerate(zip(parts, shape, strict=True))]
    return Selection(tuple(indices for indices, _ in read), tuple(post for _, post in read))


def _is_integer(part: Any) -> bool:
    return hasattr(part, "__index__") and not isinstance(part, bool) and getattr(part, "ndim", 0) == 0


def _read_axis(part: Any, length: int, axis: int) -> tuple[range, int | slice]:
    if isinstance(part, slice):
        indices = range(*part.indices(length))
        return (indices, slice(None)) if indices.step > 0 else (indices[::-1], slice(None, None, -1))
    number = operator.index(part)
    if not -length <= number < length:
        raise IndexError(f"index {number} is out of range for axis {axis} with size {length}")
    number %= length
    return range(number, number + 1), 0
