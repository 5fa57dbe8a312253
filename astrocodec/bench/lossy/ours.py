"""Our own lossy ways, through the FITS door: whole HDUs are charged, as of fpack."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits

from astrocodec.bench.fits_size import charged_bytes_of_file
from astrocodec.bench.lossy.peer import Coded, Image, LossyPeer

__all__ = ["our_peers"]


def _through_fits(image: Image, **options: Any) -> tuple[int, Image, float | None]:
    """Bytes that a file needs for the image, its pixels, and the bound that its header states."""
    import fits_tiles

    original, target = io.BytesIO(), io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image)]).writeto(original)
    fits_tiles.compress(io.BytesIO(original.getvalue()), target, verify=False, **options)
    compressed = target.getvalue()
    with fits.open(io.BytesIO(compressed)) as hdus:
        pixels = np.array(hdus[1].data)
        bound = hdus[1].header.get("ACMAXERR")
    return charged_bytes_of_file(compressed, original.getvalue()), pixels, bound


def _quantised(image: Image, level: float, noise: float) -> Coded:
    """astropy's quantiser with subtractive dither before our coder."""
    n_bytes, pixels, _ = _through_fits(image, quantize_level=level, dither=1, dither_seed=1)
    return Coded(n_bytes, pixels)


def _bounded(option: str, unit: str, image: Image, level: float, noise: float) -> Coded:
    """Within a bound; the model is fitted to the steps."""
    n_bytes, pixels, bound = _through_fits(image, **{option: f"{level:g}{unit}"})
    note = "such a step is none: nothing is lost" if bound is None else ""
    return Coded(n_bytes, pixels, bound, note)


def _added(image: Image, level: float, noise: float) -> Coded:
    """Errors of one root mean square in all of the image, so many of its noises."""
    return _bounded("noise_increase", " adu", image, float(f"{level * noise:.6g}"), noise)


def our_peers() -> list[LossyPeer]:
    """List them, the best first."""
    increase, error = (partial(_bounded, *names) for names in (("noise_increase", "%"), ("max_error", "sigma")))
    return [
        LossyPeer("astrocodec, noise +", (0.065, 0.26, 1.0, 4.0), "%", increase, ours=True),
        LossyPeer("astrocodec, added noise", (0.036, 0.072, 0.142, 0.286), "sigma", _added, ours=True),
        LossyPeer("astrocodec, max error", (0.125, 0.25, 0.5, 1.0), "sigma", error, ours=True),
        LossyPeer("astropy's quantiser, our coder", (8.0, 4.0, 2.0, 1.0), "q", _quantised, "f", ours=True),
    ]
