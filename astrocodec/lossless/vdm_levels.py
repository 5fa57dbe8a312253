"""The whole numbers that a diffusion of so many steps codes with, made once of its learned noise. docs/format.md "VDM".

Noisy words are multiples of a lattice step of their level, in 1/64 symbols; noise of a step is added in whole steps.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astrocodec.lossless.logistic_tables import N_SCALES, SCALES_PER_OCTAVE, UNITY_SCALE
from astrocodec.lossless.vdm_network import MOST, RATIO, Size, wave_seen
from astrocodec.lossless.vdm_noise import Noise

Integers = NDArray[np.int64]
FINE = 64  # lattice steps are in such parts of a symbol
FARTHEST = 32896  # words around zero lie this far either side at most
REACH = 6 * RATIO  # and noise so many steps of its lattice
PULL = 1 << 16
SEEN = 256
MISSED = 88  # index of what is missed where it is as large as the noise
_FINEST, _COARSEST = 4, 1 << 18


@dataclass(frozen=True)
class Levels:
    """Of levels 0 to the number of steps."""

    steps: Integers  # (levels,): of the lattice, in 1/64 symbols
    added: Integers  # (levels,): scale of the noise that is added to the level before, an index, in steps
    pulls: Integers  # (levels,): how far noisy words are pulled to what they are without noise, in 2^-16
    spreads: Integers  # (levels, 177): scale of the words of the level before, of what the network may miss
    told: Integers  # (levels, layers, channels): what layers add
    seen: Integers  # (levels, waves): Fourier features that noise leaves, in 2^-8

    def __post_init__(self) -> None:
        """See that steps do not overflow."""
        if self.steps.min() < _FINEST or self.steps.max() > _COARSEST:
            raise ValueError(f"lattice steps of {self.steps.tolist()} found, {_FINEST} to {_COARSEST} are allowed")

    @property
    def halves(self) -> list[int]:
        """How far noisy words of each level may lie from zero, in its steps."""
        found, half, before = [], FARTHEST, FINE
        for step in self.steps.tolist():
            half = half * before // step + 2 + REACH
            before = step
            found.append(half)
        if max(found) >= MOST:
            raise ValueError(f"noisy words of up to {max(found)} found, below {MOST} are allowed")
        return found

    def tensors(self) -> dict[str, NDArray[Any]]:
        """To be saved."""
        return {f"levels.{name}": value.astype(np.int32) for name, value in vars(self).items()}

    @classmethod
    def loaded(cls, tensors: Mapping[str, NDArray[Any]], size: Size, layers: int) -> Levels:
        """What `tensors` saved."""
        n = size.steps + 1
        shapes = {
            **dict.fromkeys(("steps", "added", "pulls"), (n,)),
            "spreads": (n, 2 * MISSED + 1),
            "told": (n, layers, size.filters),
            "seen": (n, size.waves),
        }
        found = {}
        for name, shape in shapes.items():
            found[name] = tensors[f"levels.{name}"].astype(np.int64)
            if found[name].shape != shape:
                raise ValueError(f"levels.{name}: weights of shape {found[name].shape} found, {shape} needed")
        return cls(**found)


@torch.no_grad()
def levels_of(noise: Noise, size: Size) -> Levels:
    """Those of a noise that has learned, for the steps of a size."""
    noise = copy.deepcopy(noise).double()
    times = torch.arange(size.steps + 1, dtype=torch.float64) / size.steps
    steps = np.rint(torch.exp2(noise.schedule(times)).numpy() / RATIO * FINE).astype(np.int64)
    steps = np.maximum.accumulate(np.clip(steps, _FINEST, _COARSEST))
    added, pulls, spreads, variance, variances = [], [], [], 0.0, []
    missed = np.exp2((np.arange(2 * MISSED + 1) - MISSED) / SCALES_PER_OCTAVE)
    for level, step in enumerate(steps / FINE):
        rounding = step**2 / 12
        wanted = max((RATIO * step) ** 2 - variance - rounding, step**2 / 256)
        added.append(int(_index(np.sqrt(wanted) / step)))
        before = variance
        variance += (step * 2 ** ((added[-1] - UNITY_SCALE) / SCALES_PER_OCTAVE)) ** 2 + rounding
        pull = 1 - before / variance
        pulls.append(round(pull * PULL))
        spread = np.sqrt(before * pull + pull**2 * variance * missed**2)
        spreads.append(_index(spread / (steps[max(level - 1, 0)] / FINE)))
        variances.append(variance)
    deviations = torch.tensor(variances).double().sqrt()
    seen = [wave_seen(deviations, number).numpy() for number in range(size.waves)]
    told = noise.told(deviations.log2()).numpy() * 32
    return Levels(
        steps,
        np.array(added),
        np.array(pulls),
        np.array(spreads),
        np.rint(told).astype(np.int64),
        np.rint(np.array(seen) * SEEN).astype(np.int64).reshape(-1, len(steps)).T,
    )


def _index(scale: Any) -> Any:
    found = np.rint(UNITY_SCALE + SCALES_PER_OCTAVE * np.log2(scale))
    return np.clip(found, 0, N_SCALES - 1).astype(np.int64)
