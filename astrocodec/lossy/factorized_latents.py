"""Latents that nothing but their own channel tells of: each channel's scale follows its symbols so far.

docs/format.md section "Hyperprior". The first two channels, in which a picture's means are, go through a cosine
transform of 4 x 4 latents before: their coefficients are channels on a grid four times as coarse.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.adapted_scales import SEEN, candidate_costs, candidates, normal_counts
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.gaussian_tables import MEAN_UNIT, N_SCALES, SCALES_PER_OCTAVE, UNITY_SCALE
from astrocodec.lossy.mixed_tables import size_class
from astrocodec.lossy.transforms import LEVELS

ROOTS, ROOT_SIDE = 2, 4
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@functools.cache
def _cosines() -> Floats:
    n = np.arange(ROOT_SIDE)
    rows = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * ROOT_SIDE)) * np.sqrt(2 / ROOT_SIDE)
    rows[0] /= np.sqrt(2)
    found: Floats = rows
    return found


def rooted(y: Floats) -> tuple[Floats, Floats]:
    """Coefficients (2 x 16, y / 4, x / 4) of the first two channels, and the other channels."""
    c = _cosines()
    blocks = y[:ROOTS].reshape(ROOTS, y.shape[1] // ROOT_SIDE, ROOT_SIDE, y.shape[2] // ROOT_SIDE, ROOT_SIDE)
    roots = np.einsum("ia,jb,cyaxb->cijyx", c, c, blocks).reshape(-1, *(side // ROOT_SIDE for side in y.shape[1:]))
    return roots, y[ROOTS:]


def unrooted(roots: Floats, rest: Floats) -> Floats:
    """Undo `rooted`."""
    c = _cosines()
    coefficients = roots.reshape(ROOTS, ROOT_SIDE, ROOT_SIDE, *roots.shape[1:])
    blocks = np.einsum("ia,jb,cijyx->cyaxb", c, c, coefficients)
    return np.concatenate([blocks.reshape(ROOTS, *rest.shape[1:]), rest])


class FactorizedLatents:
    """Coding under scales of channels: coefficients of the first two, then the others.

    Parameters
    ----------
    scales : ndarray, optional
        Scale indices to begin with, (levels, 32 + channels - 2).
    channels : int
    """

    def __init__(self, scales: NDArray[Any] | None, channels: int) -> None:
        shape = (LEVELS, ROOTS * ROOT_SIDE**2 + channels - ROOTS)
        self._scales = np.full(shape, UNITY_SCALE) if scales is None else scales.astype(np.int64)
        self.seen: list[tuple[int, list[Integers]]] | None = None  # levels and symbols of tiles, if a list stands here

    def code(
        self, exchange: Exchange, y: Floats | None, shape: tuple[int, int], level: int, worth: Floats
    ) -> NDArray[np.float64]:
        """Latents in sixteenths of a step."""
        scales, coded, drift = self._scales[level], [], 0
        roots = ROOTS * ROOT_SIDE**2
        small = (shape[0] // ROOT_SIDE, shape[1] // ROOT_SIDE)
        wanted = None if y is None else [*rooted(y)[0], *rooted(y)[1]]
        for number, scale in enumerate(scales):
            channel = number // ROOT_SIDE**2 if number < roots else number - roots + ROOTS
            plane = None if wanted is None else wanted[number].ravel()
            count = small[0] * small[1] if number < roots else shape[0] * shape[1]
            begin = int(np.clip(scale + drift, 0, N_SCALES - 1))
            found, end = _channel(exchange, plane, count, begin, float(worth[channel]))
            drift = int(np.clip(end - scale, -16, 16))
            coded.append(found.reshape(small if number < roots else shape))
        if self.seen is not None:
            self.seen.append((level, coded))
        return MEAN_UNIT * unrooted(np.array(coded[:roots], np.float64), np.array(coded[roots:], np.float64))


def scales_of(seen: list[tuple[int, list[Integers]]]) -> dict[str, NDArray[np.uint8]]:
    """Scales to begin with, of the symbols of training pictures: at each level the mean of those of pictures."""
    found = np.full((LEVELS, len(seen[0][1])), UNITY_SCALE, np.uint8)
    for level in {at for at, _ in seen}:
        spreads = [[max(float((plane**2).mean()), 1e-4) for plane in planes] for at, planes in seen if at == level]
        index = UNITY_SCALE + SCALES_PER_OCTAVE / 2 * np.log2(spreads)
        found[level] = np.rint(index.clip(0, N_SCALES - 1).mean(0))
    return {"y.scale": found}


def _channel(exchange: Exchange, wanted: Floats | None, count: int, scale: int, worth: float) -> tuple[Integers, int]:
    """Symbols of a channel, part by part, each as long as all before; and the scale that it ends with."""
    counts = normal_counts()[scale].copy()
    found = np.zeros(count, np.int64)
    tables = candidates()[scale]
    start, end = 0, max(1, count // 16)
    while start < count:
        table = int(tables[(counts @ candidate_costs()[scale]).argmin()])
        part = None if wanted is None else wanted[start:end]
        steps = exchange.steps(part, 0, np.full(end - start, table), worth)
        found[start:end] = steps
        counts += SEEN * np.bincount(size_class(steps), minlength=len(counts))
        start, end = end, min(2 * end, count)
    table = int(tables[(counts @ candidate_costs()[scale]).argmin()])
    return found, table % N_SCALES
