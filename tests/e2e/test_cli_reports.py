"""What a run tells while it goes on and in its report file, whatever the names of files are."""

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from cli_process import COMMAND, environment, run, run_here, sky, start, succeed, succeed_here

from astrocodec.cli.exit_codes import ExitCode

ODD = os.fsdecode(b"bad\xff \n\x1b[31m\\.fits")
LARGE_ROWS = 4096


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a small frame."""
    path = tmp_path / "a.fits"
    fits.writeto(path, sky(60, 80))
    return path


def entries(report: Path) -> "list[dict[str, object]]":
    """Read a report file."""
    return [json.loads(line) for line in report.read_text("ascii").splitlines()]


def test_a_report_has_a_line_for_each_file(frame: Path, tmp_path: Path) -> None:
    """Failures and files that were left alone too; the table is printed as ever."""
    (tmp_path / "b.fits").write_bytes(b"no")
    report = tmp_path / "report.jsonl"
    result = run_here("fits-compress", frame, tmp_path / "b.fits", tmp_path / "c.fits", "-R", report)
    assert result.returncode == ExitCode.MIXED
    assert b"verified" in result.stdout
    found = {Path(str(entry["file"])).name: entry for entry in entries(report)}
    assert sorted(found) == ["a.fits", "b.fits", "c.fits"]
    assert found["a.fits"]["target"] == str(tmp_path / "a.ac.fits")
    assert found["a.fits"]["report"]["hdus"][0]["pixels"] == 4800
    assert found["b.fits"]["error"]["exit_code"] == ExitCode.BAD_DATA
    assert found["c.fits"]["error"]["exit_code"] == ExitCode.SYSTEM
    again = ("-r", tmp_path / "a.ac.fits", frame, "--outdir", tmp_path / "out")
    succeed_here("fits-compress", *again, "--overwrite", "-R", report)
    assert [entry["note"] for entry in entries(report)] == ["skipped, it is compressed already", None]


def test_a_report_never_replaces_what_it_should_not(frame: Path) -> None:
    """An input, an output, another file; a folder that is missing is told before the work."""
    report = frame.with_name("report.jsonl")
    report.write_text("precious")
    assert run_here("fits-compress", "-T", "-R", report, frame).returncode == ExitCode.EXISTS
    assert report.read_text() == "precious"
    for name in (frame, frame.with_name("a.ac.fits")):
        result = run_here("fits-compress", "-R", name, frame)
        assert result.returncode == ExitCode.USAGE
        assert b"an input or output has this name" in result.stderr
    missing = frame.parent / "missing" / "report.jsonl"
    result = run_here("fits-compress", "-D", "-Y", "-R", missing, frame)
    assert result.returncode == ExitCode.SYSTEM
    assert f"{missing}: no such file or directory" in result.stderr.decode()
    assert sorted(path.name for path in frame.parent.iterdir()) == ["a.fits", "report.jsonl"]


@pytest.mark.parametrize("command", ["fits-compress", "verify", "info"])
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_an_input_is_no_report(frame: Path, command: str, link: Callable[[Path, Path], None]) -> None:
    """Which --overwrite would empty, and the input with it."""
    report = frame.with_name("report.jsonl")
    link(frame, report)
    before = frame.read_bytes()
    result = run_here(command, "--overwrite", "-R", report, frame)
    assert result.returncode == ExitCode.USAGE
    assert b"an input or output has this name" in result.stderr
    assert frame.read_bytes() == before


@pytest.mark.parametrize("command", ["fits-compress", "h5-compress", "verify", "info"])
def test_overwrite_replaces_reports_only(frame: Path, command: str) -> None:
    """As in `-R *.fits`, of which the first file is swallowed by the option."""
    first, night = frame.with_name("0.fits"), frame.with_name("night.h5")
    first.write_bytes(frame.read_bytes())
    with h5py.File(night, "w") as file:
        file["x"] = np.arange(9)
    before = first.read_bytes()
    named = night if command == "h5-compress" else frame
    result = run_here(command, "--overwrite", "-R", first, named)
    assert result.returncode == ExitCode.EXISTS
    assert f"{first}: is no report, and stays even with --overwrite" in result.stderr.decode()
    assert first.read_bytes() == before
    report = frame.with_name("report.jsonl")
    for content in ("", '{"file": "of the last run"}'):
        report.write_text(content)
        succeed_here(command, "--overwrite", "-R", report, named)
        assert [entry["file"] for entry in entries(report)] == [str(named)]


def test_a_report_spares_files_of_other_shards_and_settled_ones(frame: Path, tmp_path: Path) -> None:
    """Even where they look like reports."""
    other, settled = tmp_path / "b.fits", tmp_path / "c.ac.fits"
    other.write_text("{")
    succeed_here("fits-compress", "--no-tune", frame, "-O", settled)
    for report in (other, tmp_path / "b.ac.fits", settled):
        for shard in ("1/2", "2/2"):
            result = run_here("fits-compress", "--overwrite", "--shard", shard, "-R", report, frame, other, settled)
            assert result.returncode == ExitCode.USAGE, report
    assert other.read_text() == "{"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_input_is_deleted_that_the_report_cannot_name(frame: Path, tmp_path: Path, jobs: str) -> None:
    """The disk of the report is full."""
    other = tmp_path / "b.fits"
    other.write_bytes(frame.read_bytes())
    result = run("fits-compress", "-D", "-Y", "-j", jobs, "-R", "/dev/full", frame, other)
    assert result.returncode == ExitCode.SYSTEM
    assert result.stderr.count(b"/dev/full: no space left") == 1
    assert result.stderr.count(b"the input was kept, since the report cannot be written") == 2
    assert {"a.fits", "b.fits", "a.ac.fits", "b.ac.fits"} == {path.name for path in tmp_path.iterdir()}


def test_inputs_are_deleted_once_they_stand_in_the_report(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure to delete is a further line."""
    report = frame.with_name("report.jsonl")

    unlink_any = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path != frame:
            unlink_any(path, missing_ok=missing_ok)
            return
        assert entries(report)[0]["file"] == str(frame)
        raise PermissionError(13, "refused", str(path))

    monkeypatch.setattr(Path, "unlink", unlink)
    result = run_here("fits-compress", "-D", "-Y", "-R", report, frame)
    monkeypatch.undo()
    assert result.returncode == ExitCode.SYSTEM
    first, second = entries(report)
    assert (first["error"], second["error"]["exit_code"]) == (None, ExitCode.SYSTEM)
    assert frame.exists()


def test_a_killed_batch_leaves_a_report_of_what_it_did(tmp_path: Path, frame: Path) -> None:
    """Each line is written when its file is done, and each row is printed then."""
    large = tmp_path / "large.fits"
    fits.writeto(large, sky(LARGE_ROWS, 2048))
    report = tmp_path / "report.jsonl"
    process = start("fits-compress", "--effort", "9", "-R", report, frame, large)
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(3)]
    assert process.poll() is None
    assert lines[2].startswith(f"{frame} ")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    (entry,) = entries(report)
    assert (entry["file"], entry["error"]) == (str(frame), None)
    assert not (tmp_path / "large.ac.fits").exists()


def test_on_a_terminal_the_table_comes_at_the_end(tmp_path: Path, frame: Path) -> None:
    """Below the bar, with the columns as wide as they need to be."""
    (tmp_path / "longer-name.fits").write_bytes(frame.read_bytes())
    master, slave = pty.openpty()
    command = [*COMMAND, "fits-compress", "a.fits", "longer-name.fits"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=slave, stderr=slave)
    os.close(slave)
    output = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(master)
    assert process.wait(timeout=60) == 0
    text = output.decode()
    assert text.count("checked") == 1
    assert text.index("file ") < text.index("2 files: ")
    assert "\x1b[" in text  # the bar


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii", "latin-1", "utf-8:surrogateescape"])
def test_odd_names_are_escaped_on_one_line(
    frame: Path, tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tables and messages; JSON has them as `os.fsdecode` gives them."""
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    frame.rename(tmp_path / ODD)
    shown = "bad\\xff \\n\\x1b[31m"
    report = tmp_path / "report.jsonl"
    table = succeed("fits-compress", "-D", "-Y", "-R", report, ODD, cwd=tmp_path).decode()
    assert table.splitlines()[2].startswith(f"{shown}\\\\.fits ")
    (entry,) = entries(report)
    assert os.fsencode(str(entry["file"])) == os.fsencode(ODD)
    compressed = ODD[:-5] + ".ac.fits"
    assert shown in succeed("info", compressed, cwd=tmp_path).decode()
    assert shown in succeed("verify", "-v", compressed, cwd=tmp_path).decode()
    document = json.loads(succeed("fits-decompress", "--json", compressed, cwd=tmp_path))
    assert document["files"][0]["target"] == ODD
    os.truncate(tmp_path / os.fsdecode(os.fsencode(ODD)), 4000)
    result = run("fits-compress", ODD, "--overwrite", cwd=tmp_path)
    assert result.returncode == ExitCode.BAD_DATA
    assert result.stderr.decode().startswith(f"astrocodec: {shown}\\.fits: ")
    assert result.stderr.count(b"\n") == 1


def test_pages_and_tables_of_odd_names(frame: Path, tmp_path: Path) -> None:
    """`analyze` writes what it has computed."""
    pytest.importorskip("photutils")
    name = os.fsdecode(b"bad\xff.fits")
    frame.rename(tmp_path / name)
    succeed("analyze", "--no-tune", "--no-peers", "-o", "a.html", name, cwd=tmp_path)
    assert "bad\\xff.fits" in (tmp_path / "a.html").read_text("utf-8")


def test_the_longest_names(tmp_path: Path, frame: Path) -> None:
    """255 bytes are allowed, in whatever characters; the hidden name fits too."""
    for letter in ("x", "ä", "星"):
        name = letter * ((255 - len(".ac.fits")) // len(letter.encode()))
        source = frame.rename(tmp_path / f"{name}.fits")
        succeed_here("fits-compress", source)
        succeed_here("fits-decompress", tmp_path / f"{name}.ac.fits", "--overwrite")
        frame = source
    longest = frame.rename(tmp_path / ("y" * 250 + ".fits"))
    result = run_here("fits-compress", longest, tmp_path / "missing.fits")
    assert result.returncode == ExitCode.SYSTEM
    assert b"the file name is too long" in result.stderr
    assert b"Traceback" not in result.stderr
    began = time.monotonic()
    assert run_here("fits-compress", longest, "-O", tmp_path / "short.ac.fits").returncode == 0
    assert time.monotonic() - began < 60
