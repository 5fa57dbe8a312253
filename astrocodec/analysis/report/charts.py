"""Charts of the report, as SVG: where the bits of one image go, and how many images compare."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.detector.code_widths import CodeWidths
from astrocodec.analysis.noise.entropy import gaussian_bits_of
from astrocodec.analysis.report.figure_style import ACCENT, INK, QUIET, SOURCE, new_figure, plain_log, spaced, svg_of
from astrocodec.analysis.report.numbers import short_number

__all__ = ["chart", "draw_bits_by_snr", "draw_code_widths", "draw_exposures", "draw_noises", "draw_snr_and_bits"]

_EDGES = (-np.inf, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, np.inf)
_POINTS = 6000


def chart(title: str, draw: Callable[[Any], str], *, dpi: int = 120, key: str = "") -> str:
    """Lay out a chart as HTML, with its title and what it says in words.

    `draw` draws into axes, and returns in words what one sees; `dpi` is that of what is drawn as pixels, `key` as for
    `svg_of`.

    Examples
    --------
    >>> "currentColor" in chart("Two images", lambda axes: draw_exposures(axes, [10, 100], [3.0, 2.0]))
    True
    """
    with new_figure(4.5, 2.8) as figure:
        said = draw(figure.add_subplot())
        caption = f"<figcaption><b>{html.escape(title)}</b><span>{html.escape(said)}</span></figcaption>"
        return f'<figure class="chart">{caption}{svg_of(figure, title, said, dpi=dpi, key=key)}</figure>'


def draw_bits_by_snr(axes: Any, snr: NDArray[Any], bits: NDArray[Any], sources: NDArray[np.bool_]) -> str:
    """Draw how many bits pixels of each signal-to-noise ratio take, on background and on sources; say it in words."""
    known = np.isfinite(bits) & ~np.isnan(snr)
    which = np.digitize(snr[known], _EDGES[1:-1])
    length, at_source = bits[known].astype(np.float64), sources[known]
    count = len(_EDGES) - 1
    total = max(float(length.sum()), 1e-30)
    sky = 100 * np.bincount(which, length * ~at_source, count) / total
    stars = 100 * np.bincount(which, length * at_source, count) / total
    below = float((sky + stars)[:4].sum())
    pixels = 100 * float((snr[known] < 3).mean())
    places = np.arange(count) + 0.5
    axes.bar(places, sky, width=0.86, color=ACCENT, label="background")
    axes.bar(places, stars, width=0.86, bottom=sky, color=SOURCE, label="sources")
    for place, height in zip(places, sky + stars, strict=True):
        axes.annotate(_percent(height), (place, height), (0, 2), textcoords="offset points", ha="center", size=8)
    axes.set_xlim(0, count)
    axes.set_xticks(np.arange(1, count))
    spaced(axes.xaxis, names=[f"{edge:g}" for edge in _EDGES[1:-1]])
    axes.set_xlabel("signal-to-noise ratio of the pixel")
    axes.set_ylabel("share of the bits (%)")
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 1.15 * max(float((sky + stars).max()), 1.0))
    spaced(axes.yaxis)
    _legend_above(axes)
    return f"{pixels:.1f} % of the pixels lie below a ratio of 3; they take {below:.1f} % of the bits."


def _legend_above(axes: Any, columns: int = 2) -> Any:
    """A legend outside of the axes, where it hides nothing."""
    return axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0, handlelength=1.4, columnspacing=1.2,
        fontsize=8,
    )  # fmt: skip


def _percent(value: float) -> str:
    if value == 0:
        return ""
    return "<0.1" if value < 0.05 else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def draw_snr_and_bits(
    axes: Any, snr: NDArray[Any], bits: NDArray[Any], sources: NDArray[np.bool_], floor: float | None, ink: str = INK
) -> str:
    """Draw bits against signal-to-noise ratio, pixel by pixel, with running median and noise floor; say it in words."""
    known = np.isfinite(bits) & np.isfinite(snr)
    ratio, length, at_source = (values[known] for values in (snr, bits, sources))
    edges = np.concatenate([np.linspace(-4, 2, 25), np.geomspace(2.3, max(3.0, float(ratio.max(initial=3))), 22)])
    middles, medians = _running_median(ratio, length, edges)
    picked = _sample(at_source)
    for is_source, colour, label in ((False, ACCENT, "background"), (True, SOURCE, "sources")):
        mine = picked[at_source[picked] == is_source]
        axes.plot(ratio[mine], length[mine], ".", ms=2.2, mew=0, color=colour, alpha=0.45, label=label, rasterized=True)
    axes.plot(middles, medians, color=ink, lw=1.6, label="median")
    if floor is not None:
        axes.axhline(floor, color=QUIET, lw=1.2, ls="--", label="noise floor")
    axes.set_xscale("symlog", linthresh=3, linscale=1.2)
    axes.set_xlim(-5, max(10.0, float(ratio.max(initial=10)) * 1.3))
    highest = float(np.percentile(length, 99.99)) if length.size else 1.0
    axes.set_ylim(0, 1.1 * max(highest, float(medians.max(initial=1.0))))
    axes.set_xlabel("signal-to-noise ratio of the pixel")
    axes.set_ylabel("bits of the pixel")
    decades = 10.0 ** np.arange(1, 1 + math.ceil(math.log10(axes.get_xlim()[1])))
    axes.set_xticks([mark for mark in (-3, -1, 0, 1, 3, *decades, 30, 300) if mark <= axes.get_xlim()[1]])
    axes.set_xticks([], minor=True)
    spaced(axes.xaxis, axes.yaxis)
    legend = _legend_above(axes, 4)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
        if hasattr(handle, "set_markersize"):
            handle.set_markersize(6)
    low = medians[np.searchsorted(middles, 0.0) - 1] if len(medians) > 1 else math.nan
    high = medians[-1] if len(medians) else math.nan
    return f"The median pixel takes {low:.1f} bits where there is no signal, {high:.1f} at the highest ratios."


def _sample(at_source: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels to draw; sources are few and are taken more often."""
    rng = np.random.default_rng(0)
    groups = (np.flatnonzero(~at_source), np.flatnonzero(at_source))
    return np.concatenate([rng.choice(group, min(len(group), _POINTS // 2), replace=False) for group in groups])


def _running_median(
    ratio: NDArray[Any], length: NDArray[Any], edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    every = max(1, ratio.size // 400_000)
    which = np.digitize(ratio[::every], edges)
    sampled = length[::every]
    found = [
        ((edges[n - 1] + edges[n]) / 2, float(np.median(inside)))
        for n in range(1, len(edges))
        if (inside := sampled[which == n]).size >= 5
    ]
    middles, medians = zip(*found, strict=True) if found else ((), ())
    return np.array(middles), np.array(medians)


def draw_code_widths(axes: Any, found: CodeWidths, modulo: int) -> str:
    """Draw a converter's code widths by value modulo 16 or 64, with their errors; say in words what one sees."""
    widths, errors = (found.modulo16, found.errors16) if modulo == 16 else (found.modulo64, found.errors64)
    known = np.flatnonzero(np.isfinite(widths))
    height, error = np.array(widths)[known], np.array(errors)[known]
    axes.bar(known, height, width=0.86, color=[SOURCE if code % 2 else ACCENT for code in known])
    axes.errorbar(known, height, error, fmt="none", ecolor=INK, elinewidth=0.8)
    axes.axhline(1, color=QUIET, lw=1, ls="--")
    axes.set_xlim(-0.6, modulo - 0.4)
    axes.set_xticks(range(0, modulo, modulo // 8))
    axes.set_ylim(0, 1.1 * max(1.2, float((height + error).max(initial=1))))
    axes.set_xlabel(f"value modulo {modulo}")
    axes.set_ylabel("width of the codes")
    axes.grid(visible=False, axis="x")
    spaced(axes.xaxis, axes.yaxis)
    unseen = "" if len(known) == modulo else f" {modulo - len(known)} remainders are too rare to tell."
    if not found.period:
        return f"Even within the errors, {_percent(100 * float(np.median(error)))} % of a code.{unseen}"
    least, most = known[np.argmin(height)], known[np.argmax(height)]
    share = f"Even codes have {100 * found.even_share:.1f} % of the range"
    return f"{share}; {height.min():.2f} ({least}) to {height.max():.2f} ({most}) of the mean.{unseen}"


def draw_exposures(axes: Any, exposures: Sequence[float], ratios: Sequence[float]) -> str:
    """Draw compression ratio against exposure time (s), an image each: noise of long exposures does not compress."""
    axes.plot(exposures, ratios, "o", ms=5, mew=0, color=ACCENT, alpha=0.7)
    if max(exposures) > 3 * min(exposures) > 0:
        plain_log(axes.xaxis)
    else:
        spaced(axes.xaxis)
    axes.set_xlabel("exposure time (s)")
    axes.set_ylabel("compression ratio")
    axes.set_ylim(0, 1.15 * max(ratios))
    spaced(axes.yaxis)
    logs = np.log(np.asarray(exposures, np.float64))
    said = f"{len(ratios)} images of {short_number(min(exposures))} to {short_number(max(exposures))} s."
    if len(ratios) > 2 and logs.std() > 0 and np.std(ratios) > 0:
        said += f" Correlation of the ratio with the logarithm of the time: {np.corrcoef(logs, ratios)[0, 1]:+.2f}."
    return said


def draw_noises(axes: Any, noises: Sequence[float], bits: Sequence[float]) -> str:
    """Draw bits per pixel against the noise of the background, an image each, over the line of what noise alone takes.

    Noises are positive, in units of the images' steps.
    """
    low, high = min(noises) / 1.6, max(noises) * 1.6
    line = np.geomspace(low, high, 100)
    axes.plot(line, gaussian_bits_of(line), color=QUIET, lw=1.2, ls="--", label="noise alone")
    axes.plot(noises, bits, "o", ms=5, mew=0, color=ACCENT, alpha=0.7, label="image")
    plain_log(axes.xaxis)
    axes.set_ylim(0, 1.2 * max(*bits, float(gaussian_bits_of(high))))
    axes.set_xlabel("noise of the background (steps of the image)")
    axes.set_ylabel("bits per pixel")
    spaced(axes.yaxis)
    _legend_above(axes)
    above = float(np.median(np.asarray(bits) - gaussian_bits_of(np.asarray(noises, np.float64))))
    side = "above" if above >= 0 else "below"
    return f"{len(bits)} images lie {abs(above):.2f} bits per pixel {side} the line of pure noise in the median."
