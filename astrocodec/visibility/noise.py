"""Noise of visibilities: of each baseline, channel and polarisation, from differences that the sky leaves little of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Estimate = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.float32]]
_RAYLEIGH = math.sqrt(2 * math.log(2))  # median of |z| of complex noise whose parts have a deviation of 1
_SECOND, _FOURTH = (1.0, -2.0, 1.0), (1.0, -4.0, 6.0, -4.0, 1.0)
# Differences along time and along frequency. Fringes and bandpasses are smooth in one or the other.
_OPERATORS = (
    ((1.0,), _SECOND),
    ((1.0,), _FOURTH),
    ((1.0, -1.0), (1.0,)),
    (_SECOND, (1.0,)),
    ((1.0, -1.0), (1.0, -1.0)),
    ((1.0, -1.0), _SECOND),
    (_SECOND, _SECOND),
)
# Those that are exactly 0 where a signal without noise is constant, linear or a sum of what is so.
_EXACT = (
    ((1.0, -1.0), (1.0,)),
    ((1.0,), (1.0, -1.0)),
    (_SECOND, (1.0,)),
    ((1.0,), _SECOND),
    ((1.0, -1.0), (1.0, -1.0)),
)
_IN_TIME = 2  # the operator that has nothing to do with frequency
_LEAST = 12  # differences that tell the noise of one baseline and polarisation
_ENOUGH, _RUN = 2048, 4  # samples of a baseline and polarisation, and times in a row of them
_FEW, _BEST = 32, 3  # baselines that tell which differences leave least, and how many of those are tried
_SWITCH = 0.85  # a baseline takes another operator where that finds so much less
_SPILL = 3.0  # what differences in frequency tell of a channel, over those in time, that is its neighbours'
_AROUND, _MOST_ABOVE = 8, 16.0  # channels on each side, and how far above their median one may be
_REPEATS = 0.2  # of differences that are exactly 0 (0.28 of stored twice, read four at a time): there is no noise
_PROFILE = 24  # differences, of all baselines and times, that tell the noise of a channel


def _differences(values: NDArray[Any], taps: Iterable[float], axis: int) -> NDArray[Any]:
    """The sum of shifted values times taps along an axis; shorter by the number of taps less 1."""
    taps = tuple(taps)
    length = values.shape[axis] - len(taps) + 1
    index = [slice(None)] * values.ndim
    total: NDArray[Any] | None = None
    for i, tap in enumerate(taps):
        index[axis] = slice(i, i + length)
        part = values[tuple(index)] * np.float32(tap)
        total = part if total is None else total + part
    assert total is not None
    return total


def _median(values: NDArray[Any], axis: tuple[int, ...]) -> NDArray[Any]:
    """Median of what is not NaN; NaN where all is."""
    moved = np.moveaxis(values, axis, range(len(axis))).reshape(-1, *np.delete(values.shape, axis))
    count = np.sum(~np.isnan(moved), 0)
    if len(moved) and count.min(initial=len(moved)) == len(moved):
        median: NDArray[Any] = np.median(moved, 0)
        return median
    ordered = np.sort(moved, 0)  # NaN last
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    pair = np.take_along_axis(ordered, np.stack([low, high]), 0)
    return np.where(count > 0, pair.mean(0), np.nan)


def _magnitudes(vis: NDArray[Any], known: NDArray[np.bool_], operator: Any) -> NDArray[Any] | None:
    """|difference| over what noise of 1 gives, NaN where a sample is not known; None where the axes are too short."""
    time, frequency = operator
    if vis.shape[0] < len(time) or vis.shape[2] < len(frequency):
        return None
    found = _differences(_differences(vis, time, 0), frequency, 2)
    norm = math.sqrt(sum(t * t for t in time) * sum(f * f for f in frequency)) * _RAYLEIGH
    magnitude: NDArray[Any] = np.abs(found).astype(np.float32) / np.float32(norm)
    if not known.all():
        of = _differences(_differences(known.astype(np.float32), np.ones(len(time)), 0), np.ones(len(frequency)), 2)
        magnitude[of < len(time) * len(frequency) - 0.5] = np.nan
    return magnitude


def estimate_noise(vis: ArrayLike, flags: ArrayLike | None = None) -> NDArray[np.float32]:
    """Noise of visibilities, the standard deviation of a real part, from differences in time and frequency.

    Of seven differences that take the sky away, the one that leaves least is taken; it is medians that count, so that
    interference does not. Flagged samples, zeros and what is not finite are left out.

    Parameters
    ----------
    vis : array_like of complex
        Shape ``[time, baseline, freq, pol]``.
    flags : array_like of bool, optional
        Of the same shape.

    Returns
    -------
    ndarray of float32
        Shape ``[baseline, freq, pol]``, in the unit of `vis`; NaN where it cannot be known, and where there is none:
        samples of a baseline and polarisation that repeat, or go on in a straight line, exactly.

    Raises
    ------
    ValueError
        `vis` has other than four axes, or `flags` another shape.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> vis = rng.normal(size=(8, 3, 64, 1, 2)).view(complex)[..., 0] * 5
    >>> bool(np.all(abs(estimate_noise(vis) / 5 - 1) < 0.2))
    True
    """
    found = _noise_of(vis, flags, _with_noiseless)
    return np.where(found > 0, found, np.float32(np.nan))


def noise_to_code(vis: NDArray[Any], flags: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Noise as `estimate_noise` finds it, of flagged samples where no others tell it; 0 where there is none."""
    found = _noise_of(vis, flags, _with_noiseless)
    if flags is not None and np.isnan(found).any():
        found = np.where(np.isnan(found), _noise_of(vis, None, _with_noiseless), found)
    return found


def typical_difference(vis: NDArray[Any]) -> float:
    """What a sample typically is off its neighbours', as a deviation of a real part; NaN where nothing tells it."""
    found = _noise_of(vis, None, _estimate)
    return float(np.median(found[found > 0])) if (found > 0).any() else math.nan


def _noise_of(vis: ArrayLike, flags: ArrayLike | None, estimate: _Estimate) -> NDArray[np.float32]:
    """Noise by an estimate of samples, some of the times if those tell it; NaN where it cannot be known."""
    values = np.asarray(vis)
    if values.ndim != 4:
        raise ValueError(f"{values.ndim} axes found, 4 are needed: time, baseline, freq, pol")
    known = np.isfinite(values) & (values != 0)
    if flags is not None:
        if np.shape(flags) != values.shape:
            raise ValueError(f"flags have shape {np.shape(flags)}, visibilities {values.shape}")
        known &= ~np.asarray(flags, bool)
    times = _times(values.shape)
    found = estimate(values[times], known[times])
    missing = np.isnan(found).all((1, 2)) & known.any((0, 2, 3))
    if missing.any() and not isinstance(times, slice):
        found[missing] = estimate(values[:, missing], known[:, missing])
    return found


def _with_noiseless(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The estimate; 0 of baselines and polarisations without noise, which say nothing of the others."""
    noiseless = _noiseless(values, known)
    if not noiseless.any():
        return _estimate(values, known)
    found = _estimate(values, known & ~noiseless[None, :, None, :])
    return np.where(noiseless[:, None, :], np.float32(0), found)


def _noiseless(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of baselines and polarisations: whether samples are exactly what those beside them say."""
    found = np.zeros((values.shape[1], values.shape[3]), bool)
    for time, frequency in _EXACT:
        if values.shape[0] < len(time) or values.shape[2] < len(frequency):
            continue
        with np.errstate(all="ignore"):
            difference = _differences(_differences(values, time, 0), frequency, 2)
        both = _differences(_differences(known.astype(np.int8), np.ones(len(time)), 0), np.ones(len(frequency)), 2)
        counted = both == len(time) * len(frequency)
        zeros = np.sum(counted & (difference == 0), (0, 2))
        found |= (zeros > 0) & (zeros >= _REPEATS * np.sum(counted, (0, 2)))
    return found


def _times(shape: tuple[int, ...]) -> NDArray[np.intp] | slice:
    """Times that tell the noise: some in a row here and there, if there are more than are needed."""
    runs = -(-_ENOUGH // (_RUN * max(shape[2], 1)))
    if shape[0] <= runs * _RUN:
        return slice(None)
    first = np.linspace(0, shape[0] - _RUN, runs).astype(np.intp)
    return np.unique(first[:, None] + np.arange(_RUN))


def _estimate(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    values = np.where(known, values, 0).astype(np.complex128 if values.dtype.itemsize > 8 else np.complex64)
    _, n_baselines, n_channels, n_pols = values.shape
    nothing = np.full((n_baselines, n_channels, n_pols), np.nan, np.float32)
    few = slice(None, None, -(-n_baselines // _FEW))
    best: NDArray[Any] | None = None
    with np.errstate(all="ignore"):
        typical = [_of_operator(values[:, few], known[:, few], operator) for operator in _OPERATORS]
        chosen = sorted(
            (float(np.median(t[t > 0])), i) for i, t in enumerate(typical) if t is not None and (t > 0).any()
        )
        of_operators = {i: _of_operator(values, known, _OPERATORS[i]) for _, i in chosen[:_BEST]}
        if not chosen:
            return nothing
        first = chosen[0][1]
        best = of_operators[first]
        assert best is not None
        for other in of_operators.values():
            assert other is not None
            best = np.where((other < _SWITCH * best) & (other > 0) | np.isnan(best) | (best == 0), other, best)
        best = np.where(best > 0, best, np.nan)
        profile = _profile(values, known, best, first)
        if values.shape[0] > 1:  # in time, a channel's interference does not reach those beside it
            in_time = _profile(values, known, best, _IN_TIME)
            profile = np.where(profile > _SPILL * in_time, in_time, profile)
        profile = np.where(np.isnan(profile), 1, profile)
    noise: NDArray[np.float32] = (best[:, None, :] * profile).astype(np.float32)
    return noise


def _of_operator(values: NDArray[Any], known: NDArray[np.bool_], operator: Any) -> NDArray[Any] | None:
    """Noise of baselines and polarisations by an operator, that of all baselines where too little tells one's."""
    magnitude = _magnitudes(values, known, operator)
    if magnitude is None or not magnitude.size:
        return None
    counts = np.sum(~np.isnan(magnitude), (0, 2))
    each = _median(magnitude, (0, 2))
    if counts.min() < _LEAST:
        each = np.where(counts >= _LEAST, each, _median(magnitude, (0, 1, 2)))
    each[~known.any((0, 2))] = np.nan
    return each


def _profile(values: NDArray[Any], known: NDArray[np.bool_], noise: NDArray[Any], operator: int) -> NDArray[Any]:
    """Noise of channels over that of their baseline and polarisation, [1, freq, pol]; NaN where too little tells it."""
    n_channels, n_pols = values.shape[2:]
    flat = np.full((1, n_channels, n_pols), np.nan)
    magnitude = _magnitudes(values, known, _OPERATORS[operator])
    assert magnitude is not None
    margin = (n_channels - magnitude.shape[2]) // 2
    relative = magnitude / noise[None, :, None, :]
    counts = np.sum(~np.isnan(relative), (0, 1))
    found = _median(relative, (0, 1))
    found = np.where((counts >= _PROFILE) & (found > 0), found, np.nan)
    if n_channels < 2 or np.isnan(found).all():
        return flat
    # Interference that comes and goes is no noise: a channel is not far above those around it.
    around = np.pad(found, ((_AROUND, _AROUND), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * _AROUND + 1, axis=0)
    found = np.minimum(found, _MOST_ABOVE * _median(windows, (2,)))
    place = np.clip(np.arange(n_channels) - margin, 0, len(found) - 1)  # edges as their neighbours
    flat[0] = found[place]
    return flat
