"""Variable-length integers: 7 bits a byte, least significant first (docs/format.md section "Conventions")."""

from __future__ import annotations

from astrocodec.errors import CorruptError, TruncatedError


def put(value: int) -> bytes:
    """Bytes of a non-negative integer below 2**64.

    >>> put(300).hex()
    'ac02'
    """
    if not 0 <= value < 1 << 64:
        raise ValueError(f"{value} is outside 0..2**64-1")
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def put_signed(value: int) -> bytes:
    """Bytes of a signed integer: zigzag, so that small magnitudes are short."""
    return put(2 * value if value >= 0 else -2 * value - 1)


class Reader:
    """Reads varints and byte strings from the front of a buffer, which begins at byte `start` of a stream."""

    def __init__(self, data: memoryview, at: int = 0, start: int = 0) -> None:
        self.data, self.at, self.start = data, at, start

    @property
    def place(self) -> int:
        """The next byte's place in the stream, for messages."""
        return self.start + self.at

    def take(self, count: int, what: str) -> memoryview:
        """The next `count` bytes."""
        if count > len(self.data) - self.at:
            raise TruncatedError(
                f"byte {self.place}: {what} needs {count} bytes, {len(self.data) - self.at} are left: the stream is cut"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, what: str, most: int = (1 << 64) - 1) -> int:
        """The next unsigned varint, at most `most`."""
        value = shift = 0
        while True:
            byte = self.take(1, what)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            if shift > 63:
                raise CorruptError(f"byte {self.place}: {what} is longer than 10 bytes")
        if value > most or (byte == 0 and shift > 7):
            raise CorruptError(f"byte {self.place}: {what} is {value}, allowed are 0..{most} in shortest form")
        return value

    def signed(self, what: str) -> int:
        """The next zigzag varint."""
        value = self.number(what)
        return value >> 1 if not value & 1 else -((value + 1) >> 1)
