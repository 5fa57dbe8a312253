"""Lattice coder: integer symbols, each under one of a set of frequency tables, to bytes by constriction's ANS.

docs/format.md section "Lattice coder". Probabilities are integers that sum to 2^24; constriction takes them exactly.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import constriction
import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES, gaussian_table, with_escape

Integers: TypeAlias = NDArray[Any]
MAX_SYMBOL = (1 << 31) - 1
_MASS = 1 << 24
_CHUNK = 16  # bits of an escaped number that one symbol holds


class Tables(Protocol):
    """A numbered set of tables."""

    def __len__(self) -> int:
        """How many there are."""

    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """First symbol and frequencies, the last one that of symbols outside."""

    def model(self, number: int) -> Any:
        """The same as constriction takes it."""


def exact_model(frequencies: NDArray[np.int64]) -> Any:
    """A model of constriction that has just these frequencies.

    It gives each symbol one unit of 2^-24 and shares the rest by the given floats; where those sum to the rest, its
    factor is one and nothing is rounded.
    """
    if int(frequencies.sum()) != _MASS or frequencies.min() < 1:
        raise ValueError(f"frequencies of at least 1 and a sum of {_MASS} are needed, the sum is {frequencies.sum()}")
    return constriction.stream.model.Categorical((frequencies - 1).astype(np.float64), perfect=False)


def _check_rows(frequencies: NDArray[np.int64]) -> None:
    if frequencies.size and (frequencies.min() < 1 or (frequencies.sum(1) != _MASS).any()):
        raise ValueError(f"frequencies of at least 1 are needed whose rows sum to {_MASS}")


def _exact_rows(frequencies: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows of frequencies as constriction takes them, see `exact_model`."""
    _check_rows(frequencies)
    # Row after row: constriction takes the memory as it lies.
    return np.ascontiguousarray(frequencies - 1, np.float64)


class GaussianTables:
    """Normal distributions: table ``16 * scale + fraction + 8``, the fraction of the mean in -8 to 7 sixteenths."""

    def __len__(self) -> int:
        """How many there are."""
        return MEAN_UNIT * N_SCALES

    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """First symbol and frequencies."""
        scale, fraction = divmod(number, MEAN_UNIT)
        return gaussian_table(scale, fraction - MEAN_UNIT // 2)

    @functools.lru_cache(maxsize=512)  # noqa: B019  there is one set only
    def model(self, number: int) -> Any:
        """The same as constriction takes it."""
        return exact_model(self.table(number)[1])


GAUSSIAN = GaussianTables()


class LearnedTables:
    """Tables that were learned: weights of symbols from `first` on, a row for each table.

    Parameters
    ----------
    first : int
    weights : ndarray
        Non-negative integers (n_tables, n_symbols) whose rows sum to at most 2^53, and not to 0.
    """

    def __init__(self, first: int, weights: NDArray[Any]) -> None:
        self.first = first
        self._frequencies = [with_escape(row.astype(np.int64)) for row in weights]
        self._models = [exact_model(row) for row in self._frequencies]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._frequencies)

    def table(self, number: int) -> tuple[int, NDArray[np.int64]]:
        """First symbol and frequencies."""
        return self.first, self._frequencies[number]

    def model(self, number: int) -> Any:
        """The same as constriction takes it."""
        return self._models[number]


def _groups(numbers: Integers, count: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each table that is used, ascending, and where."""
    if not numbers.size:
        return
    if numbers.min() < 0 or numbers.max() >= count:
        raise ValueError(f"tables {numbers.min()} to {numbers.max()} asked for, there are {count}")
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    for number, where in zip(found, np.split(order, starts[1:]), strict=True):
        yield int(number), where


def _unsigned(excess: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
    return np.where(excess < 0, -2 * excess - 1, 2 * excess)


class LatticeEncoder:
    """Takes symbols call by call; a decoder takes them in the same calls."""

    def __init__(self) -> None:
        self._steps: list[tuple[Any, ...]] = []  # symbols, a model, and its parameters

    def put(self, symbols: Integers, numbers: Integers, tables: Tables) -> None:
        """Code symbols, each under the table of its number.

        Raises
        ------
        ValueError
            A symbol is outside of -2^31 + 1 to 2^31 - 1.
        """
        flat, numbers = np.asarray(symbols, np.int64).ravel(), np.asarray(numbers).ravel()
        if flat.size and np.abs(flat).max() > MAX_SYMBOL:
            raise ValueError(f"a symbol of {np.abs(flat).max()} found, at most {MAX_SYMBOL} allowed")
        if flat.shape != numbers.shape:
            raise ValueError(f"{flat.size} symbols and {numbers.size} tables given")
        escaped = []
        for number, where in _groups(numbers, len(tables)):
            first, frequencies = tables.table(number)
            index = flat[where] - first
            outside = (index < 0) | (index >= len(frequencies) - 1)
            escaped.append(flat[where][outside])
            index[outside] = len(frequencies) - 1
            self._steps.append((index.astype(np.int32), tables.model(number)))
        if escaped and (far := np.concatenate(escaped)).size:
            self._put_far(_unsigned(far) + 1)

    def put_rows(self, symbols: Integers, frequencies: NDArray[np.int64]) -> None:
        """Code symbols from 0 on, each under a row, of at least three frequencies, of its own; none is an escape.

        Only the symbol's own interval matters, so what is kept of a row is that and all below and above it.
        """
        _check_rows(frequencies)
        symbols = np.asarray(symbols, np.int64)
        here = np.arange(len(symbols))
        own, end = frequencies[here, symbols], np.cumsum(frequencies, 1)[here, symbols]
        below, above = end - own, _MASS - end
        # No frequency is 0: at either end of a row, what is on the other side are two parts.
        kept = np.stack([below, own, above], 1)
        kept[below == 0] = np.stack([own, above - 1, np.ones_like(own)], 1)[below == 0]
        kept[above == 0] = np.stack([np.ones_like(own), below - 1, own], 1)[above == 0]
        middle = np.where(below == 0, 0, np.where(above == 0, 2, 1)).astype(np.int32)
        self._steps.append((middle, constriction.stream.model.Categorical(perfect=False), _exact_rows(kept)))

    def _put_far(self, values: NDArray[np.int64]) -> None:
        """Numbers from 1 on: how many bits follow the highest, and these bits in two parts."""
        lengths = np.array([int(value).bit_length() - 1 for value in values], np.int32)
        self._steps.append((lengths, constriction.stream.model.Uniform(64)))
        low, high = np.minimum(lengths, _CHUNK), np.maximum(lengths - _CHUNK, 0)
        rest = values - (np.int64(1) << lengths.astype(np.int64))
        for part, bits in ((rest & ((1 << _CHUNK) - 1), low), (rest >> _CHUNK, high)):
            for n in np.unique(bits[bits > 0]):
                chosen = part[bits == n].astype(np.int32)
                self._steps.append((chosen, constriction.stream.model.Uniform(1 << int(n))))

    def to_bytes(self) -> bytes:
        """All that was put, as words of 32 bits, little-endian."""
        coder = constriction.stream.stack.AnsCoder()
        for step in reversed(self._steps):
            coder.encode_reverse(*step)
        return np.asarray(coder.get_compressed()).astype("<u4").tobytes()


class LatticeDecoder:
    """Gives symbols call by call, as they were put.

    Raises
    ------
    CorruptError
        The bytes are no whole number of words, or the last word is 0.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        if len(data) % 4:
            raise CorruptError(f"lattice coder: {len(data)} bytes found, whole words of 4 are needed")
        words = np.frombuffer(data, "<u4").astype(np.uint32)
        if words.size and not words[-1]:
            raise CorruptError("lattice coder: the last word is 0, which no encoder writes")
        self._coder = constriction.stream.stack.AnsCoder(words)

    def take(self, numbers: Integers, tables: Tables) -> NDArray[np.int64]:
        """Symbols in the shape of `numbers`, each under the table of its number."""
        numbers = np.asarray(numbers)
        flat = np.empty(numbers.size, np.int64)
        escaped = []
        for number, where in _groups(numbers.ravel(), len(tables)):
            first, frequencies = tables.table(number)
            index = self._coder.decode(tables.model(number), len(where))
            flat[where] = index.astype(np.int64) + first
            escaped.append(where[index == len(frequencies) - 1])
        if escaped and (far := np.concatenate(escaped)).size:
            unsigned = self._take_far(far.size) - 1
            flat[far] = np.where(unsigned & 1, -(unsigned + 1 >> 1), unsigned >> 1)
        shaped: NDArray[np.int64] = flat.reshape(numbers.shape)
        return shaped

    def take_rows(self, frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Symbols, each under a row of frequencies of its own."""
        family = constriction.stream.model.Categorical(perfect=False)
        return np.asarray(self._coder.decode(family, _exact_rows(frequencies)), np.int64)

    def _take_far(self, count: int) -> NDArray[np.int64]:
        lengths = self._coder.decode(constriction.stream.model.Uniform(64), count)
        if lengths.max() > 32:
            raise CorruptError(f"lattice coder: an escaped number of {lengths.max()} bits found, at most 32 allowed")
        values: NDArray[np.int64] = np.int64(1) << lengths.astype(np.int64)
        for bits, shift in ((np.minimum(lengths, _CHUNK), 0), (np.maximum(lengths - _CHUNK, 0), _CHUNK)):
            for n in np.unique(bits[bits > 0]):
                here = bits == n
                part = self._coder.decode(constriction.stream.model.Uniform(1 << int(n)), int(here.sum()))
                values[here] += part.astype(np.int64) << shift
        if (values > 2 * MAX_SYMBOL + 1).any():
            raise CorruptError(f"lattice coder: an escaped symbol is beyond {MAX_SYMBOL}")
        return values

    def finish(self) -> None:
        """See that nothing is left.

        Raises
        ------
        CorruptError
            Something is, so the bytes are not what was put.
        """
        if not self._coder.is_empty():
            raise CorruptError("lattice coder: bytes are left behind the last symbol: the stream is damaged")


def table_numbers(scales: Integers, means: Integers | int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whole steps of means given in sixteenths, and the numbers of the tables in `GAUSSIAN` of what is left.

    >>> [int(x[0]) for x in table_numbers(np.array([2]), np.array([-9]))]
    [-1, 47]
    """
    scales = np.asarray(scales, np.int64)
    whole = (np.asarray(means, np.int64) + MEAN_UNIT // 2) // MEAN_UNIT + np.zeros_like(scales)
    return whole, MEAN_UNIT * scales + (means - MEAN_UNIT * whole) + MEAN_UNIT // 2


def encode_lattice(symbols: Integers, scales: Integers, means: Integers | int = 0) -> bytes:
    """Symbols, each under the normal distribution of a scale index and a mean in sixteenths of a step, as bytes.

    Examples
    --------
    >>> symbols, scales, means = np.array([3, -1, 900]), np.array([20, 31, 5]), np.array([40, -16, 0])
    >>> decode_lattice(encode_lattice(symbols, scales, means), scales, means).tolist()
    [3, -1, 900]
    """
    coder = LatticeEncoder()
    whole, numbers = table_numbers(scales, means)
    coder.put(np.asarray(symbols, np.int64) - whole, numbers, GAUSSIAN)
    return coder.to_bytes()


def decode_lattice(data: bytes | memoryview, scales: Integers, means: Integers | int = 0) -> NDArray[np.int64]:
    """Undo `encode_lattice`; a `CorruptError` where bytes are left."""
    coder = LatticeDecoder(data)
    whole, numbers = table_numbers(scales, means)
    symbols = coder.take(numbers, GAUSSIAN) + whole
    coder.finish()
    return symbols
