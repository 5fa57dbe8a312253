"""One image of a file, ready to be analysed, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.bits.stream_bits import BitsMap
from astrocodec.analysis.detector.amplifiers import Amplifiers
from astrocodec.analysis.images.contents import Contents
from astrocodec.analysis.images.stated_loss import StatedLoss

__all__ = [
    "ImageEntry",
    "Located",
    "Part",
    "Plane",
    "SkippedEntry",
    "as_native",
    "choose_plane",
    "exposure_seconds",
    "is_pixel_type",
    "pixel_unit",
]

_UNIT_KEYWORDS = ("BUNIT", "UNITS", "UNIT")
_EXPOSURE_KEYWORDS = (
    "EXPTIME", "EXPOSURE", "XPOSURE", "EFFEXPTM", "TEXPTIME", "ITIME", "ELAPTIME", "EXP_TIME", "EXPOSURE_TIME",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Located:
    """A part of a file."""

    file: str  # as given
    name: str  # place in it: number and name of an HDU, path of a dataset; empty where the file is the image

    @property
    def title(self) -> str:
        """File and place in it, as tables print them."""
        return f"{self.file}[{self.name}]" if self.name else self.file


@dataclass(frozen=True, eq=False)
class ImageEntry(Located):
    """One image, or one plane of a cube."""

    # [y, x], native byte order; integers are those that the file stores, with the sign that it means
    pixels: NDArray[Any]
    # True where a pixel has no value by the file's word (``BLANK``); NaN speaks for itself
    mask: NDArray[np.bool_] | None = None
    shape: tuple[int, ...] = ()  # of the whole array in the file
    plane: int | None = None  # which plane of a cube `pixels` are
    stored_bytes: int = 0  # what the file spends on these pixels; for a plane, its share
    compression: str = "none"  # how the file stores them: ``'none'``, ``'RICE_1'``, ``'gzip'``, ``'astrocodec'``
    exposure: float | None = None  # seconds, where the file tells
    ours: bool = False  # whether streams of astrocodec hold the image
    note: str = ""  # anything worth telling
    # where the bits went, if the file is ours and tells; to be called before the next image is taken
    bits: Callable[[], BitsMap] | None = None
    unit: str = "ADU"  # of the pixels, as the file tells it
    layout: Amplifiers | None = None  # amplifiers and overscan, where the file tells them
    can_be_rounded: bool = False  # whether `fits-compress --noise-increase` takes such pixels
    meaning: tuple[float, float] = (1.0, 0.0)  # factor and summand that make values of these pixels
    # what a lossy file says of itself, None where it is exact; to be called before the next image is taken
    loss: Callable[[], StatedLoss | None] | None = None
    is_added_variance: bool = False  # it tells how far another image of the file may be off, and came with a loss


@dataclass(frozen=True)
class SkippedEntry(Located):
    """A part of a file without an image, and why it was left out."""

    reason: str
    # what it holds instead, None where that is nothing; to be called before the next part is taken
    contents: Callable[[], Contents] | None = None


# The names that a part of a file goes by, and how to read it: what is not selected is not decoded.
Part = tuple[frozenset[int | str], Callable[[], ImageEntry | SkippedEntry]]


@dataclass(frozen=True)
class Plane:
    """Which plane of an array is taken."""

    index: tuple[int, ...] = field(default=())  # along the leading axes; empty for two axes
    number: int = 0  # counted over all leading axes
    count: int = 1

    @property
    def chosen(self) -> int | None:
        """Its number where there was a choice."""
        return self.number if self.count > 1 else None

    @property
    def note(self) -> str:
        """What to tell of the choice, empty where there was none."""
        return f"plane {self.number} of {self.count}" if self.count > 1 else ""


def is_pixel_type(dtype: np.dtype[Any]) -> bool:
    """
    Tell whether values of a type are pixels that can be analysed.

    Examples
    --------
    >>> is_pixel_type(np.dtype("f2")), is_pixel_type(np.dtype("S4"))
    (True, False)
    """
    return dtype.kind in "iuf" and dtype.itemsize <= 8


def as_native(pixels: NDArray[Any]) -> NDArray[Any]:
    """
    Return pixels in native byte order and a type that our codec takes: half floats become single.

    Examples
    --------
    >>> as_native(np.ones(2, ">f2")).dtype
    dtype('float32')
    """
    meant = np.dtype(np.float32) if pixels.dtype.str[1:] == "f2" else pixels.dtype.newbyteorder("=")
    return np.ascontiguousarray(pixels.astype(meant, copy=False))


def choose_plane(shape: tuple[int, ...], wanted: int | None = None, *, rows: bool = False) -> Plane | str:
    """Pick a plane of an array of any number of axes: the middle one unless told otherwise; or say why there is none.

    `wanted` is counted over all leading axes, negative from the end. With `rows`, one axis is a plane of one row, and
    `wanted` is of cubes only.

    Examples
    --------
    >>> choose_plane((3, 5, 100, 80)).index, choose_plane((7,))
    ((1, 2), 'one axis: not an image')
    """
    if 0 in shape or not shape:
        return "no pixels"
    if len(shape) == 1 and not rows:
        return "one axis: not an image"
    leading = shape[:-2]
    count = math.prod(leading)
    if count == 1 and rows:
        wanted = None
    number = count // 2 if wanted is None else wanted + count if wanted < 0 else wanted
    if not 0 <= number < count:
        return f"plane {wanted} asked for, it has {count}"
    return Plane(tuple(int(i) for i in np.unravel_index(number, leading)) if leading else (), number, count)


def exposure_seconds(cards: Iterable[Mapping[str, Any]]) -> float | None:
    """Find a positive exposure time in headers or attributes, the nearest first.

    Examples
    --------
    >>> exposure_seconds([{}, {"exptime": 30}])
    30.0
    """
    for header in cards:
        by_name = {str(key).upper(): value for key, value in header.items()}
        for keyword in _EXPOSURE_KEYWORDS:
            try:
                value = float(by_name.get(keyword, 0))
            except (TypeError, ValueError):  # a text, an array
                continue
            if math.isfinite(value) and value > 0:
                return value
    return None


def pixel_unit(header: Mapping[str, Any], scale: float = 1.0) -> str:
    """Find the unit of the pixels, ADU where the header tells none; `scale` is what it means by a step of its integers.

    Examples
    --------
    >>> pixel_unit({"BUNIT": "Jy/beam "}), pixel_unit({"units": b"K"}, 0.01), pixel_unit({"BUNIT": 3})
    ('Jy/beam', 'x 0.01 K', 'ADU')
    """
    factor = "" if scale == 1 else f"x {scale:g} "
    by_name = {str(key).upper(): key for key in header}
    for keyword in _UNIT_KEYWORDS:
        if keyword not in by_name:
            continue
        value = header[by_name[keyword]]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str) and text.strip():
            return factor + " ".join(text.split())
    return f"{factor}ADU"
