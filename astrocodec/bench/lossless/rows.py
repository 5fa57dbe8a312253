"""What was measured of one codec on one image."""

from __future__ import annotations

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
    lines = read_csv(path)
    if lines and set(lines[0]) != {field.name for field in fields(Row)}:
        raise ValueError(
            f"{os.fspath(path)}: columns {', '.join(lines[0])} found, needed are those of `astrocodec bench`"
        )
    return [Row(**{name: value_of(text, kinds[name]) for name, text in line.items()}) for line in lines]
