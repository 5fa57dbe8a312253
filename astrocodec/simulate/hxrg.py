"""A HAWAII-2RG array and its electronics: from electrons held to the input of the converter, read after read.

Noise components and their default strengths follow Rauscher 2015 (PASP 127, 1144): white read noise, 1/f noise common
to all outputs and of each output, alternating column noise, drift of the pedestal, kTC noise of a reset, quieter
reference pixels. Non-linearity is the leading term of a junction whose capacitance grows with its charge. Inter-pixel
capacitance couples a pixel to its four neighbours (Moore et al. 2006, Opt. Eng. 45, 076402).
"""

from dataclasses import dataclass

import numpy as np

from astrocodec.simulate.pink_noise import PinkNoise
from astrocodec.simulate.read_patterns import EXTRA_ROWS, ReadPattern
from astrocodec.simulate.sky import Image, require_range

NOISE_MEMORY = 1 << 20  # samples over which 1/f noise is followed, about one read of the largest array
DRIFT_MEMORY = 64  # reads over which the pedestal drifts


@dataclass(frozen=True)
class Readout:
    """The multiplexer of a HAWAII-2RG and its electronics. Noise is in electrons, rms.

    Attributes
    ----------
    gain : float
        Electron / ADU.
    pedestal, pattern, output_offset : float
        Mean level of an empty pixel; fixed scatter from pixel to pixel, and from output to output, ADU.
    ktc_noise : float
        Scatter of a pixel's level from reset to reset; it stays within a ramp.
    read_noise, reference_noise : float
        White noise of a read, and that of the reference pixels as a fraction of it.
    common_pink, output_pink : float
        1/f noise of all outputs together, and of each by itself, over a read of 2048 x 2048 pixels.
    alternating : float
        1/f noise of opposite sign in even and odd columns of an output.
    drift : float
        1/f noise of an output's level from read to read, over 2**20 reads.
    coupling : float
        Fraction of a pixel's signal that each of its four neighbours shows.
    nonlinearity : float
        Fraction of the signal that is missing at full well; it grows in proportion to the charge.
    persistence, persistence_time : float
        Fraction of the charge at the end of a ramp that traps hold, and the time in which they let go of it, s.
    outputs, border : int
        Outputs, each reading a strip of columns in a direction opposite to that of its neighbours; width of the frame
        of reference pixels. Small arrays have fewer.
    """

    gain: float = 1.0
    pedestal: float = 10_000.0
    pattern: float = 500.0
    output_offset: float = 300.0
    ktc_noise: float = 29.0
    read_noise: float = 5.2
    reference_noise: float = 0.8
    common_pink: float = 3.0
    output_pink: float = 1.0
    alternating: float = 0.5
    drift: float = 4.0
    coupling: float = 0.01
    nonlinearity: float = 0.05
    persistence: float = 0.0
    persistence_time: float = 300.0
    outputs: int = 4
    border: int = 4

    def __post_init__(self) -> None:
        limits: dict[str, tuple[float, float]] = {
            "gain": (1e-6, 1e6), "pedestal": (0.0, 65535.0), "reference_noise": (0.0, 10.0), "coupling": (0.0, 0.2),
            "nonlinearity": (0.0, 0.5), "persistence": (0.0, 1.0), "persistence_time": (1e-3, 1e7), "outputs": (1, 32),
            "border": (0, 64),
        }  # fmt: skip
        noises = ("pattern", "output_offset", "ktc_noise", "read_noise", "common_pink", "output_pink", "alternating")
        for name, (low, high) in (limits | dict.fromkeys((*noises, "drift"), (0.0, 1e5))).items():
            require_range(f"Readout.{name}", getattr(self, name), low, high)


def output_strips(shape: tuple[int, int], readout: Readout) -> tuple[slice, ...]:
    """Columns of each output of an array of `shape`; the last may be narrower.

    Examples
    --------
    >>> output_strips((8, 10), Readout())
    (slice(0, 3, None), slice(3, 6, None), slice(6, 9, None), slice(9, 10, None))
    """
    wide = -(-shape[1] // readout.outputs)
    return tuple(slice(left, min(left + wide, shape[1])) for left in range(0, shape[1], wide))


def active_area(shape: tuple[int, int], readout: Readout) -> tuple[slice, slice]:
    """Rows and columns of an array of `shape` that see light; a small array has a narrower border of reference pixels.

    Examples
    --------
    >>> active_area((64, 6), Readout())
    (slice(2, 62, None), slice(2, 4, None))
    """
    border = min(readout.border, (min(shape) - 1) // 2)
    return slice(border, shape[0] - border), slice(border, shape[1] - border)


def fixed_pattern(shape: tuple[int, int], readout: Readout, serial: int) -> Image:
    """Mean level of each empty pixel, float32 ADU: what a superbias shows. It follows from `serial` alone."""
    rng = np.random.default_rng([serial, 4])
    level = np.float32(readout.pedestal) + np.float32(readout.pattern) * rng.standard_normal(shape, dtype=np.float32)
    for strip in output_strips(shape, readout):
        level[:, strip] += np.float32(readout.output_offset * rng.standard_normal())
    return level


def couple(charge: Image, coupling: float) -> Image:
    """Show a part of each pixel's signal in its four neighbours; the sum stays, but for what leaves at the edges."""
    if coupling == 0.0:
        return charge
    part = np.float32(coupling) * charge
    shown = charge - 4.0 * part
    shown[1:] += part[:-1]
    shown[:-1] += part[1:]
    shown[:, 1:] += part[:, :-1]
    shown[:, :-1] += part[:, 1:]
    return shown


def bend(charge: Image, nonlinearity: float, full_well: float) -> Image:
    """Signal of `charge` (electrons) in a junction whose response falls by `nonlinearity` at `full_well`.

    Examples
    --------
    >>> bend(np.float32([[100.0, 1000.0]]), 0.05, 1000.0).tolist()
    [[99.5, 950.0]]
    """
    return charge * (np.float32(1.0) - np.float32(nonlinearity / full_well) * charge)


class ReadNoise:
    """Noise of one read after the other, electrons: `read` gives the next, `skip` passes over some.

    All outputs are clocked together, so a sample of the common 1/f noise falls on one pixel of each.
    """

    def __init__(
        self, shape: tuple[int, int], readout: Readout, pattern: ReadPattern, rng: np.random.Generator
    ) -> None:
        self._shape, self._readout, self._rng = shape, readout, rng
        self._strips = output_strips(shape, readout)
        wide = self._strips[0].stop
        self._samples = pattern.column_samples(wide)
        self._row, self._rows = pattern.row_samples(wide), shape[0] + EXTRA_ROWS
        count, outputs = self._row * self._rows, len(self._strips)
        self._common = PinkNoise(readout.common_pink, 1, min(count, NOISE_MEMORY), rng)
        self._each = PinkNoise(readout.output_pink, outputs, min(count, NOISE_MEMORY), rng)
        self._pairs = PinkNoise(readout.alternating, outputs, min(-(-count // 2), NOISE_MEMORY // 2), rng)
        self._drift = PinkNoise(readout.drift, outputs, DRIFT_MEMORY, rng)
        self._white = np.full(shape, readout.read_noise * readout.reference_noise, np.float32)
        self._white[active_area(shape, readout)] = readout.read_noise

    def read(self) -> Image:
        """Return the noise of the next read, float32, [y, x]."""
        noise = self._white * self._rng.standard_normal(self._shape, dtype=np.float32)
        rows, half = self._shape[0], -(-self._row // 2)
        slow = self._each.take(self._rows * self._row) + self._common.take(self._rows * self._row)
        slow += self._drift.take(1)
        pairs = self._pairs.take(self._rows * half)
        for output, strip in enumerate(self._strips):
            samples = self._samples[: strip.stop - strip.start]
            lane = slow[output].reshape(self._rows, self._row)[:rows, samples]
            alternating = pairs[output].reshape(self._rows, half)[:rows, samples // 2]
            alternating[:, 1::2] *= -1.0
            # The fast direction turns round from output to output.
            noise[:, strip] += (lane + alternating)[:, :: -1 if output % 2 else 1]
        return noise

    def skip(self, reads: int) -> None:
        """Let time pass for so many reads without looking."""
        if reads:
            self._common.skip(reads * self._rows * self._row)
            self._each.skip(reads * self._rows * self._row)
            self._pairs.skip(reads * self._rows * -(-self._row // 2))
            self._drift.skip(reads)
