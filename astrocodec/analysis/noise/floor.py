"""Noise floor: what no lossless codec can go below, because noise is what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background, Region, background_map
from astrocodec.analysis.detector.photon_transfer import Transfer
from astrocodec.analysis.extra import require
from astrocodec.analysis.noise.correlated import Correlated
from astrocodec.analysis.noise.entropy import gaussian_bits_of, poisson_read_bits_of
from astrocodec.analysis.noise.local_noise import local_noise
from astrocodec.analysis.plane import Plane, as_plane

# Pixels over which the signal of a source is smoothed before its photon noise is told from it.
_SMOOTH = 1.0
_STRUCTURED = 0.92
_TOO_MUCH = 0.12
_LEAST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Floor:
    """Noise floor of an image.

    Attributes
    ----------
    gaussian : float
        Bits per pixel of the background's noise, as if there were no sources (Pence, Seaman & White 2009); where the
        image has structure, of the noise between neighbours.
    poisson_read : float or None
        Bits per pixel of the noise of each pixel's own signal, photons and amplifier; None if gain, read noise or bias
        are not known.
    bits : ndarray of float32, [y, x]
        Of every pixel: by photons and amplifier where these are known, else by the background's noise; 0 where a pixel
        does not count.
    """

    gaussian: float
    poisson_read: float | None
    bits: NDArray[np.float32]

    @property
    def best(self) -> float:
        """Bits per pixel: `poisson_read` where it is known, else `gaussian`."""
        return self.gaussian if self.poisson_read is None else self.poisson_read


def _signal(plane: Plane, background: Background, mask: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Mean of every pixel as well as one frame tells it: the background, and of sources a smoothed image."""
    if mask is None or not mask.any():
        return background.level
    ndimage = require("scipy.ndimage")
    above = np.where(mask & ~plane.mask, plane.values - background.level, np.float32(0))
    return background.level + np.where(mask, ndimage.gaussian_filter(above, _SMOOTH, truncate=3.0), np.float32(0))


def _smaller(near: NDArray[np.float32], sigma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Both scatter by a percent or two: the smaller one counts where the difference is more than that."""
    return np.where(near < np.float32(_STRUCTURED) * sigma, near, sigma)


def structure_free(plane: Plane, background: Background, *, lag: int = 1) -> NDArray[np.float32]:
    """Noise of every pixel: the background's, or that between neighbours where the image has finer structure; ADU.

    `lag` is as for `local_noise`.

    Examples
    --------
    >>> import numpy as np
    >>> waves = 500 * np.sin(np.arange(200) / 4) + np.random.default_rng(1).normal(0, 5, (200, 200))
    >>> plane = as_plane(waves.round())
    >>> bool(structure_free(plane, background_map(plane)).max() < 20)
    True
    """
    if not background.step:
        return background.noise
    near = local_noise(plane, box=background.box, lag=lag, regions=background.regions)
    return _smaller(near, background.noise)


def noise_floor(
    image: ArrayLike | Plane,
    background: Background | None = None,
    *,
    transfers: Sequence[tuple[Region, Transfer]] = (),
    sources: NDArray[np.bool_] | None = None,
    step: float | None = None,
    correlated: Correlated | None = None,
    lag: int = 1,
) -> Floor:
    """Noise floor of an image.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background, optional
        From `background_map` of the same image; computed if it is not given.
    transfers : sequence of ((slice, slice), Transfer), optional
        Gain, read noise and bias of parts of the image; what is in none is taken by its background's noise.
    sources : ndarray of bool, optional
        True for pixels of sources, from `source_mask`.
    step : float, optional
        ADU between possible values, by default as the image's greatest common divisor tells.
    correlated : Correlated, optional
        Noise of whole rows and columns, which a codec can foretell; without it such noise counts as any other.
    lag : int, optional
        As for `local_noise`, which takes the place of the background's noise where it is well below it: there the image
        has structure.

    Returns
    -------
    Floor

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(1000, 10, (200, 200)).round()
    >>> round(noise_floor(image).gaussian, 1)
    5.4
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    background = background_map(plane) if background is None else background
    unit = np.float32(step or plane.step or 1.0)
    variance = background.noise**2
    if correlated is not None:
        share = 1 - correlated.row_share - correlated.column_share
        # Where hardly anything would be left, the pattern of the rows is no noise, and neighbours tell what is.
        variance = variance * np.float32(share if share > _LEAST_SHARE else 1.0)
    sigma = np.sqrt(variance)
    if background.step:
        sigma = _smaller(local_noise(plane, box=background.box, lag=lag, regions=background.regions), sigma)
    bits = gaussian_bits_of(sigma / unit).astype(np.float32)
    count = ~plane.mask
    pixels = max(1, int(count.sum()))
    gaussian = float(bits[count].sum(dtype=np.float64) / pixels)
    known = [
        (region, t) for region, t in transfers if t.gain is not None and t.bias is not None and t.read_noise is not None
    ]
    is_used = False
    if known:
        signal = _signal(plane, background, sources)
    for region, t in known:
        assert t.gain is not None
        assert t.bias is not None
        assert t.read_noise is not None
        electrons = (signal[region] - np.float32(t.bias)) * np.float32(t.gain)
        of_photons = poisson_read_bits_of(electrons, t.gain * float(unit), t.read_noise)
        # A gain from structure that was taken for noise gives more than neighbouring pixels allow.
        if float(np.median(of_photons[::4, ::4] - bits[region][::4, ::4])) < _TOO_MUCH:
            bits[region] = of_photons
            is_used = True
    bits[~count] = 0
    return Floor(gaussian, float(bits.sum(dtype=np.float64) / pixels) if is_used else None, bits)
