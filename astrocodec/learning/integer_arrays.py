"""Whole integer arrays of files to learn from, by group, and which of them are held back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from astrocodec.errors import CorruptError
from astrocodec.files.file_kind import file_kind
from astrocodec.learning.frames import groups_of

_MIN_PIXELS = 3000
_HELD_BACK = 0.15


@dataclass(frozen=True)
class Share:
    """What of a file is learned from, or held back."""

    path: Path
    rows: tuple[float, float] = (0.0, 1.0)  # part of its rows; of the only file of a group the last are held back


def integer_arrays(path: Path) -> Iterator[NDArray[Any]]:
    """Arrays (..., y, x) of integers of a FITS or HDF5 file that are large enough to learn from, signs as meant."""
    arrays = _hdf5_arrays(path) if file_kind(path) == "HDF5" else _fits_arrays(path)
    try:
        for array in arrays:
            if array.dtype.kind in "iu" and array.ndim > 1 and array.size >= _MIN_PIXELS:
                yield np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    except OSError as error:
        if error.errno is not None:
            raise
        raise CorruptError(f"{path}: cannot be read to its end ({error})") from error


def _fits_arrays(path: Path) -> Iterator[NDArray[Any]]:
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        for hdu in hdus:
            if hdu.is_image and hdu.data is not None:
                is_unsigned = hdu.header.get("BZERO") == 32768 and hdu.data.dtype.str[1:] == "i2"
                data = hdu.data.astype(hdu.data.dtype.newbyteorder("="))
                yield data.view(np.uint16) ^ np.uint16(1 << 15) if is_unsigned else data


def _hdf5_arrays(path: Path) -> Iterator[NDArray[Any]]:
    import h5py

    import hdf5_filter

    with h5py.File(path) as file:
        found: list[Any] = []
        file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        for dataset in found:
            if dataset.dtype.kind in "iu" and dataset.ndim > 1:
                yield hdf5_filter.read_dataset(dataset)


def learned_and_held_back(paths: Sequence[Path], seed: int) -> tuple[dict[str, list[Share]], dict[str, list[Share]]]:
    """Files of each group to learn from, and those, 15 of 100 and at least one, that are not.

    Of a group of a single file the last 15 of 100 rows of every image are held back.

    Raises
    ------
    ValueError
        No file is of a kind to learn from.
    """
    groups: dict[str, list[Path]] = {}
    for path, group in sorted(groups_of(paths).items()):
        if group is not None:
            groups.setdefault(group, []).append(path)
    learned: dict[str, list[Share]] = {}
    held: dict[str, list[Share]] = {}
    for group, files in groups.items():
        if len(files) == 1:
            learned[group] = [Share(files[0], (0.0, 1 - _HELD_BACK))]
            held[group] = [Share(files[0], (1 - _HELD_BACK, 1.0))]
            continue
        files.sort(key=lambda path: hashlib.sha256(f"{seed} {path.name}".encode()).digest())
        count = max(1, round(_HELD_BACK * len(files)))
        held[group] = [Share(path) for path in files[:count]]
        learned[group] = [Share(path) for path in files[count:]]
    if not learned:
        raise ValueError(f"none of the {len(paths)} files is of a group to learn from")
    return learned, held
