"""Code lengths of samples: native and reference agree, and add up to the piece."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import FormatError
from astrocodec.model import load_model
from astrocodec.stages import counts, differences, piece, rans
from astrocodec.stages.distribution import PRECISION, cell_of, symbol_of
from astrocodec.stages.predict import predict
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
        "counts": np.exp(rng.exponential(0.8, (60, 70))) - 1,
        "column": rng.normal(1000, 3, (777, 1)),
        "row": rng.normal(30, 3, (1, 500)),
        "pixels": np.array([[5, 6]]),
    }
    return {name: np.clip(plane.round(), 0, 65535).astype(np.uint16) for name, plane in values.items()}


PLANES = planes()


def native_bits(data: bytes, shape: tuple[int, int]) -> tuple[NDArray[np.float32], float]:
    """What the native library says of a piece."""
    bits = np.full(shape, np.nan, np.float32)
    return bits, _native.piece_bits(_native.native_model(MODEL), np.frombuffer(data, np.uint8), bits)


_HEADER = struct.Struct("<BBHHH")


def _state_bits(data: bytes) -> float:
    """Of states as they stand in a piece: what they take beyond the symbols that are in them."""
    return sum(32 - math.log2(state / rans.LOW) for (state,) in struct.iter_unpack("<I", data))


def _modelled(data: bytes, samples: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    tables = REFERENCE.shapes
    _, log_states, *start = _HEADER.unpack_from(data)
    plane = piece.Plane(samples.shape[0], samples.shape[1], piece.Start(*start))
    bits = np.zeros(samples.shape, np.float32)
    for step in plane.wave:
        seen = plane.contexts(step)
        cells = cell_of(*predict(REFERENCE.weights, tables.tails, tables.skews, seen))
        values = samples[step.y, step.x]
        symbol, _, raw_bits = symbol_of(values - cells.base, cells)
        after, before = (tables.cumulative[cells.table, symbol + i].astype(np.float64) for i in (1, 0))
        bits[step.y, step.x] = PRECISION - np.log2(after - before) + raw_bits
        plane.take_in(step, values, seen.sum)
    states = data[_HEADER.size : _HEADER.size + (4 << log_states)]
    return bits, 8 * _HEADER.size + _state_bits(states)


def expected_bits(data: bytes, height: int, width: int) -> tuple[NDArray[np.float32], float]:
    """The same by the reference: code length of every sample, and the bits that belong to none."""
    samples = piece.decode_piece(REFERENCE.weights, REFERENCE.shapes, data, height, width).astype(np.int64)
    if data[0] == piece.MODELLED:
        return _modelled(data, samples)
    if data[0] == piece.DIFFERENCES:
        return _differences(data, samples)
    if data[0] == piece.COUNTS:
        return _counts(data, samples)
    is_raw = data[0] == piece.RAW
    return np.full((height, width), 16 if is_raw else 0, np.float32), 8 if is_raw else 24


def _differences(data: bytes, samples: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    table, size = differences.read_table(data)
    index = {symbol: i for i, symbol in enumerate(table.symbols)}
    escape = len(table.symbols)
    bits = np.zeros(samples.shape, np.float32)
    for (y, x), value in np.ndenumerate(samples):
        prediction, place = differences.context_at(samples, y, x, table.predictor)
        cumulative = table.cumulative[differences.class_of(place, table.log_classes)]
        symbol = index.get((int(value) - prediction) % 65536, escape)
        # A listed difference whose frequency is 0 in this class can only have come behind the escape.
        if cumulative[symbol + 1] == cumulative[symbol]:
            symbol = escape
        bits[y, x] = (
            PRECISION - math.log2(cumulative[symbol + 1] - cumulative[symbol]) + (16 if symbol == escape else 0)
        )
    return bits, 8 * size + _state_bits(data[size : size + 4 * differences.STATES])


def _counts(data: bytes, samples: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    context = counts.Context(*samples.shape)
    bits = np.zeros(samples.shape, np.float32)
    for (y, x), value in np.ndenumerate(samples - int.from_bytes(data[1:3], "little")):
        octave = int(value - 31).bit_length() - 1 if value > 31 else 0
        yes = 32 + octave if value > 31 else int(value)
        bits[y, x] = octave
        for number, decision in zip(range(yes + 1), context.decisions(y, x), strict=False):
            no = decision.frequency_of_no()
            bits[y, x] += PRECISION - math.log2(2**PRECISION - no if number < yes else no)
            decision.learn(number < yes)
        context.know(y, x, int(value))
    return bits, 8 * counts.HEADER + _state_bits(data[counts.HEADER : counts.HEADER + 4])


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("thorough", [False, True])
def test_native_and_reference_agree(name: str, thorough: bool) -> None:
    """To the rounding of single precision."""
    data = _native.encode_piece(_native.native_model(MODEL), PLANES[name], thorough)
    bits, header = native_bits(data, PLANES[name].shape)
    expected, expected_header = expected_bits(data, *PLANES[name].shape)
    np.testing.assert_allclose(bits, expected, rtol=1e-6, atol=1e-6)
    assert header == pytest.approx(expected_header)


@pytest.mark.parametrize("name", PLANES)
def test_bits_add_up_to_the_piece(name: str) -> None:
    """Within a thousandth; very short pieces within a byte or two, which rANS rounds to."""
    data = _native.encode_piece(_native.native_model(MODEL), PLANES[name])
    bits, header = native_bits(data, PLANES[name].shape)
    payload = 8 * len(data) - header
    assert float(bits.sum(dtype=np.float64)) == pytest.approx(payload, rel=1e-3, abs=16)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 330), st.floats(0, 14), st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 256])
)
def test_bits_add_up_whatever_the_plane(height: int, width: int, octave: float, seed: int, step: int) -> None:
    """Any size, noise and lattice."""
    rng = np.random.default_rng(seed)
    plane = np.clip(rng.normal(20000, 2**octave, (height, width)).round() // step * step, 0, 65535).astype(np.uint16)
    data = _native.encode_piece(_native.native_model(MODEL), plane, thorough=True)
    bits, header = native_bits(data, plane.shape)
    assert (bits >= 0).all()
    assert float(bits.sum(dtype=np.float64)) == pytest.approx(8 * len(data) - header, rel=1e-3, abs=24)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PLANES)), st.integers(0, 10**6), st.integers(1, 255), st.booleans())
def test_damaged_pieces_are_refused_or_add_up(name: str, at: int, change: int, cut: bool) -> None:
    """Damage gives an error or other finite bits, never a crash."""
    data = bytearray(_native.encode_piece(_native.native_model(MODEL), PLANES[name], thorough=True))
    at %= len(data)
    if cut:
        del data[at:]
    else:
        data[at] ^= change
    try:
        bits, _ = native_bits(bytes(data), PLANES[name].shape)
    except FormatError:
        return
    assert np.isfinite(bits).all()
