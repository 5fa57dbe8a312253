"""Radar images: backscatter of fields, woods, water and towns under multi-look speckle.

A synthetic-aperture radar sums the echoes of many scatterers in a resolution cell, so a homogeneous surface gives a
complex circular Gaussian value; its intensity is exponential, the mean of L independent looks of it is Gamma
distributed with L degrees (Goodman 1976, J. Opt. Soc. Am. 66, 1145). Pixels are finer than the resolution, so speckle
is correlated (the Ground Range Detected images of Sentinel-1 have pixels of 10 m, cells of 20 by 22 m and 4.4 looks).
Levels of surfaces are of the order that Ulaby & Dobson 1989 (Handbook of Radar Scattering Statistics for Terrain)
tabulate for C band, in dB; places and shapes are made up.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.sky import require_range, require_shape

Floats = npt.NDArray[np.float64]

# Mean backscatter of surfaces in VV and how much lower it is in VH, dB, and how rough their texture is, dB rms.
_SURFACES = {
    "water": (-21.0, 7.0, 0.3),
    "bare": (-13.0, 9.0, 0.6),
    "crops": (-10.0, 7.0, 0.6),
    "meadow": (-12.0, 6.5, 0.5),
    "wood": (-8.5, 5.5, 1.0),
    "town": (-4.0, 7.0, 3.0),
}
_FIELDS = ("bare", "crops", "meadow", "wood", "town")
_SHARES = (0.2, 0.4, 0.2, 0.15, 0.05)


@dataclass(frozen=True)
class Radar:
    """How a scene is seen.

    Attributes
    ----------
    looks : int
        Independent looks that are averaged.
    cell : float
        Resolution cell in pixels, full width at half maximum of the amplitude's response.
    noise : float
        Noise of the receiver as a backscatter, dB.
    scale : float
        Digital numbers for an amplitude of 1.
    """

    looks: int = 4
    cell: float = 2.0
    noise: float = -25.0
    scale: float = 400.0

    def __post_init__(self) -> None:
        require_range("Radar.looks", self.looks, 1, 1000)
        require_range("Radar.cell", self.cell, 1.0, 20.0)
        require_range("Radar.noise", self.noise, -60.0, 0.0)
        require_range("Radar.scale", self.scale, 1.0, 1e5)


def backscatter(shape: tuple[int, int], *, seed: int = 0, field: float = 45.0) -> Floats:
    """Mean intensity ``(2, y, x)`` of a made-up landscape in VV and VH, linear.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    seed : int, optional
    field : float, optional
        Typical side of a field, pixels.

    Examples
    --------
    >>> backscatter((64, 96), seed=1).shape
    (2, 64, 96)
    """
    require_shape(shape)
    require_range("field", field, 4.0, 1e4)
    rng = np.random.default_rng([seed, 11])
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    count = max(1, round(shape[0] * shape[1] / field**2))
    centres = rng.uniform(0, 1, (count, 2)) * shape
    # Fields are the cells of a mosaic, under a metric that makes them long in one direction.
    stretch, angle = rng.uniform(1, 2.2), rng.uniform(0, np.pi)
    nearest, best = np.zeros(shape, np.intp), np.full(shape, np.inf)
    for i, (cy, cx) in enumerate(centres):
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        distance = along**2 / stretch**2 + across**2
        closer = distance < best
        nearest[closer], best[closer] = i, distance[closer]
    surface = rng.choice(len(_FIELDS), count, p=_SHARES)
    spread = rng.normal(0, 1.2, (2, count))
    level = np.empty((2, *shape))
    rough = np.array([_SURFACES[name][2] for name in _FIELDS])[surface][nearest]
    texture = _noise_of_scale(shape, 4.0, rng) * rough
    for channel in range(2):
        means = [_SURFACES[name][0] - channel * _SURFACES[name][1] for name in _FIELDS]
        level[channel] = (np.array(means)[surface] + spread[channel])[nearest] + texture
    _add_water(level, shape, x, y, rng)
    intensity: Floats = 10 ** (level / 10)
    _add_buildings(intensity, nearest, surface, rng)
    return intensity


def _noise_of_scale(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Floats:
    """Gaussian noise of unit rms, smooth over `scale` pixels."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    spectrum = np.fft.rfft2(rng.normal(size=shape)) * np.exp(-2 * (np.pi * scale / 2.355) ** 2 * (fy**2 + fx**2))
    smooth = np.fft.irfft2(spectrum, shape)
    return smooth / max(float(smooth.std()), 1e-12)


def _add_water(level: Floats, shape: tuple[int, int], x: Floats, y: Floats, rng: np.random.Generator) -> None:
    """A river that winds through, a road, and a lake, each in some of the scenes."""
    low = _SURFACES["water"]
    for width, depth, chance in ((rng.uniform(2, 9), low, 0.6), (1.5, _SURFACES["bare"], 0.8)):
        if rng.random() < chance:
            phase, bend, slope = rng.uniform(0, 6), rng.uniform(5, 30), rng.uniform(-1, 1)
            line = rng.uniform(0, shape[0]) + slope * x + bend * np.sin(x / rng.uniform(20, 60) + phase)
            inside = np.abs(y - line) < width * np.hypot(1, slope)
            for channel in range(2):
                level[channel][inside] = depth[0] - channel * depth[1] - 2 * (depth is not low)
    if rng.random() < 0.4:
        lake = _noise_of_scale(shape, 40.0, rng) > rng.uniform(1.0, 2.0)
        for channel in range(2):
            level[channel][lake] = low[0] - channel * low[1]


def _add_buildings(
    intensity: Floats, nearest: npt.NDArray[np.intp], surface: npt.NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Corner reflectors: bright points, many in towns and a few anywhere."""
    in_town = (surface == _FIELDS.index("town"))[nearest]
    chance = np.where(in_town, 0.03, 2e-5)
    hit = rng.random(nearest.shape) < chance
    bright = 10 ** (rng.uniform(0.3, 1.8, int(hit.sum())))
    intensity[0][hit] += bright
    intensity[1][hit] += bright * 0.15


def _echo(intensity: Floats, radar: Radar, rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    """One look: complex values of every pixel, with the resolution of the radar and its noise."""
    shape = intensity.shape
    field = np.sqrt(intensity / 2) * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    if radar.cell > 1:
        fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
        response = np.exp(-2 * (np.pi * radar.cell / 2.355) ** 2 * (fy**2 + fx**2))
        # White echoes keep their mean intensity.
        field = np.fft.ifft2(np.fft.fft2(field) * response / np.sqrt((response**2).mean()))
    floor = np.sqrt(10 ** (radar.noise / 10) / 2)
    seen: npt.NDArray[np.complex128] = field + floor * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return seen


def detected(shape: tuple[int, int], *, seed: int = 0, radar: Radar | None = None) -> npt.NDArray[np.uint16]:
    """A detected image ``(2, y, x)`` of a made-up landscape: amplitudes in VV and VH as digital numbers.

    Examples
    --------
    >>> image = detected((64, 64), seed=2)
    >>> image.dtype.name, image.shape
    ('uint16', (2, 64, 64))
    """
    radar = radar or Radar()
    mean = backscatter(shape, seed=seed)
    rng = np.random.default_rng([seed, 12])
    intensity = np.zeros(mean.shape)
    for channel in range(2):
        for _ in range(radar.looks):
            intensity[channel] += np.abs(_echo(mean[channel], radar, rng)) ** 2 / radar.looks
    return np.clip(np.rint(radar.scale * np.sqrt(intensity)), 0, 65535).astype(np.uint16)


def single_look(shape: tuple[int, int], *, seed: int = 0, radar: Radar | None = None) -> npt.NDArray[np.complex64]:
    """A single-look complex image ``(y, x)`` in VV, in digital numbers: I is the real part, Q the imaginary one.

    Examples
    --------
    >>> single_look((32, 48)).dtype.name
    'complex64'
    """
    radar = radar or Radar(looks=1, cell=1.2)
    rng = np.random.default_rng([seed, 13])
    return (radar.scale * _echo(backscatter(shape, seed=seed)[0], radar, rng)).astype(np.complex64)
