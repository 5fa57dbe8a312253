"""FITS images beside others, which a store keeps: no file of a night needs another file of it."""

from __future__ import annotations

import gc
import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from cli_process import run_here, succeed_here
from numpy.typing import NDArray

import astrocodec
import fits_tiles
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import FormatError, ReferenceNotFoundError
from astrocodec.files.target import REFERENCES
from astrocodec.stages.outside import hash_of
from fits_tiles.files.beside import Beside
from fits_tiles.files.reference_files import References
from fits_tiles.layout.grid import TileGrid

SHAPE = (150, 170)


def exposure(number: int, shape: tuple[int, ...] = SHAPE, dtype: str = "u2") -> NDArray[Any]:
    """One of the exposures of a detector whose pixels have levels of their own."""
    pattern = np.random.default_rng(1).normal(0, 40, shape[-2:])
    pattern += np.where(np.random.default_rng(2).random(shape[-2:]) < 0.01, 900, 0)
    noise = np.random.default_rng(10 + number).normal(0, 4, shape)
    return np.asarray((1000 + 30 * number + pattern + noise).round(), dtype)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three exposures, each with an extension."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        extension = fits.ImageHDU(exposure(number, (2, 80, 90), "i4"), name="RAMP")
        fits.HDUList([fits.PrimaryHDU(exposure(number)), extension]).writeto(tmp_path / f"{name}.fits")
    return tmp_path


def sizes(night: Path) -> tuple[int, int]:
    """Compressed sizes of b, alone and beside a."""
    alone = fits_tiles.compress(night / "b.fits", None, effort=1)
    beside = fits_tiles.compress(night / "b.fits", night / "b.ac.fits", effort=1, reference=night / "a.fits")
    assert beside.checked == "verified"
    assert f"beside {night}/a.fits[0], kept in {REFERENCES}" in beside.hdus[0].note
    return alone.compressed_bytes, beside.compressed_bytes


def restored(night: Path, **options: Any) -> bytes:
    fits_tiles.decompress(night / "b.ac.fits", night / "again.fits", overwrite=True, **options)
    return (night / "again.fits").read_bytes()


def store_of(folder: Path) -> list[Path]:
    return sorted((folder / REFERENCES).iterdir())


def store_name(pixels: NDArray[Any]) -> str:
    """Name of the file of what FITS stores of 16-bit pixels without a sign."""
    return f"{hash_of((pixels ^ 0x8000).view('i2')).hex()[:32]}.ac.fits"


def content(night: Path, names: str) -> dict[str, bytes]:
    return {name: (night / f"{name}.fits").read_bytes() for name in names}


def sequence(night: Path, *options: str) -> dict[str, bytes]:
    """A night, coded beside its first frame; what it was."""
    before = content(night, "abc")
    succeed_here("fits-compress", "--no-tune", "--sequence", *options, "a.fits", "b.fits", "c.fits")
    return before


def gives_back(folder: Path, before: dict[str, bytes], names: str = "abc") -> None:
    for name in names:
        fits_tiles.decompress(folder / f"{name}.ac.fits", folder / "again.fits", overwrite=True)
        assert (folder / "again.fits").read_bytes() == before[name]


def test_images_beside_those_of_the_same_number(night: Path) -> None:
    alone, beside = sizes(night)
    assert beside < 0.85 * alone
    assert store_name(exposure(0)) in [path.name for path in store_of(night)]
    assert {path.stat().st_mode & 0o777 for path in store_of(night)} == {0o444}
    assert (
        "beside a.fits[0]" in fits_tiles.compress(night / "b.fits", None, tune=False, reference="a.fits").hdus[0].note
    )
    (night / "a.fits").unlink()
    assert restored(night) == (night / "b.fits").read_bytes()
    assert f"beside {REFERENCES}/{store_name(exposure(0))}" in fits_tiles.info(night / "b.ac.fits").hdus[1].note
    assert fits_tiles.verify(night / "b.ac.fits").checked == "verified"
    assert fits_tiles.verify(night / "b.ac.fits", night / "b.fits").checked == "verified"
    for path in store_of(night):
        assert fits_tiles.verify(path).checked == "verified"
        assert "beside" not in fits_tiles.info(path).hdus[1].note


def test_the_store_is_read_by_no_more_people_than_the_reference(night: Path) -> None:
    (night / "a.fits").chmod(0o600)
    sizes(night)
    assert {path.stat().st_mode & 0o777 for path in store_of(night)} == {0o400}


def test_no_reference_needs_another(night: Path) -> None:
    """What lies beside a compressed file that was coded beside another is kept whole."""
    sizes(night)
    fits_tiles.compress("c.fits", "c.ac.fits", tune=False, reference="b.ac.fits")
    before = content(night, "c")
    for name in ("a.fits", "b.fits", "b.ac.fits", f"{REFERENCES}/{store_name(exposure(0))}"):
        (night / name).unlink()
    gives_back(night, before, "c")


def test_a_compressed_original_with_a_reference_is_compared(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes(night)
    (night / "sub").mkdir()
    monkeypatch.chdir(night / "sub")
    fits_tiles.compress("../b.fits", "alone.ac.fits", tune=False)
    assert fits_tiles.verify("alone.ac.fits", "../b.ac.fits").checked == "verified"


def test_a_lost_store_is_named(night: Path) -> None:
    sizes(night)
    (night / "a.fits").rename(night / "x.fits")
    (night / REFERENCES).rename(night / "elsewhere")
    text = rf"b.ac.fits: HDU 1, tile 1 of 1 .*needs the image {REFERENCES}/\w+.ac.fits \(tile SHA-256 .*: the folder"
    for call in (restored, lambda night: fits_tiles.verify(night / "b.ac.fits")):
        with pytest.raises(ReferenceNotFoundError, match=text):
            call(night)
    assert not list(night.glob("again.fits*"))
    expected = (night / "b.fits").read_bytes()
    assert restored(night, reference=night / "x.fits") == expected
    with fits.open("x.fits", mode="update") as hdus:
        hdus[0].data[5, 7] += 1
    with pytest.raises(ReferenceNotFoundError, match=r"x.fits does not have"):
        restored(night, reference=night / "x.fits")


def test_a_file_of_the_store_that_is_damaged_is_not_used(night: Path) -> None:
    sizes(night)
    (path,) = (path for path in store_of(night) if path.name == store_name(exposure(0)))
    (night / "b.ac.fits").unlink()
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[-4000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=f"{path.name}.*move (this file|it) away"):
        fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    shutil.copy(next(other for other in store_of(night) if other != path), path)
    with pytest.raises(FormatError, match=f"{path.name}: does not hold the image of its name"):
        fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    assert not Path("b.ac.fits").exists()
    path.unlink()
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    assert path.exists()


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_astropy_reads_it(night: Path, container: str) -> None:
    options: dict[str, Any] = {"container": container, "tile_shape": (64, 64), "effort": 1}
    fits_tiles.compress(night / "b.fits", night / "b.ac.fits", reference=night / "a.fits", **options)
    with fits.open(night / "b.ac.fits") as hdus:
        np.testing.assert_array_equal(hdus[1].section[60:70, 100:140], exposure(1)[60:70, 100:140])
        np.testing.assert_array_equal(hdus[1].data, exposure(1))
        np.testing.assert_array_equal(hdus["RAMP"].data, exposure(1, (2, 80, 90), "i4"))
    (night / "sub").mkdir()
    shutil.move(night / "b.ac.fits", night / "sub/b.ac.fits")
    with fits.open(night / "sub/b.ac.fits") as hdus, pytest.raises(ReferenceNotFoundError, match=REFERENCES):
        _ = hdus[1].data


def test_one_hdu_for_all_of_its_shape_and_none_for_others(night: Path) -> None:
    fits.PrimaryHDU(exposure(5)[:40]).writeto(night / "cut.fits")
    report = fits_tiles.compress(night / "cut.fits", None, reference=night / "a.fits", tune=False)
    assert "a.fits has no image of this shape" in report.hdus[0].note
    bias = exposure(0, (80, 90), "f4") + np.float32(0.25)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(bias, name="BIAS")]).writeto(night / "bias.fits")
    report = fits_tiles.compress(night / "b.fits", night / "b.ac.fits", reference=f"{night}/bias.fits[1]", tune=False)
    assert "has no image of this shape" in report.hdus[0].note
    assert report.checked == "verified"
    assert restored(night) == (night / "b.fits").read_bytes()


def test_a_reference_inside_needs_no_file(tmp_path: Path) -> None:
    """Of a cube of narrow planes, whose pattern is larger than what each plane adds."""
    line = np.random.default_rng(1).integers(0, 30000, (1, 400, 1))
    cube = (line + np.random.default_rng(2).integers(0, 4, (120, 400, 1))).astype(np.int32)
    fits.PrimaryHDU(cube).writeto(tmp_path / "b.fits")
    fits.PrimaryHDU(line[0].astype(np.int32)).writeto(tmp_path / "a.fits")

    options: dict[str, Any] = {"tile_shape": (48000, 1), "tune": False}
    alone = fits_tiles.compress(tmp_path / "b.fits", None, **options)
    report = fits_tiles.compress(
        tmp_path / "b.fits", tmp_path / "b.ac.fits", reference=tmp_path / "a.fits", embed_reference=True, **options
    )
    assert report.hdus[0].coded_bytes < 0.7 * alone.hdus[0].coded_bytes
    assert "which is inside" in fits_tiles.info(tmp_path / "b.ac.fits").hdus[1].note
    assert not (tmp_path / REFERENCES).exists()
    (tmp_path / "a.fits").unlink()
    assert restored(tmp_path) == (tmp_path / "b.fits").read_bytes()


def test_tiles_are_cut_alike() -> None:
    """Each tile of an image finds its own part of the reference, of any shape and order of axes."""
    for shape, tile in (
        ((37,), (10,)),
        ((20, 31), (8, 9)),
        ((3, 20, 31), (1, 8, 9)),
        ((5, 6, 7), (2, 6, 7)),
        ((5, 20, 31), (3, 8, 9)),
    ):
        image, size = np.arange(np.prod(shape)).reshape(shape), np.prod(shape[1:])
        grid = TileGrid(shape, tile, 8)
        for axes in range(min(2, len(shape)), len(shape) + 1):
            reference = image if axes == len(shape) else image[0]
            beside = Beside.of_grid(reference, "a", False, grid)
            flat = image.reshape(-1)
            for band in grid.bands():
                raw = np.concatenate([flat[at // 8 : (at + size) // 8] for at, size in band.pieces()])
                for number, place in enumerate(band.tiles, band.first_tile):
                    part = raw.reshape(band.shape)[place]
                    found = beside.of_tile(number)
                    assert found.shape == part.shape[part.ndim - found.ndim :]
                    if axes == len(shape):
                        np.testing.assert_array_equal(found, part.reshape(found.shape))
                    else:
                        np.testing.assert_array_equal(found % size, part.reshape(-1, *found.shape)[0] % size)


def test_the_command_line(night: Path) -> None:
    succeed_here("fits-compress", "--no-tune", "--reference", "a.fits", "b.fits")
    assert f"beside {REFERENCES}/".encode() in succeed_here("info", "b.ac.fits")
    (night / REFERENCES).rename(night / "x")
    failed = run_here("fits-decompress", "--overwrite", "b.ac.fits")
    assert failed.returncode == ExitCode.NEEDS_INSTALL
    assert b"--reference FILE" in failed.stderr
    assert run_here("verify", "b.ac.fits").returncode == ExitCode.NEEDS_INSTALL
    succeed_here("verify", "--reference", "a.fits", "b.ac.fits")
    succeed_here("fits-decompress", "--reference", "a.fits", "b.ac.fits", "-O", "again.fits")
    assert (night / "again.fits").read_bytes() == (night / "b.fits").read_bytes()
    for arguments in (["--reference", "a.fits", "--sequence"], ["--embed-reference"]):
        assert run_here("fits-compress", *arguments, "b.fits").returncode == ExitCode.USAGE
    assert run_here("fits-compress", "--overwrite", "--reference", "no.fits", "b.fits").returncode == ExitCode.SYSTEM
    to_stream = run_here("fits-compress", "--no-tune", "--reference", "a.fits", "--stdout", "b.fits")
    assert to_stream.returncode == ExitCode.USAGE
    assert b"no folder for its reference" in to_stream.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_a_night(night: Path, processes: int) -> None:
    """All beside the first, whose own original may go meanwhile; a file of another shape is coded alone."""
    fits.PrimaryHDU(exposure(7)[:50]).writeto("other.fits")
    names = ("a", "b", "c", "other")
    before = {name: (night / f"{name}.fits").read_bytes() for name in names}
    succeed_here("fits-compress", "--effort", "1", "--sequence", "-D", "-Y", "-j", str(processes), "*.fits")
    assert sorted(path.name for path in night.glob("*.fits")) == [f"{name}.ac.fits" for name in names]
    needed = {name: "beside" in str(fits_tiles.info(night / f"{name}.ac.fits").hdus[1].note) for name in names}
    assert needed == {"a": True, "b": True, "c": True, "other": False}
    # The key frame costs next to nothing beside itself.
    assert (night / "a.ac.fits").stat().st_size < 0.5 * (night / "b.ac.fits").stat().st_size
    succeed_here("fits-decompress", "-D", "-Y", "-j", str(processes), "*.ac.fits")
    assert {name: (night / f"{name}.fits").read_bytes() for name in names} == before


def test_a_night_into_another_folder(night: Path) -> None:
    before = sequence(night, "-D", "-Y", "--outdir", "out")
    assert not list(night.glob("*.fits"))
    gives_back(night / "out", before)


def test_no_circle_takes_all_copies(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    succeed_here("fits-decompress", "-D", "-Y", "a.ac.fits")
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--reference", "b.ac.fits", "a.fits")
    assert not (night / "a.fits").exists()
    gives_back(night, before)
    succeed_here("fits-decompress", "-D", "-Y", "a.ac.fits", "b.ac.fits")
    succeed_here("fits-compress", "--no-tune", "--reference", "a.fits", "b.fits")
    succeed_here("fits-compress", "--no-tune", "--reference", "b.fits", "a.fits")
    succeed_here("fits-compress", "-D", "-Y", "--skip-existing", "a.fits", "b.fits")
    assert not (night / "a.fits").exists()
    assert not (night / "b.fits").exists()
    gives_back(night, before)


def test_a_deletion_is_not_verified_with_what_is_deleted(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store, the input itself has the pixels that are needed."""
    monkeypatch.setattr("fits_tiles.files.chosen_reference.keep", lambda *arguments: None)
    failed = run_here("fits-compress", "--no-tune", "-D", "-Y", "--reference", "a.fits", "a.fits")
    assert failed.returncode == ExitCode.DIFFERS
    assert (night / "a.fits").exists()
    assert not (night / "a.ac.fits").exists()


def test_lossy_compression_of_a_reference_takes_nothing_from_others(night: Path) -> None:
    before = content(night, "b")
    flat = exposure(0, dtype="f4") + np.float32(0.3)
    for way in ("-D", "-F"):
        fits.PrimaryHDU(flat).writeto("flat.fits", overwrite=True)
        succeed_here("fits-compress", "--no-tune", "--overwrite", "--reference", "flat.fits", "b.fits")
        assert "beside" in fits_tiles.info("b.ac.fits").hdus[1].note
        succeed_here("fits-compress", "--no-tune", "--lossy", "8", "--overwrite", way, "-Y", "flat.fits")
        gives_back(night, before, "b")


def test_a_key_frame_may_be_overwritten_decompressed_and_removed(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    fits.PrimaryHDU(exposure(9)).writeto("a.fits")
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--overwrite", "a.fits")
    gives_back(night, before, "bc")
    succeed_here("fits-decompress", "-D", "-Y", "--outdir", "out", "a.ac.fits")
    gives_back(night, before, "bc")


def test_the_pixels_of_a_key_frame_may_be_edited(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    with fits.open("a.ac.fits", mode="update") as hdus:
        hdus[1].data[0, 0] = 0
    with fits.open("a.ac.fits") as hdus:
        assert hdus[1].data[0, 0] == 0
    gives_back(night, before, "bc")


def test_copied_tiles_take_their_references_along(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    succeed_here("fits-decompress", "-E", "RAMP", "-D", "-Y", "-O", "sub/x.fits", "b.ac.fits")
    shutil.rmtree(night / REFERENCES)
    assert fits_tiles.verify("sub/x.fits").checked == "verified"
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--outdir", "o2", "sub/x.fits")
    shutil.rmtree(night / "sub" / REFERENCES)
    fits_tiles.decompress("o2/x.ac.fits", "again.fits")
    assert (night / "again.fits").read_bytes() == before["b"]
    shutil.rmtree(night / "o2" / REFERENCES)
    with pytest.raises(ReferenceNotFoundError, match=REFERENCES):
        fits_tiles.decompress("o2/x.ac.fits", "o3.fits", extensions="RAMP")
    assert not Path("o3.fits").exists()


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_tiles_that_astropy_writes_elsewhere_take_their_references_along(night: Path, container: str) -> None:
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits", container=container)
    (night / "o").mkdir()
    with fits.open("b.ac.fits") as hdus:
        hdus[1].header["FOO"] = 1
        with pytest.raises(ValueError, match="cannot go along to a stream"):
            hdus.writeto(io.BytesIO())
        hdus.writeto("o/x.ac.fits")
    with fits.open("b.ac.fits") as hdus:
        _ = hdus[1].data
        fits.HDUList([fits.PrimaryHDU(), hdus[1]]).writeto("o/v.ac.fits")
    with fits.open("b.ac.fits", disable_image_compression=True) as hdus:
        (night / "t").mkdir()
        hdus.writeto("t/w.ac.fits")
    shutil.rmtree(night / REFERENCES)
    for name in ("o/x", "o/v", "t/w"):
        np.testing.assert_array_equal(fits.getdata(f"{name}.ac.fits", 1), exposure(1))
    with fits.open("o/x.ac.fits") as hdus:
        hdus[1].data[0, 0] += 1
        hdus.writeto("c.ac.fits")  # coded anew; RAMP is as it was
    assert len(store_of(night)) == 1
    assert store_name(exposure(0)) not in [path.name for path in store_of(night)]
    shutil.rmtree(night / REFERENCES)
    np.testing.assert_array_equal(fits.getdata("c.ac.fits", 1)[1:], exposure(1)[1:])
    (night / "o" / REFERENCES).rename("lost")
    with fits.open("o/x.ac.fits") as hdus, pytest.raises(ReferenceNotFoundError, match=REFERENCES):
        hdus.writeto("y.ac.fits")
    assert not Path("y.ac.fits").exists()


def test_tiles_appended_to_a_file_of_another_folder(night: Path) -> None:
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    (night / "o").mkdir()
    fits.PrimaryHDU().writeto("o/x.fits")
    with fits.open("b.ac.fits") as hdus, fits.open("o/x.fits", mode="update") as others:
        others.append(hdus[1])
    shutil.rmtree(night / REFERENCES)
    np.testing.assert_array_equal(fits.getdata("o/x.fits", 1), exposure(1))


def test_an_output_folder_that_is_a_link(night: Path) -> None:
    before = content(night, "b")
    (night / "big/deep/disk").mkdir(parents=True)
    (night / "out").symlink_to("big/deep/disk")
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--outdir", "out", "--reference", "a.fits", "b.fits")
    gives_back(night / "out", before, "b")
    gives_back(night / "big/deep/disk", before, "b")


def test_names_of_any_bytes_and_length(night: Path) -> None:
    folder = night.joinpath("n" * 200, "m" * 200)
    folder.mkdir(parents=True)
    before = content(night, "ab")
    for name, new in (("a", "x\udce9a"), ("b", "x\udce9b")):
        (night / f"{name}.fits").rename(folder / f"{new}.fits")
    names = [str(path) for path in sorted(folder.iterdir())]
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--sequence", *names)
    for name in "ab":
        (folder / f"x\udce9{name}.ac.fits").rename(folder / f"{name}.ac.fits")
    gives_back(folder, before, "ab")
    (night / "a[0].fits").write_bytes(before["a"])
    (night / "a.fits[0]").write_bytes(before["a"])
    for key in ("a[0].fits", "a.fits[0]", "a.fits[0][0]"):
        report = fits_tiles.compress("c.fits", None, tune=False, reference=key)
        assert "beside" in report.hdus[0].note
    (night / "numbers").mkdir()
    numbered = [f"numbers/img[{number}]" for number in range(2)]
    for new, name in zip(numbered, "ac", strict=True):
        (night / new).write_bytes(before["a"] if name == "a" else (night / "c.fits").read_bytes())
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", "--sequence", *numbered)
    with fits.open(os.fsencode(f"{numbered[1]}.ac.fits")) as hdus:
        np.testing.assert_array_equal(hdus[1].data, exposure(2))


def test_a_link_to_a_compressed_file(night: Path) -> None:
    before = sequence(night, "-D", "-Y", "--outdir", "ar")
    (night / "me").mkdir()
    (night / "me/b.ac.fits").symlink_to("../ar/b.ac.fits")
    gives_back(night / "me", before, "b")
    assert fits_tiles.verify("me/b.ac.fits").checked == "verified"
    np.testing.assert_array_equal(fits.getdata("me/b.ac.fits", 1), exposure(1))


def test_hdus_put_before_the_image_of_a_key_frame(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    with fits.open("a.ac.fits", mode="update") as hdus:
        hdus.insert(1, fits.ImageHDU(np.zeros((4, 4), "i2")))
    gives_back(night, before, "bc")
    (night / REFERENCES).rename("x")
    with fits.open("again.fits") as hdus:
        key = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros(SHAPE, "i2"))])
        for number, old in enumerate((exposure(0), exposure(0, (2, 80, 90), "i4"))):
            key.append(fits.ImageHDU(old, name=f"OLD{number}"))
        key.writeto("moved.fits")
    # The number of the HDU does not count for a file that is named either.
    fits_tiles.decompress("b.ac.fits", "b2.fits", reference="moved.fits")
    assert Path("b2.fits").read_bytes() == before["b"]


def test_astropy_keeps_two_references_at_most(night: Path) -> None:
    for number in range(5):
        folder = night / str(number)
        folder.mkdir()
        dark = exposure(20 + number)
        fits.PrimaryHDU(dark).writeto(folder / "dark.fits")
        fits.PrimaryHDU(dark + 1).writeto(folder / "s.fits")
        fits_tiles.compress(folder / "s.fits", "s.ac.fits", tune=False, reference=folder / "dark.fits", overwrite=True)
        os.rename("s.ac.fits", f"s{number}.ac.fits")
    for number in range(5):
        with fits.open(f"s{number}.ac.fits") as hdus:
            assert hdus[1].data.sum() == (exposure(20 + number) + 1).sum()
    del hdus
    gc.collect()
    held = [each for each in gc.get_objects() if type(each) is References]  # proxies of others warn when asked
    assert sum(len(each._held) for each in held if each.folders == (night,)) <= 2


def test_the_folder_is_that_of_the_opening(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    (night / "o").mkdir()
    with fits.open("b.ac.fits") as hdus:
        monkeypatch.chdir(night / "o")
        np.testing.assert_array_equal(hdus[1].data, exposure(1))
        np.testing.assert_array_equal(hdus["RAMP"].section[1, :5], exposure(1, (2, 80, 90), "i4")[1, :5])


def test_the_store_is_not_written_to(night: Path) -> None:
    before = sequence(night, "-D", "-Y")
    kept = {path: path.read_bytes() for path in store_of(night)}
    path = str(next(iter(kept)).relative_to(night))
    (night / "link.ac.fits").symlink_to(path)
    for arguments in (
        ("fits-decompress", "-D", "-Y", path),
        ("fits-decompress", "-D", "-Y", "link.ac.fits"),
        ("fits-decompress", "-F", "-Y", path),
        ("fits-decompress", "-F", "-Y", "link.ac.fits"),
        ("fits-decompress", "--overwrite", "b.ac.fits", "-O", path),
        ("fits-compress", "--overwrite", "--lossy", "4", "b.ac.fits", "-O", path),
    ):
        refused = run_here(*arguments)
        assert refused.returncode == ExitCode.EXISTS, arguments
        assert f"{REFERENCES} and stays as it is".encode() in refused.stderr
    for target in (path, "link.ac.fits"):
        with pytest.raises(FileExistsError, match="stays as it is"):
            fits.PrimaryHDU(exposure(1)).writeto(target, overwrite=True)
        with pytest.raises((FileExistsError, PermissionError)), fits.open(target, mode="update") as hdus:
            hdus[1].data[0, 0] = 1
    (night / "link.ac.fits").unlink()
    succeed_here("fits-decompress", "-D", "-Y", "-r", ".")
    assert {path: path.read_bytes() for path in store_of(night)} == kept
    assert content(night, "abc") == before


def test_any_tile_tells_what_is_needed(night: Path) -> None:
    """The first tile is noise that the reference tells nothing of."""
    pixels = exposure(1, (170, 170))
    pixels[:85, :85] = np.random.default_rng(3).integers(0, 60000, (85, 85))
    fits.PrimaryHDU(pixels).writeto(night / "d.fits")
    fits.PrimaryHDU(exposure(0, (170, 170))).writeto(night / "k.fits")
    fits_tiles.compress("d.fits", "d.ac.fits", tune=False, reference="k.fits", tile_shape=(85, 85))
    assert f"beside {REFERENCES}" in fits_tiles.info("d.ac.fits").hdus[1].note
    with fits.open("d.ac.fits", disable_image_compression=True) as hdus:
        heads = [astrocodec.inspect(bytes(row[0])).reference for row in hdus[1].data]
    assert [head is None for head in heads] == [True, False, False, False]
    (night / "o").mkdir()
    with fits.open("d.ac.fits") as hdus:
        hdus.writeto("o/d.ac.fits")
    np.testing.assert_array_equal(fits.getdata("o/d.ac.fits", 1), pixels)


def test_files_put_right_are_found_by_the_same_object(night: Path) -> None:
    sizes(night)
    with fits.open(night / "b.ac.fits", disable_image_compression=True) as hdus:
        stream = bytes(hdus[1].data[0][0])
    (night / REFERENCES).rename(night / "x")
    find = References([night]).of_grid(TileGrid(SHAPE, SHAPE, 2))
    with pytest.raises(ReferenceNotFoundError):
        find(astrocodec.inspect(stream).reference)  # type: ignore[arg-type]
    (night / "x").rename(night / REFERENCES)
    pixels = astrocodec.decode(stream, reference=find)
    np.testing.assert_array_equal(pixels.view("u2") ^ 0x8000, exposure(1))


def test_a_run_says_what_its_files_need(night: Path) -> None:
    """And that a reference was of no use, or cannot be one."""
    command = ("fits-compress", "--no-tune", "--overwrite", "--reference")
    told = succeed_here(*command, "a.fits", "b.fits", "c.fits").decode()
    assert told.rstrip().endswith(f"2 need the folder {REFERENCES} beside them")
    useless = run_here(*command, "a.fits[7]", "b.fits")
    assert b"no image was coded beside a.fits" in useless.stderr
    assert REFERENCES.encode() not in useless.stdout
    os.mkfifo("pipe")
    refused = run_here(*command, "pipe", "b.fits")
    assert refused.returncode == ExitCode.SYSTEM
    assert b"pipe: is no regular file" in refused.stderr


def test_an_update_through_a_link_changes_the_file_where_it_lies(night: Path) -> None:
    """astropy would put one that grew in the place of the link, where no store is."""
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    os.mkdir("links")
    os.symlink("../b.ac.fits", "links/b.ac.fits")
    with fits.open("links/b.ac.fits", mode="update") as hdus:
        for number in range(100):
            hdus[1].header[f"K{number}"] = "x" * 40
    assert os.path.islink("links/b.ac.fits")
    for name in ("links/b.ac.fits", "b.ac.fits"):
        with fits.open(name) as hdus:
            assert hdus[1].header["K99"] == "x" * 40
            np.testing.assert_array_equal(hdus[1].data, exposure(1))


@pytest.mark.parametrize("mode", ["readonly", "update"])
def test_another_codec_that_is_asked_for_is_taken(night: Path, mode: str) -> None:
    """Though nobody read the pixels; and ours of another's."""
    os.mkdir("out")
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    path = "b.ac.fits"
    for codec in ("RICE_1", "ASTROCODEC_1"):
        with fits.open(path, mode=mode) as hdus:
            hdus[1].compression_type = codec
            if mode == "readonly":
                path = f"out/{codec}.fits"
                hdus.writeto(path)
        with fits.open(path) as hdus:
            assert hdus[1].compression_type == codec
            np.testing.assert_array_equal(hdus[1].data, exposure(1))


def test_the_store_is_where_a_link_leads(night: Path) -> None:
    """astropy appends through a link, and makes the file that one points to; a stream has no folder."""
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits")
    for name in ("links", "far", "farther"):
        os.mkdir(name)
    fits.PrimaryHDU().writeto("far/b.fits")
    os.symlink("../far/b.fits", "links/b.fits")
    os.symlink("../farther/b.fits", "links/new.fits")
    with fits.open("b.ac.fits") as image:
        with fits.open("links/b.fits", mode="append") as hdus:
            hdus.append(image[1])
        image.writeto("links/new.fits")
        with io.FileIO("far/output", "wb") as file:
            file.name = "<stdout>"  # as programs' output is called
            with pytest.raises(ValueError, match="cannot go along to a stream"):
                image.writeto(file)
    for name in ("far/b.fits", "farther/b.fits"):
        np.testing.assert_array_equal(fits.getdata(name, 1), exposure(1))
    assert not os.path.exists(f"links/{REFERENCES}")


def test_whom_a_folder_lets_in_its_store_does(night: Path) -> None:
    """Whatever files are made for: they stay readable by those who could read the originals."""
    os.mkdir("out")
    os.chmod("out", 0o2775)
    mask = os.umask(0o077)
    try:
        fits_tiles.compress("b.fits", "out/b.ac.fits", tune=False, reference="a.fits")
    finally:
        os.umask(mask)
    assert os.stat(f"out/{REFERENCES}").st_mode & 0o7777 == 0o2775
    assert {os.stat(path).st_mode & 0o777 for path in Path("out", REFERENCES).iterdir()} == {0o444}


@pytest.mark.filterwarnings("ignore:Unknown compression type")
@pytest.mark.parametrize("container", ["zimage", "table"])
def test_lists_that_were_opened_before_registration(night: Path, container: str) -> None:
    fits_tiles.compress("b.fits", "b.ac.fits", tune=False, reference="a.fits", container=container)
    os.mkdir("out")
    fits_tiles.unregister()
    try:
        hdus = fits.open("b.ac.fits", lazy_load_hdus=False)
    finally:
        fits_tiles.register()
    with hdus:
        hdus.writeto("out/b.ac.fits")
    assert fits_tiles.verify("out/b.ac.fits").checked == "verified"
