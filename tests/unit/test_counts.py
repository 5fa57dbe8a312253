"""Counts: native library and reference give the same bytes; nothing damaged gets through."""

from typing import Any

import numpy as np
import pytest
from pieces_without_network import MODEL, assert_both_refuse, decode, octaves, x_rays

from astrocodec import _native
from astrocodec.stages import counts as reference
from astrocodec.stages import differences
from astrocodec.stages.piece import MODELLED

KINDS: dict[str, Any] = {
    "x-rays": x_rays,
    "on a pedestal": lambda rng, h, w: x_rays(rng, h, w) + np.uint16(1000),
    "flat": lambda rng, h, w: rng.poisson(0.6, (h, w)).astype(np.uint16),
    "steps": lambda rng, h, w: rng.integers(0, 17, (h, w)).astype(np.uint16),
    "far": lambda rng, h, w: np.where(rng.random((h, w)) < 1e-4, 65535, rng.random((h, w)) < 0.1).astype(np.uint16),
    "octaves": octaves,
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


def test_a_small_state_is_refused() -> None:
    data = bytearray(reference.encode(np.array([[0, 1]], np.uint16)))
    data[3:7] = (65535).to_bytes(4, "little")
    assert_both_refuse(reference, bytes(data), 1, 2)
