"""A dataset cut into boxes of moderate size, along as many axes as that takes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

__all__ = ["Box", "boxes_within", "whole"]

Box = tuple[slice, ...]
_TOO_LARGE = 4  # times what is wanted: a chunk is decoded several times then


def whole(shape: Sequence[int]) -> Box:
    """Return the box that is everything."""
    return tuple(slice(0, length) for length in shape)


def boxes_within(box: Box, chunk: Sequence[int] | None, itemsize: int, most: int) -> Iterator[Box]:
    """
    Cut a box, which begins where a chunk does, into ones of about `most` bytes, in the order of their elements.

    They are whole chunks where these are not too large.

    Examples
    --------
    >>> [[(cut.start, cut.stop) for cut in part] for part in boxes_within(whole((1, 5, 40)), (1, 2, 10), 1, 200)]
    [[(0, 1), (0, 4), (0, 40)], [(0, 1), (4, 5), (0, 40)]]
    """
    lengths = [cut.stop - cut.start for cut in box]
    sides = [max(1, min(pair)) for pair in zip(chunk or [1] * len(box), lengths, strict=True)]
    if itemsize * math.prod(sides) > _TOO_LARGE * most:
        for axis, side in enumerate(sides):
            around = itemsize * math.prod(sides) // side
            sides[axis] = max(1, min(side, _TOO_LARGE * most // around))
    else:
        for axis in reversed(range(len(sides))):
            chunks = max(1, most // (itemsize * math.prod(sides)))
            sides[axis] = max(1, min(lengths[axis], sides[axis] * chunks))
            if sides[axis] < lengths[axis]:
                break
    axes = [
        [slice(start, min(start + side, cut.stop)) for start in range(cut.start, cut.stop, side)]
        for cut, side in zip(box, sides, strict=True)
    ]
    yield from itertools.product(*axes)
