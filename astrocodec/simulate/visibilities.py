"""Made-up visibilities of real arrays, in blocks: ``Visibilities(VisibilitySettings("meerkat")).block(0, 10)``.

Sources (`visibility_sky`) are heard by stations (`layouts`) with gains that drift (`station_gains`), noise is that of
the radiometer equation, and interference (`interference`) comes on top. Every integration has random numbers of its
own, so that blocks of any size give the same visibilities, and a set of any size needs the memory of a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.baseline_geometry import EARTH, equatorial, uvw
from astrocodec.simulate.interference import draw_interference
from astrocodec.simulate.layouts import NAMES, layout
from astrocodec.simulate.sky import Floats, require_range
from astrocodec.simulate.station_gains import Gains
from astrocodec.simulate.visibility_sky import coherencies, draw_sources

__all__ = ["Block", "Visibilities", "VisibilitySettings"]

START = 2_461_101.0  # Julian day of the middle of the observation: 2026 March 1, noon
MAX_BYTES = 1 << 40  # of visibilities
_BLOCK = 1 << 19  # visibilities of one polarisation, about, that are made at once


@dataclass(frozen=True)
class VisibilitySettings:
    """
    An observation; None takes what is usual for the array.

    Attributes
    ----------
    array : str
        ``lofar``, ``meerkat`` or ``ska-low``.
    stations : int or None
        The first of its stations, core before arms; None: all.
    times, channels : int
        Integrations and channels.
    interval : float or None
        Length of an integration, s.
    frequency, channel : float or None
        Middle of the band, MHz; width of a channel, kHz.
    declination : float or None
        Of the field, degrees; it is highest in the middle of the observation.
    sources : int
        Sources within the beam.
    brightest, diffuse, outlier : float or None
        Flux of the brightest source, of extended emission, and of a source far outside the beam, Jy.
    gains : bool
        Whether stations have gains, bandpasses and leakage; False: as after calibration.
    drift : float
        Scatter of the stations' phases with time, radian.
    occupied : float
        Share of channels with interference; 0: none, and nothing is flagged.
    noise : float
        Factor of the thermal noise.
    seed : int
        Of everything that is drawn.
    """

    array: str = "lofar"
    stations: int | None = None
    times: int = 10
    channels: int = 64
    interval: float | None = None
    frequency: float | None = None
    channel: float | None = None
    declination: float | None = None
    sources: int = 30
    brightest: float | None = None
    diffuse: float | None = None
    outlier: float | None = None
    gains: bool = True
    drift: float = 0.3
    occupied: float = 0.03
    noise: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.array not in NAMES:
            raise ValueError(f"array is {self.array!r}; allowed are {', '.join(NAMES)}. Choose one of them.")
        for name, low, high in (
            ("times", 1, 10_000_000), ("channels", 1, 1_000_000), ("interval", 1e-3, 3600.0), ("frequency", 10.0, 1e5),
            ("channel", 1e-3, 1e5), ("declination", -90.0, 90.0), ("sources", 0, 10_000), ("brightest", 0.0, 1e6),
            ("diffuse", 0.0, 1e6), ("outlier", 0.0, 1e6), ("drift", 0.0, 10.0), ("occupied", 0.0, 1.0),
            ("noise", 0.0, 1e6), ("seed", 0, 2**63 - 1),
        ):  # fmt: skip
            if getattr(self, name) is not None:
                require_range(f"VisibilitySettings.{name}", getattr(self, name), low, high)


@dataclass(frozen=True, eq=False)
class Block:
    """Visibilities of some integrations: arrays [time, baseline, freq, pol], `uvw` [time, baseline, 3] in m."""

    start: int  # number of the first integration
    vis: npt.NDArray[np.complex64]
    flags: npt.NDArray[np.bool_]
    uvw: Floats


class Visibilities:
    """
    An observation to be made block by block.

    Attributes
    ----------
    shape : tuple of int
        ``(time, baseline, freq, pol)``; polarisations are XX, XY, YX, YY, baselines all pairs of two stations.
    antenna1, antenna2 : numpy.ndarray
        int32, stations of each baseline, the first the lower.
    frequencies, times : numpy.ndarray
        float64, Hz, and Julian days (UTC) of the middle of each integration.
    noise : numpy.ndarray
        float64, [baseline, freq]: noise of a real or imaginary part before gains, Jy.
    right_ascension, declination : float
        Of the field, radian, of the equinox of date.

    Raises
    ------
    ValueError
        When there are not that many stations, or it would be more than 1 TiB.

    Examples
    --------
    >>> made = Visibilities(VisibilitySettings("meerkat", stations=4, times=3, channels=8, seed=1))
    >>> block = made.block(1, 2)
    >>> block.vis.shape, block.vis.dtype.name, made.shape
    ((1, 6, 8, 4), 'complex64', (3, 6, 8, 4))
    """

    polarizations = ("XX", "XY", "YX", "YY")

    def __init__(self, settings: VisibilitySettings) -> None:
        array = layout(settings.array, settings.stations)
        self.settings, self.array = settings, array
        stations = len(array.names)
        first, second = np.triu_indices(stations, 1)
        self.antenna1, self.antenna2 = first.astype(np.int32), second.astype(np.int32)
        self.shape = (settings.times, len(first), settings.channels, 4)
        if 8 * math.prod(self.shape) > MAX_BYTES:
            raise ValueError(
                f"visibilities are {8 * math.prod(self.shape)} bytes; allowed are {MAX_BYTES}. Ask for fewer."
            )
        self.interval = _or(settings.interval, array.interval)
        self.width = 1e3 * _or(settings.channel, array.channel)
        steps = np.arange(settings.channels, dtype=np.float64) - (settings.channels - 1) / 2
        self.frequencies: Floats = 1e6 * _or(settings.frequency, array.frequency) + self.width * steps
        if self.frequencies[0] <= self.width:
            raise ValueError(
                f"the band begins at {self.frequencies[0]:g} Hz; it must be above 0. Ask for fewer channels."
            )
        self._seconds: Floats = (np.arange(settings.times, dtype=np.float64) + 0.5) * self.interval
        middle = 0.5 * settings.times * self.interval
        self.times = START + (self._seconds - middle) / 86_400.0
        self._hours = (self._seconds - middle) * EARTH
        self.declination = math.radians(_or(settings.declination, array.declination))
        # Mean sidereal time (Meeus, "Astronomical Algorithms", 12.4): the field is on the meridian in the middle.
        greenwich = 280.46061837 + 360.98564736629 * (START - 2_451_545.0)
        self.right_ascension = math.radians((greenwich + array.longitude) % 360.0)
        places = equatorial(array.places, math.radians(array.latitude))
        self._separations = places[second] - places[first]
        rng = [np.random.default_rng([settings.seed, part]) for part in range(30, 33)]
        brightest = _or(settings.brightest, array.brightest)
        self.sources = draw_sources(
            settings.sources, brightest, _or(settings.diffuse, array.diffuse),
            _or(settings.outlier, brightest), array.fwhm, rng[0],
        )  # fmt: skip
        self._gains = Gains(stations, self.frequencies, settings.drift, rng[1])
        self._interference = draw_interference(stations, settings.channels, settings.occupied, settings.seed, rng[2])
        # Radiometer equation: Thompson, Moran & Swenson 2017, equation 6.50, for one part of a complex visibility.
        sefd = np.sqrt(array.sefd[first] * array.sefd[second])[:, None]
        spectrum = (self.frequencies / (1e6 * array.frequency)) ** array.sky_index
        self.noise = settings.noise * sefd * spectrum / math.sqrt(2 * self.width * self.interval)

    def uvw(self, start: int, stop: int, offset: float = 0.0) -> Floats:
        """Baselines [time, baseline, 3] of integrations, `offset` (of an integration) from their middles; m."""
        angles = self._hours[start:stop] + offset * self.interval * EARTH
        return uvw(self._separations, self.declination, angles)

    def flags(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Flags of integrations, [time, baseline, freq, pol]."""
        found = np.empty((stop - start, *self.shape[1:]), np.bool_)
        for row, time in enumerate(range(start, stop)):
            found[row] = self._interference.flags(time, self.antenna1, self.antenna2)[..., None]
        return found

    def block(self, start: int, stop: int) -> Block:
        """Make integrations `start` to `stop`, the latter excluded."""
        middle, before, after = (self.uvw(start, stop, offset) for offset in (0.0, -0.5, 0.5))
        vis = np.empty((stop - start, *self.shape[1:]), np.complex64)
        for row, time in enumerate(range(start, stop)):
            self._integrate(time, middle[row], before[row], after[row], vis[row])
        return Block(start, vis, self.flags(start, stop), middle)

    def blocks(self) -> Iterator[Block]:
        """Yield the whole observation in blocks of some megabytes."""
        step = max(1, _BLOCK // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], step):
            yield self.block(start, min(start + step, self.shape[0]))

    def _integrate(
        self, time: int, middle: Floats, before: Floats, after: Floats, out: npt.NDArray[np.complex64]
    ) -> None:
        """One integration, into `out` [baseline, freq, pol]."""
        jones = self._gains.at(self._seconds[time : time + 1])[0]
        if not self.settings.gains:
            jones[:] = np.eye(2)
        levels = np.abs(jones[..., (0, 1), (0, 1)])  # [station, freq, 2]
        rng = np.random.default_rng([self.settings.seed, 40, time])
        # Some thousand baselines at a time stay in the processor's cache.
        step = max(1, (1 << 17) // self.shape[2])
        for start in range(0, self.shape[1], step):
            part = slice(start, start + step)
            first, second = self.antenna1[part], self.antenna2[part]
            stokes = coherencies(self.sources, middle[part], before[part], after[part], self.frequencies, self.width)
            _through(stokes, jones, first, second, out[part])
            noise = self.noise[part].astype(np.float32)
            heard = self._interference.signal(
                time, first, second, middle[part, 2], after[part, 2] - before[part, 2], self.frequencies, noise
            )
            draws = rng.standard_normal((*out[part].shape, 2), np.float32).view(np.complex64)[..., 0]
            draws *= noise[..., None]
            if heard is not None:
                draws += heard[..., None]
            for pol in range(4):
                draws[..., pol] *= levels[first, :, pol // 2] * levels[second, :, pol % 2]
            out[part] += draws


def _or(value: float | None, usual: float) -> float:
    return usual if value is None else value


def _through(
    stokes: tuple[npt.NDArray[np.complex64], ...], jones: npt.NDArray[np.complex64], first: npt.NDArray[np.int32],
    second: npt.NDArray[np.int32], out: npt.NDArray[np.complex64],
) -> None:  # fmt: skip
    """What stations with `jones` [station, freq, 2, 2] make of Stokes I, Q, U: ``J_i B J_j^H`` (Smirnov 2011, I)."""
    xx, yy, xy = stokes[0] + stokes[1], stokes[0] - stokes[1], stokes[2]
    left, right = jones[first], jones[second].conj()
    for row in range(2):
        a = left[..., row, 0] * xx + left[..., row, 1] * xy
        b = left[..., row, 0] * xy + left[..., row, 1] * yy
        for column in range(2):
            out[..., 2 * row + column] = a * right[..., column, 0] + b * right[..., column, 1]
