"""Names of files: on pages, in pictures, and of the pages themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

__all__ = ["common_folder", "page_names", "shortened"]

_SUFFIXES = re.compile(r"(?<=.)(\.ac)?(\.(fits|fit|fts))?(\.(gz|bz2|fz))?$", re.IGNORECASE)
_LONGEST = 120  # characters; with what is added to it, a name may be 255 bytes


def shortened(name: str, most: int) -> str:
    """
    Cut a name in its middle: the end tells files of a night apart.

    Examples
    --------
    >>> shortened("/data/night/frame-0001.fits", 18)
    '/dat…ame-0001.fits'
    """
    head = most // 4
    return name if len(name) <= most else f"{name[:head]}…{name[len(name) - (most - head - 1) :]}"


def common_folder(files: Sequence[str]) -> str:
    """
    Return the folder that all files lie in, with its slash, empty where there is none.

    Examples
    --------
    >>> common_folder(["/data/a/1.fits", "/data/b/1.fits"]), common_folder(["a.fits"])
    ('/data/', '')
    """
    parts = [file.split(os.sep)[:-1] for file in files]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return os.sep.join([*shared, ""]) if shared else ""


def page_names(files: Iterable[str]) -> list[str]:
    """Name a page for each file: unlike any other, also where case does not count, and safe on every system.

    Examples
    --------
    >>> page_names(["a/m 13.fits", "b/M 13.fits.gz", "index"])
    ['m_13.html', 'M_13-2.html', 'index-2.html']
    """
    taken = {"index"}  # the page of all files
    names = []
    for file in files:
        # Web servers take a ".gz" within a name for the packing of the page.
        stem = _SUFFIXES.sub("", os.path.basename(file.rstrip(os.sep)))
        stem = re.sub(r"[^A-Za-z0-9._+-]", "_", stem)[-_LONGEST:].lstrip(".-") or "image"
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names.append(f"{name}.html")
    return names
