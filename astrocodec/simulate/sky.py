"""Noiseless scenes: what reaches the detector, in electrons per second and pixel.

A scene is a sum of a sky background, stars, galaxies and, instead of those, a long-slit spectrum. Every source is drawn
on its own small stamp, so the cost follows the number of sources and not the product of sources and pixels.

Sources of the formulae: Moffat 1969 (A&A 3, 455) for stars; Sersic 1963 and Ciotti & Bertin 1999 (A&A 352, 447) for
galaxies; the number of sources brighter than a flux falls as its power, with slope 1.5 for sources even in space.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

MEGAPIXEL = 1e6
MAX_PIXELS = 2**28  # 16384 x 16384; a larger frame is a typing error more often than a wish
MAX_STAMP = 256  # half width in pixels; the light of a bright star beyond it is less than 1e-3 of its flux
STAMP_FLOOR = 1e-3  # a stamp ends where the source falls below this fraction of the sky level
FWHM_TO_SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ``ValueError`` unless ``low <= value <= high``; NaN is refused too."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; allowed is {low} to {high}. Give a value in that range.")


def require_shape(shape: tuple[int, int]) -> None:
    """Raise ``ValueError`` unless ``shape`` is (rows, columns) of a frame of 1 to 2**28 pixels."""
    if len(shape) != 2 or min(shape) < 1 or shape[0] * shape[1] > MAX_PIXELS:
        allowed = f"two positive integers (rows, columns) with a product of at most {MAX_PIXELS}"
        raise ValueError(f"shape is {shape}; allowed are {allowed}. Give for example (1024, 1024).")


@dataclass(frozen=True)
class Sky:
    """Background light and the shading of the optics.

    Attributes
    ----------
    level : float
        Sky background at the centre, electron / s / pixel.
    gradient, angle : float
        Change of the background from one edge to the other, as a fraction of `level`, and the direction in which it
        grows, degrees from the x axis towards the y axis.
    vignetting : float
        Fraction of all light lost at the corners; it grows as r**2, the leading term of the cos**4 law.
    """

    level: float = 5.0
    gradient: float = 0.03
    angle: float = 30.0
    vignetting: float = 0.05

    def __post_init__(self) -> None:
        require_range("Sky.level", self.level, 0.0, 1e9)
        require_range("Sky.gradient", self.gradient, -1.0, 1.0)
        require_range("Sky.vignetting", self.vignetting, 0.0, 1.0)


@dataclass(frozen=True)
class Stars:
    """Stars with a power-law distribution of fluxes and a Moffat profile.

    Attributes
    ----------
    density : float
        Mean number per million pixels.
    faintest, brightest : float
        Range of fluxes, electron / s.
    slope : float
        The number of stars brighter than F is proportional to ``F**-slope``.
    bright : float
        Stars at exactly `brightest` per million pixels, beside the others: they saturate in most exposures.
    fwhm, beta : float
        Full width at half maximum of the Moffat profile, pixels, and the exponent of its wings.
    """

    density: float = 350.0
    faintest: float = 8.0
    brightest: float = 3e5
    slope: float = 0.75
    bright: float = 2.0
    fwhm: float = 3.4
    beta: float = 3.0

    def __post_init__(self) -> None:
        require_range("Stars.density", self.density, 0.0, 1e5)
        require_range("Stars.faintest", self.faintest, 1e-9, self.brightest)
        require_range("Stars.slope", self.slope, 0.01, 10.0)
        require_range("Stars.bright", self.bright, 0.0, 1e5)
        require_range("Stars.fwhm", self.fwhm, 0.5, 50.0)
        require_range("Stars.beta", self.beta, 1.1, 20.0)


@dataclass(frozen=True)
class Galaxies:
    """Galaxies with Sersic profiles.

    Attributes
    ----------
    density, faintest, brightest, slope : float
        As for `Stars`.
    radius, index : tuple of float
        Ranges of the half-light radius along the major axis (pixels, drawn evenly in its logarithm) and of the Sersic
        index n: 1 is an exponential disc, 4 a de Vaucouleurs bulge.
    ellipticity : float
        Largest ellipticity 1 - b/a.
    core : float
        Radius in pixels added in quadrature to the distance from the centre, in place of the blur of the seeing.
    """

    density: float = 120.0
    faintest: float = 10.0
    brightest: float = 4e3
    slope: float = 1.0
    radius: tuple[float, float] = (1.5, 14.0)
    index: tuple[float, float] = (0.8, 4.0)
    ellipticity: float = 0.75
    core: float = 1.4

    def __post_init__(self) -> None:
        require_range("Galaxies.density", self.density, 0.0, 1e5)
        require_range("Galaxies.faintest", self.faintest, 1e-9, self.brightest)
        require_range("Galaxies.slope", self.slope, 0.01, 10.0)
        require_range("Galaxies.radius[0]", self.radius[0], 0.1, self.radius[1])
        require_range("Galaxies.index[0]", self.index[0], 0.3, self.index[1])
        require_range("Galaxies.ellipticity", self.ellipticity, 0.0, 0.95)
        require_range("Galaxies.core", self.core, 0.0, 50.0)


@dataclass(frozen=True)
class LongSlit:
    """A long-slit spectrum: wavelength along x, the slit along y.

    Attributes
    ----------
    lines, line_flux, line_fwhm : float
        Emission lines of the night sky or the arc lamp: their number per thousand columns, their mean peak, electron /
        s / pixel (the peaks follow an exponential distribution), and their width, pixels.
    tilt : float
        Shift of a line in x per row, pixels.
    trace_flux, trace_fwhm : float
        Light of the object summed over one column, electron / s, and its width along the slit, pixels.
    trace_bend : float
        Departure of the trace from a straight row at the frame's edges, pixels.
    arc : bool
        A calibration lamp: lines ten times brighter, and no object.
    """

    lines: float = 30.0
    line_flux: float = 12.0
    line_fwhm: float = 3.2
    tilt: float = 0.01
    trace_flux: float = 60.0
    trace_fwhm: float = 4.5
    trace_bend: float = 6.0
    arc: bool = False

    def __post_init__(self) -> None:
        require_range("LongSlit.lines", self.lines, 0.0, 1000.0)
        require_range("LongSlit.line_flux", self.line_flux, 0.0, 1e9)
        require_range("LongSlit.line_fwhm", self.line_fwhm, 0.5, 100.0)
        require_range("LongSlit.tilt", self.tilt, -1.0, 1.0)
        require_range("LongSlit.trace_flux", self.trace_flux, 0.0, 1e9)
        require_range("LongSlit.trace_fwhm", self.trace_fwhm, 0.5, 100.0)


@dataclass(frozen=True)
class Scene:
    """What the telescope points at; ``None`` leaves a component out."""

    sky: Sky = field(default_factory=Sky)
    stars: Stars | None = None
    galaxies: Galaxies | None = None
    slit: LongSlit | None = None


def power_law(count: int, faintest: float, brightest: float, slope: float, rng: np.random.Generator) -> Floats:
    """Draw `count` fluxes whose cumulative number falls as ``flux**-slope``, by inversion; unit of `faintest`.

    Examples
    --------
    >>> fluxes = power_law(1000, 1.0, 100.0, 1.5, np.random.default_rng(0))
    >>> bool(fluxes.min() >= 1.0 and fluxes.max() <= 100.0)
    True
    """
    low, high = faintest**-slope, brightest**-slope
    return np.asarray((low - rng.random(count) * (low - high)) ** (-1.0 / slope))


def window(centre: float, half: int, size: int) -> slice:
    """Indices of an axis of `size` pixels within `half` of `centre`; of a centre far outside there are none.

    Examples
    --------
    >>> window(9.0, 2, 10), window(30.0, 2, 10)
    (slice(7, 10, None), slice(28, 28, None))
    """
    middle = round(float(centre))
    start = max(middle - half, 0)
    return slice(start, max(min(middle + half + 1, size), start))


def moffat(distance2: Floats, flux: float, fwhm: float, beta: float) -> Floats:
    """Moffat profile of a star (Moffat 1969), normalised to `flux` over the plane.

    ``flux * (beta - 1) / (pi * a**2) * (1 + r**2 / a**2)**-beta`` with ``a = fwhm / (2 * sqrt(2**(1/beta) - 1))``.

    `distance2` is the squared distance from the centre in pixel**2, `fwhm` is in pixels.

    Examples
    --------
    >>> y, x = np.mgrid[-60:61, -60:61].astype(float)
    >>> round(float(moffat(x * x + y * y, 100.0, 3.0, 4.0).sum()), 1)
    100.0
    """
    a2 = fwhm**2 / (4.0 * (2.0 ** (1.0 / beta) - 1.0))
    peak = flux * (beta - 1.0) / (math.pi * a2)
    return np.asarray(peak * (1.0 + distance2 / a2) ** -beta)


def sersic(distance: Floats, radius: float, index: float) -> Floats:
    """Sersic profile ``exp(-b * ((r / radius)**(1/n) - 1))``, equal to 1 at the effective radius.

    ``b = 2n - 1/3 + 4/(405n) + 46/(25515n**2)`` (Ciotti & Bertin 1999).

    Examples
    --------
    >>> float(sersic(np.array([5.0]), 5.0, 1.0)[0])
    1.0
    """
    b = 2.0 * index - 1.0 / 3.0 + 4.0 / (405.0 * index) + 46.0 / (25515.0 * index**2)
    return np.asarray(np.exp(-b * ((distance / radius) ** (1.0 / index) - 1.0)))


@dataclass(frozen=True)
class StarCatalogue:
    """Places (`centres`, [star, (y, x)], pixels) and `fluxes` (electron / s) of stars."""

    centres: Floats
    fluxes: Floats


def draw_stars(stars: Stars, shape: tuple[int, ...], rng: np.random.Generator) -> StarCatalogue:
    """Draw the stars of a field of `shape`."""
    size = math.prod(shape)
    count = int(rng.poisson(stars.density * size / MEGAPIXEL))
    fluxes = np.concatenate(
        [
            np.full(round(stars.bright * size / MEGAPIXEL), stars.brightest),
            power_law(count, stars.faintest, stars.brightest, stars.slope, rng),
        ]
    )
    return StarCatalogue(rng.random((len(fluxes), 2)) * shape - 0.5, fluxes)


def paint_stars(image: Image, catalogue: StarCatalogue, fwhm: float, beta: float, floor: float) -> None:
    """Add stars to `image` (float32, [y, x], electron / s / pixel) in place; stamps end below `floor`."""
    alpha = fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
    peaks = catalogue.fluxes * float(moffat(np.zeros(1), 1.0, fwhm, beta)[0])
    reach = alpha * np.sqrt(np.maximum((peaks / floor) ** (1.0 / beta) - 1.0, 0.0))
    halves = np.clip(np.ceil(reach), math.ceil(1.5 * fwhm), MAX_STAMP).astype(int)
    for (y, x), flux, half in zip(catalogue.centres, catalogue.fluxes, halves, strict=True):
        rows, columns = window(y, half, image.shape[0]), window(x, half, image.shape[1])
        dy, dx = np.arange(rows.start, rows.stop) - y, np.arange(columns.start, columns.stop) - x
        image[rows, columns] += moffat(dy[:, None] ** 2 + dx**2, float(flux), fwhm, beta)


def _galaxy_stamp(offset: Floats, radius: float, index: float, axis_ratio: float, angle: float, core: float) -> Floats:
    """Profile of one galaxy with sum 1 on a square stamp centred `offset` (y, x) pixels from its middle."""
    half = min(math.ceil(6.0 * radius) + 2, MAX_STAMP)
    dy, dx = (np.arange(-half, half + 1) - o for o in offset)
    dy = dy[:, None]
    major, minor = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
    profile = sersic(np.sqrt(major**2 + (minor / axis_ratio) ** 2 + core**2), radius, index)
    return np.asarray(profile / profile.sum())


@dataclass(frozen=True)
class GalaxyCatalogue:
    """Places ([galaxy, (y, x)], pixels), fluxes (electron / s) and shapes of galaxies, as `Galaxies` has them."""

    centres: Floats
    fluxes: Floats
    radii: Floats
    indices: Floats
    ratios: Floats
    angles: Floats


def draw_galaxies(galaxies: Galaxies, shape: tuple[int, ...], rng: np.random.Generator) -> GalaxyCatalogue:
    """Draw the galaxies of a field of `shape`."""
    count = int(rng.poisson(galaxies.density * math.prod(shape) / MEGAPIXEL))
    fluxes = power_law(count, galaxies.faintest, galaxies.brightest, galaxies.slope, rng)
    radii = galaxies.radius[0] * (galaxies.radius[1] / galaxies.radius[0]) ** rng.random(count)
    indices = rng.uniform(*galaxies.index, count)
    ratios, angles = 1.0 - rng.uniform(0.0, galaxies.ellipticity, count), rng.uniform(0.0, math.pi, count)
    return GalaxyCatalogue(rng.random((count, 2)) * shape - 0.5, fluxes, radii, indices, ratios, angles)


def paint_galaxies(image: Image, catalogue: GalaxyCatalogue, core: float) -> None:
    """Add galaxies to `image` (float32, [y, x], electron / s / pixel) in place, each with exactly its flux."""
    for n, centre in enumerate(catalogue.centres):
        middle = np.rint(centre)
        shape = (catalogue.radii[n], catalogue.indices[n], catalogue.ratios[n], catalogue.angles[n])
        stamp = catalogue.fluxes[n] * _galaxy_stamp(centre - middle, *shape, core)
        half = stamp.shape[0] // 2
        rows, columns = (window(c, half, size) for c, size in zip(middle, image.shape, strict=True))
        top, left = int(middle[0]) - half, int(middle[1]) - half
        image[rows, columns] += stamp[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _lines(slit: LongSlit, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[tuple[slice, Floats]]:
    """Yield each emission line as (columns, light [y, x])."""
    sigma = slit.line_fwhm * FWHM_TO_SIGMA
    slant = slit.tilt * (np.arange(shape[0]) - (shape[0] - 1) / 2.0)
    half = math.ceil(5.0 * sigma + float(np.abs(slant).max()))
    count, scale = round(slit.lines * shape[1] / 1000.0), slit.line_flux * (10.0 if slit.arc else 1.0)
    for centre, peak in zip(rng.random(count) * shape[1], rng.exponential(scale, count), strict=True):
        columns = window(float(centre), half, shape[1])
        distance = np.arange(columns.start, columns.stop) - centre - slant[:, None]
        yield columns, peak * np.exp(-0.5 * (distance / sigma) ** 2)


def add_long_slit(image: Image, slit: LongSlit, rng: np.random.Generator) -> None:
    """Add emission lines and, unless it is an arc, the object's trace to `image` in place."""
    for columns, light in _lines(slit, image.shape, rng):
        image[:, columns] += light
    if slit.arc:
        return
    phase = np.linspace(-1.0, 1.0, image.shape[1])
    centre = (image.shape[0] - 1) * rng.uniform(0.4, 0.6) + slit.trace_bend * phase**2
    # Broad continuum, with absorption lines as dips of a few pixels.
    spectrum = slit.trace_flux * (1.0 - 0.4 * phase**2)
    for dip in rng.uniform(-1.0, 1.0, 12):
        spectrum *= 1.0 - rng.uniform(0.1, 0.6) * np.exp(-0.5 * ((phase - dip) * image.shape[1] / 6.0) ** 2)
    sigma = slit.trace_fwhm * FWHM_TO_SIGMA
    distance = np.arange(image.shape[0])[:, None] - centre
    image += spectrum / (sigma * math.sqrt(2.0 * math.pi)) * np.exp(-0.5 * (distance / sigma) ** 2)


def make_scene(scene: Scene, shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Draw a noiseless scene.

    Parameters
    ----------
    scene : Scene
        What to draw.
    shape : tuple of int
        Rows and columns of the light-sensitive area.
    rng : numpy.random.Generator
        Places and brightnesses of the sources; the same state gives the same scene.

    Returns
    -------
    ndarray of float32, shape `shape`, order [y, x]
        Electron / s / pixel, before the flat field.

    Raises
    ------
    ValueError
        When `shape` is not two positive integers, or is larger than 2**28 pixels.

    Examples
    --------
    >>> image = make_scene(Scene(Sky(level=2.0, gradient=0.0, vignetting=0.0)), (3, 4), np.random.default_rng(1))
    >>> image.dtype.name, image.shape, float(image.mean())
    ('float32', (3, 4), 2.0)
    """
    require_shape(shape)
    sky = scene.sky
    y, x = (np.linspace(-1.0, 1.0, size, dtype=np.float32) if size > 1 else np.zeros(1, np.float32) for size in shape)
    along = math.cos(math.radians(sky.angle)) * x + math.sin(math.radians(sky.angle)) * y[:, None]
    image: Image = (sky.level * (1.0 + 0.5 * sky.gradient * along)).astype(np.float32)
    if scene.stars is not None:
        floor = STAMP_FLOOR * max(sky.level, 1e-3)
        paint_stars(image, draw_stars(scene.stars, shape, rng), scene.stars.fwhm, scene.stars.beta, floor)
    if scene.galaxies is not None:
        paint_galaxies(image, draw_galaxies(scene.galaxies, shape, rng), scene.galaxies.core)
    if scene.slit is not None:
        add_long_slit(image, scene.slit, rng)
    image *= 1.0 - 0.5 * sky.vignetting * (x**2 + y[:, None] ** 2)
    return image
