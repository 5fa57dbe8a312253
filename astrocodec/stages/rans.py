"""rANS: 32-bit states, 16-bit words, 14-bit frequencies.

Readable reference of docs/format.md section "rANS"; native/rans.h does the same. A state and its stack of words are
last in, first out: what was pushed last is popped first, and popping restores state and words to what they were.
Invariant: between calls ``2**16 <= state < 2**32``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

from astrocodec.errors import TruncatedError
from astrocodec.stages.distribution import PRECISION

LOW = 1 << 16
STATES = 32
GROUP = 32


class Record(NamedTuple):
    """One coded sample: its lane, the interval of its symbol, and what follows, of ``2**bits``.

    That is the number `raw`, or, with a share of more than 1, the `share` numbers from there on.
    """

    lane: int
    start: int
    freq: int
    raw: int
    bits: int
    share: int = 1


def push(state: int, start: int, freq: int, words: list[int], precision: int = PRECISION) -> int:
    """Push the symbol that owns the quantiles ``start <= quantile < start + freq``; returns the new state."""
    if state >> (32 - precision) >= freq:
        words.append(state & 0xFFFF)
        state >>= 16
    return (state // freq << precision) + state % freq + start


def push_raw(state: int, raw: int, bits: int, words: list[int]) -> int:
    """Push `bits` raw bits, 0 to 16; returns the new state."""
    return push(state, raw, 1, words, bits)


def _refill(state: int, words: list[int]) -> int:
    if state >= LOW:
        return state
    if not words:
        raise TruncatedError("piece: its words end before its samples do")
    return state << 16 | words.pop()


def pop(state: int, cumulative: Sequence[int], words: list[int], precision: int = PRECISION) -> tuple[int, int]:
    """Pop a symbol; returns it and the new state.

    Examples
    --------
    >>> words = []
    >>> state = push(70000, 10, 3, words)
    >>> pop(state, [0, 10, 13, 16384], words)
    (1, 70000)
    """
    quantile = state & ((1 << precision) - 1)
    symbol = bisect_right(cumulative, quantile) - 1
    start, freq = cumulative[symbol], cumulative[symbol + 1] - cumulative[symbol]
    return symbol, _refill(freq * (state >> precision) + quantile - start, words)


def pop_raw(state: int, bits: int, words: list[int]) -> tuple[int, int]:
    """Pop `bits` raw bits; returns their value and the new state."""
    return state & ((1 << bits) - 1), _refill(state >> bits, words)


def push_groups(groups: Sequence[Sequence[Record]], count: int) -> tuple[list[int], list[int]]:
    """Code all groups of records with `count` states (docs/format.md "Groups").

    Returns
    -------
    states, words : list of int
        Where the decoder begins, and the words in the order in which it reads them.
    """
    states, words = [LOW] * count, list[int]()
    for group in reversed(groups):
        for r in reversed(group):
            states[r.lane % count] = push(states[r.lane % count], r.raw, r.share, words, r.bits)
        for r in reversed(group):
            states[r.lane % count] = push(states[r.lane % count], r.start, r.freq, words)
    return states, words[::-1]


class Decoder:
    """States and words of one piece, in the course of decoding; lane i uses state ``i % len(states)``."""

    def __init__(self, states: list[int], words: list[int]) -> None:
        self.states = list(states)
        self.words = words[::-1]

    def pop_symbols(self, lanes: Iterable[int], tables: Iterable[Sequence[int]]) -> list[int]:
        """The symbols of one group, a table of cumulative frequencies per lane."""
        symbols = []
        for lane, table in zip(lanes, tables, strict=True):
            i = lane % len(self.states)
            symbol, self.states[i] = pop(self.states[i], table, self.words)
            symbols.append(symbol)
        return symbols

    def pop_raws(
        self, lanes: Iterable[int], bits: Iterable[int], shares: Iterable[Sequence[int] | None] | None = None
    ) -> list[int]:
        """What follows the symbols of one group: raw bits, or which of a cell's codes it is where that has shares."""
        raws = []
        shares = repeat(None) if shares is None else shares
        for lane, n, table in zip(lanes, bits, shares, strict=False):
            i = lane % len(self.states)
            if table is None:
                raw, self.states[i] = pop_raw(self.states[i], n, self.words)
            else:
                raw, self.states[i] = pop(self.states[i], table, self.words, n)
            raws.append(raw)
        return raws

    def is_finished(self) -> bool:
        """Whether every word was read and every state is back where the encoder began."""
        return not self.words and all(state == LOW for state in self.states)
