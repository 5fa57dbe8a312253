"""The page: one HTML file that needs no network, for one image or for a whole night."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Sequence

from astrocodec.analysis.image_report import ImageReport
from astrocodec.analysis.report_charts import chart, draw_exposures, draw_noises
from astrocodec.analysis.report_looks import SORTING, STYLE
from astrocodec.analysis.report_numbers import fixed, percent, size

__all__ = ["page", "summary"]

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
        "Rounding to this step would raise the background's noise by 1 %. It loses information: a suggestion only."
    ),
}


def page(
    reports: Sequence[ImageReport], sections: Iterable[str], failures: Failures = (), left_out: int = 0
) -> Iterator[str]:
    """
    Yield the page piece by piece, so that a night of images never lies in memory at once.

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

    Yields
    ------
    str
        HTML.

    Examples
    --------
    >>> one = ImageReport("a<b", "", (2, 3), "uint16", "none", None, 12, 12, 9, 12 / 9, 12.0)
    >>> text = "".join(page([one], []))
    >>> text.startswith("<!DOCTYPE html>"), "a&lt;b" in text, "http" in text
    (True, True, False)
    """
    title = reports[0].title if len(reports) == 1 else f"{len(reports)} images"
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Where the bits go: {html.escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>Where the bits go</h1><p>{_LEAD}</p></header>"
    )
    if len(reports) != 1:
        yield summary(reports)
    if failures:
        items = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(reason)}</li>" for name, reason in failures)
        yield f'<section><h2>Without analysis</h2><ul class="notes">{items}</ul></section>'
    yield from sections
    if left_out:
        more = f"{left_out} more images have a line in the table only; --details N shows more of them."
        yield f'<p class="facts">{more}</p>'
    terms = "".join(f"<dt>{name}</dt><dd>{meaning}</dd>" for name, meaning in _TERMS.items())
    yield f'<section><h2>Words</h2><dl class="words">{terms}</dl></section></main>'
    yield f"<script>{SORTING}</script></body></html>\n" if len(reports) > 1 else "</body></html>\n"


# Heading, the cell's text, and the number to sort by.
_COLUMNS: tuple[tuple[str, Callable[[ImageReport], str], Callable[[ImageReport], float | None]], ...] = (
    ("in file", lambda one: size(one.file_bytes), lambda one: one.file_bytes),
    ("coded", lambda one: size(one.coded_bytes), lambda one: one.coded_bytes),
    ("ratio", lambda one: f"{one.ratio:.2f}", lambda one: one.ratio),
    ("bits/pixel", lambda one: f"{one.bits_per_pixel:.2f}", lambda one: one.bits_per_pixel),
    ("noise floor", lambda one: fixed(one.floor_bits), lambda one: one.floor_bits),
    ("efficiency", lambda one: percent(one.efficiency), lambda one: one.efficiency),
    ("bits on sources", lambda one: percent(one.share_sources), lambda one: one.share_sources),
    ("noise (ADU)", lambda one: fixed(one.noise), lambda one: one.noise),
    ("exposure (s)", lambda one: "-" if one.exposure is None else f"{one.exposure:g}", lambda one: one.exposure),
    ("saved by the step", lambda one: percent(one.saving), lambda one: one.saving),
)


def summary(reports: Sequence[ImageReport]) -> str:
    """
    Lay out many images: totals, charts over all of them, and a table that can be sorted.

    Parameters
    ----------
    reports : sequence of ImageReport
        The images.

    Returns
    -------
    str
        An HTML section.
    """
    if not reports:
        return "<section><h2>No images</h2></section>"
    raw, coded = (sum(values) for values in zip(*((one.raw_bytes, one.coded_bytes) for one in reports), strict=True))
    held = sum(one.file_bytes for one in reports)
    pixels = sum(one.shape[0] * one.shape[1] for one in reports)
    floors = [(one.floor_bits, one.shape[0] * one.shape[1]) for one in reports if one.floor_bits is not None]
    floor = sum(bits * n for bits, n in floors) / sum(n for _, n in floors) if floors else None
    tiles = (
        ("images", str(len(reports)), f"{pixels / 1e6:.1f} Mpixel"),
        ("coded losslessly", size(coded), f"of {size(raw)}, ratio {raw / max(coded, 1):.2f}"),
        ("in the files now", size(held), f"{percent(held / max(raw, 1))} of the pixels' size"),
        ("bits per pixel", f"{8 * coded / max(pixels, 1):.2f}", f"noise floor {fixed(floor)}"),
    )
    cells = "".join(
        f"<div><dt>{name}</dt><dd><b>{value}</b><span>{more}</span></dd></div>" for name, value, more in tiles
    )
    charts = "".join(_charts(reports))
    heads = "".join(f'<th scope="col" class="n">{name}</th>' for name, _, _ in _COLUMNS)
    rows = "".join(_row(one) for one in reports)
    return (
        f'<section><h2>All images</h2><dl class="tiles">{cells}</dl><div class="charts">{charts}</div>'
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of all images"><table class="all">'
        f'<thead><tr><th scope="col">image</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _row(one: ImageReport) -> str:
    cells = []
    for _, text, number in _COLUMNS:
        value = number(one)
        cells.append(f'<td class="n" data-v="{"" if value is None else f"{value:.6g}"}">{html.escape(text(one))}</td>')
    return f'<tr><th scope="row">{html.escape(one.title)}</th>{"".join(cells)}</tr>'


def _charts(reports: Sequence[ImageReport]) -> Iterator[str]:
    """Figures 2 and 5 of the AstroCompress benchmark, where enough is known."""
    timed = [(one.exposure, one.ratio) for one in reports if one.exposure is not None]
    if len(timed) > 1:
        yield chart("Exposure time and compression ratio", lambda axes: draw_exposures(axes, *_columns(timed)))
    noisy = [(one.noise_steps, one.bits_per_pixel) for one in reports if one.noise_steps]
    if len(noisy) > 1:
        yield chart("Noise and bits per pixel", lambda axes: draw_noises(axes, *_columns(noisy)))


def _columns(pairs: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
