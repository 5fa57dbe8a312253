"""Rows of a table that was written before."""

from __future__ import annotations

import os
import typing
from dataclasses import fields
from typing import Any

from astrocodec.bench.lossy.measure import FLUX_RANGES, Row
from astrocodec.bench.tables import read_csv, value_of

__all__ = ["rows_from_csv"]


def rows_from_csv(path: str | os.PathLike[str]) -> list[Row]:
    """Read what ``write_csv(path, [row.flat() for row in rows])`` wrote."""
    kinds = typing.get_type_hints(Row)
    rows = []
    for line in read_csv(path):
        values: dict[str, Any] = {}
        for entry in fields(Row):
            if entry.name in ("flux", "psf_flux"):
                values[entry.name] = tuple(_flux(line, entry.name, low) for low, _ in FLUX_RANGES)
            else:
                values[entry.name] = value_of(line[entry.name], kinds[entry.name])
        rows.append(Row(**values))
    return rows


def _flux(line: dict[str, str], name: str, low: float) -> tuple[float, float, float] | None:
    bias, chance, scatter = (line[f"{name}_{part}_{low:g}"] for part in ("bias", "chance", "scatter"))
    return (float(bias), float(chance), float(scatter)) if bias else None
