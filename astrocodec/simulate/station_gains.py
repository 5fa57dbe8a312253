"""Gains of stations: amplitudes and phases that drift, cable delays, bandpasses with ripples and edges, leakage."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.sky import Floats


class Gains:
    """Jones matrices of stations at any time: sums of slow waves, so that blocks of times can be made apart.

    `drift` is the scatter of phases over hours, radian; that of amplitudes is a fifth of it.
    """

    def __init__(self, stations: int, frequencies: Floats, drift: float, rng: np.random.Generator) -> None:
        shape = (stations, 2)
        self._amplitude = rng.normal(1.0, 0.08, shape)
        self._phase = rng.uniform(-math.pi, math.pi, shape)
        self._drift = drift
        self._periods = np.exp(rng.uniform(math.log(240.0), math.log(14_400.0), (4, *shape)))  # s
        self._starts = rng.uniform(0, 2 * math.pi, (2, 4, *shape))
        self._leakage = (rng.normal(0, 0.015, shape) + 1j * rng.normal(0, 0.015, shape)).astype(np.complex64)
        delay = rng.normal(0, 3e-9, stations)[:, None, None] + rng.normal(0, 0.3e-9, shape)[:, :, None]
        self._band = (self._bandpass(frequencies, rng, shape) * np.exp(
            -2j * math.pi * delay * (frequencies - frequencies.mean())
        )).astype(np.complex64)  # fmt: skip

    @staticmethod
    def _bandpass(frequencies: Floats, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        """Amplitudes [station, 2, freq]: a slope and a bend, a standing wave of some MHz, and edges of the filter."""
        place = np.linspace(-1, 1, len(frequencies)) if len(frequencies) > 1 else np.zeros(1)
        slope, bend = rng.normal(0, 0.05, (2, *shape, 1))
        wave = rng.uniform(0.004, 0.02, (*shape, 1))
        period = rng.uniform(1.5e6, 4e6, (*shape, 1))
        ripple = wave * np.sin(2 * math.pi * frequencies / period + rng.uniform(0, 2 * math.pi, (*shape, 1)))
        edges = 1.0 / (1.0 + (np.abs(place) / 1.04) ** 40) if len(frequencies) > 8 else np.ones(len(frequencies))
        return np.asarray((1.0 + slope * place + bend * place**2 + ripple) * edges)

    def at(self, seconds: Floats) -> npt.NDArray[np.complex64]:
        """Jones matrices, complex64 [time, station, freq, 2, 2], at times from the start of the observation."""
        waves = np.sin(2 * math.pi * seconds[:, None, None, None] / self._periods + self._starts[:, None])
        amplitude, phase = self._drift / math.sqrt(2) * waves.sum(axis=2)
        gain = self._amplitude * np.exp(0.2 * amplitude + 1j * (self._phase + phase))
        diagonal = (gain.astype(np.complex64)[..., None] * self._band).swapaxes(2, 3)  # [time, station, freq, 2]
        jones = np.empty((*diagonal.shape, 2), np.complex64)
        jones[..., 0, 0], jones[..., 1, 1] = diagonal[..., 0], diagonal[..., 1]
        jones[..., 0, 1] = diagonal[..., 0] * self._leakage[:, None, 0]
        jones[..., 1, 0] = -diagonal[..., 1] * self._leakage[:, None, 1]
        return jones
