"""The store beside compressed files: images beside which they were coded, each by its SHA-256, never changed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError, FormatError, ReferenceNotFoundError
from astrocodec.files.target import REFERENCES, Target, make_folder, sync_folder
from astrocodec.stages.outside import hash_of
from fits_tiles.files.reference_files import References, is_store_name
from fits_tiles.files.tiles_io import needed_references
from fits_tiles.layout.blocks import Hdu, padded
from fits_tiles.layout.card_format import assemble, int_card_of, logical_card
from fits_tiles.layout.headers import holds_tiles

__all__ = ["carry", "carry_files", "keep", "store_name"]

Pixels = npt.NDArray[Any]
_BITPIX = {"u1": 8, "i2": 16, "i4": 32, "i8": 64, "f4": -32, "f8": -64}


def store_name(pixels: Pixels) -> str:
    """
    Return the name of an image's file in the store, relative to the folder of the files that are coded beside it.

    Examples
    --------
    >>> store_name(np.zeros((2, 2), np.int16))
    'astrocodec-references/af5570f5a1810b7af78caf4bc70a660f.ac.fits'
    """
    return f"{REFERENCES}/{hash_of(pixels).hex()[:32]}.ac.fits"


def keep(
    pixels: Pixels,
    references: References,
    write: Callable[[IO[bytes], IO[bytes]], object],
    like: str | os.PathLike[str],
) -> None:
    """
    See that an image is in a store, whole and on the disk.

    Parameters
    ----------
    pixels : array
        What FITS stores, native byte order.
    references : References
        What finds it then; the store is that of its first folder.
    write : callable
        Compresses a FITS file.
    like : path
        The file that the image is from; no one who may not read that may read the store's file.

    Raises
    ------
    FormatError
        If the store has a file of its name which does not hold it.
    OSError
        If it cannot be written.
    """
    path = references.folders[0] / store_name(pixels)

    def content() -> bytes:
        plain, packed = io.BytesIO(_plain(pixels)), io.BytesIO()
        write(plain, packed)
        return packed.getvalue()

    _put(path, content, like)
    found = _checked(path, references)
    if found.shape != pixels.shape or found.dtype != pixels.dtype:
        raise FormatError(
            f"{path}: holds the same bytes as {found.dtype} of shape {found.shape}, needed is {pixels.dtype} of shape "
            f"{pixels.shape}; compress without this reference"
        )


def carry(fd: int, hdus: Iterable[Hdu], folders: Sequence[Path], to: str | os.PathLike[str] | None, name: str) -> None:
    """
    See that what copied tiles were coded beside is in the store of the folder they are copied to.

    Raises
    ------
    FormatError
        If a file of the store is damaged.
    OSError
        If it cannot be written.
    ReferenceNotFoundError
        If it is in no store of `folders`.
    ValueError
        If the tiles are copied to a stream, which has no store.
    """
    names = {needed for hdu in hdus if holds_tiles(hdu.cards) for needed in needed_references(fd, hdu)}
    carry_files(names, folders, to, name)


def carry_files(names: Iterable[str], folders: Sequence[Path], to: str | os.PathLike[str] | None, name: str) -> None:
    """See that files are in the store of a folder, by their names; as `carry`."""
    for needed in sorted(filter(is_store_name, names)):
        if to is None:
            raise ValueError(
                f"{name}: needs the image {needed}, which cannot go along to a stream: write to a file, decompress, or "
                "write copies of the HDUs (`copy()`)"
            )
        target = Path(to) / needed
        source = next((folder / needed for folder in folders if (folder / needed).is_file()), None)
        if source is None:
            raise ReferenceNotFoundError(
                f"{name}: needs the image {needed}, which is not in {' or '.join(map(str, folders))}: the folder "
                f"{REFERENCES} must go along with the files; put it back beside them"
            )
        _put(target, source.read_bytes, source)
        _checked(target, References())


def _put(path: Path, content: Callable[[], bytes], like: str | os.PathLike[str]) -> None:
    """Write a file of the store, unless it is there; it and its name are on the disk then."""
    if not path.exists():
        make_folder(path.parent)
        # Where another process has just written it, its file counts.
        with suppress(FileExistsError), Target(path, overwrite=False, like=like) as target:
            target.file.write(content())
            target.commit()
            with suppress(OSError):  # FAT has no such bits
                path.chmod(path.stat().st_mode & 0o444)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _checked(path: Path, references: References) -> Pixels:
    """Read a file of the store."""
    try:
        found = references.image(path, 0)
    except FormatError as error:
        raise type(error)(f"{error}; move this file away, it is made anew with the reference at hand") from error
    if found is None or f"{REFERENCES}/{path.name}" != store_name(found):
        raise CorruptError(f"{path}: does not hold the image of its name; move it away, it is made anew")
    return found


def _plain(pixels: Pixels) -> bytes:
    """An image as a FITS file."""
    axes = [int_card_of(f"NAXIS{number}", size) for number, size in enumerate(reversed(pixels.shape), 1)]
    bitpix = int_card_of("BITPIX", _BITPIX[pixels.dtype.str[1:]])
    header = assemble([logical_card("SIMPLE", True), bitpix, int_card_of("NAXIS", pixels.ndim), *axes])
    data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).tobytes()
    return header + data + bytes(padded(len(data)) - len(data))
