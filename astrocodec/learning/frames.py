"""Frames to learn from: integer images of FITS files by group, their variants, and simulated ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from astrocodec.simulate import PRESETS, simulate
from astrocodec.stages.pixels import map_pixels
from astrocodec.stages.planes import to_planes

_LEARNED_KINDS = ("raw-int", "processed-int")
_MIN_PIXELS = 3000
_SIMULATED_SIDE = 1024


def groups_of(paths: Sequence[Path]) -> dict[Path, str | None]:
    """Group of each file: from the MANIFEST.csv beside it (None for other kinds of data), else its directory.

    Directories of the same name get as much of what is above them as tells them apart.
    """
    found: dict[Path, str | None] = {}
    places = {folder: folder.resolve().parts[1:] for folder in {path.parent for path in paths}}
    for folder in places:
        manifest = folder / "MANIFEST.csv"
        named = _named_in(manifest) if manifest.is_file() else {}
        name = _name_among(places[folder], set(places.values()))
        found |= {path: named.get(path.name, name) for path in paths if path.parent == folder}
    return found


def _name_among(place: tuple[str, ...], places: set[tuple[str, ...]]) -> str:
    depth = 1
    while depth < len(place) and sum(other[-depth:] == place[-depth:] for other in places) > 1:
        depth += 1
    return "-".join(place[-depth:])


def _named_in(manifest: Path) -> dict[str, str | None]:
    """Groups by the names of files; ValueError for a table that has none."""
    named: dict[str, str | None] = {}
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                named[row["file"]] = row["group"] if row["kind"] in _LEARNED_KINDS else None
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{manifest}: a table with columns file, group and kind is needed there ({type(error).__name__}: {error})"
        ) from error
    if wrong := [group for group in named.values() if group is not None and group != Path(group).name]:
        raise ValueError(f"{manifest}: group {wrong[0]!r} found, a name without slashes is needed")
    return named


def integer_sheets(path: Path) -> Iterator[NDArray[np.uint16]]:
    """Integer images of a FITS file as the codec models them: sheets ``(y, x)`` of 16-bit samples."""
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        for hdu in hdus:
            if not hdu.is_image or hdu.data is None or hdu.data.dtype.kind not in "iu" or hdu.data.size < _MIN_PIXELS:
                continue
            values = np.ascontiguousarray(hdu.data, hdu.data.dtype.newbyteorder("="))
            planes = to_planes(values)
            mapped = map_pixels(planes.reshape(-1, planes.shape[-1]))
            if mapped[2] <= 65535 and min(mapped[0].shape) > 2:
                yield mapped[0].astype(np.uint16)


def variants(sheet: NDArray[np.uint16]) -> Iterator[tuple[NDArray[np.uint16], float]]:
    """A sheet, its mirror images and coarser versions of it, each with its share of the samples."""
    yield sheet, 1.0
    yield sheet[::-1], 0.2
    yield sheet[:, ::-1], 0.2
    yield sheet.T, 0.2
    yield sheet >> np.uint16(1), 0.25
    yield sheet >> np.uint16(2), 0.15


def simulated_sheets() -> Iterator[tuple[str, NDArray[np.uint16]]]:
    """Three simulated frames of every preset, with the name of their group."""
    for preset in PRESETS:
        for seed in range(100, 103):
            data = simulate(preset, seed=seed, shape=(_SIMULATED_SIDE, _SIMULATED_SIDE)).data
            mapped = map_pixels(data)
            if mapped[2] <= 65535:
                yield f"sim-{preset}", mapped[0].astype(np.uint16)
