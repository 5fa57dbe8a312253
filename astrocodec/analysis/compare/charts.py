"""Charts of a comparison, drawn into axes: the same on the page and in the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from astrocodec.analysis.compare.comparison import Comparison
from astrocodec.analysis.compare.fluxes import Fluxes
from astrocodec.analysis.compare.whiteness import Whiteness
from astrocodec.analysis.report.figure_style import ACCENT, INK, QUIET, SOURCE, plain_log, spaced

__all__ = ["draw_fluxes", "draw_histogram", "draw_spectrum"]

_SHOWN = 4000


def draw_histogram(axes: Any, comparison: Comparison) -> str:
    """Draw the distribution of the differences over that of the noise; return it in words."""
    pixels, found = comparison.pixels, comparison.residuals
    assert pixels is not None
    assert found is not None
    values = pixels.residual
    unit = comparison.unit
    if pixels.noise is not None and found.deviation_sigma is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            values, unit = values / pixels.noise, "noise of A"
    values = values[np.isfinite(values)]
    reach = max(float(np.percentile(np.abs(values), 99.8)) * 1.3, 1e-12) if values.size else 1.0
    counts, edges = np.histogram(values, bins=81, range=(-reach, reach))
    axes.stairs(counts / max(values.size, 1) / np.diff(edges), edges, fill=True, color=ACCENT, alpha=0.85)
    axes.set_xlabel(f"B - A ({unit})")
    axes.set_ylabel("density")
    axes.set_xlim(-reach, reach)
    spaced(axes.xaxis, axes.yaxis)
    said = f"Standard deviation {found.deviation:.3g} {comparison.unit}"
    if found.deviation_sigma is not None and found.added_noise is not None:
        said += (
            f", {found.deviation_sigma:.3g} of the noise; it adds {100 * found.added_noise:.2g} % to the sky's noise"
        )
    return f"{said}."


def draw_spectrum(axes: Any, found: Whiteness, ink: str = INK) -> str:
    """Draw the power spectrum of the differences; white noise is 1 everywhere. Return it in words."""
    axes.axhline(1, color=QUIET, lw=1.2, ls="--", label="white noise")
    axes.plot(found.frequency, found.power, color=ink, lw=1.6, label="B - A")
    axes.set_xlabel("spatial frequency (cycles/pixel)")
    axes.set_ylabel("power, relative")
    axes.set_ylim(0, max(2.0, 1.1 * float(found.power.max())))
    spaced(axes.xaxis, axes.yaxis)
    axes.legend(loc="upper right")
    return (
        f"Flatness {found.flatness:.3f}; correlation of neighbours {found.lag_x:+.3f} along rows and "
        f"{found.lag_y:+.3f} along columns, of change and signal {found.signal_correlation:+.3f}."
    )


def draw_fluxes(axes: Any, found: Fluxes, ink: str = INK) -> str:
    """Draw the change of each source's flux against its signal-to-noise ratio; return it in words."""
    change = found.change / found.noise
    axes.axhline(0, color=QUIET, lw=1.2, ls="--")
    axes.plot(found.snr[:_SHOWN], change[:_SHOWN], ".", ms=4, mew=0, color=SOURCE, alpha=0.6, rasterized=True)
    middles = [float(np.median(found.snr[(found.snr >= one.low) & (found.snr < one.high)])) for one in found.bins]
    axes.errorbar(
        middles,
        [one.bias_sigma for one in found.bins],
        [one.scatter_sigma for one in found.bins],
        fmt="o",
        ms=4,
        color=ink,
        capsize=2,
        lw=1.2,
    )
    plain_log(axes.xaxis)
    reach = max(3 * float(np.percentile(np.abs(change), 90)), 1e-6)
    axes.set_ylim(-reach, reach)
    spaced(axes.yaxis)
    axes.set_xlabel("signal-to-noise ratio of the flux")
    axes.set_ylabel("change of flux / its noise")
    worst = max(found.bins, key=lambda one: abs(one.bias_sigma)) if found.bins else None
    bias = "" if worst is None else f"; the largest median change of a group is {worst.bias_sigma:+.3f} of its noise"
    return f"{found.snr.size} sources in apertures of {found.radius:g} pixels{bias}."
