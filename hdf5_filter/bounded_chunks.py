"""Chunks of a dataset coded within a bound that its filter does not know: whoever writes to it later loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import astrocodec
from astrocodec.bounds import Bound
from astrocodec.model import Model
from hdf5_filter.chunked import ChunkedDataset

__all__ = ["BoundedChunks"]


@dataclass(frozen=True)
class BoundedChunks:
    """What makes streams of chunks of a dataset within a bound."""

    chunked: ChunkedDataset
    bound: Bound
    models: tuple[Model, ...]
    thorough: bool

    def encode(self, part: np.ndarray[Any, Any]) -> bytes:
        """Return the stream of a chunk; what fills it beyond the edge of the dataset is taken for no elements."""
        pixels, bound = self.chunked.padded(part), self.bound
        if part.shape != self.chunked.chunk:
            if bound.blank is None:
                unused = next((fill for fill in self._fills if not (part == fill).any()), None)
                bound = replace(bound, blank=None if unused is None else unused.item())
            if bound.blank is not None and not self.grows:
                pixels = np.full(pixels.shape, bound.blank, pixels.dtype)
                pixels[tuple(map(slice, part.shape))] = part
        return astrocodec.encode(pixels, self.models, embed_model=False, thorough=self.thorough, bound=bound)

    @property
    def _fills(self) -> list[Any]:
        """Elements that may stand beyond the edge; what can grow must have the fill value there."""
        fill = self.chunked.filled((1,))[0]
        dtype = self.chunked.dtype
        limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        others = [] if self.grows else [dtype.type(limits.max), dtype.type(limits.min)]
        return [value for value in (fill, *others) if np.isfinite(value)]

    @property
    def grows(self) -> bool:
        """Whether what is beyond the edge may become elements."""
        dataset = self.chunked.dataset
        return bool(dataset.maxshape != dataset.shape)
