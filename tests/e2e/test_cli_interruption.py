"""Signals, killed processes: inputs whole, no half outputs, one line, an exit code that tells."""

import itertools
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cli_process import leftovers, sky, start

from astrocodec.cli.exit_codes import ExitCode

# Long enough that a signal hits the middle of the work.
LARGE_ROWS = 4096


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a frame that takes a while."""
    path = tmp_path_factory.mktemp("large") / "large.fits"
    fits.writeto(path, np.tile(sky(LARGE_ROWS // 8, 4096), (8, 1)))
    return path


def is_writing(folder: Path) -> bool:
    """Whether a command is in the middle of an output."""
    with suppress(FileNotFoundError):  # just renamed
        return any((folder / name).stat().st_size > 0 for name in leftovers(folder))
    return False


def wait_for_handler(process: int, number: signal.Signals) -> None:
    """Wait until a process that was started catches a signal."""
    deadline = time.monotonic() + 60
    while True:
        status = Path(f"/proc/{process}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) >> (number - 1) & 1:
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def interrupt(folder: Path, number: signal.Signals, *arguments: str | Path, group: bool = True) -> "tuple[int, str]":
    """Send a signal once the output has been begun; give exit code and standard error."""
    process = start(*arguments)
    deadline = time.monotonic() + 60
    while not is_writing(folder):
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    (os.killpg if group else os.kill)(process.pid, number)
    _, error = process.communicate(timeout=60)
    return process.returncode, error.decode()


@pytest.mark.parametrize("option", ["-F", "-D"])
def test_kill_in_the_middle_leaves_the_input_whole(large: Path, tmp_path: Path, option: str) -> None:
    """SIGKILL: nothing under the final name, and a second run succeeds."""
    frame = tmp_path / "frame.fits"
    os.link(large, frame)
    code, _ = interrupt(tmp_path, signal.SIGKILL, "fits-compress", option, "-Y", "--effort", "1", frame)
    assert code == -signal.SIGKILL
    assert frame.read_bytes() == large.read_bytes()
    assert not (tmp_path / "frame.ac.fits").exists()


@pytest.mark.parametrize(
    ("number", "jobs", "group"),
    [
        *itertools.product((signal.SIGINT, signal.SIGTERM), "12", (True, False)),
        (signal.SIGHUP, "2", True),
        (signal.SIGUSR1, "1", False),
        (signal.SIGXCPU, "2", False),
    ],
)
def test_interruption_cleans_up(large: Path, tmp_path: Path, number: signal.Signals, jobs: str, group: bool) -> None:
    """Whoever gets the signal: one line, inputs whole, no outputs, nothing hidden either, and soon."""
    frames = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits")]
    for frame in frames:
        os.link(large, frame)
    begun = time.monotonic()
    options = ("-D", "-Y", "--effort", "1", "-j", jobs)
    code, error = interrupt(tmp_path, number, "fits-compress", *options, *frames, group=group)
    assert code == 128 + number, error
    assert error == f"astrocodec: ended by {number.name}; inputs are whole, unfinished outputs were removed\n"
    assert leftovers(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits", "b.fits", "c.fits"]
    assert frames[0].stat().st_size == large.stat().st_size
    assert time.monotonic() - begun < 40


def test_nohup_keeps_a_run_alive(large: Path, tmp_path: Path) -> None:
    """SIGHUP that was ignored before stays so, in the workers too."""
    frames = [tmp_path / name for name in ("a.fits", "b.fits")]
    for frame in frames:
        os.link(large, frame)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        options = ("--no-tune", "--no-verify", "-j", "2")
        code, error = interrupt(tmp_path, signal.SIGHUP, "fits-compress", *options, *frames)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (code, error) == (0, "")


def test_interruption_of_other_commands(large: Path, tmp_path: Path) -> None:
    """They end in the same way."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = file["b"] = fits.getdata(large)
    out = tmp_path / "out"
    out.mkdir()
    command = ("h5-compress", "--no-tune", "-j", "2", tmp_path / "a.h5", "-O", out / "b.h5")
    code, error = interrupt(out, signal.SIGTERM, *command)
    assert (code, error.count("\n"), list(out.iterdir())) == (128 + signal.SIGTERM, 1, [])
    for command in (("analyze", "-o", out / "a.html", "-j", "2", large, large), ("tune", "--effort", "9", large)):
        process = start(*command, *(["-O", out / "m.acm"] if command[0] == "tune" else []))
        wait_for_handler(process.pid, signal.SIGTERM)
        process.terminate()
        _, told = process.communicate(timeout=60)
        assert (process.returncode, told.count(b"\n"), list(out.iterdir())) == (128 + signal.SIGTERM, 1, []), told


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_fails_its_file_only(large: Path, tmp_path: Path, number: signal.Signals) -> None:
    """As when memory runs out: a line and a code for its file, the others are done, nothing half stays."""
    frames = [tmp_path / f"{name}.fits" for name in "abcd"]
    for frame in frames:
        os.link(large, frame)
    process = start("fits-compress", "--no-tune", "--json", "-j", "2", *frames)
    while not is_writing(tmp_path):
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(int(leftovers(tmp_path)[0].split(".")[-2].split("-")[0]), number)
    output, error = process.communicate(timeout=100)
    assert process.returncode == ExitCode.SYSTEM
    assert error.count(b"a worker process was killed") == 1
    failed = [entry["error"] is not None for entry in json.loads(output)["files"]]
    assert sorted(failed) == [False, False, False, True]
    assert leftovers(tmp_path) == []
    done = [name for name, bad in zip("abcd", failed, strict=True) if not bad]
    assert sorted(path.name for path in tmp_path.glob("*.ac.fits")) == [f"{name}.ac.fits" for name in done]


def test_a_killed_parent_takes_its_workers_with_it(large: Path, tmp_path: Path) -> None:
    """No orphan goes on writing after the command was killed."""
    frames = [tmp_path / "a.fits", tmp_path / "b.fits"]
    for frame in frames:
        os.link(large, frame)
    process = start("fits-compress", "-j", "2", "--effort", "1", *frames)
    while not is_writing(tmp_path):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=30)
    time.sleep(1.0)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    time.sleep(0.5)
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes
