"""Exchange: symbols of a tile, put by the encoder and taken by the decoder in the same calls.

Both run the same code; what the encoder wants coded is None where the symbols come from a stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import crc32c
from astrocodec.lossy.gaussian_tables import MEAN_UNIT
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder, Tables
from astrocodec.lossy.mixed_tables import MIXED, symbol_costs


def thrifty(
    distance: NDArray[np.float64], tables: NDArray[np.int64], worth: NDArray[np.float64] | float
) -> NDArray[np.int64]:
    """Whole steps for distances from the mean: the nearest, the next one inward or none, as bits are worth it.

    >>> thrifty(np.array([0.7, 0.7, 3.6]), np.array([2, 40, 2]), 10.0).tolist()
    [0, 1, 4]
    """
    far = np.abs(distance)
    best = np.rint(far)
    if np.any(worth):
        costs, farthest = symbol_costs(), symbol_costs().shape[1] - 1

        def price(steps: NDArray[np.float64]) -> NDArray[np.float64]:
            bits: NDArray[np.float64] = costs[tables, np.minimum(steps, farthest).astype(np.int64)]
            return bits + worth * (far - steps) ** 2

        least = price(best)
        for steps in (np.maximum(best - 1, 0), np.zeros_like(best)):
            other = price(steps)
            best, least = np.where(other < least, steps, best), np.minimum(other, least)
    found: NDArray[np.int64] = np.copysign(best, distance).astype(np.int64)
    return found


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

    def steps(
        self,
        wanted: NDArray[np.float64] | None,
        means: NDArray[np.int64] | int,
        tables: NDArray[np.int64],
        worth: NDArray[np.float64] | float = 0.0,
    ) -> NDArray[np.int64]:
        """Whole steps of latents from their means, which are in sixteenths, under tables of `MIXED`.

        `worth` is what a squared step of error is in bits; where it is not 0, a latent goes less far from its mean if
        that saves more bits.
        """
        found = None if wanted is None else thrifty(wanted - means / MEAN_UNIT, tables, worth)
        return self.symbols(found, tables, MIXED)

    def to_bytes(self) -> bytes:
        """What was put."""
        return self._encoder.to_bytes()

    def finish(self) -> None:
        """See that a decoder has nothing left."""
        if self._decoder is not None:
            self._decoder.finish()
