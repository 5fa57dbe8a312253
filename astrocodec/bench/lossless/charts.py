"""Figures 2 and 5 of the paper, of what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from astrocodec.analysis.report.charts import draw_noises
from astrocodec.analysis.report.figure_style import ACCENT, QUIET, SOURCE, WARM, new_figure, plain_log, png_of, spaced
from astrocodec.analysis.report.numbers import short_number
from astrocodec.bench.lossless.contenders import CODECS
from astrocodec.bench.lossless.rows import Row

__all__ = ["drawings", "lossless_figure"]

Drawing = tuple[str, Callable[[Any], str]]
_REPRESENTATIVE = "JPEG-LS"  # of the codecs, as in the paper's Figure 5
_STYLES = {
    "causal, tuned": (SOURCE, "o"),
    "causal": (WARM, "o"),
    "IDF": (ACCENT, "s"),
    "PixelCNN++": (ACCENT, "^"),
    "L3C": (ACCENT, "v"),
    "VDM": (ACCENT, "D"),
    "JPEG-XL max": (QUIET, "P"),
    "JPEG-2000": (QUIET, "x"),
    "RICE": (QUIET, "+"),
}


def drawings(rows: Sequence[Row]) -> Iterator[Drawing]:
    """Titles, and what draws into axes and says in words what one sees; those of which enough is known."""
    rows = [row for row in rows if row.part == "ratios" and row.bytes]
    timed = [row for row in rows if row.exposure and row.codec in _STYLES]
    if len({(row.dataset, row.image) for row in timed}) > 1:
        yield "Exposure time and compression ratio (the paper's Figure 2)", lambda axes: _exposures(axes, timed)
    known = [codec for codec in (_REPRESENTATIVE, *CODECS) if any(row.codec == codec and row.noise for row in rows)]
    noisy = [(row.noise, row.bits) for row in rows if row.noise and known and row.codec == known[0]]
    if len(noisy) > 1:
        noises, bits = zip(*noisy, strict=True)
        yield (
            f"Noise and bits per pixel of {known[0]} (the paper's Figure 5)",
            lambda axes: draw_noises(axes, noises, bits),
        )


def _exposures(axes: Any, rows: Sequence[Row]) -> str:
    """Ratio against exposure time, an image and codec each."""
    for codec, (colour, marker) in _STYLES.items():
        mine = [row for row in rows if row.codec == codec]
        places = [row.exposure for row in mine], [row.ratio for row in mine]
        if mine:
            axes.plot(*places, marker, color=colour, ms=4, alpha=0.8, label=codec)
    times = [row.exposure or 0.0 for row in rows]
    if max(times) > 3 * min(times):
        plain_log(axes.xaxis)
    else:
        spaced(axes.xaxis)
    axes.set_xlabel("exposure time (s)")
    axes.set_ylabel("compression ratio")
    axes.set_ylim(0, 1.15 * max(row.ratio or 0.0 for row in rows))
    spaced(axes.yaxis)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0, fontsize=7, handlelength=1)
    images = len({(row.dataset, row.image) for row in rows})
    return f"{images} images of {short_number(min(times))} to {short_number(max(times))} s."


def lossless_figure(rows: Sequence[Row]) -> bytes:
    """Both as a PNG; ValueError where too little is known."""
    found = list(drawings(rows))
    if not found:
        raise ValueError("exposure time and noise of two images at least are needed for a picture")
    with new_figure(5.2 * len(found), 3.8, for_page=False) as figure:
        for axes, (title, draw) in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
            draw(axes)
            axes.set_title(title, loc="left", size=9, pad=46)
        return png_of(figure, colours=64)
