"""The codec "qhvae"."""

from __future__ import annotations

from astrocodec.lossy.picture_codec import PictureCodec
from astrocodec.lossy.qhvae_tiles import QhvaeTiles


def qhvae() -> PictureCodec:
    """Make the codec."""
    return PictureCodec(69, "qhvae", ("hierarchy",), QhvaeTiles)
