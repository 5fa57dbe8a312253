"""Diffuse radio emission of the cosmic web: filaments with ridges, nodes where they meet, voids between.

Matter is moved from a grid by the Zel'dovich approximation (Zel'dovich 1970, A&A 5, 84) of a random field whose small
scales are left out (Coles, Melott & Shandarin 1993, MNRAS 260, 765): it piles up in filaments and nodes. Emission
grows as a power of the density, as that of shocks in simulations does, and is patchy as the magnetic field is: times a
log-normal field. Some layers at different distances are added, as light cones are stacked from snapshots (Gheller &
Vazza 2022, MNRAS 509, 990, section 3.1, whose maps come from magneto-hydrodynamics; these are only like them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from astrocodec.simulate.sky import Floats, require_range


@dataclass(frozen=True)
class Web:
    """
    Emission of the cosmic web.

    Attributes
    ----------
    brightness : float
        Of the brightest hundredth of the field's pixels, Jy / arcsec2.
    scale : float
        Typical distance between filaments, arcsec.
    growth : float
        How far structure has formed: root mean square displacement, in units of `scale`.
    power : float
        Emission is density to this power.
    patchiness : float
        Root mean square of the natural logarithm of the field that multiplies emission.
    layers : int
        Sheets along the line of sight, each farther: half the brightness and 0.7 times the scale of the one before.
    """

    brightness: float = 3e-6
    scale: float = 360.0
    growth: float = 0.3
    power: float = 2.0
    patchiness: float = 0.6
    layers: int = 3

    def __post_init__(self) -> None:
        require_range("Web.brightness", self.brightness, 0.0, 1.0)
        require_range("Web.scale", self.scale, 1.0, 1e5)
        require_range("Web.growth", self.growth, 0.0, 2.0)
        require_range("Web.power", self.power, 0.5, 5.0)
        require_range("Web.patchiness", self.patchiness, 0.0, 3.0)
        require_range("Web.layers", self.layers, 1, 16)


def wave_numbers(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Angular wave numbers along y and x of `numpy.fft.rfft2`, radian / pixel."""
    y, x = np.fft.fftfreq(shape[0]).astype(np.float64), np.fft.rfftfreq(shape[1]).astype(np.float64)
    return 2 * np.pi * y[:, None], 2 * np.pi * x[None, :]


def random_field(shape: tuple[int, int], slope: float, cut: float, rng: np.random.Generator) -> Floats:
    """Periodic Gaussian field of mean 0 and variance 1; amplitudes fall as ``k**slope exp(-(k cut)**2 / 2)``.

    Examples
    --------
    >>> field = random_field((64, 64), -1.5, 4.0, np.random.default_rng(0))
    >>> round(float(field.std()), 6)
    1.0
    """
    ky, kx = wave_numbers(shape)
    k2 = ky**2 + kx**2
    k2[0, 0] = 1.0
    amplitude = k2 ** (slope / 2) * np.exp(-k2 * cut**2 / 2)
    amplitude[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * amplitude, shape)
    return np.asarray(field / max(float(field.std()), 1e-300))


def smoothed(image: Floats, sigma: float) -> Floats:
    """Periodic Gaussian smoothing, `sigma` in pixels; the sum stays."""
    ky, kx = wave_numbers((image.shape[0], image.shape[1]))
    return np.fft.irfft2(np.fft.rfft2(image) * np.exp(-(ky**2 + kx**2) * sigma**2 / 2), image.shape)


def moved_matter(shape: tuple[int, int], scale: float, growth: float, rng: np.random.Generator) -> Floats:
    """Density with mean 1 after the Zel'dovich move; `scale` in pixels."""
    potential = random_field(shape, -2.5, scale / 8.0, rng)
    ky, kx = wave_numbers(shape)
    transform = np.fft.rfft2(potential)
    moves = [np.fft.irfft2(1j * k * transform, shape) for k in (ky, kx)]
    size = growth * scale / max(math.sqrt(sum(float((m**2).mean()) for m in moves)), 1e-300)
    y, x = (np.arange(n, dtype=np.float64) for n in shape)
    places = [y[:, None] + size * moves[0], x[None, :] + size * moves[1]]
    low = [np.floor(p).astype(np.int64) for p in places]
    part = [p - f for p, f in zip(places, low, strict=True)]
    density = np.zeros(shape[0] * shape[1])
    for dy in (0, 1):  # clouds in cells: a particle shares itself among four pixels
        for dx in (0, 1):
            weight = (part[0] if dy else 1 - part[0]) * (part[1] if dx else 1 - part[1])
            where = (low[0] + dy) % shape[0] * shape[1] + (low[1] + dx) % shape[1]
            density += np.bincount(where.ravel(), weight.ravel(), density.size)
    return density.reshape(shape)


def web_emission(web: Web, shape: tuple[int, int], pixel: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Surface brightness, Jy / arcsec2, and the density of the nearest layer, mean 1, where halos form.

    `pixel` is the width of a pixel in arcsec.

    Examples
    --------
    >>> light, density = web_emission(Web(brightness=1e-5), (64, 96), 2.0, np.random.default_rng(1))
    >>> light.shape, bool(light.min() >= 0), round(float(density.mean()), 3)
    ((64, 96), True, 1.0)
    """
    total, nearest = np.zeros(shape), np.ones(shape)
    for layer in range(web.layers):
        scale = web.scale / pixel * 0.7**layer
        density = np.maximum(smoothed(moved_matter(shape, scale, web.growth, rng), max(1.0, scale / 50.0)), 0.0)
        patches = np.exp(web.patchiness * random_field(shape, -1.8, 2.0, rng))
        light = density**web.power * patches
        total += light / max(float(np.quantile(light, 0.99)), 1e-300) * 0.5**layer
        if layer == 0:
            nearest = density
    return total * (web.brightness / max(float(np.quantile(total, 0.99)), 1e-300)), nearest
