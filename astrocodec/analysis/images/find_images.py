"""Images of a file, whatever kind of file it is."""

from __future__ import annotations

import os
from collections.abc import Iterator

from astrocodec.analysis.images.image_entry import ImageEntry, Part, SkippedEntry
from astrocodec.files.file_kind import file_kind, is_zarr

__all__ = ["find_images"]


def find_images(
    path: str | os.PathLike[str],
    *,
    plane: int | None = None,
    select: frozenset[int | str] = frozenset(),
    rows: bool = False,
) -> Iterator[ImageEntry | SkippedEntry]:
    """
    Yield the images of a file one after the other; what holds none is named with the reason.

    Parameters
    ----------
    path : path
        FITS (plain, packed by gzip or bzip2, tile-compressed), HDF5, or the folder of a Zarr array or group.
    plane : int, optional
        Which plane of cubes; by default the middle one.
    select : frozenset of int or str
        Numbers or names of HDUs, paths of datasets or arrays; empty: all.
    rows : bool, optional
        Arrays of one axis are images of one row, and `plane` is of cubes only.

    Yields
    ------
    ImageEntry or SkippedEntry
        In the file's order.

    Raises
    ------
    FormatError
        The file is none of these, or damaged.
    ImportError
        A package that reads it is missing.
    ValueError
        It has no part that was selected.
    OSError
        It cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np
    >>> from astropy.io import fits
    >>> name = pathlib.Path(tempfile.mkdtemp()) / "a.fits"
    >>> fits.PrimaryHDU(np.ones((3, 4, 5), "i2")).writeto(name)
    >>> [(entry.name, entry.plane, entry.pixels.shape) for entry in find_images(name)]
    [('0', 1, (4, 5))]
    """
    missing = set(select)
    for keys, load in _open(os.fspath(path), plane, rows):
        missing -= keys
        if not select or keys & select:
            yield load()
    if missing:
        names = ", ".join(sorted(map(str, missing)))
        raise ValueError(f"{os.fspath(path)}: has no {names}")


def _open(path: str, plane: int | None, rows: bool) -> Iterator[Part]:
    """Choose the reader; each needs a library that the others do not."""
    if is_zarr(path):
        from astrocodec.analysis.images.zarr_images import zarr_images

        return zarr_images(path, plane, rows)
    if file_kind(path) == "HDF5":
        from astrocodec.analysis.images.hdf5_images import hdf5_images

        return hdf5_images(path, plane, rows)
    from astrocodec.analysis.images.fits_images import fits_images

    return fits_images(path, plane, rows)
