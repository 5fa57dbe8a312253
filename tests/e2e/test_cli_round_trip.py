"""Files through the real command line and back."""

import bz2
import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from cli_process import assert_same_fits, leftovers, run, run_here, sky, succeed, succeed_here, write_frame

import fits_tiles


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a file of four HDUs."""
    return write_frame(tmp_path / "frame.fits")


def test_a_file_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """The main flow: the table says verified, the file is equal in every byte, card and pixel."""
    frame = write_frame(tmp_path / "frame.fits", 300, 400)
    original = frame.read_bytes()
    table = succeed("fits-compress", frame).decode()
    assert "frame.fits" in table
    assert table.rstrip().endswith("verified")
    compressed = tmp_path / "frame.ac.fits"
    assert compressed.stat().st_size < len(original)
    assert frame.read_bytes() == original
    frame.rename(tmp_path / "kept.fits")
    succeed("fits-decompress", compressed)
    assert frame.read_bytes() == original
    assert_same_fits(frame, tmp_path / "kept.fits")
    assert leftovers(tmp_path) == []


def test_an_archive_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """Quantised floats and integers; what was plain gets the name of a plain file."""
    archive, plain = tmp_path / "night.fits.fz", write_frame(tmp_path / "plain.fits")
    floats = fits.CompImageHDU(sky(90, 330) * np.float32(1.1), compression_type="RICE_1", quantize_level=1)
    integers = fits.CompImageHDU(sky(90, 330) // 5 * 5, compression_type="GZIP_2")
    fits.HDUList([fits.PrimaryHDU(), floats, integers]).writeto(archive)
    original, as_plain = archive.read_bytes(), plain.read_bytes()
    table = succeed_here("fits-compress", "-D", "-Y", "-v", archive, plain).decode()
    assert "floats quantised at q = 1, without dither; --to original gives the very file back" in table
    assert (
        "recoded from GZIP_2; --to original gives the very file back"
        in succeed_here("info", tmp_path / "night.ac.fits").decode()
    )
    succeed_here(
        "fits-decompress", "--to", "original", "-D", "-Y", tmp_path / "night.ac.fits", tmp_path / "plain.ac.fits"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.fits.fz", "plain.fits"]
    assert archive.read_bytes() == original
    assert plain.read_bytes() == as_plain


def test_who_asks_for_an_archive_and_gets_an_image_is_told(tmp_path: Path) -> None:
    archive, packed = tmp_path / "night.fits.fz", tmp_path / "night.ac.fits"
    image = fits.CompImageHDU(sky(90, 330) // 5 * 5, compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(archive)
    original = archive.read_bytes()
    succeed_here("fits-compress", "--no-tune", "--no-original", archive)
    again = run_here("fits-decompress", "--to", "original", packed)
    assert (again.returncode, (tmp_path / "night.fits").exists()) == (0, True)
    assert b"HDU 1 is a plain image, since nothing gives tiles of another program back" in again.stderr
    (tmp_path / "night.fits").unlink()
    succeed_here("fits-compress", "--no-tune", "--overwrite", archive)
    archive.unlink()
    zipped = tmp_path / "night.ac.fits.gz"
    zipped.write_bytes(gzip.compress(packed.read_bytes()))
    succeed_here("fits-decompress", "--to", "original", "-D", "-Y", zipped)
    done = run_here("fits-decompress", "--to", "original", "-D", "-Y", "--skip-existing", zipped)
    assert (done.returncode, archive.read_bytes()) == (0, original)
    image = run_here("fits-decompress", "-D", "-Y", packed)
    assert b"--to original no longer gives the .fz that it was made from" in image.stderr


def test_stdin_to_stdout_and_back(frame: Path) -> None:
    """A pipe of both commands changes nothing; the table goes to standard error."""
    original = frame.read_bytes()
    result = run("fits-compress", "-", stdin=original)
    assert b"verified" in result.stderr
    assert succeed("fits-decompress", "-", stdin=result.stdout) == original


def test_stdin_to_a_file_and_a_file_to_stdout(frame: Path, tmp_path: Path) -> None:
    """-O and -S."""
    succeed("fits-compress", "-", "-O", tmp_path / "named.bin", stdin=frame.read_bytes())
    assert succeed("fits-decompress", tmp_path / "named.bin", "-S") == frame.read_bytes()
    assert succeed("fits-decompress", tmp_path / "named.bin", "-O", "-") == frame.read_bytes()


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_inputs(frame: Path, tmp_path: Path, suffix: str, pack: object) -> None:
    """The packing goes, the file inside comes back."""
    assert callable(pack)
    packed = tmp_path / f"frame.fits{suffix}"
    packed.write_bytes(pack(frame.read_bytes()))
    succeed_here("fits-compress", packed)
    assert succeed_here("fits-decompress", "-S", tmp_path / "frame.ac.fits") == frame.read_bytes()


@pytest.mark.skipif(shutil.which("fpack") is None, reason="fpack is not installed")
def test_fpacked_input(tmp_path: Path) -> None:
    """Tiles of another codec become ours."""
    fits.writeto(tmp_path / "plain.fits", sky(80, 90))
    subprocess.run(["fpack", tmp_path / "plain.fits"], check=True)
    succeed_here("fits-compress", tmp_path / "plain.fits.fz")
    restored = succeed_here("fits-decompress", "-S", tmp_path / "plain.ac.fits")
    assert_same_fits(restored, tmp_path / "plain.fits")


def test_delete_and_replace(frame: Path, tmp_path: Path) -> None:
    """-D leaves the output alone, -F leaves one file under the old name."""
    original = frame.read_bytes()
    succeed_here("fits-compress", "-D", "-Y", "--no-verify", frame)
    assert [path.name for path in tmp_path.iterdir()] == ["frame.ac.fits"]
    succeed_here("fits-decompress", "-D", tmp_path / "frame.ac.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]
    succeed_here("fits-compress", "-F", frame)
    assert frame.read_bytes() != original
    succeed_here("fits-decompress", "-F", "-Y", frame)
    assert frame.read_bytes() == original


def test_replacing_through_a_link_keeps_the_link(frame: Path, tmp_path: Path) -> None:
    """The file behind it is replaced."""
    link = tmp_path / "link.fits"
    link.symlink_to(frame)
    original = frame.read_bytes()
    succeed_here("fits-compress", "-F", link)
    assert link.is_symlink()
    assert frame.read_bytes() != original


def test_permission_bits_are_kept(frame: Path, tmp_path: Path) -> None:
    """An archive's read-only file gives a read-only file."""
    frame.chmod(0o440)
    succeed_here("fits-compress", frame)
    assert (tmp_path / "frame.ac.fits").stat().st_mode & 0o777 == 0o440
    succeed_here("fits-compress", "-F", "-Y", frame)
    assert frame.stat().st_mode & 0o777 == 0o440


def test_test_and_list_write_nothing(frame: Path, tmp_path: Path) -> None:
    """-T reports equality, -L the HDUs."""
    assert b"verified" in succeed_here("fits-compress", "-T", frame)
    assert b"CATALOG" in succeed_here("fits-compress", "-L", frame)
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]


def test_several_files_in_several_processes(tmp_path: Path) -> None:
    """-j treats files at once; the report is in the order of the arguments."""
    frames = [write_frame(tmp_path / f"f{number}.fits", seed=number) for number in range(3)]
    report = json.loads(succeed("fits-compress", "-j", "2", "--json", *frames))
    assert [entry["file"] for entry in report["files"]] == [str(frame) for frame in frames]
    assert all(entry["report"]["checked"] == "verified" for entry in report["files"])
    succeed("fits-decompress", "-j", "4", "--overwrite", *(tmp_path / f"f{number}.ac.fits" for number in range(3)))
    for number, frame in enumerate(frames):
        fresh = write_frame(tmp_path / f"again{number}.fits", seed=number)
        assert frame.read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize("options", [["--container", "table"], ["--no-tune"], ["-t", "64,32"], ["-w"], ["-e", "WIDE"]])
def test_options_keep_every_byte(frame: Path, tmp_path: Path, options: list[str]) -> None:
    """However it is cut and stored, the file comes back."""
    succeed_here("fits-compress", frame, *options)
    assert succeed_here("fits-decompress", "-S", tmp_path / "frame.ac.fits") == frame.read_bytes()


def test_tile_sizes_are_in_fits_order(frame: Path, tmp_path: Path) -> None:
    """-t columns,rows."""
    succeed_here("fits-compress", frame, "-t", "64,32", "-e", "0")
    with fits.open(tmp_path / "frame.ac.fits", disable_image_compression=True) as hdus:
        header = next(hdu.header for hdu in hdus if "ZTILE1" in hdu.header)
        assert (header["ZTILE1"], header["ZTILE2"]) == (64, 32)


def test_only_the_chosen_extensions_are_compressed(frame: Path) -> None:
    """-e by number and name."""
    report = json.loads(succeed_here("fits-compress", frame, "-e", "0", "-e", "wide", "--json"))
    kinds = [hdu["kind"] for hdu in report["files"][0]["report"]["hdus"]]
    assert kinds == ["compressed", "copied", "compressed", "copied"]


@pytest.mark.parametrize("to", ["rice", "gzip2"])
def test_standard_tiles_for_other_programs(tmp_path: Path, to: str) -> None:
    """Other programs read the pixels."""
    pixels = sky(80, 90)
    fits.writeto(tmp_path / "a.fits", pixels)
    succeed_here("fits-compress", tmp_path / "a.fits")
    succeed_here("fits-decompress", "--to", to, tmp_path / "a.ac.fits")
    with fits.open(tmp_path / "a.fits.fz") as hdus:
        assert np.array_equal(hdus[1].data, pixels)


def test_decompressing_some_extensions_under_a_prefix(frame: Path, tmp_path: Path) -> None:
    """-E leaves the others as they are; -P goes before the name."""
    succeed_here("fits-compress", frame)
    succeed_here("fits-decompress", "-E", "WIDE", "-P", "part_", tmp_path / "frame.ac.fits")
    (listed,) = json.loads(succeed_here("info", "--json", tmp_path / "part_frame.fits"))["files"]
    kinds = {hdu["name"]: hdu["kind"] for hdu in listed["report"]["hdus"]}
    assert (kinds["WIDE"], kinds["FLOAT"]) == ("image", "compressed")


def test_lossy_only_when_asked(tmp_path: Path) -> None:
    """Floats come back exactly by default, and within a step of the noise with --lossy."""
    pixels = np.random.default_rng(5).normal(0, 1, (200, 200)).astype(np.float32)
    fits.writeto(tmp_path / "a.fits", pixels)
    succeed_here("fits-compress", tmp_path / "a.fits", "-O", tmp_path / "exact.fits")
    succeed_here("fits-compress", tmp_path / "a.fits", "-O", tmp_path / "lossy.fits", "--lossy", "4")
    assert (tmp_path / "lossy.fits").stat().st_size < (tmp_path / "exact.fits").stat().st_size / 2
    exact, lossy = (
        fits.HDUList.fromstring(succeed_here("fits-decompress", "-S", tmp_path / name))[0].data
        for name in ("exact.fits", "lossy.fits")
    )
    assert np.array_equal(exact, pixels)
    assert 0 < np.abs(lossy - pixels).max() <= 0.26


@pytest.mark.parametrize("name", ["a [1-2]*?.fits", "Sternhaufen Ω ☆.fits", "-dash.fits", "tab\tname.fits"])
def test_awkward_names(tmp_path: Path, name: str) -> None:
    """Existing names are never patterns; a leading dash needs `--` as everywhere."""
    frame = write_frame(tmp_path / name)
    succeed("fits-compress", "--", name, cwd=tmp_path)
    compressed = tmp_path / (name.removesuffix(".fits") + ".ac.fits")
    assert succeed("fits-decompress", "-S", "--", compressed.name, cwd=tmp_path) == frame.read_bytes()


def test_directories_patterns_and_shards(tmp_path: Path) -> None:
    """-r keeps folders below --outdir; every file is in exactly one shard."""
    source = tmp_path / "in"
    for name in ("a.fits", "night/b.fit", "night/deep/c.fts"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        write_frame(source / name)
    (source / "notes.txt").write_text("not FITS")
    for shard in ("1/2", "2/2"):
        succeed_here("fits-compress", "-r", source, "--outdir", tmp_path / "out", "--shard", shard)
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.fits"))
    assert written == ["a.ac.fits", "night/b.ac.fits", "night/deep/c.ac.fits"]
    succeed_here("fits-compress", str(source / "**" / "*.fi*"), "--outdir", tmp_path / "flat")
    assert sorted(os.listdir(tmp_path / "flat")) == ["a.ac.fits", "b.ac.fits"]


def test_verify_against_the_original(frame: Path, tmp_path: Path) -> None:
    """verify tells a whole file from a copy of another one."""
    succeed_here("fits-compress", frame)
    compressed = tmp_path / "frame.ac.fits"
    succeed_here("verify", compressed)
    assert b"verified" in succeed_here("verify", compressed, "--against", frame)
    other = write_frame(tmp_path / "other.fits", seed=9)
    result = run_here("verify", compressed, "--against", other)
    assert result.returncode == 7
    assert str(other) in result.stderr.decode()


def test_info_reads_no_pixel(frame: Path, tmp_path: Path) -> None:
    """Kinds, shapes and models of every HDU."""
    succeed_here("fits-compress", frame)
    (listed,) = json.loads(succeed_here("info", "--json", tmp_path / "frame.ac.fits"))["files"]
    kinds = [hdu["kind"] for hdu in listed["report"]["hdus"]]
    assert kinds.count("compressed") == 3
    assert b"WIDE" in succeed_here("info", tmp_path / "frame.ac.fits")


def test_a_tuned_model_file_is_listed_and_used(tmp_path: Path) -> None:
    """tune, models and --model agree on the file; the frame is one that tuning pays for."""
    frame, model, rng = tmp_path / "frame.fits", tmp_path / "m.acm", np.random.default_rng(3)
    smooth = np.cumsum(np.cumsum(rng.normal(0, 1, (300, 400)), 0), 1) / 40
    fits.PrimaryHDU((smooth - smooth.min() + rng.normal(20, 1.5, smooth.shape)).astype("i4")).writeto(frame)
    succeed_here("tune", frame, "-O", model, "--effort", "1")
    (shipped, own) = json.loads(succeed_here("models", "show", "--json", "default", model))
    assert shipped["origin"] == "package"
    assert (own["name"], own["origin"], own["base"]) == ("m", str(model), shipped["fingerprint"])
    succeed_here("fits-compress", frame, "--model", model, "--no-tune")
    model.unlink()
    assert succeed_here("fits-decompress", "-S", tmp_path / "frame.ac.fits") == frame.read_bytes()


@pytest.mark.parametrize("delete", [False, True])
def test_jobs_that_start_late_leave_no_file_out(tmp_path: Path, delete: bool) -> None:
    """What the first job writes or deletes moves no file of the second one to another part."""
    folder, out = tmp_path / "night", tmp_path / "out"
    folder.mkdir()
    frames = [write_frame(folder / f"f{number}.fits", 20, 20) for number in range(6)]
    options = ("-D", "-Y", "--outdir", out) if delete else ()
    for job in ("1/3", "2/3", "3/3"):
        run_here("fits-compress", "--no-tune", *options, "--shard", job, "-r", folder)
    written = sorted(path.name for path in (out if delete else folder).glob("*.ac.fits"))
    assert written == [f"f{number}.ac.fits" for number in range(len(frames))]


@pytest.mark.parametrize("existing", [False, True])
def test_an_output_is_never_open_to_more_people_than_its_input(
    frame: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    """Neither while it is written nor when it gets its name, of FITS and HDF5."""
    with h5py.File(tmp_path / "night.h5", "w") as file:
        file["sci"] = sky(150, 200)
    modes: list[int] = []

    def watch(rename: Callable[..., None]) -> Callable[..., None]:
        def watched(temporary: Path, target: Path) -> None:
            modes.append(Path(temporary).stat().st_mode & 0o777)
            rename(temporary, target)
            modes.append(Path(target).stat().st_mode & 0o777)

        return watched

    monkeypatch.setattr("os.replace", watch(os.replace))
    monkeypatch.setattr("os.link", watch(os.link))
    for kind, source, packed in (("fits", frame, "frame.ac.fits"), ("h5", tmp_path / "night.h5", "night.ac.h5")):
        source.chmod(0o600)
        back = tmp_path / f"back.{kind}"
        if existing:
            for path in (tmp_path / packed, back):
                path.touch(0o644)
        options = ["--overwrite"] if existing else []
        succeed_here(f"{kind}-compress", "--no-tune", *options, source)
        succeed_here(f"{kind}-decompress", *options, tmp_path / packed, "-O", back)
    assert modes == [0o600] * 8


def test_an_unfinished_output_is_private(frame: Path, tmp_path: Path) -> None:
    """Its permissions are right from the first byte on, whatever happens then."""
    frame.chmod(0o600)
    modes = []

    def look(done: int, total: int) -> None:
        modes.extend((tmp_path / name).stat().st_mode & 0o777 for name in leftovers(tmp_path))

    fits_tiles.compress(frame, tmp_path / "out.fits", tune=False, progress=look)
    assert set(modes) == {0o600}
