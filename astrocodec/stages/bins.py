"""Bins: the bin of a float, equally wide around zero and growing far off, and the float's place in it.

docs/format.md section "Bins"; native/bins.h does the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.stages import varint

MAX_LINEAR = 15
_FRACTION = {2: 10, 4: 23, 8: 52}  # bits of a float's fraction, by its bytes


class Bins(NamedTuple):
    """Bins of floats by their bits less `trailing` zeros."""

    fraction: int  # bits of the fraction
    exponents: int  # how many there are
    first: int  # exponent of the width of a bin
    linear: int  # octaves from there on in which bins are as wide

    @property
    def sign(self) -> int:
        """The bit where the sign stands."""
        return self.fraction + self.exponents.bit_length() - 1

    @property
    def whole(self) -> int:
        """Bits of a float in bin 0, but for its sign."""
        return ((self.first << self.fraction) - 1).bit_length()

    @property
    def each_sign(self) -> int:
        """How many bins of one sign there are."""
        return (self.exponents - self.first - self.linear + 1) << self.linear

    @property
    def are_there(self) -> bool:
        """Whether floats have them."""
        return 0 <= self.linear <= min(MAX_LINEAR, self.fraction) and 0 < self.first < self.exponents - self.linear

    def take(self, bits: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
        """Bins of floats, places in them, and how many bits these take.

        >>> bins, places, taken = Bins(23, 256, 127, 2).take(np.array([1.0, -1.25, 9.5], "f4").view("u4").astype("u8"))
        >>> bins.tolist(), places.tolist(), taken.tolist()
        ([1, -2, 8], [0, 2097152, 1572864], [23, 23, 21])
        """
        is_negative = (bits >> np.uint64(self.sign)).astype(np.int64)
        magnitude = (bits & np.uint64((1 << self.sign) - 1)).astype(np.int64)
        octave = (magnitude >> self.fraction) - self.first
        steps = np.clip(octave, 0, self.linear)
        fraction = magnitude & ((1 << self.fraction) - 1) | 1 << self.fraction
        taken = np.where(octave < 0, self.whole, self.fraction - steps)
        k = np.where(
            octave < 0, 0, (fraction >> (self.fraction - steps)) + (np.maximum(octave - steps, 0) << self.linear)
        )
        places = (magnitude & ((np.int64(1) << taken) - 1)).astype(np.uint64)
        return k ^ -is_negative, places, taken

    def taken_by(self, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many bits the place in each bin takes; all bins must be there."""
        k = np.where(bins < 0, ~bins, bins)
        if k.size and int(k.max()) >= self.each_sign:
            raise CorruptError(f"bin {int(k.max())} of floats found, there are {self.each_sign} of a sign")
        return np.where(k == 0, self.whole, self.fraction - np.minimum(_log2(k), self.linear))

    def floats(self, bins: NDArray[np.int64], places: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Bits of the floats at places in bins."""
        k = np.where(bins < 0, ~bins, bins)
        steps = np.minimum(_log2(k), self.linear)
        start = ((self.first + steps) << self.fraction) + ((k - (1 << steps)) << (self.fraction - steps))
        magnitude = np.where(k == 0, 0, start).astype(np.uint64) + places
        return magnitude | (bins < 0).astype(np.uint64) << np.uint64(self.sign)


def _log2(k: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the highest bit, of 0 too 0."""
    exponents: NDArray[np.int64] = np.frexp(np.maximum(k, 1).astype(np.float64))[1].astype(np.int64) - 1
    return exponents


def bins_of(dtype: np.dtype[Any], trailing: int, first: int, linear: int) -> Bins:
    """The bins of a float type, of complex numbers of a part."""
    size = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    return Bins(_FRACTION[size] - trailing, 1 << (8 * size - 1 - _FRACTION[size]), first, linear)


def float_bits(values: NDArray[Any], trailing: int) -> NDArray[np.uint64]:
    """Bits of floats less trailing zeros."""
    return values.view(f"u{values.dtype.itemsize}").astype(np.uint64) >> np.uint64(trailing)


def pack_places(places: NDArray[np.uint64], taken: NDArray[np.int64]) -> bytes:
    """Places behind each other, the lowest bit of each first, behind their number of bytes."""
    starts = np.cumsum(taken) - taken
    of_place = np.arange(int(taken.sum())) - np.repeat(starts, taken)
    bits = np.repeat(places, taken) >> of_place.astype(np.uint64) & np.uint64(1)
    packed = np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()
    return varint.put(len(packed)) + packed


def unpack_places(data: bytes | memoryview, taken: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Undo `pack_places`; `data` is what stands behind the number of bytes."""
    total = int(taken.sum())
    if len(data) != (total + 7) // 8:
        raise CorruptError(f"{len(data)} bytes of places in bins found, the samples need {(total + 7) // 8}")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[total:].any():
        raise CorruptError("places in bins with more bits than they have")
    places = np.zeros(taken.size, np.uint64)
    starts = np.cumsum(taken) - taken
    of_place = np.arange(total) - np.repeat(starts, taken)
    np.bitwise_or.at(
        places, np.repeat(np.arange(taken.size), taken), bits[:total].astype(np.uint64) << of_place.astype(np.uint64)
    )
    return places
