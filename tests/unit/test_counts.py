"""Counts: native library and reference give the same bytes; nothing damaged gets through."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import CorruptError, FormatError, TruncatedError
from astrocodec.model import load_model
from astrocodec.stages import counts as reference
from astrocodec.stages import differences
from astrocodec.stages.piece import MODELLED

MODEL = _native.native_model(load_model("default"))

Samples = NDArray[np.uint16]


def decode(data: bytes, height: int, width: int) -> Samples:
    """By the native library, from a copy of exactly this length, so that a memory checker sees reads behind it."""
    out = np.zeros((height, width), np.uint16)
    _native.decode_piece(MODEL, np.frombuffer(data, np.uint8).copy(), out)
    return out


def assert_both_refuse(data: bytes, height: int, width: int, error: type[FormatError] = CorruptError) -> None:
    with pytest.raises(error):
        decode(data, height, width)
    with pytest.raises(error):
        reference.decode(data, height, width)


def x_rays(rng: np.random.Generator, height: int, width: int, peak: float = 3) -> Samples:
    """A faint field, a cluster and a point source."""
    y, x = np.indices((height, width))
    rate = 0.05 + peak * np.exp(-((y - 0.4 * height) ** 2 + (x - 0.6 * width) ** 2) / (0.01 * height * width + 1))
    rate[height // 3, width // 4] += 40 * peak
    return rng.poisson(rate).astype(np.uint16)


KINDS: dict[str, Any] = {
    "x-rays": x_rays,
    "on a pedestal": lambda rng, h, w: x_rays(rng, h, w) + np.uint16(1000),
    "flat": lambda rng, h, w: rng.poisson(0.6, (h, w)).astype(np.uint16),
    "steps": lambda rng, h, w: rng.integers(0, 17, (h, w)).astype(np.uint16),
    "far": lambda rng, h, w: np.where(rng.random((h, w)) < 1e-4, 65535, rng.random((h, w)) < 0.1).astype(np.uint16),
    "octaves": lambda rng, h, w: (np.exp(rng.exponential(1.1, (h, w)).clip(0, 11)) - 1).astype(np.uint16),
}
SIZES = [(1, 2), (2, 1), (2, 2), (1, 301), (301, 1), (3, 5), (33, 31), (96, 70)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_native_and_reference_agree(kind: str, size: tuple[int, int]) -> None:
    samples = KINDS[kind](np.random.default_rng(size[0]), *size)
    data = reference.encode(samples)
    native = _native.encode_piece(MODEL, samples, thorough=True)
    assert native == data or len(native) <= len(data) or not reference.promising(samples, thorough=True)
    np.testing.assert_array_equal(decode(data, *size), samples)
    np.testing.assert_array_equal(reference.decode(data, *size), samples)


@pytest.mark.parametrize("kind", ["x-rays", "on a pedestal", "flat"])
def test_native_library_writes_them_unasked(kind: str) -> None:
    samples = KINDS[kind](np.random.default_rng(1), 150, 170)
    assert _native.encode_piece(MODEL, samples) == reference.encode(samples)


def test_both_find_the_same_promising() -> None:
    rng = np.random.default_rng(2)
    for size in ((30, 40), (300, 300)):
        for mean in (0.9, 1.1, 7.9, 8.1):
            samples = np.where(rng.random(size) < mean / 50, 50, 0).astype(np.uint16)
            mean_found = samples.mean()
            for thorough in (False, True):
                limit = 8 if thorough or samples.size <= 65536 else 1
                assert reference.promising(samples, thorough) == (mean_found <= limit)
                data = _native.encode_piece(MODEL, samples, thorough)
                assert reference.promising(samples, thorough) or data[0] != reference.MODE


def test_large_frames_of_larger_counts_are_tried_if_asked() -> None:
    samples = x_rays(np.random.default_rng(3), 300, 300, peak=60)
    assert samples.mean() > 1
    assert _native.encode_piece(MODEL, samples)[0] != reference.MODE
    assert _native.encode_piece(MODEL, samples, thorough=True) == reference.encode(samples)


def test_x_rays_are_smaller_than_by_the_network_and_by_differences() -> None:
    samples = x_rays(np.random.default_rng(4), 250, 260)
    size = len(reference.encode(samples))
    assert size < 0.95 * len(differences.encode(samples))
    # Were the least sample far below, the network would be left.
    samples[0, 0], samples[1:] = 0, samples[1:] + np.uint16(100)
    data = _native.encode_piece(MODEL, samples)
    assert data[0] == MODELLED
    assert size < 0.95 * len(data)


def test_an_empty_field_costs_nearly_nothing() -> None:
    samples = np.zeros((400, 500), np.uint16)
    samples[200, 200] = 1
    assert len(reference.encode(samples[:50])) < 40
    assert len(_native.encode_piece(MODEL, samples)) < 30


def test_strides_are_respected() -> None:
    whole = x_rays(np.random.default_rng(5), 60, 90)
    part = whole[3:53, 10:71]
    data = _native.encode_piece(MODEL, part)
    assert data == reference.encode(part.copy())
    out = np.full((60, 90), 7, np.uint16)
    inner = out[3:53, 10:71]
    _native.decode_piece(MODEL, np.frombuffer(data, np.uint8), inner)
    np.testing.assert_array_equal(inner, part)
    inner[:] = 7
    assert (out == 7).all()


@pytest.mark.parametrize("kind", ["x-rays", "octaves"])
def test_truncation_is_noticed(kind: str) -> None:
    samples = KINDS[kind](np.random.default_rng(4), 9, 11)
    data = reference.encode(samples)
    for size in range(1, len(data)):
        assert_both_refuse(data[:size], 9, 11, TruncatedError)
    for tail in (b"\0", b"\0\0"):
        assert_both_refuse(data + tail, 9, 11)


def test_bit_flips_are_judged_alike() -> None:
    samples = KINDS["octaves"](np.random.default_rng(5), 12, 10)
    data = reference.encode(samples)
    for bit in range(8, 8 * len(data)):  # the first byte tells the mode
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        try:
            back = reference.decode(bytes(damaged), 12, 10)
        except FormatError as error:
            with pytest.raises(type(error)):
                decode(bytes(damaged), 12, 10)
        else:
            np.testing.assert_array_equal(decode(bytes(damaged), 12, 10), back)
            assert (back != samples).any()


def test_a_small_state_is_refused() -> None:
    data = bytearray(reference.encode(np.array([[0, 1]], np.uint16)))
    data[3:7] = (65535).to_bytes(4, "little")
    assert_both_refuse(bytes(data), 1, 2)
