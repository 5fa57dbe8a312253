"""One field again and again, through several filters: ``epochs = simulate_epochs("gri", epochs=5, seed=1)``.

As in SDSS Stripe 82, each frame is cut out to whole pixels, so that what is left of the registration is a shift below
one; seeing, sky and transparency change from night to night, and each filter has a detector of its own.

Sources. Annis et al. 2014 (ApJ 794, 120) for the survey. SDSS Data Release 7, "Seeing and sky brightness": quartiles of
the seeing 1.30, 1.43 and 1.58 arcsec, of the sky 21.03, 20.86 and 20.70 mag / arcsec2 in r; pixels of 0.396 arcsec;
53.9 s. Gain and dark variance: SDSS data model, "frame", camera column 1; counts: mean calibration of those frames,
nanomaggies for a count. Sky in the other filters, densities and colours of sources are typical of high galactic
latitude. Seeing falls with wavelength to the power 1/5 (Fried 1966).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.converter import Converter, digitise
from astrocodec.simulate.detector import Amplifier, Detector, collect, read_out
from astrocodec.simulate.sky import (
    STAMP_FLOOR,
    Galaxies,
    GalaxyCatalogue,
    Image,
    Scene,
    Sky,
    StarCatalogue,
    Stars,
    draw_galaxies,
    draw_stars,
    make_scene,
    paint_galaxies,
    paint_stars,
    require_range,
    require_shape,
)

if TYPE_CHECKING:
    from astropy.io.fits import Header

MAX_EPOCH_PIXELS = 2**32
MARGIN = 48  # pixels around the field from which sources reach into it
SECONDS = 53.907456
PIXEL_AREA = 0.396**2  # arcsec2
CORE_OF_SEEING = 0.41  # core radius that blurs a galaxy as seeing of FWHM 1 does a star
FRAME = np.dtype([("dy", "f8"), ("dx", "f8"), ("fwhm", "f8"), ("sky", "f8"), ("transparency", "f8")])


@dataclass(frozen=True)
class Filter:
    """A filter with its detector.

    Attributes
    ----------
    wavelength : float
        Micrometres.
    gain, dark_variance : float
        Electron / ADU; variance of a frame without light, ADU**2.
    calibration : float
        Nanomaggies (3631e-9 Jy) for one ADU of an exposure.
    sky : float
        Median brightness of the sky, mag / arcsec2.
    colour : float
        Magnitude of a typical source less that in r.
    """

    wavelength: float
    gain: float
    dark_variance: float
    calibration: float
    sky: float
    colour: float

    @property
    def response(self) -> float:
        """Electrons per second for a nanomaggy."""
        return self.gain / self.calibration / SECONDS

    @property
    def sky_rate(self) -> float:
        """Median sky, electron / s / pixel.

        Examples
        --------
        >>> round(FILTERS["r"].sky_rate * SECONDS / FILTERS["r"].gain)
        139
        """
        return float(10.0 ** (0.4 * (22.5 - self.sky))) * PIXEL_AREA * self.response


FILTERS: dict[str, Filter] = {
    "u": Filter(0.3543, 1.62, 9.61, 0.0101, 22.1, 1.9),
    "g": Filter(0.4770, 3.32, 15.6025, 0.0038, 21.8, 0.6),
    "r": Filter(0.6231, 4.71, 1.8225, 0.0051, 20.86, 0.0),
    "i": Filter(0.7625, 5.165, 7.84, 0.0066, 20.2, -0.25),
    "z": Filter(0.9134, 4.745, 0.81, 0.0326, 19.0, -0.35),
}


@dataclass(frozen=True)
class EpochSettings:
    """A field, and how its frames differ.

    Attributes
    ----------
    filters : str
        Letters among `FILTERS`, in the order of the cube.
    epochs : int
        Visits to the field.
    shape : tuple of int
        Rows and columns.
    shift : float
        Largest error of registration along an axis, pixels; errors are even between its two signs.
    seeing, seeing_scatter : float
        Median full width at half maximum in r, pixels, and the deviation of its logarithm from night to night.
    sky_scatter, sky_gradient : float
        Deviation of the logarithm of the sky; its change across the field, as a fraction.
    transparency : tuple of float
        Range of the part of the light that the air lets through.
    bias : float
        Level without light, ADU.
    stars, galaxies : Stars, Galaxies
        Sources; fluxes in r, nanomaggies. Widths come from the seeing.
    detector : Detector
        Cosmic rays and full well; SDSS frames are flat-fielded, so the default has no pixel response.
    """

    filters: str = "r"
    epochs: int = 10
    shape: tuple[int, int] = (512, 512)
    shift: float = 0.5
    seeing: float = 3.6
    seeing_scatter: float = 0.145
    sky_scatter: float = 0.225
    sky_gradient: float = 0.02
    transparency: tuple[float, float] = (0.8, 1.0)
    bias: float = 1000.0
    stars: Stars = field(default_factory=lambda: Stars(90.0, 0.8, 3000.0, 0.5, bright=1.0))
    galaxies: Galaxies = field(default_factory=lambda: Galaxies(250.0, 1.0, 300.0, 1.0, radius=(1.5, 10.0)))
    detector: Detector = field(
        default_factory=lambda: Detector(
            prnu=0.0, dust=0.0, hot_pixels=0.0, hot_columns=0, full_well=300_000.0, bias_gradient=0.0, row_noise=0.0,
            column_pattern=0.3,
        )
    )  # fmt: skip

    def __post_init__(self) -> None:
        unknown = sorted(set(self.filters) - FILTERS.keys())
        if unknown or not self.filters or len(set(self.filters)) < len(self.filters):
            allowed = f"{', '.join(FILTERS)}, each once at most"
            raise ValueError(f"filters is {self.filters!r}; allowed are {allowed}. Give letters such as 'gri'.")
        require_shape(self.shape)
        require_range("epochs", self.epochs, 1, 100_000)
        pixels = self.epochs * len(self.filters) * self.shape[0] * self.shape[1]
        require_range("pixels of the epochs", pixels, 1, MAX_EPOCH_PIXELS)
        require_range("shift", self.shift, 0.0, MARGIN / 2)
        require_range("seeing", self.seeing, 0.5, 50.0)
        for name in ("seeing_scatter", "sky_scatter", "sky_gradient"):
            require_range(name, getattr(self, name), 0.0, 1.0)
        require_range("transparency[0]", self.transparency[0], 0.0, self.transparency[1])
        require_range("transparency[1]", self.transparency[1], 0.0, 1.0)
        require_range("bias", self.bias, 0.0, 65535.0)

    @property
    def cube(self) -> tuple[int, ...]:
        """Shape of the data: [epoch, filter, y, x], without the axis of filters where there is but one, and without
        that of epochs where there is one epoch of several filters.
        """
        if len(self.filters) == 1:
            return self.epochs, *self.shape
        return (*((self.epochs,) if self.epochs > 1 else ()), len(self.filters), *self.shape)


@dataclass(frozen=True)
class _Field:
    """Sources with their places around the field's first pixel, and colours as multiples of the typical one."""

    stars: StarCatalogue
    galaxies: GalaxyCatalogue
    star_colours: Image
    galaxy_colours: Image


def _draw_field(settings: EpochSettings, seed: int) -> _Field:
    rng = np.random.default_rng([seed, 1])
    shape = settings.shape[0] + 2 * MARGIN, settings.shape[1] + 2 * MARGIN
    stars, galaxies = draw_stars(settings.stars, shape, rng), draw_galaxies(settings.galaxies, shape, rng)
    colours = [rng.uniform(0.4, 1.6, catalogue.fluxes.size).astype(np.float32) for catalogue in (stars, galaxies)]
    return _Field(
        replace(stars, centres=stars.centres - MARGIN), replace(galaxies, centres=galaxies.centres - MARGIN), *colours
    )


def draw_frames(settings: EpochSettings, seed: int) -> npt.NDArray[np.void]:
    """Draw what each frame has of its own: `FRAME`, [epoch, filter].

    ``dy`` and ``dx`` are the shift of the field, pixels, ``fwhm`` the width of a star, pixels, ``sky`` in electron / s
    / pixel, ``transparency`` the part of the light of sources that arrives.
    """
    rng = np.random.default_rng([seed, 8])
    frames = np.zeros((settings.epochs, len(settings.filters)), FRAME)
    for epoch in frames:
        seeing = settings.seeing * math.exp(settings.seeing_scatter * rng.standard_normal())
        sky = math.exp(settings.sky_scatter * rng.standard_normal())
        epoch["transparency"] = rng.uniform(*settings.transparency)
        for frame, name in zip(epoch, settings.filters, strict=True):
            frame["dy"], frame["dx"] = rng.uniform(-settings.shift, settings.shift, 2)
            frame["fwhm"] = seeing * (FILTERS[name].wavelength / FILTERS["r"].wavelength) ** -0.2
            frame["sky"] = sky * FILTERS[name].sky_rate
    return frames


def _light(settings: EpochSettings, sources: _Field, frame: Any, name: str, rng: np.random.Generator) -> Image:
    """Electrons per second of one frame."""
    sky = Sky(float(frame["sky"]), settings.sky_gradient, float(rng.uniform(0.0, 360.0)), 0.0)
    image = make_scene(Scene(sky), settings.shape, rng)
    shift = np.array([frame["dy"], frame["dx"]])
    scale = FILTERS[name].response * float(frame["transparency"])

    def arriving(catalogue: Any, colours: Image) -> Any:
        fluxes = catalogue.fluxes * scale * 10.0 ** (-0.4 * FILTERS[name].colour * colours)
        return replace(catalogue, centres=catalogue.centres + shift, fluxes=fluxes)

    width = float(frame["fwhm"])
    stars, galaxies = arriving(sources.stars, sources.star_colours), arriving(sources.galaxies, sources.galaxy_colours)
    paint_stars(image, stars, width, settings.stars.beta, STAMP_FLOOR * max(sky.level, 1e-3))
    paint_galaxies(image, galaxies, CORE_OF_SEEING * width)
    return image


def expose_epochs(settings: EpochSettings, *, seed: int = 0) -> Iterator[npt.NDArray[np.uint16]]:
    """Yield the frames, uint16, [y, x]: all filters of the first epoch, then those of the next.

    Examples
    --------
    >>> len(list(expose_epochs(EpochSettings("gr", epochs=3, shape=(16, 20)))))
    6
    """
    require_range("seed", seed, 0, 2**63 - 1)
    return _frames(settings, seed)


def _frames(settings: EpochSettings, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    sources, frames = _draw_field(settings, seed), draw_frames(settings, seed)
    for epoch, number in np.ndindex(frames.shape):
        name = settings.filters[number]
        rng = np.random.default_rng([seed, 9, epoch, ord(name)])
        light = _light(settings, sources, frames[epoch, number], name, rng)
        gain, dark = FILTERS[name].gain, FILTERS[name].dark_variance
        amplifier = Amplifier(gain, settings.bias, gain * math.sqrt(dark))
        detector = replace(settings.detector, amplifiers=(amplifier,), overscan=0, serial=ord(name))
        charge = collect(light, detector, SECONDS, rng)
        yield digitise(read_out(charge, settings.shape, detector, rng), Converter()).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Epochs:
    """Simulated epochs: `data` (uint16, of shape `EpochSettings.cube`) and the `truth` behind it.

    Keys of `truth`: ``settings`` (the `EpochSettings`), ``seed``, ``frames`` (see `draw_frames`, [epoch, filter]), and
    ``gain`` and ``read_noise`` of each filter (electron / ADU, electrons).
    """

    data: npt.NDArray[np.uint16]
    truth: dict[str, Any]

    def header(self) -> "Header":
        """Return a FITS header of the truth, but for what each frame has of its own."""
        return epochs_header(self.truth["settings"], seed=self.truth["seed"])


def epochs_header(settings: EpochSettings, *, seed: int = 0) -> "Header":
    """Return the FITS header of epochs without their data."""
    from astropy.io.fits import Header

    header = Header()
    header["BUNIT"] = ("adu", "unit of the pixels")
    header["FILTERS"] = (settings.filters, "filters, in the order of their axis")
    header["NEPOCHS"] = (settings.epochs, "epochs")
    header["EXPTIME"] = (SECONDS, "[s] exposure time of each frame")
    header["SOFTBIAS"] = (settings.bias, "[adu] level without light")
    for name in settings.filters:
        used = FILTERS[name]
        header[f"GAIN_{name}"] = (used.gain, f"[electron/adu] gain in {name}")
        header[f"RDNOIS_{name}"] = (
            round(used.gain * math.sqrt(used.dark_variance), 4),
            f"[electron] read noise in {name}, rms",
        )
    header["SIMNAME"] = ("epochs", "what is simulated")
    header["SIMSEED"] = (seed, "seed of field and noise")
    header["HISTORY"] = "Simulated by astrocodec: not an observation."
    return header


def simulate_epochs(filters: str = "r", *, seed: int = 0, **changes: Any) -> Epochs:
    """Simulate epochs of one field, and keep all frames.

    Parameters
    ----------
    filters : str
        Letters among `FILTERS`, in the order of the cube.
    seed : int
        Fixes field and noise.
    **changes
        Other fields of `EpochSettings`.

    Returns
    -------
    Epochs
        uint16: [epoch, y, x], [epoch, filter, y, x], or [filter, y, x] of one epoch.

    Raises
    ------
    ValueError
        When a value lies outside its range; the message names both.

    Examples
    --------
    >>> epochs = simulate_epochs("gri", epochs=2, shape=(40, 50), seed=1)
    >>> epochs.data.dtype.name, epochs.data.shape, epochs.truth["frames"]["fwhm"].shape
    ('uint16', (2, 3, 40, 50), (2, 3))
    """
    settings = EpochSettings(filters, **changes)
    data = np.empty((settings.epochs * len(filters), *settings.shape), np.uint16)
    for plane, frame in zip(data, expose_epochs(settings, seed=seed), strict=True):
        plane[:] = frame
    used = [FILTERS[name] for name in filters]
    truth = {
        "settings": settings, "seed": seed, "frames": draw_frames(settings, seed),
        "gain": tuple(f.gain for f in used), "read_noise": tuple(f.gain * math.sqrt(f.dark_variance) for f in used),
    }  # fmt: skip
    return Epochs(data.reshape(settings.cube), truth)
