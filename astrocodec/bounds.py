"""Bounds: what may be lost, in the words that every door takes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec._native import stream as native_stream
from astrocodec.stages.loss import KINDS
from astrocodec.stages.loss import Loss as Loss
from astrocodec.stages.quantise import TYPES

__all__ = ["Bound", "Loss"]

_NUMBER = re.compile(r"\s*([0-9.eE+-]+)\s*(%|[A-Za-z]*)\s*", re.ASCII)
_NOISES = {"sigma", "sigmas", "noise"}
_UNITS = {"", "adu"}


def _parse(text: str | float, what: str) -> tuple[float, str]:
    """A number and its unit; ValueError for what is none, or not above 0 and finite."""
    if isinstance(text, bool) or not isinstance(text, str | int | float | np.integer | np.floating):
        raise TypeError(f"{what} is {text!r}, a number or a text such as '0.5sigma' is needed")
    found = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    try:
        value, unit = (float(found[1]), found[2].lower()) if found else (float(text), "")
    except ValueError:
        raise ValueError(f"{what} is {text!r}, a number is needed, such as '0.5sigma', '2 adu', '1%' or 0.01") from None
    if not 0 < value < math.inf:
        raise ValueError(f"{what} is {text!r}, it must be above 0 and finite; leave it out for lossless")
    return value, unit


@dataclass(frozen=True)
class Bound:
    """How much of an array may be lost; `astrocodec.encode` takes the same.

    Attributes
    ----------
    max_error : float or str, optional
        The most that any element may differ by: ``0.01`` or ``"2 adu"`` in the array's unit, ``"0.5sigma"`` in units of
        the noise, ``"1%"`` of the element itself, whose sign and zeros stay.
    noise_increase : float or str, optional
        ``"1%"`` or ``0.01``: by how much the standard deviation of the noise may grow, wherever it is measured; or
        ``"0.3 adu"``: the noise that is added, the same everywhere, in the array's unit. Smaller than `max_error` at
        equal noise: steps are chosen by a trellis (docs/lossy.md).
    gain : float, optional
        Electrons per unit: steps grow with the noise of brighter elements (Poisson), but for absolute and relative
        bounds.
    read_noise : float, optional
        Electrons; with `gain`, the noise of what has no signal. Without it that of the background is measured.
    dither : bool, optional
        Subtractive dither of the FITS standard (its generator of 10,000 numbers, seeded by the data). By default where
        steps are wider than twice the noise.
    protect_sources : bool, optional
        A quarter of the step where elements are more than five noises above the background.
    saturation : float, optional
        Elements from here on are kept exactly.
    blank : float or int, optional
        Elements of this value stand for none, and are kept exactly, and no other one becomes it; NaN and infinities are
        kept in any case.

    Raises
    ------
    TypeError, ValueError
        Something is no number, or outside its range; both bounds are given, or none.

    Examples
    --------
    >>> Bound(max_error="0.5sigma").kind, Bound(noise_increase="1%").value
    ('noise', 0.01)
    >>> Bound(max_error=-1)
    Traceback (most recent call last):
    ValueError: max_error is -1, it must be above 0 and finite; leave it out for lossless
    """

    max_error: float | str | None = None
    noise_increase: float | str | None = None
    gain: float | None = None
    read_noise: float | None = None
    dither: bool | None = None
    protect_sources: bool = False
    saturation: float | None = None
    blank: float | None = None

    def __post_init__(self) -> None:
        if (self.max_error is None) == (self.noise_increase is None):
            raise ValueError("give one of max_error and noise_increase")
        self.kind, self.value  # noqa: B018
        for name in ("gain", "read_noise"):
            if (given := getattr(self, name)) is not None:
                _parse(given, name)
        if self.gain is not None and self.kind in ("absolute", "relative", "added"):
            asked = self.noise_increase if self.max_error is None else self.max_error
            raise ValueError(f"gain tells how noise grows, which a bound of {asked!r} does not ask: leave it out")
        if self.read_noise is not None and self.gain is None:
            raise ValueError("read_noise is in electrons, so gain is needed too")
        for name in ("saturation", "blank"):
            given = getattr(self, name)
            if given is not None and (
                isinstance(given, bool) or not isinstance(given, int | float | np.integer | np.floating)
            ):
                raise TypeError(f"{name} is {given!r}, a number is needed")
        if self.saturation is not None and math.isnan(self.saturation):
            raise ValueError("saturation is NaN, a number is needed")
        if self.dither not in (None, False, True):
            raise TypeError(f"dither is {self.dither!r}, True, False or None is needed")

    @property
    def _parsed(self) -> tuple[str, float]:
        if self.noise_increase is not None:
            value, unit = _parse(self.noise_increase, "noise_increase")
            if unit == "adu":
                return "added", value
            if unit not in ("", "%"):
                raise ValueError(
                    f"noise_increase is {self.noise_increase!r}, a share such as '1%' or 0.01 or a noise such as "
                    "'0.3 adu' is needed"
                )
            return "increase", value / 100 if unit else value
        assert self.max_error is not None
        value, unit = _parse(self.max_error, "max_error")
        if unit == "%" and value >= 100:
            raise ValueError(f"max_error is {self.max_error!r}, less than 100% is needed")
        if unit not in {"%"} | _NOISES | _UNITS:
            raise ValueError(f"max_error is {self.max_error!r}, units are sigma, adu (the array's own) and %")
        return ("relative", value / 100) if unit == "%" else ("noise" if unit in _NOISES else "absolute", value)

    @property
    def kind(self) -> str:
        """``"absolute"``, ``"noise"``, ``"relative"``, ``"increase"`` or ``"added"``."""
        return self._parsed[0]

    @property
    def value(self) -> float:
        """The bound in the array's unit; in noises; as a share; as a share; in the array's unit."""
        return self._parsed[1]

    @property
    def number(self) -> int:
        """Of the kind, docs/format.md section "Loss"."""
        return KINDS.index(self.kind)


def check_type(dtype: np.dtype[Any]) -> None:
    """TypeError for arrays that no bound is kept of.

    >>> check_type(np.dtype("i8"))
    Traceback (most recent call last):
    TypeError: int64 arrays are coded losslessly only: a bound is kept of integers of up to 32 bits, f4 and f8
    """
    if dtype.str[1:] not in TYPES:
        raise TypeError(
            f"{dtype} arrays are coded losslessly only: a bound is kept of integers of up to 32 bits, f4 and f8"
        )


def blank_bits(blank: float, dtype: np.dtype[Any]) -> int | None:
    """
    The bits of an element that stands for none; None where it is no number, or none that the type holds.

    >>> blank_bits(-1, np.dtype("i2")), blank_bits(-1, np.dtype("f4")), blank_bits(1e99, np.dtype("f4"))
    (65535, 3212836864, None)
    >>> blank_bits(66536, np.dtype("i2")), blank_bits(-1, np.dtype("u2")), blank_bits(math.nan, np.dtype("i2"))
    (None, None, None)
    """
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        if not limits.min <= blank <= limits.max:
            return None
        if int(blank) != blank:
            raise ValueError(f"blank is {blank}, but elements are {dtype}: a whole number is needed")
        return int(blank) & ((1 << 8 * dtype.itemsize) - 1)
    with np.errstate(over="ignore"):
        element = np.array(blank, dtype.newbyteorder("="))
    return int(element.view(f"u{dtype.itemsize}")) if np.isfinite(element) else None


def native_bound(
    values: NDArray[Any], bound: Bound, noise: ArrayLike | None = None
) -> tuple[native_stream.Bounded, NDArray[np.float32] | None]:
    """A bound of an array as the library takes it, and its noise: one number for each element."""
    check_type(values.dtype)
    blank = None if bound.blank is None else blank_bits(bound.blank, values.dtype)
    given = native_stream.Bounded(
        *(bound.number, -1 if bound.dither is None else int(bound.dither), bound.value),
        *(bound.gain or 0, (bound.read_noise or 0) / (bound.gain or 1)),
        *(math.nan if bound.saturation is None else bound.saturation, int(bound.protect_sources)),
        *(int(blank is not None), blank or 0),
    )
    if noise is None:
        return given, None
    with np.errstate(over="ignore"):  # infinite noise says nothing
        beside = np.asarray(noise, np.float32)
    try:
        return given, np.ascontiguousarray(np.broadcast_to(beside, values.shape))
    except ValueError:
        raise ValueError(f"noise has shape {beside.shape}, that of the array is {values.shape}") from None


def coded_within(array: Any, bound: Bound) -> NDArray[Any]:
    """What an array is coded by within a bound: integers, to which a model is tuned; itself where nothing is lost.

    >>> coded_within(np.full((4, 4), 2.0, "f4"), Bound("1sigma")).tolist()[0]
    [2.0, 2.0, 2.0, 2.0]
    """
    values = np.asarray(array)
    values = np.require(values, values.dtype.newbyteorder("="), ["C", "A"])
    return native_stream.bounded_codes(values, native_bound(values, bound)[0], None) if values.size else values
