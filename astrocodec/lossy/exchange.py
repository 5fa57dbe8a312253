"""Exchange: symbols of a tile, put by the encoder and taken by the decoder in the same calls.

Both run the same code; what the encoder wants coded is None where the symbols come from a stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import crc32c
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.lattice_coder import GAUSSIAN, LatticeDecoder, LatticeEncoder, Tables


class Exchange:
    """Symbols in or out.

    Parameters
    ----------
    data : bytes-like, optional
        What to decode; without, symbols are encoded.
    crc : int, optional
        Checksum of the symbols of earlier tiles.
    """

    def __init__(self, data: bytes | memoryview | None = None, crc: int = 0) -> None:
        self._decoder = None if data is None else LatticeDecoder(data)
        self._encoder = LatticeEncoder()
        self.crc = crc

    def symbols(self, wanted: NDArray[np.int64] | None, numbers: NDArray[Any], tables: Tables) -> NDArray[np.int64]:
        """Whole numbers, each under the table of its number."""
        if self._decoder is not None:
            wanted = self._decoder.take(numbers, tables)
        else:
            assert wanted is not None
            self._encoder.put(wanted, numbers, tables)
        little = np.ascontiguousarray(wanted, "<i4")
        self.crc = crc32c(little.view(np.uint8).ravel(), self.crc)
        return wanted

    def latents(
        self, wanted: NDArray[np.float64] | None, means: NDArray[np.int64] | int, scales: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Latents in sixteenths of a step: the mean, and whole steps from it under normal tables of the scales."""
        steps = None if wanted is None else np.rint(wanted - means / MEAN_UNIT).astype(np.int64)
        found = self.symbols(steps, MEAN_UNIT * scales + MEAN_UNIT // 2, GAUSSIAN)
        return means + MEAN_UNIT * found

    def to_bytes(self) -> bytes:
        """What was put."""
        return self._encoder.to_bytes()

    def finish(self) -> None:
        """See that a decoder has nothing left."""
        if self._decoder is not None:
            self._decoder.finish()
