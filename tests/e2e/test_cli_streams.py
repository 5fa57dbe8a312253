"""Standard streams that are closed, full or without a reader; files called '-'."""

import shlex
import subprocess
from pathlib import Path

import pytest
from astropy.io import fits
from cli_process import COMMAND, environment, run_here, sky, succeed_here

from astrocodec.cli.exit_codes import ExitCode


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a small frame."""
    path = tmp_path / "a.fits"
    fits.writeto(path, sky(60, 80))
    return path


def shell(words: str, redirection: str, folder: Path, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run a command with redirections of a shell; give exit code, standard output and error."""
    command = f"set -o pipefail; {shlex.join(COMMAND)} {words} {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], input=stdin, capture_output=True, cwd=folder, env=environment(), timeout=100
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


LOST = {
    ">&-": "it is closed",
    ">/dev/full": "no space left on its device",
    "| true": "the program that read it has stopped",
}


@pytest.mark.parametrize("redirection", LOST)
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_lost_table_is_one_line_and_the_work_is_done(frame: Path, redirection: str, jobs: str) -> None:
    """The exit code is that of the work, and no message goes into a file."""
    (frame.parent / "b.fits").write_bytes(frame.read_bytes())
    code, _, error = shell(f"fits-compress -j {jobs} a.fits b.fits", redirection, frame.parent)
    assert (code, error) == (0, f"astrocodec: standard output could not be written: {LOST[redirection]}\n")
    for name in ("a", "b"):
        assert succeed_here("fits-decompress", "-S", frame.parent / f"{name}.ac.fits") == frame.read_bytes()


@pytest.mark.parametrize("redirection", LOST)
@pytest.mark.parametrize("words", ["info a.fits", "fits-compress -L a.fits", "models", "plugin-path", "--version"])
def test_a_lost_listing_is_a_failure(frame: Path, words: str, redirection: str) -> None:
    """These commands do nothing else."""
    code, _, error = shell(words, redirection, frame.parent)
    assert (code, LOST[redirection] in error, error.count("\n")) == (ExitCode.SYSTEM, True, 1)


def test_a_failure_counts_more_than_a_lost_table(frame: Path) -> None:
    """One line for each."""
    (frame.parent / "b.fits").write_bytes(b"no")
    code, _, error = shell("fits-compress a.fits b.fits --json", ">/dev/full", frame.parent)
    assert (code, error.count("\n")) == (ExitCode.BAD_DATA, 2)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&-", ">&- 2>&- <&-"])
def test_without_standard_error_or_input(frame: Path, redirection: str) -> None:
    """The work is done; what is opened first does not take the place of the closed stream."""
    code, output, _ = shell("fits-compress a.fits", redirection, frame.parent)
    assert code == 0
    assert ("verified" in output) == (">&- " not in redirection)
    assert succeed_here("fits-decompress", "-S", frame.parent / "a.ac.fits") == frame.read_bytes()
    assert shell("fits-compress nothing.fits", redirection, frame.parent)[0] == ExitCode.SYSTEM


@pytest.mark.parametrize(
    ("words", "redirection", "told"),
    [
        ("fits-compress -S a.fits", ">&-", "a.fits: standard output: is closed"),
        ("fits-compress -S a.fits", ">/dev/full", "a.fits: standard output: no space left on the device"),
        ("fits-compress -S a.fits", "| true", "a.fits: the program that reads the output has stopped"),
        ("fits-compress - -O b.ac.fits", "<&-", "standard input: is closed"),
    ],
)
def test_a_file_that_is_lost_is_a_failure(frame: Path, words: str, redirection: str, told: str) -> None:
    """It is the work."""
    code, _, error = shell(words, redirection, frame.parent)
    assert code == ExitCode.SYSTEM
    assert told in error
    assert sorted(path.name for path in frame.parent.iterdir()) == ["a.fits"]


def test_a_file_called_dash_is_a_file(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the argument '-' itself is standard input."""
    folder = frame.parent
    monkeypatch.chdir(folder)
    frame.rename(folder / "-")
    succeed_here("fits-compress", "./-", "-O", "./dash.ac.fits")
    assert b"1 HDUs" in succeed_here("info", "./-")
    assert b"-.ac.fits" in succeed_here("fits-compress", "[-]", "-v")
    assert (folder / "-.ac.fits").read_bytes() == (folder / "dash.ac.fits").read_bytes()
    assert succeed_here("fits-decompress", "-S", "--", "-.ac.fits") == (folder / "-").read_bytes()
    succeed_here("fits-decompress", "-O", "./-", "--overwrite", "dash.ac.fits")
    for command in (["info"], ["verify"], ["analyze"], ["tune", "-O", "m.acm"], ["compare", "-"], ["train", "-O", "m"]):
        result = run_here(*command, "-")
        assert (result.returncode, b"stdin" in result.stderr) == (ExitCode.USAGE, True), command
