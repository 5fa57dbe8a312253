"""Quantisation: which codes an image uses, how evenly, and how many bits they need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.plane import Plane, as_plane
from astrocodec.stages.valueset import fit_lattice

_MOST_CODES = 1 << 24
# Counts that a code must be expected to have for its absence, or its width, to mean something.
_EXPECTED = 20.0
_COMPARED = 60.0
# Codes in a row that may be missing.
_REACH = 4
_PERIODS = (2, 4, 8, 16)
_DEGREE = 10
_SIGNIFICANT = 6.0
_LEAST_UNEVEN = 0.01
_LEAST_CODES = 16
_ON_LATTICE = 0.99
_LEAST_STEP = 1.04


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


def _nearest_used(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count of the nearest code before each that occurs, 0 if that is farther than `_REACH` codes."""
    index = np.arange(counts.size)
    last = np.maximum.accumulate(np.where(counts > 0, index, -1))
    before = np.concatenate([[-1], last[:-1]])
    return np.where((before >= 0) & (index - before <= _REACH), counts[before], 0.0)


def _expected(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each code should count, given those beside it that occur: their geometric mean."""
    return np.asarray(np.sqrt(_nearest_used(counts) * _nearest_used(counts[::-1])[::-1]))


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


def _widths(counts: NDArray[np.float64], first: int) -> tuple[int, tuple[float, ...]]:
    """Relative widths by remainder, of the shortest period that explains them; none where they are even.

    The logarithm of the counts is a polynomial plus a number for each remainder: least squares. Gaussian noise is a
    parabola there.
    """
    part = _main_part(counts)
    counts, first = counts[part], first + part.start
    if not counts.size:
        return 0, ()
    used = counts > _COMPARED / 4
    period = max((p for p in _PERIODS if used.sum() >= 3 * p + _DEGREE), default=0)
    if not period:
        return 0, ()
    codes = np.arange(counts.size)
    rest = (codes + first) % period
    smooth = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, counts.size), _DEGREE)
    pattern = (rest[:, None] == np.arange(period)).astype(np.float64)[:, 1:] - (rest == 0)[:, None]
    design = np.concatenate([smooth, pattern], axis=1)[used]
    weight = np.sqrt(counts[used])
    target = np.log(counts[used])
    for _ in range(3):
        solution, *_ = np.linalg.lstsq(design * weight[:, None], target * weight, rcond=None)
        # A code that took over a missing one's counts says nothing of the others.
        deviation = np.abs(target - design @ solution) * weight
        usual = 6 * max(1.0, 1.4826 * float(np.median(deviation)))
        weight[deviation > max(usual, float(np.percentile(deviation, 98)))] = 0
    misfit = float((((target - design @ solution) * weight) ** 2).sum()) / max(1, int(used.sum()) - design.shape[1])
    found = solution[_DEGREE + 1 :]
    offsets = np.concatenate([[-found.sum()], found])
    # Every remainder's own error; what the polynomial does not follow adds to it.
    total = np.bincount(rest[used], np.where(weight > 0, counts[used], 0), period)
    if (total == 0).any():
        return 0, ()
    error = np.sqrt(max(1.0, misfit) / total)
    best = 0
    before = np.zeros(period)
    for shorter in (p for p in _PERIODS if p <= period):
        mean = np.array([np.average(offsets[r::shorter], weights=total[r::shorter]) for r in range(shorter)])
        folded = np.resize(mean, period)
        if (np.abs(folded - before) > np.maximum(_SIGNIFICANT * error, _LEAST_UNEVEN)).any():
            best, before = shorter, folded
    widths = np.exp(before[:best])
    return best, tuple(float(w) for w in widths / widths.mean()) if best else ()


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
        lattice = _lattice(counts, used)
        if lattice is not None:
            step, on_lattice = lattice
            phase = (float(on_lattice[0]) + low) % step
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
    period, widths = _widths(histogram, first)
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
