"""Settings of up-the-ramp exposures: what two of JWST's instruments have, and how to change it.

Sources. NIRCam, short waves: JWST User Documentation, "NIRCam Detector Performance" (gain, noise of a pair of reads,
dark current, full well). NIRSpec: Rauscher 2015 (PASP 127, 1144), and "NIRSpec Detector Performance". Cosmic rays at
L2: Rauscher & Fixsen 2025 (PASP 137, 095003): 4.3 particles / cm2 / s, 5200 electrons each over 7 micrometres, where a
pixel has 18; fewer electrons in the material of NIRCam's short waves, whose band gap is twice as wide. Sky: zodiacal
light of 0.1 MJy / sr in F200W. The scatter of the fixed pattern is that which makes first reads of NIRCam cost the 11
bits a pixel that they have in the AstroCompress corpus (16 bits over a ratio of 1.44).
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.converter import Converter
from astrocodec.simulate.detector import Detector
from astrocodec.simulate.hxrg import Readout
from astrocodec.simulate.read_patterns import READ_PATTERNS, ReadPattern
from astrocodec.simulate.sky import Galaxies, LongSlit, Scene, Sky, Stars, require_range, require_shape

MAX_RAMP_PIXELS = 2**32


def require_pattern(pattern: str) -> None:
    """Raise ``ValueError`` for a name that is no pattern."""
    if pattern not in READ_PATTERNS:
        raise ValueError(f"pattern is {pattern!r}; allowed are {', '.join(READ_PATTERNS)}. Choose one of them.")


@dataclass(frozen=True)
class RampSettings:
    """A complete ramp: scene, array, electronics, pattern of reads, and how many of them.

    Attributes
    ----------
    pattern : str
        A name among `READ_PATTERNS`.
    groups, integrations : int
        Groups of a ramp, and ramps, each after a reset.
    shape : tuple of int
        Rows and columns, reference pixels included. A shape below 2048 x 2048 stands for a window of the array: its
        reads are as far apart in time as those of the whole.
    scene : Scene
        What falls on the pixels that see light.
    detector : Detector
        What the pixels do; its amplifiers, overscan, bias and transfer losses play no part.
    readout : Readout
        Multiplexer and electronics.
    converter : Converter
        Analogue-to-digital converter.
    """

    pattern: str = "RAPID"
    groups: int = 20
    integrations: int = 1
    shape: tuple[int, int] = (512, 512)
    scene: Scene = field(default_factory=Scene)
    detector: Detector = field(default_factory=Detector)
    readout: Readout = field(default_factory=Readout)
    converter: Converter = field(default_factory=Converter)

    def __post_init__(self) -> None:
        require_pattern(self.pattern)
        require_shape(self.shape)
        require_range("groups", self.groups, 1, 10_000)
        require_range("integrations", self.integrations, 1, 100_000)
        pixels = self.groups * self.integrations * self.shape[0] * self.shape[1]
        require_range("pixels of the ramp", pixels, 1, MAX_RAMP_PIXELS)

    @property
    def reads(self) -> ReadPattern:
        """The pattern's numbers."""
        return READ_PATTERNS[self.pattern]


_ARRAY = Detector(
    prnu=0.02, dust=2.0, hot_pixels=0.004, hot_rate=2.0, hot_columns=0, cosmic_rate=13.9, thickness=0.39,
    blooming=False, cti=0.0, serial_cti=0.0,
)  # fmt: skip
_FIELD = Scene(
    Sky(0.12, 0.02, vignetting=0.01), Stars(300.0, 0.3, 1e4, 0.6, fwhm=2.1), Galaxies(700.0, 1.5, 1e3, 1.1, core=0.8)
)
_SPECTRUM = Scene(
    Sky(0.01, 0.0, vignetting=0.0),
    slit=LongSlit(lines=8.0, line_flux=2.0, line_fwhm=2.2, tilt=0.02, trace_flux=30.0, trace_fwhm=3.0, trace_bend=8.0),
)
INSTRUMENTS: dict[str, RampSettings] = {
    "nircam": RampSettings(
        scene=_FIELD,
        detector=replace(_ARRAY, dark_current=0.0019, full_well=105_750.0, track_charge=6000.0),
        readout=Readout(gain=2.05, read_noise=11.0, coupling=0.005),
    ),
    "nirspec": RampSettings(
        pattern="NRSRAPID",
        scene=_SPECTRUM,
        detector=replace(_ARRAY, dark_current=0.008, full_well=77_000.0, track_charge=13_300.0),
    ),
}


def configure_ramp(pattern: str = "RAPID", *, serial: int = 0, **changes: Any) -> RampSettings:
    """Return the settings of the instrument that has `pattern`, with `changes` of their fields.

    `serial` is the array whose fixed defects are simulated.

    Raises
    ------
    ValueError
        When a value lies outside its range; the message names both.

    Examples
    --------
    >>> configure_ramp("NRSIRS2", groups=5).readout.gain
    1.0
    """
    require_pattern(pattern)
    settings = INSTRUMENTS[READ_PATTERNS[pattern].instrument]
    settings = replace(settings, pattern=pattern, **changes)
    return replace(settings, detector=replace(settings.detector, serial=serial))


def group_times(settings: RampSettings) -> npt.NDArray[np.float64]:
    """Seconds from the reset to the mean of each group's reads.

    Examples
    --------
    >>> [round(float(t), 1) for t in group_times(configure_ramp("SHALLOW4", groups=2))]
    [26.8, 80.5]
    """
    reads = settings.reads
    first = np.arange(settings.groups) * (reads.frames + reads.gap)
    return np.asarray((first + (reads.frames + 1) / 2.0) * reads.frame_time)
