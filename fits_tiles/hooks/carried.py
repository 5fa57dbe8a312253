"""What images of ours were coded beside, carried along where astropy writes their tiles to another folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from astropy.io import fits

from astrocodec.files.target import STAYS, is_reference
from astrocodec.inspection import needed_reference
from fits_tiles.files.reference_files import folders_of, is_store_name
from fits_tiles.files.reference_store import carry_files
from fits_tiles.files.tiles_io import HEAD_BYTES
from fits_tiles.hooks.rewritten import keeps_tiles
from fits_tiles.hooks.tile_table_hdu import TileTableHDU
from fits_tiles.layout.headers import ALGORITHM
from fits_tiles.layout.tiles_card import KEYWORD

__all__ = ["carry_references", "folders_of_file"]


def folders_of_file(file: Any) -> tuple[Path, ...]:
    """Return where the store of a file may lie that astropy opened."""
    known = getattr(file, "reference_folders", None)
    if known is not None:
        return tuple(known)
    name = getattr(file, "name", None)
    return folders_of(os.fsdecode(name)) if isinstance(name, (str, bytes)) and name else (Path.cwd(),)


def carry_references(hdus: Any, target: Any) -> None:
    """
    See that the store of the target's folder has what tiles need that are written there as they are.

    Raises
    ------
    FileExistsError
        If the target is itself in a store.
    ReferenceNotFoundError
        If it is lost.
    ValueError
        If the target has no folder.
    """
    folder, name = _place_of(target)
    if folder is not None and os.path.exists(folder / name) and is_reference(folder / name):
        raise FileExistsError(f"{folder / name}: {STAYS}")
    for hdu in hdus:
        # A list that was opened with `disable_image_compression`, or before registration, has the tables themselves.
        table = getattr(hdu, "_bintable", None) or hdu
        if not isinstance(table, fits.BinTableHDU) or table._file is target or not (needed := _needed(table)):
            continue
        if not isinstance(table, TileTableHDU) or table is hdu or keeps_tiles(hdu):
            carry_files(needed, folders_of_file(table._file), folder, f"HDU {hdu.name!r}")


def _place_of(target: Any) -> tuple[Path | None, str]:
    """Folder and name of what is written to, None for what has none, as a pipe that calls itself ``<stdout>``."""
    name = target if isinstance(target, (str, os.PathLike)) else getattr(target, "name", None)
    if not isinstance(name, (str, os.PathLike)) or not os.fspath(name):
        return None, ""
    known = getattr(target, "reference_folders", None)
    if known:
        return known[-1], os.path.basename(name)  # files are changed where they lie
    path = os.path.abspath(os.path.expanduser(name))
    if os.path.islink(path) and not os.path.exists(path):
        path = os.path.realpath(path)  # astropy makes what a link points to, but replaces one to a file
    if hasattr(target, "fileno") and not (
        os.path.exists(path) and os.path.samestat(os.fstat(target.fileno()), os.stat(path))
    ):
        return None, ""
    return Path(path).parent, os.path.basename(path)


def _needed(table: Any) -> set[str]:
    """Names in the store of what the tiles of a table in a file need."""
    if table._file is None or table._file.closed or not table._data_offset:
        return set()
    header = table.header
    if header.get("ZCMPTYPE") != ALGORITHM and KEYWORD not in header:
        return set()
    width = 8 if "Q" in header["TFORM1"] else 4
    heap = table._data_offset + header.get("THEAP", header["NAXIS1"] * header["NAXIS2"])
    names = set()
    with suppress(OSError, TypeError, ValueError):  # damaged, which is told elsewhere
        rows = table._get_raw_data((header["NAXIS2"], header["NAXIS1"]), "u1", table._data_offset)
        for size, place in rows[:, : 2 * width].copy().view(f">i{width}").tolist():
            head = table._get_raw_data(min(size, HEAD_BYTES), "u1", heap + place).tobytes() if size > 0 else b""
            names.add(needed_reference(head))
    return set(filter(is_store_name, names))
