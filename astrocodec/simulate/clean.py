"""CLEAN: the deconvolution of a dirty image.

Hogbom 1974 (A&AS 15, 417) subtracts the beam at the brightest pixel, a fraction at a time; Schwab 1984 (AJ 89, 1076)
computes the residual anew from the visibilities after some of these steps, so that errors of a beam that is cut to the
image and taken as equal everywhere do not add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from astrocodec.simulate.sky import Floats, require_range


@dataclass(frozen=True)
class Clean:
    """
    Settings of CLEAN.

    Attributes
    ----------
    gain : float
        Part of the brightest pixel that a step takes.
    threshold : float
        Where it ends: brightest residual in units of the image's noise.
    depth : float
        The residual is computed anew when the brightest pixel has fallen to this part.
    cycles, steps : int
        The most of such cycles, and of steps in all.
    """

    gain: float = 0.15
    threshold: float = 3.0
    depth: float = 0.2
    cycles: int = 8
    steps: int = 20_000

    def __post_init__(self) -> None:
        require_range("Clean.gain", self.gain, 1e-3, 1.0)
        require_range("Clean.threshold", self.threshold, 0.0, 1e6)
        require_range("Clean.depth", self.depth, 0.01, 0.99)
        require_range("Clean.cycles", self.cycles, 1, 1000)
        require_range("Clean.steps", self.steps, 0, 10**8)


def subtract_points(residual: Floats, beam: Floats, gain: float, limit: float, steps: int) -> tuple[Floats, int]:
    """Take points off `residual` in place until its brightest pixel is below `limit`; returns what was taken.

    Parameters
    ----------
    residual : ndarray of float64, [y, x]
        Jy / beam.
    beam : ndarray of float64, [2 y, 2 x]
        The dirty beam, 1 at ``[y, x]``.
    gain, limit, steps
        Part of a peak that a step takes, Jy / beam, and the most steps.

    Returns
    -------
    model : ndarray of float64, [y, x]
        Jy / pixel of points.
    taken : int
        Steps.

    Examples
    --------
    >>> beam = np.zeros((8, 8)); beam[4, 4], beam[4, 5] = 1.0, 0.3
    >>> residual = np.zeros((4, 4)); residual[1, 1], residual[1, 2] = 2.0, 0.6
    >>> model, taken = subtract_points(residual, beam, 1.0, 0.1, 10)
    >>> float(model[1, 1]), taken, bool(np.abs(residual).max() < 1e-12)
    (2.0, 1, True)
    """
    rows, columns = residual.shape
    model = np.zeros_like(residual)
    for taken in range(steps):
        y, x = divmod(int(np.argmax(residual)), columns)
        peak = float(residual[y, x])
        if peak <= limit:
            return model, taken
        model[y, x] += gain * peak
        residual -= gain * peak * beam[rows - y : 2 * rows - y, columns - x : 2 * columns - x]
    return model, steps


def clean(
    dirty: Floats, beam: Floats, noise: float, settings: Clean, residual_of: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """CLEAN an image.

    Parameters
    ----------
    dirty : ndarray of float64, [y, x]
        Jy / beam.
    beam : ndarray of float64, [2 y, 2 x]
        The dirty beam, 1 at ``[y, x]``.
    noise : float
        Jy / beam.
    settings : Clean
    residual_of : callable
        The dirty image of what is left when a model (Jy / pixel, [y, x]) is taken off the visibilities.

    Returns
    -------
    model, residual : ndarray of float64, [y, x]
        Jy / pixel of points, and Jy / beam.
    """
    model, residual, left = np.zeros_like(dirty), dirty.copy(), settings.steps
    floor = settings.threshold * noise
    for _ in range(settings.cycles):
        peak = float(residual.max())
        if peak <= floor or left <= 0:
            break
        found, taken = subtract_points(residual, beam, settings.gain, max(floor, settings.depth * peak), left)
        model += found
        left -= taken
        residual = residual_of(model)
    return model, residual
