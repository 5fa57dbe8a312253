"""Cubes whose planes tell of each other: tiles and chunks of several planes are chains, and smaller for it."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

import astrocodec
import fits_tiles
from astrocodec.cli import cli

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


def test_default_tiles_reach_over_planes_that_tell_of_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    levels = rng.integers(2000, 4000, (530, 600)) + np.arange(9)[:, None, None] * 40
    cube = (levels + rng.normal(0, 4, levels.shape)).astype(np.int16)
    fits.writeto(tmp_path / "a.fits", cube)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False)
    with fits.open(tmp_path / "a.ac.fits", disable_image_compression=True) as hdus:
        assert [hdus[1].header[f"ZTILE{n}"] for n in (1, 2, 3)] == [600, 530, 9]
    with fits.open(tmp_path / "a.ac.fits") as hdus:
        np.testing.assert_array_equal(hdus[1].section[3:5, 100:110], cube[3:5, 100:110])
    one = tmp_path / "one.ac.fits"
    fits_tiles.compress(tmp_path / "a.fits", one, tune=False, tile_shape=(3, 256, 256))
    with fits.open(one) as hdus:
        np.testing.assert_array_equal(hdus[1].data, cube)
    apart = tmp_path / "apart.ac.fits"
    fits_tiles.compress(tmp_path / "a.fits", apart, tune=False, tile_shape=(512, 512))
    assert (tmp_path / "a.ac.fits").stat().st_size < 0.8 * apart.stat().st_size
    for packed in (tmp_path / "a.ac.fits", one):
        assert fits_tiles.verify(packed, tmp_path / "a.fits").verified
        fits_tiles.decompress(packed, tmp_path / "b.fits", overwrite=True)
        assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def test_default_tiles_reach_over_planes_of_a_cube_whose_wavelength_comes_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:16, :520]
    sky = 200 + 500 * np.exp(-((x - 200) ** 2 + (y - 8) ** 2) / 900)
    cube = rng.poisson(sky[..., None] * rng.uniform(0.2, 2, 260)).astype(np.int16)
    fits.writeto(tmp_path / "a.fits", cube)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "one.ac.fits", tune=False, tile_shape=(1, 520, 260))
    with fits.open(tmp_path / "a.ac.fits", disable_image_compression=True) as hdus:
        assert hdus[1].header["ZTILE3"] == 16
    assert (tmp_path / "a.ac.fits").stat().st_size < 0.8 * (tmp_path / "one.ac.fits").stat().st_size
    fits_tiles.decompress(tmp_path / "a.ac.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def test_planes_that_tell_nothing_stay_apart(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "a.fits", np.random.default_rng(3).poisson(200, (4, 530, 600)).astype(np.int16))
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False)
    with fits.open(tmp_path / "a.ac.fits", disable_image_compression=True) as hdus:
        assert hdus[1].header["ZTILE3"] == 1


def test_the_tuning_of_a_large_cube_sees_what_its_planes_leave(tmp_path: Path) -> None:
    """Beyond what is read whole: rows of noise in each read that the general model does not know."""
    rng = np.random.default_rng(4)
    cube = np.empty((18, 1000, 1024), np.int16)
    levels = rng.integers(2000, 4000, cube.shape[1:])
    for read in cube:
        read[...] = levels + np.repeat(rng.normal(0, 12, (1000, 32)), 32, axis=1) + rng.normal(0, 2, levels.shape)
    fits.writeto(tmp_path / "a.fits", cube)
    assert (tmp_path / "a.fits").stat().st_size > 1 << 25
    sizes = []
    for tune in (False, True):
        out = tmp_path / f"{tune}.ac.fits"
        fits_tiles.compress(tmp_path / "a.fits", out, tune=tune, effort=1)
        sizes.append(out.stat().st_size)
    assert sizes[1] < 0.99 * sizes[0]


def test_chunks_of_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=CUBE, chunks=(6, 96, 128), compression=hdf5_filter.AstroCodec())
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"][...], CUBE)
        for first in (0, 6):
            assert is_chain(file["x"].id.read_direct_chunk((first, 0, 0))[1])


def test_residuals_of_chunks(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        options = hdf5_filter.AstroCodec(planes="residuals")
        assert hdf5_filter.AstroCodec.from_filter_options(options.filter_options) == options
        file.create_dataset("x", data=CUBE, chunks=(6, 96, 128), compression=options)
        hdf5_filter.write_dataset(file, "y", CUBE, codec=options, chunks=(6, 96, 128))
        chunks = [file[name].id.read_direct_chunk((6, 0, 0))[1] for name in "xy"]
    assert chunks[0] == chunks[1] == astrocodec.encode(CUBE[6:], planes="residuals")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("x", data=CUBE, chunks=CUBE.shape)
    command = ["h5-compress", "--planes", "residuals", str(tmp_path / "b.h5"), "-O", str(tmp_path / "c.h5")]
    assert CliRunner().invoke(cli, [*command, "--effort", "1"]).exit_code == 0
    with h5py.File(tmp_path / "c.h5") as file:
        assert is_chain(file["x"].id.read_direct_chunk((0, 0, 0))[1])
        np.testing.assert_array_equal(file["x"][...], CUBE)


def test_chunks_of_hdf5_whose_time_comes_last(tmp_path: Path) -> None:
    turned = np.ascontiguousarray(CUBE.transpose(1, 2, 0))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in (("txy", CUBE), ("xyt", turned)):
            file.create_dataset(name, data=values, chunks=values.shape, compression=hdf5_filter.AstroCodec())
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["xyt"][...], turned)
        sizes = [file[name].id.get_storage_size() for name in ("txy", "xyt")]
    assert sizes[0] <= sizes[1] <= sizes[0] + 16


def test_chunks_of_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    from astrocodec.zarr.v3 import AstroCodec

    zarr.registry.register_codec("astrocodec", AstroCodec)
    array = zarr.create_array(
        tmp_path / "a",
        shape=CUBE.shape,
        chunks=(6, 96, 128),
        dtype=CUBE.dtype,
        serializer=AstroCodec(),
        compressors=None,
    )
    array[...] = CUBE
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a")[...], CUBE)
    for number in (0, 1):
        assert is_chain((tmp_path / "a" / "c" / str(number) / "0" / "0").read_bytes())


def test_integrations_of_reads_are_chains_of_their_own(tmp_path: Path) -> None:
    """Four axes through a tile and through a chunk: each integration begins anew."""
    cube = np.stack([CUBE, CUBE[::-1] + np.random.default_rng(5).integers(0, 4, CUBE.shape, np.int16)])
    fits.writeto(tmp_path / "a.fits", cube)
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False)
    with fits.open(tmp_path / "a.ac.fits", disable_image_compression=True) as hdus:
        assert [hdus[1].header[f"ZTILE{n}"] for n in (4, 3)] == [1, 12]
        assert all(is_chain(bytes(row.astype(np.uint8))) for row in hdus[1].data["COMPRESSED_DATA"])
    fits_tiles.decompress(tmp_path / "a.ac.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=cube, chunks=cube.shape, compression=hdf5_filter.AstroCodec())
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"][...], cube)
        assert is_chain(file["x"].id.read_direct_chunk((0, 0, 0, 0))[1])
