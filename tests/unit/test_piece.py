"""One suite for every codec of pieces: the reference and each level of the native library."""

import functools
import struct
from unittest import mock

import numpy as np
import pytest
from backends import ALL_NATIVE, AVAILABLE_NATIVE, BACKENDS, NATIVE, REFERENCE, Backend
from made_models import GENTLE, SAMPLE_KINDS, WIDE, WILD, MadeModel, made_samples

from astrocodec import _native
from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.stages import counts, differences, piece
from astrocodec.stages.piece import Start, choose_start

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_native = pytest.mark.parametrize("backend", NATIVE)
SKY = made_samples("sky", 9, 11)
SPARSE = made_samples("sparse", 9, 11)
SPARSE_PIECE = differences.encode(SPARSE)


@functools.cache
def _reference_piece(made: MadeModel, kind: str, height: int, width: int, thorough: bool = False) -> bytes:
    return REFERENCE.encode(made, made_samples(kind, height, width), thorough)


@pytest.fixture(scope="module")
def sky_piece() -> bytes:
    return REFERENCE.encode(GENTLE, SKY)


@every_backend
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
@pytest.mark.parametrize(("height", "width"), [(1, 2), (13, 1), (7, 5), (35, 20)])
def test_samples_come_back(backend: Backend, kind: str, height: int, width: int) -> None:
    samples = made_samples(kind, height, width)
    data = backend.encode(WIDE, samples)
    assert len(data) <= 1 + 2 * samples.size
    np.testing.assert_array_equal(backend.decode(WIDE, data, height, width), samples)


@every_native
@pytest.mark.parametrize("made", [GENTLE, WIDE, WILD])
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_native_bytes_equal_the_reference(backend: Backend, made: MadeModel, kind: str) -> None:
    for height, width in ((1, 60), (6, 8), (35, 20)):
        samples = made_samples(kind, height, width)
        for thorough in (False, True):
            assert backend.encode(made, samples, thorough) == _reference_piece(made, kind, height, width, thorough)


@every_native
@pytest.mark.parametrize("kind", ["blocks", "sparse", "counts", "events", "spikes"])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 90), (90, 3), (66, 71), (131, 140)])
def test_pieces_of_other_modes_equal_the_reference(backend: Backend, kind: str, height: int, width: int) -> None:
    samples = made_samples(kind, height, width)
    data = backend.encode(GENTLE, samples)
    assert data == _reference_piece(GENTLE, kind, height, width)
    assert data[0] == (piece.COUNTS if kind in ("counts", "events") else piece.DIFFERENCES) or samples.size < 1000
    np.testing.assert_array_equal(backend.decode(GENTLE, data, height, width), samples)


@every_backend
def test_differences_are_tried_where_promising_or_asked_for(backend: Backend) -> None:
    row = made_samples("sparse", 1, 400)  # a single row never looks promising
    assert backend.encode(GENTLE, row)[0] != piece.DIFFERENCES
    assert backend.encode(GENTLE, row, thorough=True) == differences.encode(row)
    smooth = made_samples("stripes", 60, 90)
    assert backend.encode(GENTLE, smooth) == backend.encode(GENTLE, smooth, thorough=True)
    assert backend.encode(GENTLE, smooth)[0] == piece.MODELLED


@every_backend
def test_a_piece_of_differences_must_be_smaller(backend: Backend) -> None:
    """Two pixels' table and states take more than the raw samples."""
    samples = np.array([[0, 100], [100, 200]], np.uint16)
    assert backend.encode(GENTLE, samples, thorough=True)[0] == piece.RAW


@every_native
@pytest.mark.parametrize(("height", "width"), [(66, 249), (66, 250), (150, 262)])
def test_wide_pieces_equal_the_reference(backend: Backend, height: int, width: int) -> None:
    samples = made_samples("sky", height, width)
    data = _reference_piece(WIDE, "sky", height, width)
    assert backend.encode(WIDE, samples) == data
    np.testing.assert_array_equal(backend.decode(WIDE, data, height, width), samples)


def _start_of(data: bytes) -> Start:
    assert data[0] == piece.MODELLED
    return Start(*struct.unpack_from("<HHH", data, 2))


@functools.cache
def _piece_with_start(kind: str, start: Start) -> bytes:
    with (
        mock.patch.object(piece, "choose_start", return_value=start),
        mock.patch.object(differences, "promising", return_value=False),
        mock.patch.object(counts, "promising", return_value=False),
    ):
        data = REFERENCE.encode(WIDE, made_samples(kind, 35, 20))
    assert _start_of(data) == start
    return data


@every_native
@pytest.mark.parametrize("row", [0, 40000, 65535])
@pytest.mark.parametrize(
    ("amplitude", "floor"), [(0, 0), (0, 65535), (1, 999), (1, 32768), (32766, 1), (32767, 0), (32767, 65535)]
)
@pytest.mark.parametrize("kind", ["sky", "counts"])
def test_any_start_decodes(backend: Backend, row: int, amplitude: int, floor: int, kind: str) -> None:
    data = _piece_with_start(kind, Start(row, amplitude, floor))
    np.testing.assert_array_equal(backend.decode(WIDE, data, 35, 20), made_samples(kind, 35, 20))


@every_native
@pytest.mark.parametrize(
    ("height", "width"), [(1, 2), (1, 300), (300, 1), (3, 3), (255, 257), (1000, 3), (2, 65536), (65536, 2)]
)
@pytest.mark.parametrize("kind", ["sky", "columns", "counts", "pedestal"])
def test_native_library_chooses_the_same_start(backend: Backend, kind: str, height: int, width: int) -> None:
    samples = made_samples(kind, height, width, seed=3)
    data = backend.encode(GENTLE, samples)
    if data[0] == piece.MODELLED:
        assert _start_of(data) == choose_start(samples)
    else:
        assert data[0] in (piece.DIFFERENCES, piece.COUNTS) or samples.size < 10


def test_start_describes_the_piece() -> None:
    assert choose_start(made_samples("checkers", 40, 40)) == Start(65535, 32767, 0)
    assert choose_start(np.arange(256, dtype=np.uint16).reshape(256, 1)) == Start(0, 0, 8)
    start = choose_start(made_samples("pedestal", 40, 40))
    assert (start.row, start.amplitude, start.floor) == (30000, 0, 30000)
    start = choose_start(made_samples("sky", 60, 80))
    assert abs(start.row - 1000) < 6
    assert 2 < start.amplitude < 12
    assert 980 < start.floor < 992


def test_levels_that_the_processor_lacks_are_refused() -> None:
    available = {_native.SIMD_LEVELS[backend.simd] for backend in AVAILABLE_NATIVE}
    assert min(available) == _native.SIMD_LEVELS["portable"]
    data = REFERENCE.encode(GENTLE, SKY)
    for backend in ALL_NATIVE:
        if backend not in AVAILABLE_NATIVE:
            with pytest.raises(ValueError, match="argument"):
                backend.encode(GENTLE, SKY)
            with pytest.raises(ValueError, match="argument"):
                backend.decode(GENTLE, data, *SKY.shape)


@every_backend
def test_constant_piece_is_three_bytes(backend: Backend) -> None:
    data = backend.encode(GENTLE, np.full((20, 30), 0x1234, np.uint16))
    assert data == b"\0\x34\x12"
    assert (backend.decode(GENTLE, data, 4, 5) == 0x1234).all()


@every_backend
def test_incompressible_piece_is_raw(backend: Backend) -> None:
    samples = made_samples("noise", 8, 9)
    data = backend.encode(GENTLE, samples)
    assert data == b"\2" + samples.astype("<u2").tobytes()


@every_backend
def test_modelled_piece_begins_with_its_header(backend: Backend) -> None:
    data = backend.encode(GENTLE, SKY)
    assert tuple(data[:2]) == (1, 0)
    assert _start_of(data) == choose_start(SKY)


@every_backend
@pytest.mark.parametrize(("side", "log_states"), [(16, 0), (80, 1), (160, 3)])
def test_long_pieces_have_more_states(backend: Backend, side: int, log_states: int) -> None:
    samples = made_samples("sky", side, side)
    data = backend.encode(GENTLE, samples)
    assert data[1] == log_states
    np.testing.assert_array_equal(backend.decode(GENTLE, data, side, side), samples)


@every_backend
def test_rows_may_be_apart(backend: Backend) -> None:
    frame = made_samples("sky", 20, 60)
    part = frame[3:15, 7:50]
    assert backend.encode(GENTLE, part) == backend.encode(GENTLE, part.copy())


@every_backend
def test_every_prefix_is_too_short(backend: Backend, sky_piece: bytes) -> None:
    pieces = [(sky_piece, SKY.shape), (b"\0\1\2", (3, 3)), (b"\2" + bytes(24), (3, 4)), (SPARSE_PIECE, SPARSE.shape)]
    for data, shape in pieces:
        for end in range(len(data)):
            with pytest.raises(TruncatedError):
                backend.decode(GENTLE, data[:end], *shape)


@every_backend
def test_bytes_after_the_end_are_noticed(backend: Backend, sky_piece: bytes) -> None:
    for data in (sky_piece, b"\0\1\2", b"\2" + bytes(2 * SKY.size), SPARSE_PIECE):
        for extra in (b"\0", b"\0\0", b"\1\2\3"):
            with pytest.raises(CorruptError):
                backend.decode(GENTLE, data + extra, *SKY.shape)


@every_backend
def test_impossible_headers_are_noticed(backend: Backend, sky_piece: bytes) -> None:
    for data in (
        b"\4" + sky_piece[1:],
        b"\3\4" + SPARSE_PIECE[2:],
        b"\3\0\4" + SPARSE_PIECE[3:],
        b"\4" + SPARSE_PIECE[1:],
        b"\xff",
        sky_piece[:1] + b"\6" + sky_piece[2:] + bytes(300),
        sky_piece[:4] + struct.pack("<H", 32768) + sky_piece[6:],
        sky_piece[:4] + b"\xff\xff" + sky_piece[6:],
        sky_piece[:8] + struct.pack("<I", 65535) + sky_piece[12:],
    ):
        with pytest.raises(CorruptError):
            backend.decode(GENTLE, data, *SKY.shape)


@every_backend
def test_other_model_or_size_never_crashes(backend: Backend, sky_piece: bytes) -> None:
    for made, shape in ((WILD, SKY.shape), (GENTLE, (8, 11)), (GENTLE, (9, 12)), (GENTLE, (300, 300))):
        with pytest.raises((TruncatedError, CorruptError)):
            backend.decode(made, sky_piece, *shape)
