"""The codec "hyperprior": factorized, scale, mean-scale and joint autoregressive models of one pair of transforms."""

from __future__ import annotations

from astrocodec.lossy.hyperprior_network import KINDS
from astrocodec.lossy.hyperprior_tiles import HyperpriorTiles
from astrocodec.lossy.picture_codec import PictureCodec


def hyperprior() -> PictureCodec:
    """Make the codec."""
    return PictureCodec(67, "hyperprior", KINDS, HyperpriorTiles)
