"""Looks that all figures share: colours that the colour-blind tell apart, SVG that takes the page's own text colour."""

from __future__ import annotations

import html
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from astrocodec.analysis.extra import require

__all__ = [
    "ACCENT",
    "INK",
    "QUIET",
    "SOURCE",
    "WARM",
    "new_figure",
    "plain_log",
    "png_of",
    "spaced",
    "styled",
    "svg_of",
]

# Okabe & Ito's palette: told apart by the colour-blind, at least 3:1 against white and against #16181d.
ACCENT = "#2b7bba"
SOURCE = "#d55e00"
WARM = "#b8860b"
QUIET = "#7d8590"
INK = "#010203"  # stands for the text colour of the page that an SVG is put into

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "astrocodec",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # names and units may hold a dollar sign
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#7d8590",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.7,
    "legend.frameon": False,
    "image.interpolation": "antialiased",
}
_TEXTS = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color")


@contextmanager
def styled(ink: str = "black") -> Iterator[None]:
    """Draw in the common style, text in the colour `ink`; everything is undone at the end."""
    matplotlib = require("matplotlib")
    with matplotlib.rc_context({**_STYLE, **dict.fromkeys(_TEXTS, ink)}):
        yield


@contextmanager
def new_figure(width: float, height: float, *, for_page: bool = True) -> Iterator[Any]:
    """Yield an empty figure of so many inches, which no window system sees.

    `for_page` is for `svg_of`, transparent and in the page's text colour; otherwise black on white for `png_of`.

    Examples
    --------
    >>> with new_figure(3, 2) as figure:
    ...     line = figure.add_subplot().plot([1, 2])
    ...     "currentColor" in svg_of(figure, "A line", "It rises.")
    True
    """
    with styled(INK if for_page else "black"):
        figure = require("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
        require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
        figure.patch.set_facecolor("none" if for_page else "white")
        yield figure


def spaced(*axes_of: Any, names: Sequence[str] | None = None) -> None:
    """Give axes, such as ``axes.xaxis``, numbers or names at their ticks that never lie over each other, at any size.

    Ticks and scale are as they should be before.

    Examples
    --------
    >>> with new_figure(3, 2) as figure:
    ...     axes = figure.add_subplot()
    ...     line = axes.plot([0, 3e9], [0, 1])
    ...     spaced(axes.xaxis, axes.yaxis)
    ...     figure.canvas.draw()
    ...     [label.get_text() for label in axes.get_xticklabels()][1:-1]
    ['0', '1e9', '2e9', '3e9']
    """
    require("matplotlib")
    from astrocodec.analysis.report.figure_ticks import SpacedFormatter

    for axis in axes_of:
        axis.set_major_formatter(SpacedFormatter(over_decades=axis.get_scale() != "linear", names=names))


def plain_log(axis: Any) -> None:
    """Give a logarithmic axis, x or y, numbers that are read at once: 1, 2, 5, 10 or, over decades, 1, 10, 100."""
    ticker = require("matplotlib.ticker")
    name = axis.axis_name
    getattr(axis.axes, f"set_{name}scale")("log")
    low, high = getattr(axis.axes, f"get_{name}lim")()
    for subs in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), tuple(range(1, 10))):
        axis.set_major_locator(ticker.LogLocator(subs=subs))
        if sum(low <= place <= high for place in axis.get_major_locator().tick_values(low, high)) > 3:
            break
    axis.set_minor_locator(ticker.NullLocator())
    spaced(axis)


def svg_of(figure: Any, title: str, description: str, *, dpi: int = 120, key: str = "") -> str:
    """Return a figure as SVG to stand in an HTML page, named and described for screen readers.

    `dpi` is that of what is drawn as pixels; `key` is unlike those of figures on the page that may be equal to it.
    """
    target = io.StringIO()
    for axes in figure.axes:
        axes.patch.set_facecolor("none")
    figure.savefig(
        target, format="svg", dpi=dpi, metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
    )
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?:xml:space="preserve"|version="[^"]*"|xmlns="[^"]*")\s?', "", text)
    text = text.replace(INK, "currentColor")
    # One page holds many figures: names of clip paths and markers must differ.
    mark = f"f{zlib.crc32((key + title + description + text).encode()):08x}"
    text = re.sub(r'\bid="([^"]+)"', rf'id="{mark}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{mark}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{mark}-\1"', text)
    label = f"<title>{html.escape(title)}</title><desc>{html.escape(description)}</desc>"
    head, rest = text.split(">", 1)
    head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
    named = html.escape(f"{title}. {description}", quote=True)
    return f'{head} role="img" aria-label="{named}">{label}{rest}'


def png_of(figure: Any, *, dpi: int = 110, colours: int | None = None) -> bytes:
    """Return a figure as PNG; a palette of few colours makes pictures of noise a good deal smaller."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    if colours is None:
        return target.getvalue()
    picture = require("PIL.Image").open(target).convert("RGB").quantize(colours, method=1, dither=0)
    target = io.BytesIO()
    picture.save(target, format="PNG", optimize=True)
    return target.getvalue()
