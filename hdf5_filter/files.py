"""Opening HDF5 files to read and to make copies of, with errors that name them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from h5py._objects import phil

from astrocodec.errors import AstrocodecError, CorruptError, FormatError, TruncatedError
from astrocodec.files.file_kind import is_hdf5
from hdf5_filter.copying import link_names
from hdf5_filter.elements import library
from hdf5_filter.heaps import endless_heaps, without_data
from hdf5_filter.names import disk_error, shown
from hdf5_filter.userblock import end_of

__all__ = [
    "create_like",
    "datasets_of",
    "naming_damaged_file",
    "objects_of",
    "open_file",
    "system_errors",
]

_OF_HDF5 = re.compile(r"[A-Z].* \(.+\)$|H5\w+ failed|Unspecified error", re.DOTALL)


def open_file(path: str | os.PathLike[str], *, searched: int | None = None, caches: bool = True) -> h5py.File:
    """
    Open a file to read it, after all of it was searched for endless heaps, if it has not more bytes than `searched`.

    Without `caches` no chunk is held: HDF5 2.0 breaks its memory where it copies a dataset whose chunks are.

    Raises
    ------
    FormatError
        It is not HDF5, or damaged.
    OSError
        The system refuses.
    """
    name = os.fspath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{name}: is a directory; name a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FormatError(f"{name}: is a device or pipe, HDF5 needs a file")
    if not is_hdf5(path):
        raise FormatError(f"{name}: not an HDF5 file")
    try:
        file = h5py.File(path, "r", rdcc_nbytes=None if caches else 0)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.ENOENT):
            raise
        kind = TruncatedError if "truncated" in str(error) else FormatError
        raise kind(f"{name}: cannot be opened as HDF5: {error}") from error
    try:
        if searched is None or os.stat(path).st_size <= searched:
            _check_heaps(name, file)
    except BaseException:
        file.close()
        raise
    return file


def _check_heaps(name: str, file: h5py.File) -> None:
    """
    Search a file for heaps in which HDF5 would go round for ever.

    Raises
    ------
    CorruptError
        Naming file and byte of an object after which the next one is not further on.
    """
    with open(name, "rb") as raw:
        width, length = file.id.get_create_plist().get_sizes()
        found = endless_heaps(raw, length)
        if found:
            found = without_data(found, raw, objects_of(file), range(file.userblock_size, end_of(file)), width)
    if found:
        raise CorruptError(
            f"{name}: byte {found[0].place}: object of no size in a global heap, after which HDF5 would read without "
            "end: the file is damaged"
        )


def create_like(source: h5py.File, path: Path) -> h5py.File:
    """Create a file with the creation properties of another."""
    plist = source.id.get_create_plist()
    root = h5py.h5o.open(source.id, b"/").get_create_plist()  # a file's own properties do not tell of its root group
    plist.set_link_creation_order(root.get_link_creation_order())
    plist.set_attr_creation_order(root.get_attr_creation_order())
    with phil:
        # HDF5 copies objects that share parts of headers into ones that it cannot read
        library().call("H5Pset_shared_mesg_nindexes", plist.id, 0)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    newest = {0: h5py.h5f.LIBVER_EARLIEST, 1: h5py.h5f.LIBVER_EARLIEST, 2: h5py.h5f.LIBVER_V18}
    version = plist.get_version()[0]
    access.set_libver_bounds(newest.get(version, h5py.h5f.LIBVER_V110), h5py.h5f.LIBVER_LATEST)
    return h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, plist, access))


def objects_of(top: h5py.Group) -> Iterator[Any]:
    """Yield the identifier of every object of a file or group once, itself first, in the order of its groups."""
    seen: set[int] = set()
    levels = [iter([h5py.h5o.open(top.id, b".")])]
    while levels:  # groups may lie deeper than Python's stack
        obj = next(levels[-1], None)
        if obj is None:
            levels.pop()
            continue
        address = int(h5py.h5o.get_info(obj).addr)
        if address in seen:
            continue
        seen.add(address)
        yield obj
        if isinstance(obj, h5py.h5g.GroupID):
            levels.append(_members(obj))


def _members(group: Any) -> Iterator[Any]:
    for name in link_names(group):
        if group.links.get_info(name).type == h5py.h5l.TYPE_HARD:
            with naming_damaged_file(f"{os.fsdecode(h5py.h5f.get_name(group))}: {shown(_path(group, name))}"):
                obj = h5py.h5o.open(group, name)
            yield obj


def _path(group: Any, name: bytes) -> bytes:
    return (h5py.h5i.get_name(group) or b"").rstrip(b"/") + b"/" + name


def datasets_of(top: h5py.Group) -> Iterator[h5py.Dataset]:
    """Yield every dataset of a file or group once, in the order of its groups."""
    return (h5py.Dataset(obj) for obj in objects_of(top) if isinstance(obj, h5py.h5d.DatasetID))


@contextmanager
def naming_damaged_file(name: str) -> Iterator[None]:
    """
    Turn what HDF5 says against a file that it opened into an error that names the file.

    Raises
    ------
    CorruptError
        HDF5 cannot read on.
    """
    try:
        yield
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        text = str(error.args[0]) if error.args else ""
        if isinstance(error, AstrocodecError) or getattr(error, "errno", None) or not _OF_HDF5.match(text):
            raise
        raise CorruptError(f"{name}: is damaged, HDF5 says: {text}") from error


@contextmanager
def system_errors(name: str) -> Iterator[None]:
    """Turn what h5py says of a full disk into the system's own error."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = disk_error(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), name) from error
