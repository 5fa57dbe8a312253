"""Cuts: rows and columns where the picture breaks, which no context reaches across.

docs/format.md section "Cuts"; how the encoder finds them: docs/encoder.md section "Cuts".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint

MAX_CUTS = 255


class Cuts(NamedTuple):
    """Where every span but the first begins."""

    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()

    def to_bytes(self) -> bytes:
        """What the section holds."""
        numbers = [n for places in self for n in (len(places), *np.diff((0, *places)).tolist())]
        return b"".join(map(varint.put, numbers))

    @classmethod
    def read(cls, data: bytes | None, height: int, width: int) -> Cuts:
        """Undo `to_bytes`, for planes of so many rows and columns; None: there is no such section."""
        if data is None:
            return NO_CUTS
        reader = varint.Reader(memoryview(data))
        cuts = cls(_read_axis(reader, "row", height), _read_axis(reader, "column", width))
        if not any(cuts) or reader.at != len(data):
            raise CorruptError(f"section of cuts: {cuts} in {len(data)} bytes, of which {reader.at} are used")
        return cuts


NO_CUTS = Cuts()


def _read_axis(reader: varint.Reader, axis: str, length: int) -> tuple[int, ...]:
    places: list[int] = []
    for _ in range(reader.number(f"number of {axis} cuts", MAX_CUTS)):
        before = places[-1] if places else 0
        places.append(before + reader.number(f"{axis} cut"))
        if not before < places[-1] < length:
            raise CorruptError(f"section of cuts: {axis} cut {places[-1]} found, {before + 1} to {length - 1} allowed")
    return tuple(places)


def spans(length: int, cuts: tuple[int, ...]) -> Iterator[slice]:
    """An axis between its cuts.

    >>> list(spans(100, (1, 50)))
    [slice(0, 1, None), slice(1, 50, None), slice(50, 100, None)]
    """
    return map(slice, (0, *cuts), (*cuts, length))


# Encoder's choice (docs/encoder.md section "Cuts")

_LINES, _RUN = 32, 8
_SIDES = range(16, 65537)
_MOST, _FEW, _MOST_OF_SMALL = 6, 2, 3
_MOST_HINTS = 16
_SMALL = 65536
# Of what is coded with and without a cut, on either side of it, and along it.
_BESIDE = 32
_LEAST_ALONG, _MOST_ALONG, _SHARE = 32, 128, 1536


def _lines(length: int) -> NDArray[np.intp]:
    if length <= _LINES:
        return np.arange(length)
    first = (2 * np.arange(_LINES // _RUN) + 1) * length // 8 - _RUN // 2
    return (first[:, None] + np.arange(_RUN)).ravel()


def _breaks(lines: NDArray[np.uint16], thorough: bool, most: int) -> list[int]:
    """Where most lines make a step the same way, far larger than usual: the largest few, last first."""
    steps = np.diff(lines.astype(np.int32))
    usual = np.sort(np.abs(steps[::8]).ravel())
    step = int(usual[usual.size // 2])
    limit = max(1, 2 * step) if thorough else 16 * step if step > 1 else 3
    # At a border of four amplifiers some runs of lines go up and others down.
    runs = steps.reshape(1 if len(lines) < _LINES else _LINES // _RUN, -1, steps.shape[1])
    agreed = np.maximum((runs > limit).sum(1), (runs < -limit).sum(1)).sum(0)
    found = np.flatnonzero(2 * agreed > len(lines))
    sizes = np.sort(np.abs(steps[:, found]), 0)[len(lines) // 2]
    return sorted((found[np.argsort(-sizes, kind="stable")[:most]] + 1).tolist(), reverse=True)


def _worth_it(
    plane: NDArray[np.uint16],
    most_rows: int,
    coded: Callable[[NDArray[np.uint16]], int],
    thorough: bool,
    hints: tuple[int, ...],
) -> tuple[int, ...]:
    """Columns to cut at, where pieces have at most so many rows."""
    height, end = plane.shape
    rows = min(height, most_rows, max(_LEAST_ALONG, min(plane.size // _SHARE, _MOST_ALONG)))
    part = plane[(height - rows) // 4 :][:rows]  # in the very middle there may be a break of the other axis
    cuts: tuple[int, ...] = ()
    most = (_MOST if plane.size > _SMALL else _MOST_OF_SMALL) if thorough else _FEW
    breaks = _breaks(plane[_lines(height)], thorough, most)
    for place in sorted({*breaks, *(hint for hint in hints[:_MOST_HINTS] if 0 < hint < end)}, reverse=True):
        first, last = max(0, place - _BESIDE), min(end, place + _BESIDE)
        whole = coded(part[:, first:last])
        # A thousandth of the plane, at least: what passes is coded with and without cuts.
        least = max(whole >> 8, whole * plane.shape[1] >> 16)
        if coded(part[:, first:place]) + coded(part[:, place:last]) + least < whole:
            cuts, end = (place, *cuts), place
    return cuts


def find_cuts(
    plane: NDArray[np.uint16],
    sides: tuple[int, int],
    encode: Callable[[NDArray[np.uint16]], bytes],
    *,
    thorough: bool,
    hints: Cuts = NO_CUTS,
) -> Cuts:
    """Where the encoder would cut planes like this one of samples into pieces of such sides, at most."""
    if not all(side in _SIDES for side in plane.shape) or (plane.size <= _SMALL and not thorough):
        return NO_CUTS
    rows = _worth_it(plane.T, sides[1], lambda part: len(encode(part.T)), thorough, hints.rows)
    return Cuts(rows, _worth_it(plane, sides[0], lambda part: len(encode(part)), thorough, hints.columns))
