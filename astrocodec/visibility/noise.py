"""Noise of visibilities: of each baseline, channel and polarisation, from differences that the sky leaves little of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.arrays import as_array
from astrocodec.visibility.beside import flags_beside
from astrocodec.visibility.differences import OPERATORS, Differences, median_around
from astrocodec.visibility.native_differences import NativeDifferences

_IN_TIME = 2  # the operator that has nothing to do with frequency
_LEAST = 12  # differences that tell the noise of one baseline and polarisation
_ENOUGH, _RUN = 2048, 4  # samples of a baseline and polarisation, and times in a row of them
_FEW, _BEST = 32, 3  # baselines that tell which differences leave least, and how many of those are tried
_SWITCH = 0.85  # a baseline takes another operator where that finds so much less
_SPILL = 3.0  # what differences in frequency tell of a channel, over those in time, that is its neighbours'
_AROUND, _MOST_ABOVE = 8, 16.0  # channels on each side, and how far above their median one may be
_PROFILE, _PLENTY = 24, 4096  # differences, of all times and baselines, that tell the noise of a channel; that do well

_Differences: TypeAlias = Differences | NativeDifferences


def estimate_noise(vis: ArrayLike, flags: ArrayLike | None = None, *, workers: int = 1) -> NDArray[np.float32]:
    """Noise of visibilities, the standard deviation of a real part, from differences in time and frequency.

    Of seven differences that take the sky away, the one that leaves least is taken; it is medians that count, so that
    interference does not. Flagged samples, zeros and what is not finite are left out.

    Parameters
    ----------
    vis : array_like of complex
        Shape ``[time, baseline, freq, pol]``.
    flags : array_like of bool, optional
        Of the same shape.
    workers : int, optional
        Threads, of complex64; they change nothing of the result.

    Returns
    -------
    ndarray of float32
        Shape ``[baseline, freq, pol]``, in the unit of `vis`; NaN where it cannot be known, and where there is none:
        samples of a baseline and polarisation that repeat, or go on in a straight line, exactly.

    Raises
    ------
    TypeError, ValueError
        `vis` is not complex, or has other than four axes; `flags` have another shape; one is masked; `workers` is no
        whole number above 0.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> vis = rng.normal(size=(8, 3, 64, 1, 2)).view(complex)[..., 0] * 5
    >>> bool(np.all(abs(estimate_noise(vis) / 5 - 1) < 0.2))
    True
    """
    values = as_array(vis)
    if values.dtype.kind != "c":
        raise TypeError(f"dtype {values.dtype} found, complex visibilities are needed")
    if values.ndim != 4:
        raise ValueError(f"{values.ndim} axes found, 4 are needed: time, baseline, freq, pol")
    flagged = flags_beside(flags, values.shape)
    if index(workers) < 1:
        raise ValueError(f"workers is {workers}, at least 1 is needed")
    found = _noise_of(values, flagged, workers)
    return np.where(found > 0, found, np.float32(np.nan))


def noise_to_code(vis: NDArray[Any], flags: NDArray[np.bool_] | None, workers: int = 1) -> NDArray[np.float32]:
    """Noise as `estimate_noise` finds it, of flagged samples where no others tell it; 0 where there is none."""
    found = _noise_of(vis, flags, workers)
    missing = np.isnan(found).any((1, 2))
    if flags is not None and missing.any():
        of_flagged = _noise_of(np.ascontiguousarray(vis[:, missing]), None, workers)
        found[missing] = np.where(np.isnan(found[missing]), of_flagged, found[missing])
    return found


def typical_difference(vis: NDArray[Any]) -> float:
    """What a sample typically is off its neighbours', as a deviation of a real part; NaN where nothing tells it."""
    some = vis[_times(vis.shape)]
    found = _estimate(Differences(some, np.isfinite(some) & (some != 0), all_have_noise=True))
    return float(np.median(found[found > 0])) if (found > 0).any() else math.nan


def _noise_of(values: NDArray[Any], flags: NDArray[np.bool_] | None, workers: int) -> NDArray[np.float32]:
    """Noise of samples, some of the times if those tell it; NaN where it cannot be known, 0 where there is none."""
    if not values.size:
        return np.full(values.shape[1:], np.nan, np.float32)
    flagged = None if flags is None else np.ascontiguousarray(flags, bool)
    if values.dtype.str[1:] == "c8":
        values = np.require(values, values.dtype.newbyteorder("="), ["C", "A"])
    times, baselines = _times(values.shape), np.arange(values.shape[1], dtype=np.uint64)
    found = _estimate(_differences_of(values, flagged, times, baselines, workers))
    missing = baselines[np.isnan(found).all((1, 2))]
    if len(missing) and len(times) < len(values):
        every = np.arange(len(values), dtype=np.uint64)
        found[missing] = _estimate(_differences_of(values, flagged, every, missing, workers))
    return found


def _differences_of(
    values: NDArray[Any],
    flags: NDArray[np.bool_] | None,
    times: NDArray[np.uint64],
    baselines: NDArray[np.uint64],
    workers: int,
) -> _Differences:
    """Differences of some times and baselines of a block."""
    if values.dtype == np.complex64:
        return NativeDifferences(values, flags, times, baselines, workers)
    part = values[np.ix_(times, baselines)]
    with np.errstate(invalid="ignore"):  # NaN that signal
        known = np.isfinite(part) & (part != 0)
    return Differences(part, known if flags is None else known & ~flags[np.ix_(times, baselines)])


def _times(shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """Times that tell the noise: some in a row here and there, if there are more than are needed."""
    runs = -(-_ENOUGH // (_RUN * max(shape[2], 1)))
    if shape[0] <= runs * _RUN:
        return np.arange(shape[0], dtype=np.uint64)
    first = np.linspace(0, shape[0] - _RUN, runs).astype(np.uint64)
    return np.unique(first[:, None] + np.arange(_RUN, dtype=np.uint64))


def _estimate(d: _Differences) -> NDArray[np.float32]:
    """Noise ``[baseline, freq, pol]``; NaN where it cannot be known, 0 of baselines and polarisations without noise."""
    _, n_baselines, n_channels, n_pols = d.shape
    few, every = slice(None, None, -(-n_baselines // _FEW)), slice(None)
    with np.errstate(all="ignore"):
        typical, _ = _of_operators(d, range(len(OPERATORS)), few)
        chosen = sorted((float(np.median(t[t > 0])), i) for i, t in enumerate(typical) if (t > 0).any())
        best_ones, is_noiseless = _of_operators(d, [i for _, i in chosen[:_BEST]], every)
        noise = np.full((n_baselines, n_channels, n_pols), np.nan, np.float32)
        if best_ones:
            best = best_ones[0]
            for other in best_ones[1:]:
                best = np.where((other < _SWITCH * best) & (other > 0) | np.isnan(best) | (best == 0), other, best)
            best = np.where(best > 0, best, np.float32(np.nan))
            profile = _profile(d, best, chosen[0][1])
            if d.shape[0] > 1:  # in time, a channel's interference does not reach those beside it
                in_time = _profile(d, best, _IN_TIME)
                profile = np.where(profile > _SPILL * in_time, in_time, profile)
            noise = (best[:, None, :] * np.where(np.isnan(profile), 1, profile)).astype(np.float32)
    return np.where(is_noiseless[:, None, :], np.float32(0), noise)


def _of_operators(
    d: _Differences, operators: Sequence[int], baselines: slice
) -> tuple[list[NDArray[np.float32]], NDArray[np.bool_]]:
    """Noise of baselines and polarisations by operators, that of all baselines where too little tells one's.

    And which have none.
    """
    found = d.medians(operators, baselines)
    noise = []
    for operator, each, counts in zip(operators, found.found, found.counts, strict=True):
        is_little = counts < _LEAST
        if (is_little & found.is_known).any():
            each = np.where(is_little, np.float32(d.median_of_all(operator, baselines)), each)
        noise.append(np.where(found.is_known, each, np.float32(np.nan)))
    return noise, found.is_noiseless


def _profile(d: _Differences, noise: NDArray[np.float32], operator: int) -> NDArray[Any]:
    """Noise of channels over that of their baseline and polarisation, [1, freq, pol]; NaN where too little tells it."""
    n_times, n_baselines, n_channels, n_pols = d.shape
    flat = np.full((1, n_channels, n_pols), np.nan)
    some = slice(None, None, max(1, n_times * n_baselines // _PLENTY))
    found, counts = d.profile(operator, some, noise[some])
    margin = (n_channels - len(found)) // 2
    found = np.where((counts >= _PROFILE) & (found > 0), found, np.nan)
    if n_channels < 2 or np.isnan(found).all():
        return flat
    # Interference that comes and goes is no noise: a channel is not far above those around it.
    found = np.minimum(found, _MOST_ABOVE * median_around(found, _AROUND))
    place = np.clip(np.arange(n_channels) - margin, 0, len(found) - 1)  # edges as their neighbours
    flat[0] = found[place]
    return flat
