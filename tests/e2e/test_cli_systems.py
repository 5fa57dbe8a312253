"""What file systems refuse, other users, other programs and other runs: inputs stay, nobody reads more than before."""

import errno
import fcntl
import gzip
import json
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cli_process import COMMAND, environment, run, run_here, succeed_here

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.files import writers
from astrocodec.files.unchanged import is_unchanged

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
USER, GROUP = 12345, 23456


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a small image."""
    path = tmp_path / "a.fits"
    fits.writeto(path, np.random.default_rng(1).poisson(300, (96, 96)).astype(np.int16))
    return path


def owners(path: Path) -> tuple[int, int, int]:
    """User, group and permissions of a file."""
    found = path.stat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@needs_root
@pytest.mark.parametrize(("option", "name"), [("-D", "a.ac.fits"), ("-F", "a.fits")])
def test_outputs_belong_to_whom_inputs_belong(frame: Path, option: str, name: str) -> None:
    """A job of root's takes no file away from its owner."""
    os.chown(frame, USER, GROUP)
    frame.chmod(0o640)
    succeed_here("fits-compress", "--no-tune", option, "-Y", frame)
    assert owners(frame.with_name(name)) == (USER, GROUP, 0o640)


@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o600), (0o664, 0o644), (0o4755, 0o755), (0o600, 0o600)])
@needs_root
def test_a_group_that_cannot_be_given_gets_no_rights(
    frame: Path, monkeypatch: pytest.MonkeyPatch, mode: int, expected: int
) -> None:
    """What its group may do with the input, another group must not do with the output."""

    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "not the owner")

    os.chown(frame, USER, GROUP)
    frame.chmod(mode)
    monkeypatch.setattr(os, "fchown", refuse)
    succeed_here("fits-compress", "--no-tune", frame)
    assert owners(frame.with_name("a.ac.fits")) == (os.geteuid(), os.getegid(), expected)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOTSUP])
def test_folders_need_not_be_synced(frame: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Some network file systems refuse that, and chmod; the file is whole all the same."""
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    def fchmod(descriptor: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "fchmod", fchmod)
    succeed_here("fits-compress", "--no-tune", "-D", "-Y", frame)
    assert os.listdir(frame.parent) == ["a.ac.fits"]


def test_folders_that_cannot_be_searched_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of which a part was not looked at is not taken for verified."""
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        fits.writeto(tmp_path / name / "a.fits", np.zeros((8, 8), np.int16))
    scandir: Callable[..., Iterator[os.DirEntry[str]]] = os.scandir

    def search(path: str) -> Iterator[os.DirEntry[str]]:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", search)
    result = run_here("verify", "-r", tmp_path)
    assert result.returncode == ExitCode.USAGE
    assert f"{tmp_path / 'closed'} cannot be searched: Permission denied".encode() in result.stderr
    assert b"open/a.fits" in result.stdout


def test_hidden_folders_are_left_out(frame: Path) -> None:
    """Snapshots and waste baskets below a directory; one that is named is meant."""
    hidden = frame.parent / ".snapshot"
    hidden.mkdir()
    (hidden / "b.fits").write_bytes(frame.read_bytes())
    succeed_here("fits-compress", "--no-tune", "-r", frame.parent)
    assert os.listdir(hidden) == ["b.fits"]
    succeed_here("fits-compress", "--no-tune", "-r", hidden)
    assert sorted(os.listdir(hidden)) == ["b.ac.fits", "b.fits"]


def test_only_reports_are_replaced_by_reports(frame: Path) -> None:
    """Notebooks and other JSON stay, whatever --overwrite says."""
    notebook = frame.with_name("work.ipynb")
    notebook.write_text('{"cells": ["the work of a year"]}')
    result = run_here("fits-compress", "--no-tune", "--overwrite", "-R", notebook, frame)
    assert result.returncode == ExitCode.EXISTS
    assert "work of a year" in notebook.read_text()
    report = frame.with_name("report.jsonl")
    for _ in range(2):
        succeed_here("fits-compress", "--no-tune", "--overwrite", "-R", report, frame)
        assert [json.loads(line)["file"] for line in report.read_text().splitlines()] == [str(frame)]


def test_a_report_belongs_to_one_run(frame: Path) -> None:
    """A second run with the same report is refused before it does anything."""
    report = frame.with_name("report.jsonl")
    report.write_bytes(b'{"file": "of the other run"}\n')
    with report.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = run_here("fits-compress", "--no-tune", "--overwrite", "-D", "-Y", "-R", report, frame)
    assert result.returncode == ExitCode.EXISTS
    assert b"another run is writing its report there" in result.stderr
    assert report.read_bytes() == b'{"file": "of the other run"}\n'
    assert frame.exists()


def test_workers_take_no_modules_from_the_current_directory(frame: Path, tmp_path: Path) -> None:
    """An observer's select.py beside the frames is not Python's: the command does not take it, nor do its workers."""
    night, installed = tmp_path / "night", tmp_path / "bin"
    night.mkdir()
    installed.mkdir()
    for name in ("select", "copy", "queue", "selectors"):
        (night / f"{name}.py").write_text("raise SystemExit('a module of this directory was taken')")
    for name in ("a.fits", "b.fits"):
        (night / name).write_bytes(frame.read_bytes())
    program = "from astrocodec.cli import main\n\nif __name__ == '__main__':\n    main()\n"
    (installed / "astrocodec").write_text(program)
    command = [sys.executable, installed / "astrocodec", "fits-compress", "--no-tune", "-j", "2", "a.fits", "b.fits"]
    result = subprocess.run(command, cwd=night, env=environment(), capture_output=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_what_another_program_may_still_write_to_stays(frame: Path) -> None:
    """A camera that writes extension by extension: between two of them the file is whole."""
    with frame.open("ab"):
        for option in ("-D", "-F"):
            result = run_here("fits-compress", "--no-tune", "--overwrite", option, "-Y", frame)
            assert result.returncode == ExitCode.DIFFERS
            assert b"a program has it open for writing" in result.stderr
            assert fits.getdata(frame).shape == (96, 96)
    succeed_here("fits-compress", "--no-tune", "--skip-existing", "-D", "-Y", frame)
    assert not frame.exists()


def test_a_change_behind_a_hard_link_is_a_change(frame: Path) -> None:
    """Though its time was set back, and a link removed."""
    other = frame.with_name("old")
    os.link(frame, other)
    before = frame.stat()
    frame.write_bytes(frame.read_bytes()[::-1])
    os.utime(frame, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.unlink()
    assert not is_unchanged(before, frame.stat())


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/dev/shm/../stdout", "/proc/self/fd/1"])
def test_names_of_open_files_are_not_replaced(frame: Path, name: str) -> None:
    """As root, in a container, a redirected /dev/stdout would become a file that is gone at the next start."""
    command = [*COMMAND, "fits-compress", "--no-tune", "--overwrite", "-D", "-Y", frame, "-O", name]
    with frame.with_name("redirected").open("wb") as out:
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=environment(), check=False)
    assert result.returncode == ExitCode.EXISTS
    assert b"is a name of the system's" in result.stderr
    assert frame.exists()


def test_access_lists_are_kept(frame: Path) -> None:
    """Under a list the group's bits are its mask: copied alone they would let a group read that the list keeps out."""
    entries = [(0x01, 6, -1), (0x02, 4, 1001), (0x04, 0, -1), (0x10, 4, -1), (0x20, 0, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(frame, "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")
    succeed_here("fits-compress", "--no-tune", frame)
    packed = frame.with_name("a.ac.fits")
    assert os.getxattr(packed, "system.posix_acl_access") == os.getxattr(frame, "system.posix_acl_access")


def test_a_full_place_for_temporary_files_is_named(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed inputs are unpacked there, by commands that have no option for it."""

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    packed = frame.with_name("a.fits.gz")
    packed.write_bytes(gzip.compress(frame.read_bytes()))
    monkeypatch.setattr("fits_tiles.files.source.unpack", fail)
    result = run_here("verify", packed)
    assert result.returncode == ExitCode.SYSTEM
    assert b"TMPDIR names another place" in result.stderr


def test_what_is_packed_is_looked_at_before_all_of_it_is_unpacked(tmp_path: Path) -> None:
    """Gigabytes of zeros are no FITS file from their first byte on."""
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(bytes(1 << 22)))
    result = run_here("fits-compress", packed)
    assert result.returncode == ExitCode.BAD_DATA
    assert b"what is packed begins with" in result.stderr


@pytest.mark.parametrize("words", [["-r", ""], [""], ["a.fits", ""]])
def test_an_empty_argument_is_no_directory(frame: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """An unset variable of a script must not stand for all that is here."""
    monkeypatch.chdir(frame.parent)
    result = run_here("fits-compress", "--no-tune", "-D", "-Y", *words)
    assert result.returncode == ExitCode.USAGE
    assert b"an argument is empty" in result.stderr
    assert os.listdir(frame.parent) == ["a.fits"]


def test_names_in_messages_of_wrong_arguments_are_escaped(tmp_path: Path) -> None:
    """A terminal obeys what a name holds."""
    folder = tmp_path / "a\x1b[2J\nb"
    folder.mkdir()
    (folder / "report").write_text("{}")
    fits.writeto(folder / "a.fits", np.zeros((8, 8), np.int16))
    for words in ([folder], ["-R", folder / "report", folder / "a.fits"], [folder / "*.none"]):
        result = run("fits-compress", *words)
        assert result.returncode != 0
        assert b"\x1b" not in result.stderr
        assert rb"a\x1b[2J\nb" in result.stderr


def test_threads_that_the_system_refuses_are_told(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault of ours."""

    def refuse(*arguments: object, **options: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("fits_tiles.compress", refuse)
    result = run_here("fits-compress", frame)
    assert result.returncode == ExitCode.SYSTEM
    assert b"use fewer cores (-j)" in result.stderr


def test_young_files_of_other_users_stay(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system does not tell whether a program has them open."""

    def refuse(descriptor: int, command: int, argument: int = 0) -> int:
        if command == fcntl.F_SETLEASE:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return 0

    monkeypatch.setattr(writers.fcntl, "fcntl", refuse)
    result = run_here("fits-compress", "--no-tune", "-D", "-Y", frame)
    assert result.returncode == ExitCode.DIFFERS
    assert b"written less than a minute ago" in result.stderr
    os.utime(frame, (1e9, 1e9))
    succeed_here("fits-compress", "--no-tune", "--skip-existing", "-D", "-Y", frame)
    assert not frame.exists()
