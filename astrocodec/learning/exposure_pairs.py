"""Real exposures of one scene, laid one upon another: pairs whose noise is independent, to learn denoising from.

A network that is shown one and asked for the other learns the mean of what it may be, which is the scene (Lehtinen et
al. 2018, arXiv:1803.04189): no truth is needed. Columns from two thirds on are held back.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from astrocodec.lossy.autoencoder_pixels import noise_of

_BLOCK = 64  # pixels of a side, of which the background is the median
_SMOOTH = 1.5  # pixels: width of the Gaussian before frames are laid upon each other
_WITHIN_3 = 0.9866  # standard deviation of normal numbers below 3
_CUT = 30.0  # brighter pixels count as so many times the noise there
# Perfect matchings of six frames: in each, every frame is in one difference.
_MATCHINGS = tuple(((5, n), ((n + 1) % 5, (n - 1) % 5), ((n + 2) % 5, (n - 2) % 5)) for n in range(5))
Plane = NDArray[Any]


def level(plane: Plane) -> NDArray[np.float32]:
    """A frame without its background, in units of its noise.

    Examples
    --------
    >>> frame = np.random.default_rng(0).normal(300, 5, (128, 192)) + 0.05 * np.arange(192)
    >>> found = level(frame)
    >>> abs(float(np.median(found))) < 0.1, 0.9 < float(found.std()) < 1.1
    (True, True)
    """
    values = plane.astype(np.float64)
    middles, grids = [], []
    for n in values.shape:
        edges = np.linspace(0, n, max(n // _BLOCK, 1) + 1).astype(int)
        grids.append(edges)
        middles.append((edges[:-1] + edges[1:] - 1) / 2)
    medians = np.array(
        [
            [np.median(values[top:bottom, left:right]) for left, right in itertools.pairwise(grids[1])]
            for top, bottom in itertools.pairwise(grids[0])
        ]
    )
    down, across = (np.arange(n) for n in values.shape)
    rows = np.stack([np.interp(across, middles[1], row) for row in medians])
    background = np.stack([np.interp(down, middles[0], column) for column in rows.T], 1)
    rest = values - background
    few = np.abs(rest) < 3 * noise_of(rest)  # whose median is coarse where values are whole numbers of a few
    noise = float(rest[few].std()) / _WITHIN_3 if few.any() else 1.0
    found: NDArray[np.float32] = (rest / noise).astype(np.float32)
    return found


def offset(frame: Plane, other: Plane) -> tuple[int, int]:
    """By how many rows and columns `other` is to be rolled to lie upon `frame`, both in units of their noise.

    Examples
    --------
    >>> frame = np.zeros((60, 80)); frame[20, 30] = frame[40, 11] = 50.0
    >>> offset(frame, np.roll(frame, (3, -7), (0, 1)))
    (-3, 7)
    """
    down, across = (np.fft.fftfreq(n) for n in frame.shape)
    blur = np.exp(-4 * (np.pi * _SMOOTH) ** 2 * (down[:, None] ** 2 + across[None] ** 2))  # once for either frame
    first, second = (np.fft.fft2(np.clip(plane, 0, _CUT)) for plane in (frame, other))
    first[0, 0] = 0.0
    product = np.fft.ifft2(first * np.conj(second) * blur).real
    place = np.unravel_index(product.argmax(), product.shape)
    found = [(int(p) + n // 2) % n - n // 2 for p, n in zip(place, frame.shape, strict=True)]
    return found[0], found[1]


def laid_upon(frames: Sequence[Plane]) -> NDArray[np.float32]:
    """Frames on the pixels of the first, as far as all have them, shape (n, y, x)."""
    offsets = [(0, 0), *(offset(frames[0], frame) for frame in frames[1:])]
    cut = []
    for axis, n in enumerate(frames[0].shape):
        moved = [one[axis] for one in offsets]
        cut.append(slice(max(0, *moved), n + min(0, *moved)))
    rolled = [np.roll(frame, by, (0, 1))[cut[0], cut[1]] for frame, by in zip(frames, offsets, strict=True)]
    return np.stack(rolled).astype(np.float32)


def _as_they_are(frames: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    yield laid_upon([level(frame) for frame in frames])


def _differences(frames: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Of a dithered infrared sequence: one exposure less another takes off the sky and what the detector has of it."""
    for matching in _MATCHINGS:
        yield laid_upon([level(frames[a].astype(np.float64) - frames[b]) for a, b in matching])


# Files of a corpus, and what makes scenes of their frames.
SEQUENCES: Mapping[str, tuple[str, Callable[[NDArray[Any]], Iterator[NDArray[np.float32]]]]] = {
    "microobs": ("microobs_hatp32_seq.fits.gz", _as_they_are),
    "keck-nirc2": ("keck-nirc2_cosmos01_ks_seq-a.fits.gz", _differences),
}


def scenes_of(folder: str | Path) -> dict[str, list[NDArray[np.float32]]]:
    """Scenes of each sequence in a folder, (n, y, x): any two frames of one have independent noise, which is 1.

    Raises
    ------
    FileNotFoundError
        A sequence is not there.
    """
    return {name: list(make(fits.getdata(Path(folder) / file))) for name, (file, make) in SEQUENCES.items()}


def parted(scene: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is learned from, and what is held back."""
    middle = 2 * scene.shape[2] // 3
    return scene[:, :, :middle], scene[:, :, middle:]


def draw_pairs(
    rng: np.random.Generator, scenes: Mapping[str, Sequence[NDArray[np.float32]]], count: int, side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """So many squares of two exposures each, turned and mirrored, shape (count, side, side)."""
    pairs = []
    for number in range(count):
        sequence = list(scenes.values())[number % len(scenes)]
        frames = parted(sequence[int(rng.integers(len(sequence)))])[0]
        chosen = rng.choice(len(frames), 2, replace=False)
        y, x = (int(rng.integers(n - side + 1)) for n in frames.shape[1:])
        turn, flip = int(rng.integers(4)), bool(rng.integers(2))
        pair = [np.rot90(frames[n, y : y + side, x : x + side], turn) for n in chosen]
        pairs.append([one[::-1] if flip else one for one in pair])
    return np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])
