"""Images of any kind are analysed and compared: no exception, no warning, and no share above the whole."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("photutils", reason="photutils is not installed")

from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.images.image_entry import ImageEntry
from astrocodec.analysis.report.image_report import report_image

DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
SIDES = st.one_of(st.integers(1, 20), st.sampled_from((33, 50, 51, 99, 150)))


def scenes(rng: np.random.Generator, shape: tuple[int, int], level: float, noise: float) -> tuple[NDArray[Any], ...]:
    """What a detector, a plate, a table of flags or a program may leave in an image."""
    y, x = np.indices(shape)
    noisy = rng.normal(level, noise, shape)
    distance = np.hypot(y / shape[0] - 0.5, x / shape[1] - 0.5)
    radius = rng.uniform(0.02, 0.6)
    return (
        noisy,
        np.where(distance < radius, noisy * (1.2 - distance), 0.0),  # a disc and nothing outside
        np.where(distance < radius, 0.0, noisy),
        np.where(distance > radius, noisy, rng.choice([-np.inf, np.nan, np.inf, -(2.0**31), 2.0**63])),
        np.where(y % rng.integers(2, 9) == 0, level, noisy),  # constant rows
        np.where(x < rng.integers(0, shape[1] + 1), level, noisy),  # a constant border
        np.minimum(noisy, level + rng.normal(0, 2) * noise),  # saturated
        rng.choice([level, level + noise], shape),
        rng.choice([0, 1, 2, 512, 1024, 4096], shape, p=[0.9, 0.02, 0.02, 0.02, 0.02, 0.02]),
        (rng.random(shape) < 0.001) * level,
        np.kron(rng.normal(level, noise, (shape[0] // 8 + 1, shape[1] // 8 + 1)), np.ones((8, 8)))[
            : shape[0], : shape[1]
        ],
        level + noise * (x // rng.integers(1, 40)),
        rng.poisson(min(abs(level), 1e6) / 1e3, shape),
        rng.integers(0, 256, (*shape, 8), dtype=np.uint8).view("f8").reshape(shape),
    )


@st.composite
def images(draw: st.DrawFn) -> NDArray[Any] | np.ma.MaskedArray[Any, Any]:
    """Scenes of all types, some of them masked."""
    shape = draw(SIDES), draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = draw(st.sampled_from((0.0, 1.0, 100.0, -5000.0, 60000.0, 2.0**31, 2.0**62, 1e-8, 1e-200, 1e30, 1e150)))
    noise = draw(st.sampled_from((0.0, 0.1, 1.0, 30.0, 1e4, 1e9, 1e-9)))
    values = draw(st.sampled_from(range(14)).map(lambda n: scenes(rng, shape, level, noise)[n]))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    with np.errstate(all="ignore"):
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            inside = np.clip(np.nan_to_num(values, nan=0.0), float(limits.min), float(limits.max))
            image = np.where(inside >= float(limits.max), limits.max, np.rint(inside).astype(dtype)).astype(dtype)
        else:
            image = values.astype(dtype)
    hidden = draw(st.sampled_from((0.0, 0.0, 0.0, 0.3, 0.95, 1.0)))
    return np.ma.array(image, mask=rng.random(shape) < hidden) if hidden else image


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(images(), st.integers(0, 1))
def test_any_image_is_analysed_and_compared(image: NDArray[Any], axis: int) -> None:
    """Warnings are errors."""
    mask = np.ma.getmaskarray(image) if isinstance(image, np.ma.MaskedArray) else None
    report, analysis = report_image(ImageEntry("made", "", np.ma.getdata(image), mask), tuned=False, peers=False)
    json.dumps(report.to_dict(), allow_nan=False)
    json.dumps(analysis.to_dict(), allow_nan=False)
    for share in (report.efficiency, report.share_noise, report.share_sources, report.saving):
        assert share is None or 0 <= share <= 1
    assert report.floor_bits is None or 0 <= report.floor_bits <= report.bits_per_pixel
    json.dumps(compare(image, np.roll(image, 1, axis)).to_dict(), allow_nan=False)
