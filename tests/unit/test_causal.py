"""Parameters of the causal network, and the framing of its pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages.causal import Parameters, frame_pieces, split_pieces
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.plane_maps import PlaneMap

U2 = np.dtype("u2")
SOME = Parameters("0123456789abcdef", PlaneMap(PixelMap(0, -300, ((5, 70000),)), 9), (0, 512))


def test_parameters_come_back() -> None:
    data = SOME.to_bytes()
    assert Parameters.read(data, U2, 9) == SOME
    for end in range(len(data)):
        with pytest.raises(TruncatedError, match=r"^byte [45]\d: "):
            Parameters.read(data[:end], U2, 9, start=40)


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (SOME.to_bytes() + b"\0", "1 bytes follow the codec's parameters"),
        (
            Parameters("00" * 8, PlaneMap(PixelMap(0, 0), 49), (0, 0)).to_bytes(),
            "49 low bits found, at most 48 allowed",
        ),
        (Parameters("00" * 8, PlaneMap(PixelMap(0, 0), 0), (65537, 0)).to_bytes(), "height of a piece is 65537"),
        (Parameters("00" * 8, PlaneMap(PixelMap(0, 0), 0), (1, 65537)).to_bytes(), "width of a piece is 65537"),
        (
            Parameters("00" * 8, PlaneMap(PixelMap(1, 0), 0), (0, 0)).to_bytes(),
            "uint16 elements with pixel map of kind 1",
        ),
    ],
)
def test_what_is_not_allowed_is_corrupt(damaged: bytes, message: str) -> None:
    with pytest.raises(CorruptError, match=message):
        Parameters.read(damaged, U2, 9)


@pytest.mark.parametrize(("dtype", "kinds"), [("b1", {0}), ("i8", {0}), ("f2", {1, 2}), ("c16", {1, 2})])
def test_kinds_of_maps_go_with_types(dtype: str, kinds: set[int]) -> None:
    assert {kind for kind in range(3) if PixelMap(kind, 0).fits(np.dtype(dtype))} == kinds


@given(st.lists(st.binary(min_size=3, max_size=300), min_size=1, max_size=6))
def test_pieces_come_back(pieces: list[bytes]) -> None:
    data = frame_pieces(pieces)
    assert [bytes(piece) for piece in split_pieces(memoryview(data), len(pieces))] == pieces
    with pytest.raises(TruncatedError):
        split_pieces(memoryview(data[:-1]), len(pieces))
    with pytest.raises(CorruptError, match=r"byte \d+: 1 bytes follow the last piece"):
        split_pieces(memoryview(data + b"\0"), len(pieces), 1000)


def test_more_pieces_than_bytes_are_not_looked_for() -> None:
    with pytest.raises(TruncatedError, match="1000000000 pieces announced, 12 bytes are left"):
        split_pieces(memoryview(bytes(12)), 10**9)
