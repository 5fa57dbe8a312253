"""Lane rANS: symbols to bytes by many coders in lockstep, whose words share one row. docs/format.md section "Lanes".

A call's symbols are dealt out to the lanes in turn. An encoder is told intervals of 2^24; a decoder looks for the
symbol in the cumulative frequencies, sixteen places at a time.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError

Integers = NDArray[np.int64]
_BITS = 24
_FIRST = np.uint64(1 << 32)  # state of a lane that holds nothing, and the smallest
_WORD = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_QUANTILE = np.uint64((1 << _BITS) - 1)
_PER_LANE = 8192
_MOST_LANES = 1024
_WAYS = 16
# Of few lanes and symbols of an alphabet, the frequencies of so many symbols of each lane are made at once.
_FEW, _ROW, _AHEAD = 12, 256, 64
_CUT = "lanes: no words are left before the last symbol: the stream is cut"


class Distributions(Protocol):
    """What a call's symbols are distributed as."""

    @property
    def alphabet(self) -> int:
        """Symbols are 0 to this less 1."""

    def __len__(self) -> int:
        """How many symbols the call has."""

    def cumulative(self, which: Integers | slice, symbols: Integers) -> Integers:
        """Frequencies of all below `symbols`, of the distributions `which`."""


def lane_count(symbols: int) -> int:
    """Lanes for so many symbols: each costs 4 bytes.

    >>> lane_count(100), lane_count(1 << 20)
    (1, 128)
    """
    return min(max(1, symbols // _PER_LANE), _MOST_LANES)


def found_by(distributions: Distributions, which: Integers, quantile: Integers) -> tuple[Integers, Integers, Integers]:
    """Symbols whose intervals hold `quantile`, of the distributions `which`, and where the intervals start and end."""
    symbol = np.zeros(len(which), np.int64)
    width = distributions.alphabet
    start, end = np.zeros_like(symbol), np.full_like(symbol, 1 << _BITS)
    here = np.arange(len(which))
    while width > 1:
        width = -(-width // _WAYS)
        places = np.minimum(symbol[:, None] + width * np.arange(1, _WAYS), distributions.alphabet)
        edges = np.empty((len(which), _WAYS + 1), np.int64)
        edges[:, 0], edges[:, -1] = start, end
        edges[:, 1:-1] = distributions.cumulative(which, places)
        part = (edges[:, 1:-1] <= quantile[:, None]).sum(1)
        symbol = symbol + width * part
        start, end = edges[here, part], edges[here, part + 1]
    return symbol, start, end


class LaneEncoder:
    """Takes intervals call by call; a decoder takes symbols in the same calls."""

    def __init__(self) -> None:
        self._calls: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []

    def put(self, starts: Integers, frequencies: Integers) -> None:
        """Code symbols by their intervals."""
        if starts.size and (frequencies.min() < 1 or starts.min() < 0 or (starts + frequencies).max() > 1 << _BITS):
            raise ValueError(f"intervals of at least 1 within 0 to 2^{_BITS} are needed")
        self._calls.append((starts.astype(np.uint64).ravel(), frequencies.astype(np.uint64).ravel()))

    def bits(self) -> float:
        """Bits that all that was put takes by its frequencies alone."""
        return float(sum((_BITS - np.log2(frequencies)).sum() for _, frequencies in self._calls))

    def to_bytes(self) -> bytes:
        """States of the lanes, then words, all little-endian."""
        lanes = lane_count(sum(len(starts) for starts, _ in self._calls))
        state = np.full(lanes, _FIRST)
        words: list[NDArray[np.uint64]] = []
        for starts, frequencies in reversed(self._calls):
            for first in range((len(starts) - 1) // lanes * lanes, -1, -lanes):
                start, frequency = starts[first : first + lanes], frequencies[first : first + lanes]
                x = state[: len(start)]
                full = x >= frequency << np.uint64(64 - _BITS)
                if full.any():
                    words.append((x[full] & _LOW)[::-1])
                    x = np.where(full, x >> _WORD, x)
                whole, rest = np.divmod(x, frequency)
                state[: len(start)] = (whole << np.uint64(_BITS)) + rest + start
        row = np.concatenate(words)[::-1] if words else np.empty(0, np.uint64)
        return state.astype("<u8").tobytes() + row.astype("<u4").tobytes()


class LaneDecoder:
    """Gives symbols call by call.

    Parameters
    ----------
    data : bytes
    symbols : int
        How many all calls have.

    Raises
    ------
    TruncatedError, CorruptError
        The bytes cannot be those of so many.
    """

    def __init__(self, data: bytes | memoryview, symbols: int) -> None:
        lanes = lane_count(symbols)
        if len(data) < 8 * lanes:
            raise TruncatedError(f"lanes: {len(data)} bytes found, {lanes} states need {8 * lanes}: the stream is cut")
        if len(data) % 4:
            raise CorruptError(f"lanes: {len(data)} bytes found, whole words of 4 are needed")
        self._state = np.frombuffer(data[: 8 * lanes], "<u8").astype(np.uint64)
        self._words = np.frombuffer(data[8 * lanes :], "<u4").astype(np.uint64)
        self._at = 0
        if (self._state < _FIRST).any():
            raise CorruptError("lanes: a state below 2^32 found, which no encoder writes")

    def take(self, distributions: Distributions) -> Integers:
        """The symbols of a call."""
        lanes, count = len(self._state), len(distributions)
        found = np.empty(count, np.int64)
        if lanes <= _FEW and distributions.alphabet <= _ROW:
            self._take_by_rows(distributions, found)
            return found
        for first in range(0, count, lanes):
            which = np.arange(first, min(first + lanes, count))
            found[first : first + len(which)] = self._step(distributions, which)
        return found

    def _take_by_rows(self, distributions: Distributions, found: Integers) -> None:
        """The same where few lanes would keep a processor waiting: all frequencies first, then one by one."""
        state, lanes, at = [int(x) for x in self._state], len(self._state), self._at
        symbols = np.arange(distributions.alphabet + 1)
        for first in range(0, len(found), _AHEAD * lanes):
            which = np.arange(first, min(first + _AHEAD * lanes, len(found)))
            rows = distributions.cumulative(which, np.broadcast_to(symbols, (len(which), len(symbols))))
            for i, row in enumerate(rows):
                x = state[i % lanes]
                quantile = x & int(_QUANTILE)
                symbol = int(row.searchsorted(quantile, "right")) - 1
                start = int(row[symbol])
                x = (int(row[symbol + 1]) - start) * (x >> _BITS) + quantile - start
                if x < int(_FIRST):
                    if at == len(self._words):
                        raise TruncatedError(_CUT)
                    x = x << 32 | int(self._words[at])
                    at += 1
                state[i % lanes] = x
                found[first + i] = symbol
        self._state, self._at = np.array(state, np.uint64), at

    def _step(self, distributions: Distributions, which: Integers) -> Integers:
        """One symbol of each lane, or of the first where fewer are left."""
        x = self._state[: len(which)]
        quantile = (x & _QUANTILE).astype(np.int64)
        symbol, start, end = found_by(distributions, which, quantile)
        frequency = (end - start).astype(np.uint64)
        x = frequency * (x >> np.uint64(_BITS)) + (quantile - start).astype(np.uint64)
        empty = x < _FIRST
        if needed := int(empty.sum()):
            if needed > len(self._words) - self._at:
                raise TruncatedError(_CUT)
            x[empty] = x[empty] << _WORD | self._words[self._at : self._at + needed]
            self._at += needed
        self._state[: len(which)] = x
        return symbol

    def finish(self) -> None:
        """See that nothing is left.

        Raises
        ------
        CorruptError
            Something is, so the bytes are not what was put.
        """
        if self._at != len(self._words) or (self._state != _FIRST).any():
            raise CorruptError("lanes: bytes are left behind the last symbol, or states are: the stream is damaged")
