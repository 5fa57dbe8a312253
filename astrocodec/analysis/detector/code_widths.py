"""Code widths: how wide a converter's codes are, by value modulo 16 and 64, as the histogram of an image tells.

An image's own histogram is smooth over a few codes, since noise has smeared it; a converter's unevenness is not, and
repeats with its bits. The logarithm of the counts is a smooth curve, a cubic spline, plus a number for each remainder.
Both are estimated at once; how wiggly the curve and how uneven the codes may be, their likelihood decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LEAST_CODES = 12
_LEAST_COUNT = 15
_MOST_CODES = 320
# Counts that a code must be expected to have for its absence to mean something, and codes in a row that may be absent.
_EXPECTED = 20.0
_REACH = 4
_PERIODS = (2, 4, 8, 16, 64)
# Codes between the knots of the curve.
_SPACINGS = (2, 4, 8, 16, 32, 64)
# Curves have as many numbers at most.
_MOST_WIGGLES = 96
# Standard deviations of the logarithm of a width: of what repeats, and of what does not.
_UNEVEN = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
_ROUGH = (0.0, 0.02, 0.06)
# Widths are told as if they might be uneven by that much at least.
_LEAST_UNEVEN = 0.03
# Natural logarithm of how much likelier uneven widths must be than even ones.
_SURE = 12.0
_HARDLY = 4.0
_OUTLIER = 6.0
_MOST_OUTLIERS = 0.02
# How often the curve is taken where the codes' middles are found to be.
_CENTRED = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CodeWidths:
    """A converter's fingerprint: widths of its codes, mean 1 (IEEE Std 1241: differential non-linearity plus 1).

    Attributes
    ----------
    modulo16, modulo64 : tuple of float
        Widths by remainder; NaN where no code of a remainder is frequent enough.
    errors16, errors64 : tuple of float
        Their standard errors.
    period : int
        Number of codes, a power of 2 up to 64, after which uneven widths repeat; 0 where they differ by no more than
        counts do by chance.
    widths, errors : tuple of float
        By the remainders of that period.
    even_share : float
        Share of all widths that even codes have: 0.5 where the last bit is good.
    codes : int
        Number of codes looked at.
    """

    modulo16: tuple[float, ...]
    errors16: tuple[float, ...]
    modulo64: tuple[float, ...]
    errors64: tuple[float, ...]
    period: int
    widths: tuple[float, ...]
    errors: tuple[float, ...]
    even_share: float
    codes: int


class _Fit(NamedTuple):
    likelihood: float
    logs: Floats  # of the widths by remainder
    errors: Floats
    residuals: Floats  # of the codes, in standard deviations
    curve: Floats  # its numbers


def _spline(count: int, spacing: int) -> Floats:
    """Cubic B-splines over so many codes, knots evenly apart."""
    spans = max(1, math.ceil((count - 1) / spacing))
    away = np.abs(np.linspace(0, spans, count)[:, None] - np.arange(-1, spans + 2))
    return np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.maximum(2 - away, 0) ** 3 / 6)


class _Widths(NamedTuple):
    widths: tuple[float, ...]
    errors: tuple[float, ...]
    surer: float  # natural logarithm of how much likelier they are than even ones


class _Smooth:
    """Logarithms of counts, for a curve of some spacing and codes that are rough by some amount.

    Curve and remainders by generalised least squares (Henderson 1975, mixed-model equations).
    """

    def __init__(self, curve: Floats, logs: Floats, variance: Floats, rest: NDArray[np.int64], period: int) -> None:
        self._curve, self._logs, self._rest, self._period, self._weight = curve, logs, rest, period, 1 / variance
        weighted = curve * self._weight[:, None]
        self._inner = weighted.T @ curve
        self._inner[np.diag_indices_from(self._inner)] += 1e-9 * np.trace(self._inner) / len(self._inner)
        self._seen = np.bincount(rest, self._weight, period)
        self._crossed = np.zeros((period, curve.shape[1]))
        np.add.at(self._crossed, rest, weighted)
        self._right, self._right_rest = weighted.T @ logs, np.bincount(rest, self._weight * logs, period)
        self._spread = float(np.log(variance).sum())

    def fit(self, uneven: float) -> _Fit:
        """Widths whose logarithms have a standard deviation of `uneven`."""
        prior = uneven**2
        diagonal = self._seen + (1 / prior if prior else 1e12)
        shared = self._crossed / diagonal[:, None]
        left = np.linalg.inv(self._inner - self._crossed.T @ shared)
        curve = left @ (self._right - shared.T @ self._right_rest)
        widths = (self._right_rest - self._crossed @ curve) / diagonal
        misfit = self._logs - self._curve @ curve
        squares = float((self._weight * misfit * (misfit - widths[self._rest])).sum())
        spread = self._spread + float(np.log1p(prior * self._seen).sum())
        likelihood = -0.5 * (spread + squares + len(curve) * math.log(len(misfit)))
        # Errors of widths relative to the others: a constant belongs to the curve.
        known = self._seen > 0
        relative = np.diag(known.astype(np.float64)) - np.outer(known, known) / max(known.sum(), 1)
        variance = relative @ (np.diag(1 / diagonal) + shared @ left @ shared.T) @ relative
        errors = np.sqrt(np.maximum(np.diag(variance), 0))
        return _Fit(likelihood, widths, errors, (misfit - widths[self._rest]) * np.sqrt(self._weight), curve)


def _suits(spacing: int, codes: int) -> bool:
    return spacing <= 2 * codes <= 2 * _MOST_WIGGLES * spacing


def _best(counts: Floats, rest: NDArray[np.int64], period: int) -> tuple[_Fit, float]:
    """The likeliest fit, with its outliers left out, and how much likelier it is than even widths."""
    kept = counts >= _LEAST_COUNT
    logs, noise = np.log(counts, where=kept, out=np.zeros_like(counts)), 1 / np.maximum(counts, 1)
    curves = {spacing: _spline(len(counts), spacing) for spacing in _SPACINGS if _suits(spacing, len(counts))}

    def smooth(rough: float, spacing: int) -> _Smooth:
        return _Smooth(curves[spacing][kept], logs[kept], noise[kept] + rough**2, rest[kept], period)

    likeliest: dict[bool, tuple[float, float, float, int]] = {}
    for rough in _ROUGH:
        for spacing in curves:
            fits = smooth(rough, spacing)
            for uneven in _UNEVEN:
                found = (fits.fit(uneven).likelihood, uneven, rough, spacing)
                likeliest[uneven > 0] = max(found, likeliest.get(uneven > 0, found))
    chosen, even = max(likeliest.values()), likeliest[False]
    outliers = np.zeros_like(kept)
    outliers[kept] = np.abs(smooth(*chosen[2:]).fit(chosen[1]).residuals) > _OUTLIER
    if outliers.sum() <= max(1, _MOST_OUTLIERS * kept.sum()):
        kept &= ~outliers
    surer = smooth(*chosen[2:]).fit(chosen[1]).likelihood - smooth(*even[2:]).fit(0.0).likelihood
    best = smooth(*chosen[2:]).fit(max(chosen[1], _LEAST_UNEVEN))
    plain = logs
    for _ in range(_CENTRED):
        slope = np.gradient(curves[chosen[3]] @ best.curve)
        logs = plain - slope * _centres(best.logs)[rest]
        again = smooth(*chosen[2:]).fit(max(chosen[1], _LEAST_UNEVEN))
        if again.likelihood < best.likelihood:
            break
        best = again
    return best, surer


def _centres(logs: Floats) -> Floats:
    """How far from its place the middle of each code lies, in codes: all those below it were wider or narrower."""
    widths = np.exp(logs)
    widths /= widths.mean()
    above = np.cumsum(widths - 1)
    centres = above - (widths - 1) / 2
    return np.asarray(centres - centres.mean())


def _runs(is_used: NDArray[np.bool_]) -> Iterator[slice]:
    edges = np.diff(np.concatenate([[0], is_used, [0]]).astype(np.int8))
    for start, stop in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True):
        yield slice(int(start), int(stop))


def _looked_at(counts: Floats) -> slice:
    """Codes in a row with enough counts, the most frequent ones."""
    smooth = np.convolve(counts, np.ones(9) / 9, mode="same") if len(counts) > 9 else counts
    best = max(_runs(smooth >= 4 * _LEAST_COUNT), key=lambda run: counts[run].sum(), default=slice(0, 0))
    if best.stop - best.start > _MOST_CODES:
        total = np.concatenate([[0], np.cumsum(counts[best])])
        start = best.start + int(np.argmax(total[_MOST_CODES:] - total[:-_MOST_CODES]))
        best = slice(start, start + _MOST_CODES)
    return best


def _nearest_used(counts: Floats) -> Floats:
    """Count of the nearest code before each that occurs, 0 if that is farther than `_REACH` codes."""
    index = np.arange(counts.size)
    last = np.maximum.accumulate(np.where(counts > 0, index, -1))
    before = np.concatenate([[-1], last[:-1]])
    return np.where((before >= 0) & (index - before <= _REACH), counts[before], 0.0)


def should_occur(counts: Floats) -> NDArray[np.bool_]:
    """Whether codes should occur, given how often those beside them do."""
    return np.asarray(np.sqrt(_nearest_used(counts) * _nearest_used(counts[::-1])[::-1]) > _EXPECTED)


def _by_remainder(counts: Floats, rest: NDArray[np.int64], period: int) -> _Widths:
    missing = (counts == 0) & should_occur(counts)
    # A remainder whose codes all are missing has no logarithm. Those beside single ones took their counts.
    absent = (np.bincount(rest, missing, period) > 0) & (np.bincount(rest, counts > 0, period) == 0)
    single = np.convolve(missing & ~absent[rest], np.ones(3), mode="same") > 0
    counts = np.where(single, 0.0, counts)
    fit, surer = _best(counts, rest, period)
    seen = np.bincount(rest, counts >= _LEAST_COUNT, period) > 0
    widths = np.where(seen, np.exp(fit.logs), np.where(absent, 0.0, np.nan))
    widths /= np.nanmean(widths)
    errors = np.where(seen | absent, widths * fit.errors, np.nan)
    return _Widths(tuple(widths.tolist()), tuple(errors.tolist()), surer)


def _likeliest(found: dict[int, _Widths]) -> int:
    """The shortest period that is hardly less likely than the likeliest, 0 if even codes are."""
    whole = {period: one.surer for period, one in found.items() if not np.isnan(one.widths).any()}
    best = max(whole.values(), default=0.0)
    return min(period for period, surer in whole.items() if surer >= best - _HARDLY) if best > _SURE else 0


def code_widths(counts: NDArray[np.int64], first: int) -> CodeWidths | str:
    """Measure the widths of the codes `first`, `first` + 1, … that occur so often, or say why they cannot be measured.

    Examples
    --------
    >>> signal = np.random.default_rng(1).normal(1000, 30, 10**6)
    >>> found = code_widths(np.bincount((2 * (signal // 2) + (signal % 2 > 1.2)).astype(int)), 0)
    >>> round(found.even_share, 2), found.period
    (0.6, 2)
    """
    every = counts.astype(np.float64)
    part = _looked_at(every)
    looked, rest = every[part], np.arange(part.start, part.stop) + first
    frequent = int((looked >= _LEAST_COUNT).sum())
    if frequent < _LEAST_CODES:
        return f"{frequent} codes in a row are frequent enough, {_LEAST_CODES} are needed"
    found = {period: _by_remainder(looked, rest % period, period) for period in _PERIODS}
    by16, by64 = found[16], found[64]
    period = _likeliest(found)
    shared = found[period or 16].widths
    return CodeWidths(
        *by16[:2],
        *by64[:2],
        period,
        *(found[period][:2] if period else ((), ())),
        float(np.nansum(shared[::2]) / np.nansum(shared)),
        len(looked),
    )
