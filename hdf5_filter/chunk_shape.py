"""Shape of chunks for a dataset whose owner leaves the choice to us."""

from __future__ import annotations

import math
from collections.abc import Sequence

from astrocodec.stages.planes import balanced_sides

__all__ = ["choose_chunks"]

_MOST_BYTES = 1 << 20  # what HDF5 before 2.0 keeps in its chunk cache


def choose_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """
    Choose chunks of about 512 x 512 elements of the last two axes, smaller ones for wide elements.

    Leading axes have 1, unless planes are small; an axis that has no length yet counts as long.

    Examples
    --------
    >>> choose_chunks((100, 4096, 4200), 2), choose_chunks((7, 30, 40), 2), choose_chunks((10**7,), 8)
    ((1, 512, 526), (7, 30, 40), (65360,))
    """
    lengths = [length or 1 << 20 for length in shape]
    if not lengths:
        return ()
    target = 512
    while target * target * itemsize > _MOST_BYTES and target > 64:
        target //= 2
    if len(lengths) == 1:
        return (min(balanced_sides((1, lengths[0]), target)[1], lengths[0]),)
    wanted = balanced_sides((lengths[-2], lengths[-1]), target)
    planes = min(wanted[0], lengths[-2]), min(wanted[1], lengths[-1])
    chunk = list(planes)
    for length in reversed(lengths[:-2]):
        room = target * target // math.prod(chunk)
        whole = len(chunk) == 2 and planes != tuple(lengths[-2:])
        chunk.insert(0, 1 if whole else max(1, min(length, room)))
    return tuple(chunk)
