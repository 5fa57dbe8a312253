"""What an archive holds, as it says itself: what HDF5 has no checksum of is compared with it."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError, FormatError
from hdf5_filter.files import naming_damaged_file, open_file

__all__ = ["KIND", "VERSION", "check_archive", "check_contents", "is_archive", "write_contents"]

KIND, VERSION = "measurement set", 1
_GROUPS = ("columns", "files", "rows")


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an HDF5 file that holds a Measurement Set, be it a damaged one."""
    if not os.path.isfile(path) or not h5py.is_hdf5(path):
        return False
    with open_file(path) as file, naming_damaged_file(os.fspath(path)):
        return bool(file.attrs.get("astrocodec") == KIND) or {"contents", *_GROUPS} <= set(file)


def check_archive(path: str | os.PathLike[str]) -> None:
    """Look whether a file, if it is an archive, holds what it says."""
    if is_archive(path):
        with open_file(path) as file, naming_damaged_file(os.fspath(path)):
            check_contents(file)


def write_contents(file: h5py.File) -> None:
    """Write down, under a checksum, what is in an archive that is otherwise whole."""
    text = json.dumps(dict(_found(file))).encode()
    options = {"chunks": (len(text),), "compression": "gzip", "fletcher32": True}
    file.create_dataset("contents", data=np.frombuffer(text, np.uint8), **options).flush()


def check_contents(file: h5py.File) -> None:
    """
    Compare what is in an archive with what it says that it holds.

    Raises
    ------
    CorruptError
        A dataset, a chunk or an attribute is missing, is another, or is too much.
    FormatError
        It is of another version.
    """
    try:
        said = json.loads(file["contents"][...].tobytes())
        entries = list(said.items())
    except (KeyError, OSError, ValueError, AttributeError, RuntimeError) as error:
        raise CorruptError(f"{file.filename}: its list of contents is damaged: {error}") from error
    try:
        found = dict(_found(file))
    except (KeyError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise CorruptError(f"{file.filename}: it does not hold what it says: it is damaged: {error}") from error
    for name, what in entries:
        if found.get(name) != what:
            raise CorruptError(
                f"{file.filename}: {name!r} is {found.get(name)}, its contents say {what}: it is damaged"
            )
    if more := sorted(found.keys() - said.keys()):
        raise CorruptError(f"{file.filename}: {more[0]!r} is not in its contents: it is damaged, or was changed")
    if file.attrs.get("version") != VERSION:
        raise FormatError(
            f"{file.filename}: archive version {file.attrs.get('version')} found, this astrocodec reads {VERSION}: "
            "upgrade astrocodec"
        )


def _found(file: h5py.File) -> Iterator[tuple[str, list[object]]]:
    """Each object with type, shape, chunks that are stored, and attributes."""
    yield "/", [_attributes(file)]
    for group in _GROUPS:
        yield group, [_attributes(file[group])]
        for name in list(file[group]):
            dataset = file[group][name]
            stored = dataset.id.get_num_chunks() if dataset.chunks else 0
            kind = [dataset.dtype.str, list(dataset.shape), list(dataset.chunks or ()), stored]
            yield f"{group}/{name}", [*kind, _attributes(dataset)]


def _attributes(thing: h5py.HLObject) -> list[list[object]]:
    values = [(name, np.asarray(thing.attrs[name])) for name in sorted(thing.attrs)]
    return [[name, value.dtype.kind, list(value.shape), _sum(value)] for name, value in values]


def _sum(value: npt.NDArray[Any]) -> int:
    return zlib.crc32(repr(value.tolist()).encode() if value.dtype == object else value.tobytes())
