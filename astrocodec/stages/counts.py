"""Counts: pieces of few events above a level, coded by what neighbourhoods like a pixel's have held so far.

Readable reference of docs/format.md section "Counts"; native/counts.c gives the same bytes. X-ray and other photon
images are such: most pixels hold nothing, and how many hold something is learned on the way.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import TruncatedError
from astrocodec.stages.decisions import HEADER as STATE
from astrocodec.stages.decisions import Decision, DecisionReader, DecisionWriter

MODE = 5
HEADER = 3
_LEVELS = 20
# Steps of a count that are decisions of its level; larger ones go on by octaves.
_STEPS = 32
_OCTAVES = 15
_MOST_SEEN = 4096
# A star must not outweigh all around it.
_MOST_SUMMED = 255
# Pixels to either side, and rows above, that surround a pixel.
_REACH = 2
_MOST_MEAN = 8
_SMALL = 65536


class Context:
    """What is known of a piece's counts so far."""

    def __init__(self, height: int, width: int) -> None:
        self._steps = [[Decision(_MOST_SEEN) for _ in range(_STEPS)] for _ in range(_LEVELS)]
        self._octaves = [Decision(_MOST_SEEN) for _ in range(_OCTAVES)]
        self._counts = np.zeros((height + _REACH, width + 2 * _REACH), np.int64)

    def know(self, y: int, x: int, count: int) -> None:
        """Take a pixel's count in."""
        self._counts[y + _REACH, x + _REACH] = min(count, _MOST_SUMMED)

    def decisions(self, y: int, x: int) -> Iterator[Decision]:
        """The decisions of a pixel, as long as they are yes."""
        around = self._counts[y : y + _REACH + 1, x : x + 2 * _REACH + 1]
        yield from self._steps[level_of(int(around[:_REACH].sum() + around[_REACH, :_REACH].sum()))]
        yield from self._octaves


def level_of(total: int) -> int:
    """Level of a pixel by the sum of the counts around it: half octaves.

    >>> [level_of(total) for total in (0, 1, 2, 3, 4, 5, 6, 8, 5000)]
    [0, 1, 2, 3, 4, 4, 5, 6, 19]
    """
    if total < 2:
        return total
    e = total.bit_length() - 1
    return min(2 * e + (total >> (e - 1) & 1), _LEVELS - 1)


def promising(samples: NDArray[np.uint16], thorough: bool) -> bool:
    """Whether a piece holds so few that this mode is worth trying; `thorough`: whether it can be tried at all.

    >>> import numpy as np
    >>> promising(np.array([[1000, 1002], [1000, 1000]], np.uint16), False)
    True
    """
    total = int(samples.sum(dtype=np.int64)) - samples.size * int(samples.min())
    return total <= samples.size * (_MOST_MEAN if thorough or samples.size <= _SMALL else 1)


def _in_parts(count: int) -> tuple[int, int, int]:
    """How many decisions of a count are yes, and the value and number of the raw bits behind them."""
    if count < _STEPS:
        return count, 0, 0
    rest = count - _STEPS + 1
    octave = rest.bit_length() - 1
    return _STEPS + octave, rest - (1 << octave), octave


def encode(samples: NDArray[np.uint16]) -> bytes:
    """Encode one plane of samples ``(y, x)``.

    >>> import numpy as np
    >>> decode(encode(np.array([[7, 7], [9, 7]], np.uint16)), 2, 2)
    array([[7, 7],
           [9, 7]], dtype=uint16)
    """
    least = int(samples.min())
    context = Context(*samples.shape)
    out = DecisionWriter()
    for (y, x), sample in np.ndenumerate(samples):
        count = int(sample) - least
        yes, raw, bits = _in_parts(count)
        for number, decision in zip(range(yes + 1), context.decisions(y, x), strict=False):
            out.choose(decision, number < yes)
        out.raw(raw, bits)
        context.know(y, x, count)
    return bytes([MODE]) + least.to_bytes(2, "little") + out.to_bytes()


def _pop_count(context: Context, y: int, x: int, choices: DecisionReader) -> int:
    count = 0
    for decision in context.decisions(y, x):
        if not choices.is_yes(decision):
            break
        count += 1
    if count < _STEPS:
        return count
    octave = count - _STEPS
    return _STEPS - 1 + (1 << octave) + choices.raw(octave)


def decode(data: bytes, height: int, width: int) -> NDArray[np.uint16]:
    """Undo `encode`."""
    if len(data) < HEADER + STATE:
        raise TruncatedError(f"piece: {len(data)} bytes found, at least {HEADER + STATE} needed")
    least = int.from_bytes(data[1:HEADER], "little")
    choices = DecisionReader(data[HEADER:], "piece")
    context = Context(height, width)
    samples = np.zeros((height, width), np.uint16)
    for y in range(height):
        for x in range(width):
            count = _pop_count(context, y, x, choices)
            context.know(y, x, count)
            samples[y, x] = (least + count) % 65536
    choices.finish()
    return samples
