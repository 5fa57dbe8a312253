"""Detector frames with known truth: ``frame = simulate("ccd", seed=1)``.

`sky` draws a noiseless scene, `detector` exposes and reads it, and this module makes a `Frame` of integers of it, with
ready settings in `PRESETS`. `ramp` reads an infrared array while charge gathers, `epochs` shows one field again and
again, `radio_sky` is the sky of a radio interferometer. Only numpy is needed; astropy is loaded by the methods
`header` alone, ducc0 by dirty and clean radio images.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.converter import Converter, digitise, uneven_widths
from astrocodec.simulate.detector import (
    Amplifier,
    Detector,
    amplifier_areas,
    collect,
    expected_charge,
    image_shape,
    read_out,
    rescale,
)
from astrocodec.simulate.epochs import Epochs, simulate_epochs
from astrocodec.simulate.radio_sky import RadioField, RadioSky, simulate_radio
from astrocodec.simulate.ramp import Ramp, simulate_ramp
from astrocodec.simulate.sky import (
    Galaxies,
    LongSlit,
    Scene,
    Sky,
    Stars,
    make_scene,
    require_range,
    require_shape,
)

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = [
    "PRESETS", "Converter", "Epochs", "Frame", "Preset", "RadioField", "RadioSky", "Ramp", "configure", "digitise",
    "observe", "simulate",
    "simulate_epochs", "simulate_radio", "simulate_ramp", "uneven_widths",
]  # fmt: skip

DTYPES = ("uint16", "int16", "int32")
BAYER = (0.62, 1.0, 0.71)  # throughput of red, green and blue filters for a grey sky


@dataclass(frozen=True, eq=False)
class Frame:
    """A simulated frame: `data` (integers, [y, x]) and the `truth` behind it.

    Keys of `truth`: ``preset`` (the `Preset`), ``seed``, ``exposure``, ``serial``, ``exptime`` (s), ``gain``,
    ``read_noise`` and ``bias`` (electron / ADU, electrons, ADU; tuples by amplifier), ``sky`` (electron / s / pixel),
    ``areas`` (where each amplifier's pixels and overscan lie) and ``expected`` (mean signal before rounding, cosmic
    rays, full well and transfer losses, float32 ADU, or None). ADU are codes before `Converter.shift`.
    """

    data: npt.NDArray[Any]
    truth: dict[str, Any]

    def header(self) -> "Header":
        """Return a FITS header of the truth; GAIN and RDNOISE are those of the first amplifier."""
        from astropy.io.fits import Header

        truth, preset = self.truth, self.truth["preset"]
        header = Header()
        header["BUNIT"] = ("adu", "unit of the pixels")
        header["EXPTIME"] = (truth["exptime"], "[s] exposure time")
        header["GAIN"] = (truth["gain"][0], "[electron/adu] gain of amplifier 1")
        header["RDNOISE"] = (truth["read_noise"][0], "[electron] read noise of amplifier 1, rms")
        header["SKYLEVEL"] = (truth["sky"], "[electron/s/pixel] sky at the centre")
        header["ADCBITS"] = (preset.converter.bits, "[bit] resolution of the converter")
        header["ADCSHIFT"] = (preset.converter.shift, "[bit] left shift of the codes")
        well = min(preset.detector.full_well / area.amplifier.gain + area.amplifier.bias for area in truth["areas"])
        saturation = min(int(well), preset.converter.full_scale) << preset.converter.shift
        header["SATURATE"] = (saturation, "[adu] full well or full scale, the lower")
        header["NAMPS"] = (len(truth["areas"]), "number of amplifiers")
        for n, area in enumerate(truth["areas"], 1):
            header[f"GAIN{n}"] = (area.amplifier.gain, "[electron/adu] gain")
            header[f"RDNOISE{n}"] = (area.amplifier.read_noise, "[electron] read noise, rms")
            header[f"BIASLVL{n}"] = (area.amplifier.bias, "[adu] bias level before the shift")
            header[f"DATASEC{n}"] = (_section(area.data), "light-sensitive pixels")
            if preset.detector.overscan:
                header[f"BIASSEC{n}"] = (_section(area.overscan), "overscan")
        if preset.detector.bayer is not None:
            header["BAYERPAT"] = ("RGGB", "colour filters, from the first pixel")
        header["SIMNAME"] = (preset.name, "preset of the simulation")
        header["SIMSEED"] = (truth["seed"], "seed of scene and noise")
        header["SIMEXPOS"] = (truth["exposure"], "number of the exposure of this scene")
        header["SIMSERNO"] = (truth["serial"], "detector whose defects these are")
        header["HISTORY"] = "Simulated by astrocodec: not an observation."
        return header


def _section(area: tuple[slice, slice]) -> str:
    """FITS section of (y, x) slices: x first, counted from 1, both ends included."""
    return f"[{area[1].start + 1}:{area[1].stop},{area[0].start + 1}:{area[0].stop}]"


@dataclass(frozen=True)
class Preset:
    """A complete observation: scene, detector, converter, frame shape (overscan included), exposure time and dtype."""

    name: str
    summary: str
    scene: Scene = field(default_factory=Scene)
    detector: Detector = field(default_factory=Detector)
    converter: Converter = field(default_factory=Converter)
    shape: tuple[int, int] = (1024, 1088)
    exptime: float = 60.0
    dtype: str = "uint16"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}; allowed are {', '.join(DTYPES)}. Choose one of them.")
        require_range("exptime", self.exptime, 0.0, 1e7)
        if self.dtype == "int16":
            require_range("bits plus shift of int16 data", self.converter.bits + self.converter.shift, 12, 15)


_CCD = Detector((Amplifier(1.60, 1010.0, 5.2), Amplifier(1.55, 985.0, 5.6)), overscan=32)
_SLIT = replace(_CCD, amplifiers=(Amplifier(1.2, 1200.0, 3.8),), thickness=6.0)
_STILL = Detector(cti=0.0, serial_cti=0.0, blooming=False)  # a detector that moves no charge
_CMOS = replace(
    _STILL, amplifiers=(Amplifier(3.7, 64.0, 2.6),), prnu=0.01, dark_current=0.05, hot_pixels=1e-3, hot_columns=0,
    thickness=0.3, full_well=15_000.0, bias_gradient=0.5, column_pattern=1.2,
)  # fmt: skip
_INFRARED = replace(
    _STILL, amplifiers=tuple(Amplifier(2.5, 5000.0 + 60.0 * n, 12.0 + n) for n in range(4)), prnu=0.03,
    dark_current=0.05, hot_pixels=0.01, hot_rate=60.0, hot_columns=3, hot_column_rate=8.0, thickness=0.5,
    full_well=100_000.0, bias_gradient=40.0, row_noise=1.5, column_pattern=4.0, nondestructive=True,
)  # fmt: skip
_XRAY = replace(
    _STILL, amplifiers=(Amplifier(1.0, 0.0, 0.0),), prnu=0.05, dust=0.0, dark_current=0.0, hot_pixels=0.0,
    hot_columns=0, cosmic_rate=0.0, bias_gradient=0.0, row_noise=0.0, column_pattern=0.0,
)  # fmt: skip
_CLOSED, _LAMP = Scene(Sky(level=0.0)), Scene(Sky(level=2000.0, gradient=0.01, vignetting=0.08))
_FIELD, _LINES = Scene(Sky(), Stars(), Galaxies()), Scene(Sky(level=0.3), slit=LongSlit())
_NIGHT = Scene(Sky(level=150.0), Stars(density=250.0, fwhm=2.6), Galaxies(density=200.0))
_XFIELD = Scene(Sky(2e-5, 0.0, 0.0, 0.3), Stars(40.0, faintest=1e-3, brightest=0.5, slope=1.0, fwhm=2.5, beta=2.5))

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("ccd", "science CCD, two amplifiers with overscan, stars and galaxies", _FIELD, _CCD),
        Preset("cmos", "12-bit CMOS camera with column pattern", _FIELD, _CMOS, Converter(12), (1024, 1536), 10.0),
        Preset("bias", "bias frame of the CCD", _CLOSED, _CCD, exptime=0.0),
        Preset("dark", "dark frame of the CCD, 15 minutes", _CLOSED, _CCD, exptime=900.0),
        Preset("flat", "flat field of the CCD, 20000 electrons", _LAMP, _CCD, exptime=10.0),
        Preset("spectrum", "long-slit spectrum", _LINES, _SLIT, shape=(512, 2080), exptime=600.0),
        Preset("infrared", "hybrid infrared array, quadrants", _NIGHT, _INFRARED, shape=(1024, 1024), exptime=20.0),
        Preset("xray", "photon-counting X-ray image, very sparse", _XFIELD, _XRAY, shape=(1024, 1024), exptime=2000.0),
    )
}


def configure(
    preset: str | Preset = "ccd",
    *,
    shape: tuple[int, int] | None = None,
    exptime: float | None = None,
    bits: int | None = None,
    uneven_codes: bool = False,
    left_justify: bool = False,
    bayer: bool = False,
    arc: bool = False,
    dtype: str | None = None,
    serial: int = 0,
) -> Preset:
    """Return `preset` (a name among `PRESETS`, or settings of your own) with changes.

    Parameters
    ----------
    shape, exptime : tuple of int, float, optional
        Rows and columns of the frame, overscan included (a small frame gets less overscan); exposure time, s.
    bits : int, optional
        Resolution of the converter, 12 to 16; gains and bias follow, so the full scale in electrons stays.
    uneven_codes, left_justify : bool
        Code widths that vary by 30 % with code modulo 4; codes shifted to the upper end of 16 bits.
    bayer, arc : bool
        An RGGB mosaic; a calibration lamp in place of the sky, for a spectrum.
    dtype : str, optional
        ``uint16``, ``int16`` (at most 15 bits) or ``int32``; signed infrared frames are the difference of two reads.
    serial : int
        Detector whose fixed defects are simulated.

    Raises
    ------
    ValueError
        When a value lies outside its range; the message names both.

    Examples
    --------
    >>> configure("ccd", bits=14).detector.amplifiers[0].gain
    6.4
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}; allowed are {', '.join(PRESETS)}. Choose one of them.")
        preset = PRESETS[preset]
    detector, converter, scene = preset.detector, preset.converter, preset.scene
    detector = replace(detector, serial=serial, bayer=BAYER if bayer else detector.bayer)
    if shape is not None:
        require_shape(shape)
        count = 1 if min(shape) < 2 else len(detector.amplifiers)
        overscan = min(detector.overscan, shape[1] // (8 * min(count, 2)))
        detector = replace(detector, amplifiers=detector.amplifiers[:count], overscan=overscan)
    if bits is not None:
        converter = replace(converter, bits=bits)
        detector = rescale(detector, 2.0 ** (preset.converter.bits - bits))
    if uneven_codes:
        converter = replace(converter, widths=uneven_widths(4, 0.3))
    if left_justify:
        converter = replace(converter, shift=16 - converter.bits)
    if arc:
        if scene.slit is None:
            raise ValueError(f"arc is given with preset {preset.name!r}; allowed is 'spectrum'. Choose that preset.")
        scene = replace(scene, slit=replace(scene.slit, arc=True))
    return replace(
        preset, scene=scene, detector=detector, converter=converter, shape=shape or preset.shape,
        exptime=preset.exptime if exptime is None else exptime, dtype=dtype or preset.dtype,
    )  # fmt: skip


def observe(preset: Preset, *, seed: int = 0, exposure: int = 0, keep_expected: bool = False) -> Frame:
    """Simulate one frame of a `Preset`.

    `seed` fixes the scene; `seed` and the number of the `exposure` fix the noise, so exposures of one seed show one
    scene. `keep_expected` keeps the noiseless image in ``truth["expected"]``.
    """
    require_range("seed", seed, 0, 2**63 - 1)
    require_range("exposure", exposure, 0, 2**63 - 1)
    detector, converter, shape = preset.detector, preset.converter, preset.shape
    rng = np.random.default_rng([seed, 2, exposure])
    rate = make_scene(preset.scene, image_shape(shape, detector), np.random.default_rng([seed, 1]))
    charge = collect(rate, detector, preset.exptime, rng)
    codes = digitise(read_out(charge, shape, detector, rng), converter)
    if detector.nondestructive and preset.dtype != "uint16":
        codes -= digitise(read_out(np.zeros_like(charge), shape, detector, rng), converter)
        unbiased = tuple(replace(a, bias=0.0) for a in detector.amplifiers)  # what the difference leaves
        detector = replace(detector, amplifiers=unbiased, bias_gradient=0.0, column_pattern=0.0)
    expected = (
        read_out(expected_charge(rate, detector, preset.exptime), shape, detector, None) if keep_expected else None
    )
    truth = {
        "preset": preset, "seed": seed, "exposure": exposure, "serial": detector.serial, "exptime": preset.exptime,
        "sky": preset.scene.sky.level, "areas": amplifier_areas(shape, detector), "expected": expected,
    }  # fmt: skip
    truth |= {name: tuple(getattr(a, name) for a in detector.amplifiers) for name in ("gain", "read_noise", "bias")}
    return Frame(codes.astype(preset.dtype), truth)


def simulate(
    preset: str | Preset = "ccd", *, seed: int = 0, exposure: int = 0, keep_expected: bool = False, **changes: Any
) -> Frame:
    """Simulate one frame: `configure` the preset with `changes`, then `observe` it.

    Examples
    --------
    >>> frame = simulate("ccd", shape=(64, 96), seed=3, bits=14)
    >>> frame.data.dtype.name, frame.data.shape, frame.truth["gain"]
    ('uint16', (64, 96), (6.4, 6.2))
    """
    return observe(configure(preset, **changes), seed=seed, exposure=exposure, keep_expected=keep_expected)
