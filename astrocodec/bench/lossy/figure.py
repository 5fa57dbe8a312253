"""Rate-distortion curves as a picture: bits per pixel against the noise that is added, an image in each chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from astrocodec.analysis.report.figure_style import ACCENT, QUIET, SOURCE, WARM, new_figure, plain_log, png_of, spaced
from astrocodec.bench.lossy.curves import BASE, curves
from astrocodec.bench.lossy.measure import Row

__all__ = ["lossy_figure"]

# Colour, line and marker of each codec; ours have the strong ones, further ones of ours the next.
_OURS = ((SOURCE, "-", "o"), (ACCENT, "-", "s"), (WARM, "-", "D"))
_OTHERS = {
    BASE: ("#1b1b1b", "--", "s"),
    "HCOMPRESS": ("#1b1b1b", ":", "^"),
    "HCOMPRESS, scale 2.5": (QUIET, ":", "v"),
    "SZ3": ("#009e73", "-", "P"),
    "SPERR": ("#cc79a7", "-", "X"),
    "SPERR, PSNR": ("#cc79a7", ":", "x"),
    "ZFP": (QUIET, "-", "d"),
    "JPEG-2000": ("#56b4e9", "-", "<"),
    "JPEG-XL": ("#56b4e9", ":", ">"),
    "JPEG-LS near": ("#56b4e9", "--", "*"),
}
_LOW, _HIGH = 8e-4, 0.15  # added variance that is shown
_COLUMNS = 3


def lossy_figure(
    rows: Sequence[Row], ours: Sequence[str], *, images: Sequence[tuple[str, str]] | None = None, dpi: int = 110
) -> bytes:
    """
    Draw the curves.

    Parameters
    ----------
    rows : sequence of Row
        What was measured.
    ours : sequence of str
        Names of our own codecs, the best first.
    images : sequence of (str, str), optional
        Names and kinds of the images to show; by default all.
    dpi : int, optional
        Pixels per inch.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    ValueError
        Nothing was measured.
    """
    by_image = curves(rows)
    shown = [image for image in (images or by_image) if image in by_image]
    if not shown:
        raise ValueError("nothing was measured: there is no curve to draw")
    styles = dict(zip(ours, _OURS, strict=False)) | _OTHERS
    columns = min(_COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    with new_figure(4.2 * columns + 0.4, 3.1 * lines + 0.9, for_page=False) as figure:
        charts = figure.subplots(lines, columns, squeeze=False)
        drawn = {}
        for axes, image in zip(charts.ravel(), shown, strict=False):
            for codec in (name for name in styles if name in by_image[image]):
                curve, (colour, line, marker) = by_image[image][codec], styles[codec]
                within = [(d, b) for d, b in zip(curve.added, curve.bits, strict=True) if _LOW <= d <= _HIGH]
                if within:
                    places = [100 * d for d, _ in within], [b for _, b in within]
                    width = 2.0 if codec in ours else 1.1
                    (drawn[codec],) = axes.plot(*places, color=colour, ls=line, marker=marker, ms=4, lw=width)
            axes.set_title(image[0] if image[1] in ("float", "file") else f"{image[0]} ({image[1]})", loc="left")
            axes.set_xlim(100 * _LOW, 100 * _HIGH)
            plain_log(axes.xaxis)
            spaced(axes.yaxis)
            axes.set_xlabel("added variance, % of the noise's")
            axes.set_ylabel("bits per pixel")
        for axes in charts.ravel()[len(shown) :]:
            axes.set_visible(False)
        order = [codec for codec in styles if codec in drawn]
        figure.legend([drawn[codec] for codec in order], order, loc="outside upper left", ncols=min(6, len(order)))
        return png_of(figure, dpi=dpi)
