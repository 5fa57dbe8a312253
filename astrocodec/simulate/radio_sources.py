"""Radio sources: halos and relics of clusters, and radio galaxies with the counts of low-frequency surveys.

Sources. Halos have the beta profile of the gas, projected (Cavaliere & Fusco-Femiano 1976, A&A 49, 137); relics are
arcs at a cluster's edge (van Weeren et al. 2019, SSRv 215, 16). Radio galaxies: ``dN/dS = 6998 S**-1.54 / Jy / sr``
between 10 and 400 mJy at 154 MHz (Franzen et al. 2016, MNRAS 459, 3314), with the Euclidean ``S**-2.5`` above; below
10 mJy ``S**-2.1``, which gives 313 sources / deg2 above 1 mJy, about what LOFAR surveys count where star-forming
galaxies take over (Mandal et al. 2021, A&A 648, A5). Those with lobes are FR I, brightest at the core and fading
outwards, or FR II, with hot spots at their ends (Fanaroff & Riley 1974, MNRAS 167, 31P).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from astrocodec.simulate.sky import Floats, power_law, require_range, window

# Breaks of the counts in Jy, slopes of dN/dS between them, and dN/dS at 10 mJy / Jy / sr.
BREAKS = (1e-6, 0.01, 0.4, 1e3)
SLOPES = (2.1, 1.54, 2.5)
AT_10_MJY = 6998.0 * 0.01**-1.54
DEGREE2 = (math.pi / 180.0) ** 2  # steradian
ARCSEC2 = DEGREE2 / 3600.0**2


@dataclass(frozen=True)
class Halos:
    """
    Halos and relics of clusters of galaxies.

    Attributes
    ----------
    density : float
        Mean number of clusters / deg2.
    faintest, brightest : float
        Range of a halo's central brightness, Jy / arcsec2; numbers fall as a power of it with slope 1.
    core : tuple of float
        Range of core radii, arcsec, drawn evenly in the logarithm.
    beta : tuple of float
        Range of beta.
    relics : float
        Mean number of relics of a cluster.
    """

    density: float = 12.0
    faintest: float = 1e-6
    brightest: float = 1e-4
    core: tuple[float, float] = (20.0, 80.0)
    beta: tuple[float, float] = (0.6, 1.0)
    relics: float = 0.7

    def __post_init__(self) -> None:
        require_range("Halos.density", self.density, 0.0, 1e5)
        require_range("Halos.faintest", self.faintest, 1e-30, self.brightest)
        require_range("Halos.core[0]", self.core[0], 0.1, self.core[1])
        require_range("Halos.beta[0]", self.beta[0], 0.35, self.beta[1])
        require_range("Halos.relics", self.relics, 0.0, 10.0)


@dataclass(frozen=True)
class RadioGalaxies:
    """
    Radio galaxies and what else looks like points.

    Attributes
    ----------
    faintest, brightest : float
        Range of flux densities, Jy, within 1e-6 to 1e3.
    density : float
        Number of sources in units of what surveys count.
    lobes : float
        Part of sources above 3 mJy with lobes, half of them FR I and half FR II.
    length : float
        Median length of these, arcsec; 0.5 is the spread of its natural logarithm.
    """

    faintest: float = 2e-4
    brightest: float = 1.0
    density: float = 1.0
    lobes: float = 0.5
    length: float = 45.0

    def __post_init__(self) -> None:
        require_range("RadioGalaxies.faintest", self.faintest, BREAKS[0], self.brightest)
        require_range("RadioGalaxies.brightest", self.brightest, self.faintest, BREAKS[-1])
        require_range("RadioGalaxies.density", self.density, 0.0, 100.0)
        require_range("RadioGalaxies.lobes", self.lobes, 0.0, 1.0)
        require_range("RadioGalaxies.length", self.length, 1.0, 1e4)


def counts(faintest: float, brightest: float) -> list[tuple[float, float, float, float]]:
    """Sources / sr between two flux densities (Jy): faintest, brightest, slope of dN/dS and number of each stretch.

    Examples
    --------
    >>> round(sum(number for *_, number in counts(1e-3, 1e3)) * DEGREE2)
    313
    """
    found, level = [], AT_10_MJY
    starts = {0: level, 1: level, 2: level * (BREAKS[2] / BREAKS[1]) ** -SLOPES[1]}
    for n, slope in enumerate(SLOPES):
        pivot = BREAKS[1] if n < 2 else BREAKS[2]
        low, high = max(faintest, BREAKS[n]), min(brightest, BREAKS[n + 1])
        if low < high:
            number = starts[n] * pivot**slope / (slope - 1) * (low ** (1 - slope) - high ** (1 - slope))
            found.append((low, high, slope, number))
    return found


def draw_fluxes(galaxies: RadioGalaxies, area: float, rng: np.random.Generator) -> Floats:
    """Flux densities, Jy, of the sources in an `area` of so many steradian."""
    parts = [
        power_law(int(rng.poisson(number * area * galaxies.density)), low, high, slope - 1.0, rng)
        for low, high, slope, number in counts(galaxies.faintest, galaxies.brightest)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def add_point(image: Floats, y: float, x: float, flux: float) -> None:
    """Add a point, shared among four pixels so that its centre is where it should be."""
    top, left = math.floor(y), math.floor(x)
    for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                image[row, column] += flux * down * across


def add_blob(image: Floats, y: float, x: float, flux: float, along: float, across: float, angle: float) -> None:
    """Add an elliptical Gaussian with its flux; axes are sigmas in pixels, `angle` from the x axis in radian."""
    along, across = max(along, 0.5), max(across, 0.5)
    half = math.ceil(4.0 * max(along, across))
    rows, columns = window(y, half, image.shape[0]), window(x, half, image.shape[1])
    dy, dx = np.arange(rows.start, rows.stop)[:, None] - y, np.arange(columns.start, columns.stop) - x
    u, v = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
    image[rows, columns] += (
        flux / (2 * math.pi * along * across) * np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2))
    )


def add_fr1(image: Floats, y: float, x: float, flux: float, length: float, rng: np.random.Generator) -> None:
    """Add an FR I galaxy: two bent plumes that widen and fade from the core; `length` in pixels, end to end."""
    add_point(image, y, x, 0.1 * flux)
    angle, bend, share = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.6), rng.uniform(0.35, 0.65)
    for side, part in ((0.0, share), (math.pi, 1 - share)):
        steps = np.linspace(0.08, 1.0, 9)
        weights = np.exp(-2.0 * steps)
        turn = 1.0 if side == 0.0 else -1.0  # both plumes are swept the same way
        for step, weight in zip(steps, weights / weights.sum(), strict=True):
            at = angle + side + turn * bend * step
            out = 0.5 * length * step
            width = 0.03 * length + 0.10 * length * step
            add_blob(
                image, y + out * math.sin(at), x + out * math.cos(at), 0.9 * flux * part * weight, width, width, at
            )


def add_fr2(image: Floats, y: float, x: float, flux: float, length: float, rng: np.random.Generator) -> None:
    """Add an FR II galaxy: a faint core, two lobes, and a hot spot at the end of each."""
    add_point(image, y, x, 0.05 * flux)
    angle, bend, share = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.1), rng.uniform(0.35, 0.65)
    for side, part in ((0.0, share), (math.pi + bend, 1 - share)):
        at, out = angle + side, 0.5 * length * rng.uniform(0.85, 1.0)
        hot, dy, dx = rng.uniform(0.25, 0.6), math.sin(at), math.cos(at)
        add_point(image, y + out * dy, x + out * dx, 0.95 * flux * part * hot)
        add_blob(
            image,
            y + 0.65 * out * dy,
            x + 0.65 * out * dx,
            0.95 * flux * part * (1 - hot),
            0.16 * length,
            0.07 * length,
            at,
        )


def add_galaxies(image: Floats, galaxies: RadioGalaxies, pixel: float, rng: np.random.Generator) -> int:
    """Add the radio galaxies of a field to `image` (Jy / pixel) in place; returns their number."""
    fluxes = draw_fluxes(galaxies, image.size * pixel**2 * ARCSEC2, rng)
    places = rng.random((len(fluxes), 2)) * image.shape - 0.5
    has_lobes, kinds = rng.random(len(fluxes)) < galaxies.lobes, rng.random(len(fluxes))
    lengths = galaxies.length / pixel * np.exp(0.5 * rng.standard_normal(len(fluxes)))
    for (y, x), flux, lobed, kind, length in zip(places, fluxes, has_lobes, kinds, lengths, strict=True):
        if flux > 3e-3 and lobed:
            (add_fr1 if kind < 0.5 else add_fr2)(image, y, x, float(flux), float(length), rng)
        else:
            add_point(image, y, x, float(flux))
    return len(fluxes)


def _cluster_places(density: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Places where matter is dense: drawn with weight density cubed."""
    weight = np.cumsum(density.ravel() ** 3)
    where = np.searchsorted(weight, rng.random(count) * weight[-1])
    y, x = np.unravel_index(np.minimum(where, density.size - 1), density.shape)
    return np.stack([y, x], axis=1).astype(np.float64)


def _add_halo(
    image: Floats, y: float, x: float, peak: float, core: float, beta: float, rng: np.random.Generator
) -> None:
    ratio, angle = rng.uniform(0.6, 1.0), rng.uniform(0, math.pi)
    half = math.ceil(10.0 * core)
    rows, columns = window(y, half, image.shape[0]), window(x, half, image.shape[1])
    dy, dx = np.arange(rows.start, rows.stop)[:, None] - y, np.arange(columns.start, columns.stop) - x
    u, v = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
    r2 = (u**2 + (v / ratio) ** 2) / core**2
    fade = np.clip(1.0 - r2 / 100.0, 0.0, 1.0)  # to nothing at ten core radii, where the stamp ends
    image[rows, columns] += peak * (1.0 + r2) ** (0.5 - 3.0 * beta) * fade


def _add_relic(image: Floats, y: float, x: float, peak: float, radius: float, rng: np.random.Generator) -> None:
    """An arc at `radius` pixels from a cluster's centre: sharp outside, where the shock is, with a tail inwards."""
    half = math.ceil(1.4 * radius)
    rows, columns = window(y, half, image.shape[0]), window(x, half, image.shape[1])
    dy, dx = np.arange(rows.start, rows.stop)[:, None] - y, np.arange(columns.start, columns.stop) - x
    depth = (np.hypot(dy, dx) - radius) / radius
    off = (np.arctan2(dy, dx) - rng.uniform(0, 2 * math.pi) + math.pi) % (2 * math.pi) - math.pi
    width = np.where(depth > 0, 0.03, 0.10)
    image[rows, columns] += peak * np.exp(-0.5 * (depth / width) ** 2 - 0.5 * (off / rng.uniform(0.2, 0.6)) ** 2)


def add_halos(image: Floats, halos: Halos, density: Floats, pixel: float, rng: np.random.Generator) -> int:
    """Add the clusters of a field to `image` (Jy / pixel) in place, where `density` is high; returns their number."""
    count = int(rng.poisson(halos.density * image.size * (pixel / 3600.0) ** 2))
    peaks = power_law(count, halos.faintest, halos.brightest, 1.0, rng) * pixel**2 if count else np.zeros(0)
    for (y, x), peak in zip(_cluster_places(density, count, rng), peaks, strict=True):
        core = halos.core[0] * (halos.core[1] / halos.core[0]) ** rng.random() / pixel
        _add_halo(image, y, x, float(peak), core, rng.uniform(*halos.beta), rng)
        for _ in range(int(rng.poisson(halos.relics))):
            _add_relic(image, y, x, float(peak) * rng.uniform(0.2, 1.0), core * rng.uniform(3.0, 6.0), rng)
    return count
