"""The pages: HTML files that need no network, of one file or of a whole night with a page for each file."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from astrocodec.analysis.report.charts import chart, draw_exposures, draw_noises
from astrocodec.analysis.report.image_report import ImageReport
from astrocodec.analysis.report.looks import SORTING, STYLE
from astrocodec.analysis.report.names import common_folder
from astrocodec.analysis.report.numbers import NOTHING, fixed, joined, percent, short_number
from astrocodec.analysis.report.reasons import Footnotes, reason
from astrocodec.files.printable import human_bytes, one_line

__all__ = ["Place", "page", "summary"]

Failures = Sequence[tuple[str, str]]
_LEAD = (
    "Every pixel of an image carries noise, and noise cannot be compressed. This page tells how much of the image is "
    "noise, how close its lossless size comes to that limit, and on which pixels the bits are spent."
)
_TERMS = {
    "noise floor": (
        "Bits per pixel that the noise alone takes, log2(s &radic;(2&pi;e)) for noise of s steps: no lossless codec "
        "can do better (Pence, Seaman &amp; White 2009)."
    ),
    "efficiency": (
        "Noise floor over bits per pixel. What is missing to 100 % is the sky's structure, the sources, the headers, "
        "and what the codec does not know."
    ),
    "bits of a pixel": (
        "Its code length in astrocodec's own lossless stream; with the headers they add up to the stream's size."
    ),
    "step for 1 % more noise": (
        "Rounding to this step would raise the background's noise by 1 %; fits-compress --noise-increase 1% adds as "
        "much, in fewer bits. It loses information: a suggestion only."
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a page stands among others: its heading, and links to that of all files and to its neighbours, if any."""

    title: str = ""
    up: str = ""
    before: str = ""
    after: str = ""


def page(
    reports: Sequence[ImageReport],
    sections: Iterable[str],
    failures: Failures = (),
    left_out: int = 0,
    *,
    links: Sequence[str] = (),
    place: Place | None = None,
) -> Iterator[str]:
    """Yield the page piece by piece, so that a night of images never lies in memory at once.

    Parameters
    ----------
    reports : sequence of ImageReport
        All images.
    sections : iterable of str
        From `image_section`, of those images that are shown in detail.
    failures : sequence of (str, str)
        Files or parts of files that could not be analysed, and why.
    left_out : int
        Images that have a line in the table, but no section.
    links : sequence of str
        Where the table's names lead, one for each report; empty for none.
    place : Place, optional
        The page among others.

    Examples
    --------
    >>> one = ImageReport("a<b", "", (2, 3), "uint16", "none", None, 12, 12, 9, 12 / 9, 12.0)
    >>> text = "".join(page([one], []))
    >>> text.startswith("<!DOCTYPE html>"), "a&lt;b" in text, "http" in text
    (True, True, False)
    """
    place = place or Place()
    title = place.title or (reports[0].title if len(reports) == 1 else f"{len(reports)} images")
    heading = f"Where the bits go{': ' if place.title else ''}{html.escape(one_line(place.title))}"
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Where the bits go: {html.escape(one_line(title))}</title><style>{STYLE}</style></head><body><main>"
        f"{_navigation(place)}<header><h1>{heading}</h1>{'' if place.up else f'<p>{_LEAD}</p>'}</header>"
    )
    has_table = len(reports) != 1 or (bool(links) and not links[0].startswith("#"))
    if has_table:
        yield summary(reports, links, "Images in this file" if place.up else "All images")
    if failures:
        items = "".join(
            f"<li><b>{html.escape(one_line(name))}</b>: {html.escape(one_line(why))}</li>" for name, why in failures
        )
        yield f'<section><h2>Without analysis</h2><ul class="notes">{items}</ul></section>'
    yield from sections
    if left_out:
        more = "1 more image has" if left_out == 1 else f"{left_out} more images have"
        yield f'<p class="facts">{more} a line in the table only; --details N shows more of them.</p>'
    terms = "".join(f"<dt>{name}</dt><dd>{meaning}</dd>" for name, meaning in _TERMS.items())
    yield f'<section><h2>Words</h2><dl class="words">{terms}</dl></section></main>'
    yield f"<script>{SORTING}</script></body></html>\n" if has_table else "</body></html>\n"


def _navigation(place: Place) -> str:
    steps = (("All files", place.up), ("Previous file", place.before), ("Next file", place.after))
    links = "".join(f'<a href="{html.escape(link, quote=True)}">{name}</a>' for name, link in steps if link)
    return f'<nav aria-label="Files">{links}</nav>' if links else ""


# Heading, the field to sort by, and the cell's text.
_COLUMNS: tuple[tuple[str, str, Callable[[ImageReport], str]], ...] = (
    ("in file", "file_bytes", lambda one: human_bytes(one.file_bytes)),
    ("coded", "coded_bytes", lambda one: human_bytes(one.coded_bytes)),
    ("ratio", "ratio", lambda one: f"{one.ratio:.2f}"),
    ("bits per pixel", "bits_per_pixel", lambda one: f"{one.bits_per_pixel:.2f}"),
    ("noise floor", "floor_bits", lambda one: fixed(one.floor_bits)),
    ("efficiency", "efficiency", lambda one: percent(one.efficiency)),
    ("bits on sources", "share_sources", lambda one: percent(one.share_sources)),
    ("noise", "noise", lambda one: fixed(one.noise)),
    ("exposure (s)", "exposure", lambda one: short_number(one.exposure or 0)),
    ("saved by the step", "saving", lambda one: percent(one.saving)),
)


def summary(reports: Sequence[ImageReport], links: Sequence[str] = (), heading: str = "All images") -> str:
    """Lay out many images as an HTML section: totals, charts over all of them, and a table that can be sorted."""
    if not reports:
        return "<section><h2>No images</h2></section>"
    raw, coded = (sum(values) for values in zip(*((one.raw_bytes, one.coded_bytes) for one in reports), strict=True))
    held = sum(one.file_bytes for one in reports)
    pixels = sum(one.shape[0] * one.shape[1] for one in reports)
    floors = [(one.floor_bits, one.shape[0] * one.shape[1]) for one in reports if one.floor_bits is not None]
    floor = sum(bits * n for bits, n in floors) / sum(n for _, n in floors) if floors else None
    tiles = (
        ("images", str(len(reports)), f"{pixels / 1e6:.1f} Mpixel"),
        ("coded losslessly", human_bytes(coded), f"of {human_bytes(raw)}, ratio {raw / max(coded, 1):.2f}"),
        ("in the files now", human_bytes(held), f"{percent(held / max(raw, 1))} of the pixels' size"),
        ("bits per pixel", f"{8 * coded / max(pixels, 1):.2f}", f"noise floor {fixed(floor)}"),
    )
    cells = "".join(
        f"<div><dt>{name}</dt><dd><b>{value}</b><span>{more}</span></dd></div>" for name, value, more in tiles
    )
    charts = "".join(_charts(reports))
    folder = common_folder([one.file for one in reports])
    units = {one.unit for one in reports if one.noise is not None}
    unit = units.pop() if len(units) == 1 else ""
    notes = Footnotes()
    rows = "".join(
        _row(one, one.title.removeprefix(folder), link, unit, notes)
        for one, link in zip(reports, links or [""] * len(reports), strict=True)
    )
    heading_unit = f"<small> ({html.escape(one_line(unit))})</small>" if unit else ""
    heads = "".join(
        f'<th scope="col" class="n">{name}{heading_unit if field == "noise" else ""}</th>'
        for name, field, _ in _COLUMNS
    )
    reasons = "".join(f'<li id="why-{mark}"><b>{mark}</b> {html.escape(one_line(text))}</li>' for mark, text in notes)
    where = f'<p class="facts">in {html.escape(one_line(folder))}</p>' if folder else ""
    return (
        f'<section><h2>{heading}</h2>{where}<dl class="tiles">{cells}</dl><div class="charts">{charts}</div>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of all images"><table class="all">'
        f'<thead><tr><th scope="col">image</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{f'<h3>Why a cell is empty</h3><ul class=why>{reasons}</ul>' if reasons else ''}</section>"
    )


def _row(one: ImageReport, title: str, link: str, unit: str, notes: Footnotes) -> str:
    cells = []
    for _, field, text in _COLUMNS:
        value = getattr(one, field)
        if value is None:
            mark = notes.mark(reason(one, field))
            shows = f'{NOTHING}<a class="mark" href="#why-{mark}">{mark}</a>'
        else:
            shows = html.escape(text(one))
            if field == "noise" and not unit:
                shows += f"<small>{html.escape(joined('', one.unit))}</small>"
        cells.append(f'<td class="n" data-v="{"" if value is None else f"{value:.6g}"}">{shows}</td>')
    name = html.escape(one_line(title))
    if link:
        name = f'<a href="{html.escape(link, quote=True)}">{name}</a>'
    return f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _charts(reports: Sequence[ImageReport]) -> Iterator[str]:
    """Figures 2 and 5 of the AstroCompress benchmark, where enough is known."""
    timed = [(one.exposure, one.ratio) for one in reports if one.exposure is not None]
    if len(timed) > 1:
        yield chart("Exposure time and compression ratio", lambda axes: draw_exposures(axes, *zip(*timed, strict=True)))
    noisy = [(one.noise_steps, one.bits_per_pixel) for one in reports if one.noise_steps]
    if len(noisy) > 1:
        yield chart("Noise and bits per pixel", lambda axes: draw_noises(axes, *zip(*noisy, strict=True)))
