"""How another program made floats of integers: scale and zero of each of its tiles, dither, no values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec import Quantised
from astrocodec.stages.quantise import SEEDS, Exceptions
from fits_tiles.files.foreign_image import ForeignImage, NotRecodedError
from fits_tiles.layout.blocks import card_value, find_card
from fits_tiles.layout.headers import DITHERS

__all__ = ["Quantisation", "StepsError"]

Pixels = npt.NDArray[Any]
_LEVEL = re.compile(rb"HISTORY   q = ([0-9.]+) /|ZVAL\d+ *= +([0-9.]+) */ floating point quant")


class StepsError(Exception):
    """Why no stream of ours can tell of the integers of an image."""


@dataclass
class Quantisation:
    """
    How the floats of an image were made of integers, tile by tile.

    Raises
    ------
    NotRecodedError
        If programs may differ in it, or no stream can tell it.
    """

    image: ForeignImage
    scale: npt.NDArray[np.float64]
    zero: npt.NDArray[np.float64]
    is_plain: npt.NDArray[np.bool_]  # tiles of floats that were not quantised
    dither: int = 0
    seed: int = 0  # ZDITHER0 less 1
    null: int | None = None

    @classmethod
    def of_image(cls, image: ForeignImage, rows: npt.NDArray[np.void] | None = None) -> Quantisation:
        """Read header and rows; without rows, nothing is known of the tiles."""
        if prod(image.tile_shape[:-2]) > 1:
            raise NotRecodedError("floats quantised in tiles of several planes")
        method = DITHERS.get(str(card_value(find_card(image.cards, "ZQUANTIZ")) or "NO_DITHER"))
        if method is None:
            raise NotRecodedError("floats quantised in a way that is not known")
        seed = card_value(find_card(image.cards, "ZDITHER0"))
        if method > 0 and (isinstance(seed, bool) or not isinstance(seed, int) or not 1 <= seed <= SEEDS):
            raise NotRecodedError(f"floats quantised with a dither of seed {seed!r}, allowed are 1 to {SEEDS}")
        dither = max(method, 0)
        found = cls(
            image,
            np.zeros(image.count),
            np.zeros(image.count),
            np.zeros(image.count, bool),
            dither,
            int(seed) - 1 if dither and isinstance(seed, int) else 0,
            image.null_step,
        )
        if rows is not None:
            found.scale, found.zero = (rows[name].astype(np.float64) for name in ("ZSCALE", "ZZERO"))
            found.is_plain = rows["COMPRESSED_DATA"][:, 0] == 0
            scales, zeros = found.scale[~found.is_plain], found.zero[~found.is_plain]
            if not (np.isfinite(scales).all() and np.isfinite(zeros).all() and scales.all()):
                raise NotRecodedError("floats quantised with a scale that is 0, or no number")
        return found

    @property
    def words(self) -> str:
        """Say it in a few words."""
        level = next(filter(None, (_LEVEL.match(card) for card in self.image.cards)), None)
        named = f" at q = {float(level[1] or level[2]):g}" if level else ""
        return f"floats quantised{named}, {f'dither {self.dither}' if self.dither else 'without dither'}"

    @property
    def planes(self) -> tuple[int, int, int]:
        """Tiles of a plane down and across behind their number of planes."""
        shape, tile = (1, *self.image.shape)[-2:], (1, *self.image.tile_shape)[-2:]
        down, across = (-(-length // step) for length, step in zip(shape, tile, strict=True))
        return self.image.count // (down * across), down, across

    def _tiles(self, place: tuple[slice, ...]) -> npt.NDArray[np.int64]:
        """Numbers of the tiles that a rectangle has a part of: of planes, down, across."""
        leading = self.image.shape[:-2]
        first = tuple(cut.start for cut in place[:-2])
        plane = int(np.ravel_multi_index(first, leading)) if leading else 0
        cuts = ((slice(0, 1),) if len(place) == 1 else ()) + place[-2:]
        tile = (1, *self.image.tile_shape)[-2:]
        spans = [slice(cut.start // step, -(-cut.stop // step)) for cut, step in zip(cuts, tile, strict=True)]
        count = prod(cut.stop - cut.start for cut in place[:-2])
        numbers = np.arange(self.image.count, dtype=np.int64).reshape(self.planes)
        return numbers[plane : plane + count, spans[0], spans[1]]

    def are_plain(self, place: tuple[slice, ...]) -> bool:
        """Tell whether no tile that a rectangle has a part of was quantised."""
        return bool(self.is_plain[self._tiles(place)].all())

    def of_place(self, place: tuple[slice, ...], values: Pixels) -> Quantised:
        """Tell how the floats of a rectangle were made; whole planes, or a part of one."""
        numbers = self._tiles(place)
        cuts = ((slice(0, 1),) if len(place) == 1 else ()) + place[-2:]
        whole, tile = (1, *self.image.shape)[-2:], (1, *self.image.tile_shape)[-2:]
        plain = self.is_plain[numbers]
        size = values.dtype.itemsize
        exceptions = Exceptions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint64))
        if plain.any():
            down, across = (
                np.arange(cut.start, cut.stop) // step - cut.start // step for cut, step in zip(cuts, tile, strict=True)
            )
            mask = plain[:, down[:, None], across]
            exceptions = _runs(mask.reshape(-1), values.reshape(-1).view(f"u{size}"))
        return Quantised(
            np.where(plain, 1.0, self.scale[numbers]).reshape(-1),
            np.where(plain, 0.0, self.zero[numbers]).reshape(-1),
            tile_shape=(tile[0], tile[1]),
            dither=self.dither,
            seed=(self.seed + int(numbers.flat[0])) % SEEDS if self.dither else 0,
            origin=(cuts[0].start, cuts[1].start),
            whole=(whole[0], whole[1]),
            null=self.null,
            exceptions=exceptions,
        )

    def take(self, place: tuple[slice, ...], told: Quantised) -> None:
        """Note scale and zero of the tiles that a stream tells of."""
        numbers = self._tiles(place).reshape(-1)
        self.scale[numbers], self.zero[numbers] = told.scale, told.zero


def _runs(mask: npt.NDArray[np.bool_], bits: Pixels) -> Exceptions:
    at = np.flatnonzero(mask)
    begins = np.append(True, (np.diff(at) > 1) | (bits[at][1:] != bits[at][:-1]))
    first = np.flatnonzero(begins)
    return Exceptions(at[first], np.diff(np.append(first, at.size)), bits[at[first]].astype(np.uint64))
