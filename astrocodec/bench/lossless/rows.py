"""What was measured of one codec on one image."""

from __future__ import annotations

import csv
import os
import typing
from dataclasses import asdict, dataclass, fields
from typing import Any

from astrocodec.bench.tables import read_csv, value_of

__all__ = ["ALL_DATA", "PARTS", "SHIPPED", "Row", "rows_from_csv"]

PARTS = ("ratios", "matrix", "formats", "times")
SHIPPED, ALL_DATA = "shipped", "all data"


@dataclass(frozen=True)
class Row:
    """A codec on an image."""

    part: str  # one of `PARTS`
    dataset: str
    image: str
    shape: str
    pixels: int
    raw_bytes: int
    exposure: float | None  # seconds, where the header tells
    noise: float | None  # of the background, in steps of the image
    codec: str
    trained: str  # what a learned codec has learned from: a dataset, `ALL_DATA`, `SHIPPED`; empty of others
    symbols: str  # ``"words"`` or ``"bytes"`` of a learned codec
    weights: str  # the first digits of their fingerprint
    bytes: int | None  # of the whole stream; None where the codec does not take the image
    model_bits: float | None  # by the model's own likelihood, of what a network coded
    encode: float | None  # seconds of the processor
    decode: float | None
    machine: str
    note: str

    @property
    def ratio(self) -> float | None:
        """Uncompressed over compressed."""
        return self.raw_bytes / self.bytes if self.bytes else None

    @property
    def bits(self) -> float | None:
        """Of a pixel."""
        return 8 * self.bytes / self.pixels if self.bytes else None

    def flat(self) -> dict[str, Any]:
        """As a table has it."""
        return asdict(self)


def rows_from_csv(path: str | os.PathLike[str]) -> list[Row]:
    """Read what was written of `Row.flat`; ValueError where it is another table."""
    kinds = typing.get_type_hints(Row)
    try:
        lines = read_csv(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{os.fspath(path)}: is no table ({error}); needed is one of `astrocodec bench`") from error
    if not lines or set(lines[0]) - {None} != {field.name for field in fields(Row)}:
        found = ", ".join(map(str, lines[0])) if lines else "no line"
        raise ValueError(f"{os.fspath(path)}: columns {found} found, needed are those of `astrocodec bench`")
    return [_row(line, kinds, f"{os.fspath(path)}: line {number}") for number, line in enumerate(lines, 2)]


def _row(line: dict[str, str], kinds: dict[str, Any], place: str) -> Row:
    """One line; a damaged one is told by its place."""
    if None in line or None in line.values():
        raise ValueError(f"{place}: more or fewer cells than columns found")
    try:
        row = Row(**{name: value_of(text, kinds[name]) for name, text in line.items()})
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    numbers = row.pixels, row.raw_bytes, row.bytes or 1
    if None in numbers or min(numbers) < 1 or row.part not in PARTS:
        raise ValueError(f"{place}: part {row.part!r}, pixels and bytes {numbers} found, which no run writes")
    return row
