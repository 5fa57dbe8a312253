"""What a codec of visibilities is to the benchmark."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["DITHERED", "OURS", "Coded", "NotApplicableError", "VisPeer"]


DITHERED, OURS = "order-0 dithered", "astrocodec"


class NotApplicableError(Exception):
    """The codec cannot code this set, or is not installed; the message says why."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A set that went through a codec."""

    vis: NDArray[np.complex64]  # as decoded
    n_bytes: int  # of visibilities with everything that decoding them needs, flags excluded
    encode: float  # s of processor time
    decode: float  # s
    nominal: float | None = None  # bits per real that its symbols have by name
    note: str = ""


@functools.lru_cache(maxsize=4)
def packed_flags(data: VisSet) -> int:
    """Bytes of the flags as a bitmap under zlib, which HDF5 brings; Measurement Sets store the bitmap itself."""
    return len(zlib.compress(np.packbits(data.flags).tobytes(), 6))


@dataclass(frozen=True)
class VisPeer:
    """A codec with its levels."""

    name: str
    run: Callable[[VisSet, float], Coded]  # raises `NotApplicableError`
    levels: tuple[float, ...]
    lossless: bool = False
    unit: str = ""  # of levels, for people
    flag_bytes: Callable[[VisSet], int] = packed_flags  # what it needs for the flags
