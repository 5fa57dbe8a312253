"""Amplifiers: where a detector's readouts meet, and where its overscan lies, as steps in its rows and columns tell."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.analysis.background import Region
from astrocodec.analysis.plane import Plane, as_plane

# Pixels on either side of a border that are compared; narrower regions are not seen.
_REACH = 6
_LASTING = 18
# Steps below so many times their usual scatter are chance.
_SIGNIFICANT = 8.0
_LINES = 768
# An overscan takes at most this share of a frame's columns or rows.
_WIDEST = 0.15
_MOST_BORDERS = 40
_MAD = 1.4826


@dataclass(frozen=True)
class Amplifiers:
    """Layout of a detector, from one frame of it or from its header.

    Attributes
    ----------
    columns, rows : tuple of int
        First column or row behind each border.
    data : tuple of (slice, slice)
        Light-sensitive part of each amplifier, ``(y, x)``.
    overscan : tuple of (slice, slice)
        Overscan, prescan, and what else has no light.
    bias : tuple of ((slice, slice) or None)
        The overscan of each of `data`, where the file tells it; empty where only their places do.
    """

    columns: tuple[int, ...]
    rows: tuple[int, ...]
    data: tuple[Region, ...]
    overscan: tuple[Region, ...]
    bias: tuple[Region | None, ...] = ()

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions, which together make up the frame."""
        return self.data + self.overscan


def _sampled(values: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Rows of the image, evenly spread, NaN where masked."""
    rows = slice(None, None, max(1, values.shape[0] // _LINES))
    return np.where(mask[rows], np.nan, values[rows]) if mask[rows].any() else values[rows]


def _profile(values: NDArray[Any]) -> NDArray[Any]:
    """Median of each column. Columns without a pixel take their neighbours'."""
    if not np.isnan(values).any():
        return np.asarray(np.median(values, axis=0), np.float64)
    full = ~np.isnan(values).all(axis=0)
    x = np.arange(values.shape[1])
    return np.asarray(np.interp(x, x[full], np.nanmedian(values[:, full], axis=0)) if full.any() else np.zeros(x.size))


def _scatter(values: NDArray[Any]) -> NDArray[Any]:
    """Robust noise of each column, from differences between the sampled rows."""
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(values, axis=0))
    return np.asarray(_MAD / np.sqrt(2) * _profile(steps))


def _local_scatter(profile: NDArray[Any]) -> NDArray[Any]:
    """Scatter of the profile within windows on both sides of each place, the larger of the two."""
    windows = np.lib.stride_tricks.sliding_window_view(profile, _LASTING)
    scatter = windows.std(axis=1)
    after = np.pad(scatter, (0, _LASTING - 1), constant_values=np.inf)
    before = np.pad(after, (_LASTING, 0), constant_values=np.inf)[: after.size]
    return np.asarray(np.maximum(after, before))


def _borders(profile: NDArray[Any], noise: float) -> list[int]:
    """Places at which the profile steps from one pixel to the next, and stays there."""
    n = profile.size
    if n < 2 * _LASTING:
        return []
    windows = np.median(np.lib.stride_tricks.sliding_window_view(profile, _REACH), axis=1)
    steps = np.zeros(n)
    inner = np.arange(_REACH, n - _REACH + 1)
    steps[inner] = windows[inner] - windows[inner - _REACH]
    usual = max(_MAD * float(np.median(np.abs(steps[inner]))), noise)
    size, jump = np.abs(steps), np.abs(np.diff(profile, prepend=profile[0]))
    found: list[int] = []
    # A quiet overscan may show what is chance among the pixels with light.
    calm = _local_scatter(profile) * np.sqrt(2 / _REACH)
    for x in np.flatnonzero(size > _SIGNIFICANT * np.minimum(usual, np.maximum(1.5 * calm, noise))):
        near = slice(max(0, x - _REACH), x + _REACH + 1)
        # The step of a single pixel is where the border is: windows are as good one pixel beside it.
        if jump[x] < jump[near].max() or size[x] < 0.7 * size[near].max():
            continue
        # Sharp: neither neighbour of the border belongs to the other side; stars and spectral lines are wide.
        left, right = windows[x - _REACH], windows[x]
        is_sharp = abs(profile[x - 1] - left) < 0.35 * size[x] and abs(profile[x] - right) < 0.35 * size[x]
        # It lasts: tilted lines have sharp edges too.
        far = float(np.median(profile[x : x + _LASTING]) - np.median(profile[max(0, x - _LASTING) : x]))
        if is_sharp and far * steps[x] > 0 and abs(far) > 0.6 * size[x]:
            found.append(int(x))
    # So many are a pattern of the detector.
    return found if len(found) <= _MOST_BORDERS else []


def _segments(profile: NDArray[Any], scatter: NDArray[Any], borders: list[int]) -> tuple[list[slice], list[slice]]:
    """Stretches between borders: light-sensitive ones, and overscan: narrow, dark, even and not noisier."""
    edges = [0, *borders, profile.size]
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    wide = [part for part in parts if part.stop - part.start > _WIDEST * profile.size]
    if not wide:
        return [slice(0, profile.size)], []
    data: list[slice] = []
    overscan: list[slice] = []
    for part in parts:
        near = min(wide, key=lambda other: abs(other.start + other.stop - part.start - part.stop))
        darker = float(np.median(profile[near]) - np.median(profile[part]))
        is_dark = darker > 2 * np.ptp(np.percentile(profile[part], [10, 90]))
        is_quiet = np.median(scatter[part]) <= 1.1 * np.median(scatter[near])
        (overscan if part not in wide and is_dark and is_quiet else data).append(part)
    return data, overscan


def amplifiers(image: ArrayLike | Plane) -> Amplifiers:
    """Find the borders between amplifiers, and overscan.

    What is seen are steps from one column, or row, to the next: different bias levels, and regions without light. A
    frame without light has no overscan to be seen.

    Parameters
    ----------
    image : array_like or Plane, [y, x]
        ADU.

    Returns
    -------
    Amplifiers

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(1).normal(100, 3, (300, 400))
    >>> image[:, :200] += 20
    >>> image[:, 380:] -= 60
    >>> found = amplifiers(image)
    >>> found.columns, found.rows, found.overscan
    ((200, 380), (), ((slice(0, 300, None), slice(380, 400, None)),))
    """
    plane = image if isinstance(image, Plane) else as_plane(image)
    sides = []
    for values, mask in ((plane.smooth, plane.mask), (plane.smooth.T, plane.mask.T)):
        values = _sampled(values, mask)
        profile, scatter = _profile(values), _scatter(values) if values.shape[0] > 1 else np.zeros(values.shape[1])
        # Error of the difference of two medians over windows, were there only white noise.
        noise = 1.25 * float(np.median(scatter)) * np.sqrt(2 / (_REACH * values.shape[0]))
        borders = _borders(profile, max(noise, 0.02 * plane.step))
        sides.append((borders, *_segments(profile, scatter, borders)))
    (columns, data_x, overscan_x), (rows, data_y, overscan_y) = sides
    data = tuple((y, x) for y in data_y for x in data_x)
    overscan = tuple((y, x) for y in data_y + overscan_y for x in overscan_x)
    overscan += tuple((y, x) for y in overscan_y for x in data_x)
    return Amplifiers(tuple(columns), tuple(rows), data, overscan)
