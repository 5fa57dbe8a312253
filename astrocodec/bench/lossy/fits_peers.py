"""The lossy tile compressions of the FITS standard, by astropy, as fpack applies them."""

from __future__ import annotations

import io
from functools import partial

import numpy as np
from astropy.io import fits

from astrocodec.bench.fits_size import charged_bytes
from astrocodec.bench.lossy.peer import Coded, Image, LossyPeer

__all__ = ["fits_peers", "read_back"]

# fpack's -q: the noise of a tile over its step.
_LEVELS = (8.0, 4.0, 2.0, 1.0)
_SEED = 1


def read_back(file: bytes) -> Image:
    """Pixels of the only compressed image of a file."""
    with fits.open(io.BytesIO(file)) as hdus:
        return np.array(hdus[1].data)


def _code(compression: str, scale: float | None, image: Image, level: float, noise: float) -> Coded:
    """Quantise tile by tile with subtractive dither, tiles of fpack's shape: rows, for HCOMPRESS 16 of them."""
    options = {} if scale is None else {"hcomp_scale": scale}
    hdu = fits.CompImageHDU(
        image,
        compression_type=compression,
        quantize_level=level,
        quantize_method=1,  # SUBTRACTIVE_DITHER_1
        dither_seed=_SEED,
        **options,
    )
    target = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(target)
    return Coded(charged_bytes(target.getvalue()), read_back(target.getvalue()))


def fits_peers() -> list[LossyPeer]:
    """List them; whole HDUs are charged, all cards and table columns beyond those of the plain image."""
    return [
        LossyPeer("fpack RICE", _LEVELS, "q", partial(_code, "RICE_1", None), "f"),
        LossyPeer("HCOMPRESS", _LEVELS, "q", partial(_code, "HCOMPRESS_1", 0.0), "f"),
        LossyPeer("HCOMPRESS, scale 2.5", (16.0, 8.0, 4.0), "q", partial(_code, "HCOMPRESS_1", 2.5), "f"),
    ]
