"""Tables of code widths travel with tuned models: FITS, HDF5, model files."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.simulate import Converter, digitise

WIDTHS = (1.4, 0.05, 2.54, 0.2, 0.41, 0.6, 2.7, 0.28, 0.3, 1.59, 0.63, 2.26, 0.22, 1.1, 1.4, 0.31)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """A sky that brightens to one side, through a converter with uneven codes."""
    signal = np.random.default_rng(1).normal(8000 + np.linspace(0, 60, 900), 3, (700, 900)).astype(np.float32)
    return digitise(signal, Converter(16, widths=WIDTHS)).astype(np.uint16)


def test_a_fits_file_has_them_and_is_smaller(frame: np.ndarray, tmp_path: Path) -> None:
    """Than the information without; all of the file counted."""
    fits.PrimaryHDU(frame).writeto(tmp_path / "a.fits")
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.fits.fz", effort=1)
    fits_tiles.decompress(tmp_path / "a.fits.fz", tmp_path / "b.fits")
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    even = np.log2(3 * np.sqrt(2 * np.pi * np.e)) * frame.size / 8
    assert (tmp_path / "a.fits.fz").stat().st_size < 0.95 * even


def test_a_model_file_has_them(frame: np.ndarray, tmp_path: Path) -> None:
    astrocodec.tune(frame, effort=1).save(tmp_path / "m.acm")
    model = astrocodec.load_model(tmp_path / "m.acm")
    assert len(model.code_widths()) >= 1
    assert (astrocodec.decode(astrocodec.encode(frame, model)) == frame).all()


def test_an_hdf5_dataset_has_them(frame: np.ndarray, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    hdf5_filter = pytest.importorskip("hdf5_filter")
    sizes = []
    for model in (astrocodec.tune(frame, effort=1), "default"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            coded = hdf5_filter.AstroCodec(model=model)
            data = file.create_dataset("a", data=frame, chunks=(350, 450), compression=coded)
            assert (data[...] == frame).all()
            sizes.append(data.id.get_storage_size())
    assert sizes[0] < 0.98 * sizes[1]
