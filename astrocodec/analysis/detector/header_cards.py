"""Amplifiers and overscan as the cards of a FITS header tell them, in the conventions of several observatories.

``DATASEC``, ``BIASSEC``, ``TRIMSEC`` and the sections of pre- and overscan name one part of an image; with an
amplifier's letter or number behind them (``BIASSECA``, ``DATASEC2``, ``DSEC21`` and ``BSEC21`` of ARCON) several.
``CCDSEC`` and ``DETSEC`` count the pixels of the detector: with ``LTV`` and ``CCDSUM`` they lead to those of the image.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from astrocodec.analysis.background import Region
from astrocodec.analysis.detector.amplifiers import Amplifiers
from astrocodec.analysis.detector.sections import Section, cells, parse_section, region_of, shifted

__all__ = ["layout_of_cards"]

_KINDS = {
    "data": re.compile(r"DATASEC([A-Z]|\d{1,2})?|DSEC(\d\d)"),
    "trim": re.compile(r"TRIMSEC([A-Z]|\d{1,2})?|TSEC(\d\d)"),
    "bias": re.compile(r"(?:BIASSEC|OVERSEC|OSCANSEC|OVSCNSEC)([A-Z]|\d{1,2})?|BSEC(\d\d)"),
    "post": re.compile(r"POSTSEC([A-Z]|\d{1,2})?"),
    "pre": re.compile(r"PRESEC([A-Z]|\d{1,2})?"),
    "ccd": re.compile(r"CCDSEC([A-Z]|\d)?|CSEC(\d\d)"),
    "detector": re.compile(r"DETSEC([A-Z]|\d)?"),
}
_PLAIN = re.compile(r"CCDSUM|LT[MV][12](?:_[12])?|AMPSROW|AMPSCOL|COVER|INHERIT")
# What observatories write where they do not know: no card, rather than a wrong one.
_UNKNOWN = {"", "UNKNOWN", "UNDEFINED", "NONE", "N/A", "NA", "NULL", "[]", "[0:0,0:0]", "[1:0,1:0]"}
# A smaller part of the image is none that the rest is measured against.
_LEAST_DATA = 0.05


@dataclass
class _Cards:
    """Cards of interest: sections by kind and amplifier, other values by keyword, and what cannot be used."""

    sections: dict[str, dict[str, tuple[str, Section]]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, tuple[str, Section]]:
        return self.sections.get(kind, {})


def layout_of_cards(
    header: Mapping[str, Any], shape: tuple[int, int], primary: Mapping[str, Any] | None = None
) -> tuple[Amplifiers | None, tuple[str, ...]]:
    """
    Find amplifiers and overscan of an image by its cards.

    Parameters
    ----------
    header : mapping
        Of the image.
    shape : (int, int)
        Rows and columns of the image.
    primary : mapping, optional
        Of the file's primary HDU, whose cards count where the image has none and says ``INHERIT = T``.

    Returns
    -------
    layout : Amplifiers or None
        None where the cards do not tell.
    notes : tuple of str
        Which cards told, and which could not be used.

    Examples
    --------
    >>> cards = {"DATASEC": "[1:2048,1:350]", "BIASSEC": "[2049:2112,1:350]"}
    >>> layout, notes = layout_of_cards(cards, (350, 2112))
    >>> layout.overscan, notes
    (((slice(0, 350, None), slice(2048, 2112, None)),), ('amplifiers and overscan are those of DATASEC and BIASSEC',))
    """
    cards = _read(header)
    if not cards.sections and primary is not None and cards.values.get("INHERIT") is True:
        inherited = _read(primary)
        cards.sections, cards.notes = inherited.sections, inherited.notes
        cards.values = inherited.values | cards.values
    elif primary is not None and "CCDSUM" not in cards.values:
        cards.values |= {key: value for key, value in _read(primary).values.items() if key == "CCDSUM"}
    layout, used = _layout(cards, shape)
    if layout is not None:
        cards.notes.insert(0, f"amplifiers and overscan are those of {_listed(used)}")
    elif cards.notes:
        cards.notes.append("amplifiers and overscan are those that steps in the image show")
    return layout, tuple(cards.notes)


def _listed(names: Iterable[str]) -> str:
    """Names as a sentence has them; of many the first ones."""
    *first, last = dict.fromkeys(names)
    if len(first) > 5:
        first = [*first[:3], "..."]
    return f"{', '.join(first)} and {last}" if first else last


def _read(header: Mapping[str, Any]) -> _Cards:
    cards = _Cards()
    for keyword in dict.fromkeys(map(str, header)):
        name = keyword.upper()
        kinds = ((kind, pattern.fullmatch(name)) for kind, pattern in _KINDS.items())
        kind, found = next(((kind, match) for kind, match in kinds if match), ("", None))
        if not kind and not _PLAIN.fullmatch(name):
            continue
        value = header[keyword]
        if found is None:
            cards.values[name] = value
        elif isinstance(value, str) and "".join(value.upper().split()) not in _UNKNOWN:
            section = parse_section(value)
            if section is None:
                cards.notes.append(f"{name} is {value.strip()!r}: not a section")
            else:
                suffix = next((group for group in found.groups() if group), "")
                cards.sections.setdefault(kind, {}).setdefault(suffix, (name, section))
    return cards


def _layout(cards: _Cards, shape: tuple[int, int]) -> tuple[Amplifiers | None, list[str]]:
    """Regions from sections, or from the place on the detector; and the names of the cards that told."""
    placed = _placed(cards, shape)
    data = _by_amplifier(placed.get("data") or placed.get("trim") or {})
    bias = _by_amplifier(placed.get("bias") or placed.get("post") or placed.get("pre") or {})
    if not data and not bias:
        data = _of_detector(cards, shape)
    if not data and not bias:
        return None, []
    regions = {suffix: region for suffix, (_, region) in data.items()}
    if _overlap(list(regions.values())):
        cards.notes.append(f"{_listed(name for name, _ in data.values())} overlap")
        return None, []
    used = [name for name, _ in data.values()]
    overscan: dict[str, Region] = {}
    for suffix, (name, region) in bias.items():
        if _overlap([region, *regions.values()]) or _overlap([region, *overscan.values()]):
            cards.notes.append(f"{name} overlaps another section")
            continue
        overscan[suffix] = region
        used.append(name)
    if not regions:
        regions = _beside(shape, list(overscan.values()))
    covered = sum((y.stop - y.start) * (x.stop - x.start) for y, x in regions.values())
    if covered < _LEAST_DATA * shape[0] * shape[1]:
        cards.notes.append(f"{used[0] if used else 'BIASSEC'} leaves {covered} pixels with light: too few to be true")
        return None, []
    regions, overscan = _divided(cards, shape, regions, overscan)
    return _assembled(shape, regions, overscan), used


def _by_amplifier(found: dict[str, tuple[str, Region]]) -> dict[str, tuple[str, Region]]:
    """Sections of single amplifiers where there are any; the one without a letter is then that of the whole image."""
    named = {suffix: entry for suffix, entry in found.items() if suffix}
    return named or found


def _placed(cards: _Cards, shape: tuple[int, int]) -> dict[str, dict[str, tuple[str, Region]]]:
    """Sections as regions of the image: as written, else of the unbinned image, else of one that was cut."""
    kinds = ("data", "trim", "bias", "post", "pre")
    size = (shape[1], shape[0])
    binning, cut = _binning(cards.values), _cut(cards.values)
    ways = [((0, 0), (1, 1), "")]
    if binning != (1, 1):
        ways.append(((0, 0), binning, "sections count unbinned pixels"))
    if cut != (0, 0):
        ways.append((cut, (1, 1), "sections count pixels of the image before it was cut"))
    trials = []
    for by, factor, said in ways:
        placed: dict[str, dict[str, tuple[str, Region]]] = {}
        outside = []
        for kind in kinds:
            for suffix, (name, section) in cards.of(kind).items():
                region = region_of(shifted(section, by, size, factor), shape)
                if region is None:
                    outside.append(name)
                else:
                    placed.setdefault(kind, {})[suffix] = (name, region)
        trials.append((outside, placed, said))
        if not outside:
            break
    fitting = [trial for trial in trials if not trial[0]]
    outside, placed, said = fitting[0] if fitting else trials[0]
    written = {name: section for kind in kinds for name, section in cards.of(kind).values()}
    for name in outside:
        ends = ",".join("*" if span is None else f"{span[0]}:{span[1]}" for span in written[name])
        cards.notes.append(f"{name} [{ends}] reaches beyond the image of {size[0]} x {size[1]} pixels")
    if said and placed:
        cards.notes.append(said)
    return placed


def _binning(values: Mapping[str, Any]) -> tuple[int, int]:
    """``CCDSUM``, as a text of two numbers or as one number."""
    numbers = re.findall(r"\d+", str(values.get("CCDSUM", "1")).split(".")[0])[:2] or ["1"]
    x, y = int(numbers[0]), int(numbers[-1])
    return (x, y) if 1 <= x <= 64 and 1 <= y <= 64 else (1, 1)


def _cut(values: Mapping[str, Any]) -> tuple[int, int]:
    """What to add to places in the whole image for those in one that was cut out of it: whole negative numbers."""
    found = []
    for axis in (1, 2):
        offset, scale = values.get(f"LTV{axis}", 0), values.get(f"LTM{axis}_{axis}", 1)
        is_plain = all(isinstance(v, int | float) for v in (offset, scale)) and scale == 1
        found.append(round(offset) if is_plain and -1e6 < offset < 0 and offset == round(offset) else 0)
    return found[0], found[1]


def _of_detector(cards: _Cards, shape: tuple[int, int]) -> dict[str, tuple[str, Region]]:
    """The image's part of the chip, where ``LTV`` places it in the image or its size is the image's."""
    x_bin, y_bin = _binning(cards.values)
    sections = {**cards.of("detector"), **cards.of("ccd")}
    name, section = sections.get("", ("", (None, None)))
    if section[0] is None or section[1] is None:
        return {}
    if name == "CCDSEC" and "LTV1" in cards.values:
        region = _by_transform(cards.values, section)
        found = None if region is None else region_of(region, shape)
        if found is not None:
            return {"": (name, found)}
    pixels = tuple((last - first + 1) // bins for (first, last), bins in zip(section, (x_bin, y_bin), strict=True))  # type: ignore[misc]
    if pixels == (shape[1], shape[0]):
        return {"": (name, (slice(0, shape[0]), slice(0, shape[1])))}
    return {}


def _by_transform(values: Mapping[str, Any], section: Section) -> Section | None:
    """Pixels of the chip to those of the image: ``LTM`` times the place plus ``LTV``, of edges and not of middles."""
    spans = []
    for axis, span in zip((1, 2), section, strict=True):
        offset, scale = values.get(f"LTV{axis}", 0), values.get(f"LTM{axis}_{axis}", 1)
        if span is None or not all(isinstance(v, int | float) for v in (offset, scale)) or not 0 < abs(scale) <= 1:
            return None
        if not abs(offset) < 1e6:
            return None
        ends = sorted(scale * edge + offset for edge in (span[0] - 0.5, span[1] + 0.5))
        spans.append((round(ends[0] + 0.5), round(ends[1] - 0.5)))
    return spans[0], spans[1]


def _overlap(regions: list[Region]) -> bool:
    return any(
        a[0].start < b[0].stop and b[0].start < a[0].stop and a[1].start < b[1].stop and b[1].start < a[1].stop
        for number, a in enumerate(regions)
        for b in regions[number + 1 :]
    )


def _beside(shape: tuple[int, int], overscan: list[Region]) -> dict[str, Region]:
    """With overscan alone known: the widest rectangle beside it, and others half as large."""
    rest = cells(shape, overscan)
    areas = [(y.stop - y.start) * (x.stop - x.start) for y, x in rest]
    return {str(number): region for number, region in enumerate(rest) if areas[number] > 0.5 * max(areas)}


def _divided(
    cards: _Cards, shape: tuple[int, int], data: dict[str, Region], overscan: dict[str, Region]
) -> tuple[dict[str, Region], dict[str, Region]]:
    """One section of several amplifiers (``AMPSROW``, ``AMPSCOL`` of Lick), whose overscans stand side by side."""
    columns, rows = cards.values.get("AMPSROW"), cards.values.get("AMPSCOL", 1)
    if len(data) != 1 or not isinstance(columns, int) or columns not in (1, 2, 4) or rows != 1 or columns == 1:
        return data, overscan
    rows_of, span = next(iter(data.values()))
    beside = next(iter(overscan.values()), (rows_of, slice(span.stop, shape[1])))
    parts = _side_by_side(rows_of, span, columns)
    rows_beside, span_beside = beside
    return (parts or data), (_side_by_side(rows_beside, span_beside, columns) if parts else {}) or overscan


def _side_by_side(rows: slice, columns: slice, count: int) -> dict[str, Region]:
    """As many parts of one width, none where it does not divide."""
    width, rest = divmod(columns.stop - columns.start, count)
    if rest or not width:
        return {}
    edges = [columns.start + n * width for n in range(count + 1)]
    return {str(n): (rows, slice(*ends)) for n, ends in enumerate(itertools.pairwise(edges))}


def _widest_beside(data: Region, rest: list[Region]) -> Region | None:
    """Of what has no light in the same rows, the widest part."""
    beside = [region for region in rest if region[0] == data[0]]
    return max(beside, key=lambda region: region[1].stop - region[1].start, default=None)


def _assembled(shape: tuple[int, int], data: dict[str, Region], overscan: dict[str, Region]) -> Amplifiers:
    """What is in no section has no light either: prescan, or pixels that the observatory leaves out."""
    rest = cells(shape, [*data.values(), *overscan.values()])
    every = [*data.values(), *overscan.values(), *rest]
    rows, columns = (
        sorted({end for region in every for end in (region[axis].start, region[axis].stop)} - {0, shape[axis]})
        for axis in (0, 1)
    )
    only = next(iter(overscan.values())) if len(overscan) == 1 else None
    if overscan:
        paired = tuple(overscan.get(suffix, only) for suffix in data)
    else:
        paired = tuple(_widest_beside(region, rest) for region in data.values())
    return Amplifiers(tuple(columns), tuple(rows), tuple(data.values()), (*overscan.values(), *rest), paired)
