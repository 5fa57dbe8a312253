"""`verify` and `info` over many files: what they take, print and end with."""

import gzip
import json
from pathlib import Path

import pytest
from cli_process import run, run_here, succeed_here, write_frame

from astrocodec.cli.exit_codes import ExitCode


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Write a folder of two frames and their compressed copies."""
    folder = tmp_path / "archive"
    (folder / "night").mkdir(parents=True)
    write_frame(folder / "a.fits")
    write_frame(folder / "night" / "b.fits", seed=2)
    succeed_here("fits-compress", "--no-tune", "-r", folder)
    return folder


def damage(path: Path) -> None:
    """Flip a bit in the last tile."""
    raw = bytearray(path.read_bytes())
    raw[raw.rstrip(b"\0").__len__() - 20] ^= 4
    path.write_bytes(raw)


def files_of(stdout: bytes) -> list[str]:
    """Names in a JSON report, without folders."""
    return [Path(entry["file"]).name for entry in json.loads(stdout)["files"]]


@pytest.mark.parametrize("command", ["verify", "info"])
def test_many_files_patterns_and_directories(archive: Path, command: str) -> None:
    """As the commands that write do; a directory needs -r."""
    names = ["a.ac.fits", "a.fits", "b.ac.fits", "b.fits"]
    assert sorted(files_of(succeed_here(command, "--json", "-r", archive))) == names
    assert files_of(succeed_here(command, "--json", archive / "a.fits", archive / "a.ac.fits")) == names[1::-1]
    assert files_of(succeed_here(command, "--json", str(archive / "**" / "*.ac.fits"))) == names[::2]
    assert run_here(command, archive).returncode == ExitCode.USAGE
    assert run_here(command, "-").returncode == ExitCode.USAGE


def test_two_files_are_both_verified(archive: Path) -> None:
    """They are compared only where --against says so."""
    (archive / "b.fits").write_bytes((archive / "night" / "b.fits").read_bytes())
    table = succeed_here("verify", archive / "a.ac.fits", archive / "b.fits").decode()
    assert [line.split()[0] for line in table.splitlines()[2:4]] == [
        str(archive / "a.ac.fits"),
        str(archive / "b.fits"),
    ]
    assert "2 files" in table
    assert run_here("verify", archive / "a.ac.fits", "--against", archive / "b.fits").returncode == ExitCode.DIFFERS
    assert run_here("verify", archive / "a.ac.fits", "--against", archive / "a.fits").returncode == ExitCode.OK


def test_one_original_is_for_one_file(archive: Path) -> None:
    """Several are refused before anything is read."""
    result = run_here("verify", "-r", archive, "--against", archive / "a.fits")
    assert result.returncode == ExitCode.USAGE
    assert "--against takes a single file" in result.stderr.decode()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_verify_ends_with_the_code_of_the_worst_file(archive: Path, jobs: str) -> None:
    """Damage is not hidden behind a file that is merely missing, and each file has its line."""
    damage(archive / "a.ac.fits")
    result = run(
        "verify", "-j", jobs, "--json", archive / "missing.fits", archive / "a.ac.fits", archive / "night" / "b.ac.fits"
    )
    assert result.returncode == ExitCode.BAD_DATA
    lines = result.stderr.decode().splitlines()
    assert any("missing.fits: no such file" in line for line in lines)
    assert any("a.ac.fits: HDU" in line for line in lines)
    errors = [entry["error"] and entry["error"]["exit_code"] for entry in json.loads(result.stdout)["files"]]
    assert errors == [ExitCode.SYSTEM, ExitCode.BAD_DATA, None]


def test_info_goes_on_after_a_bad_file(archive: Path) -> None:
    """Others are listed."""
    (archive / "no.fits").write_bytes(b"no")
    result = run_here("info", "-r", archive)
    assert result.returncode == ExitCode.BAD_DATA
    assert result.stdout.count(b"CATALOG") == 4


@pytest.mark.parametrize("command", ["verify", "info"])
def test_reports_go_to_a_file(archive: Path, command: str) -> None:
    """-R, never over an input, nor over another file without --overwrite."""
    report = archive / "report.txt"
    assert b"a.ac.fits" in succeed_here(command, "-R", report, archive / "a.ac.fits")
    assert json.loads(report.read_text())["file"] == str(archive / "a.ac.fits")
    assert run_here(command, "-R", report, archive / "a.ac.fits").returncode == ExitCode.EXISTS
    assert run_here(command, "-R", archive / "a.fits", archive / "a.fits").returncode == ExitCode.USAGE


def test_verbose_lists_hdus(archive: Path) -> None:
    """-v, behind the file's name, with what is known of each; info checks nothing."""
    lines = succeed_here("verify", "-v", archive / "a.ac.fits").decode().splitlines()
    assert lines[1].split()[-2:] == ["checked", "note"]
    (catalog,) = (line for line in lines if "CATALOG" in line)
    assert "verified" in catalog
    assert "checked" not in succeed_here("info", archive / "a.ac.fits").decode()
    assert succeed_here("verify", "-q", archive / "a.ac.fits") == b""


@pytest.mark.parametrize("container", ["zimage", "table"])
def test_identical_copies_are_equal(archive: Path, container: str) -> None:
    """Compressed ones with a primary image too; two copies of the same damage are damaged all the same."""
    first, second = archive / "first.fits", archive / "second.fits"
    succeed_here("fits-compress", "--no-tune", "--container", container, archive / "a.fits", "-O", first)
    for original in (first, archive / "a.fits"):
        second.write_bytes(original.read_bytes())
        table = succeed_here("verify", second, "--against", original).decode()
        assert table.rstrip().endswith("verified")
    damage(first)
    second.write_bytes(first.read_bytes())
    assert run_here("verify", second, "--against", first).returncode == ExitCode.BAD_DATA


def test_the_other_way_round(archive: Path) -> None:
    """A file that is compressed stands for what it gives back."""
    succeed_here("verify", archive / "a.fits", "--against", archive / "a.ac.fits")
    result = run_here("verify", archive / "night" / "b.fits", "--against", archive / "a.ac.fits")
    assert result.returncode == ExitCode.DIFFERS


def test_bytes_behind_the_last_hdu_are_compared(archive: Path) -> None:
    """They belong to the file."""
    longer = archive / "longer.fits"
    longer.write_bytes((archive / "a.fits").read_bytes() + b"notes")
    result = run_here("verify", archive / "a.ac.fits", "--against", longer)
    assert result.returncode == ExitCode.DIFFERS
    assert "follow the last HDU" in result.stderr.decode()


def test_sizes_of_packed_files_are_those_on_the_disk(archive: Path) -> None:
    """Of the file, and of the original."""
    packed, original = archive / "packed.ac.fits.gz", archive / "a.fits.gz"
    packed.write_bytes(gzip.compress((archive / "a.ac.fits").read_bytes()))
    original.write_bytes(gzip.compress((archive / "a.fits").read_bytes()))
    for command in (["verify", packed], ["info", packed], ["verify", packed, "--against", original]):
        (entry,) = json.loads(succeed_here(*command, "--json"))["files"]
        assert entry["report"]["compressed_bytes"] == packed.stat().st_size
        expected = original if "--against" in command else archive / "a.fits"
        assert entry["report"]["original_bytes"] == expected.stat().st_size


def test_a_file_is_not_its_own_original(tmp_path: Path) -> None:
    """Compared with itself, whatever it holds would be verified."""
    frame = write_frame(tmp_path / "a.fits")
    (tmp_path / "link.fits").symlink_to(frame)
    for name in (frame, tmp_path / "link.fits"):
        result = run_here("verify", frame, "--against", name)
        assert result.returncode == ExitCode.USAGE
        assert b"names the file itself" in result.stderr
