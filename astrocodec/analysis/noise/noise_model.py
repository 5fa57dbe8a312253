"""Where the noise of an image is none that a detector makes, so that a noise floor would mislead.

Noise of photons and amplifiers is independent from pixel to pixel. Flags, images that were compressed with loss by
transforms of blocks, and images full of sources have something else in its place.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.detector.quantisation import Quantisation
from astrocodec.analysis.plane import Plane
from astrocodec.analysis.signal.sources import Segmentation

__all__ = ["block_transform", "is_flags", "why_no_floor"]

_FLAGS = re.compile(
    r"(?:^|[^a-z])(?:dqm?|dmask|mask|msk|flags?|quality|qual|bpm|badpix\w*|samp|nsamp|context|ctx|coverage)\d*(?:$|[^a-z])",
    re.IGNORECASE,
)
_MISSING = 0.1
_COVERED = 0.5
_SATURATED = 0.1
_MOST_FLAGS = 1024
_FREQUENT = 2e-4
# Sides of blocks (JPEG has 8, doubled pixels 2), the first of the frequencies of their transform that hardly remain,
# and the size of these where the blocks are over that anywhere else: 1 without a transform, within a few percent.
_BLOCKS = ((8, 5, 0.85), (2, 1, 0.5), (3, 1, 0.5), (4, 1, 0.5))
_LEAST_BLOCKS = 200
_MOST_LINES = 512


def is_flags(name: str, dtype: np.dtype[Any]) -> bool:
    """
    Tell whether the name of an image of integers is that of flags, masks or numbers of reads.

    Examples
    --------
    >>> is_flags("3 DQ", np.dtype("i2")), is_flags("1 SCI", np.dtype("i2")), is_flags("night/flags", np.dtype("u1"))
    (True, False, True)
    """
    return dtype.kind in "iub" and _FLAGS.search(name) is not None


def block_transform(plane: Plane) -> int:
    """Find the side of blocks that have weaker high frequencies than blocks that are shifted against them; 0 for none.

    So has every codec that rounds the coefficients of their transform, such as JPEG, and so have repeated pixels.

    Examples
    --------
    >>> from astrocodec.analysis.plane import as_plane
    >>> noise = np.random.default_rng(1).normal(100, 9, (128, 128))
    >>> block_transform(as_plane(noise.repeat(2, 0).repeat(2, 1))), block_transform(as_plane(noise))
    (2, 0)
    """
    for side, first, less in _BLOCKS:
        if all(_is_blocked(values, mask, side, first, less) for values, mask in _both_ways(plane)):
            return side
    return 0


def _both_ways(plane: Plane) -> tuple[tuple[NDArray[Any], NDArray[np.bool_]], ...]:
    rows, columns = (slice(None, None, max(1, side // _MOST_LINES)) for side in plane.values.shape)
    return (plane.values[rows], plane.mask[rows]), (plane.values[:, columns].T, plane.mask[:, columns].T)


def _is_blocked(values: NDArray[Any], mask: NDArray[np.bool_], side: int, first: int, less: float) -> bool:
    """Along rows, whether blocks of one phase have high frequencies below those of all others."""
    transform = np.cos(np.pi / side * np.outer(np.arange(side) + 0.5, np.arange(first, side)))
    sizes = []
    for phase in range(side):
        cut = slice(phase, phase + (values.shape[1] - phase) // side * side)
        blocks = values[:, cut].reshape(-1, side).astype(np.float64)
        blocks = blocks[~mask[:, cut].reshape(-1, side).any(axis=1)]
        if len(blocks) < _LEAST_BLOCKS:
            return False
        sizes.append(float(np.abs((blocks - blocks[:, :1]) @ transform).mean()))
    least, *others = sorted(sizes)
    return others[0] > 0 and least < less * others[0]


def _are_scattered(plane: Plane, codes: Quantisation) -> bool:
    """Whether values that are frequent stand alone, as combinations of bits do and noise never."""
    if not codes.is_integer or not 2 < codes.used_codes <= _MOST_FLAGS or not plane.step:
        return False
    values, counts = np.unique(plane.values[~plane.mask], return_counts=True)
    gaps = np.diff(values, prepend=-np.inf, append=np.inf)
    alone = (gaps[1:] > 1.5 * plane.step) & (gaps[:-1] > 1.5 * plane.step)
    frequent = counts > max(20.0, _FREQUENT * counts.sum())
    return int(frequent.sum()) > 2 and float(alone[frequent].mean()) > 0.5


def why_no_floor(plane: Plane, codes: Quantisation, sources: Segmentation, snr: NDArray[np.float32]) -> str:
    """Say why the noise of an image tells nothing of what a codec can do; empty where it may be that of a detector."""
    if codes.is_integer and 0 < codes.used_codes <= 2:
        return "two values only: a mask, or noise far below a step"
    if codes.missing_share > _MISSING or _are_scattered(plane, codes):
        return "values in use have gaps between them: flags, or values rounded by size"
    good = plane.values[~plane.mask]
    saturated = float((good == good.max()).mean())
    if plane.step and saturated > _SATURATED:
        return f"{100 * saturated:.0f} % of the pixels have the largest value: saturated, or filled"
    known = snr[np.isfinite(snr)]
    if sources.mask.mean() > _COVERED or (known.size and float(np.median(known)) > 1):
        return "sources cover half of the image: no background to measure noise in"
    side = block_transform(plane)
    if side:
        return f"coded with loss or enlarged before, in blocks of {side} pixels: its noise is not a detector's"
    return ""
