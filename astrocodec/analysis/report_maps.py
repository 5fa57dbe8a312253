"""Maps for the report: small PNGs with a palette, and the scale that belongs to them."""

from __future__ import annotations

import base64
import html
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.extra import require

__all__ = ["ColourMap", "block_mean", "displayed", "map_figure", "scored"]

# Pixels along the longer side; noise hardly compresses, and a page has three such maps.
_SIDE = 400
# As many colours as an eye tells apart in a map; fewer make smaller files.
_LEVELS = 48
_GAUSS_FROM_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class ColourMap:
    """
    A map scaled to colours.

    Attributes
    ----------
    shades : ndarray of float, [y, x]
        0 to 1; NaN where there is nothing.
    low, high : float
        Values of the first and the last colour.
    ticks : tuple of (float, str)
        Place between 0 and 1 on the scale, and what is written there.
    colours : str
        Name of a matplotlib colour map.
    factor : int
        A pixel of the map is the mean of so many by so many.
    """

    shades: NDArray[np.float64]
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    colours: str
    factor: int = 1


def _factor(shape: tuple[int, ...], side: int = _SIDE) -> int:
    return max(1, math.ceil(max(shape) / side))


def block_mean(image: NDArray[Any], side: int = _SIDE) -> NDArray[np.float64]:
    """
    Shrink an image by a whole factor, by means over blocks without NaN; edges that fill no block are cut off.

    Examples
    --------
    >>> block_mean(np.arange(16.0).reshape(4, 4), 2).tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    factor = _factor(image.shape, side)
    rows, columns = (max(1, axis // factor) for axis in image.shape)
    down, across = min(factor, image.shape[0]), min(factor, image.shape[1])
    blocks = image[: rows * down, : columns * across].reshape(rows, down, columns, across)
    known = np.isfinite(blocks)
    count = known.sum(axis=(1, 3))
    total = np.where(known, blocks, 0).sum(axis=(1, 3), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _label(value: float, span: float) -> str:
    """The value with as many decimals as the scale's span calls for."""
    if not math.isfinite(value):
        return ""
    decimals = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 2
    return f"{round(value, decimals) + 0.0:,.{min(decimals, 8)}f}"


def displayed(image: NDArray[Any]) -> ColourMap:
    """
    Scale an image as astronomers look at it: asinh, so that the sky's noise and the stars both show.

    Examples
    --------
    >>> displayed(np.arange(100.0).reshape(10, 10)).ticks[1][1]
    '49.5'
    """
    small = block_mean(image)
    known = small[np.isfinite(small)]
    if not known.size or known.min() == known.max():
        value = float(known[0]) if known.size else math.nan
        return ColourMap(small * 0 + 0.5, value, value, ((0.5, _label(value, 0)),), "gray")
    low, middle, high = (float(v) for v in np.percentile(known, (0.5, 50, 99.8)))
    soft = max(middle - low, (high - low) * 1e-3, 1e-30)
    top = math.asinh((max(high, low + soft) - low) / soft)
    shades = np.arcsinh(np.clip(small - low, 0, None) / soft) / top
    ticks = tuple((math.asinh((v - low) / soft) / top, _label(v, high - low)) for v in (low, middle, high))
    return ColourMap(np.clip(shades, 0, 1), low, high, ticks, "gray", _factor(image.shape))


def scored(values: NDArray[Any], colours: str) -> ColourMap:
    """
    Scale a map by its z-score, from 2 standard deviations below its mean to 4 above; the ticks are true values.

    As in Figure 3 of the AstroCompress benchmark (Truong et al. 2025), but with the median and the median deviation: a
    bright star or an overscan region would use up the colours.

    Examples
    --------
    >>> found = scored(np.random.default_rng(1).normal(5, 1, (300, 300)), "viridis")
    >>> round(found.low), round(found.high)
    (3, 9)
    """
    small = block_mean(values)
    known = small[np.isfinite(small)]
    if not known.size:
        return ColourMap(small, 0.0, 0.0, (), colours)
    mean = float(np.median(known))
    deviation = _GAUSS_FROM_MAD * float(np.median(np.abs(known - mean))) or float(known.std())
    if not deviation > 0:
        return ColourMap(small * 0 + 0.5, mean, mean, ((0.5, _label(mean, 0)),), colours)
    low, high = mean - 2 * deviation, mean + 4 * deviation
    ticks = tuple(((z + 2) / 6, _label(mean + z * deviation, 6 * deviation)) for z in (-2, 0, 2, 4))
    return ColourMap(np.clip((small - low) / (high - low), 0, 1), low, high, ticks, colours, _factor(values.shape))


def _png(found: ColourMap) -> bytes:
    """Palette PNG, the first row of the image at the bottom; transparent where there is nothing."""
    image_module, colours = require("PIL.Image"), _palette(found.colours)
    indices = np.where(np.isfinite(found.shades), np.rint(np.nan_to_num(found.shades) * (_LEVELS - 1)), _LEVELS).astype(
        np.uint8
    )
    picture = image_module.fromarray(np.ascontiguousarray(indices[::-1]))
    picture.putpalette([channel for colour in (*colours, (0, 0, 0)) for channel in colour])
    target = io.BytesIO()
    picture.save(target, format="PNG", optimize=True, transparency=_LEVELS)
    return target.getvalue()


def _palette(name: str) -> list[tuple[int, int, int]]:
    colours = require("matplotlib").colormaps[name](np.linspace(0, 1, _LEVELS))
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in np.rint(colours * 255)]


def map_figure(found: ColourMap, title: str, unit: str, alt: str) -> str:
    """
    Lay out a map with its scale as an HTML figure.

    Parameters
    ----------
    found : ColourMap
        The map.
    title, unit : str
        What it shows, and in what unit.
    alt : str
        What one sees, for those who do not.

    Returns
    -------
    str
        HTML without references to other files.
    """
    rows, columns = found.shades.shape
    source = base64.b64encode(_png(found)).decode("ascii")
    stops = ", ".join(f"rgb{colour}" for colour in _palette(found.colours)[:: _LEVELS // 12])
    ticks = "".join(f'<span style="left:{100 * place:.1f}%">{html.escape(text)}</span>' for place, text in found.ticks)
    if found.factor > 1:
        unit += f", means of {found.factor} x {found.factor} pixels"
    return (
        f'<figure class="map"><figcaption><b>{html.escape(title)}</b> <span class="unit">{html.escape(unit)}</span>'
        f'</figcaption><img width="{columns}" height="{rows}" alt="{html.escape(alt, quote=True)}" '
        f'src="data:image/png;base64,{source}"><div class="scale" aria-hidden="true" '
        f'style="background:linear-gradient(to right, {stops})"></div>'
        f'<div class="ticks" aria-hidden="true">{ticks}</div></figure>'
    )
