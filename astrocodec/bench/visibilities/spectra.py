"""Delay spectra and power spectra of errors against the thermal level.

A delay spectrum is the Fourier transform of a visibility over frequency, with a Blackman-Harris taper (Parsons et al.
2012, ApJ 756, 165). Power after averaging in time is what experiments on the epoch of reionisation look for: there a
systematic error stands out of noise by the square root of the number of integrations.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["delay_residual", "delay_spectra", "power_residual"]

_LEAST_CHANNELS = 16
_HARRIS = (0.35875, -0.48829, 0.14128, -0.01168)


def delay_spectra(values: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean power by delay over times, baselines and polarisations, [delay], of values [time, baseline, freq, pol]."""
    turns = 2 * np.pi * np.arange(values.shape[2]) / values.shape[2]
    taper = sum(part * np.cos(n * turns) for n, part in enumerate(_HARRIS))
    found = np.fft.fft(np.where(known, values, 0) * np.asarray(taper)[:, None], axis=2)
    return np.asarray(np.fft.fftshift((np.abs(found) ** 2).mean(axis=(0, 1, 3))))


def delay_residual(data: VisSet, error: NDArray[Any], known: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Power of the error over that of thermal noise: mean of all delays, and at the worst; None for few channels."""
    if data.vis.shape[2] < _LEAST_CHANNELS:
        return None, None
    # Over the noise, so that no baseline counts more than another.
    noise = np.where(data.noise > 0, data.noise, 1.0)
    of_error = delay_spectra(error / noise, known)
    thermal = _thermal(data)
    return float(of_error.sum() / thermal.sum()), float((of_error / thermal).max())


@functools.lru_cache(maxsize=1)
def _thermal(data: VisSet) -> NDArray[np.float64]:
    return delay_spectra(_white(data.vis.shape, 6), data.known)


def power_residual(data: VisSet, error: NDArray[Any], known: NDArray[np.bool_]) -> float | None:
    """Power of the error averaged over all times, over that of thermal noise averaged alike: D for white errors."""
    if data.vis.shape[0] < 2:
        return None
    noise = np.where(data.noise > 0, data.noise, 1.0)
    powers = [
        float((np.abs(np.where(known, values, 0).mean(axis=0)) ** 2).mean())
        for values in (error / noise, _white(data.vis.shape, 7))
    ]
    return powers[0] / powers[1]


def _white(shape: tuple[int, ...], seed: int) -> NDArray[np.complex64]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*shape, 2), np.float32).view(np.complex64)[..., 0]
