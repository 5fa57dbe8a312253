"""The files of a directory in an HDF5 file, one after the other, and an index of them, of its folders and links."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from astrocodec.errors import DifferenceError, FormatError

__all__ = [
    *("Index", "different_file", "files_in", "give_modes", "index_of", "links_in", "pack_files", "remove_new_locks"),
    "unpack_files",
]

_PACK_CHUNK, _BLOCK = 1 << 20, 64 << 20
_OF_FILES, _OF_FOLDERS = 0o777, 0o3777  # bits of modes that come back


class Index(NamedTuple):
    """What a directory holds: folders with modes, files with mode, size and bytes that are kept, links with targets."""

    folders: list[tuple[str, int]]
    files: list[tuple[str, int, int, int]]
    links: list[tuple[str, str]]


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """All folders; one that cannot be read is an error, where os.walk would leave it out."""

    def tell(error: OSError) -> None:
        raise error

    return os.walk(folder, onerror=tell)


def files_in(folder: Path) -> Iterator[Path]:
    """All that is neither a folder nor a link."""
    for below, folders, names in _walk(folder):
        folders.sort()
        yield from (path for path in (Path(below, name) for name in sorted(names)) if not path.is_symlink())


def links_in(folder: Path) -> Iterator[Path]:
    """All symbolic links."""
    for below, folders, names in _walk(folder):
        folders.sort()
        yield from (path for path in (Path(below, name) for name in sorted(names + folders)) if path.is_symlink())


def pack_files(group: h5py.Group, folder: Path, is_hollow: Callable[[Path], bool], modes_of: Path) -> None:
    """One dataset of all files' bytes, one after the other, of hollow ones none; and an index of them.

    Modes are those in the folder `modes_of`, of which this may be a copy.
    """
    kind = {"chunks": (_PACK_CHUNK,), "compression": "gzip", "compression_opts": 4, "fletcher32": True}
    data = group.create_dataset("data", (0,), np.uint8, maxshape=(None,), **kind)
    index = Index([], [], [(os.fspath(path.relative_to(folder)), os.readlink(path)) for path in links_in(folder)])
    at = 0
    for path in files_in(folder):
        name, size, is_empty = path.relative_to(folder), path.stat().st_size, is_hollow(path)
        index.files.append((os.fspath(name), _mode(modes_of / name) & _OF_FILES, size, 0 if is_empty else size))
        with path.open("rb") as file:
            while not is_empty and (part := file.read(_BLOCK)):
                data.resize((at + len(part),))
                data[at:] = np.frombuffer(part, np.uint8)
                at += len(part)
        if at != sum(entry[3] for entry in index.files):
            raise DifferenceError(f"{path}: changed while it was read; nothing was written")
    data.flush()
    for below, _, _ in _walk(folder):
        name = Path(below).relative_to(folder)
        index.folders.append((os.fspath(name), _mode(modes_of / name) & _OF_FOLDERS))
    text = json.dumps(index._asdict()).encode()
    group.create_dataset("index", data=np.frombuffer(text, np.uint8), **kind | {"chunks": (len(text),)}).flush()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def index_of(group: h5py.Group, name: str) -> Index:
    """
    The index of a file of this name.

    Raises
    ------
    FormatError
        It is damaged, or names what lies outside of the directory.
    """
    try:
        found = json.loads(group["index"][...].tobytes())
        files = [(str(path), int(mode), int(size), int(kept)) for path, mode, size, kept in found["files"]]
        folders = [(str(path), int(mode)) for path, mode in found["folders"]]
        links = [(str(path), str(target)) for path, target in found["links"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{name}: its index of files is damaged: {error}") from error
    for path in [entry[0] for entries in (folders, files, links) for entry in entries]:
        if os.path.isabs(path) or ".." in Path(path).parts:
            raise FormatError(f"{name}: it holds a file {path!r}, which lies outside of a set: it is damaged")
    if sum(entry[3] for entry in files) != group["data"].shape[0]:
        raise FormatError(f"{name}: its files have another number of bytes than its index says: it is damaged")
    return Index(folders, files, links)


def unpack_files(group: h5py.Group, made: Path, name: str, is_wanted: Callable[[str], bool] | None = None) -> None:
    """Write the files and links again, or those files that are wanted, into folders that are there."""
    index, at, data = index_of(group, name), 0, group["data"]
    for below, _ in index.folders if is_wanted is None else []:
        (made / below).mkdir(parents=True, exist_ok=True)
    for path, mode, size, kept in index.files:
        if is_wanted is None or is_wanted(path):
            with (made / path).open("wb") as file:
                for start in range(at, at + kept, _BLOCK):
                    file.write(data[start : min(start + _BLOCK, at + kept)].tobytes())
                file.truncate(size)
                if kept < size:
                    file.flush()
                    os.posix_fallocate(file.fileno(), 0, size)  # casacore ends the process where the disk is full
            (made / path).chmod(mode & _OF_FILES | stat.S_IRUSR | stat.S_IWUSR)
        at += kept
    for path, target in index.links if is_wanted is None else []:
        (made / path).symlink_to(target)
    inside = os.path.realpath(made) + os.sep
    for path, target in index.links:
        if not os.path.realpath(made / path).startswith(inside):
            raise FormatError(f"{name}: its link {path!r} leads out of the set, to {target!r}: it is damaged")


def remove_new_locks(group: h5py.Group, made: Path, name: str) -> None:
    """Remove the table.lock that casacore made where a set had none, such as a read-only one."""
    if all(path != "table.lock" for path, *_ in index_of(group, name).files):
        (made / "table.lock").unlink(missing_ok=True)


def give_modes(group: h5py.Group, made: Path, name: str, allowed: int) -> int:
    """Give what was unpacked its modes, within those that are allowed; that of the directory itself is told alone."""
    folders, files, _ = index_of(group, name)
    for path, mode, _, _ in files:
        (made / path).chmod(mode & _OF_FILES & allowed)
    own = stat.S_IRWXU
    for path, mode in sorted(folders, reverse=True):  # what is below first
        mode &= _OF_FOLDERS & allowed
        if path == ".":
            own = mode
        else:
            (made / path).chmod(mode)
    return own


def different_file(group: h5py.Group, folder: Path, name: str, is_kept: Callable[[str], bool]) -> str | None:
    """The first file whose bytes are not those in a folder, of those that are kept whole and wanted; None for none."""
    at, data = 0, group["data"]
    _, files, links = index_of(group, name)
    found = {os.fspath(path.relative_to(folder)) for path in files_in(folder)}
    if other := sorted(found ^ {entry[0] for entry in files}):
        return other[0]
    found_links = {(os.fspath(path.relative_to(folder)), os.readlink(path)) for path in links_in(folder)}
    if different := sorted(found_links ^ set(links)):
        return different[0][0]
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
