"""Endless 1/f noise in blocks of memory: `PinkNoise.take` gives the next samples of several independent outputs.

A block of 2n samples has a spectrum that falls as 1/f from 1/(2n) to half a cycle per sample. Each block begins in the
middle of the one before, and one fades into the other as cosine into sine, so that the power is the same everywhere and
nothing repeats. Below 1/(2n) the spectrum is flat.
"""

import math

import numpy as np

from astrocodec.simulate.sky import Image

OCTAVES = 20.0  # of the read to which amplitudes refer: 2**20 samples, as many as an output of 2048 x 512 pixels has


class PinkNoise:
    """A source of 1/f noise.

    Parameters
    ----------
    rms : float
        Standard deviation of a stretch of 2**20 samples. A shorter one has fewer octaves, each with the same power
        ``rms**2 / 20``, so that its deviation is smaller.
    lanes : int
        Outputs, each with noise of its own.
    length : int
        Samples over which the noise is correlated; rounded up to a power of two.
    rng : numpy.random.Generator
        Source of the numbers.

    Examples
    --------
    >>> noise = PinkNoise(3.0, 2, 1000, np.random.default_rng(1))
    >>> noise.take(1500).shape, noise.take(10).dtype.name
    ((2, 1500), 'float32')
    """

    def __init__(self, rms: float, lanes: int, length: int, rng: np.random.Generator) -> None:
        self._rng, self._lanes = rng, lanes
        self._length = 1 << max(length - 1, 1).bit_length()
        frequency = np.arange(1, self._length + 1)
        # An octave of a spectrum 1/k holds the power ln 2; irfft divides each pair of terms by half of its size, n.
        power = rms**2 / (OCTAVES * math.log(2.0)) / frequency
        self._filter = (self._length * np.sqrt(power)).astype(np.float32)
        self._fade_in = np.sin(np.arange(self._length, dtype=np.float32) * np.float32(0.5 * math.pi / self._length))
        self._fade_out = np.sqrt(1.0 - self._fade_in**2)
        self._ready = np.empty((lanes, 0), np.float32)
        self._tail = self._block()[:, self._length :]

    def _block(self) -> Image:
        """Noise of 2n samples that joins its own beginning."""
        drawn = self._rng.standard_normal((self._lanes, self._length, 2), dtype=np.float32)
        spectrum = np.zeros((self._lanes, self._length + 1), np.complex64)
        spectrum[:, 1:] = drawn.view(np.complex64)[..., 0] * self._filter
        return np.fft.irfft(spectrum, axis=1).astype(np.float32, copy=False)

    def take(self, count: int) -> Image:
        """Return the next `count` samples, float32, [lane, sample]."""
        parts = [self._ready]
        missing = count - self._ready.shape[1]
        while missing > 0:
            block = self._block()
            part = self._fade_out * self._tail + self._fade_in * block[:, : self._length]
            self._tail = block[:, self._length :]
            parts.append(part)
            missing -= self._length
        samples = np.concatenate(parts, axis=1) if len(parts) > 1 else self._ready
        self._ready = samples[:, count:]
        return samples[:, :count]

    def skip(self, count: int) -> None:
        """Pass over `count` samples; of what is further than the noise remembers nothing is computed."""
        beyond = count - self._ready.shape[1] - 2 * self._length
        self.take(count - max(beyond - beyond % self._length, 0) if beyond > 0 else count)
