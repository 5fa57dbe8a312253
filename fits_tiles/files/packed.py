"""gzip and bzip2 files, unpacked to their last byte or refused: what is lost in them must not pass for the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from astrocodec.errors import CorruptError, FormatError, TruncatedError

__all__ = ["packing_of", "packing_of_path", "unpack"]

_FITS = b"SIMPLE  ="
_PIECE = 1 << 14  # where damage shows is known to so many unpacked bytes


def packing_of(file: IO[bytes]) -> str:
    """Tell by its first bytes how a file is packed: ``'gzip'``, ``'bzip2'`` or ``''``; it is rewound."""
    file.seek(0)
    magic = file.read(3)
    file.seek(0)
    return "gzip" if magic[:2] == b"\x1f\x8b" else "bzip2" if magic == b"BZh" else ""


def packing_of_path(path: str | os.PathLike[str]) -> str:
    """Tell how a regular file is packed, ``''`` of anything else: what is read from a pipe is gone."""
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        return packing_of(file)


def unpack(file: IO[bytes], packing: str, spool: IO[bytes], name: str) -> None:
    """
    Unpack a whole file from its beginning on, of one stream or several.

    Raises
    ------
    TruncatedError
        It ends within a stream.
    FormatError
        What it holds is no FITS file.
    CorruptError
        It is damaged, or something stands behind its last stream (behind gzip's zeros may, as gzip has it).
    """
    pieces = _gzip_pieces(file) if packing == "gzip" else _bzip2_pieces(file)
    try:
        for piece in pieces:
            if not spool.tell() and not piece.startswith(_FITS[: len(piece)]):
                raise FormatError(f"{name}: what is packed begins with {piece[:8]!r}, a FITS file with {_FITS!r}")
            spool.write(piece)
    except EOFError as error:
        raise TruncatedError(
            f"{name}: the {packing} file is cut short or damaged: it ends after {spool.tell()} unpacked bytes"
        ) from error
    except _PackedError as error:
        raise CorruptError(
            f"{name}: the {packing} file is damaged, which shows after {spool.tell()} unpacked bytes: {error}"
        ) from error


class _PackedError(Exception):
    """Damage in a packed file."""


def _gzip_pieces(file: IO[bytes]) -> Iterator[bytes]:
    import gzip
    import zlib

    with gzip.GzipFile(fileobj=file) as packed:
        while True:
            try:
                piece = packed.read1(_PIECE)
            except (zlib.error, gzip.BadGzipFile) as error:
                raise _PackedError(str(error)) from error
            if not piece:
                return
            yield piece


def _bzip2_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Unpack stream by stream: `bz2.BZ2File` takes a damaged later stream for the end of the file."""
    from bz2 import BZ2Decompressor

    rest = file.read(_PIECE)
    streams = 0
    while rest:
        streams += 1
        stream = BZ2Decompressor()
        while not stream.eof:
            fresh = (rest or file.read(_PIECE)) if stream.needs_input else b""
            if stream.needs_input and not fresh:
                raise EOFError
            rest = b""
            try:
                piece = stream.decompress(fresh, _PIECE)
            except OSError as error:
                raise _PackedError(f"{error} (in stream {streams} of the file)") from error
            yield piece
        rest = stream.unused_data or file.read(_PIECE)
