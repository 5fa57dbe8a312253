"""Cubes whose planes tell of each other: tiles and chunks of several planes are chains, and smaller for it."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
import fits_tiles

h5py = pytest.importorskip("h5py")
import hdf5_filter  # noqa: E402

PLANES = 16


def reads() -> np.ndarray:
    """Reads of an array whose pixels have their own levels, which light makes rise."""
    rng = np.random.default_rng(1)
    levels = rng.integers(2000, 4000, (96, 128)) + np.cumsum(rng.poisson(3, (12, 96, 128)), 0)
    return np.asarray(levels + rng.normal(0, 4, levels.shape), np.int16)


CUBE = reads()


def is_chain(stream: bytes) -> bool:
    return PLANES in [section.id for section in astrocodec.inspect(stream).sections]


@pytest.mark.parametrize("tune", [False, True])
def test_tiles_of_fits(tmp_path: Path, tune: bool) -> None:
    fits.writeto(tmp_path / "a.fits", CUBE)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tile_shape=(512, 512), tune=tune)
    with fits.open(tmp_path / "a.ac.fits", disable_image_compression=True) as hdus:
        table = hdus[1]
        assert table.header["ZTILE3"] == len(CUBE)
        assert is_chain(bytes(table.data["COMPRESSED_DATA"][0].astype(np.uint8)))
    alone = sum(len(astrocodec.encode(plane)) for plane in CUBE)
    assert (tmp_path / "a.ac.fits").stat().st_size < 0.8 * alone
    fits_tiles.decompress(tmp_path / "a.ac.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def test_chunks_of_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=CUBE, chunks=(6, 96, 128), compression=hdf5_filter.AstroCodec())
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"][...], CUBE)
        for first in (0, 6):
            assert is_chain(file["x"].id.read_direct_chunk((first, 0, 0))[1])
