"""What is left to win: bits of a set beside those of white noise alone, by the same codec at the same D."""

from __future__ import annotations

import numpy as np

from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.visibility import encode

__all__ = ["bits_and_floor"]


def bits_and_floor(data: VisSet, added: float, seed: int = 1) -> tuple[float, float]:
    """
    Bits per real of a set, and of white noise in its place, which no prediction shortens.

    The noise is normal, of the set's standard deviations and zeros; where these are not known, it is zero too. What
    real sets have above it is signal, interference, and noise that is neither white nor normal.
    """
    known = np.where(data.noise > 0, data.noise, 0).astype(np.float32)
    draws = np.random.default_rng(seed).standard_normal((*data.vis.shape, 2), np.float32).view(np.complex64)[..., 0]
    noise = np.where(data.vis == 0, 0, draws * known).astype(np.complex64)
    streams = (
        encode(data.vis, noise_increase=added, noise=data.noise, flags=data.flags),
        encode(noise, noise_increase=added, noise=data.noise, flags=data.flags, model="none"),
    )
    bits, floor = (8 * len(stream) / data.reals for stream in streams)
    return bits, floor
