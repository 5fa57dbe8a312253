"""Our own lossy ways; whole HDUs are charged, as of fpack."""

from __future__ import annotations

import functools
import io
import math
from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits

import astrocodec
from astrocodec.bench.fits_size import charged_bytes_of_file
from astrocodec.bench.lossy.fits_peers import read_back
from astrocodec.bench.lossy.peer import Coded, Image, LossyPeer

__all__ = ["our_peers"]


def _plain(image: Image) -> bytes:
    """The image as a FITS file."""
    target = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image)]).writeto(target)
    return target.getvalue()


def _quantised(image: Image, level: float, noise: float) -> Coded:
    """astropy's quantiser with subtractive dither before our coder."""
    import fits_tiles

    original, target = _plain(image), io.BytesIO()
    fits_tiles.compress(io.BytesIO(original), target, quantize_level=level, dither=1, dither_seed=1, verify=False)
    compressed = target.getvalue()
    return Coded(charged_bytes_of_file(compressed, original), read_back(compressed))


def _steps(image: Image, loss: astrocodec.Loss) -> Image:
    """About the integers that are coded, to fit a model to."""
    finite = np.isfinite(image) if image.dtype.kind == "f" else np.ones(image.shape, np.bool_)
    step = math.sqrt(loss.variance / loss.unit_variance)
    middle = float(np.median(image[finite]))
    steps = np.where(finite, (np.where(finite, image, middle).astype(np.float64) - middle) / step, 0)
    return np.clip(np.rint(steps), -(2**31), 2**31 - 1).astype(np.int32)


@functools.lru_cache
def _around(shape: tuple[int, ...], dtype: str) -> int:
    """Bytes that a FITS file needs around the stream of an image in one tile: cards, and a row of the table."""
    import fits_tiles

    original, target = _plain(np.zeros(shape, dtype)), io.BytesIO()
    fits_tiles.compress(io.BytesIO(original), target, tile_shape=shape, tune=False, verify=False)
    compressed = target.getvalue()
    with fits.open(io.BytesIO(compressed), disable_image_compression=True) as hdus:
        stream = int(hdus[1].header["PCOUNT"])
    return charged_bytes_of_file(compressed, original) - stream


def _stream(option: str, unit: str, image: Image, level: float, noise: float) -> Coded:
    """A stream, of the general model or of one fitted to the steps, whichever is smaller."""
    bound: dict[str, Any] = {option: f"{level:g}{unit}"}
    around = _around(image.shape, image.dtype.name)
    stream = astrocodec.encode(image, **bound)
    loss = astrocodec.inspect(stream).loss
    if loss is None:
        model = astrocodec.tune(image)
        stream = min(stream, astrocodec.encode(image, model), key=len)
        return Coded(len(stream) + around, astrocodec.decode(stream), None, "such a step is none: nothing is lost")
    if loss.unit_variance > 0:
        model = astrocodec.tune(_steps(image, loss))
        stream = min(stream, astrocodec.encode(image, model, **bound), key=len)
        loss = astrocodec.inspect(stream).loss or loss
    return Coded(len(stream) + around, astrocodec.decode(stream), loss.max_error)


def our_peers() -> list[LossyPeer]:
    """List them, the best first."""
    return [
        LossyPeer(
            "astrocodec, noise +", (0.065, 0.26, 1.0, 4.0), "%", partial(_stream, "noise_increase", "%"), ours=True
        ),
        LossyPeer(
            "astrocodec, max error", (0.125, 0.25, 0.5, 1.0), "sigma", partial(_stream, "max_error", "sigma"), ours=True
        ),
        LossyPeer("astropy's quantiser, our coder", (8.0, 4.0, 2.0, 1.0), "q", _quantised, "f", ours=True),
    ]
