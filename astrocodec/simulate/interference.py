"""Radio-frequency interference and what flaggers make of it.

Transmitters stand on the ground, so that on long baselines their fringes turn against the sky's and are smeared; each
fills a few channels and is on for some of the time. Sparks fill all channels for one integration. Most of what is
strong gets flagged, as are broken stations; the rest stays in the data (Offringa et al. 2013, A&A 549, A11, find some
percent of LOFAR's data occupied, and false negatives).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.sky import Floats

LIGHT = 299_792_458.0  # m / s
_ON_FOR = 8  # integrations that a transmitter stays on or off


@dataclass(frozen=True, eq=False)
class Interference:
    """Transmitters, sparks and broken stations of an observation; powers are in units of a visibility's noise."""

    seed: int
    power: npt.NDArray[np.float32]  # of a transmitter in each channel, [transmitter, freq]
    duty: Floats  # share of the time that it is on
    gain: npt.NDArray[np.complex64]  # of stations toward it, [transmitter, station]
    sparks: float  # share of integrations
    broken: npt.NDArray[np.bool_]  # [station]
    missed: float  # share of what should be flagged that is not

    def power_at(self, time: int) -> npt.NDArray[np.float32]:
        """Power of each transmitter and of a spark, which is the last, in each channel: [transmitter + 1, freq]."""
        on = np.random.default_rng([self.seed, 41, time // _ON_FOR]).uniform(size=len(self.duty)) < self.duty
        rng = np.random.default_rng([self.seed, 42, time])
        spark = 10 ** rng.uniform(0.5, 2.0) if rng.uniform() < self.sparks else 0.0
        every = np.full((1, self.power.shape[1]), spark, np.float32)
        return np.concatenate([self.power * on[:, None].astype(np.float32), every])

    def flags(self, time: int, first: npt.NDArray[np.int32], second: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Flags of an integration, [baseline, freq]: all polarisations of a sample have the same."""
        strong = self.power_at(time).max(axis=0) > 1.0
        rng = np.random.default_rng([self.seed, 43, time])
        found = np.broadcast_to(strong, (len(first), len(strong))) & (rng.uniform(size=(len(first), 1)) > self.missed)
        found |= (self.broken[first] | self.broken[second])[:, None]
        return found

    def signal(
        self, time: int, first: npt.NDArray[np.int32], second: npt.NDArray[np.int32], w: Floats, turned: Floats,
        frequencies: Floats, noise: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.complex64] | None:  # fmt: skip
        """What baselines hear, [baseline, freq], or None; `turned` is the change of `w` over the integration, m."""
        power = self.power_at(time)
        channels = np.flatnonzero(power.max(axis=0))
        if not len(channels):
            return None
        found = np.zeros((len(first), len(frequencies)), np.complex64)
        heard = frequencies[channels] / LIGHT
        fringes = np.sinc(np.multiply.outer(turned, heard)) * np.exp(-2j * math.pi * np.multiply.outer(w, heard))
        gains = np.concatenate([self.gain, np.ones((1, self.gain.shape[1]), np.complex64)])
        for strength, gain in zip(power[:, channels], gains, strict=True):
            if strength.any():
                found[:, channels] += (gain[first] * gain[second].conj())[:, None] * strength * fringes
        return np.asarray(found * noise)


def draw_interference(
    stations: int, channels: int, occupied: float, seed: int, rng: np.random.Generator
) -> Interference:
    """Draw transmitters that fill about `occupied` of the channels, half of the time; 0: none, no flags."""
    number = math.ceil(occupied * channels / 2) if occupied > 0 else 0
    power = np.zeros((number, channels), np.float32)
    for row in power:
        start, width = rng.integers(0, channels), rng.integers(1, 4)
        row[start : start + width] = 10 ** rng.uniform(0.3, 3.0)
    gain = np.exp(rng.normal(0, 0.5, (number, stations)) + 1j * rng.uniform(0, 2 * math.pi, (number, stations)))
    return Interference(
        seed,
        power,
        rng.uniform(0.1, 0.9, number),
        gain.astype(np.complex64),
        0.01 if occupied > 0 else 0.0,
        rng.uniform(size=stations) < (0.02 if occupied > 0 else 0.0),
        0.02,
    )
