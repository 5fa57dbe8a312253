"""Arrays and bounds of the golden lossy streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec import Bound


def _sky(dtype: str, level: float = 100, sigma: float = 8, shape: tuple[int, ...] = (37, 70)) -> NDArray[Any]:
    values = np.random.default_rng(1).normal(level, sigma, shape)
    values[..., 20:23, 30:34] += 20 * sigma
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else np.rint(values).astype(dtype)


def _with_nan() -> NDArray[Any]:
    values = _sky("f4")
    values[3:6, :20], values[9, 9] = np.nan, np.inf
    return values


def _with_holes() -> NDArray[Any]:
    values = _sky("f4")
    values[np.random.default_rng(3).random(values.shape) < 0.2] = np.nan
    values[:, :9], values[30, 40] = np.nan, 1e9
    return values


def _with_blank() -> NDArray[Any]:
    values = _sky("i2", -300)
    values[30:, 50:], values[2, 3:6] = -32768, 9000
    return values


def _signed() -> NDArray[Any]:
    rng = np.random.default_rng(2)
    return (10 ** rng.uniform(-6, 6, (20, 31)) * rng.choice([-1, 0, 1], (20, 31))).astype("f4")


CASES: dict[str, tuple[Callable[[], NDArray[Any]], Bound]] = {
    "float32_trellis": (_with_nan, Bound(noise_increase="4%")),
    "float32_trellis_with_holes": (_with_holes, Bound(noise_increase="4%")),
    "float64_trellis_of_planes": (lambda: _sky("f8", shape=(3, 25, 36)), Bound(noise_increase="3.5 adu")),
    "uint16_trellis": (lambda: _sky("u2"), Bound(noise_increase="4%")),
    "int16_blank": (_with_blank, Bound(max_error=5, blank=-32768, saturation=9000)),
    "float32_root": (lambda: _sky("f4", 900, 30), Bound(noise_increase="4%", gain=1.5, read_noise=9)),
    "int32_root": (lambda: _sky("i4", 90000, 300), Bound(max_error="0.5sigma", gain=1.0)),
    "float32_octaves": (_signed, Bound(max_error="1%")),
    "uint32_octaves": (lambda: _sky("u4", 70000, 9000), Bound(max_error="2%")),
    "float32_dithered": (lambda: _sky("f4"), Bound(max_error="2sigma")),
    "uint8_sources": (lambda: _sky("u1", 60, 7), Bound(max_error="1sigma", protect_sources=True, dither=False)),
}
