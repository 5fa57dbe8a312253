"""Dirty images by ducc0's w-gridder, natural weights: how much their rms grows."""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bench.visibilities.sets import VisSet

__all__ = ["dirty_image", "image_growth"]

SIDE = 256
_LIGHT = 299_792_458.0  # m / s
_ACCURACY = 1e-5


def _intensity(vis: NDArray[Any], known: NDArray[np.bool_]) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Sum of the parallel hands, [row, freq], and how many of them there are; hands are the first and the last."""
    hands = [0, vis.shape[3] - 1] if vis.shape[3] == 4 else list(range(min(vis.shape[3], 2)))
    there: NDArray[np.bool_] = np.asarray(known[..., hands].all(axis=-1))
    summed: NDArray[np.complex64] = np.where(there, vis[..., hands].mean(axis=-1), 0).astype(np.complex64)
    weights = np.asarray(there, np.float32)
    return summed.reshape(-1, vis.shape[2]), weights.reshape(-1, vis.shape[2])


def dirty_image(
    data: VisSet, vis: NDArray[Any], known: NDArray[np.bool_], side: int = SIDE
) -> NDArray[np.float64] | None:
    """Image of Stokes I in the unit of `vis`, [y, x]; None where there are no baselines to speak of, or no ducc0."""
    try:
        gridder = importlib.import_module("ducc0").wgridder
    except ImportError:
        return None
    intensity, weights = _intensity(vis, known)
    uvw = np.ascontiguousarray(data.uvw.reshape(-1, 3))
    total = float(weights.sum())
    lengths = np.sqrt((uvw[:, :2] ** 2).sum(axis=1))[weights.any(axis=1)] if total else np.zeros(0)
    if not len(lengths) or lengths.max() <= 0:
        return None
    # Three pixels across the finest fringes, as imagers are told to take.
    pixel = 1 / (3 * float(lengths.max()) * float(data.frequencies.max()) / _LIGHT)
    pixel = min(pixel, 1.2 / side)  # the field must fit the sky
    rising = np.argsort(data.frequencies)
    intensity, weights = np.ascontiguousarray(intensity[:, rising]), np.ascontiguousarray(weights[:, rising])
    found = gridder.vis2dirty(
        uvw=uvw, freq=data.frequencies[rising].astype(np.float64), vis=intensity, wgt=weights, npix_x=side,
        npix_y=side, pixsize_x=pixel, pixsize_y=pixel, epsilon=_ACCURACY, do_wgridding=True, nthreads=1,
        divide_by_n=False,
    )  # fmt: skip
    return np.asarray(found, np.float64)[::-1].T / total


def image_growth(data: VisSet, error: NDArray[Any], known: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Growth of the image's rms, relative, and rms of the error's image over that of thermal noise's, as computed."""
    before, noise = _before(data)
    change = dirty_image(data, error, known)
    if before is None or change is None:
        return None, None
    rms = math.sqrt(float((before**2).mean()))
    grown = math.sqrt(float(((before + change) ** 2).mean()))
    return grown / rms - 1 if rms else None, math.sqrt(float((change**2).mean())) / noise if noise else None


@functools.lru_cache(maxsize=1)
def _before(data: VisSet) -> tuple[NDArray[np.float64] | None, float]:
    """The image of what goes in, and the rms of an image of thermal noise."""
    rng = np.random.default_rng(5)
    draws = rng.standard_normal((*data.vis.shape, 2), np.float32).view(np.complex64)[..., 0]
    thermal = dirty_image(data, draws * np.where(data.noise > 0, data.noise, 0), data.known)
    noise = 0.0 if thermal is None else math.sqrt(float((thermal**2).mean()))
    return dirty_image(data, data.vis, data.known), noise
