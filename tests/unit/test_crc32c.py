"""CRC-32C: the check value of docs/format.md, and a bit-by-bit computation."""

import numpy as np
import pytest

from astrocodec._native import crc32c


def _bit_by_bit(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_check_value() -> None:
    assert crc32c(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283
    assert _bit_by_bit(b"123456789") == 0xE3069283


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1000])
def test_any_length_and_continuation(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8)
    assert crc32c(data) == _bit_by_bit(data.tobytes())
    half = size // 2
    assert crc32c(data[half:], crc32c(data[:half])) == crc32c(data)
