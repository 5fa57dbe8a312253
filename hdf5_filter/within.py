"""How far the elements of a lossy dataset may be from those of its original."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from astrocodec.bounds import Loss
from astrocodec.files.file_report import ImageLoss
from hdf5_filter.blanks import blanks_of
from hdf5_filter.boxes import Box
from hdf5_filter.chunked import touched_chunks
from hdf5_filter.dataset_loss import chunk_losses, coded_loss, loss_of
from hdf5_filter.loss_attributes import stated_loss

__all__ = ["Within", "tolerance_of"]


def tolerance_of(original: h5py.Dataset, dataset: h5py.Dataset) -> Within | None:
    """Return how far elements may be from the original's; None where they must be equal: it has lost that itself."""
    if loss_of(original) is not None or loss_of(dataset) is None:
        return None
    return Within(dataset)


class Within:
    """The bounds that chunks say, or of a dataset that is stored otherwise since its attributes."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._chunk = dataset.chunks
        self._chunks = dict(chunk_losses(dataset)) if coded_loss(dataset) is not None else None
        self._stated = stated_loss(dataset)
        # the filter by itself does not see attributes
        self._blanks = blanks_of(dataset) if self._stated else blanks_of(dataset, names=())

    def hold(self, box: Box, before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Tell of each element of a box whether it may be what it is, given what it was."""
        if before.dtype.kind == "c":  # of both parts; what is 0 stays so
            parts = ((before.real, now.real), (before.imag, now.imag))
            held = [self._hold_numbers(box, *part) for part in parts]
            both: npt.NDArray[np.bool_] = held[0] & held[1] & (before != 0)
            return both
        return self._hold_numbers(box, before, now)

    def _hold_numbers(self, box: Box, before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        was, found = before.astype(np.float64), now.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            near: npt.NDArray[np.bool_] = np.isfinite(was) & (np.abs(found - was) <= self._most(box, np.abs(was)))
        for blank in self._blanks:
            near &= (before != blank) & (now != blank)
        return near

    def _most(self, box: Box, sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        most = np.zeros(sizes.shape)
        if self._chunks is None:
            assert self._stated is not None
            most[...] = _most_of(self._stated, sizes)
            return most
        for offset in touched_chunks((range(cut.start, cut.stop) for cut in box), self._chunk):
            loss = self._chunks.get(offset)
            if loss is not None:
                ends = zip(offset, self._chunk, box, strict=True)
                place = tuple(slice(max(0, at - cut.start), at + side - cut.start) for at, side, cut in ends)
                most[place] = _most_of(loss, sizes[place])
        return most


def _most_of(loss: Loss | ImageLoss, sizes: npt.NDArray[np.float64]) -> Any:
    is_relative = loss.is_relative if isinstance(loss, ImageLoss) else loss.kind == "relative"
    return loss.max_error * sizes if is_relative else loss.max_error
