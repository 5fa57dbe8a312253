"""Trellis: which of two grids an integer stands on, and pieces whose coder knows it."""

import functools
from typing import Any

import numpy as np
import pytest
from backends import BACKENDS, NATIVE, REFERENCE, Backend
from made_models import GENTLE, SAMPLE_KINDS, WIDE, WILD, MadeModel, made_samples
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import CorruptError, FormatError, TruncatedError
from astrocodec.model import load_model
from astrocodec.stages import piece
from astrocodec.stages.trellis import STATES, halves, next_state


def test_the_eight_state_code() -> None:
    """Two ways lead on from each state, and two ways into each, which differ in p or in the parity."""
    state = np.arange(STATES)
    even, odd = next_state(state, np.zeros(8, np.int64)), next_state(state, np.ones(8, np.int64))
    assert even.tolist() == [0, 5, 1, 4, 2, 7, 3, 6]
    assert odd.tolist() == [2, 7, 3, 6, 0, 5, 1, 4]
    assert (np.bincount(np.concatenate([even, odd])) == 2).all()


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_runs_are_apart(odd: int, dtype: type[Any]) -> None:
    integers: NDArray[Any] = np.random.default_rng(1).integers(0, 60000, (2, 3, 100)).astype(dtype)
    whole = halves(integers, odd)
    state = 0
    for k, p in zip(integers[1, 2].tolist(), whole[1, 2].tolist(), strict=True):
        assert p == state & 1
        state = (state >> 1) ^ 5 * p ^ 2 * ((k + odd) & 1)
    parts = [halves(integers[..., x : x + 33], odd) for x in range(0, 100, 33)]
    np.testing.assert_array_equal(halves(integers, odd, run=33), np.concatenate(parts, axis=-1))
    assert halves(integers[..., :0], odd).shape == (2, 3, 0)


# Pieces


every_backend = pytest.mark.parametrize("backend", BACKENDS)
SKY = made_samples("sky", 5, 7) >> 1


@functools.cache
def _reference_piece(made: MadeModel, kind: str, height: int, width: int, odd: int) -> bytes:
    return REFERENCE.encode(made, made_samples(kind, height, width) >> 1, odd=odd)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_native_bytes_equal_the_reference(backend: Backend, kind: str) -> None:
    for number, (height, width) in enumerate([(1, 2), (70, 1), (1, 130), (35, 20)]):
        made, samples = (GENTLE, WIDE, WILD)[number % 3], made_samples(kind, height, width) >> 1
        data = backend.encode(made, samples, odd=number & 1)
        assert data == _reference_piece(made, kind, height, width, number & 1)
        np.testing.assert_array_equal(backend.decode(made, data, height, width), samples)


@every_backend
def test_pieces_of_other_modes_stay(backend: Backend) -> None:
    """Where a trellis does not matter, or costs more than it gains."""
    assert backend.encode(GENTLE, np.full((3, 4), 32767, np.uint16), odd=1) == b"\0\xff\x7f"
    noise = made_samples("noise", 8, 9) >> 1
    assert backend.encode(GENTLE, noise, odd=0) == b"\2" + noise.astype("<u2").tobytes()
    for kind in ("sparse", "counts"):
        samples = made_samples(kind, 61, 33) >> 1
        assert backend.encode(GENTLE, samples, odd=0) == backend.encode(GENTLE, samples)


@every_backend
def test_rows_may_be_apart(backend: Backend) -> None:
    part = made_samples("sky", 20, 90)[3:15, 7:86] >> 1
    frame = np.full((20, 99), 65535, np.uint16)
    frame[3:15, 7:86] = part
    assert backend.encode(GENTLE, frame[3:15, 7:86], odd=1) == backend.encode(GENTLE, part, odd=1)


@every_backend
def test_what_has_no_trellis_is_refused(backend: Backend) -> None:
    large = SKY.copy()
    large[4, 5] = 32768
    for samples, odd in ((large, 0), (SKY, 2), (SKY, -1)):
        with pytest.raises(ValueError, match=r"trellis|argument"):
            backend.encode(GENTLE, samples, odd=odd)


@every_backend
def test_damage_is_refused(backend: Backend) -> None:
    data = backend.encode(GENTLE, SKY, odd=1)
    assert data[:2] + data[8:9] == b"\6\0\1"
    for end in range(len(data)):
        with pytest.raises(TruncatedError):
            backend.decode(GENTLE, data[:end], *SKY.shape)
    for extra in (b"\0", b"\0\0"):
        with pytest.raises(CorruptError):
            backend.decode(GENTLE, data + extra, *SKY.shape)
    with pytest.raises(CorruptError, match="a trellis of odd 2"):
        backend.decode(GENTLE, data[:8] + b"\2" + data[9:], *SKY.shape)


@pytest.mark.parametrize("backend", NATIVE)
def test_changed_pieces_give_what_the_reference_gives(backend: Backend) -> None:
    """Any piece that its states and words allow is decoded alike, to samples of at most 32767."""
    data = bytearray(REFERENCE.encode(WIDE, made_samples("outliers", 12, 30) >> 1, odd=0))

    def outcome(codec: Backend, changed: bytes) -> object:
        try:
            return codec.decode(WIDE, changed, 12, 30).tobytes()
        except FormatError as error:
            return type(error)

    rng = np.random.default_rng(2)
    for _ in range(12):
        changed = data.copy()
        changed[8:9] = bytes([rng.integers(0, 3)])
        changed[rng.integers(9, len(data))] = rng.integers(0, 256)
        assert outcome(backend, bytes(changed)) == outcome(REFERENCE, bytes(changed))


def test_bits_of_samples_add_up_to_the_piece() -> None:
    model = _native.native_model(load_model("default"))
    frame = np.random.default_rng(1).normal(800, 9, (130, 210)).round().astype(np.uint16)
    data = np.frombuffer(_native.encode_piece(model, frame, odd=1), np.uint8)
    bits = np.zeros(frame.shape, np.float32)
    header = _native.piece_bits(model, data, bits)
    assert data[0] == piece.TRELLIS
    assert bits.sum(dtype=float) + header == pytest.approx(8 * data.size, rel=1e-3)


def test_known_grids_are_worth_bits() -> None:
    """Numbers rounded on the grid that is theirs take less than when it is not known."""
    rng, model = np.random.default_rng(3), _native.native_model(load_model("default"))
    values = 400 + 20 * np.linspace(0, 1, 300) + rng.normal(0, 0.7, (200, 1)) + rng.normal(0, 0.5, (200, 300))
    n, state = np.zeros(values.shape, np.int64), np.zeros(200, np.int64)
    for x in range(300):
        n[:, x] = np.rint(values[:, x] - (state & 1) / 2)
        state = next_state(state, n[:, x] & 1)
    samples = n.astype(np.uint16)
    known, unknown = (_native.encode_piece(model, samples, odd=odd) for odd in (0, None))
    assert (known[0], unknown[0]) == (piece.TRELLIS, piece.MODELLED)
    assert len(known) < 0.95 * len(unknown)
