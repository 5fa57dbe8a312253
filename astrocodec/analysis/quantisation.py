"""Quantisation: which codes an image uses, how evenly, and how many bits they need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.valueset import fit_lattice

_MOST_CODES = 1 << 24
# Counts that a code must be expected to have for its absence, or its width, to mean something.
_EXPECTED = 12.0
_PERIODS = (2, 4, 8, 16)
_SIGNIFICANT = 5.0


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
    uneven_period : int
        Number of codes after which uneven widths repeat; 0 where they are even.
    uneven_widths : tuple of float
        Relative width of the codes by remainder, mean 1: differential non-linearity plus 1 (IEEE Std 1241).
    """

    is_integer: bool
    step: float
    phase: float
    used_codes: int
    effective_bits: float
    missing_codes: tuple[int, ...] = ()
    missing_share: float = 0.0
    uneven_period: int = 0
    uneven_widths: tuple[float, ...] = ()

    @property
    def is_rescaled(self) -> bool:
        """Whether the values have regular holes between them."""
        return self.step > 1

    @property
    def dnl(self) -> float:
        """Largest differential non-linearity, in steps: 0 for even codes."""
        return max((abs(w - 1) for w in self.uneven_widths), default=0.0)


def _smooth(counts: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Running mean over `width` codes: sums over whole periods cancel what repeats."""
    padded = np.pad(counts, (width // 2 + 1, width - width // 2 - 1), mode="edge")
    sums = np.cumsum(padded)
    even = (sums[width:] - sums[:-width]) / width
    # An even width is half a code off: the mean of both sides.
    return even[: counts.size]


def _expected(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each code would count if its surroundings were smooth: a curve through 33 codes (Savitzky & Golay 1964)."""
    half = 16
    x = np.arange(-half, half + 1, dtype=np.float64)
    design = np.stack([np.ones_like(x), x, x * x, x**3, x**4], axis=1)
    weights = np.linalg.pinv(design)[0]
    return np.convolve(np.pad(counts, half, mode="edge"), weights[::-1], mode="valid")


def _widths(counts: NDArray[np.float64], expected: NDArray[np.float64], first: int) -> tuple[int, tuple[float, ...]]:
    """The period with significantly uneven widths, the longest that adds something; and the widths."""
    usable = expected > _EXPECTED
    if usable.sum() < 8:
        return 0, ()
    codes = (np.arange(counts.size) + first)[usable]
    seen, mean = counts[usable], expected[usable]
    best: tuple[int, NDArray[np.float64]] | None = None
    for period in _PERIODS:
        if codes.size < 2 * period:
            break
        rest = codes % period
        total = np.bincount(rest, mean, period)
        if (total == 0).any():
            break
        widths = np.bincount(rest, seen, period) / total
        before = np.ones(period) if best is None else np.resize(best[1], period)
        # The parabolas are not perfect: a tenth of a percent is not believed.
        error = np.sqrt(1 / total + 1e-6)
        if (np.abs(widths - before) > _SIGNIFICANT * error).any() and np.abs(widths - before).max() > 0.01:
            best = period, widths / widths.mean()
    return (0, ()) if best is None else (best[0], tuple(float(w) for w in best[1]))


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
        return Quantisation(bool(plane.step), 0.0, 0.0, 0, 0.0)
    if not plane.step:
        return Quantisation(False, 0.0, 0.0, int(np.unique(values).size), 0.0)
    low, high = int(values.min()), int(values.max())
    span = high - low + 1
    if span > _MOST_CODES:
        return Quantisation(True, plane.step, float(low % plane.step), 0, math.log2(span / plane.step))
    counts = np.bincount((values - values.dtype.type(low)).astype(np.int32).ravel(), minlength=span)
    used = np.flatnonzero(counts)
    step, phase = plane.step, float(low % plane.step)
    on_lattice = np.arange(0, span, int(plane.step))
    if plane.step == 1 and 16 < used.size < 0.95 * span and span <= 65536:
        lattice = fit_lattice(used)
        if lattice is not None and lattice[0] / 2**32 < span / 16:
            step, phase = lattice[0] / 2**32, (lattice[1] / 2**32 + low) % (lattice[0] / 2**32)
            index = np.arange(int(span / step) + 2)
            on_lattice = (index * lattice[0] + lattice[1]) >> 32
            on_lattice = on_lattice[(on_lattice >= 0) & (on_lattice < span)]
    bits = math.log2(max(on_lattice.size, 1))
    histogram = counts[on_lattice].astype(np.float64)
    if histogram.size < 8 or step != int(step):
        return Quantisation(True, step, phase, int(used.size), bits)
    return _with_codes(histogram, on_lattice + low, Quantisation(True, step, phase, int(used.size), bits))


def _with_codes(histogram: NDArray[np.float64], codes: NDArray[np.int64], found: Quantisation) -> Quantisation:
    expected = _expected(histogram)
    absent = (histogram == 0) & (expected > _EXPECTED)
    missing = codes[absent]
    should = int((expected > _EXPECTED).sum())
    first = round(codes[0] / found.step)
    period, widths = _widths(histogram, expected, first)
    return Quantisation(
        True,
        found.step,
        found.phase,
        found.used_codes,
        found.effective_bits,
        tuple(int(code) for code in missing[:1000]),
        missing.size / should if should else 0.0,
        period,
        widths,
    )
