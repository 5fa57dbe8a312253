"""What other programs, other runs and other names of a file do meanwhile: no input is lost, nothing new replaced."""

import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cli_process import leftovers, run_here, succeed_here, write_frame

import fits_tiles
from astrocodec.cli.deletion import Deletion
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.errors import DifferenceError
from astrocodec.files.unchanged import is_unchanged, settled, state


def meanwhile(monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], object]) -> None:
    """Let something happen while a file is treated, once its output is verified but for the last step."""
    original = getattr(fits_tiles, operation)

    def treated(*files: Any, progress: Any = None, **options: Any) -> Any:
        def told(done: int, total: int) -> None:
            if done == total:
                act()

        return original(*files, progress=told, **options)

    monkeypatch.setattr(fits_tiles, operation, treated)


@pytest.mark.parametrize("operation", ["compress", "decompress"])
def test_a_newer_input_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """By -F: somebody has put a corrected file in its place."""
    frame, newer = write_frame(tmp_path / "a.fits"), write_frame(tmp_path / "newer.fits", seed=7)
    if operation == "decompress":
        succeed_here("fits-compress", "--no-tune", "-F", frame)
    expected = newer.read_bytes()
    meanwhile(monkeypatch, operation, lambda: newer.exists() and newer.replace(frame))
    result = run_here(f"fits-{operation}", "-F", "-Y", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert f"{frame}: the input changed while it was read, nothing was written" in result.stderr.decode()
    assert frame.read_bytes() == expected
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("existing", [False, True])
def test_one_output_under_two_names_keeps_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool, jobs: int
) -> None:
    """As where case does not count, or a directory is mounted twice: such names are not known to be the same."""
    counter = itertools.count()
    monkeypatch.setattr("astrocodec.cli.clashes._place", lambda path: f"{path}{next(counter)}")
    files = [tmp_path / "x" / "a.fits", tmp_path / "y" / "a.fits"]
    for seed, file in enumerate(files):
        file.parent.mkdir()
        write_frame(file, seed=seed)
    before = [file.read_bytes() for file in files]
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "a.ac.fits"
    if existing:
        output.write_bytes(b"of last year")
    result = run_here(
        "fits-compress", "--no-tune", "-D", "-Y", "--overwrite", "-j", str(jobs), *files, "--outdir", output.parent
    )
    assert result.returncode in (ExitCode.EXISTS, ExitCode.DIFFERS), result.stderr.decode()
    kept = [number for number, file in enumerate(files) if file.exists()]
    assert len(kept) == 1
    assert files[kept[0]].read_bytes() == before[kept[0]]
    succeed_here("fits-decompress", output, "-O", tmp_path / "back.fits")
    assert (tmp_path / "back.fits").read_bytes() == before[1 - kept[0]]


def test_an_output_that_another_run_replaced_deletes_nothing(tmp_path: Path) -> None:
    """What is there under its name is not what was verified."""
    source, target = tmp_path / "a.fits", tmp_path / "a.ac.fits"
    source.write_bytes(b"input")
    target.write_bytes(b"output")
    deletion = Deletion(source, target, os.stat(source), os.lstat(target))
    (tmp_path / "other").write_bytes(b"output")
    (tmp_path / "other").replace(target)
    with pytest.raises(DifferenceError, match=r"changed .* after it was verified; the input was kept"):
        deletion.perform()
    assert source.read_bytes() == b"input"


def test_an_output_that_is_replaced_as_soon_as_it_is_there_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its folder is being written to the disk, which may take seconds."""
    frame, other = write_frame(tmp_path / "a.fits"), tmp_path / "other"
    other.write_bytes(b"of another program")
    monkeypatch.setattr("astrocodec.files.target.sync_folder", lambda folder: other.replace(tmp_path / "a.ac.fits"))
    result = run_here("fits-compress", "--no-tune", "-D", "-Y", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert "after it was verified; the input was kept" in result.stderr.decode()
    assert frame.exists()


@pytest.mark.parametrize(("unit", "waits"), [(1, True), (10**9, True), (1, False)])
def test_an_input_whose_time_says_nothing_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: int, waits: bool
) -> None:
    """A change in the same tick or, on FAT and the like, second would not show, and the changed input be deleted."""
    path = tmp_path / "a.fits"
    path.write_bytes(b"new")
    changed = (os.stat(path).st_ctime_ns | 1) // unit * unit
    now = [changed + (10**10 if not waits else unit // 2)]
    monkeypatch.setattr("os.stat", lambda path: SimpleNamespace(st_ctime_ns=changed))
    monkeypatch.setattr("astrocodec.files.unchanged._clock_of", lambda path: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.append(now.pop() + int(seconds * 1e9) + 1))
    assert settled(path).st_ctime_ns == changed
    assert now[0] - changed > (2 * 10**9 if unit > 1 else 10**7)


def test_a_file_behind_a_linked_output_that_is_replaced_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs may have been moved to another disk and linked back."""
    frame, other = write_frame(tmp_path / "a.fits"), tmp_path / "other"
    other.write_bytes(b"of another program")
    (tmp_path / "store").mkdir()
    succeed_here("fits-compress", "--no-tune", frame, "-O", tmp_path / "store" / "a.ac.fits")
    (tmp_path / "a.ac.fits").symlink_to(tmp_path / "store" / "a.ac.fits")
    meanwhile(monkeypatch, "verify", lambda: other.exists() and other.replace(tmp_path / "store" / "a.ac.fits"))
    result = run_here("fits-compress", "--skip-existing", "-D", "-Y", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert frame.exists()


def test_a_name_that_goes_when_the_file_is_closed_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and FUSE keep the temporary name of an open file, and the time of its inode changes when that goes."""
    frame, unlink = write_frame(tmp_path / "a.fits"), os.unlink
    late: list[Path] = []

    def silly(path: Path) -> None:
        held = set()
        for number in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                held.add(os.readlink(f"/proc/self/fd/{number}"))
        late.extend([path] if str(path) in held and path != frame else [])
        unlink(path)

    monkeypatch.setattr("os.unlink", silly)
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", frame)
    assert not late
    assert not frame.exists()


def test_a_file_system_that_remembers_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS tells of changes by other machines when a file is opened, not before."""
    path = tmp_path / "a.fits"
    path.write_bytes(b"input")
    remembered = os.lstat(path)
    path.write_bytes(b"corrected")
    monkeypatch.setattr("os.lstat", lambda path: remembered)
    assert not is_unchanged(remembered, state(path))


def test_an_input_written_with_its_old_time_is_not_deleted(tmp_path: Path) -> None:
    """As by programs that keep times."""
    source, target = tmp_path / "a.fits", tmp_path / "a.ac.fits"
    source.write_bytes(b"input")
    target.write_bytes(b"output")
    before = os.stat(source)
    deletion = Deletion(source, target, before, os.lstat(target))
    source.write_bytes(b"other")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DifferenceError, match="the input changed"):
        deletion.perform()
    assert source.read_bytes() == b"other"


def test_an_output_that_is_another_input_is_refused(tmp_path: Path) -> None:
    """By another name of that, here a hard link."""
    packed, other = tmp_path / "a.ac.fits", tmp_path / "x" / "b.ac.fits"
    other.parent.mkdir()
    for seed, path in enumerate((packed, other)):
        succeed_here("fits-compress", "--no-tune", write_frame(tmp_path / f"{seed}.fits", seed=seed), "-O", path)
    os.link(other, tmp_path / "a.fits")
    before = other.read_bytes()
    result = run_here("fits-decompress", "--overwrite", "-D", "-Y", packed, other)
    assert result.returncode == ExitCode.EXISTS
    assert "which is an input too" in result.stderr.decode()
    assert packed.exists()
    assert (tmp_path / "a.fits").read_bytes() == before
