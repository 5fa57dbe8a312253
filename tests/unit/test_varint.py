import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import varint


@given(st.integers(0, 2**64 - 1))
def test_unsigned_round_trip(value: int) -> None:
    reader = varint.Reader(memoryview(varint.put(value) + b"x"))
    assert reader.number("value") == value
    assert bytes(reader.take(1, "rest")) == b"x"


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_round_trip(value: int) -> None:
    assert varint.Reader(memoryview(varint.put_signed(value))).signed("value") == value


@pytest.mark.parametrize("value", [-1, 2**64])
def test_outside_range(value: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        varint.put(value)


def test_cut_long_and_padded_numbers_are_refused() -> None:
    with pytest.raises(TruncatedError, match="cut"):
        varint.Reader(memoryview(b"\x80")).number("value")
    with pytest.raises(CorruptError, match="longer"):
        varint.Reader(memoryview(b"\xff" * 11)).number("value")
    with pytest.raises(CorruptError, match="shortest"):
        varint.Reader(memoryview(b"\x81\x00")).number("value")
    with pytest.raises(CorruptError, match=r"allowed are 0\.\.5"):
        varint.Reader(memoryview(b"\x06")).number("value", 5)
