import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.split import choose_low_bits, pack_low, unpack_low


@given(st.integers(0, 48), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_low_bits_round_trip(low: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2**62, count).astype(np.uint64)
    packed = pack_low(values, low)
    unpacked, used = unpack_low(memoryview(packed + b"rest"), count, low)
    assert used == len(packed)
    assert (unpacked == (values & np.uint64((1 << low) - 1))).all()


def test_constant_planes_take_two_bytes() -> None:
    assert pack_low(np.full(1000, 0x1234, np.uint64), 16) == b"\x00\x34\x00\x12"


def test_cut_and_unknown_planes() -> None:
    packed = pack_low(np.arange(300, dtype=np.uint64), 8)
    with pytest.raises(TruncatedError, match=r"low bits 0\.\.7"):
        unpack_low(memoryview(packed[:-1]), 300, 8)
    with pytest.raises(CorruptError, match="mode 2"):
        unpack_low(memoryview(b"\x02" + packed[1:]), 300, 8)


def test_choice_follows_range_and_noise() -> None:
    quiet = np.full((64, 64), 7, np.uint64)
    assert choose_low_bits(quiet, 7) == 0
    assert choose_low_bits(quiet, 2**24) == 9
    loud = np.random.default_rng(0).integers(0, 65536, (64, 64)).astype(np.uint64)
    assert choose_low_bits(loud, 65535) > 3
