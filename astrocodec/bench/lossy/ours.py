"""Our own lossy ways, through the FITS door: whole HDUs are charged, as of fpack."""

from __future__ import annotations

import io

from astropy.io import fits

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


def our_peers() -> list[LossyPeer]:
    """List them, the best first."""
    return [
        LossyPeer("astropy's quantiser, our coder", (8.0, 4.0, 2.0, 1.0), "q", _quantised, "f", ours=True),
    ]
