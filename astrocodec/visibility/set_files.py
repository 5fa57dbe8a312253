"""The files of a Measurement Set as a whole: whether they are as they were, and their removal."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from astrocodec.errors import DifferenceError
from astrocodec.files.target import scratch_folder, sync_folder
from astrocodec.files.unchanged import is_unchanged, settled, state
from astrocodec.visibility.archive.packed_files import files_in

__all__ = ["SetState", "remove_set", "state_of_set", "sync_set"]

SetState = Mapping[str, os.stat_result | None]
_FLOCK = "hhqqi4x"


def state_of_set(path: Path, *, waits: bool = False) -> SetState:
    """Look at all files; with `waits`, as soon as every later change will show in their times.

    That of a lock is left out: who reads a table writes to it.
    """
    files = [file for file in files_in(path) if file.name != "table.lock"]
    if waits and files:
        settled(max(files, key=lambda file: file.stat().st_ctime_ns))
    return {os.fspath(file.relative_to(path)): state(file) for file in files}


def _is_same(before: SetState, now: SetState) -> bool:
    return before.keys() == now.keys() and all(is_unchanged(before[name], now[name]) for name in before)


def remove_set(path: Path, before: SetState) -> None:
    """
    Remove a set that is as it was; its name goes first.

    Raises
    ------
    DifferenceError
        It changed, or another program has one of its tables open; it is kept. Or not all of it could be removed.
    """
    for lock in sorted(path.rglob("table.lock")):
        if process := _user(lock):
            raise DifferenceError(f"process {process} has it open; it was kept: end that, then start again")
    if not _is_same(before, state_of_set(path)):
        raise DifferenceError("changed while it was read; it was kept")
    with scratch_folder(path) as folder:
        folder.rmdir()
        path.rename(folder)
        sync_folder(path.parent)
        try:
            for below, _, _ in os.walk(folder):
                os.chmod(below, stat.S_IRWXU)  # what may not be written cannot be emptied either
            shutil.rmtree(folder)
        except OSError as error:
            raise DifferenceError(f"not all of it could be removed: {error}; what is left is in {folder}") from error


def _user(lock: Path) -> int:
    """The number of another process that has a table open, 0 for none: casacore keeps a lock on byte 1 then."""
    with suppress(OSError, struct.error), lock.open("r+b") as file:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 1, 1, 0)
        kind, *_, process = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return int(process) if kind != fcntl.F_UNLCK else 0
    return 0


def sync_set(path: Path) -> None:
    """See that the files of a set are on the disk."""
    for file in files_in(path):
        with file.open("rb") as written:
            os.fsync(written.fileno())
    sync_folder(path.parent)
