"""Differences: pieces of few different steps between neighbours, coded by how often each step occurs.

Readable reference of docs/format.md section "Differences"; native/differences.c gives the same bytes. Scanned plates
that went through a block transform, and images that software rescaled, use only a sparse set of differences, which no
smooth distribution describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.bits import BitReader, BitWriter, RiceMean
from astrocodec.stages.distribution import PRECISION, TOTAL
from astrocodec.stages.log512 import bit_length, log512
from astrocodec.stages.rans import LOW, Decoder, push, push_raw

MODE = 3
MAX_SYMBOLS = 4095
STATES = 4
HEADER = 7
NONE, WEST, NORTH, GRADIENT = range(4)
_WORD = 1 << 16
_Number = TypeVar("_Number", int, NDArray[np.int64])
# Costs are in 1/512 bit; a listed symbol costs about 12 bits.
_ONE = 512
_SYMBOL_COST = 12 * _ONE
# What sampled differences must save, per pixel, for a piece to look promising, or the entropy below which it does.
_LEAST_SAVED = _ONE * 3 // 8
_LEAST_ENTROPY = _ONE
_SEGMENTS = _SEGMENT = 64
_PRIOR_PAIRS = 4


# Neighbours


def _neighbours(samples: NDArray[np.uint16]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """W, N and NW of every pixel; outside the piece they repeat what is known."""
    v = samples.astype(np.int64)
    w, n, nw = np.zeros_like(v), np.zeros_like(v), np.zeros_like(v)
    w[:, 1:], n[1:], nw[1:, 1:] = v[:, :-1], v[:-1], v[:-1, :-1]
    n[0], nw[0] = w[0], w[0]
    w[1:, 0], nw[1:, 0] = n[1:, 0], n[1:, 0]
    return w, n, nw


def _neighbours_at(samples: NDArray[np.integer], y: int, x: int) -> tuple[int, int, int]:
    """W, N and NW of one pixel."""
    if x and y:
        return int(samples[y, x - 1]), int(samples[y - 1, x]), int(samples[y - 1, x - 1])
    only = int(samples[y, x - 1]) if x else int(samples[y - 1, x]) if y else 0
    return only, only, only


def _place(w: _Number, n: _Number, nw: _Number, y: _Number, x: _Number) -> _Number:
    """Bits 0 and 1: parity of x and y (block transforms); bit 2: a flat neighbourhood, up to rounding."""
    flat = ((w - nw + 1) % _WORD < 3) | ((n - nw + 1) % _WORD < 3)
    return (x & 1) | (y & 1) << 1 | flat << 2


def class_of(place: int, log_classes: int) -> int:
    """What remains of a place: nothing, flatness, parity or both.

    >>> [class_of(6, log_classes) for log_classes in range(4)]
    [0, 1, 2, 6]
    """
    return place >> (3, 2, 0, 0)[log_classes] & (0, 1, 3, 7)[log_classes]


def _predict(w: _Number, n: _Number, nw: _Number, predictor: int) -> _Number:
    return (0 * w, w, n, w + n - nw)[predictor]


def context_at(samples: NDArray[np.integer], y: int, x: int, predictor: int) -> tuple[int, int]:
    """Prediction and place of a pixel whose neighbours are known."""
    near = _neighbours_at(samples, y, x)
    return _predict(*near, predictor), _place(*near, y, x)


# Table


@dataclass(frozen=True)
class Table:
    """What stands in front of a piece's states."""

    predictor: int  # 0 none, 1 W, 2 N, 3 W + N - NW
    log_classes: int  # 0 to 3: log2 of the number of classes
    symbols: list[int]  # differences modulo 65536, upwards from the first
    cumulative: list[list[int]]  # per class the cumulative frequencies of the symbols and of the escape behind them

    def to_bytes(self) -> bytes:
        """Coded table."""
        count = len(self.symbols)
        head = bytes([MODE, self.predictor, self.log_classes])
        head += count.to_bytes(2, "little") + (self.symbols[0] if count else 0).to_bytes(2, "little")
        out, gaps = BitWriter(), RiceMean()
        for last, symbol in pairwise(self.symbols):
            gaps.write(out, (symbol - last - 1) % _WORD)
        for cumulative in self.cumulative:
            lengths = RiceMean()
            for start, end in pairwise(cumulative):
                bits = (end - start).bit_length()
                lengths.write(out, bits)
                out.write(end - start, max(0, bits - 1))
        return head + out.to_bytes()


def read_table(data: bytes) -> tuple[Table, int]:
    """Read and check a piece's table; also its number of bytes."""
    if len(data) < HEADER:
        raise TruncatedError(f"piece: {len(data)} bytes found, its table alone needs more")
    mode, predictor, log_classes = data[:3]
    count, first = int.from_bytes(data[3:5], "little"), int.from_bytes(data[5:7], "little")
    if mode != MODE or predictor > GRADIENT or log_classes > 3 or count > MAX_SYMBOLS or (first and not count):
        raise CorruptError(
            f"piece: mode {mode}, predictor {predictor}, classes 2^{log_classes}, {count} symbols from {first}"
        )
    bits, gaps = BitReader(data[HEADER:], "piece: its table of differences"), RiceMean()
    symbols, reach = [first] * min(count, 1), 0
    for _ in range(count - 1):
        reach += 1 + gaps.read(bits, _WORD - 1)
        if reach >= _WORD:
            raise CorruptError("piece: its differences span more than 65536 values")
        symbols.append((first + reach) % _WORD)
    tables = []
    for _ in range(1 << log_classes):
        lengths, cumulative = RiceMean(), [0]
        for _ in range(count + 1):
            n = lengths.read(bits, PRECISION + 1)
            cumulative.append(cumulative[-1] + (1 << (n - 1) | bits.read(n - 1) if n else 0))
            if cumulative[-1] > TOTAL:
                raise CorruptError(f"piece: frequencies sum to more than {TOTAL}")
        if cumulative[-1] != TOTAL:
            raise CorruptError(f"piece: frequencies sum to {cumulative[-1]}, not {TOTAL}")
        tables.append(cumulative)
    return Table(predictor, log_classes, symbols, tables), HEADER + bits.end()


# Is it promising?


def _cells_of(differences: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells, and log2 of their widths: single values up to 3, then four to the octave, on either side."""
    negative = differences >> 15
    a = np.where(negative, _WORD - differences, differences)
    octave = np.maximum(bit_length(a) - 3, 0)
    return negative << 6 | np.where(a < 4, a, 4 * octave + 4 + (a >> octave & 3)), octave


def _is_sparse(differences: NDArray[np.int64]) -> bool:
    """Whether equal differences are more frequent than a smooth histogram makes them, or most are alike."""
    counts = np.bincount(differences, minlength=_WORD)
    cells, log_widths = _cells_of(np.arange(_WORD))
    members, pairs, log_width = (np.zeros(128, np.int64) for _ in range(3))
    np.add.at(members, cells, counts)
    np.add.at(pairs, cells, counts * (counts - 1) // 2)
    log_width[cells] = log_widths
    expected = members * (members - 1) // 2 >> log_width
    gains = members * (log512(pairs + _PRIOR_PAIRS) - log512(expected + _PRIOR_PAIRS))
    n = differences.size
    entropy = n * int(log512(np.array(n))) - int((counts * log512(counts)).sum())
    saved = int(gains[log_width > 0].sum())
    return saved > n * _LEAST_SAVED or entropy < n * _LEAST_ENTROPY or int(counts.max()) * 8 > n * 5


def promising(samples: NDArray[np.uint16]) -> bool:
    """Whether a few thousand sampled pixels look as if this mode were worth trying.

    >>> import numpy as np
    >>> promising(np.arange(0, 6400, 100, np.uint16).repeat(64).reshape(64, 64))
    True
    """
    height, width = samples.shape
    if height < 2 or width < 2:
        return False
    rows, columns = min(height - 1, _SEGMENTS), min(width - 1, _SEGMENT)
    i = np.arange(rows)[:, None]
    y = 1 + i * (height - 1) // rows
    x = 1 + i * 37 % _SEGMENTS * (width - columns) // _SEGMENTS + np.arange(columns)
    v, w, n, nw = (samples[at].astype(np.int64) for at in ((y, x), (y, x - 1), (y - 1, x), (y - 1, x - 1)))
    return any(_is_sparse((v - prediction).ravel() % _WORD) for prediction in (w, n, w + n - nw))


# Encoder's choices


def _differences(samples: NDArray[np.uint16], predictor: int) -> NDArray[np.int64]:
    return (samples - _predict(*_neighbours(samples), predictor)) % _WORD


def choose_predictor(samples: NDArray[np.uint16]) -> int:
    """Predictor with the cheapest differences among about 65536 pixels in whole rows."""
    step = samples.size >> 16 | 1
    costs = []
    for predictor in range(4):
        counts = np.bincount(_differences(samples, predictor)[step // 2 :: step].ravel(), minlength=_WORD)
        costs.append(int((counts > 0).sum()) * _SYMBOL_COST - int((counts * log512(counts)).sum()))
    return costs.index(min(costs))


def choose_symbols(counts: NDArray[np.int64]) -> list[int]:
    """Differences that occur at least twice, the most frequent if too many, listed from behind the widest gap."""
    least = 2
    while (counts >= least).sum() > MAX_SYMBOLS:
        least += 1 + least // 8
    symbols = np.flatnonzero(counts >= least)
    if not symbols.size:
        return []
    gaps = np.diff(symbols, prepend=symbols[-1] - _WORD)
    return np.roll(symbols, -int(gaps.argmax())).tolist()


def normalise(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frequencies that sum to 16384: 1 for rare symbols, shares of what is left for the others."""
    freq = np.zeros_like(counts)
    if not counts.any():
        freq[-1] = TOTAL
        return freq
    frequent = counts * TOTAL >= 2 * counts.sum()
    freq[(counts > 0) & ~frequent] = 1
    ends = np.cumsum(counts[frequent]) * (TOTAL - int(freq.sum())) // counts[frequent].sum()
    freq[frequent] = np.diff(ends, prepend=0)
    return freq


def _choose_classes(counts: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """The cheapest way to class places, and its frequencies; `counts` is per place and symbol."""
    best: tuple[int, int, NDArray[np.int64]] | None = None
    for log_classes in range(4):
        merged = np.zeros((1 << log_classes, counts.shape[1]), np.int64)
        for place in range(8):
            merged[class_of(place, log_classes)] += counts[place]
        freq = np.array([normalise(row) for row in merged])
        code = np.where(freq > 0, 2 * _ONE * bit_length(freq), _ONE)
        cost = int((code + np.where(freq > 0, merged * (PRECISION * _ONE - log512(freq)), 0)).sum())
        if best is None or cost < best[0]:
            best = cost, log_classes, freq
    assert best is not None
    return best[1:]


# Piece


def encode(samples: NDArray[np.uint16]) -> bytes:
    """Encode one plane of samples ``(y, x)``.

    >>> import numpy as np
    >>> decode(encode(np.array([[7, 7], [9, 9]], np.uint16)), 2, 2)
    array([[7, 7],
           [9, 9]], dtype=uint16)
    """
    predictor = choose_predictor(samples)
    differences = _differences(samples, predictor).ravel()
    places = _place(*_neighbours(samples), *np.indices(samples.shape)).ravel()
    symbols = choose_symbols(np.bincount(differences, minlength=_WORD))
    index = np.full(_WORD, len(symbols))
    index[symbols] = np.arange(len(symbols))
    coded = index[differences]
    counts = np.bincount(places * (len(symbols) + 1) + coded, minlength=8 * (len(symbols) + 1))
    log_classes, freq = _choose_classes(counts.reshape(8, -1))
    table = Table(predictor, log_classes, symbols, [list(accumulate(row, initial=0)) for row in freq.tolist()])
    states, words = [LOW] * STATES, list[int]()
    for i in reversed(range(samples.size)):
        state, symbol = states[i % STATES], int(coded[i])
        cumulative = table.cumulative[class_of(int(places[i]), log_classes)]
        if symbol == len(symbols):
            state = push_raw(state, int(differences[i]), 16, words)
        start = cumulative[symbol]
        states[i % STATES] = push(state, start, cumulative[symbol + 1] - start, words)
    tail = np.array(states, "<u4").tobytes() + np.array(words[::-1], "<u2").tobytes()
    return table.to_bytes() + tail


def _decode_pixels(table: Table, decoder: Decoder, samples: NDArray[np.uint16]) -> None:
    width = samples.shape[1]
    for i in range(samples.size):
        y, x = divmod(i, width)
        prediction, place = context_at(samples, y, x, table.predictor)
        cumulative: Sequence[int] = table.cumulative[class_of(place, table.log_classes)]
        symbol = decoder.pop_symbols([i], [cumulative])[0]
        difference = table.symbols[symbol] if symbol < len(table.symbols) else decoder.pop_raws([i], [16])[0]
        samples[y, x] = (prediction + difference) % _WORD


def decode(data: bytes, height: int, width: int) -> NDArray[np.uint16]:
    """Undo `encode`."""
    table, at = read_table(data)
    body = data[at:]
    if len(body) < 4 * STATES:
        raise TruncatedError("piece: its states are cut")
    states = np.frombuffer(body[: 4 * STATES], "<u4").tolist()
    if min(states) < LOW:
        raise CorruptError(f"piece: state {min(states)} found, at least {LOW} allowed")
    words = body[4 * STATES :]
    decoder = Decoder(states, np.frombuffer(words[: len(words) & ~1], "<u2").tolist())
    samples = np.zeros((height, width), np.uint16)
    _decode_pixels(table, decoder, samples)
    if not decoder.is_finished() or len(words) & 1:
        raise CorruptError("piece: words are left over or its states do not end where they began")
    return samples
