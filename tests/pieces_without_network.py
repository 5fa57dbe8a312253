"""Pieces without a network, of differences and of counts: samples for them, and both ways to read them."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import CorruptError, FormatError
from astrocodec.model import load_model

MODEL = _native.native_model(load_model("default"))

Samples = NDArray[np.uint16]


def decode(data: bytes, height: int, width: int) -> Samples:
    """By the native library, from a copy of exactly this length, so that a memory checker sees reads behind it."""
    out = np.zeros((height, width), np.uint16)
    _native.decode_piece(MODEL, np.frombuffer(data, np.uint8).copy(), out)
    return out


def assert_both_refuse(
    reference: ModuleType, data: bytes, height: int, width: int, error: type[FormatError] = CorruptError
) -> None:
    with pytest.raises(error):
        decode(data, height, width)
    with pytest.raises(error):
        reference.decode(data, height, width)


def plate(rng: np.random.Generator, height: int, width: int) -> Samples:
    """Quantised steps between blocks of three sizes, rescaled: as in scans compressed by a block transform."""
    total = np.full((height, width), 9000.0)
    for block in (2, 4, 8):
        shape = -(-height // block), -(-width // block)
        steps = rng.geometric(0.4, shape) * rng.choice([-1, 1], shape) - 1
        total += np.kron(steps, np.full((block, block), 139.7))[:height, :width]
    return np.floor(total).clip(0, 65535).astype(np.uint16)


def x_rays(rng: np.random.Generator, height: int, width: int, peak: float = 3) -> Samples:
    """A faint field, a cluster and a point source."""
    y, x = np.indices((height, width))
    rate = 0.05 + peak * np.exp(-((y - 0.4 * height) ** 2 + (x - 0.6 * width) ** 2) / (0.01 * height * width + 1))
    rate[height // 3, width // 4] += 40 * peak
    return rng.poisson(rate).astype(np.uint16)


def anything(rng: np.random.Generator, height: int, width: int) -> Samples:
    return rng.integers(0, 65536, (height, width), np.uint16)


def octaves(rng: np.random.Generator, height: int, width: int) -> Samples:
    return (np.exp(rng.exponential(1.1, (height, width)).clip(0, 11)) - 1).astype(np.uint16)
