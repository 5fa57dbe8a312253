"""A radio interferometer like LOFAR's high-band antennas: stations, baselines, weights, visibilities, images.

Visibilities are predicted and imaged by ducc0's w-gridder (Arras et al. 2021, A&A 646, A58), which WSClean uses too; it
is the extra ``radio``. Stations and beams after van Haarlem et al. 2013 (A&A 556, A2): 24 core stations of two fields
each within some kilometres and 14 remote ones out to 70 km, at a latitude of 52.9 degrees. Their places are drawn, not
LOFAR's. Weights after Briggs 1995 (thesis, New Mexico Institute of Mining and Technology).
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.baseline_geometry import EARTH, equatorial, uvw
from astrocodec.simulate.sky import Floats, require_range

LIGHT = 299_792_458.0  # m / s
ARCSEC = math.pi / 180.0 / 3600.0
ACCURACY = 1e-6  # of ducc0, relative


@dataclass(frozen=True)
class Interferometer:
    """
    An array, how long it looks, and how its visibilities are weighed.

    Attributes
    ----------
    core, remote : int
        Stations of the core, of two fields side by side each, and remote stations.
    core_radius, radius : float
        Kilometres: the core's stations are within the one, remote stations between the two.
    latitude, declination : float
        Degrees: of the array, and of the field.
    frequency : float
        MHz.
    hours, interval : float
        Length of the observation, hours, centred on the meridian; and seconds between samples.
    robust : float
        Of Briggs' weights: 2 is natural, -2 uniform.
    beam : float
        Full width at half maximum of the circular beam that images are restored with, arcsec.
    primary : float
        Full width at half maximum of the stations' beam, degrees.
    noise : float
        Of the image's centre, Jy / beam, root mean square.
    layout : int
        Seed of the stations' places.
    """

    core: int = 24
    remote: int = 14
    core_radius: float = 2.0
    radius: float = 70.0
    latitude: float = 52.9
    declination: float = 55.0
    frequency: float = 150.0
    hours: float = 8.0
    interval: float = 240.0
    robust: float = -0.5
    beam: float = 6.0
    primary: float = 3.8
    noise: float = 1e-4
    layout: int = 0

    def __post_init__(self) -> None:
        require_range("Interferometer.core", self.core, 1, 1000)
        require_range("Interferometer.remote", self.remote, 0, 1000)
        require_range("Interferometer.core_radius", self.core_radius, 0.01, self.radius)
        require_range("Interferometer.latitude", self.latitude, -90.0, 90.0)
        require_range("Interferometer.declination", self.declination, -90.0, 90.0)
        require_range("Interferometer.frequency", self.frequency, 10.0, 1e5)
        require_range("Interferometer.hours", self.hours, 1e-3, 24.0)
        require_range("Interferometer.interval", self.interval, 1.0, 3600.0 * self.hours)
        require_range("Interferometer.robust", self.robust, -2.0, 2.0)
        require_range("Interferometer.beam", self.beam, 0.01, 3600.0)
        require_range("Interferometer.primary", self.primary, 0.01, 180.0)
        require_range("Interferometer.noise", self.noise, 0.0, 1e3)
        require_range("Interferometer.layout", self.layout, 0, 2**63 - 1)


def gridder() -> Any:
    """ducc0's gridder, loaded when it is needed; where it is missing, `ImportError` says what to install."""
    try:
        return importlib.import_module("ducc0").wgridder
    except ImportError as error:
        message = "radio images need ducc0, which is not installed: run `pip install 'astrocodec[radio]'`"
        raise ImportError(message, name=error.name) from error


def stations(array: Interferometer) -> Floats:
    """Places of the stations' fields, [field, (east, north)], metres."""
    rng = np.random.default_rng([array.layout, 20])
    radii = array.core_radius * 1e3 * np.exp(rng.uniform(math.log(0.04), 0.0, array.core))
    angles = rng.uniform(0, 2 * math.pi, array.core)
    core = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    # The two fields of a core station lie 129 m apart, in a direction of each station's own.
    turn = rng.uniform(0, math.pi, array.core)
    half = 64.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # Remote stations stand on the arms of logarithmic spirals.
    steps = np.arange(array.remote)
    reach = np.log(array.radius / (1.5 * array.core_radius) + 1e-9)
    out = array.radius * 1e3 * np.exp(-np.maximum(reach, 0.0) * (1 - (steps + 1) / max(array.remote, 1)))
    around = 2.4 * steps + rng.normal(0, 0.25, array.remote)
    remote = np.stack([out * np.cos(around), out * np.sin(around)], axis=1)
    return np.concatenate([core - half, core + half, remote])


def baselines(array: Interferometer) -> Floats:
    """Baselines as the Earth turns, [visibility, (u, v, w)], metres; one of each pair, for all times."""
    fields = stations(array)
    places = equatorial(np.column_stack([fields, np.zeros(len(fields))]), math.radians(array.latitude))
    first, second = np.triu_indices(len(places), 1)
    steps = max(1, round(3600.0 * array.hours / array.interval))
    angles = ((np.arange(steps) + 0.5) / steps - 0.5) * array.hours * 3600.0 * EARTH
    return uvw(places[second] - places[first], math.radians(array.declination), angles).reshape(-1, 3)


def briggs_weights(uv: Floats, cell: float, robust: float) -> Floats:
    """Briggs' weights of visibilities of equal noise; `uv` in wavelengths, `cell` of the grid that counts them too.

    ``1 / (1 + n f)`` with n visibilities in a cell and ``f = (5 * 10**-robust)**2 / (sum n**2 / sum n)``.

    Examples
    --------
    >>> weights = briggs_weights(np.array([[0.0, 0.0], [0.0, 0.1], [9.0, 0.0]]), 1.0, -2.0)
    >>> bool(weights[2] > weights[0] == weights[1])
    True
    """
    keys = np.rint(uv / cell).astype(np.int64)
    keys *= np.where((keys[:, 1] < 0) | ((keys[:, 1] == 0) & (keys[:, 0] < 0)), -1, 1)[:, None]  # V(-u) is V(u)*
    _, index, number = np.unique(keys[:, 0] * (1 << 32) + keys[:, 1], return_inverse=True, return_counts=True)
    share = (5.0 * 10.0**-robust) ** 2 / (float((number**2).sum()) / float(number.sum()))
    return np.asarray(1.0 / (1.0 + number[index] * share))


@dataclass(frozen=True, eq=False)
class Observation:
    """What takes skies to images: baselines (m), weights (sum 1) and the size of images (pixels, arcsec)."""

    array: Interferometer
    uvw: Floats
    weights: Floats
    shape: tuple[int, int]
    pixel: float

    @property
    def _settings(self) -> dict[str, Any]:
        pixel = self.pixel * ARCSEC
        return {
            "uvw": self.uvw, "freq": np.array([self.array.frequency * 1e6]), "pixsize_x": pixel, "pixsize_y": pixel,
            "epsilon": ACCURACY, "do_wgridding": True, "nthreads": 1, "divide_by_n": False,
        }  # fmt: skip

    def visibilities(self, sky: Floats) -> npt.NDArray[np.complex128]:
        """Predict visibilities, Jy, of a sky in Jy / pixel, [y, x]."""
        # ducc0 has x first, and l grows to the east, which is to the left.
        sky = np.ascontiguousarray(sky.T[::-1])
        return np.asarray(gridder().dirty2vis(dirty=sky, **self._settings))

    def image(self, visibilities: npt.NDArray[np.complex128], scale: int = 1) -> Floats:
        """The dirty image, Jy / beam, [y, x]; `scale` times as large as the field."""
        ny, nx = (scale * n for n in self.shape)
        found = gridder().vis2dirty(vis=visibilities, wgt=self.weights[:, None], npix_x=nx, npix_y=ny, **self._settings)
        return np.ascontiguousarray(found[::-1].T)

    def beam(self) -> Floats:
        """The dirty beam over twice the field, 1 at ``[ny, nx]`` as `clean` takes it."""
        found = self.image(np.ones((len(self.uvw), 1), np.complex128), 2)
        return np.roll(found, 1, axis=1)  # the mirrored axis has its centre one pixel to the left

    def noise(self, rng: np.random.Generator) -> npt.NDArray[np.complex128]:
        """Noise of visibilities, Jy, that gives the image the noise asked for."""
        sigma = self.array.noise / math.sqrt(float((self.weights**2).sum()))
        parts = rng.standard_normal((2, len(self.uvw), 1))
        return np.asarray(sigma * (parts[0] + 1j * parts[1]))


def observation(array: Interferometer, shape: tuple[int, int], pixel: float) -> Observation:
    """Baselines and weights for images of `shape` (even numbers of at least 32) with pixels of `pixel` arcsec."""
    uvw = baselines(array)
    wavelength = LIGHT / (array.frequency * 1e6)
    uv = uvw[:, :2] / wavelength
    limit = 0.5 / (pixel * ARCSEC)
    inside = (np.abs(uv) < limit).all(axis=1)  # longer ones would not fit the pixels
    weights = briggs_weights(uv[inside], 1.0 / (max(shape) * pixel * ARCSEC), array.robust)
    return Observation(array, np.ascontiguousarray(uvw[inside]), weights / weights.sum(), shape, pixel)


def primary_beam(array: Interferometer, shape: tuple[int, int], pixel: float) -> Floats:
    """Sensitivity of the stations over the field, 1 at its centre: a Gaussian, [y, x]."""
    y, x = ((np.arange(n) - n // 2) * pixel / 3600.0 for n in shape)
    return np.exp(-4.0 * math.log(2.0) * (y[:, None] ** 2 + x**2) / array.primary**2)


Residual = Callable[[Floats], Floats]


def residual_of(observed: Observation, visibilities: npt.NDArray[np.complex128]) -> Residual:
    """What `clean` asks for: the dirty image of visibilities less those of a model."""
    return lambda model: observed.image(visibilities - observed.visibilities(model))
