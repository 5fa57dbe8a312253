"""Planes of latents, the first two, in which a picture's means are, by their cosine transform.

docs/format.md section "Hyperprior". Means go on from latent to latent, which neither hyperlatents nor scales tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.adapted_scales import SizeCounts
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.factorized_latents import ROOT_SIDE, ROOTS, rooted, unrooted
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES, SCALES_PER_OCTAVE, UNITY_SCALE
from astrocodec.lossy.transforms import LEVELS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_EACH = ROOT_SIDE**2  # coefficients of a block of latents


class RootedPlanes:
    """Coding of latents whose means and scales are known.

    Parameters
    ----------
    tensors : Mapping
        Of the weights; ``roots.KIND`` is by how much scales of coefficients differ from those of latents.
    sizes : SizeCounts
    kind : str
    """

    def __init__(self, tensors: Mapping[str, NDArray[Any]], sizes: SizeCounts, kind: str) -> None:
        self.kind, self._sizes = kind, sizes
        self._offsets = tensors.get(f"roots.{kind}", np.zeros((LEVELS, ROOTS * _EACH))).astype(np.int64)
        # Levels, and how wide coefficients and scales of tiles were, if a list stands here.
        self.seen: list[tuple[int, Floats, Floats]] | None = None

    def code(
        self, exchange: Exchange, y: Floats | None, means: Integers, scales: Integers, level: int, worth: Floats
    ) -> Floats:
        """Latents (channels, y, x) in sixteenths of a step."""
        small = [n for side in scales.shape[1:] for n in (side // ROOT_SIDE, ROOT_SIDE)]
        around = scales[:ROOTS].reshape(ROOTS, *small).sum((2, 4)) // _EACH
        known = (around.repeat(_EACH, 0) + self._offsets[level][:, None, None]).clip(0, N_SCALES - 1)
        wanted = None if y is None else rooted(y - means / MEAN_UNIT)[0]
        begun = self._sizes.begin(f"sizes.{self.kind}.roots", exchange, worth[:ROOTS].repeat(_EACH))
        roots = begun.planes(wanted, np.zeros_like(known), known)
        if self.seen is not None:
            spread = np.maximum(((roots / MEAN_UNIT) ** 2).mean((1, 2)), 1e-4)
            self.seen.append((level, UNITY_SCALE + SCALES_PER_OCTAVE / 2 * np.log2(spread), around.mean((1, 2))))
        begun = self._sizes.begin(f"sizes.{self.kind}", exchange, worth[ROOTS:])
        rest = begun.planes(None if y is None else y[ROOTS:], means[ROOTS:], scales[ROOTS:])
        found = unrooted(roots.astype(np.float64), rest.astype(np.float64))
        found[:ROOTS] += means[:ROOTS]
        return found


def offsets_of(planes: RootedPlanes) -> dict[str, NDArray[np.int8]]:
    """Offsets of the tiles that were seen: at each level the mean of those of tiles."""
    assert planes.seen is not None
    found = np.zeros((LEVELS, ROOTS * _EACH), np.int8)
    for level in {at for at, _, _ in planes.seen}:
        differences = [wide - around.repeat(_EACH) for at, wide, around in planes.seen if at == level]
        found[level] = np.rint(np.mean(differences, 0))
    return {f"roots.{planes.kind}": found}
