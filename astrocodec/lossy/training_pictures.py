"""Pictures to learn from: simulated skies and radar images, and public frames where a folder of them is given.

Step n learns from what the seed and n give, so a run that was stopped goes on with the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astrocodec.lossy.pictures import normalise
from astrocodec.simulate import simulate
from astrocodec.simulate.speckle import Radar, detected, single_look

Floats = NDArray[np.float32]
# Frames of missions whose data are public, by the names that the corpus gives them; all others are never learned from.
PUBLIC = (
    "trace_171_19980519",
    "soho-mdi_ic_20101015",
    "stereo-cor1_20090615",
    "2mass-j_gc",
    "spitzer-irac_mosaic",
    "hst-nicmos2_drz",
)
_SIDE = 256


def _unit(picture: NDArray[np.generic], stretch: str) -> Floats:
    return normalise(picture, stretch)[0].astype(np.float32)


def smoothed(picture: NDArray[np.generic], width: float) -> NDArray[np.float64]:
    """A picture (y, x) under a Gaussian of so many pixels: as resampled and stacked ones are, of little noise."""
    y, x = (np.fft.fftfreq(side) for side in picture.shape)
    beam = np.exp(-2 * (np.pi * width) ** 2 * (y[:, None] ** 2 + x[None] ** 2))
    return np.fft.ifft2(np.fft.fft2(picture) * beam).real


def one_channel(seed: int, count: int) -> Iterator[Floats]:
    """Simulated pictures ``(1, y, x)`` of 0 to 1."""
    for i in range(count):
        sky = simulate(("ccd", "infrared", "cmos")[i % 3], seed=1000 * seed + i, shape=(_SIDE, _SIDE)).data
        yield _unit(sky[None], "asinh")
        yield _unit(smoothed(sky, (1.0, 1.5, 2.5, 4.0)[i % 4])[None], ("asinh", "linear")[i % 2])
        looks = (1, 4, 16)[i % 3]
        radar = detected((_SIDE, _SIDE), seed=1000 * seed + i, radar=Radar(looks=looks))
        yield _unit(radar[i % 2 : i % 2 + 1], "linear" if i % 4 else "asinh")


def two_channels(seed: int, count: int) -> Iterator[Floats]:
    """Simulated radar images ``(2, y, x)`` of 0 to 1: VV and VH, I and Q."""
    for i in range(count):
        looks = (4, 1, 9)[i % 3]
        yield _unit(detected((_SIDE, _SIDE), seed=1000 * seed + 500 + i, radar=Radar(looks=looks)), "linear")
        if i % 3 == 0:
            look = single_look((_SIDE, _SIDE), seed=1000 * seed + 800 + i)
            yield _unit(np.stack([look.real, look.imag]), "linear")


def public_frames(folder: Path) -> Iterator[Floats]:
    """Pictures ``(1, y, x)`` of 0 to 1 of those files of a folder that are `PUBLIC`."""
    from astropy.io import fits

    for name in PUBLIC:
        path = folder / f"{name}.fits.gz"
        if not path.is_file():
            continue
        with fits.open(path) as hdus:
            data = next(hdu.data for hdu in hdus if hdu.is_image and hdu.data is not None and hdu.data.ndim == 2)
            image = np.asarray(data, np.float64)
        image = np.where(np.isfinite(image), image, np.nanmedian(image))
        for y in range(0, image.shape[0] - _SIDE + 1, _SIDE):
            for x in range(0, image.shape[1] - _SIDE + 1, _SIDE):
                part = image[None, y : y + _SIDE, x : x + _SIDE]
                if part.std():
                    yield _unit(part, "asinh" if name.startswith(("2mass", "spitzer", "hst", "trace")) else "linear")


class Pictures:
    """What steps learn from.

    Parameters
    ----------
    seed : int
    count : int
        Simulated pictures of each kind.
    folder : Path, optional
        Where public frames are.
    side, batch : int
        Pixels of a crop's side, and crops of a step.
    """

    def __init__(self, seed: int, count: int = 24, folder: Path | None = None, side: int = 128, batch: int = 8) -> None:
        real = list(public_frames(folder)) if folder is not None else []
        made = list(one_channel(seed, count))
        self.pools = {1: [made, real] if real else [made], 2: [list(two_channels(seed, count))]}
        self.seed, self.side, self.batch = seed, side, batch

    def at(self, step: int) -> Tensor:
        """Crops (n, channels, y, x) of a step: two steps of three are of one channel."""
        rng = np.random.default_rng([self.seed, 77, step])
        pools = self.pools[2 if step % 3 == 2 else 1]
        return torch.from_numpy(np.stack([self._crop(pools, rng) for _ in range(self.batch)]))

    def _crop(self, pools: list[list[Floats]], rng: np.random.Generator) -> Floats:
        pool = pools[rng.integers(len(pools))]
        picture = pool[rng.integers(len(pool))]
        y, x = (rng.integers(size - self.side + 1) for size in picture.shape[1:])
        crop = picture[:, y : y + self.side, x : x + self.side]
        if rng.random() < 0.5:
            crop = crop.transpose(0, 2, 1)
        crop = crop[:, :: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        # Ranges vary: of some pictures a few pixels set it.
        contrast = 2.0 ** rng.uniform(-1.0, 0.5)
        brighter: Floats = np.clip(crop * np.float32(contrast), 0, 1)
        return brighter
