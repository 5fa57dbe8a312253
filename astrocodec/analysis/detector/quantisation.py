"""Quantisation: which codes an image uses, how evenly, and how many bits they need."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.detector.code_widths import CodeWidths, code_widths, should_occur
from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.stages.valueset import fit_lattice

_MOST_CODES = 1 << 24
# Counts that a code must have to be compared with others.
_COMPARED = 60.0
_LEAST_CODES = 16
_ON_LATTICE = 0.99
_LEAST_STEP = 1.04
_BETWEEN = "values between integers: they show no codes"


@dataclass(frozen=True)
class Quantisation:
    """How an image's values are quantised.

    Attributes
    ----------
    is_integer : bool
        Whether all values are integers.
    step, phase : float
        Values are ``floor(k * step + phase)`` for integers k: step 1 for plain integers, 16 for 12 bits in the upper
        part of 16, 1.37 for integers that software rescaled; 0 for continuous values.
    used_codes : int
        Number of different values.
    effective_bits : float
        log2 of the number of steps between the least and the largest value: what a converter needs for them.
    missing_codes : tuple of int
        Values that should occur, given their neighbours on the lattice, and do not; at most 1000.
    missing_share : float
        Share of missing codes among those that should occur.
    code_widths : CodeWidths or None
        The converter's fingerprint: widths by value modulo 16 and 64.
    why_no_widths : str
        Why there is none.
    """

    is_integer: bool
    step: float
    phase: float
    used_codes: int
    effective_bits: float
    missing_codes: tuple[int, ...] = ()
    missing_share: float = 0.0
    code_widths: CodeWidths | None = None
    why_no_widths: str = ""

    @property
    def is_rescaled(self) -> bool:
        """Whether the values have regular holes between them."""
        return self.step > 1

    @property
    def uneven_period(self) -> int:
        """Number of codes after which uneven widths repeat; 0 where they are even, or not known."""
        return 0 if self.code_widths is None else self.code_widths.period

    @property
    def uneven_widths(self) -> tuple[float, ...]:
        """Relative width of the codes by remainder, mean 1: differential non-linearity plus 1 (IEEE Std 1241)."""
        return () if self.code_widths is None else self.code_widths.widths

    @property
    def dnl(self) -> float:
        """Largest differential non-linearity, in steps: 0 for even codes."""
        return max((abs(w - 1) for w in self.uneven_widths), default=0.0)


def _takes_over(counts: NDArray[np.int64], places: NDArray[np.int64]) -> bool:
    """Whether values before a hole count about twice as much: those of codes that a converter misses."""
    gaps = np.diff(places)
    if not gaps.size:
        return False
    wide, narrow = counts[places[:-1][gaps > gaps.min()]], counts[places[:-1][gaps == gaps.min()]]
    return bool(gaps.max() > gaps.min()) and float(wide.mean()) > 1.5 * float(narrow.mean())


def _lattice(counts: NDArray[np.int64], used: NDArray[np.int64]) -> tuple[float, NDArray[np.int64]] | None:
    """Step and values of the lattice on which nearly all pixels lie, if there is one wider than integers."""
    part = _main_part(counts.astype(np.float64))
    frequent = used[(used >= part.start) & (used < part.stop)]
    for values in (used, frequent):
        if values.size < _LEAST_CODES:
            continue
        found = fit_lattice(values - values[0])
        if found is None:
            continue
        step, phase = found[0], found[1] + (int(values[0]) << 32)
        index = np.arange(-(phase // step) - 1, ((counts.size << 32) - phase) // step + 1)
        places = (index * step + phase) >> 32
        places = places[(places >= 0) & (places < counts.size)]
        is_whole = places.size >= _LEAST_CODES and counts[places].sum() >= _ON_LATTICE * counts.sum()
        if is_whole and step >= _LEAST_STEP * 2**32 and not _takes_over(counts, places[places < part.stop]):
            return step / 2**32, places
    return None


def _main_part(counts: NDArray[np.float64]) -> slice:
    """The longest stretch of codes whose counts are high enough to be compared."""
    smooth = np.convolve(counts, np.ones(17) / 17, mode="same")
    best = slice(0, 0)
    for share in (0.0, 0.02):
        level = max(_COMPARED, share * float(smooth[best].max(initial=0.0)))
        edges = np.diff(np.concatenate([[0], smooth >= level, [0]]).astype(np.int8))
        starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
        if not starts.size:
            break
        longest = int(np.argmax(stops - starts))
        best = slice(int(starts[longest]), int(stops[longest]))
    return best


def quantisation(image: ArrayLike | Plane, *, mask: ArrayLike | None = None) -> Quantisation:
    """Diagnose how an image was quantised.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    mask : array_like of bool, optional
        True for pixels that do not count.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(1000, 30, (256, 256)).astype(np.uint16)
    >>> found = quantisation(image * 16)
    >>> found.step, found.is_rescaled, found.missing_codes
    (16.0, True, ())
    """
    plane = image if isinstance(image, Plane) else as_plane(image, mask)
    values = plane.values[~plane.mask] if plane.mask.any() else plane.values.ravel()
    if not values.size:
        return Quantisation(bool(plane.step), 0.0, 0.0, 0, 0.0, why_no_widths="no pixel counts")
    if not plane.step:
        return Quantisation(False, 0.0, 0.0, int(np.unique(values).size), 0.0, why_no_widths=_BETWEEN)
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > _MOST_CODES or high >= 1 << 63:
        reason = "too far apart to be counted" if span > _MOST_CODES else "beyond what converters count"
        bits, why = math.log2(span / plane.step), f"values from {low} to {high} are {reason}"
        return Quantisation(True, plane.step, float(low % plane.step), 0, bits, why_no_widths=why)
    counts = np.bincount((values - values.dtype.type(low)).astype(np.int32).ravel(), minlength=span)
    used = np.flatnonzero(counts)
    step, phase = plane.step, float(low % plane.step)
    on_lattice = np.arange(0, span, int(plane.step))
    if plane.step == 1 and 16 < used.size < 0.95 * span and span <= 65536:
        lattice = _lattice(counts, used)
        if lattice is not None:
            step, on_lattice = lattice
            phase = (float(on_lattice[0]) + low) % step
    bits = math.log2(max(on_lattice.size, 1))
    found = Quantisation(True, step, phase, int(used.size), bits)
    if step != int(step):
        return replace(found, why_no_widths=f"values lie {step:.6g} apart: software has rescaled the codes")
    return _with_codes(counts[on_lattice], on_lattice + low, found)


def _with_codes(histogram: NDArray[np.int64], codes: NDArray[np.int64], found: Quantisation) -> Quantisation:
    expected = should_occur(histogram.astype(np.float64))
    missing = codes[(histogram == 0) & expected]
    measured = code_widths(histogram, round(codes[0] / found.step))
    return replace(
        found,
        missing_codes=tuple(int(code) for code in missing[:1000]),
        missing_share=missing.size / expected.sum() if expected.any() else 0.0,
        code_widths=None if isinstance(measured, str) else measured,
        why_no_widths=measured if isinstance(measured, str) else "",
    )
