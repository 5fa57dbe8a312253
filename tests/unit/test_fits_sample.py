"""What the tuning sees of a large image: windows of it, read where they lie, in little memory."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

import astrocodec
import fits_tiles
from astrocodec.simulate import simulate
from fits_tiles.files import sample
from fits_tiles.layout.blocks import walk
from fits_tiles.layout.grid import plan_tile_shape
from fits_tiles.layout.headers import TileLayout

TYPES = {">u1": 8, ">i2": 16, ">i4": 32, ">i8": 64, ">f4": -32, ">f8": -64}


def windows_of(pixels: np.ndarray, path: Path) -> list[np.ndarray]:
    fits.PrimaryHDU(pixels).writeto(path, overwrite=True)
    shape = pixels.shape
    layout = TileLayout("zimage", "ASTROCODEC_1", TYPES[pixels.dtype.str.replace("|", ">")], shape, shape, wide=False)
    with path.open("rb") as file:
        return sample.sampled_windows(file.fileno(), next(iter(walk(file.fileno(), "a.fits"))), layout)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.lists(st.integers(1, 9), max_size=2), st.lists(st.integers(1, 40), min_size=1, max_size=2)).map(
        lambda axes: (*axes[0], *axes[1])
    ),
    kind=st.sampled_from(sorted(TYPES)),
)
def test_windows_are_pieces_of_the_image(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], kind: str
) -> None:
    pixels = np.arange(int(np.prod(shape))).astype(kind).reshape(shape)
    with mock.patch.object(sample, "plan_tile_shape", lambda shape, _: plan_tile_shape(shape, (9, 11))):
        windows = windows_of(pixels, tmp_path_factory.mktemp("w") / "a.fits")
    sheet = pixels.reshape(-1, shape[-1])
    assert len({window.shape for window in windows}) == 1
    assert windows[0].dtype == np.dtype(kind)
    rows, columns = windows[0].shape
    np.testing.assert_array_equal(windows[0], sheet[:rows, :columns])
    np.testing.assert_array_equal(windows[-1], sheet[-rows:, -columns:])
    if kind in (">i4", ">f8"):
        for window in windows:
            row, column = divmod(int(window[0, 0]), shape[-1])
            np.testing.assert_array_equal(window, sheet[row : row + rows, column : column + columns])


def test_large_images_are_tuned_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    pixels = (rng.normal(0, 9, (700, 800)).cumsum(1) / 3 + 5000).astype(np.int16)
    seen: list[tuple[int, ...]] = []

    def tune(array: np.ndarray, base: object, **options: object) -> object:
        seen.append(array.shape)
        return base

    monkeypatch.setattr("astrocodec.tune", tune)
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    fits_tiles.compress(tmp_path / "a.fits", io.BytesIO())
    monkeypatch.setattr(sample, "_WHOLE_BYTES", 1000)
    fits_tiles.compress(tmp_path / "a.fits", io.BytesIO())
    assert seen == [(700, 800), (4 * 350, 400)]


def test_a_sample_serves_as_well_as_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = simulate("ccd", shape=(1500, 1600), seed=4).data
    fits.PrimaryHDU(pixels).writeto(tmp_path / "a.fits")
    whole = fits_tiles.compress(tmp_path / "a.fits", None, effort=1)
    monkeypatch.setattr(sample, "_WHOLE_BYTES", 1000)
    windows = fits_tiles.compress(tmp_path / "a.fits", None, effort=1)
    assert windows.hdus[0].model != astrocodec.load_model().fingerprint
    assert windows.compressed_bytes == pytest.approx(whole.compressed_bytes, rel=0.002)
