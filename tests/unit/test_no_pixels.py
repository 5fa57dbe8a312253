"""Data without axes, and data without pixels, through every door."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles
import hdf5_filter

EMPTY = [(0,), (0, 5), (3, 0), (2, 0, 4), (0, 0)]


@pytest.mark.parametrize("dtype", ["u1", ">i2", "u4", "f4", ">f8"])
@pytest.mark.parametrize("shape", [(), *EMPTY])
def test_streams(shape: tuple[int, ...], dtype: str) -> None:
    data = np.full(shape, 5, dtype)
    assert astrocodec.tune(data).is_shipped
    for workers in (1, 2):
        again = astrocodec.decode(astrocodec.encode(data, verify=True, workers=workers), workers=workers)
        assert again.shape == shape
        assert again.dtype == data.dtype.newbyteorder("=")
        assert (again == data).all()
    out = np.zeros(shape, dtype)
    astrocodec.decode(astrocodec.encode(data), out=out)
    assert (out == data).all()


@pytest.mark.parametrize("make", [np.int16, int, float, np.float32])
def test_numbers(make: Any) -> None:
    assert astrocodec.decode(astrocodec.encode(make(5))) == 5


@pytest.mark.parametrize("tune", [True, False])
def test_a_compressed_image_needs_axes(tune: bool) -> None:
    with pytest.raises(TypeError, match="at least one dimension"):
        fits_tiles.CompImageHDU(np.array(5, "i2"), tune=tune)
    with pytest.raises(TypeError, match="at least one dimension"):
        fits.CompImageHDU(np.array(5, "i2"), compression_type="ASTROCODEC_1")


@pytest.mark.parametrize("shape", EMPTY)
def test_a_compressed_image_without_pixels(shape: tuple[int, ...]) -> None:
    data = np.zeros(shape, "i2")
    try:
        fits.CompImageHDU(data, compression_type="RICE_1")
    except ZeroDivisionError:  # astropy makes no tiles of some of them, whatever the algorithm
        with pytest.raises(ValueError, match="has no pixels"):
            fits_tiles.CompImageHDU(data)
        return
    hdu = fits_tiles.CompImageHDU(data)
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    with fits.open(io.BytesIO(file.getvalue())) as hdus:
        assert hdus[1].data is None or hdus[1].data.shape == shape
        assert hdus[1].shape == shape


@pytest.mark.parametrize("primary", [True, False])
@pytest.mark.parametrize("shape", EMPTY)
def test_whole_files(shape: tuple[int, ...], primary: bool) -> None:
    plain, packed, again = io.BytesIO(), io.BytesIO(), io.BytesIO()
    data = np.zeros(shape, "i2")
    fits.HDUList([fits.PrimaryHDU(data)] if primary else [fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(plain)
    plain.seek(0)
    fits_tiles.compress(plain, packed)
    packed.seek(0)
    fits_tiles.decompress(packed, again)
    assert again.getvalue() == plain.getvalue()


def test_hdf5_datasets() -> None:
    with h5py.File.in_memory() as file:
        with pytest.raises(TypeError, match="Scalar datasets don't support chunk/filter options"):
            file.create_dataset("a", data=5, compression=hdf5_filter.AstroCodec())
        with pytest.raises(TypeError, match="a scalar cannot be chunked"):
            hdf5_filter.write_dataset(file, "b", np.array(5))
        for shape in EMPTY:
            made = hdf5_filter.write_dataset(file, str(shape), np.zeros(shape, "u2"))
            assert file[str(shape)][()].shape == shape
            assert hdf5_filter.read_dataset(file[str(shape)]).shape == shape
            del made
        assert hdf5_filter.AstroCodec.tuned(np.array(5)) == hdf5_filter.AstroCodec()
