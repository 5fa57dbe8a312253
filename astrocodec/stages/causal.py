"""Causal network: the parameters of the everyday codec, and how its data are cut into pieces.

docs/format.md section "Causal network".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import varint
from astrocodec.stages.plane_maps import PlaneMap
from astrocodec.stages.planes import MAX_SIDE

STORED, CAUSAL = 0, 1


@dataclass(frozen=True)
class Parameters:
    """What the codec says of its data."""

    fingerprint: str  # of the model, 16 hex digits
    plane_map: PlaneMap  # of all planes, or of the first ones
    piece_shape: tuple[int, int]  # height and width of a piece as they are written: 0 stands for the plane's own

    def to_bytes(self) -> bytes:
        """The parameters' bytes."""
        sides = b"".join(map(varint.put, self.piece_shape))
        return bytes.fromhex(self.fingerprint) + self.plane_map.to_bytes() + sides

    @classmethod
    def read(cls, data: bytes, dtype: np.dtype[Any], numbers: int, start: int = 0) -> Parameters:
        """Read what `to_bytes` wrote for so many numbers; `start` is where it stands in the stream, for messages."""
        reader = varint.Reader(memoryview(data), start=start)
        fingerprint = bytes(reader.take(8, "model fingerprint")).hex()
        plane_map = PlaneMap.read(reader, dtype, numbers)
        sides = reader.number("height of a piece", MAX_SIDE), reader.number("width of a piece", MAX_SIDE)
        if reader.at != len(data):
            raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the codec's parameters")
        return cls(fingerprint, plane_map, sides)


def frame_pieces(pieces: list[bytes]) -> bytes:
    """The data of a stream: each piece behind its length."""
    return b"".join(part for piece in pieces for part in (varint.put(len(piece)), piece))


def split_reference(data: memoryview, start: int = 0) -> tuple[memoryview, memoryview, int]:
    """The stream of a reference, the pieces behind it, and where these begin in the stream."""
    reader = varint.Reader(data, start=start)
    inner = reader.take(reader.number("length of the reference"), "reference")
    return inner, data[reader.at :], reader.place


def split_pieces(data: memoryview, count: int, start: int = 0) -> list[memoryview]:
    """Undo `frame_pieces`; `start` is where the data begin in the stream, for messages."""
    if count > len(data):
        raise TruncatedError(f"{count} pieces announced, {len(data)} bytes are left: the stream is cut")
    reader, pieces = varint.Reader(data, start=start), []
    for i in range(count):
        length = reader.number(f"length of piece {i}")
        pieces.append(reader.take(length, f"piece {i}"))
    if reader.at != len(data):
        raise CorruptError(f"byte {reader.place}: {len(data) - reader.at} bytes follow the last piece")
    return pieces
