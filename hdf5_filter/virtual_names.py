"""Names that virtual datasets give for their sources: in the manner of printf, and of datasets of their own file."""

from __future__ import annotations

import os
import re
from typing import Any

import h5py

__all__ = ["file_beyond", "name_pattern"]

_MOST_LINKS = 100  # soft links may lead in a circle


def name_pattern(name: str) -> re.Pattern[str]:
    """
    Return what matches the names that a name stands for: ``%b`` for the number of a block, ``%%`` for a per cent sign.

    Examples
    --------
    >>> [bool(name_pattern("night_%b.h5").fullmatch(name)) for name in ("night_12.h5", "night_a.h5")]
    [True, False]
    """
    parts = re.split(r"(%[b%])", name)
    known = {"%b": "[0-9]+", "%%": "%"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def file_beyond(file: h5py.File, path: str | bytes) -> bytes | None:
    """Return the name of the file that the path of a source leads to through an external link, None if it stays."""
    pending = os.fsencode(path).split(b"/")
    group: Any = h5py.h5g.open(file.id, b"/")
    root, links = group, 0
    while pending:
        name = pending.pop(0)
        if name in (b"", b"."):
            continue
        pattern = name_pattern(os.fsdecode(name))
        found = [link for link in _links(group) if pattern.fullmatch(os.fsdecode(link))]
        kinds = {link: group.links.get_info(link).type for link in found}
        for link, kind in kinds.items():
            if kind == h5py.h5l.TYPE_EXTERNAL:
                return bytes(group.links.get_val(link)[0])
        if not found:
            return None
        if kinds[found[0]] == h5py.h5l.TYPE_SOFT:
            links += 1
            if links > _MOST_LINKS:
                return None
            target = group.links.get_val(found[0])
            group = root if target.startswith(b"/") else group
            pending = target.split(b"/") + pending
            continue
        group = h5py.h5o.open(group, found[0])
        if not isinstance(group, h5py.h5g.GroupID):
            return None
    return None


def _links(group: Any) -> list[bytes]:
    names: list[bytes] = []
    group.links.iterate(names.append)
    return names
