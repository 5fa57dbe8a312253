"""Sections of a detector as FITS headers write them, ``[x1:x2,y1:y2]``: from 1, both ends included, x first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from astrocodec.analysis.background import Region

__all__ = ["Section", "cells", "parse_section", "region_of", "shifted"]

# First and last pixel along x and along y, from 1, in ascending order; None for all of an axis (``*``).
Span = tuple[int, int] | None
Section = tuple[Span, Span]

_AXIS = r"\s*(?:(-?\*)|([+-]?\d+)(?:\.0*)?\s*(?::\s*([+-]?\d+)(?:\.0*)?\s*)?)\s*"
_SECTION = re.compile(rf"\s*\[{_AXIS},{_AXIS}(?:,\s*(?:\*|1|1\s*:\s*1)\s*)?\]\s*")


def parse_section(text: object) -> Section | None:
    """Read the value of a card such as ``DATASEC``; None for what is no section, a number, or one with steps.

    Ends in descending order, as of amplifiers that are read backwards, are put in order.

    Examples
    --------
    >>> parse_section("[1:2048, 350:1]"), parse_section("[*,7]"), parse_section("UNKNOWN")
    (((1, 2048), (1, 350)), (None, (7, 7)), None)
    """
    found = _SECTION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    spans: list[Span] = []
    for whole, first, last in (found.groups()[:3], found.groups()[3:]):
        ends = None if whole else sorted((int(first), int(last or first)))
        spans.append(None if ends is None else (ends[0], ends[1]))
    return spans[0], spans[1]


def region_of(section: Section, shape: tuple[int, int]) -> Region | None:
    """
    Turn a section into slices ``(y, x)``, or None where it reaches beyond the image.

    Examples
    --------
    >>> region_of(((1, 20), None), (5, 24)), region_of(((0, 20), None), (5, 24))
    ((slice(0, 5, None), slice(0, 20, None)), None)
    """
    slices = []
    for span, size in zip(section[::-1], shape, strict=True):
        first, last = (1, size) if span is None else span
        if not 1 <= first <= last <= size:
            return None
        slices.append(slice(first - 1, last))
    return slices[0], slices[1]


def shifted(section: Section, by: tuple[int, int], size: tuple[int, int], binning: tuple[int, int]) -> Section:
    """
    Bring a section of the unbinned or of the whole image to a binned or cut one, ``(x, y)`` in all arguments.

    Parameters
    ----------
    section : Section
        As written.
    by : (int, int)
        Added to both ends, as ``LTV1`` and ``LTV2`` say.
    size : (int, int)
        Of the image: what was cut away is left out where pixels remain.
    binning : (int, int)
        Pixels that were added up, as ``CCDSUM`` says.

    Examples
    --------
    >>> shifted(((51, 2098), (1, 4096)), (0, 0), (1100, 2048), (2, 2))
    ((26, 1049), (1, 2048))
    """
    spans: list[Span] = []
    for span, offset, pixels, factor in zip(section, by, size, binning, strict=True):
        if span is None:
            spans.append(None)
            continue
        first, last = (span[0] - 1) // factor + 1 + offset, span[1] // factor + offset
        is_inside = offset and first <= pixels and last >= 1
        spans.append((max(first, 1), min(last, pixels)) if is_inside else (first, last))
    return spans[0], spans[1]


def cells(shape: tuple[int, int], taken: Iterable[Region]) -> list[Region]:
    """
    Cut what no region takes into rectangles.

    Examples
    --------
    >>> cells((4, 6), [(slice(0, 4), slice(0, 5))])
    [(slice(0, 4, None), slice(5, 6, None))]
    """
    regions = list(taken)
    bands = sorted({0, shape[0], *(end for rows, _ in regions for end in (rows.start, rows.stop))})
    rest: list[Region] = []
    for top, bottom in itertools.pairwise(bands):
        here = sorted((x.start, x.stop) for y, x in regions if y.start <= top and bottom <= y.stop)
        at = 0
        for start, stop in [*here, (shape[1], shape[1])]:
            if start > at:
                _append(rest, top, bottom, slice(at, start))
            at = max(at, stop)
    return rest


def _append(rest: list[Region], top: int, bottom: int, columns: slice) -> None:
    """Add a rectangle; one of the same columns just above it grows instead."""
    for number, (rows, others) in enumerate(rest):
        if rows.stop == top and others == columns:
            rest[number] = slice(rows.start, bottom), columns
            return
    rest.append((slice(top, bottom), columns))
