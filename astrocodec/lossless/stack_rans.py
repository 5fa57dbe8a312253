"""Stack rANS: what was put last is taken first, so that taking draws a symbol by bits that come back.

docs/format.md section "Stack". Bits-back coding (Townsend et al. 2019, arXiv:1901.04866) takes a latent from the stack,
which is to draw it, before it puts what the latent tells of. Below the bottom lie words that a rule makes; those that
were drawn become a part of the stream, and a decoder that ends with other ones has read a damaged one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.lossless.lane_rans import found_by
from astrocodec.lossless.logistic_tables import MASS_BITS, Logistics

Integers = NDArray[np.int64]
_FIRST, _WORD = np.uint64(1 << 32), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_QUANTILE = np.uint64((1 << MASS_BITS) - 1)
_FEWEST, _MOST = 16, 256


def lanes_of(patches: int) -> int:
    """Lanes for so many patches: each costs 8 bytes.

    >>> lanes_of(1), lanes_of(100), lanes_of(1024)
    (16, 100, 256)
    """
    return min(max(_FEWEST, patches), _MOST)


def first_words(start: int, count: int) -> NDArray[np.uint64]:
    """Words number `start` on of those that lie below the bottom, by the finalizer of SplitMix64.

    >>> first_words(0, 2).tolist()
    [3793791033, 1853057965]
    """
    x = np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return (x ^ (x >> np.uint64(31))) >> _WORD


class StackCoder:
    """Lanes of states over one stack of words.

    Parameters
    ----------
    lanes : int
    data : bytes, optional
        Of another coder's `to_bytes`, to be taken from; without, the stack begins with its first words.

    Raises
    ------
    TruncatedError, CorruptError
        The bytes cannot be those of so many lanes.
    """

    def __init__(self, lanes: int, data: bytes | memoryview | None = None) -> None:
        self._is_read, self._drawn = data is not None, lanes
        if data is None:
            self._state = _FIRST | first_words(0, lanes)
            self._words: NDArray[np.uint64] = np.empty(1024, np.uint64)
            self._size = 0
            return
        if len(data) < 8 * lanes:
            raise TruncatedError(f"stack: {len(data)} bytes found, {lanes} states need {8 * lanes}: the stream is cut")
        if len(data) % 4:
            raise CorruptError(f"stack: {len(data)} bytes found, whole words of 4 are needed")
        self._state = np.frombuffer(data[: 8 * lanes], "<u8").astype(np.uint64)
        self._words = np.frombuffer(data[8 * lanes :], "<u4").astype(np.uint64)[::-1].copy()
        self._size = len(self._words)
        if (self._state < _FIRST).any():
            raise CorruptError("stack: a state below 2^32 found, which no encoder writes")

    def put(self, distributions: Logistics, symbols: Integers) -> None:
        """Lay symbols (n,) on the stack, the last of them first."""
        starts, frequencies = (x.astype(np.uint64) for x in distributions.intervals(symbols))
        lanes = len(self._state)
        for first in range((len(starts) - 1) // lanes * lanes, -1, -lanes):
            start, frequency = starts[first : first + lanes], frequencies[first : first + lanes]
            x = self._state[: len(start)]
            full = x >= frequency << np.uint64(64 - MASS_BITS)
            if full.any():
                self._lay((x[full] & _LOW)[::-1])
                x = np.where(full, x >> _WORD, x)
            whole, rest = np.divmod(x, frequency)
            self._state[: len(start)] = (whole << np.uint64(MASS_BITS)) + rest + start

    def take(self, distributions: Logistics) -> Integers:
        """The symbols on top of the stack."""
        lanes, count = len(self._state), len(distributions)
        found = np.empty(count, np.int64)
        for first in range(0, count, lanes):
            which = np.arange(first, min(first + lanes, count))
            x = self._state[: len(which)]
            quantile = (x & _QUANTILE).astype(np.int64)
            symbol, start, end = found_by(distributions, which, quantile)
            x = (end - start).astype(np.uint64) * (x >> np.uint64(MASS_BITS)) + (quantile - start).astype(np.uint64)
            empty = x < _FIRST
            if needed := int(empty.sum()):
                x[empty] = x[empty] << _WORD | self._lifted(needed)
            self._state[: len(which)] = x
            found[first : first + len(which)] = symbol
        return found

    def to_bytes(self) -> bytes:
        """States of the lanes, then words from the top down, all little-endian."""
        return self._state.astype("<u8").tobytes() + self._words[: self._size][::-1].astype("<u4").tobytes()

    @property
    def first_bytes(self) -> int:
        """Bytes of first words that were drawn, states among them: what a stream has beside what it tells."""
        return 4 * self._drawn

    def finish(self) -> None:
        """See that nothing but first words is left.

        Raises
        ------
        CorruptError
            Something is, so the bytes are not what was put.
        """
        lanes = len(self._state)
        is_first = (self._state == _FIRST | first_words(0, lanes)).all()
        if not is_first or (self._words[: self._size][::-1] != first_words(lanes, self._size)).any():
            raise CorruptError("stack: the bits that were drawn do not come back: the stream is damaged")

    def _lay(self, words: NDArray[np.uint64]) -> None:
        end = self._size + len(words)
        if end > len(self._words):
            self._words = np.concatenate([self._words[: self._size], np.empty(end, np.uint64)])
        self._words[self._size : end] = words
        self._size = end

    def _lifted(self, count: int) -> NDArray[np.uint64]:
        """Words from the top down, first words below the bottom."""
        here = min(count, self._size)
        found = self._words[self._size - here : self._size][::-1]
        self._size -= here
        if here < count:
            if self._is_read:
                raise TruncatedError("stack: no words are left before the last symbol: the stream is cut")
            found = np.concatenate([found, first_words(self._drawn, count - here)])
            self._drawn += count - here
        return found
