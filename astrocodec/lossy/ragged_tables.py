"""Learned tables as a file of weights has them: rows of different lengths, one behind the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.gaussian_tables import with_escape
from astrocodec.lossy.lattice_coder import exact_model

_SMALL = 2  # weights up to this at a row's ends are left to the escape


def pack_tables(weights: NDArray[np.uint16], reach: int, prefix: str) -> dict[str, NDArray[Any]]:
    """Rows (n, 2 * reach + 1) of weights of the symbols from -reach on."""
    firsts, rows = [], []
    for row in weights:
        used = np.flatnonzero(row > _SMALL)
        firsts.append(used[0] - reach)
        rows.append(row[used[0] : used[-1] + 1])
    return {
        f"{prefix}.first": np.array(firsts, np.int16),
        f"{prefix}.length": np.array([len(row) for row in rows], np.int16),
        f"{prefix}.weight": np.concatenate(rows).astype(np.uint16),
    }


class RaggedTables:
    """Tables of a file of weights, as the lattice coder takes them."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], prefix: str) -> None:
        firsts, lengths = (tensors[f"{prefix}.{part}"].astype(int) for part in ("first", "length"))
        rows = np.split(tensors[f"{prefix}.weight"].astype(np.int64), np.cumsum(lengths)[:-1])
        self._tables = [(int(first), with_escape(row)) for first, row in zip(firsts, rows, strict=True)]
        self._models = [exact_model(frequencies) for _, frequencies in self._tables]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tables)

    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """First symbol and frequencies."""
        return self._tables[number]

    def model(self, number: int) -> Any:
        """The same as constriction takes it."""
        return self._models[number]
