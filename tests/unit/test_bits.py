"""Bits and Golomb-Rice codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.bits import BitReader, BitWriter, RiceMean

NUMBERS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12)), max_size=50)


@given(NUMBERS)
def test_numbers_come_back(numbers: list[tuple[int, int]]) -> None:
    out = BitWriter()
    for value, k in numbers:
        out.write(value, 13)
        out.write_rice(value, k)
    data = out.to_bytes()
    bits = BitReader(data, "numbers")
    for value, k in numbers:
        assert bits.read(13) == value
        assert bits.read_rice(k) == value
    bits.finish()
    assert len(data) == (sum(13 + (value >> k) + 1 + k for value, k in numbers) + 7) // 8


@given(st.lists(st.integers(0, 70000)))
def test_the_mean_follows_what_it_sees(values: list[int]) -> None:
    mean = RiceMean()
    for value in values:
        mean.update(value)
    assert mean.n < 32
    assert mean.n << mean.parameter() >= mean.total
    assert not mean.parameter() or mean.n << mean.parameter() - 1 < mean.total


@given(st.lists(st.integers(0, 65535)))
def test_running_numbers_come_back(values: list[int]) -> None:
    out, mean = BitWriter(), RiceMean()
    for value in values:
        mean.write(out, value)
    bits, mean = BitReader(out.to_bytes(), "numbers"), RiceMean()
    assert [mean.read(bits, 65535) for _ in values] == values
    bits.finish()


def test_one_large_number_among_small_ones_costs_few_bits() -> None:
    out, mean = BitWriter(), RiceMean()
    for value in (0, 1, 2, 60000, 0, 1):
        mean.write(out, value)
    assert len(out.to_bytes()) <= 12  # a bit for each of its steps of 8 would be 940


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(TruncatedError, match="list: 1 bytes are too few"):
        BitReader(b"\xff", "list").read(9)
    with pytest.raises(TruncatedError, match="too few"):
        BitReader(b"\xff", "list").read_rice(0)
    with pytest.raises(CorruptError, match="list: 5 found, at most 4 allowed"):
        RiceMean().read(BitReader(b"\x0a", "list"), 4)
    bits = BitReader(b"\x10\x00", "list")
    bits.read(4)
    with pytest.raises(CorruptError, match="list: bits follow its end in byte 0"):
        bits.end()
    bits = BitReader(b"\x01\x00", "list")
    bits.read(1)
    with pytest.raises(CorruptError, match="list: 1 bytes follow its end"):
        bits.finish()
