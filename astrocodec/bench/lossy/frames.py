"""Frames to measure lossy codecs on: real ones of the corpus, simulated ones whose truth is known, white noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.analysis.compare.catalogue import Catalogue
from astrocodec.bench.datasets import corpus_files, frames
from astrocodec.simulate.sky import Galaxies, Scene, Sky, Stars, draw_stars, make_scene

__all__ = ["LossyFrame", "all_frames", "corpus_floats", "corpus_integers", "cropped", "simulated"]

SIDE = 1024
RAW_SIDE = 512  # of raw frames, of which there are many
# Float images of the corpus that hold pixels with noise: not weights, errors, flags or exposure times.
_FLOATS = (
    ("2mass_asky", 0), ("askap", 0), ("bolocam", 0), ("complete_l1448", 0), ("decam_ooi_20170316", 1),
    ("decam_ooi_20170522", 1), ("gemini-gmos", 1), ("hst-nicmos2_cal", 1), ("hst-nicmos2_drz", 1),
    ("hst-nicmos_mos", 1), ("kepler-ffi", 1), ("lco-sinistro_fl08", 1), ("lco-sinistro_fl10", 1), ("lofar-solar", 0),
    ("sdss-m86", 0), ("spitzer-irac", 0),
)  # fmt: skip
_LEAST_SIDE = 100


@dataclass(frozen=True, eq=False)
class LossyFrame:
    """An image to be coded."""

    name: str
    kind: str  # ``'float'``, ``'raw'``, ``'raw as float'``, ``'simulated'``, ``'white noise'`` or ``'file'``
    pixels: NDArray[Any]  # [y, x]
    truth: Catalogue | None = None  # sources whose fluxes are known


def cropped(plane: NDArray[Any], side: int) -> NDArray[Any]:
    """The middle of an image, at most so many pixels along each side."""
    top, left = (max(0, (length - side) // 2) for length in plane.shape)
    return np.ascontiguousarray(plane[top : top + side, left : left + side])


def corpus_floats() -> Iterator[LossyFrame]:
    """Yield the middle of the real float images, of cubes of their middle plane."""
    for name, hdu in _FLOATS:
        for source in corpus_files(("float",), (name,)):
            for frame in frames(source):
                if frame.hdu == hdu:
                    plane = frame.planes[len(frame.planes) // 2]
                    yield LossyFrame(f"{name}[{hdu}]", "float", cropped(plane, SIDE))


def corpus_integers() -> Iterator[LossyFrame]:
    """Yield a raw frame of each instrument, as integers and as floats."""
    seen = set()
    for source in corpus_files(("raw-int",)):
        for frame in frames(source) if source.group not in seen else ():
            plane = frame.planes[len(frame.planes) // 2]
            if min(plane.shape) < _LEAST_SIDE or plane.dtype.itemsize < 2:
                continue
            seen.add(source.group)
            name, pixels = source.name.removesuffix(".fits.gz"), cropped(plane, RAW_SIDE)
            yield LossyFrame(name, "raw", pixels)
            yield LossyFrame(name, "raw as float", pixels.astype(np.float32))
            break


def simulated(side: int = SIDE) -> Iterator[LossyFrame]:
    """Yield calibrated frames, electrons per second, with Poisson and read noise, and white noise.

    Examples
    --------
    >>> [frame.name for frame in simulated(64)]
    ['stars', 'stars and galaxies', 'few photons', 'white noise']
    """
    stars = Stars(density=1500.0, faintest=2.0, brightest=1e4, bright=0.0)
    scenes = {
        "stars": (Scene(Sky(5.0), stars), 100.0, 4.0),
        "stars and galaxies": (Scene(Sky(5.0), Stars(density=500.0), Galaxies(density=600.0)), 300.0, 4.0),
        "few photons": (Scene(Sky(0.02), Stars(density=600.0, faintest=0.3, brightest=1e3, bright=0.0)), 100.0, 0.0),
    }
    for seed, (name, (scene, seconds, read_noise)) in enumerate(scenes.items(), 1):
        rng = np.random.default_rng(100 + seed)
        light = make_scene(scene, (side, side), np.random.default_rng(seed))
        counts = rng.poisson(light.astype(np.float64) * seconds) + rng.normal(0, read_noise, light.shape)
        catalogue = draw_stars(scene.stars, (side, side), np.random.default_rng(seed)) if scene.stars else None
        truth = None
        if catalogue is not None and scene.stars is not None:
            y, x = catalogue.centres.T
            inside = (np.minimum(x, y) > 0) & (np.maximum(x, y) < side - 1)
            truth = Catalogue.of(x[inside], y[inside], catalogue.fluxes[inside], fwhm=scene.stars.fwhm)
        yield LossyFrame(name, "simulated", (counts / seconds).astype(np.float32), truth)
    noise = np.random.default_rng(0).normal(1000, 10, (side, side))
    yield LossyFrame("white noise", "white noise", noise.astype(np.float32))


def all_frames(names: tuple[str, ...] = ()) -> Iterator[LossyFrame]:
    """Yield all of them whose names contain one of `names`, or all."""
    for part in (corpus_floats, simulated, corpus_integers):
        for frame in part():
            if not names or any(name in frame.name for name in names):
                yield frame
