"""Up-the-ramp reads of an infrared array: ``ramp = simulate_ramp("SHALLOW4", groups=10, seed=1)``.

The array is read again and again while charge gathers, and a reset begins the next integration. `expose_ramp` yields
one group after the other, so that memory holds a few reads however long the ramp is. The truth says what each pixel
gathers, where it starts and where particles hit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.converter import digitise
from astrocodec.simulate.detector import Indices, add_photon_noise, cosmic_ray_hits, expected_charge
from astrocodec.simulate.hxrg import ReadNoise, active_area, bend, couple, fixed_pattern
from astrocodec.simulate.ramp_settings import RampSettings, configure_ramp, group_times
from astrocodec.simulate.sky import Image, make_scene, require_range

if TYPE_CHECKING:
    from astropy.io.fits import Header

Reads = npt.NDArray[np.uint16]

HIT = np.dtype([("integration", "i4"), ("read", "i4"), ("group", "i4"), ("y", "i4"), ("x", "i4"), ("electrons", "f4")])


@dataclass(frozen=True, eq=False)
class Group:
    """One group as stored: `data` (uint16, [y, x]), its place, and the particles since the group before (`HIT`)."""

    integration: int
    group: int
    data: Reads
    hits: npt.NDArray[np.void]


class _Pixels:
    """Charge in the pixels that see light, electrons."""

    def __init__(self, settings: RampSettings, rate: Image, rng: np.random.Generator) -> None:
        self._detector, self._readout, self._rate, self._rng = settings.detector, settings.readout, rate, rng
        self.charge = np.zeros_like(rate)
        self._trapped = np.zeros_like(rate) if settings.readout.persistence else None

    def reset(self, seconds: float) -> None:
        """Empty the pixels; traps keep what they hold, and lose some of it while the reset lasts."""
        if self._trapped is not None:
            self._trapped += np.float32(self._readout.persistence) * self.charge
            self._release(seconds)
        self.charge = np.zeros_like(self.charge)

    def gather(self, seconds: float) -> tuple[Indices, Indices, Image]:
        """Collect light, dark current, trapped charge and particles; return where the particles hit."""
        arrived = self._rate * np.float32(seconds)
        if self._trapped is not None:
            arrived += self._release(seconds)
        add_photon_noise(arrived, self._rng)
        shape = arrived.shape[0], arrived.shape[1]
        y, x, electrons = cosmic_ray_hits(shape, self._detector, seconds, self._rng)
        np.add.at(arrived, (y, x), electrons)
        self.charge += arrived
        np.minimum(self.charge, np.float32(self._detector.full_well), out=self.charge)
        return y, x, electrons

    def _release(self, seconds: float) -> Image:
        assert self._trapped is not None
        released = self._trapped * np.float32(-np.expm1(-seconds / self._readout.persistence_time))
        self._trapped -= released
        return released


def light_rate(settings: RampSettings, seed: int) -> Image:
    """Mean electrons per second, dark current included, of the pixels that see light: float32, [y, x]."""
    rows, columns = active_area(settings.shape, settings.readout)
    shape = rows.stop - rows.start, columns.stop - columns.start
    return expected_charge(make_scene(settings.scene, shape, np.random.default_rng([seed, 1])), settings.detector, 1.0)


def expose_ramp(settings: RampSettings, *, seed: int = 0, exposure: int = 0) -> Iterator[Group]:
    """Yield the groups of all integrations in the order of time.

    `seed` fixes the scene; `seed` and the number of the `exposure` fix the noise, so exposures of one seed show one
    scene.

    Examples
    --------
    >>> settings = configure_ramp("BRIGHT2", groups=2, integrations=2, shape=(32, 32))
    >>> [(group.integration, group.group) for group in expose_ramp(settings)]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    require_range("seed", seed, 0, 2**63 - 1)
    require_range("exposure", exposure, 0, 2**63 - 1)
    return _groups(settings, seed, exposure)


def _groups(settings: RampSettings, seed: int, exposure: int) -> Iterator[Group]:
    reads, readout = settings.reads, settings.readout
    active = active_area(settings.shape, readout)
    level = fixed_pattern(settings.shape, readout, settings.detector.serial)
    pixels = _Pixels(settings, light_rate(settings, seed), np.random.default_rng([seed, 5, exposure]))
    noise = ReadNoise(settings.shape, readout, reads, np.random.default_rng([seed, 6, exposure]))
    for integration in range(settings.integrations):
        # What a read shows of an empty array until the next reset.
        empty = level + reset_noise(settings, seed, exposure, integration) / np.float32(readout.gain)
        for group in range(settings.groups):
            total = np.zeros(settings.shape, np.int32)
            hits = []
            for frame in range(reads.frames):
                waited = reads.gap if group and not frame else 0
                noise.skip(waited)
                y, x, electrons = pixels.gather((waited + 1) * reads.frame_time)
                hit = np.zeros(y.size, HIT)
                hit["integration"], hit["group"] = integration, group
                hit["read"] = group * (reads.frames + reads.gap) + frame
                hit["y"], hit["x"], hit["electrons"] = y + active[0].start, x + active[1].start, electrons
                hits.append(hit)
                total += digitise(empty + _shown(pixels.charge, settings, noise.read()), settings.converter)
            # The mean of the group's reads, halves rounded up.
            data = ((2 * total + reads.frames) // (2 * reads.frames)).astype(np.uint16)
            yield Group(integration, group, data, np.concatenate(hits))
        noise.skip(1)
        pixels.reset(reads.frame_time)


def reset_noise(settings: RampSettings, seed: int, exposure: int, integration: int) -> Image:
    """The kTC noise that the reset before an integration left in each pixel, electrons, float32, [y, x]."""
    rng = np.random.default_rng([seed, 7, exposure, integration])
    return np.float32(settings.readout.ktc_noise) * rng.standard_normal(settings.shape, dtype=np.float32)


def _shown(charge: Image, settings: RampSettings, noise: Image) -> Image:
    """ADU above the empty level that a read shows of `charge`, electrons, with its `noise`; takes `noise` over."""
    readout = settings.readout
    frame = np.zeros(settings.shape, np.float32)
    frame[active_area(settings.shape, readout)] = charge
    noise += bend(couple(frame, readout.coupling), readout.nonlinearity, settings.detector.full_well)
    noise /= np.float32(readout.gain)
    return noise


@dataclass(frozen=True, eq=False)
class Ramp:
    """A simulated ramp: `data` (uint16, [group, y, x], or [integration, group, y, x] of several) and its `truth`.

    Keys of `truth`: ``settings`` (the `RampSettings`), ``seed``, ``exposure``, ``times`` (seconds from the reset to the
    mean of each group's reads), ``rate`` (electron / s, float32, [y, x], 0 in reference pixels), ``level`` (ADU of an
    empty pixel, float32, [y, x]) and ``hits`` (particles: integration, read and group at which they first show, y, x,
    electrons; a track has several).
    """

    data: Reads
    truth: dict[str, Any]

    def header(self) -> "Header":
        """Return a FITS header of the truth, with the keywords of JWST where it has some."""
        return ramp_header(self.truth["settings"], seed=self.truth["seed"], exposure=self.truth["exposure"])


def ramp_header(settings: RampSettings, *, seed: int = 0, exposure: int = 0) -> "Header":
    """Return the FITS header of a ramp without its data."""
    from astropy.io.fits import Header

    reads, readout = settings.reads, settings.readout
    header = Header()
    header["BUNIT"] = ("adu", "unit of the pixels")
    header["READPATT"] = (settings.pattern, "pattern of the reads")
    header["NINTS"] = (settings.integrations, "integrations, each after a reset")
    header["NGROUPS"] = (settings.groups, "groups in an integration")
    header["NFRAMES"] = (reads.frames, "reads averaged into a group")
    header["GROUPGAP"] = (reads.gap, "reads dropped between groups")
    header["TFRAME"] = (round(reads.frame_time, 5), "[s] from read to read")
    header["TGROUP"] = (round((reads.frames + reads.gap) * reads.frame_time, 5), "[s] from group to group")
    header["NOUTPUTS"] = (readout.outputs, "outputs, each a strip of columns")
    header["GAIN"] = (readout.gain, "[electron/adu] gain")
    header["RDNOISE"] = (readout.read_noise, "[electron] white noise of a read, rms")
    header["KTCNOISE"] = (readout.ktc_noise, "[electron] noise of a reset, rms")
    header["PINKCOMM"] = (readout.common_pink, "[electron] 1/f noise of all outputs, rms")
    header["PINKOUT"] = (readout.output_pink, "[electron] 1/f noise of each output, rms")
    header["SKYLEVEL"] = (settings.scene.sky.level, "[electron/s/pixel] sky at the centre")
    well = settings.detector.full_well * (1.0 - readout.nonlinearity)
    full_scale = settings.converter.full_scale << settings.converter.shift
    header["SATURATE"] = (min(int(readout.pedestal + well / readout.gain), full_scale), "[adu] about")
    rows, columns = active_area(settings.shape, readout)
    section = f"[{columns.start + 1}:{columns.stop},{rows.start + 1}:{rows.stop}]"
    header["DATASEC"] = (section, "light-sensitive pixels")
    header["SIMNAME"] = (reads.instrument, "instrument whose array is simulated")
    header["SIMSEED"] = (seed, "seed of scene and noise")
    header["SIMEXPOS"] = (exposure, "number of the exposure of this scene")
    header["SIMSERNO"] = (settings.detector.serial, "detector whose defects these are")
    header["HISTORY"] = "Simulated by astrocodec: not an observation."
    return header


def simulate_ramp(pattern: str | RampSettings = "RAPID", *, seed: int = 0, exposure: int = 0, **changes: Any) -> Ramp:
    """Simulate a ramp: `configure_ramp` the pattern's instrument with `changes`, then keep all groups.

    Parameters
    ----------
    pattern : str or RampSettings
        A name among `READ_PATTERNS`, or settings of your own.
    seed, exposure : int
        As for `expose_ramp`.
    **changes
        Fields of `RampSettings`, and ``serial``, for a pattern given by name; fields alone for settings.

    Returns
    -------
    Ramp
        uint16, [group, y, x]; with more than one integration [integration, group, y, x].

    Raises
    ------
    ValueError
        When a value lies outside its range; the message names both.

    Examples
    --------
    >>> ramp = simulate_ramp("NRSRAPID", groups=3, shape=(64, 64), seed=2)
    >>> ramp.data.dtype.name, ramp.data.shape
    ('uint16', (3, 64, 64))
    """
    settings = configure_ramp(pattern, **changes) if isinstance(pattern, str) else replace(pattern, **changes)
    data = np.empty((settings.integrations, settings.groups, *settings.shape), np.uint16)
    hits = []
    for group in expose_ramp(settings, seed=seed, exposure=exposure):
        data[group.integration, group.group] = group.data
        hits.append(group.hits)
    rate = np.zeros(settings.shape, np.float32)
    rate[active_area(settings.shape, settings.readout)] = light_rate(settings, seed)
    truth = {
        "settings": settings, "seed": seed, "exposure": exposure, "times": group_times(settings), "rate": rate,
        "level": fixed_pattern(settings.shape, settings.readout, settings.detector.serial),
        "hits": np.concatenate(hits),
    }  # fmt: skip
    return Ramp(data if settings.integrations > 1 else data[0], truth)
