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

__all__ = [
    "ImageEntry",
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
_EXPOSURE_KEYWORDS = ("EXPTIME", "EXPOSURE", "XPOSURE", "EFFEXPTM", "TEXPTIME", "ITIME", "EXP_TIME", "EXPOSURE_TIME")


@dataclass(frozen=True, eq=False)
class ImageEntry:
    """
    One image, or one plane of a cube.

    Attributes
    ----------
    file, name : str
        The file as given, and the place in it: number and name of an HDU, path of a dataset or an array; empty where
        the file is the image.
    pixels : ndarray, [y, x]
        Native byte order. Integers are those that the file stores, with the sign that it means.
    mask : ndarray of bool or None
        True where a pixel has no value by the file's word (``BLANK``); NaN speaks for itself.
    shape : tuple of int
        Of the whole array in the file.
    plane : int or None
        Which plane of a cube `pixels` are.
    stored_bytes : int
        What the file spends on these pixels; for a plane, its share.
    compression : str
        How the file stores them: ``'none'``, ``'RICE_1'``, ``'gzip'``, ``'astrocodec'``.
    exposure : float or None
        Seconds, where the file tells.
    ours : bool
        Whether streams of astrocodec hold the image.
    note : str
        Anything worth telling.
    bits : callable or None
        Where the bits of the image went in the file, if that is ours and tells; to be called before the next image is
        taken.
    unit : str
        Of the pixels, as the file tells it.
    layout : Amplifiers or None
        Amplifiers and overscan, where the file tells them.
    can_be_rounded : bool
        Whether `fits-compress --lossy` takes such pixels.
    meaning : tuple of float
        Factor and summand that make values of these pixels.
    """

    file: str
    name: str
    pixels: NDArray[Any]
    mask: NDArray[np.bool_] | None = None
    shape: tuple[int, ...] = ()
    plane: int | None = None
    stored_bytes: int = 0
    compression: str = "none"
    exposure: float | None = None
    ours: bool = False
    note: str = ""
    bits: Callable[[], BitsMap] | None = None
    unit: str = "ADU"
    layout: Amplifiers | None = None
    can_be_rounded: bool = False
    meaning: tuple[float, float] = (1.0, 0.0)

    @property
    def title(self) -> str:
        """File and place in it, as tables print them."""
        return f"{self.file}[{self.name}]" if self.name else self.file


@dataclass(frozen=True)
class SkippedEntry:
    """
    A part of a file without an image.

    Attributes
    ----------
    file, name : str
        As for `ImageEntry`.
    reason : str
        Why it was left out.
    """

    file: str
    name: str
    reason: str

    @property
    def title(self) -> str:
        """File and place in it, as tables print them."""
        return f"{self.file}[{self.name}]" if self.name else self.file


# The names that a part of a file goes by, and how to read it: what is not selected is not decoded.
Part = tuple[frozenset[int | str], Callable[[], ImageEntry | SkippedEntry]]


@dataclass(frozen=True)
class Plane:
    """
    Which plane of an array is taken.

    Attributes
    ----------
    index : tuple of int
        Along the leading axes; empty for two axes.
    number, count : int
        The plane, counted over all leading axes, and how many there are.
    """

    index: tuple[int, ...] = field(default=())
    number: int = 0
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


def choose_plane(shape: tuple[int, ...], wanted: int | None = None) -> Plane | str:
    """
    Pick a plane of an array of any number of axes: the middle one unless told otherwise.

    Parameters
    ----------
    shape : tuple of int
        Of the array, slowest axis first.
    wanted : int, optional
        Number of a plane, counted over all leading axes; negative from the end.

    Returns
    -------
    Plane or str
        The plane, or why there is none.

    Examples
    --------
    >>> choose_plane((3, 5, 100, 80)).index, choose_plane((7,))
    ((1, 2), 'one axis: not an image')
    """
    if 0 in shape or not shape:
        return "no pixels"
    if len(shape) == 1:
        return "one axis: not an image"
    leading = shape[:-2]
    count = math.prod(leading)
    number = count // 2 if wanted is None else wanted + count if wanted < 0 else wanted
    if not 0 <= number < count:
        return f"plane {wanted} asked for, it has {count}"
    return Plane(tuple(int(i) for i in np.unravel_index(number, leading)) if leading else (), number, count)


def exposure_seconds(cards: Iterable[Mapping[str, Any]]) -> float | None:
    """
    Find an exposure time.

    Parameters
    ----------
    cards : iterable of mapping
        Headers or attributes, the nearest first.

    Returns
    -------
    float or None
        Seconds, positive.

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
    """
    Find the unit of the pixels.

    Parameters
    ----------
    header : mapping
        Header or attributes of the image.
    scale : float
        What the file means by a step of its stored integers.

    Returns
    -------
    str
        ``ADU`` where nothing is told.

    Examples
    --------
    >>> pixel_unit({"BUNIT": "Jy/beam "}), pixel_unit({"units": b"K"}, 0.01), pixel_unit({"BUNIT": 3})
    ('Jy/beam', 'x 0.01 K', 'ADU')
    """
    by_name = {str(key).upper(): key for key in header}
    for keyword in _UNIT_KEYWORDS:
        if keyword not in by_name:
            continue
        value = header[by_name[keyword]]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str) and text.strip():
            unit = " ".join(text.split())
            return unit if scale == 1 else f"x {scale:g} {unit}"
    return "ADU"
