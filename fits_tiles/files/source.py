"""Inputs as plain files: gzip and bzip2 are unpacked, streams are spooled, tiles of other programs are decoded."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from astrocodec.files.target import FileLike, target_name
from fits_tiles.files.packed import packing_of, unpack

__all__ = ["open_source", "scratch_file", "size_on_disk"]

_CHUNK = 1 << 20


@contextmanager
def scratch_file(folder: str | None) -> Iterator[IO[bytes]]:
    """Yield an unnamed file that vanishes when it is closed, in `folder` or the system's place for such files."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield file


@contextmanager
def _naming_place(folder: str | None) -> Iterator[None]:
    """Say where there is no space: the system's place for such files is named by no option."""
    try:
        yield
    except OSError as error:
        if folder is None and error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = f"no space left in {tempfile.gettempdir()} for what is unpacked: TMPDIR names another place"
            raise OSError(place) from error
        raise


def size_on_disk(source: FileLike, file: IO[bytes]) -> int:
    """
    Return the size of a source as it lies on the disk: of a packed file, packed.

    What `open_source` made of it counts where it has no size of its own, as pipes and file objects.
    """
    if isinstance(source, (str, os.PathLike)) and os.path.isfile(source):
        return os.stat(source).st_size
    return os.fstat(file.fileno()).st_size


@contextmanager
def open_source(source: FileLike, folder: str | None) -> Iterator[IO[bytes]]:
    """
    Yield the bytes of a source, plain, gzip or bzip2 by its first ones, as a regular file.

    Unpacked bytes may lie in `folder`, for the large ones that of the target.

    Raises
    ------
    TruncatedError, CorruptError
        If the packed file is damaged.
    OSError
        If it cannot be read.
    """
    name = target_name(source)
    with ExitStack() as stack:
        if not isinstance(source, (str, os.PathLike)):
            given, is_regular = source, False
        elif os.path.isdir(source):
            raise IsADirectoryError(f"{name}: is a directory; name a file")
        else:
            given = stack.enter_context(open(source, "rb"))
            is_regular = given.seekable()
        if not is_regular:
            spool = stack.enter_context(scratch_file(folder))
            shutil.copyfileobj(given, spool, _CHUNK)
            given = spool
        yield stack.enter_context(_unpacked(given, name, folder))


@contextmanager
def _unpacked(file: IO[bytes], name: str, folder: str | None) -> Iterator[IO[bytes]]:
    file.flush()
    packing = packing_of(file)
    if not packing:
        yield file
        return
    with scratch_file(folder) as spool:
        with _naming_place(folder):
            unpack(file, packing, spool, name)
            spool.flush()
        yield spool
