"""Pixels of the denoising autoencoder: fluxes to the whole numbers that its networks take, and fluxes of theirs.

docs/format.md section "Autoencoder". A convolutional network sees fluxes in units of the image's noise. A dense one
sees what the paper's does: the logarithm above a floor, from 0 to 1 over the image (Gheller & Vazza 2022, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.lossy.autoencoder_network import OUT_TOP, TILE
from astrocodec.lossy.flux_scale import from_levels, to_levels

IN_PART, OUT_PART = 0.5, 0.125  # units of the flux scale in which a network sees and gives, in noise
FLOOR_PART = 1.0 / 256.0  # the paper's floor, "less than 1/100 of the noise"
_MAD = 1.4826
_IN_TOP = 255


def noise_of(plane: NDArray[Any]) -> float:
    """Noise of a plane from the median deviation from its median: what most pixels scatter by; 0 of an even one.

    Examples
    --------
    >>> 0.98 < noise_of(np.random.default_rng(0).normal(0, 1, (200, 200))) < 1.02
    True
    """
    values = plane.astype(np.float64)
    return _MAD * float(np.median(np.abs(values - np.median(values))))


def seen_levels(plane: NDArray[Any], noise: float) -> NDArray[np.int64]:
    """What a convolutional network sees of a plane."""
    return to_levels(plane, noise * IN_PART)


def given_fluxes(levels: NDArray[np.int64], noise: float) -> NDArray[np.float64]:
    """Fluxes of what a convolutional network gives; its second channel are standard deviations."""
    return from_levels(levels, noise * OUT_PART)


@dataclass(frozen=True)
class Span:
    """Range of a plane's levels above the floor, which a dense network's numbers span."""

    unit: float  # the floor
    low: int
    high: int

    @classmethod
    def of(cls, plane: NDArray[Any], noise: float) -> Span:
        """That of a plane."""
        levels = to_levels(np.maximum(plane, 0.0), noise * FLOOR_PART)
        return cls(noise * FLOOR_PART, int(levels.min()), max(int(levels.max()), int(levels.min()) + 1))

    def seen(self, plane: NDArray[Any]) -> NDArray[np.int64]:
        """What the network sees of a plane, 0 to 255."""
        levels = to_levels(np.maximum(plane, 0.0), self.unit)
        return np.clip((levels - self.low) * _IN_TOP // (self.high - self.low), 0, _IN_TOP)

    def given(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Fluxes of what it gives."""
        return from_levels(self.low + numbers * (self.high - self.low) // OUT_TOP, self.unit)

    def wanted(self, plane: NDArray[Any]) -> NDArray[np.float64]:
        """What it should give for a plane, in levels 0 to 1, not rounded."""
        levels = to_levels(np.maximum(plane, 0.0), self.unit)
        return (np.clip(levels, self.low, self.high) - self.low) / (self.high - self.low)


def to_tiles(plane: NDArray[Any]) -> NDArray[Any]:
    """Tiles [tile, y, x] of 128 x 128 that overlap by half, so that their inner halves cover a plane of any size."""
    inner, margin = TILE // 2, TILE // 4
    grown = [-(-n // inner) * inner - n for n in plane.shape]
    wide = np.pad(plane, [(margin, margin + more) for more in grown], "symmetric")
    cut = np.lib.stride_tricks.sliding_window_view(wide, (TILE, TILE))[::inner, ::inner]
    return cut.reshape(-1, TILE, TILE)


def from_tiles(tiles: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """The plane of `shape` that the inner halves of tiles make.

    Examples
    --------
    >>> plane = np.arange(70 * 150).reshape(70, 150)
    >>> bool((from_tiles(to_tiles(plane), (70, 150)) == plane).all())
    True
    """
    inner, margin = TILE // 2, TILE // 4
    down, across = (-(-n // inner) for n in shape)
    middle = tiles[:, margin : margin + inner, margin : margin + inner].reshape(down, across, inner, inner)
    return middle.swapaxes(1, 2).reshape(down * inner, across * inner)[: shape[0], : shape[1]]
