"""Exchange: symbols of a tile, put by the encoder and taken by the decoder in the same calls.

Both run the same code; what the encoder wants coded is None where the symbols come from a stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import crc32c
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, SCALES_PER_OCTAVE, UNITY_SCALE, normal_knots
from astrocodec.lossy.lattice_coder import GAUSSIAN, LatticeDecoder, LatticeEncoder, Tables

_FAR = 8.0  # standard deviations that the knots reach


def _bits(steps: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """About what steps from a normal distribution's mean take."""
    upper, lower = ((steps + half) / scale for half in (0.5, -0.5))
    knots = normal_knots() * 2.0**-44
    at = np.arange(len(knots)) * (_FAR / (len(knots) - 1))
    mass = np.interp(upper, at, knots) - np.copysign(np.interp(np.abs(lower), at, knots) - 0.5, lower) - 0.5
    bits: NDArray[np.float64] = -np.log2(np.maximum(mass, 2.0**-24))
    return bits


def thrifty(
    distance: NDArray[np.float64], scales: NDArray[np.int64], worth: NDArray[np.float64] | float
) -> NDArray[np.int64]:
    """Whole steps for distances from the mean: the nearest, or the next one inward where bits are worth it.

    >>> thrifty(np.array([0.7, 0.7, 3.6]), np.array([2, 40, 2]), 10.0).tolist()
    [0, 1, 4]
    """
    far = np.rint(np.abs(distance))
    near = np.maximum(far - 1, 0)
    scale = np.exp2((np.asarray(scales) - UNITY_SCALE) / SCALES_PER_OCTAVE)
    saved = _bits(far, scale) - _bits(near, scale)
    error = (np.abs(distance) - near) ** 2 - (np.abs(distance) - far) ** 2
    chosen = np.where(saved > worth * error, near, far) if np.any(worth) else far
    found: NDArray[np.int64] = np.copysign(chosen, distance).astype(np.int64)
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

    def latents(
        self,
        wanted: NDArray[np.float64] | None,
        means: NDArray[np.int64] | int,
        scales: NDArray[np.int64],
        worth: NDArray[np.float64] | float = 0.0,
    ) -> NDArray[np.int64]:
        """Latents in sixteenths of a step: the mean, and whole steps from it under normal tables of the scales.

        `worth` is what a squared step of error is in bits; where it is not 0, a latent goes one step less far from its
        mean if that saves more bits.
        """
        steps = None if wanted is None else thrifty(wanted - means / MEAN_UNIT, scales, worth)
        found = self.symbols(steps, MEAN_UNIT * scales + MEAN_UNIT // 2, GAUSSIAN)
        return means + MEAN_UNIT * found

    def to_bytes(self) -> bytes:
        """What was put."""
        return self._encoder.to_bytes()

    def finish(self) -> None:
        """See that a decoder has nothing left."""
        if self._decoder is not None:
            self._decoder.finish()
