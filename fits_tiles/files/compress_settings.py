"""What a file is compressed with: the arguments of `fits_tiles.compress`, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astrocodec.model import Model
from fits_tiles.files.bounded_image import LossOptions
from fits_tiles.files.chosen_reference import ChosenReference
from fits_tiles.files.container import CONTAINERS
from fits_tiles.layout.grid import plan_tile_shape
from fits_tiles.layout.model_cards import model_cards

__all__ = ["CompressSettings", "dither_method", "loss_options"]

_DITHERS = {"none": -1, "no_dither": -1, "subtractive_dither_1": 1, "subtractive_dither_2": 2}


@dataclass(frozen=True)
class CompressSettings:
    """How images become tiles."""

    container: str
    tile_shape: tuple[int, ...] | None
    model: Model
    codec: str
    self_contained: bool
    tune: bool
    effort: int
    level: float | None
    dither: int
    seed: int | None
    workers: int
    checksums: bool
    reference: ChosenReference | None
    loss: LossOptions | None

    def __post_init__(self) -> None:
        if self.container not in CONTAINERS:
            raise ValueError(f"container is {self.container!r}, allowed are {' and '.join(map(repr, CONTAINERS))}")
        if not 1 <= self.effort <= 9:
            raise ValueError(f"effort is {self.effort}, allowed are 1 to 9")
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}, at least 1 is needed")
        if self.seed is not None and not 1 <= self.seed <= 10000:
            raise ValueError(f"dither_seed is {self.seed}, allowed are 1 to 10000")
        if self.level is not None and not np.isfinite(self.level):
            raise ValueError(f"quantize_level is {self.level}, a finite number is needed")
        plan_tile_shape((1, 1), self.tile_shape)
        model_cards(self.model, whole=self.self_contained)


def loss_options(
    max_error: float | str | None,
    noise_increase: float | str | None,
    gain: float | str | None,
    read_noise: float | None,
    dither: int | str | None,
    protect_sources: bool,
    saturation: float | None,
) -> LossOptions | None:
    """What may be lost within a bound; None without one."""
    if max_error is None and noise_increase is None:
        others = {"gain": gain, "read_noise": read_noise, "saturation": saturation}
        given = [name for name, value in others.items() if value is not None]
        given += ["protect_sources"] if protect_sources else []
        if given:
            raise ValueError(f"{' and '.join(given)} need a bound: give max_error or noise_increase")
        return None
    if dither not in (None, False, True):
        raise ValueError(f"dither is {dither!r}, with a bound True, False or None is needed")
    is_dithered = None if dither is None else bool(dither)
    return LossOptions(max_error, noise_increase, gain, read_noise, is_dithered, protect_sources, saturation)


def dither_method(dither: int | str | None) -> int:
    """astropy's number of a method of dithering."""
    method = _DITHERS.get(dither.lower()) if isinstance(dither, str) else {None: 1, 0: -1}.get(dither, dither)
    if method not in (-1, 1, 2):
        raise ValueError(f"dither is {dither!r}, allowed are -1 (none), 1 and 2 (subtractive)")
    return method
