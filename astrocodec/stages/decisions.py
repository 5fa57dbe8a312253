"""Decisions: choices between no and yes whose frequencies follow what they were before, coded with one rANS state.

docs/format.md section "Decisions"; native/decisions.h does the same.
"""

from __future__ import annotations

import numpy as np

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.distribution import TOTAL
from astrocodec.stages.rans import LOW, Decoder, push, push_raw

HEADER = 4  # the state before the words
_RAW = 16
_OCTAVES = 63


class Decision:
    """A choice between no and yes, and how often it was which; past `most` times both numbers are halved.

    >>> decision = Decision(4096)
    >>> decision.frequency_of_no(), decision.learn(False), decision.frequency_of_no()
    (8192, None, 12742)
    """

    def __init__(self, most: int) -> None:
        self.no = self.yes = 0
        self._most = most

    def frequency_of_no(self) -> int:
        """Of a total of 16384."""
        return 1 + 16382 * (5 * self.no + 2) // (5 * (self.no + self.yes) + 4)

    def learn(self, is_yes: bool) -> None:
        """Take a choice in."""
        self.no, self.yes = self.no + (not is_yes), self.yes + is_yes
        if self.no + self.yes == self._most:
            self.no, self.yes = (self.no + 1) >> 1, (self.yes + 1) >> 1


class Number:
    """Decisions that code numbers from 1 to 2**64 - 1: an octave, the bit below its highest, and raw bits."""

    def __init__(self, most: int) -> None:
        self.octaves = [Decision(most) for _ in range(_OCTAVES)]
        self.seconds = [Decision(most) for _ in range(_OCTAVES + 1)]


class DecisionWriter:
    """Choices, put together one after the other; `to_bytes` codes them from the last to the first.

    >>> out, decision, number = DecisionWriter(), Decision(255), Number(255)
    >>> out.choose(decision, True)
    >>> out.number(number, 1000)
    >>> decision, number = Decision(255), Number(255)
    >>> choices = DecisionReader(out.to_bytes(), "example")
    >>> choices.is_yes(decision), choices.number(number), choices.finish()
    (True, 1000, None)
    """

    def __init__(self) -> None:
        self._records: list[
            tuple[int, int, int]
        ] = []  # start and frequency of a choice, 0; or raw bits, 0, their number

    def choose(self, decision: Decision, is_yes: bool) -> None:
        """Add a choice, which the decision learns."""
        no = decision.frequency_of_no()
        self._records.append((no, TOTAL - no, 0) if is_yes else (0, no, 0))
        decision.learn(is_yes)

    def raw(self, value: int, count: int) -> None:
        """Add the low `count` bits of a number, 16 at a time from the lowest."""
        while count > 0:
            self._records.append((value & (1 << min(count, _RAW)) - 1, 0, min(count, _RAW)))
            value, count = value >> _RAW, count - _RAW

    def number(self, number: Number, value: int) -> None:
        """Add a number from 1 on."""
        octave = value.bit_length() - 1
        for i in range(octave):
            self.choose(number.octaves[i], True)
        if octave < _OCTAVES:
            self.choose(number.octaves[octave], False)
        if octave:
            self.choose(number.seconds[octave], bool(value >> (octave - 1) & 1))
            self.raw(value, octave - 1)

    def to_bytes(self) -> bytes:
        """State and words."""
        state, words = LOW, list[int]()
        for start, freq, bits in reversed(self._records):
            state = push_raw(state, start, bits, words) if bits else push(state, start, freq, words)
        return state.to_bytes(HEADER, "little") + np.array(words[::-1], "<u2").tobytes()


class DecisionReader:
    """Choices of state and words, taken one after the other; `what` they are is for messages."""

    def __init__(self, data: bytes | memoryview, what: str) -> None:
        if len(data) < HEADER:
            raise TruncatedError(f"{what}: {len(data)} bytes found, at least {HEADER} needed")
        state = int.from_bytes(data[:HEADER], "little")
        if state < LOW:
            raise CorruptError(f"{what}: state {state} found, at least {LOW} allowed")
        words = data[HEADER:]
        self._decoder = Decoder([state], np.frombuffer(words[: len(words) & ~1], "<u2").tolist())
        self._is_odd, self._what = bool(len(words) & 1), what

    def is_yes(self, decision: Decision) -> bool:
        """Take a choice, which the decision learns."""
        is_yes = bool(self._decoder.pop_symbols([0], [[0, decision.frequency_of_no(), TOTAL]])[0])
        decision.learn(is_yes)
        return is_yes

    def raw(self, count: int) -> int:
        """Take `count` bits as a number."""
        value = 0
        for at in range(0, count, _RAW):
            value |= self._decoder.pop_raws([0], [min(count - at, _RAW)])[0] << at
        return value

    def number(self, number: Number) -> int:
        """Take a number that `DecisionWriter.number` added."""
        octave = 0
        while octave < _OCTAVES and self.is_yes(number.octaves[octave]):
            octave += 1
        if not octave:
            return 1
        second = self.is_yes(number.seconds[octave])
        return 1 << octave | second << (octave - 1) | self.raw(octave - 1)

    def finish(self) -> None:
        """See that nothing is left."""
        if not self._decoder.is_finished() or self._is_odd:
            raise CorruptError(f"{self._what}: words are left over or its state does not end where it began")
