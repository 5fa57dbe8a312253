"""Outputs appear whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import pytest

from astrocodec.errors import DifferenceError
from astrocodec.files.target import Target, target_name


def test_nothing_is_left_behind_by_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with Target(tmp_path / "out.fits", overwrite=False) as target:
            target.file.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.fits"
    path.write_bytes(b"old")
    with Target(path, overwrite=True) as target:
        target.file.write(b"new")
        assert path.read_bytes() == b"old"
        target.commit()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out.fits"]


def test_permissions_of_the_replaced_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "out.fits"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with Target(path, overwrite=True) as target:
        target.file.write(b"new")
        target.commit()
    assert path.stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize(("mode", "without"), [(0o640, 0o600), (0o664, 0o644), (0o604, 0o604), (0o755, 0o755)])
def test_owner_and_group_come_with_the_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, without: int
) -> None:
    """Where the group cannot be given, ours may not read what was kept from all others."""
    given: list[tuple[int, int]] = []

    def give(descriptor: int, user: int, group: int) -> None:
        assert os.fstat(descriptor).st_mode & 0o077 == 0
        given.append((user, group))

    def refuse(descriptor: int, user: int, group: int) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    source = tmp_path / "source"
    source.write_bytes(b"")
    source.chmod(mode)
    for fchown, expected in ((give, mode), (refuse, without)):
        monkeypatch.setattr("os.fchown", fchown)
        with Target(tmp_path / f"{expected:o}", overwrite=True, like=source) as target:
            target.commit()
        assert (tmp_path / f"{expected:o}").stat().st_mode & 0o777 == expected
    assert given == [(os.getuid(), -1), (-1, source.stat().st_gid)]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.ENOTSUP])
def test_what_a_file_system_cannot_do_for_a_folder_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def sync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, "refused")

    def refuse(descriptor: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, "no permission bits on FAT")

    monkeypatch.setattr("os.fsync", sync)
    monkeypatch.setattr("os.fchmod", refuse)
    with Target(tmp_path / "out", overwrite=False, like=__file__) as target:
        target.commit()
    assert (tmp_path / "out").exists()


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.fits"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError, match=r"out\.fits: exists"):
        Target(path, overwrite=False)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.fits"

    def race() -> None:
        with Target(path, overwrite=False) as target:
            path.write_bytes(b"other")
            target.commit()

    with pytest.raises(FileExistsError):
        race()
    assert path.read_bytes() == b"other"


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("overwrite", [True, False])
def test_of_two_that_want_a_name_at_once_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool, overwrite: bool
) -> None:
    """Each saw that it was free, right before; some disks have no links."""
    path = tmp_path / "out.fits"
    with ExitStack() as stack:
        first, second = (stack.enter_context(Target(path, overwrite=overwrite)) for _ in range(2))
        first.file.write(b"first")
        second.file.write(b"second")
        monkeypatch.setattr(os.path, "lexists", lambda path: False)
        monkeypatch.setattr("astrocodec.files.target.state", lambda path: None)
        if not links:
            monkeypatch.setattr(os, "link", Mock(side_effect=PermissionError(errno.EPERM, "no links")))
        first.commit()
        with pytest.raises(FileExistsError, match=r"out\.fits: exists, it appeared meanwhile"):
            second.commit()
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["out.fits"]


@pytest.mark.parametrize("how", ["replaced", "written", "written, its time set back"])
def test_a_file_that_changes_before_it_is_replaced_is_kept(tmp_path: Path, how: str) -> None:
    path = tmp_path / "out.fits"
    path.write_bytes(b"old")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with Target(path, overwrite=True) as target:
        target.file.write(b"ours")
        if how == "replaced":
            (tmp_path / "other").write_bytes(b"new")
            (tmp_path / "other").replace(path)
        else:
            path.write_bytes(b"new")
        if how.endswith("back"):
            os.utime(path, ns=times)
        with pytest.raises(DifferenceError, match=r"out\.fits: was changed by another program meanwhile"):
            target.commit()
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out.fits"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="cannot write in its folder"),
        Target(tmp_path / "missing" / "out.fits", overwrite=False),
    ):
        pass


def test_nothing_is_made_before_with(tmp_path: Path) -> None:
    Target(tmp_path / "out.fits", overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["os.open", "os.fdopen"])
def test_an_interrupt_while_the_file_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    original = getattr(os, name.removeprefix("os."))

    def interrupted(*arguments: object, **keywords: object) -> None:
        made = original(*arguments, **keywords)
        if hasattr(made, "close"):
            made.close()
        raise KeyboardInterrupt

    def enter() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(name, interrupted)
            with Target(tmp_path / "out.fits", overwrite=False):
                pass

    with pytest.raises(KeyboardInterrupt):
        enter()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_the_file_is_closed_leaves_nothing(tmp_path: Path) -> None:
    class Interrupted(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise KeyboardInterrupt

    def leave() -> None:
        with Target(tmp_path / "out.fits", overwrite=False) as target:
            target.file.close()
            target.file = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a directory"):
        Target(tmp_path, overwrite=True)


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_or_device_is_no_target(tmp_path: Path, linked: bool) -> None:
    """As root, /dev/null would become a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        (tmp_path / "link").symlink_to(pipe)
    with pytest.raises(FileExistsError, match="is a device or pipe"):
        Target(tmp_path / "link" if linked else pipe, overwrite=True)
    assert pipe.is_fifo()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    def fill() -> None:
        with Target(tmp_path / "out.fits", overwrite=False):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"not written \(No space left on device\); free some space") as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_file_objects_get_everything_at_the_end() -> None:
    stream = io.BytesIO()
    with Target(stream, overwrite=False) as target:
        target.file.write(b"abc")
        assert stream.getvalue() == b""
        target.commit()
    assert stream.getvalue() == b"abc"


def test_names_of_file_objects(tmp_path: Path) -> None:
    assert target_name(io.BytesIO()) == "-"
    assert target_name(tmp_path / "a") == str(tmp_path / "a")
