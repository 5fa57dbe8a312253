"""Pictures of visibilities to learn from: simulated sets, and real ones where a folder of them is given.

Step n learns from what the seed and n give, so a run that was stopped goes on with the same pictures.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.bench.visibilities.sets import VisSet, corpus_sets, read_set, simulated_set
from astrocodec.learning.visibility_parts import part_of
from astrocodec.lossy.plane_filling import filled
from astrocodec.lossy.plane_mosaic import Mosaic
from astrocodec.lossy.plane_scales import Scales, of_rms
from astrocodec.lossy.visibility_planes import SPAN

_ARRAYS = ("lofar-core", "meerkat", "ska-low")
_FIRST_SEED = 1000  # of simulated sets, far from those that the benchmark measures
_MOST = 2.0**5  # rms of a crop, in scales: brighter ones would be all that is learned
_NOISELESS = 1e3  # times the noise, beyond which a set is none of noise


def learned_sets(seed: int, count: int, folder: Path | None) -> Iterator[VisSet]:
    """Simulated sets and, of a folder, real ones with a noise that is known."""
    for number in range(count):
        name = _ARRAYS[number % len(_ARRAYS)]
        smaller: dict[str, Any] = {"stations": 16, "times": 32, "channels": 30, "gains": number % 4 != 3}
        yield simulated_set(name, **smaller, seed=_FIRST_SEED + 100 * seed + number, sources=(30, 5)[number % 2])
    for path in corpus_sets(folder) if folder is not None else ():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                found = read_set(path, "corpus")
            except ValueError:  # autocorrelations only
                continue
        known = found.known
        noise = np.broadcast_to(found.noise, known.shape)
        if known.any() and np.median(np.abs(found.vis[known]) / noise[known]) < _NOISELESS:
            yield found


def part(data: VisSet, name: str) -> VisSet:
    """A part of a set, by `part_of`."""
    axis, which = part_of(data.name, data.vis.shape, name)
    vis, flags = np.take(data.vis, which, axis), np.take(data.flags, which, axis)
    noise = np.take(data.noise, which, axis - 1)
    if axis == 2:
        return replace(data, vis=vis, flags=flags, noise=noise, frequencies=data.frequencies[which])
    return replace(
        data, vis=vis, flags=flags, noise=noise, uvw=data.uvw[:, which], antenna1=data.antenna1[which],
        antenna2=data.antenna2[which],
    )  # fmt: skip


def pictures_of(data: VisSet, scale: str) -> Iterator[NDArray[np.float32]]:
    """Pictures ``(3, y, x)`` as the codec makes them: two channels around 0, in scales, and 1 where a sample counts."""
    known = ~data.flags & (data.vis != 0)
    scales = Scales.fitted(data.noise if scale == "noise" else of_rms(data.vis, known))
    if not scales.base:
        return
    unit = filled(np.where(known, data.vis, 0) / scales.of(), known)
    mosaic = Mosaic.of(unit.shape)
    for number in range(mosaic.pictures):
        picture, counts = mosaic.picture(unit, number), mosaic.picture(known, number)
        yield np.stack([picture.real, picture.imag, counts]).astype(np.float32)


class VisibilityPictures:
    """What steps learn from.

    Parameters
    ----------
    seed : int
    count : int
        Simulated sets.
    folder : Path, optional
        Where archives of real sets are.
    side, batch : int
        Samples of a crop's side, and crops of a step.
    name : str
        Which part of the sets.
    """

    def __init__(
        self, seed: int, count: int = 9, folder: Path | None = None, side: int = 128, batch: int = 4,
        name: str = "training",
    ) -> None:  # fmt: skip
        self.seed, self.side, self.batch = seed, side, batch
        self.pools: list[list[NDArray[np.float32]]] = []
        for data in learned_sets(seed, count, folder):
            for scale in ("noise", "noise", "rms"):  # the one that is usual counts twice
                whole = [self._large_enough(picture) for picture in pictures_of(part(data, name), scale)]
                self.pools += [whole] if whole else []

    def _large_enough(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reflected up to the side of a crop; what is beyond the picture does not count."""
        more = [(0, 0), *((0, max(0, self.side - length)) for length in picture.shape[1:])]
        channels, counts = np.pad(picture[:2], more, "symmetric"), np.pad(picture[2:], more)
        return np.concatenate([channels, counts])

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (n, 2, y, x) of a step as the codec's tiles have them, and which samples count (n, 1, y, x)."""
        rng = np.random.default_rng([self.seed, 78, step])
        crops = torch.from_numpy(np.stack([self._crop(rng) for _ in range(self.batch)]))
        return 0.5 + crops[:, :2] / SPAN, crops[:, 2:]

    def _crop(self, rng: np.random.Generator) -> NDArray[np.float32]:
        pool = self.pools[rng.integers(len(self.pools))]
        picture = pool[rng.integers(len(pool))]
        y, x = (rng.integers(size - self.side + 1) for size in picture.shape[1:])
        crop = picture[:, y : y + self.side, x : x + self.side]
        crop = crop[:, :: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        # Phases have no zero of their own, and nobody knows the noise to better than some percent.
        turn = np.exp(2j * np.pi * rng.random()) * 2.0 ** rng.uniform(-0.3, 0.3)
        turned = (crop[0] + 1j * crop[1]) * turn
        if rng.random() < 0.5:
            turned = turned.conj()
        bright = np.sqrt((np.abs(turned) ** 2).mean()) / _MOST
        turned /= max(bright, 1)
        return np.stack([turned.real, turned.imag, crop[2]]).astype(np.float32)
