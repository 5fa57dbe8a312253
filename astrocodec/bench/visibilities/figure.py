"""Pictures: rate against added variance, amplitudes before and after, the image of the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.report.figure_style import ACCENT, QUIET, SOURCE, new_figure, plain_log, png_of, spaced
from astrocodec.bench.visibilities.curves import by_codec, curve
from astrocodec.bench.visibilities.dirty_image import dirty_image
from astrocodec.bench.visibilities.measure import Row, theory
from astrocodec.bench.visibilities.peer import DITHERED, OURS
from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["image_figure", "rates_figure", "waterfall_figure"]

_STYLES = {
    OURS: (SOURCE, "-", "o"),
    DITHERED: (ACCENT, "-", "s"),
    "Dysco AF": ("#1b1b1b", "--", "^"),
    "Dysco RF": ("#1b1b1b", ":", "v"),
    "Dysco Row": (QUIET, ":", "x"),
    "SZ3": ("#009e73", "-", "P"),
    "ZFP": ("#cc79a7", "-", "d"),
}
_LOW, _HIGH = 5e-4, 0.3
_COLUMNS = 3


def rates_figure(rows: Sequence[Row], sets: Sequence[str] | None = None, dpi: int = 90) -> bytes:
    """Bits per real against D, a set in each chart; Dysco by the bits of its symbols. `ValueError` for no curve."""
    found = by_codec(rows)
    shown = [name for name in (sets or found) if any(codec in found.get(name, {}) for codec in _STYLES)]
    shown = [name for name in shown if any(row.added for rows in found[name].values() for row in rows)]
    if not shown:
        raise ValueError("nothing was measured: there is no curve to draw")
    columns = min(_COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    floor = [10 ** (power / 4) for power in range(-14, -1)]
    with new_figure(4.2 * columns + 0.4, 3.0 * lines + 0.9, for_page=False) as figure:
        charts = figure.subplots(lines, columns, squeeze=False)
        drawn: dict[str, Any] = {}
        for axes, name in zip(charts.ravel(), shown, strict=False):
            for codec, (colour, line, marker) in _STYLES.items():
                points = curve(found[name].get(codec, []), nominal=True, trimmed=codec.startswith("Dysco"))
                within = [(100 * d, b) for d, b in points if _LOW / 2 <= d <= 2 * _HIGH]
                if within:
                    width = 2.0 if codec in (OURS, DITHERED) else 1.1
                    (drawn[codec],) = axes.plot(
                        *zip(*within, strict=True), color=colour, ls=line, marker=marker, ms=4, lw=width
                    )
            (drawn["white noise, dithered"],) = axes.plot(
                [100 * d for d in floor], [theory(d) for d in floor], color=QUIET, lw=0.8
            )
            axes.set_title(name, loc="left")
            axes.set_xlim(100 * _LOW, 100 * _HIGH)
            plain_log(axes.xaxis)
            spaced(axes.yaxis)
            axes.set_ylim(bottom=0)
            axes.set_xlabel("D: added variance, % of the noise's")
            axes.set_ylabel("bits per real")
        for axes in charts.ravel()[len(shown) :]:
            axes.set_visible(False)
        figure.legend(list(drawn.values()), list(drawn), loc="outside upper left", ncols=min(5, len(drawn)))
        return png_of(figure, dpi=dpi)


def waterfall_figure(data: VisSet, decoded: NDArray[Any], title: str, baseline: int, dpi: int = 90) -> bytes:
    """Amplitudes of one baseline before and after, and the error's, over the noise: [time, freq] of the first pol."""
    noise = np.where(data.noise > 0, data.noise, np.nan)[baseline, :, 0]
    hidden = data.flags[:, baseline, :, 0]
    before, after = (np.where(hidden, np.nan, np.abs(v[:, baseline, :, 0])) for v in (data.vis, decoded))
    error = np.where(hidden, np.nan, np.abs((decoded - data.vis)[:, baseline, :, 0])) / noise
    top = float(np.nanpercentile(before / noise, 99))
    megahertz = data.frequencies / 1e6
    extent = (float(megahertz[0]), float(megahertz[-1]), float(before.shape[0]), 0.0)
    with new_figure(11.0, 3.4, for_page=False) as figure:
        charts = figure.subplots(1, 3, sharey=True)
        for axes, values, name in (
            (charts[0], before / noise, "before"), (charts[1], after / noise, "after"), (charts[2], error, "|error|"),
        ):  # fmt: skip
            shown = axes.imshow(
                values, aspect="auto", vmin=0, vmax=top if name != "|error|" else None, extent=extent,
                interpolation="nearest",
            )  # fmt: skip
            axes.set_title(name, loc="left")
            axes.set_xlabel("MHz")
            figure.colorbar(shown, ax=axes, label="|V| / noise" if name != "|error|" else "|error| / noise")
        charts[0].set_ylabel("integration")
        figure.suptitle(title, x=0.01, ha="left")
        return png_of(figure, dpi=dpi)


def image_figure(data: VisSet, decoded: NDArray[Any], title: str, dpi: int = 64) -> bytes:
    """The dirty image, that of the error, and that of thermal noise; `ValueError` where none can be made."""
    error = np.where(data.known, decoded - data.vis, 0)
    draws = np.random.default_rng(5).standard_normal((*data.vis.shape, 2), np.float32).view(np.complex64)[..., 0]
    thermal = draws * np.where(data.noise > 0, data.noise, 0)
    images = [dirty_image(data, values, data.known) for values in (data.vis, error, thermal)]
    if any(image is None for image in images):
        raise ValueError("no image can be made: ducc0 or baselines are missing")
    with new_figure(11.0, 3.8, for_page=False) as figure:
        for axes, image, name in zip(
            figure.subplots(1, 3), images, ("dirty image", "the error's image", "thermal noise's image"), strict=True
        ):
            assert image is not None
            rms = math.sqrt(float((image**2).mean()))
            shown = axes.imshow(image, origin="lower", interpolation="nearest", cmap="gray")
            axes.set_title(f"{name}, rms {rms:.3g}", loc="left")
            axes.set_xticks([])
            axes.set_yticks([])
            figure.colorbar(shown, ax=axes, shrink=0.8)
        figure.suptitle(title, x=0.01, ha="left")
        return png_of(figure, dpi=dpi)
