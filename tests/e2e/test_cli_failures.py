"""What bad input, bad places and interruptions get: one clear line, an exit code, whole inputs, no half outputs."""

import gzip
import json
import os
import resource
import subprocess
from pathlib import Path

import h5py
import pytest
from astropy.io import fits
from cli_process import COMMAND, environment, run, run_here, sky, start, succeed, succeed_here, write_frame

from astrocodec.cli.exit_codes import ExitCode


def only_line(result: "subprocess.CompletedProcess[bytes]") -> str:
    """Give the one line that a failure prints."""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a file of four HDUs."""
    return write_frame(tmp_path / "frame.fits")


def test_an_output_that_exists_is_kept(frame: Path, tmp_path: Path) -> None:
    """Unless --overwrite is given."""
    target = tmp_path / "frame.ac.fits"
    target.write_bytes(b"precious")
    result = run("fits-compress", frame)
    assert result.returncode == ExitCode.EXISTS
    assert f"{target} exists already; give --overwrite" in only_line(result)
    assert target.read_bytes() == b"precious"
    succeed("fits-compress", frame, "--overwrite")
    assert target.read_bytes() != b"precious"


@pytest.mark.parametrize("content", [b"", b"hello", b"SIMPLE  =                    T" + b" " * 4000, bytes(3000)])
def test_not_a_fits_file(tmp_path: Path, content: bytes) -> None:
    """The line names the file."""
    path = tmp_path / "no.fits"
    path.write_bytes(content)
    for command in (["fits-compress"], ["fits-decompress", "-T"], ["info"], ["verify"]):
        result = run_here(*command, path)
        assert result.returncode == ExitCode.BAD_DATA, (command, result.stderr)
        assert str(path) in only_line(result)
    assert [entry.name for entry in tmp_path.iterdir()] == ["no.fits"]


def test_a_truncated_file(frame: Path, tmp_path: Path) -> None:
    """Before and after compression."""
    succeed_here("fits-compress", frame)
    for path in (frame, tmp_path / "frame.ac.fits"):
        cut = tmp_path / "cut.fits"
        cut.write_bytes(path.read_bytes()[:-5000])
        command = "fits-compress" if path == frame else "fits-decompress"
        result = run_here(command, cut, "-O", tmp_path / "out.fits")
        assert result.returncode == ExitCode.BAD_DATA, result.stderr
        assert not (tmp_path / "out.fits").exists()


def test_a_damaged_tile(tmp_path: Path) -> None:
    """The line names HDU and tile; neither command gives wrong pixels."""
    fits.writeto(tmp_path / "a.fits", sky(300, 300))
    succeed_here("fits-compress", tmp_path / "a.fits")
    compressed = tmp_path / "a.ac.fits"
    damaged = bytearray(compressed.read_bytes())
    damaged[-len(damaged) // 3] ^= 0x10
    compressed.write_bytes(damaged)
    for command in (["verify", compressed], ["fits-decompress", compressed, "-O", tmp_path / "b.fits"]):
        result = run_here(*command)
        assert result.returncode == ExitCode.BAD_DATA
        assert "HDU 1" in only_line(result)
        assert "tile" in only_line(result)
    assert not (tmp_path / "b.fits").exists()


def test_one_bad_file_does_not_stop_the_others(frame: Path, tmp_path: Path) -> None:
    """Its line is printed, its code is the run's; different failures give code 1."""
    bad = tmp_path / "bad.fits"
    bad.write_bytes(b"no")
    for jobs in ("1", "3"):
        result = run("fits-compress", bad, frame, "-j", jobs, "--overwrite", "--json")
        assert result.returncode == ExitCode.BAD_DATA
        first, second = json.loads(result.stdout)["files"]
        assert (first["error"]["exit_code"], second["error"]) == (ExitCode.BAD_DATA, None)
        assert (tmp_path / "frame.ac.fits").exists()
    result = run("fits-compress", bad, frame, tmp_path / "missing.fits")
    assert result.returncode == ExitCode.MIXED
    assert b"3 of 3 files failed" in result.stderr


def test_inputs_with_the_same_output(frame: Path, tmp_path: Path) -> None:
    """Both are refused before any work: which of them is meant cannot be known. Others are treated."""
    second, other = tmp_path / "frame.fits.gz", write_frame(tmp_path / "other.fits", seed=5)
    second.write_bytes(gzip.compress(frame.read_bytes()))
    for jobs in (1, 2, 5):  # the other one may be in another job's part
        told = b""
        for job in range(1, jobs + 1):
            shard = ["--shard", f"{job}/{jobs}"]
            result = run_here("fits-compress", "--no-tune", frame, second, other, "--overwrite", *shard)
            assert result.returncode == (ExitCode.EXISTS if b"as for" in result.stderr else ExitCode.OK)
            told += result.stderr
        assert f"as for {second}" in told.decode()
        assert f"as for {frame};" in told.decode()
        assert not (tmp_path / "frame.ac.fits").exists()
        assert (tmp_path / "other.ac.fits").exists()


def test_an_output_that_is_another_input(frame: Path, tmp_path: Path) -> None:
    """It would be replaced before or after it was read."""
    second = write_frame(tmp_path / "frame.ac.fits", seed=4)  # not compressed, whatever its name says
    before = second.read_bytes()
    result = run_here("fits-compress", "--overwrite", frame, second)
    assert result.returncode == ExitCode.EXISTS
    assert f"{second}, which is an input too" in result.stderr.decode()
    assert "its output would be the input itself; give -F" in result.stderr.decode()
    assert second.read_bytes() == before


@pytest.mark.parametrize("options", [[], ["-D", "-Y"], ["--skip-existing"], ["-j", "2"]])
@pytest.mark.parametrize("kind", ["fits", "h5"])
def test_an_input_that_is_skipped_is_not_replaced(tmp_path: Path, kind: str, options: list[str]) -> None:
    """What the report calls left alone is left alone: it may be the only copy of an earlier frame."""
    source = write_input(tmp_path, kind, 1)
    succeed_here(f"{kind}-compress", "--no-tune", "-D", "-Y", source)
    (packed,) = tmp_path.iterdir()
    write_input(tmp_path, kind, 2)
    before = packed.read_bytes(), source.read_bytes()
    command = (f"{kind}-compress", "--no-tune", "--overwrite", *options)
    for shard in ([], ["--shard", "1/2"], ["--shard", "2/2"]):  # the other may be in another job's part
        result = run_here(*command, *shard, source, packed, "--outdir", tmp_path)
        refused = f"{source}: its output would be {packed}, which is an input too" in result.stderr.decode()
        assert result.returncode == (ExitCode.EXISTS if refused else ExitCode.OK)
        assert refused or shard
        assert (packed.read_bytes(), source.read_bytes()) == before
    succeed_here(*command, source)
    assert packed.read_bytes() != before[0]


@pytest.mark.parametrize("kind", ["fits", "h5"])
@pytest.mark.parametrize("walked", [False, True])
def test_a_plain_file_beside_its_copy_is_not_replaced(tmp_path: Path, kind: str, walked: bool) -> None:
    """It may be newer than what the copy gives back."""
    source = write_input(tmp_path, kind, 1)
    succeed_here(f"{kind}-compress", "--no-tune", "-D", "-Y", source)
    (packed,) = tmp_path.iterdir()
    write_input(tmp_path, kind, 2)
    before = packed.read_bytes(), source.read_bytes()
    files = ["-r", tmp_path] if walked else [source, packed]
    result = run_here(f"{kind}-decompress", "-D", "-Y", "--overwrite", *files)
    # A plain file that was named is a failure of its own.
    assert result.returncode == (ExitCode.EXISTS if walked else ExitCode.MIXED)
    assert f"{packed}: its output would be {source}, which is an input too" in result.stderr.decode()
    assert (packed.read_bytes(), source.read_bytes()) == before


def write_input(folder: Path, kind: str, seed: int) -> Path:
    """Write a file with an image."""
    path = folder / f"a.{kind}"
    if kind == "fits":
        return write_frame(path, seed=seed)
    with h5py.File(path, "w") as file:
        file["sci"] = sky(150, 200, seed)
    return path


def test_a_file_given_twice_is_treated_once(frame: Path, tmp_path: Path) -> None:
    """By whatever paths."""
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    report = json.loads(succeed_here("fits-compress", "--json", "--no-tune", frame, tmp_path / "link" / frame.name))
    assert report["totals"]["files"] == 1


@pytest.mark.parametrize("link", ["folder", "hard", "soft"])
def test_an_output_that_is_the_input_by_another_path_is_refused(frame: Path, tmp_path: Path, link: str) -> None:
    """Deleting the input would delete the output."""
    before = frame.read_bytes()
    output = tmp_path / "other.fits"
    if link == "folder":
        (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
        output = tmp_path / "folder" / frame.name
    elif link == "hard":
        output.hardlink_to(frame)
    else:
        output.symlink_to(frame)
    result = run_here("fits-compress", "-D", "-Y", "--overwrite", frame, "-O", output)
    assert result.returncode == ExitCode.EXISTS
    assert "would be the input itself" in only_line(result)
    assert frame.read_bytes() == output.read_bytes() == before


def test_an_output_that_became_the_input_is_not_deleted(
    frame: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file system makes two names one."""
    monkeypatch.setattr("astrocodec.cli.clashes._problem", lambda *_: "")
    result = run_here("fits-compress", "-D", "-Y", "--overwrite", frame, "-O", frame)
    assert result.returncode == ExitCode.EXISTS
    assert "was not deleted" in only_line(result)
    assert frame.exists()


def test_a_missing_model(frame: Path) -> None:
    """Named, whether it is a name or a file."""
    result = run_here("fits-compress", frame, "--model", "no-such-model")
    assert result.returncode == ExitCode.NEEDS_INSTALL
    assert "no-such-model" in only_line(result)
    assert run_here("models", "show", "no-such-model").returncode == ExitCode.NEEDS_INSTALL


def test_a_missing_extension(frame: Path, tmp_path: Path) -> None:
    """The line lists what there is."""
    result = run_here("fits-compress", frame, "-e", "SCI")
    assert result.returncode == ExitCode.USAGE
    assert "CATALOG" in only_line(result)
    assert not (tmp_path / "frame.ac.fits").exists()


def test_missing_and_unreadable_inputs(tmp_path: Path) -> None:
    """A file that is not there, a path through a file."""
    result = run_here("fits-compress", tmp_path / "nothing.fits")
    assert result.returncode == ExitCode.SYSTEM
    assert "no such file" in only_line(result)
    (tmp_path / "file").touch()
    assert run_here("fits-compress", tmp_path / "file" / "a.fits").returncode == ExitCode.SYSTEM
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_unwritable_target(frame: Path, tmp_path: Path) -> None:
    """A directory that cannot be made, or not be written."""
    (tmp_path / "file").touch()
    result = run_here("fits-compress", frame, "--outdir", tmp_path / "file" / "below")
    assert result.returncode == ExitCode.SYSTEM
    assert str(tmp_path / "file") in only_line(result)
    if os.geteuid():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o555)
        result = run_here("fits-compress", frame, "-O", closed / "a.fits")
        assert result.returncode == ExitCode.SYSTEM
        assert "permission denied" in only_line(result)


def test_a_missing_input_makes_no_folder(tmp_path: Path) -> None:
    """For its output."""
    assert run_here("fits-compress", tmp_path / "missing" / "a.fits").returncode == ExitCode.SYSTEM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "option"), [("analyze", "-o"), ("compare", "-o"), ("tune", "-O"), ("train", "-O"), ("simulate", None)]
)
@pytest.mark.parametrize("place", ["missing/out.html", "file/out.html"])
def test_an_output_that_cannot_be_written_is_told_before_the_work(
    frame: Path, tmp_path: Path, name: str, option: str | None, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after hours of it."""
    pytest.importorskip("torch")
    (tmp_path / "file").touch()
    inputs = {"compare": [frame, frame], "simulate": []}.get(name, [frame])
    monkeypatch.setattr("astropy.io.fits.open", lambda *_, **__: pytest.fail("the work was begun"))
    monkeypatch.setattr("astrocodec.cli.simulate.observe", lambda *_, **__: pytest.fail("the work was begun"))
    result = run_here(name, *inputs, *([option] if option else []), tmp_path / place)
    assert result.returncode == ExitCode.SYSTEM
    assert str(tmp_path / place) in only_line(result)


def test_what_may_not_be_read_or_written(frame: Path, tmp_path: Path) -> None:
    """Each message names the file or its folder."""
    if os.geteuid() == 0:
        pytest.skip("root may read and write everything, so that nothing is refused")
    frame.chmod(0)
    for command in (["fits-compress"], ["info"], ["verify"], ["analyze"], ["tune", "-O", tmp_path / "m.acm"]):
        result = run_here(*command, frame)
        assert (result.returncode, "permission denied" in only_line(result)) == (ExitCode.SYSTEM, True)
    frame.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        result = run_here("fits-compress", "-D", "-Y", frame)
    finally:
        tmp_path.chmod(0o755)
    assert f"{tmp_path / 'frame.ac.fits'}: permission denied" in only_line(result)
    assert frame.exists()


def test_a_file_size_limit_leaves_nothing(frame: Path, tmp_path: Path) -> None:
    """The system's limit for files, as a full disk in small."""
    result = subprocess.run(
        [*COMMAND, "fits-compress", "-D", "-Y", str(frame)],
        capture_output=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert result.returncode == ExitCode.SYSTEM, result.stderr
    assert "larger than the system's limit" in only_line(result)
    assert [path.name for path in tmp_path.iterdir()] == ["frame.fits"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """No half output, a whole input."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=240k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        frame = write_frame(disk / "frame.fits", 300, 300)
        original = frame.read_bytes()
        result = run("fits-compress", "-F", "--no-tune", frame)
        assert result.returncode == ExitCode.SYSTEM, result.stderr
        assert "no space left" in only_line(result)
        assert frame.read_bytes() == original
        assert [path.name for path in disk.iterdir()] == ["frame.fits"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_reader_that_stops_early(frame: Path) -> None:
    """`astrocodec info | head` prints no traceback."""
    process = start("info", *[frame] * 200)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.wait(timeout=30)
    process.stderr.close()


@pytest.mark.parametrize(
    "command",
    [
        ["fits-compress", "--no-tune"],
        ["fits-compress", "-L"],
        ["info"],
        ["verify"],
        ["analyze"],
        ["tune", "-O", "m.acm"],
    ],
    ids=" ".join,
)
def test_pipes_and_devices_are_refused(tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read more than once; waiting for a writer would have no end."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.fits")
    for name in ("pipe.fits", "/dev/null"):
        result = run(*command, name, cwd=tmp_path)
        assert result.returncode == ExitCode.USAGE
        assert f"{name} is a pipe or device".encode() in result.stderr
    write_frame(tmp_path / "a.fits")
    for arguments in (("compare", "a.fits", "pipe.fits"), ("verify", "a.fits", "--against", "pipe.fits")):
        assert b"pipe.fits is a pipe or device" in run(*arguments, cwd=tmp_path).stderr
    assert sorted(os.listdir(tmp_path)) == ["a.fits", "pipe.fits"]


@pytest.mark.parametrize("command", [["fits-compress", "--no-tune"], ["fits-compress", "-L"], ["info"], ["verify"]])
def test_an_argument_without_files_does_not_stop_the_others(frame: Path, tmp_path: Path, command: list[str]) -> None:
    """A night without a frame is told, and the exit code is not 0."""
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.fits")
    arguments = [tmp_path / "empty", tmp_path / "none*.fits", tmp_path / "pipe.fits"]
    result = run_here(*command, "--json", "-r", *arguments, frame)
    assert result.returncode == ExitCode.USAGE
    told = result.stderr.decode()
    for text in ("empty holds no file", "no file matches", "is a pipe or device"):
        assert text in told
    files = json.loads(result.stdout)["files"]
    assert [entry["report"] is None for entry in files] == [True] * 3 + [False]
    assert [entry["error"]["exit_code"] for entry in files[:3]] == [ExitCode.USAGE] * 3
    assert (tmp_path / "frame.ac.fits").exists() == (command[-1] == "--no-tune")


@pytest.mark.parametrize("place", ["padding", "header", "cards"])
@pytest.mark.parametrize("to", ["rice", "gzip2"])
def test_an_image_of_which_standard_tiles_cannot_keep_all_is_left_plain(tmp_path: Path, place: str, to: str) -> None:
    """Bytes behind the pixels or END have no place there, nor have cards that a table uses."""
    frame, packed = write_frame(tmp_path / "a.fits"), tmp_path / "a.ac.fits"
    raw = bytearray(frame.read_bytes())
    end = raw.index(b"END".ljust(80))
    if place == "cards":
        raw[end : end + 240] = b"TUNIT1  = 'A SECRET'".ljust(80) + b"ZBLANK  = 7".ljust(80) + b"END".ljust(80)
    else:
        at = end + 80 if place == "header" else raw.index(b"XTENSION") - 8
        raw[at : at + 8] = b"A SECRET"
    frame.write_bytes(raw)
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", frame)
    assert b"left plain" in succeed_here("fits-decompress", "--to", to, "-D", "-Y", "-v", packed)
    assert b"A SECRET" in (tmp_path / "a.fits.fz").read_bytes()
