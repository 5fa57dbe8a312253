"""FITS images beside those of another file: found by name and SHA-256 in whatever form, or no pixels."""

from __future__ import annotations

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
from astrocodec.errors import ReferenceNotFoundError
from fits_tiles.files.beside import Beside, References
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
    return alone.compressed_bytes, beside.compressed_bytes


def restored(night: Path, **options: Any) -> bytes:
    fits_tiles.decompress(night / "b.ac.fits", night / "again.fits", overwrite=True, **options)
    return (night / "again.fits").read_bytes()


def test_images_beside_those_of_the_same_number(night: Path) -> None:
    alone, beside = sizes(night)
    assert beside < 0.85 * alone
    assert restored(night) == (night / "b.fits").read_bytes()
    assert [hdu.note.split("; ")[-1] for hdu in fits_tiles.info(night / "b.ac.fits").hdus[1:]] == [
        "beside a.fits[0]",
        "beside a.fits[1]",
    ]
    assert fits_tiles.verify(night / "b.ac.fits").checked == "verified"
    assert fits_tiles.verify(night / "b.ac.fits", night / "b.fits").checked == "verified"


def test_a_compressed_original_with_a_reference_is_compared(night: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes(night)
    (night / "sub").mkdir()
    monkeypatch.chdir(night / "sub")
    fits_tiles.compress("../b.fits", "alone.ac.fits", effort=1)
    assert fits_tiles.verify("alone.ac.fits", "../b.ac.fits").checked == "verified"


def compress_reference(night: Path) -> None:
    fits_tiles.compress(night / "a.fits", night / "a.ac.fits", effort=1)


def pack_reference(night: Path) -> None:
    fits_tiles.compress(night / "a.fits", night / "t.ac.fits", effort=1)
    fits_tiles.decompress(night / "t.ac.fits", night / "a.fits.fz", to="rice")
    (night / "t.ac.fits").unlink()


def edit_header(night: Path) -> None:
    with fits.open(night / "a.fits") as hdus:
        hdus[0].header["OBSERVER"] = "edited"
        hdus.writeto(night / "a.fit")


def chain_of_references(night: Path) -> None:
    fits_tiles.compress(night / "a.fits", night / "a.ac.fits", effort=1, reference=night / "c.fits")


@pytest.mark.parametrize("change", [compress_reference, pack_reference, edit_header, chain_of_references])
def test_the_reference_is_found_in_other_forms(night: Path, change: Any) -> None:
    sizes(night)
    change(night)
    (night / "a.fits").unlink()
    assert restored(night) == (night / "b.fits").read_bytes()


def test_a_folder_that_moved_and_a_reference_beside_the_output(night: Path) -> None:
    (night / "out").mkdir()
    fits_tiles.compress(night / "b.fits", night / "out/b.ac.fits", effort=1, reference=night / "a.fits")
    assert "beside ../a.fits[0]" in fits_tiles.info(night / "out/b.ac.fits").hdus[1].note
    shutil.move(night / "a.fits", night / "out/a.fits")
    shutil.move(night / "out", night / "moved")
    fits_tiles.decompress(night / "moved/b.ac.fits", night / "again.fits")
    assert (night / "again.fits").read_bytes() == (night / "b.fits").read_bytes()


def test_missing_and_changed_references_are_named(night: Path) -> None:
    sizes(night)
    (night / "a.fits").rename(night / "elsewhere.fits")
    for call in (restored, lambda night: fits_tiles.verify(night / "b.ac.fits")):
        with pytest.raises(
            ReferenceNotFoundError, match=r"b.ac.fits: HDU 1, tile 1 of 1 .*needs the image a.fits\[0\]"
        ):
            call(night)
    with fits.open(night / "elsewhere.fits") as hdus:
        hdus[0].data[5, 7] += 1
        hdus.writeto(night / "a.fits")
    with pytest.raises(ReferenceNotFoundError, match=r"a.fits\[0\] has other pixels: put the file back"):
        restored(night)
    assert not list(night.glob("again.fits*"))
    expected = (night / "b.fits").read_bytes()
    assert restored(night, reference=night / "elsewhere.fits") == expected
    assert fits_tiles.verify(night / "b.ac.fits", reference=night / "elsewhere.fits").checked == "verified"


def test_references_that_need_each_other_end(night: Path) -> None:
    sizes(night)
    fits_tiles.compress(night / "a.fits", night / "a.ac.fits", effort=1, reference=night / "b.fits")
    for name in ("a.fits", "b.fits"):
        (night / name).unlink()
    with pytest.raises(ReferenceNotFoundError, match=r"needs the image a\.fits"):
        restored(night)


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_astropy_reads_it(night: Path, container: str) -> None:
    options: dict[str, Any] = {"container": container, "tile_shape": (64, 64), "effort": 1}
    fits_tiles.compress(night / "b.fits", night / "b.ac.fits", reference=night / "a.fits", **options)
    with fits.open(night / "b.ac.fits") as hdus:
        np.testing.assert_array_equal(hdus[1].section[60:70, 100:140], exposure(1)[60:70, 100:140])
        np.testing.assert_array_equal(hdus[1].data, exposure(1))
        np.testing.assert_array_equal(hdus["RAMP"].data, exposure(1, (2, 80, 90), "i4"))
    (night / "a.fits").unlink()
    (night / "sub").mkdir()
    shutil.move(night / "b.ac.fits", night / "sub/b.ac.fits")
    with fits.open(night / "sub/b.ac.fits") as hdus, pytest.raises(ReferenceNotFoundError, match=r"image a.fits\[0\]"):
        _ = hdus[1].data


def test_one_hdu_for_all_of_its_shape_and_none_for_others(night: Path) -> None:
    fits.PrimaryHDU(exposure(5)[:40]).writeto(night / "cut.fits")
    report = fits_tiles.compress(night / "cut.fits", None, reference=night / "a.fits", effort=1)
    assert "a.fits has no image of this shape" in report.hdus[0].note
    bias = exposure(0, (80, 90), "f4") + np.float32(0.25)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(bias, name="BIAS")]).writeto(night / "bias.fits")
    report = fits_tiles.compress(night / "b.fits", night / "b.ac.fits", reference=f"{night}/bias.fits[1]", effort=1)
    assert "has no image of this shape" in report.hdus[0].note
    assert report.checked == "verified"
    assert restored(night) == (night / "b.fits").read_bytes()


def test_a_reference_inside_needs_no_file(tmp_path: Path) -> None:
    """Of a cube of narrow planes, whose pattern is larger than what each plane adds."""
    line = np.random.default_rng(1).integers(0, 30000, (1, 200, 1))
    cube = (line + np.random.default_rng(2).integers(0, 4, (60, 200, 1))).astype(np.int32)
    fits.PrimaryHDU(cube).writeto(tmp_path / "b.fits")
    fits.PrimaryHDU(line[0].astype(np.int32)).writeto(tmp_path / "a.fits")

    options: dict[str, Any] = {"tile_shape": (12000, 1), "tune": False}
    alone = fits_tiles.compress(tmp_path / "b.fits", None, **options)
    report = fits_tiles.compress(
        tmp_path / "b.fits", tmp_path / "b.ac.fits", reference=tmp_path / "a.fits", embed_reference=True, **options
    )
    assert report.hdus[0].coded_bytes < 0.7 * alone.hdus[0].coded_bytes
    assert "beside a.fits[0], which is inside" in fits_tiles.info(tmp_path / "b.ac.fits").hdus[1].note
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
    succeed_here("fits-compress", "--effort", "1", "--reference", "a.fits", "b.fits")
    assert b"beside a.fits[0]" in succeed_here("info", "b.ac.fits")
    (night / "a.fits").rename(night / "x.fits")
    failed = run_here("fits-decompress", "--overwrite", "b.ac.fits")
    assert failed.returncode == ExitCode.NEEDS_INSTALL
    assert b"--reference FILE" in failed.stderr
    assert run_here("verify", "b.ac.fits").returncode == ExitCode.NEEDS_INSTALL
    succeed_here("verify", "--reference", "x.fits", "b.ac.fits")
    succeed_here("fits-decompress", "--reference", "x.fits", "b.ac.fits", "-O", "again.fits")
    assert (night / "again.fits").read_bytes() == (night / "b.fits").read_bytes()
    for arguments in (["--reference", "a.fits", "--sequence"], ["--embed-reference"]):
        assert run_here("fits-compress", *arguments, "b.fits").returncode == ExitCode.USAGE
    assert run_here("fits-compress", "--overwrite", "--reference", "b.fits", "b.fits").returncode == ExitCode.USAGE
    assert run_here("fits-compress", "--overwrite", "--reference", "no.fits", "b.fits").returncode == ExitCode.SYSTEM


@pytest.mark.parametrize("processes", [1, 2])
def test_a_night(night: Path, processes: int) -> None:
    """All beside the first, whose own original may go meanwhile; a file of another shape is coded alone."""
    fits.PrimaryHDU(exposure(7)[:50]).writeto("other.fits")
    names = ("a", "b", "c", "other")
    before = {name: (night / f"{name}.fits").read_bytes() for name in names}
    succeed_here("fits-compress", "--effort", "1", "--sequence", "-D", "-Y", "-j", str(processes), "*.fits")
    assert sorted(path.name for path in night.glob("*.fits")) == [f"{name}.ac.fits" for name in names]
    needed = {name: "beside" in str(fits_tiles.info(night / f"{name}.ac.fits").hdus[1].note) for name in names}
    assert needed == {"a": False, "b": True, "c": True, "other": False}
    assert sorted(map(os.path.basename, fits_tiles.needing(night / "a.ac.fits"))) == ["b.ac.fits", "c.ac.fits"]
    succeed_here("fits-decompress", "-D", "-Y", "-j", str(processes), "*.ac.fits")
    assert {name: (night / f"{name}.fits").read_bytes() for name in names} == before


def test_a_key_frame_that_is_needed_does_not_go_away(night: Path) -> None:
    succeed_here("fits-compress", "--effort", "1", "--sequence", "-D", "-Y", "a.fits", "b.fits")
    kept = run_here("fits-decompress", "-D", "-Y", "--outdir", "out", "a.ac.fits")
    assert (night / "a.ac.fits").exists()
    assert b"kept, since b.ac.fits was coded beside it" in kept.stderr
    succeed_here("fits-decompress", "-D", "-Y", "--outdir", "out", "b.ac.fits")
    succeed_here("fits-decompress", "-D", "-Y", "--outdir", "out", "--overwrite", "a.ac.fits")
    assert not (night / "a.ac.fits").exists()
    succeed_here("fits-compress", "--effort", "1", "--reference", "c.fits", "out/b.fits", "-O", "b.ac.fits")
    succeed_here("fits-compress", "--effort", "1", "-D", "-Y", "--outdir", "out", "c.fits")
    assert (night / "c.fits").exists()


def test_a_key_frame_that_is_needed_keeps_its_pixels(night: Path) -> None:
    """Lossy compression would take them away, under the name by which they are found."""
    fits.PrimaryHDU(exposure(0, dtype="f4") + np.float32(0.3)).writeto("bias.fits")
    succeed_here("fits-compress", "--effort", "1", "--reference", "bias.fits", "b.fits")
    assert fits_tiles.needing("bias.fits") == ["b.ac.fits"]
    for way in ("-D", "-F"):
        said = run_here("fits-compress", "--effort", "1", "--lossy", "8", "--overwrite", way, "-Y", "bias.fits").stderr
        assert b"since b.ac.fits was coded beside it" in said
        np.testing.assert_array_equal(fits.getdata("bias.fits"), exposure(0, dtype="f4") + np.float32(0.3))
    Path("bias.ac.fits").unlink()
    succeed_here("fits-compress", "--effort", "1", "-F", "-Y", "bias.fits")
    assert fits_tiles.verify("b.ac.fits").checked == "verified"


def test_any_tile_tells_what_is_needed(night: Path) -> None:
    """The first tile is noise that the reference tells nothing of."""
    pixels = exposure(1, (170, 170))
    pixels[:85, :85] = np.random.default_rng(3).integers(0, 60000, (85, 85))
    fits.PrimaryHDU(pixels).writeto(night / "d.fits")
    fits.PrimaryHDU(exposure(0, (170, 170))).writeto(night / "k.fits")
    fits_tiles.compress("d.fits", "d.ac.fits", effort=1, reference="k.fits", tile_shape=(85, 85))
    assert "beside k.fits[0]" in fits_tiles.info("d.ac.fits").hdus[1].note
    assert fits_tiles.needing(night / "k.fits") == [str(night / "d.ac.fits")]
    with fits.open("d.ac.fits", disable_image_compression=True) as hdus:
        heads = [astrocodec.inspect(bytes(row[0])).reference for row in hdus[1].data]
    assert [head is None for head in heads] == [True, False, False, False]


def test_files_put_right_are_found_by_the_same_object(night: Path) -> None:
    sizes(night)
    with fits.open(night / "b.ac.fits", disable_image_compression=True) as hdus:
        stream = bytes(hdus[1].data[0][0])
    (night / "a.fits").rename(night / "x.fits")
    find = References(night).of_grid(TileGrid(SHAPE, SHAPE, 2))
    with pytest.raises(ReferenceNotFoundError):
        find(astrocodec.inspect(stream).reference)  # type: ignore[arg-type]
    (night / "x.fits").rename(night / "a.fits")
    pixels = astrocodec.decode(stream, reference=find)
    np.testing.assert_array_equal(pixels.view("u2") ^ 0x8000, exposure(1))
