"""Visibilities in NumPy archives: ``vis``, ``flags``, ``uvw``, ``freqs_hz``, ``times_jd``, ``antenna1`` and so on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError
from astrocodec.visibility.data.grid import Grid, grid_rows
from astrocodec.visibility.data.visibility_set import VisibilitySet

__all__ = ["NpzSet"]


class NpzSet(VisibilitySet):
    """An archive, which is in memory as a whole."""

    column = "vis"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        try:
            with np.load(Path(path), allow_pickle=False) as file:
                found: dict[str, npt.NDArray[Any]] = dict(file)
            self._vis, self._flags = found["vis"], found["flags"]
            times, first, second = (found[name] for name in ("times_jd", "antenna1", "antenna2"))
            self.frequencies = np.asarray(found["freqs_hz"], np.float64)
        except (KeyError, ValueError) as error:
            raise FormatError(f"{self.name}: no archive of visibilities: {error}") from error
        if self._vis.ndim != 4 or self._flags.shape != self._vis.shape or len(self.frequencies) != self._vis.shape[2]:
            raise FormatError(
                f"{self.name}: vis of shape {self._vis.shape}, flags of {self._flags.shape}, {len(self.frequencies)} "
                "frequencies; [time, baseline, freq, pol] is needed, the same for both"
            )
        self._uvw, self._weights = found.get("uvw"), found.get("weights")
        self.telescope = str(found.get("telescope", ""))
        names = found.get("polarizations", np.arange(self._vis.shape[3]))
        self.polarizations = tuple(map(str, names.tolist()))
        self.dtype = self._vis.dtype
        shape = self._vis.shape[:2]
        if first.ndim == 2 and shape[1] == 1:  # rows, irregular in time
            self.grid = grid_rows(times, first[:, 0], second[:, 0])
        else:
            rows = np.arange(shape[0] * shape[1]).reshape(shape)
            rows[~found.get("present", np.ones(shape, bool))] = -1
            self.grid = Grid(rows, np.asarray(times, np.float64), first.astype(np.int64), second.astype(np.int64))

    def _read_rows(self, rows: npt.NDArray[np.int64]) -> Any:
        def taken(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return values.reshape(-1, *values.shape[2:])[rows]

        uvw = np.full((len(rows), 3), np.nan) if self._uvw is None else taken(self._uvw)
        weights = None
        if self._weights is not None and self._weights.shape[:2] == self._vis.shape[:2]:
            weights = taken(self._weights).astype(np.float32, copy=False)
        return taken(self._vis), taken(self._flags), weights, uvw
