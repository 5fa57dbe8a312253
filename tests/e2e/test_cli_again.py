"""Commands run again over the same files: what is done is skipped, an interrupted batch goes on, nothing is lost."""

import bz2
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from cli_process import leftovers, run_here, sky, succeed_here, write_frame

import fits_tiles
import hdf5_filter
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import DifferenceError


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a file of four HDUs."""
    return write_frame(tmp_path / "frame.fits")


@pytest.fixture
def packed(frame: Path) -> Path:
    """Compress it."""
    succeed_here("fits-compress", "--no-tune", frame)
    return frame.with_name("frame.ac.fits")


def lines(*arguments: str | Path) -> list[str]:
    """Run a command that must succeed, and give the lines of standard error."""
    result = run_here(*arguments)
    assert result.returncode == 0, result.stderr.decode()
    return result.stderr.decode().splitlines()


@pytest.mark.parametrize("lossy", [[], ["--lossy", "4"]])
def test_files_of_ours_are_skipped(packed: Path, lossy: list[str]) -> None:
    """By their name, with one line each; the originals are treated, lossily too."""
    before = packed.read_bytes()
    folder = packed.with_name("out")
    told = lines("fits-compress", "--no-tune", *lossy, "--outdir", folder, packed, packed.with_name("frame.fits"))
    assert told == [f"astrocodec: {packed}: skipped, it is compressed already"]
    assert [path.name for path in folder.iterdir()] == ["frame.ac.fits"]
    assert fits_tiles.verify(folder / "frame.ac.fits", packed.with_name("frame.fits")).verified
    assert lines("fits-compress", "--overwrite", *lossy, packed) == told
    assert packed.read_bytes() == before


def test_what_is_not_verified_deletes_nothing(packed: Path) -> None:
    """Whether it was written by this run or an earlier one."""
    raw = packed.read_bytes()
    place = raw.index(b"EXTNAME = ") + 40
    packed.write_bytes(raw[:place] + b"x" + raw[place + 1 :])
    packed.with_name("frame.fits").unlink()
    options = ["fits-decompress", "--edited", "-D", "-Y"]
    assert run_here(*options, packed).returncode == ExitCode.DIFFERS
    note = "kept, since what comes out is not checked, not verified"
    assert note in succeed_here(*options, "--skip-existing", "--json", packed).decode()
    assert packed.exists()


@pytest.mark.parametrize("option", [[], ["-F"], ["-D", "-Y"], ["-T"]])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_of_ours_are_known_by_their_content(packed: Path, option: list[str], pack: object) -> None:
    """Whatever their name, packed once more too."""
    assert callable(pack)
    other = packed.with_name("other.fits")
    other.write_bytes(pack(packed.read_bytes()))
    before = sorted((path.name, path.read_bytes()) for path in packed.parent.iterdir())
    assert lines("fits-compress", *option, other) == [f"astrocodec: {other}: skipped, it is compressed already"]
    assert sorted((path.name, path.read_bytes()) for path in packed.parent.iterdir()) == before


@pytest.mark.parametrize("direction", ["compress", "decompress"])
@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("fz", bytes)])
def test_packed_files_are_not_replaced(packed: Path, direction: str, suffix: str, pack: Callable[..., bytes]) -> None:
    """gunzip and funpack would take what stands under the name then, and fail."""
    source = packed.with_name("frame.fits") if direction == "compress" else packed
    other = packed.with_name(f"{source.name}.{suffix}")
    other.write_bytes(pack(source.read_bytes()))
    before = other.read_bytes()
    result = run_here(f"fits-{direction}", "-F", other)
    assert result.returncode == ExitCode.USAGE
    assert "give -D instead" in result.stderr.decode()
    assert other.read_bytes() == before


def test_what_astropy_wrote_is_of_ours_too(tmp_path: Path) -> None:
    """As is a file with tables beside its images."""
    path = tmp_path / "astropy.fits"
    image = fits_tiles.CompImageHDU(sky(60, 80), tune=False)
    fits.HDUList([fits.PrimaryHDU(), image, fits.BinTableHDU.from_columns([])]).writeto(path)
    assert lines("fits-compress", path) == [f"astrocodec: {path}: skipped, it is compressed already"]


def test_a_file_with_an_image_left_is_treated(frame: Path, tmp_path: Path) -> None:
    """Under its own name; under the name of an output it counts as done, as it was asked for."""
    succeed_here("fits-compress", "--no-tune", "-e", "WIDE", frame)
    packed, part = tmp_path / "frame.ac.fits", tmp_path / "part.fits"
    part.write_bytes(packed.read_bytes())
    assert "skipped" in lines("fits-compress", packed)[0]
    assert lines("fits-compress", "--no-tune", part) == []
    assert (tmp_path / "part.ac.fits").stat().st_size < part.stat().st_size


def test_a_named_output_is_written(packed: Path, tmp_path: Path) -> None:
    """A pipe must not end empty."""
    assert succeed_here("fits-compress", "-S", packed) == packed.read_bytes()
    succeed_here("fits-compress", packed, "-O", tmp_path / "copy.fits")
    assert (tmp_path / "copy.fits").read_bytes() == packed.read_bytes()


def test_a_directory_of_outputs_is_no_failure(packed: Path) -> None:
    """A batch that is run again after its end has nothing to do."""
    packed.with_name("frame.fits").unlink()
    assert lines("fits-compress", "-D", "-Y", "-r", packed.parent) == [
        f"astrocodec: {packed}: skipped, it is compressed already"
    ]
    document = json.loads(succeed_here("fits-compress", "--json", "-r", packed.parent))
    assert document["files"] == [
        {
            "file": str(packed),
            "target": None,
            "report": None,
            "error": None,
            "note": "skipped, it is compressed already",
        }
    ]


def test_a_directory_with_its_outputs_is_compressed_anew(packed: Path) -> None:
    """Outputs that were found there are skipped, each with a line; one that was named is an input."""
    packed.write_bytes(packed.read_bytes() + bytes(2880))
    for option in "-r", packed:
        result = run_here(
            "fits-compress",
            "--overwrite",
            "--no-tune",
            option,
            packed.parent if option == "-r" else packed.with_name("frame.fits"),
        )
        assert f"{packed}: skipped, it is compressed already" in result.stderr.decode()
        assert result.returncode == (0 if option == "-r" else ExitCode.EXISTS)
    assert fits_tiles.verify(packed).verified


def test_decompressing_a_directory_skips_plain_files(packed: Path) -> None:
    """And finds what -F compressed under its own name."""
    frame = packed.with_name("frame.fits")
    original = frame.read_bytes()
    assert lines("fits-decompress", "-r", packed.parent, "--outdir", packed.with_name("out")) == [
        f"astrocodec: {frame}: skipped, it is not compressed"
    ]
    assert packed.with_name("out").joinpath("frame.fits").read_bytes() == original
    packed.unlink()
    succeed_here("fits-compress", "--no-tune", "-F", frame)
    assert frame.read_bytes() != original
    succeed_here("fits-decompress", "-F", "-r", packed.parent)
    assert frame.read_bytes() == original


@pytest.mark.parametrize("to", ["image", "rice"])
def test_decompressing_a_plain_file_says_so(frame: Path, to: str) -> None:
    """It was named, so that something is wrong."""
    before = frame.read_bytes()
    result = run_here("fits-decompress", "--overwrite", "--to", to, frame)
    assert result.returncode == ExitCode.BAD_DATA
    assert f"{frame}: is not compressed by astrocodec" in result.stderr.decode()
    assert frame.read_bytes() == before
    assert [path.name for path in frame.parent.iterdir()] == [frame.name]


def test_decompressing_tiles_of_others_names_them(tmp_path: Path) -> None:
    """funpack is for these."""
    path = tmp_path / "rice.fits.fz"
    fits.CompImageHDU(sky(60, 80).astype(np.int16), compression_type="RICE_1").writeto(path)
    result = run_here("fits-decompress", path)
    assert result.returncode == ExitCode.BAD_DATA
    assert "RICE_1" in result.stderr.decode()


def test_a_copy_without_images_comes_back(tmp_path: Path) -> None:
    """Its name says that it was compressed."""
    path = tmp_path / "table.fits"
    fits.BinTableHDU.from_columns([fits.Column("x", "J", array=np.arange(9))]).writeto(path)
    original = path.read_bytes()
    succeed_here("fits-compress", path)
    packed = tmp_path / "table.ac.fits"
    told = lines("fits-compress", "--skip-existing", path, packed)
    assert f"astrocodec: {packed}: skipped, it holds nothing to compress" in told
    path.unlink()
    succeed_here("fits-decompress", tmp_path / "table.ac.fits")
    assert path.read_bytes() == original


CASES = [
    ["fits-compress", "--no-tune"],
    ["fits-compress", "--no-tune", "--container", "table", "-e", "WIDE"],
    ["fits-decompress"],
    ["fits-decompress", "--to", "rice"],
    ["fits-decompress", "-E", "WIDE", "-P", "part_"],
]


@pytest.mark.parametrize("command", CASES, ids=" ".join)
@pytest.mark.parametrize("pack", [False, True])
def test_a_batch_goes_on_where_it_was(tmp_path: Path, command: list[str], pack: bool) -> None:
    """What exists and verifies is done, what does not is an error and stays, what is missing is made."""
    inputs = [write_frame(tmp_path / f"{name}.fits", seed=seed) for seed, name in enumerate("abc")]
    with fits.open(inputs[0]) as hdus:
        hdus.writeto(inputs[0], checksum=True, overwrite=True)
    if command[0] == "fits-decompress":
        lossy = ["--lossy", "4"] if pack else []
        succeed_here("fits-compress", "--no-tune", *lossy, *inputs)
        for path in inputs:
            path.unlink()
        inputs = [path.with_name(f"{path.stem}.ac.fits") for path in inputs]
    elif pack:
        for number, path in enumerate(inputs):
            inputs[number] = path.with_name(path.name + ".gz")
            inputs[number].write_bytes(gzip.compress(path.read_bytes()))
    outputs = tmp_path / "out"
    document = json.loads(succeed_here(*command, "--json", "--outdir", outputs, *inputs))
    targets = [Path(entry["target"]) for entry in document["files"]]
    contents = [path.read_bytes() for path in targets]
    targets[1].unlink()
    again = [*command, "--skip-existing", "--outdir", outputs]
    told = lines(*again, *inputs)
    assert [line for line in told if "done before" in line] == [
        f"astrocodec: {inputs[number]}: done before, {targets[number]} was compared with it" for number in (0, 2)
    ]
    assert [path.read_bytes() for path in targets] == contents

    wrong = contents[1]  # of another input
    targets[2].write_bytes(wrong)
    result = run_here(*again, *inputs)
    assert result.returncode == ExitCode.DIFFERS
    assert f"{inputs[2]}: {targets[2]} exists and " in result.stderr.decode()
    assert "give --overwrite" in result.stderr.decode()
    assert targets[2].read_bytes() == wrong
    succeed_here(*again, "--overwrite", *inputs)
    assert [path.read_bytes() for path in targets] == contents
    assert not leftovers(tmp_path)


def test_damage_of_what_exists_is_told(packed: Path) -> None:
    """A half file of another program too."""
    packed.write_bytes(packed.read_bytes()[:-3000])
    result = run_here("fits-compress", "--skip-existing", packed.with_name("frame.fits"))
    assert result.returncode == ExitCode.DIFFERS
    assert "exists and does not give it back" in result.stderr.decode()


def test_a_lossy_output_is_not_what_lossless_would_write(frame: Path, tmp_path: Path) -> None:
    """With -D the only exact copy would go."""
    succeed_here("fits-compress", "--no-tune", "--lossy", "4", frame)
    result = run_here("fits-compress", "-D", "-Y", "--skip-existing", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert "exists and is lossy" in result.stderr.decode()
    assert frame.exists()


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("options", [[], ["-D", "-Y"]])
def test_a_lossy_output_is_not_known_to_be_what_a_lossy_run_would_write(
    frame: Path, changed: bool, options: list[str]
) -> None:
    """It is compared within its own step, however coarse: with -D what --lossy asks to keep would go."""
    with fits.open(frame, mode="update") as hdus:
        hdus["FLOAT"].data[0, :3] = 100.0  # with an infinity the tile would be kept as it is
    succeed_here("fits-compress", "--no-tune", "--lossy", "0.1", frame)
    packed = frame.with_name("frame.ac.fits")
    if changed:
        with fits.open(frame, mode="update") as hdus:
            hdus["FLOAT"].data[20, 30] *= 1.0001
    before, floats = (frame.read_bytes(), packed.read_bytes()), fits.getdata(frame, "FLOAT")
    command = ("fits-compress", "--no-tune", "--lossy", "4", "--skip-existing", *options, frame)
    result = run_here(*command)
    assert result.returncode == ExitCode.DIFFERS
    assert f"{frame}: {packed} exists and is lossy" in result.stderr.decode()
    assert "cannot be compared with what this run would write; give --overwrite" in result.stderr.decode()
    assert (frame.read_bytes(), packed.read_bytes()) == before
    succeed_here(*command, "--overwrite")
    error = np.max(np.abs(fits.getdata(packed, "FLOAT") - floats))
    assert 0 < error < 0.4  # of the finer step; the coarse one is 8
    assert frame.exists() == (not options)


@pytest.mark.parametrize("options", [[], ["-D", "-Y"]])
def test_a_lossless_output_will_do_for_a_lossy_run(packed: Path, options: list[str]) -> None:
    """Nothing is lost by it."""
    frame = packed.with_name("frame.fits")
    told = lines("fits-compress", "--lossy", "4", "--skip-existing", *options, frame)
    assert told == [f"astrocodec: {frame}: done before, {packed} was compared with it"]
    assert frame.exists() == (not options)


def test_a_lossy_output_whose_input_is_gone_is_not_done(frame: Path, tmp_path: Path) -> None:
    """The lossless run that is asked for never was; a lossy one is done."""
    succeed_here("fits-compress", "--no-tune", "--lossy", "4", "-D", "-Y", frame)
    command = ("fits-compress", "--no-tune", "-D", "-Y", "--skip-existing", frame)
    result = run_here(*command)
    assert result.returncode == ExitCode.DIFFERS
    assert f"{frame}: is gone, and {tmp_path / 'frame.ac.fits'} is lossy" in result.stderr.decode()
    assert f"{tmp_path / 'frame.ac.fits'} by itself is verified, lossy" in lines(*command, "--lossy", "4")[0]


def test_lossy_files_are_told_from_lossless_ones(frame: Path, tmp_path: Path) -> None:
    """Wherever a file is said to be verified, in tables and in JSON."""
    packed, back = tmp_path / "frame.ac.fits", tmp_path / "back.fits"
    succeed_here("fits-compress", "--no-tune", frame)
    for command in (("verify", packed), ("fits-decompress", packed, "-O", back)):
        assert b"verified, lossy" not in succeed_here(*command)
    written = json.loads(succeed_here("fits-compress", "--json", "--no-tune", "--lossy", "4", "--overwrite", frame))
    assert written["files"][0]["note"] == "lossy: pixels are rounded"
    commands = (
        ("fits-compress", "--no-tune", "--lossy", "4", "--overwrite", frame),
        ("verify", packed),
        ("verify", packed, "--against", frame),
        ("fits-decompress", "--overwrite", packed, "-O", back),
    )
    for command in commands:
        assert [line.endswith("verified, lossy") for line in succeed_here(*command).decode().splitlines()[-2:]] == [
            True
        ] * 2
        assert json.loads(succeed_here(*command, "--json"))["files"][0]["note"] == "lossy: pixels are rounded"


@pytest.mark.parametrize("size", [6000, 20000, 100])
@pytest.mark.parametrize("walked", [False, True])
def test_a_damaged_file_under_the_name_of_an_output_is_an_error(packed: Path, size: int, walked: bool) -> None:
    """That it is compressed already is not known."""
    packed.write_bytes(packed.read_bytes()[:size])
    packed.with_name("frame.fits").unlink()
    result = run_here("fits-compress", *(("-r", packed.parent) if walked else (packed,)))
    assert result.returncode == ExitCode.BAD_DATA
    assert f"astrocodec: {packed}: " in result.stderr.decode()
    assert b"skipped" not in result.stderr


def test_deleting_goes_on_too(packed: Path) -> None:
    """An input whose output was verified now is deleted now, as it would have been."""
    frame = packed.with_name("frame.fits")
    lines("fits-compress", "-D", "-Y", "--skip-existing", frame)
    assert (frame.exists(), packed.exists()) == (False, True)
    succeed_here("fits-decompress", packed)
    lines("fits-decompress", "-D", "-Y", "--skip-existing", packed)
    assert (frame.exists(), packed.exists()) == (True, False)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_list_of_inputs_that_are_gone_is_done(tmp_path: Path, jobs: str) -> None:
    """A batch with -D that is run again has the same list; what was never there is still missing."""
    frames = [write_frame(tmp_path / f"{name}.fits") for name in "ab"]
    command = ("fits-compress", "--no-tune", "-D", "-Y", "--skip-existing", "-j", jobs, *frames)
    succeed_here(*command)
    write_frame(frames[1])
    told = lines(*command)
    gone = f"it is gone, and {tmp_path / 'a.ac.fits'} by itself is verified"
    assert f"astrocodec: {frames[0]}: done before by its name: {gone}" in told
    assert f"astrocodec: {frames[1]}: done before, {tmp_path / 'b.ac.fits'} was compared with it" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ac.fits", "b.ac.fits"]
    elsewhere = "fits-compress", "-D", "-Y", "--skip-existing", tmp_path / "unmounted" / "a.fits", "--outdir", tmp_path
    assert run_here(*elsewhere).returncode == ExitCode.SYSTEM
    missing = run_here("fits-compress", "-D", "-Y", "--skip-existing", tmp_path / "c.fits")
    assert missing.returncode == ExitCode.SYSTEM
    (tmp_path / "c.ac.fits").write_bytes(plain_file(tmp_path))
    assert run_here("fits-compress", "-D", "-Y", "--skip-existing", tmp_path / "c.fits").returncode == ExitCode.SYSTEM
    damaged = bytearray((tmp_path / "a.ac.fits").read_bytes())
    damaged[len(damaged.rstrip(b"\0")) - 20] ^= 4
    (tmp_path / "a.ac.fits").write_bytes(damaged)
    assert run_here(*command).returncode == ExitCode.BAD_DATA


@pytest.mark.parametrize("kind", ["fits", "h5"])
def test_decompressing_with_deletion_goes_on_too(tmp_path: Path, kind: str) -> None:
    packed = tmp_path / f"a.ac.{kind}"
    if kind == "fits":
        succeed_here("fits-compress", "--no-tune", "-D", "-Y", write_frame(tmp_path / "a.fits"))
    else:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["sci"] = sky(150, 200)
        succeed_here("h5-compress", "--no-tune", "-D", "-Y", tmp_path / "a.h5")
    succeed_here(f"{kind}-decompress", "-D", "-Y", packed)
    assert "it is gone, and" in lines(f"{kind}-decompress", "-D", "-Y", "--skip-existing", packed)[0]
    (tmp_path / f"a.{kind}").write_bytes((tmp_path / f"a.{kind}").read_bytes()[:3000])
    assert run_here(f"{kind}-decompress", "-D", "-Y", "--skip-existing", packed).returncode == ExitCode.BAD_DATA


def plain_file(folder: Path) -> bytes:
    """Make a file that no run with -D would have left."""
    path = folder / "plain"
    fits.writeto(path, sky(30, 40))
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize("option", ["-S", "-F", "-T", "-L"])
def test_skipping_needs_outputs_that_stay(frame: Path, option: str) -> None:
    """Contradictions are refused."""
    result = run_here("fits-compress", "--skip-existing", option, frame)
    assert result.returncode == ExitCode.USAGE
    assert "--skip-existing" in result.stderr.decode()


def test_an_input_that_changed_meanwhile_is_not_deleted(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera may still write it."""
    compress = fits_tiles.compress

    def slow(*arguments: object, **options: object) -> object:
        report = compress(*arguments, **options)  # type: ignore[arg-type]
        with frame.open("ab") as file:
            file.write(b"more")
        return report

    monkeypatch.setattr(fits_tiles, "compress", slow)
    result = run_here("fits-compress", "-D", "-Y", "--no-tune", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert "changed while it was read" in result.stderr.decode()
    assert frame.exists()


@pytest.mark.parametrize("kind", ["fits", "h5"])
@pytest.mark.parametrize("direction", ["compress", "decompress"])
def test_an_input_that_is_being_written_is_told(
    frame: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, direction: str
) -> None:
    """It is no fault of ours, and no name that is gone by then is told."""
    source = frame
    if kind == "h5":
        source = tmp_path / "night.h5"
        with h5py.File(source, "w") as file:
            file["sci"] = sky(150, 200)
    if direction == "decompress":
        succeed_here(f"{kind}-compress", "--no-tune", source)
        source = next(tmp_path.glob("*.ac.*"))
    module, name = (
        (hdf5_filter.compress, "compare_files")
        if kind == "h5"
        else (fits_tiles.compress, "compare")
        if direction == "compress"
        else (fits_tiles.decompress, "_check")
    )
    module = sys.modules[module.__module__]

    def differs(*arguments: object, **options: object) -> None:
        if source.stat().st_size and changes:
            with source.open("ab") as file:
                file.write(b"more")
        (unfinished,) = leftovers(tmp_path)
        raise DifferenceError(f"{tmp_path / unfinished}: element 5 differs")

    monkeypatch.setattr(module, name, differs)
    options = ["--no-tune"] if direction == "compress" else []
    for changes in (False, True):
        result = run_here(f"{kind}-{direction}", *options, source, "-O", tmp_path / "out")
        assert result.returncode == ExitCode.DIFFERS
        assert not (tmp_path / "out").exists()
        assert (b"the input changed while it was read, nothing was written" in result.stderr) == changes
        assert (b"element 5" in result.stderr) != changes
        if kind == "h5":
            assert b".part" not in result.stderr


def test_an_input_that_went_meanwhile_leaves_its_output(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was read whole, and the output has its permissions."""
    frame.chmod(0o640)
    packed, compress = frame.with_name("frame.ac.fits"), fits_tiles.compress

    def slow(*arguments: object, **options: object) -> object:
        report = compress(*arguments, **options)  # type: ignore[arg-type]
        frame.unlink()
        return report

    monkeypatch.setattr(fits_tiles, "compress", slow)
    assert b"frame.fits" in succeed_here("fits-compress", "--no-tune", frame)
    assert packed.stat().st_mode & 0o777 == 0o640
    write_frame(frame)
    result = run_here("fits-compress", "--no-tune", "-D", "-Y", "--overwrite", frame)
    assert result.returncode == ExitCode.SYSTEM
    assert f"{packed} was written, the input could not be deleted" in result.stderr.decode()


def test_doubtful_tiles_of_others_are_nothing_to_compress(tmp_path: Path) -> None:
    """Beside an image of ours, and alone in a copy; programs differ in a dither of seed 0."""
    pixels = sky(60, 80) * np.float32(1.1)
    floats = fits.CompImageHDU(pixels, compression_type="RICE_1", quantize_method=1, dither_seed=1)
    fits.HDUList([fits.PrimaryHDU(), floats]).writeto(tmp_path / "a.fits.fz")
    fits.HDUList([fits.PrimaryHDU(sky(60, 80)), floats]).writeto(tmp_path / "b.fits")
    for name, reason in (("a.fits.fz", "it holds nothing to compress"), ("b.fits", "it is compressed already")):
        path = tmp_path / name
        with fits.open(path, mode="update", disable_image_compression=True) as hdus:
            hdus[1].header["ZDITHER0"] = 0
        succeed_here("fits-compress", "--no-tune", path)
        packed = tmp_path / f"{name[0]}.ac.fits"
        assert lines("fits-compress", "--no-tune", packed) == [f"astrocodec: {packed}: skipped, {reason}"]
        assert "not coded anew: floats quantised with a dither of seed 0" in succeed_here("info", packed).decode()
    other = tmp_path / "other.fits"
    other.write_bytes((tmp_path / "b.ac.fits").read_bytes())
    assert "skipped, it is compressed already" in lines("fits-compress", other)[0]


@pytest.mark.parametrize("options", [["--skip-existing"], []])
def test_a_name_with_brackets_that_was_deleted_stays_a_name(tmp_path: Path, options: list[str]) -> None:
    """Where its output exists: as a pattern it would take another file, which nobody named."""
    named, other = write_frame(tmp_path / "q[1].fits"), write_frame(tmp_path / "q1.fits", seed=5)
    before = other.read_bytes()
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", named)
    result = run_here("fits-compress", "--no-tune", "-D", "-Y", *options, named)
    assert result.returncode == (ExitCode.OK if options else ExitCode.SYSTEM), result.stderr.decode()
    assert other.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q1.fits", "q[1].ac.fits"]
    (tmp_path / "q[1].ac.fits").unlink()
    succeed_here("fits-compress", "--no-tune", named)
    assert (tmp_path / "q1.ac.fits").exists()
