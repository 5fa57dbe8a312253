"""Split: integers <-> 16-bit samples to be modelled and low bits that no model can predict.

docs/format.md section "Split".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError

SAMPLE_BITS = 16
MAX_LOW_BITS = 48
_CONSTANT, _PACKED = 0, 1
# Above this median difference between neighbours the lowest bit is pure noise to better than 1e-4 bits.
_LOUD = 512


def least_low_bits(largest: int) -> int:
    """Bits to leave to `pack_low` so that the rest fits 16 bits."""
    return max(0, int(largest).bit_length() - SAMPLE_BITS)


def choose_low_bits(sheet: NDArray[np.uint64] | NDArray[np.uint16], largest: int) -> int:
    """The same and more, so that the rest is not needlessly loud."""
    low = least_low_bits(largest)
    rows = sheet[:: max(1, sheet.shape[0] // 64), : 1 << 12]
    if largest >> low > _LOUD and rows.shape[1] > 1:
        steps = np.abs(np.diff((rows >> low).astype(np.int32), axis=1))
        loudness = _LOUD
        while low < MAX_LOW_BITS and 2 * int((steps > loudness).sum()) > steps.size:
            low, loudness = low + 1, 2 * loudness
    return low


def pack_low(values: NDArray[np.uint64] | NDArray[np.uint16], low: int) -> bytes:
    """Pack the `low` lowest bits of each value: planes of 8 bits, lowest first, each constant or packed."""
    planes: list[bytes] = []
    if not values.size:
        return b""
    for first in range(0, low, 8):
        bits = min(8, low - first)
        plane = ((values >> first) & ((1 << bits) - 1)).astype(np.uint8).ravel()
        if (plane == plane[0]).all():
            planes.append(bytes([_CONSTANT, int(plane[0])]))
        elif bits == 8:
            planes.append(bytes([_PACKED]) + plane.tobytes())
        else:
            spread = np.unpackbits(plane[:, None], axis=1, count=bits, bitorder="little")
            planes.append(bytes([_PACKED]) + np.packbits(spread, bitorder="little").tobytes())
    return b"".join(planes)


def unpack_low(data: memoryview, count: int, low: int) -> tuple[NDArray[np.uint64], int]:
    """Undo `pack_low` for `count` values; also the number of bytes used."""
    if not count:  # all are blank
        return np.zeros(0, np.uint64), 0
    total, at = np.zeros(count, np.uint64), 0
    for first in range(0, low, 8):
        bits = min(8, low - first)
        size = 2 if data[at : at + 1] == bytes([_CONSTANT]) else 1 + (count * bits + 7) // 8
        if at + size > len(data):
            raise TruncatedError(f"low bits {first}..{first + bits - 1}: {len(data) - at} bytes found, {size} needed")
        body = np.frombuffer(data[at + 1 : at + size], np.uint8)
        if data[at] == _CONSTANT:
            plane: NDArray[np.uint8] = np.full(count, body[0])
        elif data[at] != _PACKED:
            raise CorruptError(f"low bits {first}..{first + bits - 1}: unknown plane mode {data[at]}, allowed 0 and 1")
        elif bits == 8:
            plane = body
        else:
            spread = np.unpackbits(body, count=count * bits, bitorder="little").reshape(count, bits)
            plane = np.packbits(spread, axis=1, bitorder="little").ravel()
        spare = bits if data[at] == _CONSTANT else 1 + (count * bits + 7) % 8
        if body[-1] >> spare:
            raise CorruptError(
                f"low bits {first}..{first + bits - 1}: last byte {body[-1]:#x}, at most {spare} bits allowed"
            )
        total |= plane.astype(np.uint64) << np.uint64(first)
        at += size
    return total, at
