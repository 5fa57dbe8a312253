"""Sections of an image that its header names, such as ``DATASEC`` and ``BIASSEC``: where the picture may break."""

from __future__ import annotations

import re
from collections.abc import Sequence

from astrocodec.stages.cuts import NO_CUTS, Cuts
from fits_tiles.layout.blocks import card_value

__all__ = ["borders_in_tile", "named_borders"]

_SECTION = re.compile(r"\s*\[\s*(\d{1,9})\s*:\s*(\d{1,9})\s*,\s*(\d{1,9})\s*:\s*(\d{1,9})\s*\]\s*$")


def named_borders(cards: Sequence[bytes], height: int, width: int) -> Cuts:
    """
    Return the rows and columns, from 0, at which a section begins or behind which it ends.

    A section is any value like ``[x1:x2,y1:y2]``, counted from 1 and ends included; those of the whole detector, which
    say nothing of this image, name borders that do no harm.

    Examples
    --------
    >>> named_borders([b"BIASSEC = '[513:544,1:512]'".ljust(80), b"TRIMSEC = '[512:1,1:512]'".ljust(80)], 512, 544)
    Cuts(rows=(), columns=(512,))
    """
    rows, columns = set[int](), set[int]()
    for card in cards:
        value = card_value(card) if b"[" in card else None
        found = _SECTION.match(value) if isinstance(value, str) else None
        if found:
            x1, x2, y1, y2 = map(int, found.groups())
            columns |= {min(x1, x2) - 1, max(x1, x2)}
            rows |= {min(y1, y2) - 1, max(y1, y2)}
    return Cuts(*(tuple(sorted(n for n in found if 0 < n < end)) for found, end in ((rows, height), (columns, width))))


def borders_in_tile(borders: Cuts, shape: tuple[int, ...], tile_shape: tuple[int, ...], tile: int) -> Cuts:
    """
    Return what of the borders of an image lies in one of its tiles, counted from the tile's first row and column.

    Examples
    --------
    >>> borders_in_tile(Cuts((), (25, 300)), (100, 400), (100, 200), 1)
    Cuts(rows=(), columns=(100,))
    """
    if len(shape) < 2 or not any(borders):
        return NO_CUTS
    (height, width), (rows, columns) = shape[-2:], tile_shape[-2:]
    down, across = divmod(tile % (-(-height // rows) * -(-width // columns)), -(-width // columns))
    starts = ((borders.rows, down * rows, rows), (borders.columns, across * columns, columns))
    return Cuts(*(tuple(n - start for n in found if start < n < start + size) for found, start, size in starts))
