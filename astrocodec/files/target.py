"""Outputs that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from astrocodec.errors import DifferenceError
from astrocodec.files.unchanged import has_same_content, is_unchanged, state
from astrocodec.files.writers import without_writers

__all__ = [
    "REFERENCES",
    "STAYS",
    "FileLike",
    "Target",
    "discard_unfinished",
    "is_reference",
    "make_folder",
    "readable_mode",
    "remove_leftovers",
    "scratch_folder",
    "target_name",
]

FileLike = str | os.PathLike[str] | IO[bytes]
# Folder of the images beside which files of the folder above were coded. What is in it never changes.
REFERENCES = "astrocodec-references"
# Why a file in there is not touched.
STAYS = f"lies in {REFERENCES} and stays as it is, since files were compressed beside it"
_ACL = "system.posix_acl_access"
_STEM_BYTES = 100  # of the output's name, so that the temporary one fits wherever the output's does
_NOT_FOR_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.ENOSYS)
_unfinished: set[Path] = set()


def target_name(target: FileLike | None) -> str:
    """
    Return how messages and reports name a file or file object.

    Examples
    --------
    >>> target_name("a.fits"), target_name(None)
    ('a.fits', '')
    """
    if target is None:
        return ""
    if isinstance(target, (str, os.PathLike)):
        return os.fspath(target)
    name = getattr(target, "name", None)
    return name if isinstance(name, str) and not name.startswith("<") else "-"


def is_reference(path: str | os.PathLike[str]) -> bool:
    """
    Tell whether a path, or what it leads to, lies in a folder of references.

    Examples
    --------
    >>> is_reference("night/astrocodec-references/a.ac.fits"), is_reference("night/a.ac.fits")
    (True, False)
    """
    return REFERENCES in (
        os.path.basename(os.path.dirname(name)) for name in (os.path.abspath(path), os.path.realpath(path))
    )


def discard_unfinished() -> None:
    """
    Remove the temporary files of this process, which is about to end without unwinding its stack.

    Examples
    --------
    >>> discard_unfinished()
    """
    for path in list(_unfinished):
        _remove(path)


def remove_leftovers(target: str | os.PathLike[str], process: int) -> None:
    """Remove what a process that was killed left of an output, which stays if the process came so far.

    Examples
    --------
    >>> remove_leftovers("a.ac.fits", 4711)
    """
    path = Path(target)
    stem = _temporary_stem(path, process)
    with suppress(OSError):
        for entry in list(os.scandir(path.parent)):
            if entry.name.startswith(stem) and entry.name.endswith(".part"):
                _remove(Path(entry.path))


@contextmanager
def scratch_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a hidden folder beside an output, which vanishes again.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with scratch_folder(pathlib.Path(tempfile.mkdtemp()) / "out") as folder:
    ...     folder.is_dir()
    True
    """
    path = Path(target)
    folder = path.with_name(_temporary_name(path))
    _unfinished.add(folder)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove(folder)
        _unfinished.discard(folder)


def _remove(path: Path) -> None:
    """Remove a temporary file or folder, if it is there."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _temporary_stem(path: Path, process: int) -> str:
    stem = os.fsencode(path.name)[:_STEM_BYTES].decode("utf-8", "ignore")
    return f".{stem}.{process}-"


def _temporary_name(path: Path) -> str:
    return f"{_temporary_stem(path, os.getpid())}{secrets.token_hex(4)}.part"


def _link(temporary: Path, path: Path) -> None:
    """Rename a file, unless something has the name."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        if not os.path.samefile(temporary, path):  # as after a lost answer of NFS
            raise
    except OSError:
        # FAT and the like have no links. There, who makes the empty file has the name.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        try:
            os.replace(temporary, path)
        except BaseException:
            path.unlink()
            raise
        return
    os.unlink(temporary)


def _look_at(like: FileLike | None) -> os.stat_result | None:
    """Look at what an output is made from; None for pipes, and where there is none, which is told later.

    A directory looks like a file that only those may read who may read all in it.
    """
    try:
        found = os.stat(like) if isinstance(like, (str, os.PathLike)) else os.fstat(like.fileno()) if like else None
        if found and stat.S_ISDIR(found.st_mode) and isinstance(like, (str, os.PathLike)):
            return os.stat_result((readable_mode(like), *found[1:]))
    except (OSError, AttributeError):
        found = None
    return found if found and stat.S_ISREG(found.st_mode) else None


def readable_mode(folder: str | os.PathLike[str]) -> int:
    """
    Return the mode of a file that only those may read, or write, who may do so with all files below a directory.

    Examples
    --------
    >>> import tempfile
    >>> oct(readable_mode(tempfile.mkdtemp()))
    '0o100600'
    """
    bits = 0o666
    for below, _, names in os.walk(folder):
        reach = os.stat(below).st_mode
        bits &= sum(0o6 << at for at in (0, 3, 6) if reach >> at & 1)
        for name in names:
            with suppress(OSError):
                bits &= os.stat(os.path.join(below, name)).st_mode
    return stat.S_IFREG | 0o600 | bits


def _access_list(like: FileLike | None) -> bytes:
    """The POSIX access list of a file, whose mask then stands where the group's permissions would; empty for none."""
    try:
        return os.getxattr(like if isinstance(like, (str, os.PathLike)) else like.fileno(), _ACL) if like else b""
    except (OSError, AttributeError):
        return b""


def _take_permissions(descriptor: int, like: os.stat_result, acl: bytes) -> None:
    """
    Give a file or folder owner, group, permission bits and access list of another, as far as the system lets us.

    Where group or list cannot be given, what others may not do our group may not do either.
    """
    mode = stat.S_IMODE(like.st_mode) & (0o7777 if stat.S_ISDIR(like.st_mode) else 0o777)
    with suppress(OSError):
        os.fchown(descriptor, like.st_uid, -1)
    try:
        os.fchown(descriptor, -1, like.st_gid)
    except OSError:
        mode &= 0o707 | (mode & 0o007) << 3
    if acl:
        try:
            os.setxattr(descriptor, _ACL, acl)
        except OSError:
            mode &= 0o707 | (mode & 0o007) << 3
    with suppress(OSError):  # FAT has no such bits
        os.fchmod(descriptor, mode)


def make_folder(path: Path) -> None:
    """
    Make a folder, unless it is there, that lets in whom the folder above lets in.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    with suppress(FileExistsError):
        path.mkdir()
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _take_permissions(descriptor, os.stat(path.parent), b"")
        finally:
            os.close(descriptor)


def _is_systems(path: Path) -> bool:
    """Whether a name stands for open files, as /dev/stdout does, whatever these are."""
    folder = os.path.realpath(path.parent)
    return folder == "/dev" or folder.startswith(("/dev/fd", "/proc/"))


def sync_folder(folder: Path) -> None:
    """
    Have names in a folder written to the disk, where the file system and the folder's permissions let us ask.

    Examples
    --------
    >>> sync_folder(Path("."))
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(descriptor)


class Target:
    """
    A temporary file beside the output, made by ``with``; `commit` gives it the output's name.

    Parameters
    ----------
    target : path or binary file object or None
        Where the bytes go. A file object receives them on `commit`; with None they go nowhere.
    overwrite : bool
        Whether a file that exists now may be replaced. One that comes or changes before `commit` stays in any case.
    like : path or binary file object, optional
        What the output is made from, a directory perhaps; it gets the owner, group and permission bits of that file,
        and at no time may more people read it.

    Raises
    ------
    DifferenceError
        On `commit`, if the file to replace has changed.
    FileExistsError
        If the output exists and must not be replaced; on `commit`, if it has appeared.
    OSError
        On entering, if the folder cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> name = pathlib.Path(tempfile.mkdtemp()) / "out"
    >>> with Target(name, overwrite=False) as target:
    ...     count = target.file.write(b"abc")
    ...     written = target.commit()
    >>> name.read_bytes()
    b'abc'
    """

    def __init__(self, target: FileLike | None, *, overwrite: bool, like: FileLike | None = None) -> None:
        self.name = target_name(target)
        self._like = _look_at(like)
        self._acl = _access_list(like)
        self._overwrite = overwrite
        self._stream: IO[bytes] | None = None
        self._path: Path | None = None
        self._temporary: Path | None = None
        self._before: os.stat_result | None = None
        if isinstance(target, (str, os.PathLike)):
            self._path = Path(target)
            if overwrite and self._path.exists() and is_reference(self._path):
                raise FileExistsError(f"{self.name}: {STAYS}; choose another name")
            self._before = state(self._path) if overwrite else None
            self._refuse_existing()
        else:
            self._stream = target

    @property
    def temporary(self) -> Path:
        """Path of the temporary file, for libraries that open files by name."""
        if self._temporary is None:
            raise ValueError(f"{self.name or 'this output'} has no temporary file with a name")
        return self._temporary

    @property
    def folder(self) -> str | None:
        """Folder of the output, None where the output is not a file."""
        return None if self._path is None else os.fspath(self._path.parent)

    def _refuse_existing(self) -> None:
        if self._path is None:
            return
        if os.path.isdir(self._path):
            raise IsADirectoryError(f"{self.name}: is a directory; name a file")
        if _is_systems(self._path):
            raise FileExistsError(f"{self.name}: is a name of the system's, which no file may have; name a file")
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise FileExistsError(f"{self.name}: is a device or pipe, which no file may replace; name a file")
        if not self._overwrite and os.path.lexists(self._path):
            raise FileExistsError(f"{self.name}: exists; allow overwriting or choose another name")

    def _open_beside(self, temporary: Path) -> IO[bytes]:
        mode = 0o666 if self._like is None else 0o600
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except OSError as error:
            reason = f"cannot write in its folder {temporary.parent} ({error.strerror}); choose another target"
            self._forget()
            raise type(error)(error.errno, reason, self.name) from error
        return os.fdopen(descriptor, "w+b")

    def commit(self) -> os.stat_result | None:
        """
        Make the output appear: flush to disk, then rename, or copy to the file object.

        Returns
        -------
        os.stat_result or None
            Of the output when it got its name; None for file objects, and where something else has the name by now.
        """
        self.file.flush()
        if self._path is not None and self._temporary is not None:
            os.fsync(self.file.fileno())
            self._refuse_existing()
            now = state(self._path)
            if self._like is not None:
                _take_permissions(self.file.fileno(), self._like, self._acl)
            elif (replaced := _look_at(self._path)) is not None:
                _take_permissions(self.file.fileno(), replaced, _access_list(self._path))
            written = os.fstat(self.file.fileno())
            self.file.close()  # NFS and FUSE keep a removed name of an open file, and change its time when it goes
            if self._before is None or now is None:
                self._take_free_name(self._temporary, self._path)
            elif is_unchanged(self._before, now):
                with without_writers(self._path):
                    os.replace(self._temporary, self._path)
            else:
                raise DifferenceError(f"{self.name}: was changed by another program meanwhile; it was kept")
            self._forget()
            now = state(self._path)
            sync_folder(self._path.parent)
            return now if now is not None and has_same_content(written, now) else None
        if self._stream is not None:
            self.file.seek(0)
            shutil.copyfileobj(self.file, self._stream, 1 << 20)
            self._stream.flush()
        return None

    def _take_free_name(self, temporary: Path, path: Path) -> None:
        """Give the file a name that nothing may have: of several programs that want it at once, one gets it."""
        try:
            _link(temporary, path)
        except FileExistsError as error:
            raise FileExistsError(f"{self.name}: exists, it appeared meanwhile and was kept") from error

    def _discard(self) -> None:
        """Remove the temporary file, if there is one that has not got the output's name."""
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._forget()

    def _forget(self) -> None:
        """Take note that there is no temporary file any more."""
        if self._temporary is not None:
            _unfinished.discard(self._temporary)
            self._temporary = None

    def __enter__(self) -> Target:
        # Whatever interrupts this, a signal included, must not leave the file behind: no `__exit__` follows then.
        try:
            if self._path is None:
                self.file: IO[bytes] = tempfile.TemporaryFile()
            else:
                self._temporary = self._path.with_name(_temporary_name(self._path))
                _unfinished.add(self._temporary)
                self.file = self._open_beside(self._temporary)
            return self
        except BaseException:
            self._discard()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # A failed flush of a full disk must not hide the error that is on its way.
            with suppress(OSError):
                self.file.close()
        finally:
            self._discard()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = f"not written ({error.strerror}); free some space or choose another target"
            raise OSError(error.errno, reason, self.name) from error
