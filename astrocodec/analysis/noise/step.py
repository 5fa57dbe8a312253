"""Suggested step: how coarsely pixels may be rounded before their noise grows by a given share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from astrocodec.analysis.noise.entropy import gaussian_bits


@dataclass(frozen=True)
class SuggestedStep:
    """A step for bounded-error coding.

    Attributes
    ----------
    step : float
        ADU between the values that are kept; not below the image's own step.
    added_noise : float
        Share by which the standard deviation grows, 0.01 for 1 %.
    saved_bits : float
        Bits per pixel that the noise then takes less, by its entropy.
    """

    step: float
    added_noise: float
    saved_bits: float


def suggested_step(noise: float, *, added: float = 0.01, unit: float = 1.0) -> SuggestedStep:
    """The widest step that adds at most a share `added` to noise of standard deviation `noise`.

    A step s spreads evenly over s ADU and adds s**2 / 12 to the variance; values rounded to `unit` before have that
    much in them already: (s**2 - unit**2) / 12 is added (Pence, Seaman & White 2009, PASP 121, 414; Price-Whelan
    & Hogg 2010, PASP 122, 207). ``fits-compress --noise-increase 1%``, ``encode(..., noise_increase="1%")`` add a
    share to the noise in fewer bits than rounding takes.

    Parameters
    ----------
    noise : float
        ADU, before rounding.
    added : float, optional
        Share.
    unit : float, optional
        ADU between possible values now, of which the step is a multiple; 0 where they are continuous.

    Raises
    ------
    ValueError
        A number is negative.

    Examples
    --------
    >>> suggested_step(100.0, unit=0.0).step.__round__(1)
    49.1
    >>> suggested_step(12.0).step
    5.0
    """
    if min(noise, added, unit) < 0:
        raise ValueError(f"noise {noise}, added {added}, unit {unit}: none may be negative")
    variance = noise**2 + unit**2 / 12
    widest = math.sqrt(12 * variance * ((1 + added) ** 2 - 1) + unit**2)
    step = max(unit, math.floor(widest / unit + 1e-9) * unit) if unit else widest
    if not variance or not step:
        return SuggestedStep(step, 0.0, 0.0)
    grown = math.sqrt(1 + (step**2 - unit**2) / 12 / variance) - 1
    if not unit:  # continuous values: against noise sampled as finely as floats are stored there is no entropy
        return SuggestedStep(step, grown, 0.0)
    return SuggestedStep(step, grown, gaussian_bits(noise / unit) - gaussian_bits(noise / step))
