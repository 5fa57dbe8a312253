"""CRC-32C: the check value of docs/format.md, and a bit-by-bit computation."""

import numpy as np
import pytest

from astrocodec import _native
from astrocodec.stages.crc32c import crc32c


def _bit_by_bit(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_check_value() -> None:
    assert crc32c(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283
    assert _native.crc32c(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283
    assert _bit_by_bit(b"123456789") == 0xE3069283


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 255, 256, 257, 1000, 3000])
def test_any_length_and_continuation(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size).astype(np.uint8)
    assert crc32c(data) == _native.crc32c(data) == _bit_by_bit(data.tobytes())
    half = size // 2
    for one in (crc32c, _native.crc32c):
        assert one(data[half:], one(data[:half])) == crc32c(data)


def test_arrays_are_taken_in_c_order() -> None:
    array = np.arange(600, dtype="<u4").reshape(20, 30)
    assert crc32c(array.T) == crc32c(array.T.tobytes())
    assert crc32c(np.array(7, "<u2")) == crc32c(b"\7\0")
