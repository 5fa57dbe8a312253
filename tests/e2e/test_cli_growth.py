"""Inputs are never deleted or replaced for something that is not smaller on the disk."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cli_process import leftovers, run_here, succeed_here


def sparse(path: Path, pack: object) -> Path:
    """Write a file that gzip makes tiny: many headers, few counts."""
    assert callable(pack)
    images = [fits.PrimaryHDU(), *(fits.ImageHDU(np.zeros((60, 60), np.int16)) for _ in range(12))]
    plain = path.with_name("plain")
    fits.HDUList(images).writeto(plain)
    path.write_bytes(pack(plain.read_bytes()))
    plain.unlink()
    return path


def table(path: Path, pack: object) -> Path:
    """Write a file without an image."""
    fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.arange(999))]).writeto(path)
    return path


def noise(path: Path, pack: object) -> Path:
    """Write an image that does not compress."""
    fits.writeto(path, np.random.default_rng(0).integers(-(2**15), 2**15, (60, 60), np.int16))
    return path


GROWING = [
    (sparse, "a.fits.gz", gzip.compress),
    (sparse, "a.fits.bz2", bz2.compress),
    (table, "a.fits", bytes),
    (noise, "a.fits", bytes),
]


# -F is refused for packed files.
@pytest.mark.parametrize(
    ("option", "write", "name", "pack"),
    [(option, *case) for option in ("-D", "-F") for case in GROWING if option == "-D" or case[1] == "a.fits"],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_would_grow_is_left_as_it_is(tmp_path: Path, write: object, name: str, pack: object, option: str) -> None:
    """With one line that says why, and no output."""
    assert callable(write)
    path = write(tmp_path / name, pack)
    before = path.read_bytes()
    result = run_here("fits-compress", option, "-Y", path)
    assert result.returncode == 0, result.stderr
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(f"astrocodec: {path}: left as it is, ")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == before


def test_an_output_of_before_stays_too(tmp_path: Path) -> None:
    """--overwrite does not replace it by what is not kept."""
    path = sparse(tmp_path / "a.fits.gz", gzip.compress)
    (tmp_path / "a.ac.fits").write_bytes(b"of before")
    succeed_here("fits-compress", "-D", "-Y", "--overwrite", path)
    assert (path.exists(), (tmp_path / "a.ac.fits").read_bytes()) == (True, b"of before")


def test_an_output_that_was_named_is_written_and_the_input_kept(tmp_path: Path) -> None:
    """-O asks for it."""
    path = sparse(tmp_path / "a.fits.gz", gzip.compress)
    result = run_here("fits-compress", "-D", "-Y", path, "-O", tmp_path / "b.fits")
    assert result.returncode == 0
    assert "kept, not smaller" in result.stderr.decode()
    assert path.exists()
    assert succeed_here("fits-decompress", "-S", tmp_path / "b.fits") == gzip.decompress(path.read_bytes())


def test_without_deleting_it_is_written(tmp_path: Path) -> None:
    """And told; nothing is lost then. A later --skip-existing -D keeps the input all the same."""
    path = sparse(tmp_path / "a.fits.gz", gzip.compress)
    result = run_here("fits-compress", path)
    assert f"{path}: not smaller, " in result.stderr.decode()
    assert (tmp_path / "a.ac.fits").stat().st_size > path.stat().st_size
    result = run_here("fits-compress", "-D", "-Y", "--skip-existing", path)
    assert result.returncode == 0
    assert "kept, since that is not smaller" in result.stderr.decode()
    assert path.exists()


def test_growth_is_what_decompressing_is_for(tmp_path: Path) -> None:
    """-D deletes once the output was verified."""
    path = tmp_path / "a.fits"
    fits.writeto(path, np.zeros((300, 300), np.int16))
    succeed_here("fits-compress", "-D", "-Y", path)
    succeed_here("fits-decompress", "-D", "-Y", tmp_path / "a.ac.fits")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.fits"]
    assert not leftovers(tmp_path)


def test_a_copy_is_called_so(tmp_path: Path) -> None:
    """A line says that no image was compressed."""
    path = table(tmp_path / "a.fits", bytes)
    result = run_here("fits-compress", path)
    assert result.returncode == 0
    assert result.stderr.decode() == f"astrocodec: {path}: no image was compressed\n"
    assert (tmp_path / "a.ac.fits").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("option", ["-D", "-F"])
def test_decompressing_takes_no_input_that_was_edited(tmp_path: Path, option: str) -> None:
    """What another program wrote into it since is known by that program's checksum only."""
    path = tmp_path / "a.fits"
    fits.writeto(path, np.zeros((300, 300), np.int16))
    succeed_here("fits-compress", "-F", "-Y", path)
    packed = path.rename(tmp_path / "a.ac.fits")
    with fits.open(packed, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["OBSERVER"] = "Tycho"
        hdus[1].add_checksum()
    before = packed.read_bytes()
    result = run_here("fits-decompress", option, "-Y", packed)
    assert result.returncode == 7, result.stderr
    assert "not verified; the input was kept" in result.stderr.decode()
    assert packed.read_bytes() == before
