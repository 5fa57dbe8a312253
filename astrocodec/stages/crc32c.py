"""CRC-32C (docs/format.md section "CRC-32C"): the checksum of streams."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_ROW = 256


@functools.cache
def _table() -> NDArray[np.uint32]:
    """What each value of the lowest byte adds to the other three."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1)
    return crc


def _through(crc: NDArray[np.uint32], bytes_in_order: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Take in bytes: as many values at once as the second axis is long."""
    table = _table()
    for row in bytes_in_order:
        crc = (crc >> np.uint32(8)) ^ table[(crc ^ row) & 255]
    return crc


@functools.cache
def _past_a_row() -> list[list[int]]:
    """What a row of zeros makes of each byte of a value; the whole is their exclusive-or."""
    crc = (np.arange(256, dtype=np.uint32)[None] << (8 * np.arange(4, dtype=np.uint32)[:, None])).ravel()
    past = _through(crc, np.zeros((_ROW, 1), np.uint8)).reshape(4, 256)
    return [[int(value) for value in row] for row in past]


def crc32c(data: bytes | memoryview | NDArray[np.generic], crc: int = 0) -> int:
    """Checksum of bytes, or of an array's bytes in C order; `crc` is that of the bytes before.

    >>> hex(crc32c(b"123456789")), crc32c(b"789", crc32c(b"123456")) == crc32c(b"123456789")
    ('0xe3069283', True)
    """
    flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else data
    found = np.frombuffer(flat, np.uint8)
    rows = found[: found.size // _ROW * _ROW].reshape(-1, _ROW)
    value = crc ^ _ONES
    # Rows are taken in side by side, each as if zeros stood before it; that is what makes NumPy quick enough.
    for row in _through(np.zeros(len(rows), np.uint32), rows.T).tolist() if len(rows) else ():
        first, second, third, fourth = _past_a_row()
        value = first[value & 255] ^ second[value >> 8 & 255] ^ third[value >> 16 & 255] ^ fourth[value >> 24] ^ row
    rest = _through(np.array([value], np.uint32), found[rows.size :, None])
    return int(rest[0]) ^ _ONES
