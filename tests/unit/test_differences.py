"""Differences: native library and reference give the same bytes; nothing damaged gets through."""

from typing import Any

import numpy as np
import pytest
from pieces_without_network import MODEL, Samples, anything, assert_both_refuse, decode, plate

from astrocodec import _native
from astrocodec.stages import differences as reference


def encode(samples: Samples) -> bytes:
    """By the reference; where differences are the shortest way, the native library must have tried them as well."""
    data = reference.encode(samples)
    native = _native.encode_piece(MODEL, samples, thorough=True)
    assert native == data or len(native) <= len(data)
    return data


def is_promising(samples: Samples) -> bool:
    """By the reference; where differences are the shortest way, the native library must have tried them just then."""
    found = reference.promising(samples)
    if _native.encode_piece(MODEL, samples, thorough=True)[0] == reference.MODE:
        assert (_native.encode_piece(MODEL, samples)[0] == reference.MODE) == found
    return found


KINDS: dict[str, Any] = {
    "plate": plate,
    "constant": lambda rng, h, w: np.full((h, w), 31000, np.uint16),
    "counts": lambda rng, h, w: rng.poisson(0.3, (h, w)).astype(np.uint16),
    "ends": lambda rng, h, w: rng.choice([0, 65535, 32768], (h, w)).astype(np.uint16),
    "ramp": lambda rng, h, w: (np.indices((h, w)).sum(0) * 977).astype(np.uint16),
    "noise": lambda rng, h, w: rng.normal(1000, 20, (h, w)).astype(np.uint16),
    "anything": anything,
}
SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 301), (301, 1), (3, 5), (33, 31), (96, 70)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_native_and_reference_agree(kind: str, size: tuple[int, int]) -> None:
    samples = KINDS[kind](np.random.default_rng(size[0]), *size)
    data = encode(samples)
    np.testing.assert_array_equal(decode(data, *size), samples)
    np.testing.assert_array_equal(reference.decode(data, *size), samples)


@pytest.mark.parametrize("predictor", range(4))
def test_every_predictor_is_chosen_where_it_fits(predictor: int) -> None:
    rng = np.random.default_rng(predictor)
    rough = rng.integers(0, 60000, (1, 120))
    samples = [
        rng.choice([3, 70, 5000], (90, 120)),
        rough.T[:90] + rng.choice([0, 900], (90, 120)).cumsum(1),
        rough + rng.choice([0, 900], (90, 120)).cumsum(0),
        rough + rough.T[:90] + np.cumsum(np.cumsum(rng.choice([0, 0, 900], (90, 120)), 0), 1),
    ][predictor].astype(np.uint16)
    data = encode(samples)
    assert data[1] == predictor
    np.testing.assert_array_equal(decode(data, 90, 120), samples)


def test_classes_pay_on_a_plate() -> None:
    samples = plate(np.random.default_rng(0), 200, 200)
    data = encode(samples)
    assert data[2] >= 2
    assert data == _native.encode_piece(MODEL, samples)
    np.testing.assert_array_equal(decode(data, 200, 200), samples)


def test_more_differences_than_symbols() -> None:
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 9000, (150, 200)).astype(np.uint16)
    data = encode(samples)
    assert 0 < int.from_bytes(data[3:5], "little") <= reference.MAX_SYMBOLS
    np.testing.assert_array_equal(decode(data, 150, 200), samples)


def piece_of(table: reference.Table) -> bytes:
    return table.to_bytes() + np.full(4, 65536, "<u4").tobytes()


def test_the_shortest_piece() -> None:
    data = piece_of(reference.Table(0, 0, [5], [[0, 16384, 16384]]))
    assert decode(data, 2, 2).tolist() == reference.decode(data, 2, 2).tolist() == [[5, 5], [5, 5]]


HOSTILE = {
    "predictor": (b"\x04", 1),
    "classes": (b"\x04", 2),
    "count": (b"\x00\x10", 3),
    "first of none": (b"\0\0", 3),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name: str) -> None:
    value, at = HOSTILE[name]
    data = bytearray(piece_of(reference.Table(0, 0, [5], [[0, 16384, 16384]])))
    data[at : at + len(value)] = value
    assert_both_refuse(reference, bytes(data), 2, 2)


@pytest.mark.parametrize(
    "table",
    [
        reference.Table(0, 0, [5], [[0, 16383, 16383]]),
        reference.Table(0, 0, [5], [[0, 16384, 16385]]),
        reference.Table(0, 0, [5], [[0, 32767, 32767]]),
        reference.Table(0, 0, [5], [[0, 0, 0]]),
        reference.Table(0, 1, [5], [[0, 16384, 16384], [0, 1, 16383]]),
        reference.Table(0, 0, [5, 65000, 64999], [[0, 1, 2, 16383, 16384]]),
    ],
    ids=["short", "long", "too long", "empty", "second class", "round the circle"],
)
def test_hosquantise_tables_are_refused(table: reference.Table) -> None:
    data = piece_of(table)
    assert_both_refuse(reference, data, 2, 2)


def test_unary_bomb_is_refused() -> None:
    head = reference.Table(0, 0, [5, 6], [[0, 0, 0, 16384]]).to_bytes()[:7]
    data = head + b"\xff" * 20000
    assert_both_refuse(reference, data, 2, 2)


def test_a_mask_of_two_distant_values_is_short() -> None:
    samples = np.where(np.random.default_rng(8).random((60, 60)) < 0.02, 60000, 7).astype(np.uint16)
    data = encode(samples)
    assert len(data) < 150
    np.testing.assert_array_equal(decode(data, 60, 60), samples)


def test_padding_must_be_zero() -> None:
    table = reference.Table(0, 0, [5], [[0, 16384, 16384]]).to_bytes()
    data = table[:-1] + bytes([table[-1] | 0x80]) + np.full(4, 65536, "<u4").tobytes()
    assert_both_refuse(reference, data, 2, 2)


def test_small_states_are_refused() -> None:
    table = reference.Table(0, 0, [5], [[0, 16384, 16384]])
    data = table.to_bytes() + np.array([65536, 65536, 65535, 65536], "<u4").tobytes()
    assert_both_refuse(reference, data, 2, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [*SIZES, (65, 65), (66, 66), (64, 300), (300, 64), (200, 260), (2, 700), (700, 2)])
def test_both_find_the_same_promising(kind: str, size: tuple[int, int]) -> None:
    for seed in range(3):
        is_promising(KINDS[kind](np.random.default_rng(seed), *size))


def test_both_find_the_same_promising_near_the_limits() -> None:
    rng = np.random.default_rng(7)
    found = []
    for share in np.linspace(0, 1, 60):
        noise = rng.normal(20000, rng.choice([0.4, 2, 90, 9000]), (90, 100)).round().clip(0, 65535)
        samples = np.where(rng.random((90, 100)) < share, plate(rng, 90, 100), noise).astype(np.uint16)
        found.append(is_promising(samples))
    assert 10 < sum(found) < 50


def test_plates_promise_and_noise_does_not() -> None:
    rng = np.random.default_rng(6)
    y, x = np.indices((256, 256))
    for size in (32, 64, 256):
        assert is_promising(plate(rng, size, size))
    for sigma in (1, 3, 10, 100, 1000, 5000):
        for level in (1000, 30000):
            frame = rng.normal(level + x / 7 + y, sigma).round().clip(0, 65535).astype(np.uint16)
            assert not is_promising(frame)
    assert not is_promising(rng.integers(0, 65536, (256, 256), np.uint16))
    assert not is_promising(plate(rng, 1, 256))


def test_maps_of_one_value_and_rare_others_promise() -> None:
    rng = np.random.default_rng(8)
    exposures = np.where(rng.random((128, 128)) < 0.8, 900, rng.integers(0, 900, (128, 128))).astype(np.uint16)
    assert is_promising(exposures)
