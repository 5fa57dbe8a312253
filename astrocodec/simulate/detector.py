"""From light to the input of the converter, in ADU: one exposure of a CCD, CMOS or infrared detector.

The steps follow the charge: colour filters, flat field, dark current, photon noise, cosmic rays, full well, transfer
losses, amplifiers with their bias and read noise. The defects of a detector (flat field, hot pixels, column pattern)
follow from `Detector.serial` alone, so two exposures of one shape share them.

Sources: Janesick 2001, *Scientific Charge-Coupled Devices* (photon transfer, transfer efficiency, full well, and 80
electrons per micrometre of a minimum-ionising track); Groom 2002 (Exp. Astron. 14, 45) for cosmic-ray rates.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.sky import MEGAPIXEL, Image, require_range, require_shape, window

Section = tuple[slice, slice]
Indices = npt.NDArray[np.intp]

BLOCK_ROWS = 128  # rows handled at once where a step needs 64-bit scratch, to keep memory modest
MAX_CHARGE = 1e9  # electrons; far above any full well, and safe for the Poisson generator
TRAIL = np.exp(-np.arange(1, 7) / 2.0)  # release of trapped charge over the next six pixels
TRAIL /= TRAIL.sum()
TRACK_CHARGE = 1200.0  # electrons per pixel of path: 80 per micrometre over a pixel of 15 micrometres


@dataclass(frozen=True)
class Amplifier:
    """One readout channel: `gain` in electron / ADU, `bias` level in ADU, `read_noise` in electrons (rms)."""

    gain: float = 1.6
    bias: float = 1000.0
    read_noise: float = 5.0

    def __post_init__(self) -> None:
        require_range("Amplifier.gain", self.gain, 1e-6, 1e6)
        require_range("Amplifier.bias", self.bias, 0.0, 65535.0)
        require_range("Amplifier.read_noise", self.read_noise, 0.0, 1e6)


@dataclass(frozen=True)
class Detector:
    """A detector and its electronics.

    Attributes
    ----------
    amplifiers : tuple of Amplifier
        1 (whole frame), 2 (left and right half) or 4 (quadrants).
    overscan : int
        Columns that each amplifier reads beyond its last pixel.
    prnu, dust : float
        Rms of the pixel response; dust rings per million pixels.
    dark_current : float
        Electron / s / pixel.
    hot_pixels, hot_rate : float
        Fraction of hot pixels, and the mean of their exponential extra current, electron / s.
    hot_columns, hot_column_rate : int, float
        Columns that are hot from a random row onwards, and their extra current, electron / s.
    cosmic_rate, thickness, track_charge : float
        Cosmic rays per million pixels and second; depth of the sensitive layer in pixels; electrons set free
        along a pixel's length of a path.
    full_well, blooming : float, bool
        Most electrons in a pixel; whether the rest spills along the column, or is drained.
    cti, serial_cti : float
        Fraction of the charge left behind at each transfer along columns, and along rows.
    bias_gradient, row_noise, column_pattern : float
        Bias rise from the first to the last row read; rms of the offsets of rows (new in each read) and of columns
        (fixed), all in ADU.
    bayer : tuple of float, optional
        Relative throughput of red, green and blue filters of an RGGB mosaic.
    nondestructive : bool
        Pixels can be read before and after the exposure: signed data are the difference of both reads.
    serial : int
        Number from which all fixed defects follow.
    """

    amplifiers: tuple[Amplifier, ...] = (Amplifier(),)
    overscan: int = 0
    prnu: float = 0.008
    dust: float = 4.0
    dark_current: float = 0.002
    hot_pixels: float = 5e-5
    hot_rate: float = 5.0
    hot_columns: int = 1
    hot_column_rate: float = 1.0
    cosmic_rate: float = 0.08
    thickness: float = 1.5
    track_charge: float = TRACK_CHARGE
    full_well: float = 90_000.0
    blooming: bool = True
    cti: float = 2e-6
    serial_cti: float = 1e-6
    bias_gradient: float = 3.0
    row_noise: float = 0.3
    column_pattern: float = 0.3
    bayer: tuple[float, float, float] | None = None
    nondestructive: bool = False
    serial: int = 0

    def __post_init__(self) -> None:
        if len(self.amplifiers) not in (1, 2, 4):
            raise ValueError(f"Detector has {len(self.amplifiers)} amplifiers; allowed are 1, 2 or 4. Give as many.")
        limits = {"overscan": 2**20, "prnu": 0.2, "dust": 1e4, "hot_pixels": 1.0, "hot_columns": 2**20, "serial": 2**63}
        limits |= {"cosmic_rate": 1e3, "thickness": 50.0, "full_well": MAX_CHARGE, "cti": 0.1, "serial_cti": 0.1}
        limits |= dict.fromkeys(("dark_current", "hot_rate", "hot_column_rate", "track_charge"), 1e9)
        limits |= dict.fromkeys(("bias_gradient", "row_noise", "column_pattern"), 65535.0)
        for name, high in limits.items():
            require_range(f"Detector.{name}", getattr(self, name), 0, high)


def rescale(detector: Detector, factor: float) -> Detector:
    """Express gain and bias structure in ADU `factor` times as large, keeping the full scale in electrons."""
    amplifiers = tuple(replace(a, gain=a.gain * factor, bias=a.bias / factor) for a in detector.amplifiers)
    pattern = {name: getattr(detector, name) / factor for name in ("bias_gradient", "row_noise", "column_pattern")}
    return replace(detector, amplifiers=amplifiers, **pattern)


@dataclass(frozen=True)
class Area:
    """Where one amplifier's pixels lie: in the light-sensitive image, and in the frame with its overscan."""

    amplifier: Amplifier
    image: Section
    data: Section
    overscan: Section
    reverse: Section  # slices with step 1 or -1 that turn the frame's order into the order of reading


def amplifier_areas(shape: tuple[int, int], detector: Detector) -> tuple[Area, ...]:
    """Lay out amplifiers and overscan in a frame of `shape` (rows, columns, overscan included).

    One amplifier reads from the left and puts its overscan at the right. With two or four, the outer columns (and rows)
    are read first, so the overscans meet in the middle of each row, as in a raw multi-amplifier frame.

    Raises
    ------
    ValueError
        When the frame has no row or column left for an amplifier.

    Examples
    --------
    >>> areas = amplifier_areas((4, 12), Detector(amplifiers=(Amplifier(), Amplifier()), overscan=2))
    >>> [(area.data[1], area.overscan[1]) for area in areas]
    [(slice(0, 4, None), slice(4, 6, None)), (slice(8, 12, None), slice(6, 8, None))]
    """
    require_shape(shape)
    count, extra = len(detector.amplifiers), detector.overscan
    across, down = min(count, 2), max(count // 2, 1)
    rows, columns = shape[0], shape[1] - across * extra
    if columns < across or rows < down:
        need = f"at least {down} rows and {across * (extra + 1)} columns"
        raise ValueError(
            f"shape is {shape}; allowed is {need} for {count} amplifiers with overscan. Give a larger shape."
        )
    high, wide = -(-rows // down), -(-columns // across)
    areas = []
    for amplifier, (lower, left) in zip(detector.amplifiers, np.ndindex(down, across), strict=True):
        y = slice(high, rows) if lower else slice(0, high)
        image = slice(wide, columns) if left else slice(0, wide)
        data = slice(wide + 2 * extra, shape[1]) if left else slice(0, wide)
        virtual = slice(wide + extra, wide + 2 * extra) if left else slice(wide, wide + extra)
        turn = (slice(None, None, -1 if lower else 1), slice(None, None, -1 if left else 1))
        areas.append(Area(amplifier, (y, image), (y, data), (y, virtual), turn))
    return tuple(areas)


def image_shape(shape: tuple[int, int], detector: Detector) -> tuple[int, int]:
    """Rows and columns of the light-sensitive part of a frame of `shape`."""
    amplifier_areas(shape, detector)
    return shape[0], shape[1] - min(len(detector.amplifiers), 2) * detector.overscan


def _defects(detector: Detector, kind: int) -> np.random.Generator:
    return np.random.default_rng([detector.serial, kind])


def flat_field(shape: tuple[int, int], detector: Detector) -> Image:
    """Relative response of each pixel, float32 around 1: Gaussian scatter, dust rings and the Bayer mosaic."""
    rng = _defects(detector, 1)
    flat = 1.0 + np.float32(detector.prnu) * rng.standard_normal(shape, dtype=np.float32)
    for _ in range(round(detector.dust * flat.size / MEGAPIXEL)):
        (y, x), radius, depth = rng.random(2) * shape, rng.uniform(12.0, 40.0), rng.uniform(0.01, 0.05)
        rows, columns = window(y, int(1.5 * radius), shape[0]), window(x, int(1.5 * radius), shape[1])
        dy, dx = np.arange(rows.start, rows.stop) - y, np.arange(columns.start, columns.stop) - x
        distance = np.hypot(dy[:, None], dx)
        flat[rows, columns] *= 1.0 - depth * np.exp(-0.5 * ((distance - 0.75 * radius) / (0.2 * radius)) ** 2)
    if detector.bayer is not None:
        red, green, blue = detector.bayer
        for (row, column), throughput in zip(np.ndindex(2, 2), (red, green, green, blue), strict=True):
            flat[row::2, column::2] *= np.float32(throughput)
    np.maximum(flat, np.float32(0.0), out=flat)
    return flat


def dark_rate(shape: tuple[int, int], detector: Detector) -> Image:
    """Dark current of each pixel, float32, electron / s, with hot pixels and hot columns."""
    rng = _defects(detector, 2)
    dark = np.full(shape, detector.dark_current, np.float32)
    hot = rng.integers(0, dark.size, round(detector.hot_pixels * dark.size))
    dark.flat[hot] += rng.exponential(detector.hot_rate, hot.size).astype(np.float32)
    # A defect spoils the pixels that are clocked through it: those further from the first row.
    for column, start in rng.integers(0, (shape[1], shape[0]), (detector.hot_columns, 2)):
        dark[start:, column] += np.float32(detector.hot_column_rate)
    return dark


def expected_charge(rate: Image, detector: Detector, exptime: float) -> Image:
    """Mean electrons in each pixel before cosmic rays and full well; `rate` is a scene in electron / s / pixel."""
    require_range("exptime", exptime, 0.0, 1e7)
    shape = rate.shape[0], rate.shape[1]
    charge: Image = rate * flat_field(shape, detector)
    charge += dark_rate(shape, detector)
    charge *= np.float32(exptime)
    np.minimum(charge, np.float32(MAX_CHARGE), out=charge)
    return charge


def _row_blocks(rows: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK_ROWS) for start in range(0, rows, BLOCK_ROWS))


def add_photon_noise(charge: Image, rng: np.random.Generator) -> None:
    """Replace the means in `charge` (electrons) by Poisson counts, in place."""
    for block in _row_blocks(charge.shape[0]):
        charge[block] = rng.poisson(charge[block])


def cosmic_ray_hits(
    shape: tuple[int, int], detector: Detector, exptime: float, rng: np.random.Generator
) -> tuple[Indices, Indices, Image]:
    """Draw the tracks of charged particles: rows, columns and electrons, a pixel once for each step of a track in it.

    Muons arrive within cos(zenith)**2 of the vertical; a flat layer sees cos(zenith)**3 * sin(zenith), hence the fourth
    root below. The charge follows the path in the layer, with a log-normal spread for the fluctuating energy loss.
    """
    rows, columns = shape
    count = int(rng.poisson(detector.cosmic_rate * exptime * rows * columns / MEGAPIXEL))
    cosine = np.maximum(rng.random(count), 1e-8) ** 0.25
    length = detector.thickness * np.sqrt(1.0 - cosine**2) / cosine
    total = detector.track_charge * detector.thickness / cosine * rng.lognormal(0.0, 0.4, count)
    angle, start = rng.uniform(0.0, 2.0 * np.pi, count), rng.random((2, count)) * [[rows], [columns]]
    samples = np.ceil(2.0 * length).astype(int) + 1  # two for each pixel of the projected track
    step = (np.arange(samples.sum()) - np.repeat(np.cumsum(samples) - samples, samples)) / 2.0
    y = np.floor(np.repeat(start[0], samples) + step * np.repeat(np.sin(angle), samples)).astype(int)
    x = np.floor(np.repeat(start[1], samples) + step * np.repeat(np.cos(angle), samples)).astype(int)
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    return y[inside], x[inside], np.repeat(total / samples, samples)[inside].astype(np.float32)


def add_cosmic_rays(charge: Image, detector: Detector, exptime: float, rng: np.random.Generator) -> None:
    """Add the tracks of charged particles to `charge` (electrons, [y, x]) in place."""
    y, x, electrons = cosmic_ray_hits((charge.shape[0], charge.shape[1]), detector, exptime, rng)
    np.add.at(charge, (y, x), electrons)


def limit_to_full_well(charge: Image, detector: Detector) -> None:
    """Clip `charge` (electrons) at the full well in place; with blooming the rest fills the column to both sides.

    Half of the excess goes each way, and stops where there is room; what reaches the edge is drained.
    """
    well = np.float32(detector.full_well)
    full = np.flatnonzero((charge > well).any(axis=0))
    if detector.blooming and full.size:
        excess = np.maximum(charge[:, full] - well, 0.0) / 2.0
        held = np.minimum(charge[:, full], well)
        for order in (slice(None), slice(None, None, -1)):
            spill = np.zeros(full.size, np.float32)
            for row, source in zip(held[order], excess[order], strict=True):
                spill += source
                taken = np.minimum(well - row, spill)
                row += taken  # a view: fills `held`
                spill -= taken
        charge[:, full] = held
    np.minimum(charge, well, out=charge)


def transfer(charge: Image, inefficiency: float) -> None:
    """Leave charge behind at each transfer along the first axis, towards index 0, in place.

    After n transfers a fraction 1 - (1 - inefficiency)**n of a packet is deferred (Janesick 2001, chapter 5); it comes
    out in the six pixels that follow, as an exponential trail. What would follow the last pixel is lost.
    """
    if inefficiency > 0.0:
        transfers = np.arange(1, charge.shape[0] + 1)
        deferred = charge * (1.0 - (1.0 - inefficiency) ** transfers).astype(np.float32)[:, None]
        charge -= deferred
        for lag, weight in enumerate(TRAIL, 1):
            charge[lag:] += np.float32(weight) * deferred[:-lag]


def bias_frame(shape: tuple[int, int], detector: Detector) -> Image:
    """Mean ADU of a frame of `shape` (overscan included) without light: level, gradient and column pattern."""
    rng = _defects(detector, 3)
    frame = np.empty(shape, np.float32)
    for area in amplifier_areas(shape, detector):
        for part in (area.data, area.overscan):
            strip = frame[part][area.reverse]
            strip[:] = np.linspace(0.0, detector.bias_gradient, strip.shape[0], dtype=np.float32)[:, None]
            strip += detector.column_pattern * rng.standard_normal(strip.shape[1], dtype=np.float32)
            strip += np.float32(area.amplifier.bias)
    return frame


def read_out(charge: Image, shape: tuple[int, int], detector: Detector, rng: np.random.Generator | None) -> Image:
    """Move charge through the amplifiers.

    Parameters
    ----------
    charge : ndarray of float32, [y, x]
        Electrons in the light-sensitive area, of shape ``image_shape(shape, detector)``.
    shape : tuple of int
        Rows and columns of the frame, overscan included.
    detector : Detector
        Layout, gains, bias structure, transfer losses and noise.
    rng : numpy.random.Generator, optional
        Source of row noise and read noise; without it the result is the noiseless mean, without transfer losses too.

    Returns
    -------
    ndarray of float32, shape `shape`
        ADU before rounding: charge / gain + bias (Janesick 2001, the photon-transfer relation).
    """
    frame = bias_frame(shape, detector)
    for area in amplifier_areas(shape, detector):
        pixels = charge[area.image][area.reverse]
        strip = np.zeros((pixels.shape[0], pixels.shape[1] + detector.overscan), np.float32)
        strip[:, : pixels.shape[1]] = pixels
        if rng is not None:
            transfer(strip, detector.cti)
            transfer(strip.T, detector.serial_cti)
            strip += np.float32(area.amplifier.read_noise) * rng.standard_normal(strip.shape, dtype=np.float32)
        strip /= np.float32(area.amplifier.gain)
        if rng is not None:
            strip += np.float32(detector.row_noise) * rng.standard_normal((strip.shape[0], 1), dtype=np.float32)
        frame[area.data][area.reverse] += strip[:, : pixels.shape[1]]
        frame[area.overscan][area.reverse] += strip[:, pixels.shape[1] :]
    return frame


def collect(rate: Image, detector: Detector, exptime: float, rng: np.random.Generator) -> Image:
    """Expose the detector to `rate` (float32, electron / s / pixel) for `exptime` seconds.

    Returns
    -------
    ndarray of float32, shape of `rate`
        Electrons held by each pixel at the end of the exposure.

    Examples
    --------
    >>> charge = collect(np.full((50, 40), 20.0, np.float32), Detector(), 100.0, np.random.default_rng(1))
    >>> charge.dtype.name, bool(1900 < np.median(charge) < 2100)
    ('float32', True)
    """
    charge = expected_charge(rate, detector, exptime)
    add_photon_noise(charge, rng)
    add_cosmic_rays(charge, detector, exptime, rng)
    limit_to_full_well(charge, detector)
    return charge
