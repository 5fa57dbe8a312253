"""Radio skies and what an interferometer makes of them: ``field = simulate_radio("clean", seed=1)``.

The sky is the sum of a cosmic web (`cosmic_web`), halos and relics of clusters, and radio galaxies (`radio_sources`).
Its images are those of Gheller & Vazza 2022 (MNRAS 509, 990, section 3): *sky*, the truth at the resolution of the
beam; *noise*, with white noise; *dirty* and *clean*, as an interferometer (`interferometer`) sees it before and
after CLEAN (`clean`). 150 MHz, pixels of 2 arcsec, a beam of 6 arcsec and a noise of 0.1 mJy / beam are theirs, after
LoTSS (Shimwell et al. 2019, A&A 622, A1). Only numpy is needed, for dirty and clean images ducc0 too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.clean import Clean, clean
from astrocodec.simulate.cosmic_web import Web, smoothed, web_emission
from astrocodec.simulate.interferometer import Interferometer, Observation, observation, primary_beam, residual_of
from astrocodec.simulate.radio_sources import Halos, RadioGalaxies, add_galaxies, add_halos
from astrocodec.simulate.sky import FWHM_TO_SIGMA, Floats, Image, require_range, require_shape

if TYPE_CHECKING:
    from astropy.io.fits import Header

KINDS = ("sky", "noise", "dirty", "clean")
RIGHT_ASCENSION = 180.0  # degrees; fields have no other place than their declination
MAX_IMAGED = 8192  # pixels along an axis of an image that ducc0 makes


@dataclass(frozen=True)
class RadioSky:
    """
    A radio field and the telescope that looks at it; None leaves a component out.

    Attributes
    ----------
    web, halos, galaxies : Web, Halos, RadioGalaxies or None
        What shines.
    shape : tuple of int
        ``(y, x)``, pixels.
    pixel : float
        Width of a pixel, arcsec.
    array : Interferometer
        Beam and noise are its, whatever the kind of image.
    clean : Clean
        How clean images are made.
    """

    web: Web | None = field(default_factory=Web)
    halos: Halos | None = field(default_factory=Halos)
    galaxies: RadioGalaxies | None = field(default_factory=RadioGalaxies)
    shape: tuple[int, int] = (512, 512)
    pixel: float = 2.0
    array: Interferometer = field(default_factory=Interferometer)
    clean: Clean = field(default_factory=Clean)

    def __post_init__(self) -> None:
        require_shape(self.shape)
        require_range("RadioSky.pixel", self.pixel, 0.01, 3600.0)

    @property
    def beam_area(self) -> float:
        """Solid angle of the restoring beam in pixels: Jy / beam for a Jy / pixel of even light."""
        return math.pi / (4.0 * math.log(2.0)) * (self.array.beam / self.pixel) ** 2


@dataclass(frozen=True, eq=False)
class RadioField:
    """
    A simulated radio image and its truth.

    Attributes
    ----------
    data : ndarray of float32, [y, x]
        Jy / beam.
    sky : ndarray of float32, [y, x]
        The same sky without noise, at the resolution of the restoring beam, Jy / beam.
    settings, kind, seed
        What reproduces it.
    """

    data: Image
    sky: Image
    settings: RadioSky
    kind: str
    seed: int

    def header(self) -> Header:
        """FITS header: unit, beam, coordinates (SIN projection), noise, and what reproduces the field."""
        from astropy.io.fits import Header

        settings, header = self.settings, Header()
        array, step = settings.array, settings.pixel / 3600.0
        header["BUNIT"] = ("Jy/beam", "unit of the pixels")
        for name, value, note in (("BMAJ", array.beam, "[deg] beam"), ("BMIN", array.beam, "[deg] beam")):
            header[name] = (value / 3600.0, note)
        header["BPA"] = (0.0, "[deg] position angle of the beam")
        header["RADESYS"] = "FK5"
        header["EQUINOX"] = 2000.0
        axes = (("RA---SIN", RIGHT_ASCENSION, -step), ("DEC--SIN", array.declination, step))
        for n, (name, value, increment) in enumerate(axes, 1):
            header[f"CTYPE{n}"] = name
            header[f"CUNIT{n}"] = "deg"
            header[f"CRVAL{n}"] = value
            header[f"CRPIX{n}"] = settings.shape[2 - n] // 2 + 1.0
            header[f"CDELT{n}"] = increment
        header["RESTFRQ"] = (array.frequency * 1e6, "[Hz] frequency")
        header["NOISE"] = (0.0 if self.kind == "sky" else array.noise, "[Jy/beam] noise at the centre, rms")
        header["SIMNAME"] = ("radio", "what is simulated")
        header["SIMKIND"] = (self.kind, "sky, noise, dirty or clean")
        header["SIMSEED"] = (self.seed, "seed of sky and noise")
        header["HISTORY"] = "Simulated by astrocodec: not an observation."
        return header


def sky_model(settings: RadioSky, seed: int) -> Floats:
    """The sky before any telescope, Jy / pixel, [y, x].

    Examples
    --------
    >>> sky = sky_model(RadioSky(shape=(40, 60)), 1)
    >>> sky.shape, bool(sky.min() >= 0)
    ((40, 60), True)
    """
    rng = np.random.default_rng([seed, 21])
    image, density = np.zeros(settings.shape), np.ones(settings.shape)
    if settings.web is not None:
        light, density = web_emission(settings.web, settings.shape, settings.pixel, rng)
        image += light * settings.pixel**2
    if settings.halos is not None:
        add_halos(image, settings.halos, density, settings.pixel, np.random.default_rng([seed, 22]))
    if settings.galaxies is not None:
        add_galaxies(image, settings.galaxies, settings.pixel, np.random.default_rng([seed, 23]))
    return image


def at_beam(sky: Floats, settings: RadioSky) -> Floats:
    """A sky in Jy / pixel at the resolution of the restoring beam, Jy / beam."""
    sigma = settings.array.beam * FWHM_TO_SIGMA / settings.pixel
    margin = math.ceil(5.0 * sigma)
    wide = smoothed(np.pad(sky, margin), sigma)[margin:-margin, margin:-margin]
    return np.maximum(wide, 0.0) * settings.beam_area


def varied(settings: RadioSky, seed: int) -> RadioSky:
    """Settings of the same telescope with another sky: from fields of faint filaments to bright clusters.

    Brightness of web and halos spans two decades about the noise, evenly in the logarithm; scales, shapes and numbers
    vary by less. Training draws its fields so.
    """
    rng = np.random.default_rng([seed, 24])
    faint = settings.array.noise / settings.beam_area / settings.pixel**2  # noise as surface brightness, Jy / arcsec2
    web = Web(
        brightness=faint * 10.0 ** rng.uniform(-1.0, 1.0), scale=360.0 * 2.0 ** rng.uniform(-1.0, 1.0),
        growth=rng.uniform(0.15, 0.45), power=rng.uniform(1.5, 2.5), patchiness=rng.uniform(0.3, 0.9),
    )  # fmt: skip
    halos = Halos(density=12.0 * 4.0 ** rng.uniform(-1.0, 1.0), faintest=0.2 * faint, brightest=100.0 * faint)
    galaxies = RadioGalaxies(faintest=0.5 * settings.array.noise, density=rng.uniform(0.3, 1.5))
    return replace(settings, web=web, halos=halos, galaxies=galaxies if rng.random() < 0.7 else None)


def observe_radio(settings: RadioSky, kind: str, *, seed: int = 0, observed: Observation | None = None) -> RadioField:
    """Make an image of a field.

    Parameters
    ----------
    settings : RadioSky
    kind : str
        ``"sky"``, ``"noise"``, ``"dirty"`` or ``"clean"``.
    seed : int
        Fixes sky and noise.
    observed : Observation, optional
        Of `observation` for this array, shape and pixel, where many fields share one.

    Returns
    -------
    RadioField

    Raises
    ------
    ValueError
        There is no such kind, or dirty and clean images would have axes that are odd, below 32 or above 8192.
    ImportError
        Dirty and clean images need ducc0, which is not here.

    Examples
    --------
    >>> field = observe_radio(RadioSky(shape=(40, 60)), "noise", seed=1)
    >>> field.data.dtype.name, field.data.shape, 0.9e-4 < float((field.data - field.sky).std()) < 1.1e-4
    ('float32', (40, 60), True)
    """
    require_range("seed", seed, 0, 2**63 - 1)
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; allowed are {', '.join(KINDS)}. Choose one of them.")
    sky = sky_model(settings, seed)
    truth, rng = at_beam(sky, settings), np.random.default_rng([seed, 25])
    if kind == "sky":
        data = truth
    elif kind == "noise":
        data = truth + settings.array.noise * rng.standard_normal(settings.shape)
    else:
        data = _imaged(settings, sky, kind, rng, observed)
    return RadioField(data.astype(np.float32), truth.astype(np.float32), settings, kind, seed)


def _imaged(
    settings: RadioSky, sky: Floats, kind: str, rng: np.random.Generator, observed: Observation | None
) -> npt.NDArray[np.float64]:
    """Dirty or clean image of a sky (Jy / pixel), corrected for the primary beam."""
    if any(n % 2 or not 32 <= n <= MAX_IMAGED for n in settings.shape):
        raise ValueError(
            f"shape is {settings.shape}; allowed for {kind} images are even numbers from 32 to {MAX_IMAGED}. "
            "Give for example (512, 512)."
        )
    sensitivity = primary_beam(settings.array, settings.shape, settings.pixel)
    observed = observed or observation(settings.array, settings.shape, settings.pixel)
    visibilities = observed.visibilities(sky * sensitivity) + observed.noise(rng)
    dirty = observed.image(visibilities)
    if kind == "dirty":
        return dirty / sensitivity
    model, residual = clean(
        dirty, observed.beam(), settings.array.noise, settings.clean, residual_of(observed, visibilities)
    )
    return (at_beam(model, settings) + residual) / sensitivity


def simulate_radio(kind: str = "clean", *, seed: int = 0, **changes: Any) -> RadioField:
    """Simulate a radio image; `changes` are fields of `RadioSky`.

    Examples
    --------
    >>> simulate_radio("sky", shape=(32, 48), seed=2).header()["BUNIT"]
    'Jy/beam'
    """
    return observe_radio(RadioSky(**changes), kind, seed=seed)
