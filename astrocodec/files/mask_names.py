"""Names of images that hold flags or numbers of things, which mean something else if they differ by one."""

from __future__ import annotations

import re

__all__ = ["is_mask_name"]

_MASKS = {"DQ", "MASK", "DMASK", "BPM", "FLAG", "FLAGS", "QUALITY", "DATAQUALITY", "SEG", "SEGMAP", "CTX", "CON"}
_WORDS = re.compile(r"[^A-Z]+")


def is_mask_name(name: str) -> bool:
    """
    Tell whether a word of a name is that of a mask.

    Examples
    --------
    >>> is_mask_name("data_quality"), is_mask_name("sci")
    (True, False)
    """
    return not _MASKS.isdisjoint(_WORDS.split(name.upper()))
