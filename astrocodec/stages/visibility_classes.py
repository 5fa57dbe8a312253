"""Classes of visibilities: which samples are coded on the lattice, which are 0 + 0i, which are kept as their bits.

Readable reference of docs/format.md section "Classes of samples"; native/visibility/classes.c does the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from astrocodec.stages.decisions import Decision, DecisionReader

CODED, ZERO, KEPT = 0, 1, 2


def read_classes(data: bytes | memoryview, rounds: Iterable[tuple[int, ...]]) -> list[NDArray[np.uint8]]:
    """Classes of each round, a shape of ``(time, channel, turn, baseline)``."""
    choices = DecisionReader(data, "classes")
    is_same = [Decision(255), Decision(255)]
    is_other = [[Decision(255) for _ in range(27)] for _ in range(2)]  # than coded; kept
    was_same = True

    def row(above: NDArray[np.uint8]) -> Iterator[int]:
        """Sample by sample, each behind those of the channel and the polarisation before."""
        found = np.zeros(above.shape, np.uint8)
        for f, j in np.ndindex(above.shape):
            left, beside = found[f - 1, j] if f else CODED, found[f, j - 1] if j else CODED
            context = (int(above[f, j]) * 3 + int(left)) * 3 + int(beside)
            if choices.is_yes(is_other[0][context]):
                found[f, j] = KEPT if choices.is_yes(is_other[1][context]) else ZERO
            yield int(found[f, j])

    all_rounds = []
    for shape in rounds:
        classes = np.zeros(shape, np.uint8)
        for t, b in np.ndindex(shape[0], shape[3]):
            above = classes[t - 1, :, :, b] if t else np.zeros(shape[1:3], np.uint8)
            was_same = choices.is_yes(is_same[was_same])
            classes[t, :, :, b] = above if was_same else np.reshape(list(row(above)), above.shape)
        all_rounds.append(classes)
    choices.finish()
    return all_rounds
