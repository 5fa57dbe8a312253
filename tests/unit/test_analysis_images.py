"""Images of every kind of file: the pixels that were put in, and what is said of the rest."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from astrocodec.analysis.images.find_images import find_images
from astrocodec.analysis.images.image_entry import ImageEntry, SkippedEntry
from astrocodec.errors import FormatError
from astrocodec.files.file_kind import is_zarr

PIXELS = np.random.default_rng(1).normal(1000, 9, (60, 80)).astype(np.uint16)


def only(path: Path) -> ImageEntry:
    """The image of a file that has one."""
    (found,) = [entry for entry in find_images(path) if isinstance(entry, ImageEntry)]
    return found


def write(path: Path, *hdus: object) -> Path:
    """A FITS file."""
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
def test_fits_types(dtype: str, tmp_path: Path) -> None:
    """The integers that the file means, in native order."""
    image = (PIXELS % 100).astype(dtype) if dtype[1] == "1" else PIXELS.astype(dtype)
    found = only(write(tmp_path / "a.fits", fits.ImageHDU(image, name="SCI")))
    assert found.pixels.dtype == np.dtype(dtype)
    assert found.pixels.dtype.isnative
    assert (found.pixels == image).all()
    assert (found.name, found.compression, found.ours) == ("1 SCI", "none", False)


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_compressed_by_us(container: str, tmp_path: Path) -> None:
    """Both containers."""
    fits.PrimaryHDU(PIXELS).writeto(tmp_path / "a.fits")
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", container=container)
    found = only(tmp_path / "a.ac.fits")
    assert (found.pixels == PIXELS).all()
    assert (found.compression, found.ours) == ("astrocodec", True)
    assert found.stored_bytes < PIXELS.nbytes + 8640


def test_packed_and_foreign(tmp_path: Path) -> None:
    """A packed file is charged with what it takes packed."""
    import gzip

    fits.PrimaryHDU(PIXELS).writeto(tmp_path / "a.fits")
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    packed = only(tmp_path / "a.fits.gz")
    assert (packed.pixels == PIXELS).all()
    assert packed.stored_bytes == pytest.approx((tmp_path / "a.fits.gz").stat().st_size, abs=2)
    foreign = only(write(tmp_path / "a.fits.fz", fits.CompImageHDU(PIXELS, compression_type="RICE_1")))
    assert (foreign.pixels == PIXELS).all()
    assert foreign.compression == "RICE_1"


def test_blank_cubes_tables_and_exposures(tmp_path: Path) -> None:
    """What is no image is named with the reason; cubes give a plane."""
    blank = fits.ImageHDU(PIXELS.astype("i4"), name="BLANKS")
    blank.header["BLANK"] = int(PIXELS[0, 0])
    cube = fits.ImageHDU(np.stack([PIXELS, PIXELS + 1, PIXELS + 2]).astype("i4"), name="CUBE")
    cube.header["EXPTIME"] = 12.5
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.arange(3.0))], name="CAT")
    path = write(tmp_path / "a.fits", blank, cube, table, fits.ImageHDU(np.arange(5), name="LINE"))
    blanks, plane, cat, line = find_images(path)
    assert isinstance(blanks, ImageEntry)
    assert blanks.mask is not None
    assert (blanks.mask == (PIXELS[0, 0] == PIXELS)).all()
    assert isinstance(plane, ImageEntry)
    assert (plane.plane, plane.exposure, plane.note) == (1, 12.5, "plane 1 of 3")
    assert (plane.pixels == PIXELS.astype("i4") + 1).all()
    assert isinstance(cat, SkippedEntry)
    assert isinstance(line, SkippedEntry)
    assert (cat.reason, line.reason) == ("a table", "one axis: not an image")
    (last,) = find_images(path, plane=-1, select=frozenset({"CUBE"}))
    assert isinstance(last, ImageEntry)
    assert (last.pixels == PIXELS.astype("i4") + 2).all()
    with pytest.raises(ValueError, match="has no SCI"):
        list(find_images(path, select=frozenset({"SCI"})))


def test_what_is_no_image_file(tmp_path: Path) -> None:
    """A FormatError, not a guess."""
    (tmp_path / "a.fits").write_bytes(b"SIMPLE  = nonsense")
    with pytest.raises(FormatError):
        list(find_images(tmp_path / "a.fits"))
    with pytest.raises(FileNotFoundError):
        list(find_images(tmp_path / "none.fits"))


def test_hdf5(tmp_path: Path) -> None:
    """Datasets of ours and others; half floats become single."""
    h5py = pytest.importorskip("h5py")
    hdf5_filter = pytest.importorskip("hdf5_filter")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["EXPTIME"] = 30
        sci = file.create_dataset("g/sci", data=PIXELS, chunks=(60, 80), compression=hdf5_filter.AstroCodec())
        sci.attrs["FILTER"] = "R"
        file.create_dataset("half", data=PIXELS.astype("f2"), chunks=(60, 80), compression="gzip")
        file["words"] = "no image"
    sci, half, words = sorted(find_images(path), key=lambda entry: entry.name)
    assert isinstance(sci, ImageEntry)
    assert (sci.pixels == PIXELS).all()
    assert (sci.name, sci.compression, sci.ours, sci.exposure) == ("g/sci", "astrocodec", True, 30.0)
    assert isinstance(half, ImageEntry)
    assert (half.pixels.dtype, half.compression) == (np.float32, "gzip")
    assert isinstance(words, SkippedEntry)


def test_zarr(tmp_path: Path) -> None:
    """Arrays of a group, ours among them."""
    zarr = pytest.importorskip("zarr")
    from astrocodec.zarr.v3 import AstroCodec

    path = tmp_path / "a.zarr"
    group = zarr.open_group(path, mode="w")
    for name, options in (("ours", {"serializer": AstroCodec(), "compressors": None}), ("other", {})):
        array = group.create_array(name, shape=PIXELS.shape, chunks=(60, 80), dtype="u2", **options)
        array[:] = PIXELS
    assert is_zarr(path)
    found = {entry.name: entry for entry in find_images(path) if isinstance(entry, ImageEntry)}
    assert all((entry.pixels == PIXELS).all() for entry in found.values())
    assert {name: entry.ours for name, entry in found.items()} == {"ours": True, "other": False}


@pytest.mark.parametrize("tuned", [True, False])
def test_bits_of_hdf5_chunks_add_up(tuned: bool, tmp_path: Path) -> None:
    """To what the file spends on them; chunks that reach over the edge and chunks that were never written too."""
    h5py = pytest.importorskip("h5py")
    hdf5_filter = pytest.importorskip("hdf5_filter")
    image = np.tile(PIXELS, (3, 3))
    options = hdf5_filter.AstroCodec.tuned(image) if tuned else {"compression": hdf5_filter.AstroCodec()}
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("sci", shape=(300, 300), dtype="u2", chunks=(128, 100), **options)[:180, :240] = image
    for entry in find_images(path):
        assert isinstance(entry, ImageEntry)
        assert entry.bits is not None
        bits = entry.bits()
        assert bits.total_bits == 8 * entry.stored_bytes
        assert np.nansum(bits.bits, dtype=float) == pytest.approx(bits.payload_bits, rel=1e-3)
        assert np.isnan(bits.bits[260:]).all()
