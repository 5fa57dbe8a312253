"""Maps for the report: small PNGs with a palette, and the scale that belongs to them."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.extra import require
from astrocodec.analysis.report.numbers import short_numbers

__all__ = ["ColourMap", "balanced", "block_mean", "displayed", "enlarged", "map_figure", "scored"]

Regions = Sequence[tuple[slice, slice]]

# Pixels along the longer side; noise hardly compresses, and a page has three such maps.
_SIDE = 512
# As many colours as an eye tells apart; fewer make smaller files. Greys lie closer together.
_LEVELS = 48
_GREYS = 128
_GAUSS_FROM_MAD = 1.4826
# A picture is at most so many times as long as wide: what is narrower is drawn wider than it is.
_LONGEST = 4
# Pictures smaller than this are enlarged by whole pixels: browsers would blur them.
_SMALL = 256
# Characters that three ticks have together; both ends alone always fit.
_ROOM = 26
_SAMPLED = 1000  # as zscale itself does


@dataclass(frozen=True, eq=False)
class ColourMap:
    """A map scaled to colours."""

    shades: NDArray[np.float64]  # [y, x], 0 to 1; NaN where there is nothing
    low: float  # value of the first colour
    high: float  # value of the last one
    # place from 0 to 1 on the scale, and text: both ends and perhaps the middle, or it alone for one value
    ticks: tuple[tuple[float, str], ...]
    colours: str  # name of a matplotlib colour map
    factors: tuple[int, int] = (1, 1)  # a pixel of the map is the mean of so many rows by so many columns

    @property
    def note(self) -> str:
        """What the picture does to the pixels, empty where it shows them as they are."""
        notes = []
        if self.factors != (1, 1):
            notes.append("means of {} x {} pixels".format(*self.factors))
        down, across = _repeats(self.shades.shape)
        if down != across:
            notes.append("not to scale")
        return ", ".join(notes)


def _factors(shape: tuple[int, ...], side: int = _SIDE) -> tuple[int, int]:
    """Rows and columns to a pixel of the map: the same, but for images that are long and narrow."""
    down, across = (max(1, math.ceil(axis / side)) for axis in shape)
    if max(shape) <= _LONGEST * min(shape):
        down = across = max(down, across)
    return down, across


def _repeats(shape: tuple[int, ...]) -> tuple[int, int]:
    """How often rows and columns of the map are drawn."""
    larger = max(1, _SMALL // max(shape))
    rows, columns = shape
    down = max(1, -(-columns // (_LONGEST * rows)))
    across = max(1, -(-rows // (_LONGEST * columns)))
    return larger * down, larger * across


def enlarged(shades: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Repeat the pixels of a small map, and the rows or columns of a narrow one, so that they can be seen.

    Examples
    --------
    >>> enlarged(np.zeros((1, 512))).shape, enlarged(np.zeros((10, 20))).shape
    ((128, 512), (120, 240))
    """
    down, across = _repeats(shades.shape)
    return shades.repeat(down, axis=0).repeat(across, axis=1)


def block_mean(image: NDArray[Any], side: int = _SIDE) -> NDArray[np.float64]:
    """
    Shrink an image by whole factors, by means over blocks without NaN; edges that fill no block are cut off.

    Examples
    --------
    >>> block_mean(np.arange(16.0).reshape(4, 4), 2).tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    down, across = _factors(image.shape, side)
    rows, columns = image.shape[0] // down, image.shape[1] // across
    blocks = image[: rows * down, : columns * across].reshape(rows, down, columns, across)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    total = np.where(known, blocks, 0).sum(axis=(1, 3), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _known(image: NDArray[Any], within: Regions) -> NDArray[Any]:
    """The values that limits are taken from: in the regions, if there are any there."""
    if within:
        chosen = np.concatenate([image[region].ravel() for region in within])
        chosen = chosen[np.isfinite(chosen)]
        if chosen.size:
            return np.asarray(chosen)
    return np.asarray(image[np.isfinite(image)])


def _ends(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Ticks at both ends of a scale, and in the middle where there is room for three on a narrow map."""
    first, middle, last = short_numbers([low, (low + high) / 2, high])
    if len(first + middle + last) > _ROOM:
        first, last = short_numbers([low, high])
        return (0.0, first), (1.0, last)
    return (0.0, first), (0.5, middle), (1.0, last)


def _even(small: NDArray[np.float64], value: float, colours: str) -> ColourMap:
    """A map of one value, or of none."""
    ticks = ((0.5, short_numbers([value])[0]),) if math.isfinite(value) else ()
    return ColourMap(small * 0 + 0.5, value, value, ticks, colours)


def displayed(image: NDArray[Any], within: Regions = (), limits: tuple[float, float] | None = None) -> ColourMap:
    """Scale an image as astronomers look at it: in greys between the limits of IRAF's zscale.

    These are taken `within` its light-sensitive parts, without overscan; or black and white are given as `limits`, to
    show two images alike. NaN stands where there is nothing.

    Examples
    --------
    >>> displayed(np.arange(100.0).reshape(10, 10)).ticks
    ((0.0, '0.0'), (0.5, '49.5'), (1.0, '99.0'))
    """
    small = block_mean(image)
    known = _known(image, within)
    if not known.size or known.min() == known.max():
        return _even(small, float(known[0]) if known.size else math.nan, "gray")
    low, high = limits if limits is not None and limits[0] < limits[1] else _zscale(known)
    shades = np.clip((small - low) / (high - low), 0, 1)
    return ColourMap(shades, low, high, _ends(low, high), "gray", _factors(image.shape))


def _zscale(known: NDArray[Any]) -> tuple[float, float]:
    """Limits that are apart, also of images of which most pixels are equal."""
    sample = known
    if known.size > _SAMPLED:
        # zscale takes every nth pixel: those of few columns where n and the rows' length have a common factor.
        sample = np.random.default_rng(0).choice(known, _SAMPLED, replace=False, shuffle=False)
    low, high = require("astropy.visualization").ZScaleInterval().get_limits(sample)
    if not low < high:
        low, high = np.percentile(known, (0.5, 99.8))
    if not low < high:
        low, high = known.min(), known.max()
    return float(low), float(high)


def scored(values: NDArray[Any], colours: str, within: Regions = ()) -> ColourMap:
    """Scale a map by its z-score, from 2 standard deviations below its mean to 4 above; the ticks are true values.

    As in Figure 3 of the AstroCompress benchmark (Truong et al. 2025), but with the median and the median deviation: a
    bright star or an overscan region would use up the colours. `within` is as for `displayed`.

    Examples
    --------
    >>> found = scored(np.random.default_rng(1).normal(5, 1, (300, 300)), "viridis")
    >>> round(found.low), round(found.high)
    (3, 9)
    """
    small = block_mean(values)
    down, across = factors = _factors(values.shape)
    shrunk = tuple(
        (slice(rows.start // down, -(-rows.stop // down)), slice(columns.start // across, -(-columns.stop // across)))
        for rows, columns in within
    )
    known = _known(small, shrunk)
    if not known.size:
        return _even(small, math.nan, colours)
    mean = float(np.median(known))
    deviation = _GAUSS_FROM_MAD * float(np.median(np.abs(known - mean))) or float(known.std())
    if not deviation > 0:
        return _even(small, mean, colours)
    low, high = mean - 2 * deviation, mean + 4 * deviation
    return ColourMap(np.clip((small - low) / (high - low), 0, 1), low, high, _ends(low, high), colours, factors)


def balanced(values: NDArray[Any], colours: str) -> ColourMap:
    """Scale a map by colours that part at 0, as far on either side as all but a hundredth of the pixels reach.

    Examples
    --------
    >>> balanced(np.array([[-2.0, 2.0], [0.0, 1.0]]), "RdBu_r").ticks
    ((0.0, '-2'), (0.5, '0'), (1.0, '2'))
    """
    small = block_mean(values)
    known = np.abs(small[np.isfinite(small)])
    reach = float(np.percentile(known, 99)) if known.size else 0.0
    reach = reach or (float(known.max()) if known.size else 0.0) or 1.0
    reach = float(f"{reach:.3g}")
    shades = np.clip((small / reach + 1) / 2, 0, 1)
    return ColourMap(shades, -reach, reach, _ends(-reach, reach), colours, _factors(values.shape))


def _png(found: ColourMap) -> bytes:
    """Palette PNG, the first row of the image at the bottom; transparent where there is nothing."""
    image_module, colours = require("PIL.Image"), _palette(found.colours)
    shades = enlarged(found.shades)[::-1]
    nothing = len(colours)
    indices = np.where(np.isfinite(shades), np.rint(np.nan_to_num(shades) * (nothing - 1)), nothing).astype(np.uint8)
    picture = image_module.fromarray(np.ascontiguousarray(indices))
    picture.putpalette([channel for colour in (*colours, (0, 0, 0)) for channel in colour])
    target = io.BytesIO()
    picture.save(target, format="PNG", optimize=True, transparency=nothing)
    return target.getvalue()


def _palette(name: str) -> list[tuple[int, int, int]]:
    levels = _GREYS if name == "gray" else _LEVELS
    colours = require("matplotlib").colormaps[name](np.linspace(0, 1, levels))
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in np.rint(colours * 255)]


def map_figure(found: ColourMap, title: str, unit: str, alt: str) -> str:
    """Lay out a map with its scale as an HTML figure without references to other files."""
    rows, columns = enlarged(found.shades).shape
    source = base64.b64encode(_png(found)).decode("ascii")
    palette = _palette(found.colours)
    stops = ", ".join(f"rgb{colour}" for colour in [*palette[:: len(palette) // 12], palette[-1]])
    ticks = "".join(f"<span>{html.escape(text)}</span>" for _, text in found.ticks)
    said = ", ".join(filter(None, (unit, found.note)))
    return (
        f'<figure class="map"><figcaption><b>{html.escape(title)}</b> <span class="unit">{html.escape(said)}</span>'
        f'</figcaption><img width="{columns}" height="{rows}" alt="{html.escape(alt, quote=True)}" '
        f'src="data:image/png;base64,{source}"><div class="scale" aria-hidden="true" '
        f'style="background:linear-gradient(to right, {stops})"></div>'
        f'<div class="ticks" aria-hidden="true">{ticks}</div></figure>'
    )
