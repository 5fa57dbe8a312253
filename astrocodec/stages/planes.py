"""Planes: an array <-> planes <-> pieces (docs/format.md section "Planes")."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages.cuts import NO_CUTS, Cuts, spans

TARGET = 512
MAX_SIDE = 65536
MAX_PIXELS = 1 << 26


class Planes(NamedTuple):
    """How many planes an array has, and their rows and columns."""

    number: int
    height: int
    width: int


def planes_of(shape: tuple[int, ...], is_complex: bool = False) -> Planes:
    """The planes of an array: its last two axes; of complex numbers the real parts first.

    >>> planes_of((3, 4, 100, 200)), planes_of((7,), is_complex=True)
    (Planes(number=12, height=100, width=200), Planes(number=2, height=1, width=7))
    """
    height, width = (1, 1, *shape)[-2:]
    return Planes(math.prod(shape[:-2]) << is_complex, height, width)


def part_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What planes hold of an array: integers for booleans, floats for complex numbers.

    >>> part_type(np.dtype(complex)), part_type(np.dtype(bool)), part_type(np.dtype("i2"))
    (dtype('float64'), dtype('uint8'), dtype('int16'))
    """
    if dtype.kind == "c":
        return np.dtype(f"f{dtype.itemsize // 2}")
    return np.dtype("u1") if dtype.kind == "b" else dtype


def to_planes(values: NDArray[Any]) -> NDArray[Any]:
    """An array as planes ``(plane, y, x)``."""
    shape = planes_of(values.shape, values.dtype.kind == "c")
    if values.dtype.kind == "c":
        return np.stack([values.real, values.imag]).reshape(shape)
    return values.reshape(shape).view(part_type(values.dtype))


def from_planes(planes: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `to_planes`."""
    if dtype.kind != "c":
        return planes.view(dtype).reshape(shape)
    real, imaginary = planes.reshape(2, *shape)
    return np.stack([real, imaginary], -1).view(dtype).reshape(shape)


class Piece(NamedTuple):
    """Part of an array of planes: whole planes one below the other, or a rectangle of one."""

    planes: slice
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the piece."""
        count, height, width = (part.stop - part.start for part in self)
        return count * height, width

    def take(self, planes: NDArray[Any]) -> NDArray[Any]:
        """The piece of an array of planes, ``(y, x)``."""
        return planes[self].reshape(self.shape)

    def put(self, planes: NDArray[Any], piece: NDArray[Any]) -> None:
        """Undo `take`."""
        part = planes[self]
        part[...] = piece.reshape(part.shape)

    def __str__(self) -> str:
        """Where it begins, for messages."""
        return f"plane {self.planes.start}, row {self.rows.start}, column {self.columns.start}"


@dataclass(frozen=True)
class Grid:
    """How planes fall into pieces.

    Examples
    --------
    >>> [str(piece) for piece in Grid(Planes(2, 4, 5), (3, 0))]
    ['plane 0, row 0, column 0', 'plane 0, row 3, column 0', 'plane 1, row 0, column 0', 'plane 1, row 3, column 0']
    >>> [piece.shape for piece in Grid(Planes(5, 4, 5), (8, 0))]
    [(8, 5), (8, 5), (4, 5)]
    >>> [piece.shape for piece in Grid(Planes(1, 4, 5), (3, 0), Cuts((), (1,)))]
    [(3, 1), (3, 4), (1, 1), (1, 4)]
    """

    planes: Planes
    # as parameters have it: 0 stands for the plane's own, more rows than a plane has for so many whole planes
    piece_shape: tuple[int, int]
    cuts: Cuts = NO_CUTS

    def __post_init__(self) -> None:
        count, height, width = self.planes
        p, q = self.sides
        fits = p <= height and q <= width
        shares = q == width and p % height == 0 and 2 <= p // height <= count and not any(self.cuts)
        if not (fits or shares) or max(p, q) > MAX_SIDE or p * q > MAX_PIXELS:
            raise CorruptError(
                f"pieces of {p} rows and {q} columns do not fit {count} planes of {height} x {width} with {self.cuts}, "
                f"or have sides above {MAX_SIDE} or more than {MAX_PIXELS} pixels"
            )

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of a piece."""
        return self.piece_shape[0] or self.planes.height, self.piece_shape[1] or self.planes.width

    @property
    def together(self) -> int:
        """How many planes share a piece."""
        return max(1, self.sides[0] // self.planes.height)

    def __len__(self) -> int:
        """Number of pieces."""
        (count, height, width), (p, q) = self.planes, self.sides
        down, across = _strip_count(height, p, self.cuts.rows), _strip_count(width, q, self.cuts.columns)
        return math.ceil(count / self.together) * down * across

    def __iter__(self) -> Iterator[Piece]:
        """The pieces, plane by plane, left to right, then top to bottom."""
        (count, height, width), (p, q) = self.planes, self.sides
        for first in range(0, count, self.together):
            planes = slice(first, min(first + self.together, count))
            for rows in _strips(height, p, self.cuts.rows):
                for columns in _strips(width, q, self.cuts.columns):
                    yield Piece(planes, rows, columns)


def _strip_count(length: int, side: int, cuts: tuple[int, ...]) -> int:
    return sum(math.ceil((span.stop - span.start) / side) for span in spans(length, cuts))


def _strips(length: int, side: int, cuts: tuple[int, ...]) -> Iterator[slice]:
    for span in spans(length, cuts):
        for start in range(span.start, span.stop, side):
            yield slice(start, min(start + side, span.stop))


# Encoder's choice (docs/encoder.md section "Pieces")


def balanced_sides(shape: tuple[int, int], target: int = TARGET, cuts: Cuts = NO_CUTS) -> tuple[int, int]:
    """Sides of about `target` x `target` pixels that leave no narrow pieces at the edges, or none in the widest span.

    Where one side of the plane is short the other side of the piece is longer. Sides are even where there are several.

    >>> balanced_sides((2048, 577)), balanced_sides((4096, 4200)), balanced_sides((1, 10**6))
    ((512, 577), (512, 526), (1, 62500))
    """
    wanted = (max(target, target * target // max(1, across)) for across in reversed(shape))
    rows, columns = (
        max(balanced_side(span.stop - span.start, side) for span in spans(length, places))
        for length, side, places in zip(shape, wanted, cuts, strict=True)
    )
    return rows, columns


def balanced_side(length: int, wanted: int) -> int:
    """Side near `wanted` that cuts `length` into nearly equal parts.

    >>> balanced_side(577, 512), balanced_side(1300, 512)
    (577, 434)
    """
    wanted = min(wanted, MAX_SIDE)
    count = max(1, round(length / wanted))
    if math.ceil(length / count) > MAX_SIDE:
        count += 1
    side = math.ceil(length / count)
    return side + (side & 1 if count > 1 else 0)


def _own_is_zero(planes: Planes, p: int, q: int) -> tuple[int, int]:
    return (0 if p == planes.height else p), (0 if q == planes.width else q)


def choose_pieces(planes: Planes, cuts: Cuts = NO_CUTS) -> tuple[int, int]:
    """Shape of pieces of about 512 x 512 pixels, as parameters have it; small planes without cuts share one.

    >>> choose_pieces(Planes(1, 2048, 577)), choose_pieces(Planes(500, 6, 6)), choose_pieces(Planes(1, 40, 50))
    ((512, 0), (3000, 0), (0, 0))
    """
    count, height, width = planes
    area = TARGET * TARGET
    shares = count >= 2 and 2 * height * width <= area and 2 * height <= MAX_SIDE and width <= MAX_SIDE
    if shares and not any(cuts):
        most = min(area // (height * width), MAX_SIDE // height, count)
        return _own_is_zero(planes, math.ceil(count / math.ceil(count / most)) * height, width)
    return _own_is_zero(planes, *balanced_sides((height, width), cuts=cuts))


def wanted_pieces(planes: Planes, wanted: tuple[int, int]) -> tuple[int, int]:
    """Shape of pieces as parameters have it, where a height and a width are asked for.

    >>> wanted_pieces(Planes(9, 100, 200), (256, 256)), wanted_pieces(Planes(9, 100, 200), (64, 64))
    ((200, 0), (64, 64))
    """
    count, height, width = planes
    h, w = (min(side, MAX_SIDE) for side in wanted)
    together = min(h // height, count)
    if w >= width and together >= 2:
        return _own_is_zero(planes, together * height, width)
    return _own_is_zero(planes, min(h, height), min(w, width))
