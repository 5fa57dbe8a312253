"""Noise floor: what no lossless codec can go below, because noise is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background, background_map
from astrocodec.analysis.entropy import gaussian_bits_of
from astrocodec.analysis.plane import Plane, as_plane


@dataclass(frozen=True, eq=False)
class Floor:
    """Noise floor of an image.

    Attributes
    ----------
    gaussian : float
        Bits per pixel of the background's noise, as if there were no sources (Pence, Seaman & White 2009).
    poisson_read : float or None
        Bits per pixel of the noise of each pixel's own signal, photons and amplifier; None if gain, read noise or bias
        are not known.
    bits : ndarray of float32, [y, x]
        Of every pixel, from the best of the two that is known.
    """

    gaussian: float
    poisson_read: float | None
    bits: NDArray[np.float32]

    @property
    def best(self) -> float:
        """Bits per pixel: `poisson_read` where it is known, else `gaussian`."""
        return self.gaussian if self.poisson_read is None else self.poisson_read


def noise_floor(image: ArrayLike | Plane, background: Background | None = None, **options: Any) -> Floor:
    """Noise floor of an image."""
    plane = image if isinstance(image, Plane) else as_plane(image)
    background = background_map(plane) if background is None else background
    bits = gaussian_bits_of(background.noise / np.float32(background.step or 1.0)).astype(np.float32)
    return Floor(float(bits.mean()), None, bits)
