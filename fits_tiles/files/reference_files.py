"""Images beside which others were coded: found in the store beside a file, or in a file that is named."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError, ReferenceNotFoundError
from astrocodec.files.target import REFERENCES, FileLike, target_name
from astrocodec.references import ReferenceInfo
from fits_tiles.files.beside import parts_of
from fits_tiles.files.container import begins_with_primary_image, decoder_of
from fits_tiles.files.foreign import staged
from fits_tiles.files.source import open_source
from fits_tiles.files.tiles_io import decoded_bands
from fits_tiles.layout.blocks import Hdu, read_at, walk
from fits_tiles.layout.grid import TileGrid
from fits_tiles.layout.headers import TileLayout, holds_tiles, read_layout
from fits_tiles.layout.plain_image import is_plain_image, plain_layout

__all__ = ["References", "folders_of", "is_store_name", "references_of", "split_name"]

Pixels = npt.NDArray[Any]
_MOST_HELD = 2
_WITH_HDU = re.compile(r"(.+)\[(\d+)\]$", re.DOTALL)
_STORE_NAME = re.compile(rf"{REFERENCES}/[0-9a-f]{{32}}\.ac\.fits")


def split_name(name: str) -> tuple[str, int | None]:
    """
    Return file and HDU of a reference's name; None where none is named. What is a file's name has no HDU.

    Examples
    --------
    >>> split_name("cal/bias.fits[1]"), split_name("a.fits")
    (('cal/bias.fits', 1), ('a.fits', None))
    """
    match = None if os.path.exists(name) else _WITH_HDU.match(name)
    return (match.group(1), int(match.group(2))) if match else (name, None)


def is_store_name(name: str) -> bool:
    """
    Tell whether a name is one of the store, relative to the folder of the files that were coded beside it.

    Examples
    --------
    >>> is_store_name("astrocodec-references/00112233445566778899aabbccddeeff.ac.fits"), is_store_name("../a.fits")
    (True, False)
    """
    return _STORE_NAME.fullmatch(name) is not None


def folders_of(name: str) -> tuple[Path, ...]:
    """
    Return where the store of a file may lie: beside its name, and where that is a link beside the file itself.

    Examples
    --------
    >>> folders_of("/a.fits")
    (PosixPath('/'),)
    """
    places = (os.path.dirname(os.path.abspath(name)), os.path.dirname(os.path.realpath(name)))
    return tuple(map(Path, dict.fromkeys(places)))


@dataclass
class _Held:
    """An image that was read, and its parts that lie beside tiles, by the tiles' grids."""

    pixels: Pixels | None
    parts: dict[TileGrid, dict[str, Pixels]] = field(default_factory=dict)

    def part(self, sha256: str, grid: TileGrid) -> Pixels | None:
        """Return the part with a hash."""
        if self.pixels is not None and grid not in self.parts:
            self.parts = {grid: parts_of(self.pixels, grid)}
        return self.parts.get(grid, {}).get(sha256)


class References:
    """
    Finds the images that tiles need: in files that were named, else in the store. Two images are held at most.

    Parameters
    ----------
    folders : sequence of path
        Where the store may lie.
    named : sequence of path
        Files, with or without ``[HDU]``, that are tried first.
    """

    def __init__(self, folders: Sequence[Path] = (), named: Sequence[str] = ()) -> None:
        self.folders = tuple(folders)
        self._named = tuple(named)
        self._lock = threading.Lock()
        self._held: dict[tuple[Path, int], _Held] = {}

    def of_grid(self, grid: TileGrid) -> Callable[[ReferenceInfo], Pixels]:
        """Return what finds the reference of any tile of an image."""
        return lambda info: self._find(info, grid)

    def image(self, path: Path, number: int) -> Pixels | None:
        """
        Return the stored pixels of an image of a file, native byte order; None where the HDU is none or not there.

        Raises
        ------
        FormatError, OSError
            If the file cannot be read.
        """
        return self._image(path, number).pixels

    def fitting(self, path: Path, number: int, shape: tuple[int, ...]) -> tuple[Pixels, int] | None:
        """Return the image of a file with a shape, or the last axes of it: that of the same number, else the first."""
        for candidate in (number, *range(number), *range(number + 1, _count(path))):
            found = self.image(path, candidate)
            if found is None or not min(2, len(shape)) <= found.ndim <= len(shape):
                continue
            if found.shape == shape[len(shape) - found.ndim :]:
                return found, candidate
        return None

    def _image(self, path: Path, number: int) -> _Held:
        key = (path.absolute(), number)
        held = self._held.pop(key, None) or _Held(_pixels(path, number))
        self._held[key] = held  # the last that was asked for goes last
        while len(self._held) > _MOST_HELD:
            del self._held[next(iter(self._held))]
        return held

    def _find(self, info: ReferenceInfo, grid: TileGrid) -> Pixels:
        with self._lock:
            for held in self._held.values():
                if (part := held.part(info.sha256, grid)) is not None:
                    return part
            tried = []
            for path, number in self._candidates(info.name):
                try:
                    numbers = range(_count(path)) if number is None else (number,)
                    for each in numbers:
                        if (part := self._image(path, each).part(info.sha256, grid)) is not None:
                            return part
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except (OSError, FormatError) as error:
                    tried.append(f"cannot be read ({path}: {error})")
                    continue
                tried.append(f"{path} does not have")
            self._held.clear()  # files may be put right
            places = " or ".join(map(str, self.folders)) or "no folder that is known"
            raise ReferenceNotFoundError(
                f"needs the image {info.name or 'that it was compressed beside'} (tile SHA-256 {info.sha256}), which "
                f"{'; '.join(tried) or f'is not in {places}'}: the folder {REFERENCES} must go along with the files "
                "that were compressed beside what it holds; put it back beside them, or name a file with these pixels "
                "with --reference FILE (reference=)"
            )

    def _candidates(self, name: str) -> Iterator[tuple[Path, int | None]]:
        """Files and HDUs to try: those named, then that of the store."""
        for given in self._named:
            file, number = split_name(given)
            yield Path(file), number
        if is_store_name(name):
            yield from ((folder / name, 0) for folder in self.folders)


def references_of(source: FileLike, named: str | os.PathLike[str] | None = None) -> References:
    """Return what finds the references of a file, of which one may be named; of a stream in the current folder."""
    name = target_name(source)
    folders = (Path.cwd(),) if name == "-" and not isinstance(source, (str, os.PathLike)) else folders_of(name)
    return References(folders, () if named is None else (os.fspath(named),))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open what may be read again and again: a pipe would be empty then, or wait for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path}: is no regular file, which a reference must be")
    with open_source(path, None) as file:
        yield file


def _count(path: Path) -> int:
    """Number of HDUs of a file."""
    with _opened(path) as file:
        return sum(1 for _ in walk(file.fileno(), str(path)))


def _pixels(path: Path, number: int) -> Pixels | None:
    with _opened(path) as file, staged(file, str(path), None, lambda hdu: True) as plain:
        fd = plain.file.fileno()
        hdus = list(walk(fd, str(path)))
        number += begins_with_primary_image(hdus)
        if number >= len(hdus):
            return None
        hdu, where = hdus[number], f"{path}: {hdus[number].label}"
        if holds_tiles(hdu.cards):
            return _decoded(fd, hdu, path, where)
        if not is_plain_image(hdu):
            return None
        layout = plain_layout(hdu, where)
        raw = read_at(fd, hdu.data_start, hdu.data_bytes, where)
        return _native(np.frombuffer(raw, layout.pixel_type), layout)


def _decoded(fd: int, hdu: Hdu, path: Path, where: str) -> Pixels:
    """Pixels of a compressed image. One of a store needs no other; so there are no circles."""
    layout = read_layout(hdu.cards, where)
    deeper = References(() if path.parent.name == REFERENCES else folders_of(str(path)))
    coder = decoder_of(hdu, layout, where, deeper)
    pixels = np.empty(prod(layout.shape), layout.pixel_type)
    for band, part in decoded_bands(fd, hdu, layout, coder, where=where, workers=1):
        flat, done = part.reshape(-1), 0
        for offset, size in band.pieces():
            start, count = offset // layout.itemsize, size // layout.itemsize
            pixels[start : start + count] = flat[done : done + count]
            done += count
    return _native(pixels, layout)


def _native(pixels: Pixels, layout: TileLayout) -> Pixels:
    return pixels.reshape(layout.shape).astype(pixels.dtype.newbyteorder("="))
