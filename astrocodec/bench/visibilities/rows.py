"""Measurements of visibilities back from the table that they were written to."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

from astrocodec.bench.tables import read_csv
from astrocodec.bench.visibilities.measure import Row

__all__ = ["rows_from_csv"]

_TEXT = ("set", "kind", "shape", "codec", "level", "note")
_WHOLE = ("bytes", "flag_bytes", "coherence_n")


def rows_from_csv(path: str | os.PathLike[str]) -> list[Row]:
    """Read what a benchmark wrote; fields that the table lacks keep their defaults."""
    names = {field.name for field in fields(Row)}
    found = []
    for line in read_csv(path):
        values: dict[str, Any] = {}
        for name, value in line.items():
            if name in names and (value or name in _TEXT):
                values[name] = value if name in _TEXT else int(value) if name in _WHOLE else float(value)
        found.append(Row(**values))
    return found
