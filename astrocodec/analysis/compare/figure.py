"""The comparison as one picture: A, B, what is different, and where the signal is."""

from __future__ import annotations

import numpy as np

from astrocodec.analysis.compare.charts import draw_fluxes, draw_histogram, draw_spectrum
from astrocodec.analysis.compare.comparison import Comparison
from astrocodec.analysis.report.figure_style import new_figure, png_of
from astrocodec.analysis.report.maps import ColourMap, balanced, displayed, enlarged, scored
from astrocodec.analysis.report.names import shortened

__all__ = ["compare_figure", "comparison_maps"]

_TITLE = 46  # characters over a map


def comparison_maps(comparison: Comparison) -> list[tuple[str, str, ColourMap]]:
    """List title, unit and map of A, B and the residual, and of the signal-to-noise ratio where there is one."""
    pixels = comparison.pixels
    if pixels is None:
        return []
    unit = comparison.unit
    first = displayed(pixels.a, pixels.lit)
    maps = [
        ("A", f"{unit}, zscale", first),
        ("B", f"{unit}, as A", displayed(pixels.b, pixels.lit, (first.low, first.high))),
        ("Residual B - A", unit, balanced(pixels.residual, "RdBu_r")),
    ]
    if pixels.snr is not None:
        snr = np.where(np.isfinite(pixels.snr), pixels.snr, np.nan)
        maps.append(("SNR of A", "per pixel", scored(snr, "viridis", pixels.lit)))
    return maps


def compare_figure(
    comparison: Comparison, *, names: tuple[str, str] = ("A", "B"), dpi: int = 110, colours: int | None = None
) -> bytes:
    """
    Draw a comparison.

    Parameters
    ----------
    comparison : Comparison
        From `compare`.
    names : (str, str)
        What A and B are.
    dpi : int, optional
        Pixels per inch; the picture is 13 inches wide.
    colours : int, optional
        Reduce to a palette, for a smaller file.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    ValueError
        There is no pixel to show.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> from astrocodec.analysis.compare.comparison import compare
    >>> noise = np.random.default_rng(1).normal(100, 9, (64, 64))
    >>> compare_figure(compare(noise, noise.round()))[1:4]
    b'PNG'
    """
    maps = comparison_maps(comparison)
    if not maps:
        raise ValueError("no pixel has a value in both images: there is nothing to show")
    with new_figure(3.3 * len(maps), 6.2, for_page=False) as figure:
        above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
        for axes, (title, unit, found) in zip(above.subplots(1, len(maps)), maps, strict=True):
            axes.imshow(enlarged(found.shades), origin="lower", cmap=found.colours, vmin=0, vmax=1)
            axes.set_axis_off()
            full = {"A": f"A: {names[0]}", "B": f"B: {names[1]}"}.get(title, title)
            ends = dict.fromkeys((found.ticks[0][1], found.ticks[-1][1])) if found.ticks else ()
            lines = (full, f"{' to '.join(ends)} {unit}", found.note)
            axes.set_title("\n".join(shortened(line, _TITLE) for line in lines), fontsize=8, loc="left")
        charts = below.subplots(1, 3)
        words = draw_histogram(charts[0], comparison)
        charts[0].set_title("Equal" if comparison.equal else "Differences", loc="left")
        if comparison.whiteness is not None:
            words += "\n" + draw_spectrum(charts[1], comparison.whiteness, "black")
            charts[1].set_title("Power spectrum of the differences", loc="left")
        if comparison.fluxes is not None:
            words += "\n" + draw_fluxes(charts[2], comparison.fluxes, "black")
            charts[2].set_title("Fluxes of the sources", loc="left")
        for axes, present in zip(charts[1:], (comparison.whiteness, comparison.fluxes), strict=True):
            axes.set_visible(present is not None)
        if (check := comparison.bound) is not None:
            kept = {True: "its bound holds", False: "its bound does NOT hold", None: "it states no bound"}[check.holds]
            words = shortened(f"B is lossy ({check.stated}): {kept}.", 3 * _TITLE) + "\n" + words
        figure.suptitle(words, fontsize=8, ha="left", x=0.01)
        return png_of(figure, dpi=dpi, colours=colours)
