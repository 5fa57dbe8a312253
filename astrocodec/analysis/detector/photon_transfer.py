"""Photon transfer: gain and read noise from how the noise grows with the signal (Janesick 2001, Scientific CCDs, 2.2).

Variance in ADU squared is read noise squared plus (mean - bias) / gain. Variances come from differences between
neighbours in a row, in which slopes of the signal and offsets of whole rows cancel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Region
from astrocodec.analysis.plane import Plane, as_plane, blocks_of

# Differences beyond so many standard deviations are left out; what that takes from a Gaussian's variance is put back.
_CLIP = 4.0
_KEPT_VARIANCE = 0.998866
# Variance of the mean of n squared differences of neighbours, times n / variance squared: neighbours share a pixel.
_SHARED = 3.0
_LEAST_PAIRS = 64
_LEAST_PATCHES = 3
# Response differs by about this from pixel to pixel; one frame cannot tell such noise from that of photons.
_RESPONSE = 0.01


@dataclass(frozen=True)
class Transfer:
    """Gain and read noise of a frame.

    Attributes
    ----------
    gain, gain_error : float or None
        Electron / ADU, and its standard error; None where the frame does not tell.
    read_noise_adu : float or None
        ADU.
    bias : float or None
        ADU without signal.
    n_patches : int
        Patches of pixels that were used.
    r2 : float
        Share of the variance of the patches' variances that the line explains.
    method : str
        Where the numbers come from: ``"pair"`` or ``"frame"``, with ``" and overscan"`` or ``" and bias"`` where bias
        and read noise were known; ``"counts"`` for an image of counted photons; ``"none"``.
    """

    gain: float | None
    gain_error: float | None
    read_noise_adu: float | None
    bias: float | None
    n_patches: int
    r2: float
    method: str

    @property
    def read_noise(self) -> float | None:
        """Electrons."""
        return None if self.gain is None or self.read_noise_adu is None else self.gain * self.read_noise_adu

    @property
    def is_reliable(self) -> bool:
        """Whether the standard error of the gain is 10 % or less."""
        return self.gain is not None and self.gain_error is not None and self.gain_error <= 0.1 * self.gain


@dataclass(frozen=True, eq=False)
class _Patches:
    """Signal and variance of patches; `weight` is the inverse of the variance's own relative variance."""

    signal: NDArray[np.float64]
    variance: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def count(self) -> int:
        return int(self.signal.size)


_NONE = Transfer(None, None, None, None, 0, 0.0, "none")


def _patches(signal: NDArray[Any], differences: NDArray[Any], good: NDArray[np.bool_], side: int) -> _Patches:
    """Patches of differences between neighbours, of which `differences` has standard deviation sqrt(2)."""
    side = max(2, min(side, *differences.shape))
    used, steps, means = (blocks_of(v, side, side).reshape(-1, side * side) for v in (good, differences, signal))
    enough = used.sum(axis=1) >= max(_LEAST_PAIRS // 4, side * side // 3)
    used, steps, means = used[enough], steps[enough], means[enough]
    if not len(used):
        return _Patches(*(np.zeros(0) for _ in range(3)))
    squares = np.where(used, steps * steps, np.float32(0))
    variance = squares.sum(axis=1, dtype=np.float64) / used.sum(axis=1)
    for _ in range(3):
        inside = squares <= np.float32(_CLIP**2) * variance[:, None].astype(squares.dtype)
        n = np.maximum((inside & used).sum(axis=1), 1)
        variance = np.where(inside, squares, np.float32(0)).sum(axis=1, dtype=np.float64) / n / _KEPT_VARIANCE
    mean = np.where(used, means, np.float32(0)).sum(axis=1, dtype=np.float64) / used.sum(axis=1)
    return _Patches(mean, variance / 2, n / _SHARED)


def _fit(
    patches: _Patches, anchor: tuple[float, float, float] | None
) -> tuple[NDArray[Any], NDArray[Any], float] | None:
    """Line variance(signal) through the patches: coefficients, covariance, r2. Patches far from it are left out.

    `anchor`: signal, variance and weight without light.
    """
    signal, variance, weight = patches.signal, patches.variance, patches.weight
    if anchor is not None:
        signal, variance, weight = (np.append(a, b) for a, b in zip((signal, variance, weight), anchor, strict=True))
    noisy = variance > 0
    if np.ptp(signal) <= 0 or noisy.sum() < _LEAST_PATCHES:
        return None
    keep = noisy
    model = np.full(variance.shape, np.median(variance[keep]))
    origin = float(np.average(signal, weights=weight))
    for _ in range(8):
        w = np.where(keep, weight, 0) / np.maximum(model, 1e-12) ** 2
        design = np.stack([np.ones_like(signal), signal - origin], axis=1)
        normal = design.T @ (design * w[:, None])
        if np.linalg.cond(normal) > 1e14:
            return None
        covariance = np.linalg.inv(normal)
        line = covariance @ (design.T @ (variance * w))
        model = np.maximum(design @ line, 0.05 * np.median(variance[keep & noisy]))
        deviation = (variance - model) / model * np.sqrt(weight)
        spread = max(1.4826 * float(np.median(np.abs(deviation[keep]))), 1.0)
        keep = np.abs(deviation) < 3.5 * spread
        if anchor is not None:
            keep[-1] = True
        if (keep & noisy).sum() < _LEAST_PATCHES:  # patches without any noise, such as a constant border's
            return None
    rest, whole = (w * (variance - model) ** 2).sum(), (w * (variance - np.average(variance, weights=w)) ** 2).sum()
    chi = max(1.0, float((np.where(keep, deviation, 0) ** 2).sum()) / max(1, int(keep.sum()) - 2))
    line[0] -= line[1] * origin
    return line, covariance * chi, float(max(0.0, 1 - rest / whole)) if whole > 0 else 0.0


def _of_frames(planes: Sequence[Plane], region: Region, mask: NDArray[np.bool_], side: int) -> _Patches:
    good = ~mask[region]
    pairs = good[:, 1:] & good[:, :-1]
    if len(planes) == 1:
        values = planes[0].values[region]
        return _patches(values[:, 1:], np.diff(values, axis=1), pairs, side)
    parts = []
    for one, other in itertools.pairwise(planes):
        # The scene and the response of the pixels cancel between the frames.
        difference = (one.values[region] - other.values[region]) / np.float32(math.sqrt(2))
        mean = (one.values[region] + other.values[region]) / 2
        parts.append(_patches(mean[:, 1:], np.diff(difference, axis=1), pairs, side))
    return _Patches(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("signal", "variance", "weight")))


def _without_light(
    planes: Sequence[Plane], region: Region, mask: NDArray[np.bool_]
) -> tuple[float, float, float] | None:
    """Level, variance and weight of an overscan; its first two columns may hold charge that came late."""
    inner = (region[0], slice(region[1].start + 2, region[1].stop))
    if inner[1].stop - inner[1].start < 4 or inner[0].stop - inner[0].start < 4 or mask[inner].mean() > 0.5:
        return None
    found = _of_frames(planes, inner, mask, 16)
    if not found.count:
        return None
    level = float(np.median(planes[0].smooth[inner][~mask[inner]]))
    return level, float(np.average(found.variance, weights=found.weight)), float(found.weight.sum())


def _counts(plane: Plane, mask: NDArray[np.bool_]) -> bool:
    """Whether an image looks like counted photons: no value below 0, mostly 0, steps of 1."""
    return plane.step == 1 and plane.values.min() >= 0 and np.median(plane.values[~mask]) == 0


def photon_transfer(
    image: ArrayLike | Plane | Sequence[ArrayLike | Plane],
    *,
    region: Region | None = None,
    overscan: Region | None = None,
    bias: float | None = None,
    read_noise_adu: float | None = None,
    mask: NDArray[np.bool_] | None = None,
    patch: int = 32,
) -> Transfer:
    """Gain and read noise of one amplifier, by a line through the means and variances of patches of pixels.

    One frame gives a gain if its background varies enough, or if bias and read noise are known from an overscan. Its
    noise contains the differences between the pixels' responses, so that the gain comes out low where pixels hold
    more than about a thousand electrons: give two frames of the same scene, such as flats, where there are any.

    Parameters
    ----------
    image : array_like or Plane, [y, x], or a list or tuple of them
        ADU. Several frames are of the same scene and exposure time.
    region : (slice, slice), optional
        Light-sensitive part, ``(y, x)``; by default everything.
    overscan : (slice, slice), optional
        Part without light, read by the same amplifier.
    bias, read_noise_adu : float, optional
        ADU without light, and read noise in ADU, where they are known otherwise.
    mask : ndarray of bool, optional
        True for pixels that do not count, such as sources.
    patch : int, optional
        Side of the patches in pixels.

    Returns
    -------
    Transfer

    Raises
    ------
    ValueError
        The frames' shapes differ, or no pixel counts.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> electrons = np.linspace(500, 40000, 400) * np.ones((400, 1))
    >>> flats = [(rng.poisson(electrons) + rng.normal(0, 6, electrons.shape)) / 2 + 100 for _ in range(2)]
    >>> found = photon_transfer(flats)
    >>> round(found.gain, 1), found.method, found.is_reliable
    (2.0, 'pair', True)
    """
    several = isinstance(image, list | tuple) and np.ndim(image[0]) == 2 if not isinstance(image, Plane) else False
    frames = image if several else [image]
    planes = [f if isinstance(f, Plane) else as_plane(f) for f in frames]  # type: ignore[arg-type,union-attr]
    shape = planes[0].values.shape
    if any(plane.values.shape != shape for plane in planes):
        raise ValueError(f"frames of shapes {', '.join(str(plane.values.shape) for plane in planes)}: give equal ones")
    hidden = np.logical_or.reduce([plane.mask for plane in planes])
    if hidden.all():
        raise ValueError("no pixel counts: all are masked or NaN")
    everywhere = (slice(0, shape[0]), slice(0, shape[1]))
    dark = None if overscan is None else _without_light(planes, overscan, hidden)
    known = ""
    if dark is not None:
        bias, known = dark[0], " and overscan"
    elif bias is not None and read_noise_adu is not None:
        rounding = planes[0].step ** 2 / 12
        dark, known = (bias, read_noise_adu**2 + rounding, 1e9), " and bias"
    hidden = hidden if mask is None else hidden | mask
    if hidden.all() or shape[1] < 4 or shape[0] < 2:
        return _NONE
    if _counts(planes[0], hidden):
        return Transfer(1.0, 0.0, 0.0, 0.0, 0, 0.0, "counts")
    found = _of_frames(planes, region or everywhere, hidden, patch)
    return _transfer(found, dark, bias, read_noise_adu, planes[0].step, ("pair" if several else "frame") + known)


def _transfer(
    patches: _Patches,
    dark: tuple[float, float, float] | None,
    bias: float | None,
    read_noise_adu: float | None,
    step: float,
    method: str,
) -> Transfer:
    rounding = step**2 / 12
    if dark is not None and read_noise_adu is None:
        read_noise_adu = math.sqrt(max(dark[1] - rounding, 0.0))
    fit = _fit(patches, dark) if patches.count + (dark is not None) >= _LEAST_PATCHES else None
    if fit is None or fit[0][1] <= 0:
        return Transfer(None, None, read_noise_adu, bias, patches.count, 0.0, "none")
    line, covariance, r2 = fit
    gain = 1 / float(line[1])
    error = gain * gain * math.sqrt(float(covariance[1, 1]))
    if bias is not None and read_noise_adu is None:
        read_noise_adu = math.sqrt(max(float(line[0] + line[1] * bias) - rounding, 0.0))
    if not method.startswith("pair"):
        electrons = gain * max(0.0, float(np.median(patches.signal)) - (bias or 0.0))
        error = math.hypot(error, gain * electrons * _RESPONSE**2)
    if dark is not None and dark[1] < 0.3 * step**2:
        # So little noise is rounded to anything between nothing and a twelfth of a step squared.
        error = math.hypot(error, gain * rounding / max(float(np.median(patches.variance)) - dark[1], 1e-12))
    return Transfer(gain, error, read_noise_adu, bias, patches.count, r2, method)
