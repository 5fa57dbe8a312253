"""Series: what earlier columns leave of rows, in Python, in C and by a decoder made from the text alone."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import astrocodec
from astrocodec import Model, _native
from astrocodec.stages import reference
from astrocodec.stages.causal import CAUSAL, Parameters, frame_pieces
from astrocodec.stages.chain import MAX_LIMIT, Gains
from astrocodec.stages.pixels import PixelMap
from astrocodec.stages.plane_maps import PlaneMap
from astrocodec.stages.planes import Planes
from astrocodec.stages.series import Series, apply_series, undo_series
from astrocodec.stages.series_choice import choose_series, order_of
from astrocodec.stages.stream import PLANES, SERIES, Header, Section, seal
from astrocodec.stages.widths import Choice

sys.path.append(str(Path(__file__).parents[1] / "golden"))
from independent_decoder import Series as IndependentSeries
from independent_decoder import read_frame


@st.composite
def series_of(draw: st.DrawFn, starts: NDArray[np.uint16]) -> Series:
    """Any parameters."""
    gains = st.lists(st.builds(Gains, st.integers(1, 256), st.integers(0, 255)), min_size=1, max_size=9)
    limits = st.one_of(st.integers(0, 2000), st.integers(0, MAX_LIMIT))
    return Series(draw(st.integers(0, 65535)), draw(limits), tuple(draw(gains)), tuple(starts.ravel().tolist()))


@st.composite
def cubes(draw: st.DrawFn) -> NDArray[np.uint16]:
    """Rows that go on as they began, or leap; some begin alike."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(2, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale, levels = 2.0 ** draw(st.integers(-3, 17)), rng.integers(0, draw(st.sampled_from([3, 65536])), shape[:2])
    leaps = np.where(rng.random(shape) < 0.05, rng.integers(-65535, 65536, shape), 0)
    return np.clip(levels[..., None] + rng.normal(0, scale, shape) + leaps, 0, 65535).astype(np.uint16)


def stream_of(series: Series, samples: NDArray[np.uint16]) -> bytes:
    """A stream of raw pieces, whole planes each."""
    parameters = Parameters(astrocodec.load_model().fingerprint, PlaneMap(PixelMap(0, 0), 0), (0, 0)).to_bytes()
    sections = (Section(SERIES, series.to_bytes(), True),)
    header = Header(CAUSAL, samples.dtype, samples.shape, parameters, sections).to_bytes()
    pieces = [b"\2" + plane.astype("<u2").tobytes() for plane in apply_series(series, samples)]
    return seal(header, frame_pieces(pieces), samples)


@settings(deadline=None, max_examples=50)
@given(st.data(), cubes())
def test_any_series_come_back_from_all_decoders(data: st.DataObject, samples: NDArray[np.uint16]) -> None:
    series = data.draw(series_of(samples[..., 0]))
    assert Series.read(series.to_bytes(), Planes(*samples.shape)) == series
    left = apply_series(series, samples)
    assert (left[..., 0] == series.base).all()
    np.testing.assert_array_equal(undo_series(series, left), samples)
    stream = stream_of(series, samples)
    np.testing.assert_array_equal(astrocodec.decode(stream), samples)
    found = IndependentSeries.read(read_frame(stream)).undo(left.ravel().tolist(), samples.shape[2])
    assert found == samples.ravel().tolist()


def target(count: int = 130, shape: tuple[int, ...] = (5, 7), noise: float = 2) -> NDArray[np.int64]:
    """Pixels of a small target in time: of their own, slowly drifting levels, some outside of the aperture."""
    rng = np.random.default_rng(2)
    drift = rng.normal(0, 0.1, shape) * np.arange(count).reshape(-1, *(1 for _ in shape))
    pixels = (rng.integers(100, 1500, shape) + drift + rng.normal(0, noise, (count, *shape))).round().astype(np.int64)
    pixels[:, 0, [0, -1]] = pixels[:, -1, 0] = 0
    return pixels


def sections(stream: bytes) -> list[int]:
    return [section.id for section in astrocodec.inspect(stream).sections]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["u2", ">i4", "f4"])
def test_targets_in_time_are_series_whichever_axis_is_time(axis: int, dtype: str) -> None:
    cube = np.moveaxis(target(), 0, axis).astype(dtype)
    stream = astrocodec.encode(cube)
    assert SERIES in sections(stream)
    np.testing.assert_array_equal(astrocodec.decode(stream), cube)
    images = astrocodec.encode(cube, piece_shape=(512, 512))
    assert SERIES not in sections(images)
    assert len(stream) < 0.95 * len(images)


@pytest.mark.parametrize(("shape", "axis"), [((1, 5, 7), 1), ((2, 3, 7), 1)])
def test_native_and_reference_choose_alike(shape: tuple[int, ...], axis: int) -> None:
    cube = np.moveaxis(target(shape=shape), 0, axis).astype("i4") * 1000

    def encode_one(model: Model, samples: NDArray[np.uint16], thorough: bool, choice: Choice | None) -> bytes:
        return _native.encode_piece(_native.native_model(model), samples, thorough, choice)

    stream = astrocodec.encode(cube)
    assert SERIES in sections(stream)
    assert stream == reference.encode_stream(
        np.ascontiguousarray(cube), [(astrocodec.load_model(), b"")], encode_one=encode_one
    )
    np.testing.assert_array_equal(astrocodec.decode(stream), cube)


@pytest.mark.parametrize(
    "shape",
    [(500, 36), (63, 9, 9), (4095, 1, 1), (60, 70, 1), (64, 33, 33), (80, 7, 8, 1)],
    ids=["an image", "few", "one pixel", "a frame", "planes that are not small", "small"],
)
def test_arrays_that_are_tried(shape: tuple[int, ...]) -> None:
    assert (order_of(shape) is None) == (shape != (80, 7, 8, 1))


def test_what_takes_more_bytes_as_series_is_not() -> None:
    values = target().astype("i4")
    sizes: list[tuple[int, ...]] = []

    def size(part: NDArray[np.generic]) -> int:
        sizes.append(part.shape)
        return 99

    assert choose_series(values, (0, 1, 2), size, size) is None
    assert sizes == [(5, 7, 130), (130, 5, 7)]
    assert choose_series(values, (0, 1, 2), lambda _: 100, lambda _: 98) == (1, 2, 0)
    alike = np.random.default_rng(1).normal(900, 9, values.shape).astype("i4")
    assert choose_series(alike, (0, 1, 2), size, size) is None
    assert len(sizes) == 2


def test_images_whose_pixels_follow_each_other_stay_planes() -> None:
    """Moving scenes: a pixel's own past tells less than its neighbours."""
    y, x = np.mgrid[:16, :16]
    scene = 900 + 400 * np.sin((y + np.arange(100)[:, None, None] * 3) / 5) * np.cos(x / 4)
    found = sections(astrocodec.encode(scene.astype(np.uint16)))
    assert SERIES not in found


def test_a_model_is_fitted_to_what_is_left_of_series() -> None:
    cube = target(400)
    model = astrocodec.tune(cube)
    stream = astrocodec.encode(cube, model)
    assert SERIES in sections(stream)
    assert PLANES not in sections(stream)
    assert len(stream) <= len(astrocodec.encode(cube))
