"""References: the images beside which others are coded, looked for, read and cut like these into tiles."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError, ReferenceNotFoundError
from astrocodec.files.target import FileLike
from astrocodec.references import ReferenceInfo
from astrocodec.stages.outside import hash_of
from fits_tiles.files.container import begins_with_primary_image, decoder_of
from fits_tiles.files.foreign import staged
from fits_tiles.files.source import open_source
from fits_tiles.files.tiles_io import decoded_bands, named_references
from fits_tiles.layout.blocks import Hdu, read_at, walk
from fits_tiles.layout.grid import TileGrid
from fits_tiles.layout.headers import TileLayout, holds_tiles, read_layout
from fits_tiles.layout.plain_image import is_plain_image, plain_layout

__all__ = ["Beside", "References", "forms_of", "needing", "references_of", "split_name"]

Pixels = npt.NDArray[Any]
_MOST_DEEP = 8
_SUFFIXES = (".fits", ".fit", ".fts")
# What a file may be called after it was packed, compressed or unpacked.
_FORMS = tuple(suffix + packed for suffix in (".ac.fits", *_SUFFIXES) for packed in ("", ".gz", ".bz2", ".fz"))
_WITH_HDU = re.compile(r"(.+)\[(\d+)\]$", re.DOTALL)


def split_name(name: str) -> tuple[str, int | None]:
    """
    Return file and HDU of a reference's name; None where none is named.

    Examples
    --------
    >>> split_name("cal/bias.fits[1]"), split_name("a.fits")
    (('cal/bias.fits', 1), ('a.fits', None))
    """
    match = _WITH_HDU.match(name)
    return (match.group(1), int(match.group(2))) if match else (name, None)


class _Tile(NamedTuple):
    """Where a tile lies: a slice of each axis of the image."""

    place: tuple[slice, ...]

    def of(self, reference: Pixels) -> Pixels:
        """Cut the reference as its tile is cut, axes of one plane left out as they are there."""
        found = reference[self.place[len(self.place) - reference.ndim :]]
        while found.ndim > 2 and found.shape[0] == 1:
            found = found[0]
        return found


def _tiles(grid: TileGrid) -> Iterator[_Tile]:
    """Tiles in their order."""
    starts = (range(0, axis, tile) for axis, tile in zip(grid.shape, grid.tile_shape, strict=True))
    for corner in product(*starts):
        sides = zip(corner, grid.tile_shape, grid.shape, strict=True)
        yield _Tile(tuple(slice(at, min(at + tile, axis)) for at, tile, axis in sides))


@dataclass(frozen=True)
class Beside:
    """An image beside which the tiles of another are coded."""

    pixels: Pixels
    name: str  # file and HDU, as they are noted in the tiles
    embed: bool
    tiles: tuple[_Tile, ...]

    @classmethod
    def of_grid(cls, pixels: Pixels, name: str, embed: bool, grid: TileGrid) -> Beside:
        """Return the reference of an image's tiles."""
        return cls(pixels, name, embed, tuple(_tiles(grid)))

    def of_tile(self, tile: int) -> Pixels:
        """Return what lies beside a tile."""
        return self.tiles[tile].of(self.pixels)


class References:
    """
    Finds the images that tiles need: among files that were named, else by the names in the tiles.

    Parameters
    ----------
    folder : str or None
        That of the file whose tiles are decoded, from which the names start; None: that of the process.
    named : sequence of path
        Files, with or without ``[HDU]``, that are tried first.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, named: Sequence[str] = (), depth: int = 0) -> None:
        self._folder = Path(folder or ".")
        self._named = tuple(named)
        self._depth = depth
        self._lock = threading.Lock()
        self._read: dict[tuple[Path, int], Pixels | None] = {}
        self._cut: dict[tuple[Path, int, TileGrid], dict[str, Pixels]] = {}

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
        key = (path.absolute(), number)
        if key not in self._read:
            self._read[key] = self._pixels(path, number)
        return self._read[key]

    def fitting(self, path: Path, number: int, shape: tuple[int, ...]) -> tuple[Pixels, int] | None:
        """Return the image of a file with a shape, or the last axes of it: that of the same number, else the first."""
        for candidate in (number, *range(number), *range(number + 1, _count(path))):
            found = self.image(path, candidate)
            if found is None or not min(2, len(shape)) <= found.ndim <= len(shape):
                continue
            if found.shape == shape[len(shape) - found.ndim :]:
                return found, candidate
        return None

    def _pixels(self, path: Path, number: int) -> Pixels | None:
        with open_source(path, None) as file, staged(file, str(path), None, lambda hdu: True) as plain:
            fd = plain.file.fileno()
            hdus = list(walk(fd, str(path)))
            number += begins_with_primary_image(hdus)
            if number >= len(hdus):
                return None
            hdu, where = hdus[number], f"{path}: {hdus[number].label}"
            if holds_tiles(hdu.cards):
                return self._decoded(fd, hdu, path, where)
            if not is_plain_image(hdu):
                return None
            layout = plain_layout(hdu, where)
            raw = read_at(fd, hdu.data_start, hdu.data_bytes, where)
            return _native(np.frombuffer(raw, layout.pixel_type), layout)

    def _decoded(self, fd: int, hdu: Hdu, path: Path, where: str) -> Pixels:
        """Pixels of a compressed image, which may need a reference of its own."""
        if self._depth >= _MOST_DEEP:
            raise FormatError(f"{where}: references of references, {_MOST_DEEP} deep: they need each other")
        layout = read_layout(hdu.cards, where)
        deeper = References(path.parent, self._named, self._depth + 1)
        coder = decoder_of(hdu, layout, where, deeper)
        pixels = np.empty(prod(layout.shape), layout.pixel_type)
        for band, part in decoded_bands(fd, hdu, layout, coder, where=where, workers=1):
            flat, done = part.reshape(-1), 0
            for offset, size in band.pieces():
                start, count = offset // layout.itemsize, size // layout.itemsize
                pixels[start : start + count] = flat[done : done + count]
                done += count
        return _native(pixels, layout)

    def _find(self, info: ReferenceInfo, grid: TileGrid) -> Pixels:
        with self._lock:
            for _ in range(2):  # it may be getting its other name just now
                tried = []
                for path, number in self._candidates(info.name):
                    try:
                        tiles = self._tiles(path, number, grid)
                    except (FileNotFoundError, NotADirectoryError):
                        continue
                    except (OSError, FormatError) as error:
                        tried.append(f"{path}[{number}]: {error}")
                        continue
                    if info.sha256 in tiles:
                        return tiles[info.sha256]
                    tried.append(f"{path}[{number}] has other pixels")
            self._read.clear()  # files may be put right
            self._cut.clear()
            raise ReferenceNotFoundError(
                f"needs the image {info.name or 'that it was compressed beside'} (tile SHA-256 {info.sha256}), which "
                f"{'; '.join(tried) or f'is not in {self._folder}'}: put the file back in its place, or name it with "
                "--reference FILE (reference=)"
            )

    def _candidates(self, name: str) -> Iterator[tuple[Path, int]]:
        """Files and HDUs to try: those named, then the one in the stream, where it was and beside the file."""
        file, number = split_name(name)
        for given in self._named:
            path, other = split_name(given)
            yield Path(path), (number or 0) if other is None else other
        if not file:
            return
        seen: set[Path] = set()
        for place in (self._folder / file, self._folder / Path(file).name):
            for form in forms_of(place):
                if form not in seen:
                    seen.add(form)
                    yield form, number or 0

    def _tiles(self, path: Path, number: int, grid: TileGrid) -> dict[str, Pixels]:
        """Parts of a reference that lie beside tiles, by their hashes."""
        key = (path.absolute(), number, grid)
        if key not in self._cut:
            pixels = self.image(path, number)
            fits = pixels is not None and pixels.shape == grid.shape[max(0, len(grid.shape) - pixels.ndim) :]
            cut = (tile.of(pixels) for tile in _tiles(grid)) if fits and pixels is not None else ()
            self._cut[key] = {hash_of(part).hex(): part for part in cut}
        return self._cut[key]


def references_of(source: FileLike, named: str | os.PathLike[str] | None) -> References:
    """Return what finds the references of a file, of which one may be named."""
    folder = Path(source).parent if isinstance(source, (str, os.PathLike)) else None
    return References(folder, () if named is None else (os.fspath(named),))


def _forms(path: Path) -> Iterator[Path]:
    """Names that a file may have after it was compressed, packed or unpacked."""
    name = path.name
    for form in sorted(_FORMS, key=len, reverse=True):
        if name.lower().endswith(form):
            name = name[: -len(form)]
            break
    for form in _FORMS:
        yield path.with_name(name + form)


def forms_of(path: Path) -> Iterator[Path]:
    """Names by which a file is looked for, its own first: it may have been compressed, packed or unpacked since."""
    yield path
    yield from (form for form in _forms(path) if form != path)


def needing(path: str | os.PathLike[str]) -> list[str]:
    """
    Return the compressed files beside a file that name it as what they were coded beside.

    Files that cannot be read do not count.

    Examples
    --------
    >>> needing("no/such/file.fits")
    []
    """
    file = Path(path)
    own = set(forms_of(file))
    try:
        others = sorted(file.parent.iterdir())
    except OSError:
        return []
    return [str(other) for other in others if other not in own and _names_now(other) & own]


def _names_now(path: Path) -> frozenset[Path]:
    """Files that a compressed file names, as far as they lie beside it."""
    if not path.name.lower().endswith(_FORMS):
        return frozenset()
    try:
        state = path.stat()
    except OSError:
        return frozenset()
    return _names(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1 << 16)
def _names(path: Path, mtime: int, size: int) -> frozenset[Path]:
    """Read them, once for a run over all files of a folder, as long as the file stays what it is."""
    found: set[Path] = set()
    with suppress(FormatError, OSError, ValueError), open_source(path, None) as file:
        for hdu in walk(file.fileno(), str(path)):
            if holds_tiles(hdu.cards):
                for name in named_references(file.fileno(), hdu):
                    found |= set(forms_of(path.parent / Path(split_name(name)[0]).name))
    return frozenset(found)


def _count(path: Path) -> int:
    """Number of HDUs of a file."""
    with open_source(path, None) as file:
        return sum(1 for _ in walk(file.fileno(), str(path)))


def _native(pixels: Pixels, layout: TileLayout) -> Pixels:
    return pixels.reshape(layout.shape).astype(pixels.dtype.newbyteorder("="))
