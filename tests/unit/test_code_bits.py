"""Code lengths of samples: native and reference agree, and add up to the piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import FormatError
from astrocodec.model import load_model
from astrocodec.stages.code_bits import piece_bits
from astrocodec.stages.reference import ReferenceModel

MODEL = load_model("default")
REFERENCE = ReferenceModel(MODEL.weights, MODEL.shapes)


def planes() -> dict[str, NDArray[np.uint16]]:
    """A plane for each mode, some with odd sides."""
    rng = np.random.default_rng(4)
    values = {
        "sky": rng.normal(1000, 11, (150, 130)),
        "outliers": rng.exponential(3000, (65, 300)),
        "raw": rng.integers(0, 65536, (30, 40)),
        "constant": np.full((5, 6), 9),
        "differences": rng.integers(0, 5, (60, 70)) * 997,
        "column": rng.normal(1000, 3, (777, 1)),
        "row": rng.normal(30, 3, (1, 500)),
        "pixels": np.array([[5, 6]]),
    }
    return {name: np.clip(plane.round(), 0, 65535).astype(np.uint16) for name, plane in values.items()}


PLANES = planes()


def native_bits(piece: bytes, shape: tuple[int, int]) -> tuple[NDArray[np.float32], float]:
    """What the native library says of a piece."""
    bits = np.full(shape, np.nan, np.float32)
    return bits, _native.piece_bits(_native.native_model(MODEL), np.frombuffer(piece, np.uint8), bits)


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("thorough", [False, True])
def test_native_and_reference_agree(name: str, thorough: bool) -> None:
    """To the rounding of single precision."""
    piece = _native.encode_piece(_native.native_model(MODEL), PLANES[name], thorough)
    bits, header = native_bits(piece, PLANES[name].shape)
    expected, expected_header = piece_bits(REFERENCE.weights, REFERENCE.shapes, piece, *PLANES[name].shape)
    np.testing.assert_allclose(bits, expected, rtol=1e-6, atol=1e-6)
    assert header == pytest.approx(expected_header)


@pytest.mark.parametrize("name", PLANES)
def test_bits_add_up_to_the_piece(name: str) -> None:
    """Within a thousandth; very short pieces within a byte or two, which rANS rounds to."""
    piece = _native.encode_piece(_native.native_model(MODEL), PLANES[name])
    bits, header = native_bits(piece, PLANES[name].shape)
    payload = 8 * len(piece) - header
    assert float(bits.sum(dtype=np.float64)) == pytest.approx(payload, rel=1e-3, abs=16)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 330), st.floats(0, 14), st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 256])
)
def test_bits_add_up_whatever_the_plane(height: int, width: int, octave: float, seed: int, step: int) -> None:
    """Any size, noise and lattice."""
    rng = np.random.default_rng(seed)
    plane = np.clip(rng.normal(20000, 2**octave, (height, width)).round() // step * step, 0, 65535).astype(np.uint16)
    piece = _native.encode_piece(_native.native_model(MODEL), plane, thorough=True)
    bits, header = native_bits(piece, plane.shape)
    assert (bits >= 0).all()
    assert float(bits.sum(dtype=np.float64)) == pytest.approx(8 * len(piece) - header, rel=1e-3, abs=24)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PLANES)), st.integers(0, 10**6), st.integers(1, 255), st.booleans())
def test_damaged_pieces_are_refused_or_add_up(name: str, at: int, change: int, cut: bool) -> None:
    """Damage gives an error or other finite bits, never a crash."""
    piece = bytearray(_native.encode_piece(_native.native_model(MODEL), PLANES[name], thorough=True))
    at %= len(piece)
    if cut:
        del piece[at:]
    else:
        piece[at] ^= change
    try:
        bits, _ = native_bits(bytes(piece), PLANES[name].shape)
    except FormatError:
        return
    assert np.isfinite(bits).all()
