"""Radio galaxies to train on: cut-outs of a survey, turned, mirrored, mixed, and with simulated noise.

A mixture a x + b x' with a^2 + b^2 = 1 has the noise of one sky, real noise, and the sources of both, fainter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.io import fits
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.lossy.stretch import KNEE, measure, stretch
from astrocodec.lossy.weights import save_weights

# Width (sigma, pixels) of the Gaussian whose spectrum fits that of FIRST's noise on its grid of 1.8 arc seconds.
NOISE_WIDTH = 0.89
BRIGHTNESS = KNEE  # what a stretched difference is multiplied by to be in sigma of the noise


def held_back(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Paths to train on, and every third by name to test with; names begin with the class, so that both have all."""
    ordered = sorted(paths, key=lambda path: path.name)
    return [path for number, path in enumerate(ordered) if number % 3], ordered[::3]


def read_cutouts(paths: Sequence[Path]) -> NDArray[np.float32]:
    """The first image of each file, shape (files, y, x), in units of the sky's noise (sigma) above its median."""
    planes = []
    for path in paths:
        plane = np.asarray(fits.getdata(path), np.float32)
        middle, unit = measure(plane)
        planes.append((plane - middle) * (KNEE / unit))
    return np.stack(planes)


def simulated_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Gaussian noise of variance 1 and of the spectrum of an interferometer's map, shape (n, y, x)."""
    frequencies = np.fft.fftfreq(shape[-2])[:, None] ** 2 + np.fft.rfftfreq(shape[-1])[None] ** 2
    beam = np.exp(-2 * (math.pi * NOISE_WIDTH) ** 2 * frequencies)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape, np.float32)) * beam, shape[-2:])
    scaled: NDArray[np.float32] = (noise / noise.std()).astype(np.float32)
    return scaled


def draw(rng: np.random.Generator, sky: NDArray[np.float32], count: int, side: int) -> NDArray[np.float32]:
    """So many stretched squares, shape (count, 1, side, side): half are mixed with another's, a quarter with noise."""
    crops = np.stack([_crop(rng, sky, side) for _ in range(count)])
    mixed = rng.random(count)
    share = np.where(mixed < 0.75, rng.uniform(0.3, 1, count), 1).astype(np.float32)[:, None, None]
    others = np.stack([_crop(rng, sky, side) for _ in range(count)])
    others[mixed > 0.5] = simulated_noise(rng, (count, side, side))[mixed > 0.5]
    mixture = share * crops + np.sqrt(1 - share**2) * others
    # Sigma of a whole frame is not known to a per cent, nor is it of other frames.
    unit = KNEE * np.exp(rng.normal(0, 0.1, (count, 1, 1)))
    return np.arcsinh(mixture / unit).astype(np.float32)[:, None]


def _crop(rng: np.random.Generator, sky: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """A square of a cut-out, half of them near its middle, where the galaxy is."""
    plane = sky[rng.integers(len(sky))]
    most = np.array(plane.shape) - side
    corner = rng.integers(0, most + 1)
    if rng.random() < 0.5:
        corner = np.clip(most // 2 + rng.integers(-side // 3, side // 3 + 1, 2), 0, most)
    square = plane[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
    turned: NDArray[np.float32] = np.rot90(square, int(rng.integers(4)))
    return turned[:, ::-1] if rng.random() < 0.5 else turned


def frames(sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut-outs in units of sigma as the codecs see them."""
    return np.stack([stretch(plane, *measure(plane)) for plane in sky])


def skies_of(folder: str | Path) -> NDArray[np.float32]:
    """Cut-outs of a folder that are not held back.

    Raises
    ------
    ValueError
        There are none.
    """
    paths, _ = held_back([*Path(folder).glob("*.fits"), *Path(folder).glob("*.fits.gz")])
    if not paths:
        raise ValueError(f"{folder}: no FITS files found, cut-outs of radio galaxies are needed to train on")
    return read_cutouts(paths)


def training_of(
    system: str, sizes: Mapping[str, int], options: dict[str, str], seed: int
) -> tuple[Callable[[int], tuple[int, Tensor]], Callable[[Any, Path], Path], bool]:
    """What a step learns from, what saves a network, and whether its context is what learns.

    Options, which are all that is left of them: ``data`` (a folder), ``side``, ``count``, ``part`` ("network" or
    "context").
    """
    side, count, part = int(options.pop("side", 128)), int(options.pop("count", 8)), options.pop("part", "network")
    skies = skies_of(options.pop("data"))
    if options or part not in ("network", "context"):
        raise ValueError(
            f"{system}: options {', '.join(options)} and part {part!r} found, allowed are network, context"
        )

    def batch(step: int) -> tuple[int, Tensor]:
        return step, torch.from_numpy(draw(np.random.default_rng([seed, step % 2**32]), skies, count, side))

    def save(network: Any, folder: Path) -> Path:
        return save_weights(network.tensors(), {"system": system, **sizes}, system, folder)

    return batch, save, part == "context"


def keep_small(network: Any) -> None:
    """Keep the context's weights within eight bits."""
    network.context.keep_small()
