"""The files of a directory in an HDF5 file, one after the other, and an index of them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from astrocodec.errors import DifferenceError, FormatError

__all__ = ["different_file", "files_in", "index_of", "pack_files", "unpack_files"]

_PACK_CHUNK, _BLOCK = 1 << 20, 64 << 20


def files_in(folder: Path) -> Iterator[Path]:
    for below, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names) + [name for name in folders if os.path.islink(os.path.join(below, name))]:
            yield Path(below, name)


def pack_files(group: h5py.Group, folder: Path, is_hollow: Callable[[Path], bool]) -> None:
    """One dataset of all files' bytes, one after the other, of hollow ones none; and an index of them."""
    kind = {"chunks": (_PACK_CHUNK,), "compression": "gzip", "compression_opts": 4, "fletcher32": True}
    data = group.create_dataset("data", (0,), np.uint8, maxshape=(None,), **kind)
    index: list[tuple[str, int, int, int]] = []
    at = 0
    for path in files_in(folder):
        size, mode, is_empty = path.stat().st_size, stat.S_IMODE(path.stat().st_mode), is_hollow(path)
        index.append((os.fspath(path.relative_to(folder)), mode, size, 0 if is_empty else size))
        with path.open("rb") as file:
            while not is_empty and (part := file.read(_BLOCK)):
                data.resize((at + len(part),))
                data[at:] = np.frombuffer(part, np.uint8)
                at += len(part)
        if at != sum(entry[3] for entry in index):
            raise DifferenceError(f"{path}: changed while it was read; nothing was written")
    below = sorted(os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())
    text = json.dumps({"folders": below, "files": index}).encode()
    group.create_dataset("index", data=np.frombuffer(text, np.uint8), **kind | {"chunks": (len(text),)})


def index_of(group: h5py.Group, name: str) -> tuple[list[str], list[tuple[str, int, int, int]]]:
    """Folders, and files with mode, size and bytes that are kept."""
    try:
        found = json.loads(group["index"][...].tobytes())
        files = [(str(path), int(mode), int(size), int(kept)) for path, mode, size, kept in found["files"]]
        folders = [str(path) for path in found["folders"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{name}: its index of files is damaged: {error}") from error
    for path in (*folders, *(entry[0] for entry in files)):
        if os.path.isabs(path) or ".." in Path(path).parts:
            raise FormatError(f"{name}: it holds a file {path!r}, which lies outside of a set: it is damaged")
    if sum(entry[3] for entry in files) != group["data"].shape[0]:
        raise FormatError(f"{name}: its files have another number of bytes than its index says: it is damaged")
    return folders, files


def unpack_files(group: h5py.Group, made: Path, name: str, only: str = "") -> None:
    """Write the files, or one of them, which is there, again."""
    folders, files = index_of(group, name)
    at, data = 0, group["data"]
    for below in folders if not only else []:
        (made / below).mkdir(parents=True, exist_ok=True)
    for path, mode, size, kept in files:
        if not only or path == only:
            with (made / path).open("wb") as file:
                for start in range(at, at + kept, _BLOCK):
                    file.write(data[start : min(start + _BLOCK, at + kept)].tobytes())
                file.truncate(size)
            (made / path).chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
        at += kept


def different_file(group: h5py.Group, folder: Path, name: str, is_kept: Callable[[str], bool]) -> str | None:
    """The first file whose bytes are not those in a folder, of those that are kept whole and wanted; None for none."""
    at, data = 0, group["data"]
    files = index_of(group, name)[1]
    found = {os.fspath(path.relative_to(folder)) for path in files_in(folder)}
    if other := sorted(found ^ {entry[0] for entry in files}):
        return other[0]
    for path, _, size, kept in files:
        if (folder / path).stat().st_size != size and is_kept(path):
            return path
        if kept == size and is_kept(path):
            with (folder / path).open("rb") as file:
                for start in range(at, at + kept, _BLOCK):
                    part = data[start : min(start + _BLOCK, at + kept)].tobytes()
                    if file.read(len(part)) != part:
                        return path
        at += kept
    return None
