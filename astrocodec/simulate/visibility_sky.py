"""Sources as an interferometer hears them: coherencies of baselines, with fringes and their smearing.

A source is a Gaussian, of no width for points, so its visibilities need no image: ``S exp(-2 pi i (u l + v m + w (n -
1)))`` times the transform of its shape. Fluxes follow counts of the power -1.5, as those of Euclidean space do;
extended emission is a sum of wide ones. One source far outside the beam, as Cygnus A is for LOFAR, turns fast and is
smeared most. Smearing over a channel and an integration is that of Bridle & Schwab 1999 (ASP Conf. 180, chapter 18).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from astrocodec.simulate.sky import FWHM_TO_SIGMA, Floats

LIGHT = 299_792_458.0  # m / s
Complexes = npt.NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources of a field, [source], as the stations' beam lets them through at the band's middle."""

    lmn: Floats  # direction cosines toward east and north, and n - 1: [source, 3]
    flux: Floats  # Jy
    index: Floats  # spectral, of flux as a power of frequency
    width: Floats  # full width at half maximum, radian
    polarised: npt.NDArray[np.complex128]  # fraction (Q + i U) / I in the middle of the band
    rotation: Floats  # measure, radian / m2


def draw_sources(
    number: int, brightest: float, diffuse: float, outlier: float, fwhm: float, rng: np.random.Generator
) -> Sources:
    """Draw sources within the beam of `fwhm` radian, 12 of extended emission, and one far outside it; fluxes in Jy."""
    # The k-th brightest of a Poisson process whose counts above S go as S**-1.5.
    flux = brightest * np.cumsum(rng.exponential(size=number)) ** (-1 / 1.5)
    flux = np.minimum(flux, 2.0 * brightest)
    sigma = 1.3 * fwhm * FWHM_TO_SIGMA
    places = rng.normal(0.0, sigma, (number, 2))
    beam = np.exp(-4 * math.log(2) * (places**2).sum(axis=1) / fwhm**2)
    width = np.where(rng.uniform(size=number) < 0.3, fwhm * 10 ** rng.uniform(-3.0, -1.8, number), 0.0)
    wide = 12 if diffuse > 0 else 0
    shares = rng.uniform(0.2, 1.0, wide)
    far = rng.uniform(0, 2 * math.pi)
    reach = min(12.0 * fwhm, 0.7)
    lm = np.concatenate([
        places,
        rng.normal(0.0, fwhm * FWHM_TO_SIGMA, (wide, 2)),
        [[reach * math.cos(far), reach * math.sin(far)]],
    ])  # fmt: skip
    total = number + wide + 1
    parts = [flux * beam, diffuse * shares / max(shares.sum(), 1e-9), [outlier]]
    angle = rng.uniform(0, 2 * math.pi, total)
    return Sources(
        np.column_stack([lm, np.sqrt(1 - (lm**2).sum(axis=1)) - 1]),
        np.concatenate(parts),
        np.concatenate([rng.normal(-0.75, 0.2, number), np.full(wide, -0.55), [-0.8]]),
        np.concatenate([width, fwhm * 10 ** rng.uniform(-1.3, -0.3, wide), [0.0]]),
        rng.uniform(0, 0.04, total) * np.exp(1j * angle),
        rng.normal(0.0, 10.0, total),
    )


def coherencies(
    sources: Sources, uvw: Floats, before: Floats, after: Floats, frequencies: Floats, width: float
) -> tuple[Complexes, Complexes, Complexes]:
    """
    Return Stokes I, Q and U of baselines, complex64 [baseline, freq], Jy.

    `uvw` are their (u, v, w) in the middle of an integration, `before` and `after` at its ends, metres, [baseline, 3];
    `frequencies` and the `width` of a channel are Hz.
    """
    shape = (len(uvw), len(frequencies))
    intensity, q, u = (np.zeros(shape, np.complex64) for _ in range(3))
    middle = float(frequencies.mean())
    ratio = frequencies / middle
    squares = (LIGHT / frequencies) ** 2
    for lmn, flux, index, size, polarised, rotation in zip(
        sources.lmn, sources.flux, sources.index, sources.width, sources.polarised, sources.rotation, strict=True
    ):
        delay = uvw @ lmn / LIGHT
        turned = (after - before) @ lmn / LIGHT
        smeared = np.sinc(width * delay) * np.sinc(middle * turned)
        fringes = _fringes(delay, frequencies, smeared)
        if size > 0:
            scale = (math.pi * size / LIGHT) ** 2 / (4 * math.log(2))
            lengths = (uvw[:, :2] ** 2).sum(axis=1)
            fringes *= np.exp(-scale * np.multiply.outer(lengths, frequencies**2)).astype(np.float32)
        spectrum = flux * ratio**index
        linear = polarised * np.exp(2j * rotation * (squares - squares.mean())) * spectrum
        for sums, factor in zip((intensity, q, u), (spectrum, linear.real, linear.imag), strict=True):
            sums += fringes * factor.astype(np.float32)
    return intensity, q, u


def _fringes(delay: Floats, frequencies: Floats, amplitude: Floats) -> Complexes:
    """``amplitude * exp(-2 pi i delay frequency)``, [baseline, freq]: frequencies are evenly spaced, so by doubling."""
    found = np.empty((len(delay), len(frequencies)), np.complex64)
    found[:, 0] = amplitude * np.exp(-2j * math.pi * delay * frequencies[0])
    if len(frequencies) > 1:
        turn = np.exp(-2j * math.pi * delay * (frequencies[1] - frequencies[0]))
        done = 1
        while done < len(frequencies):
            more = min(done, len(frequencies) - done)
            found[:, done : done + more] = found[:, :more] * (turn**done).astype(np.complex64)[:, None]
            done += more
    return found
