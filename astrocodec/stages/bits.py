"""Bits in bytes, least significant first, and Golomb-Rice codes among them (docs/format.md section "Conventions").

native/bits.h does the same.
"""

from __future__ import annotations

import numpy as np

from astrocodec.errors import CorruptError, TruncatedError

# As many ones say that 16 bits follow: one number far above the mean must not cost a bit for each of its steps.
_LONG = 16


class RiceMean:
    """Numbers that are alike: their parameter follows a running mean.

    >>> mean = RiceMean()
    >>> mean.parameter(), mean.update(100), mean.parameter()
    (3, None, 6)
    >>> out = BitWriter()
    >>> RiceMean().write(out, 59000)
    >>> len(out.to_bytes()), RiceMean().read(BitReader(out.to_bytes(), "example"), 65535)
    (4, 59000)
    """

    def __init__(self) -> None:
        self.total, self.n = 8, 1

    def parameter(self) -> int:
        """Low bits of the next number."""
        k = 0
        while self.n << k < self.total:
            k += 1
        return k

    def update(self, value: int) -> None:
        """Take a number in."""
        self.total, self.n = self.total + value, self.n + 1
        if self.n == 32:
            self.total, self.n = (self.total + 1) >> 1, 16

    def write(self, out: BitWriter, value: int) -> None:
        """Add a number below 65536."""
        k = self.parameter()
        if value >> k < _LONG:
            out.write_rice(value, k)
        else:
            out.write((1 << _LONG) - 1, _LONG)
            out.write(value, 16)
        self.update(value)

    def read(self, bits: BitReader, most: int) -> int:
        """Take a number that `write` wrote; `CorruptError` where it is larger than `most`."""
        k, ones = self.parameter(), 0
        while ones < _LONG and bits.read(1):
            ones += 1
        value = bits.read(16) if ones == _LONG else ones << k | bits.read(k)
        bits.refuse_above(value, most)
        self.update(value)
        return value


class BitWriter:
    """Bits, put together one after the other.

    >>> out = BitWriter()
    >>> out.write(5, 3)
    >>> out.write_rice(9, 2)
    >>> reader = BitReader(out.to_bytes(), "example")
    >>> reader.read(3), reader.read_rice(2)
    (5, 9)
    """

    def __init__(self) -> None:
        self._bits: list[int] = []

    def write(self, value: int, count: int) -> None:
        """Add the low `count` bits of a number."""
        self._bits += [value >> i & 1 for i in range(count)]

    def write_rice(self, value: int, k: int) -> None:
        """Add a number: its quotient by 2**k in ones, a zero, k bits."""
        self._bits += [1] * (value >> k) + [0]
        self.write(value, k)

    def to_bytes(self) -> bytes:
        """All bits, and zeros up to a whole byte."""
        return np.packbits(np.array(self._bits, np.uint8), bitorder="little").tobytes()


class BitReader:
    """Bits of bytes, taken one after the other; `what` the bytes are is for messages."""

    def __init__(self, data: bytes | memoryview, what: str) -> None:
        self._bits: list[int] = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").tolist()
        self._at, self._what = 0, what

    def read(self, count: int) -> int:
        """Take `count` bits as a number."""
        if count > len(self._bits) - self._at:
            raise TruncatedError(f"{self._what}: {len(self._bits) // 8} bytes are too few")
        self._at += count
        return sum(bit << i for i, bit in enumerate(self._bits[self._at - count : self._at]))

    def read_rice(self, k: int) -> int:
        """Take a number that `BitWriter.write_rice` wrote."""
        quotient = 0
        while self.read(1):
            quotient += 1
        return quotient << k | self.read(k)

    def refuse_above(self, value: int, most: int) -> None:
        """Raise `CorruptError` where a number is larger than it may be."""
        if value > most:
            raise CorruptError(f"{self._what}: {value} found, at most {most} allowed")

    def end(self) -> int:
        """Go on to the next whole byte; returns how many bytes were taken."""
        if self.read(-self._at % 8):
            raise CorruptError(f"{self._what}: bits follow its end in byte {self._at // 8 - 1}")
        return self._at // 8

    def finish(self) -> None:
        """See that nothing is left."""
        if (used := self.end()) != len(self._bits) // 8:
            raise CorruptError(f"{self._what}: {len(self._bits) // 8 - used} bytes follow its end")
