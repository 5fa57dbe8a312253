"""The codec "elic"."""

from __future__ import annotations

from astrocodec.lossy.elic_tiles import ElicTiles
from astrocodec.lossy.picture_codec import PictureCodec


def elic() -> PictureCodec:
    """Make the codec."""
    return PictureCodec(68, "elic", ("groups",), ElicTiles)
