"""Blanks: numbers of a few values that are told by a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import astrocodec
from astrocodec.stages.blank_choice import choose_blanks
from astrocodec.stages.blanks import NO_BLANKS, pack_mask, unpack_mask

RNG = np.random.default_rng(3)
NOISE = RNG.normal(size=(120, 130))
Y, X = np.indices(NOISE.shape)
OUTSIDE = (Y - 60) ** 2 + (X - 65) ** 2 > 55**2


def stream_of(values: np.ndarray) -> bytes:
    stream = astrocodec.encode(values)
    assert astrocodec.decode(stream).tobytes() == values.tobytes()
    return stream


def has_mask(stream: bytes) -> bool:
    return 23 in [section.id for section in astrocodec.inspect(stream).sections]


def test_nan_outside_of_a_field_costs_next_to_nothing() -> None:
    field = NOISE.astype("f4")
    field[OUTSIDE] = np.nan
    stream = stream_of(field)
    assert has_mask(stream)
    assert 8 * len(stream) < 27 * (~OUTSIDE).sum() + 3 * OUTSIDE.sum()


def test_integers_in_floats_with_nan_are_integers() -> None:
    counts = (NOISE * 30 + 1000).round().astype("f4")
    whole = len(stream_of(counts))
    counts[OUTSIDE] = np.nan
    stream = stream_of(counts)
    assert astrocodec.inspect(stream).holds == "float32, but integers"
    assert len(stream) < whole


@pytest.mark.parametrize(
    ("values", "blanks"),
    [
        (np.where(OUTSIDE, np.nan, NOISE).astype("f4"), 1),
        (np.where(OUTSIDE, np.nan, np.where(X < 30, 0, NOISE)), 2),
        (np.where(OUTSIDE, -(2**31), NOISE * 1e6).astype("i4"), 1),
        (np.where(OUTSIDE, 0, NOISE * 30 + 5000).astype("u2"), 1),
        (np.where(OUTSIDE, 0, np.where(Y < 40, 65535, NOISE * 30 + 5000)).astype("u2"), 2),
        (np.where(RNG.random(NOISE.shape) < 0.08, np.nan, NOISE), 1),
        (NOISE, 0),
        ((NOISE * 2 + 3).astype("u2"), 0),
        (np.zeros((90, 90)), 0),
        (RNG.poisson(0.1, (90, 90)).astype("f4"), 0),
    ],
)
def test_blanks_are_found(values: np.ndarray, blanks: int) -> None:
    found, filled = choose_blanks(values, values[None])[-1]
    assert len(found.values) == blanks
    is_same = filled[0].view(f"u{values.itemsize}") == values.view(f"u{values.itemsize}")
    assert ((found.mask_of(values) == 0) == is_same).all()
    assert blanks or found is NO_BLANKS


def test_masks_and_the_bits_of_all_nan() -> None:
    values = np.where(OUTSIDE, np.nan, NOISE).astype("f4")
    values.view("u4")[OUTSIDE & (X % 2 == 0)] = 0xFFC00123
    stream = stream_of(values)
    assert has_mask(stream)


@pytest.mark.parametrize("planes", [4, 70])
def test_planes(planes: int) -> None:
    cube = RNG.normal(size=(planes, 40, 30)).astype("f4").cumsum(0, dtype="f4")
    cube[:, :, :7] = np.nan
    cube[1, 3:9] = np.nan
    assert has_mask(stream_of(cube))
    assert has_mask(stream_of(cube.transpose(1, 2, 0).copy()))
    assert has_mask(stream_of(cube + 1j * cube))


def test_far_values_compete() -> None:
    """Where the picture is cut or planes are a chain, one value at the edge costs nothing without a mask."""
    bright = (NOISE * 30 + 5000).astype("u2")
    bright[:, :9] = 0
    with_round_edge = np.where(OUTSIDE, 0, bright).astype("u2")
    assert has_mask(stream_of(with_round_edge))
    assert len(stream_of(bright)) < 1.04 * len(stream_of(bright[:, 9:].copy()))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((4, 5)),
        np.full((4, 5), 3),
        np.pad(np.ones((3, 3)), 2),
        RNG.integers(0, 4, (30, 21)),
        np.where(OUTSIDE, 1, 0),
        np.where(OUTSIDE, 1 + X // 50, 0),
        np.ones((1, 1)),
        np.repeat([[0], [2]], 3000, 1),
    ],
)
def test_masks_come_back(mask: Any) -> None:
    mask = mask.astype(np.uint8)
    packed = pack_mask(mask, 3)
    found, used = unpack_mask(memoryview(packed + b"rest"), 3, mask.shape)
    assert used == len(packed)
    assert (found == mask).all()


def test_rows_that_are_alike_cost_nothing() -> None:
    mask = np.zeros((500, 400), np.uint8)
    mask[100:] = 1
    mask[:, :30] = 1
    assert len(pack_mask(mask, 1)) < 40
