"""What the header of a compressed image of another program says: its pixels, its tiles, the columns of its table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError
from fits_tiles.files.foreign_streams import MOST_PIXELS
from fits_tiles.layout.blocks import card_value, count_card, find_card, int_card
from fits_tiles.layout.headers import ALGORITHM, NULL_PIXEL, STANDARD_ALGORITHMS

__all__ = ["STREAMS", "Column", "ForeignImage", "NotRecodedError", "limits", "undefined_values"]

_ALGORITHMS = (*STANDARD_ALGORITHMS, ALGORITHM)
_KINDS = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
_WIDTHS = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_ELEMENTS = {"B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_FORM = re.compile(r"(\d*)([LXBIJKAEDCMPQ])([BIJKED]?)")
STREAMS = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA")
_COLUMNS = (*STREAMS, "ZSCALE", "ZZERO", "ZBLANK", "NULL_PIXEL_MASK")


class NotRecodedError(Exception):
    """Why a compressed image of another program is better left as it is."""


@dataclass(frozen=True)
class Column:
    """A column of the table: the NumPy form of its values, and of arrays in the heap that of their elements."""

    name: str
    form: tuple[str, tuple[int, ...]]
    offset: int
    element: str = ""


class ForeignImage:
    """
    A compressed image that `fits_tiles.compress` did not write, as its header tells it.

    Attributes
    ----------
    kind : dtype
        Of the pixels, native byte order.
    shape : tuple of int
        Of the image.
    count : int
        Number of tiles.
    row_bytes : int
        Length of a row of the table, which has one for each tile.
    heap : int
        Where the heap begins, in bytes from the beginning of the data.

    Raises
    ------
    NotRecodedError
        If its pixels cannot be told for sure.
    FormatError
        If the header contradicts itself.
    """

    def __init__(self, cards: tuple[bytes, ...], where: str) -> None:
        self.cards = cards
        self.where = where
        self._parameters: dict[str, int] = {}
        self.algorithm = str(card_value(find_card(cards, "ZCMPTYPE")) or "RICE_1")
        if self.algorithm not in _ALGORITHMS:
            raise NotRecodedError(f"compressed with {self.algorithm}, which is not known here")
        axes = range(count_card(cards, "ZNAXIS", where, 0), 0, -1)
        self.shape = tuple(int_card(cards, f"ZNAXIS{n}", where) for n in axes)
        if min(self.shape, default=0) < 1:
            raise NotRecodedError("an image without pixels")
        tile = [int_card(cards, f"ZTILE{n}", where, self.shape[-1] if n == 1 else 1) for n in axes]
        if min(tile) < 1:
            raise FormatError(f"{where}: ZTILEn are {tile[::-1]}, all must be positive")
        self.tile_shape = tuple(min(pair) for pair in zip(tile, self.shape, strict=True))
        if prod(self.tile_shape) > MOST_PIXELS:
            raise NotRecodedError(f"tiles of more than {MOST_PIXELS} pixels")
        self._across = tuple(-(-axis // step) for axis, step in zip(self.shape, self.tile_shape, strict=True))
        self.count = prod(self._across)
        self.bitpix = int_card(cards, "ZBITPIX", where)
        if self.bitpix not in _KINDS:
            raise FormatError(f"{where}: ZBITPIX is {self.bitpix}, allowed are 8, 16, 32, 64, -32, -64")
        self.kind = np.dtype(_KINDS[self.bitpix])
        self.columns, width = self._read_columns()
        self.row_bytes, rows = int_card(cards, "NAXIS1", where), int_card(cards, "NAXIS2", where)
        if width != self.row_bytes or rows < self.count:
            raise FormatError(
                f"{where}: the table has {rows} rows of {self.row_bytes} bytes, {self.count} tiles and the columns "
                f"need {self.count} rows of {width} bytes"
            )
        if rows > self.count:
            raise NotRecodedError(f"its table has {rows} rows for {self.count} tiles")
        self.heap = int_card(cards, "THEAP", where, self.row_bytes * rows)

    def _read_columns(self) -> tuple[dict[str, Column], int]:
        """Return the columns that have values, and the length of a row."""
        found: dict[str, Column] = {}
        width = 0
        for number in range(1, count_card(self.cards, "TFIELDS", self.where, 0) + 1):
            name = str(card_value(find_card(self.cards, f"TTYPE{number}")) or "").upper()
            match = _FORM.match(str(card_value(find_card(self.cards, f"TFORM{number}")) or "").strip())
            if match is None:
                raise FormatError(f"{self.where}: TFORM{number} is missing or no format of a binary table")
            if name not in _COLUMNS:
                raise NotRecodedError(f"no image has a place for the values of its column {name!r}")
            repeat, letter = int(match.group(1) or 1), match.group(2)
            if letter in "PQ" and repeat and match.group(3):
                form = (">i8" if letter == "Q" else ">i4", (2,))
                found[name] = Column(name, form, width, _ELEMENTS[match.group(3)])
            elif repeat == 1 and letter in _ELEMENTS:
                found[name] = Column(name, (_ELEMENTS[letter], ()), width)
            width += -(-repeat // 8) if letter == "X" else repeat * _WIDTHS[letter]
        return found, width

    @property
    def row_type(self) -> np.dtype[np.void]:
        """Of the rows of the table."""
        columns = self.columns.values()
        return np.dtype(
            {
                "names": [column.name for column in columns],
                "formats": [column.form for column in columns],
                "offsets": [column.offset for column in columns],
                "itemsize": self.row_bytes,
            }
        )

    @cached_property
    def streams(self) -> list[Column]:
        """The columns that a tile may be in, in the order in which they are looked at."""
        return [self.columns[name] for name in STREAMS if name in self.columns and self.columns[name].element]

    @cached_property
    def is_quantised(self) -> bool:
        """Whether floats were made integers, at least in some tiles."""
        return self.bitpix < 0 and "ZSCALE" in self.columns and "ZZERO" in self.columns

    @cached_property
    def null_step(self) -> int | None:
        """The integer that stands for no value in quantised floats, if there is one."""
        if self.algorithm == ALGORITHM:
            return int_card(self.cards, "ZBLANK", self.where, NULL_PIXEL)
        found = (card_value(find_card(self.cards, name)) for name in ("ZBLANK", "BLANK"))
        value = next((value for value in found if value is not None), None)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31
        ):
            raise NotRecodedError(f"floats quantised with {value!r} for no value, which is no step")
        return value

    def place(self, tile: int) -> tuple[slice, ...]:
        """Return where a tile lies in the image."""
        corner = np.unravel_index(tile, self._across)
        starts = [int(n) * step for n, step in zip(corner, self.tile_shape, strict=True)]
        return tuple(
            slice(start, min(start + step, axis))
            for start, step, axis in zip(starts, self.tile_shape, self.shape, strict=True)
        )

    def tile_sides(self, tile: int) -> tuple[int, ...]:
        """Return the shape of a tile."""
        return tuple(cut.stop - cut.start for cut in self.place(tile))

    def parameter(self, name: str, default: int) -> int:
        """Value of the ``ZVALn`` whose ``ZNAMEn`` is `name`."""
        if name not in self._parameters:
            self._parameters[name] = self._find_parameter(name, default)
        return self._parameters[name]

    def _find_parameter(self, name: str, default: int) -> int:
        number = 1
        while isinstance(found := card_value(find_card(self.cards, f"ZNAME{number}")), str):
            if found.upper() == name:
                value = card_value(find_card(self.cards, f"ZVAL{number}"))
                try:
                    return int(float(value))  # type: ignore[arg-type]
                except (TypeError, ValueError) as error:
                    raise FormatError(f"{self.where}: ZVAL{number} is {value!r}, expected a number") from error
            number += 1
        return default

    @cached_property
    def is_unsigned_list(self) -> bool:
        """Whether these are pixels without their shift: PLIO knows no negative numbers, cfitsio keeps them so."""
        return self.algorithm == "PLIO_1" and self.bitpix == 16 and self._zero() == 32768

    def _zero(self) -> float:
        value: Any = card_value(find_card(self.cards, "BZERO"))
        try:
            return float(value or 0)
        except ValueError:
            return 0.0

    def flat_sides(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return rows and columns of a tile for HCOMPRESS; `NotRecodedError` where it has more axes."""
        sides = [n for n in shape if n > 1] or [1]
        if len(sides) > 2:
            raise NotRecodedError("HCOMPRESS tiles of more than two axes")
        return (sides[0], sides[1]) if len(sides) == 2 else (1, sides[0])


def limits(image: ForeignImage) -> tuple[int, int]:
    """Return the least and the largest integer that a pixel can be."""
    found = np.iinfo(image.kind)
    return int(found.min), int(found.max)


def undefined_values(image: ForeignImage, rows: npt.NDArray[np.void]) -> tuple[int | None, npt.NDArray[Any]]:
    """
    Return the value of undefined pixels in the plain image, and in each of the tiles; None where there are none.

    The former is that of ``BLANK``, or of ``ZBLANK``, or one that the type can hold.

    Raises
    ------
    NotRecodedError
        If programs differ in what is undefined.
    """
    if image.bitpix < 0:
        return None, np.zeros(0)
    low, high = limits(image)
    plain, coded = (card_value(find_card(image.cards, name)) for name in ("BLANK", "ZBLANK"))
    column = "ZBLANK" in image.columns
    if coded is None and not column:
        return None, np.zeros(0)
    for value in (plain, coded):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise NotRecodedError(f"a value of undefined pixels is {value!r}, not an integer")
    if not column and plain is not None and plain != coded:
        raise NotRecodedError(f"BLANK is {plain!r} and ZBLANK {coded!r}; programs differ in which they take")
    in_tiles: npt.NDArray[Any] = rows["ZBLANK"] if column else np.full(image.count, coded)
    if isinstance(plain, int):
        if not low <= plain <= high:
            raise NotRecodedError(f"BLANK is {plain}, which no pixel of {image.bitpix} bits can be")
        return plain, in_tiles
    values = np.unique(in_tiles)
    if len(values) == 1 and low <= values[0] <= high:
        return int(values[0]), in_tiles
    return high if low == 0 else low, in_tiles
