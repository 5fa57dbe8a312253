"""Signal-to-noise ratio of every pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Background
from astrocodec.analysis.plane import Plane, as_plane


def snr_map(image: ArrayLike | Plane, background: Background) -> NDArray[np.float32]:
    """Signal above the background in units of the background's noise, rounding included.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.
    background : Background
        From `background_map` of the same image.

    Returns
    -------
    ndarray of float32, [y, x]
        Mean 0 and standard deviation 1 where there is no source; NaN where a pixel does not count, 0 where the image
        has neither signal nor noise, infinite where signal stands over no noise.

    Raises
    ------
    ValueError
        The background is of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from astrocodec.analysis import background_map
    >>> image = np.random.default_rng(1).normal(100, 5, (200, 200)).round()
    >>> image[90, 90] = 200
    >>> float(snr_map(image, background_map(image))[90, 90].round(-1))
    20.0
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    if background.level.shape != plane.values.shape:
        raise ValueError(f"background of shape {background.level.shape}, image of {plane.values.shape}")
    signal = plane.values - background.level
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        snr = np.asarray(signal / background.total_noise, np.float32)
    snr[(signal == 0) & ~np.isfinite(snr)] = 0
    snr[plane.mask] = np.nan
    return snr
