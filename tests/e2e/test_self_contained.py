"""Files that hold their whole model: read where it is installed nowhere."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from cli_process import environment, succeed_here

import astrocodec
import fits_tiles
import hdf5_filter
from astrocodec.errors import AstrocodecError, CorruptError, ModelNotFoundError
from astrocodec.model import Model
from fits_tiles.layout.card_text import read_blob
from fits_tiles.layout.model_cards import model_cards

FRAME = np.random.default_rng(2).poisson(900, (300, 310)).astype(np.int16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this test a folder of models."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def own(folder: Path) -> Path:
    """Return the file of an installed general model that no package has."""
    shipped = astrocodec.load_model()
    weights = shipped.arrays()
    weights.b3[1] += 40
    shapes = bytearray(shipped.shapes)
    shapes[4 + 4 * 296] ^= 1
    Model(weights.to_bytes(), bytes(shapes), "own").save(folder / "own.acm")
    return folder / "own.acm"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a file of an image and floats."""
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(FRAME), fits.ImageHDU(FRAME[:200].astype(np.float32) / 7, name="F")]).writeto(path)
    return path


def _hide_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no model be installed, the default one neither."""
    monkeypatch.setattr("astrocodec.model._shipped", dict)
    monkeypatch.setattr("astrocodec.model._shipped_files", dict)
    monkeypatch.setattr("astrocodec.model.search_path", tuple)


@pytest.mark.parametrize("container", ["zimage", "table"])
@pytest.mark.parametrize("tune", [False, True])
def test_fits_is_read_without_any_model(plain: Path, container: str, tune: bool, monkeypatch) -> None:
    """By every path: no model is installed, not even the default one."""
    packed, again = plain.with_name("b.fits"), plain.with_name("c.fits")
    fits_tiles.compress(plain, packed, container=container, tune=tune, effort=1, self_contained=True)
    _hide_all(monkeypatch)
    with pytest.raises(ModelNotFoundError):
        astrocodec.load_model()
    assert fits_tiles.verify(packed).checked == "verified"
    assert fits_tiles.verify(packed, plain).verified
    assert all("self-contained" in entry.note for entry in fits_tiles.info(packed).hdus[1:])
    fits_tiles.decompress(packed, again)
    assert again.read_bytes() == plain.read_bytes()
    with fits.open(packed) as opened:
        assert (opened[1].data == FRAME).all()
        assert (opened[1].section[3:9, 5] == FRAME[3:9, 5]).all()


def test_fits_of_a_tuned_own_model(plain: Path, own: Path, monkeypatch) -> None:
    """Its base is gone; without self_contained it is missed."""
    packed, lean = plain.with_name("b.fits"), plain.with_name("lean.fits")
    report = fits_tiles.compress(plain, packed, model="own", effort=1, self_contained=True)
    fits_tiles.compress(plain, lean, model="own", effort=1)
    own.unlink()
    with pytest.raises(AstrocodecError, match="its base"):
        fits_tiles.verify(lean)
    assert fits_tiles.verify(packed, plain).verified
    with fits.open(packed) as opened:
        found = read_blob(tuple(card.image.encode() for card in opened[1]._bintable.header.cards), "ACMOD", "HDU 1")
    assert found is not None
    assert found[:5] == b"ACM\x01G"
    assert Model.from_bytes(found).fingerprint == report.hdus[0].model


def test_fits_of_a_model_with_shapes_of_its_own(plain: Path, tmp_path: Path) -> None:
    """It needs no place on the search path."""
    shipped = astrocodec.load_model()
    shapes = bytearray(shipped.shapes)
    shapes[4 + 4 * 296] ^= 2
    mine = Model(shipped.weights, bytes(shapes), "mine")
    with pytest.raises(ValueError, match="shapes are its own"):
        fits_tiles.compress(plain, tmp_path / "b.fits", model=mine, tune=False)
    fits_tiles.compress(plain, tmp_path / "b.fits", model=mine, tune=False, self_contained=True)
    assert fits_tiles.verify(tmp_path / "b.fits", plain).hdus[1].model == mine.fingerprint


def test_tiles_use_that_model_alone(plain: Path, own: Path) -> None:
    """A tile that took the shipped model would need it."""
    from fits_tiles.files.coders import LosslessCoder

    assert len(LosslessCoder(">i2", astrocodec.load_model("own"))._encoding) == 1


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_edits_through_astropy_keep_it(plain: Path, container: str, monkeypatch) -> None:
    """Of cards and of pixels."""
    packed = plain.with_name("b.fits")
    fits_tiles.compress(plain, packed, container=container, tune=False, self_contained=True)
    _hide_all(monkeypatch)
    with fits.open(packed, mode="update") as opened:
        opened[1].header["OBSERVER"] = "Leavitt"
        opened["F"].data[0, 0] = 5
    report = fits_tiles.verify(packed)
    assert all("self-contained" in entry.note for entry in report.hdus[1:])
    with fits.open(packed) as opened:
        assert opened[1].header["OBSERVER"] == "Leavitt"
        assert opened["F"].data[0, 0] == 5


def test_damage_to_the_cards_is_found(plain: Path) -> None:
    """One character of one of them."""
    packed = plain.with_name("b.fits")
    fits_tiles.compress(plain, packed, tune=False, self_contained=True)
    raw = bytearray(packed.read_bytes())
    at = raw.index(b"ACMOD300") + 30
    raw[at] = ord("x") if raw[at] != ord("x") else ord("y")
    packed.write_bytes(raw)
    with pytest.raises(CorruptError, match="ACMODnnn cards do not have the CRC-32"):
        fits_tiles.verify(packed)


def test_what_contradicts_is_refused(plain: Path, tmp_path: Path, monkeypatch) -> None:
    """A model that cards cannot hold."""
    monkeypatch.setattr("fits_tiles.layout.model_cards.MOST_BYTES", 30000)
    with pytest.raises(ValueError, match="header cards take 30000"):
        model_cards(astrocodec.load_model(), whole=True)


def test_the_command(plain: Path) -> None:
    """And what it costs."""
    succeed_here("fits-compress", "--no-tune", plain)
    lean = plain.with_name("a.ac.fits").stat().st_size
    succeed_here("fits-compress", "--no-tune", "--self-contained", "--overwrite", plain)
    assert 2 * 45000 < plain.with_name("a.ac.fits").stat().st_size - lean < 2 * 55000


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """Return an HDF5 file of an image, of one with checksums and of one that has an attribute named like ours."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=FRAME).attrs["unit"] = "adu"
        file.create_dataset("sums", data=FRAME, chunks=(150, 155), fletcher32=True)
        file.create_dataset("theirs", data=FRAME).attrs["astrocodec_model"] = np.arange(20, dtype=np.uint8)
    return path


@pytest.mark.parametrize("tune", [False, True])
def test_hdf5_of_a_model_that_is_gone(cube: Path, own: Path, tune: bool, monkeypatch) -> None:
    """In another process, whose library never knew it; the attribute of a user stays, on a plain dataset."""
    packed = cube.with_name("b.h5")
    hdf5_filter.register()
    report = hdf5_filter.compress(cube, packed, model="own", tune=tune, effort=1, self_contained=True)
    kinds = {entry.name: entry.kind for entry in report.datasets}
    assert kinds == {"/x": "compressed", "/sums": "compressed", "/theirs": "copied"}
    assert any("'astrocodec_model'" in entry.note for entry in report.datasets if entry.name == "/theirs")
    with h5py.File(packed) as file:
        assert Model.from_bytes(file["x"].attrs["astrocodec_model"].tobytes()) == astrocodec.load_model("own")
    own.unlink()
    program = f"""
import h5py, hdf5_filter
hdf5_filter.register()
with h5py.File({str(packed)!r}) as file:
    print((hdf5_filter.read_dataset(file["x"]) == file["theirs"][...]).all())
    print((file["x"][...] == file["theirs"][...]).all())
print(hdf5_filter.verify({str(packed)!r}, {str(cube)!r}).checked)
print(hdf5_filter.verify({str(packed)!r}).sound)
hdf5_filter.decompress({str(packed)!r}, {str(cube.with_name("c.h5"))!r})
print(hdf5_filter.verify({str(cube.with_name("c.h5"))!r}, {str(cube)!r}).checked)
"""
    assert _printed(program) == ["True", "True", "verified", "True", "verified"]
    first = f"""
import hdf5_filter
print(hdf5_filter.decompress({str(packed)!r}, {str(cube.with_name("d.h5"))!r}).checked)
"""
    assert _printed(first) == ["verified"]
    with h5py.File(cube.with_name("c.h5")) as file:
        assert list(file["x"].attrs) == ["unit"]
        assert list(file["theirs"].attrs) == ["astrocodec_model"]


def _printed(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test_hdf5_damage_to_the_attribute_is_found(cube: Path) -> None:
    """And the elements can still be read where the model is installed."""
    packed = cube.with_name("b.h5")
    hdf5_filter.compress(cube, packed, tune=False, self_contained=True, datasets=["x"])
    with h5py.File(packed, "a") as file:
        file["x"].attrs["astrocodec_model"] = file["x"].attrs["astrocodec_model"] ^ np.uint8(1)
    for original in (None, cube):
        with pytest.raises(CorruptError, match="'/x': attribute 'astrocodec_model' holds no model"):
            hdf5_filter.verify(packed, original)


def test_hdf5_attributes_of_other_types_are_theirs(tmp_path: Path) -> None:
    """Also on a dataset with our filter."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        hdf5_filter.write_dataset(file, "x", FRAME).attrs["astrocodec_model"] = "Canon"
    hdf5_filter.decompress(tmp_path / "a.h5", tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["x"].attrs["astrocodec_model"] == "Canon"
    assert hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5").verified


def test_the_hdf5_command(cube: Path) -> None:
    """The attribute is there, and goes again."""
    succeed_here("h5-compress", "--no-tune", "--self-contained", cube)
    packed = cube.with_name("a.ac.h5")
    with h5py.File(packed) as file:
        assert len(file["x"].attrs["astrocodec_model"]) > 30000
    assert hdf5_filter.info(packed).datasets[0].note == "self-contained"
    succeed_here("h5-decompress", packed, "-O", cube.with_name("c.h5"))
    assert hdf5_filter.verify(cube.with_name("c.h5"), cube).verified
