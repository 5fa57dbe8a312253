"""Visibilities: their codecs, their noise, and the sets that they come from."""

from astrocodec.visibility.codec import encode, noise_growth
from astrocodec.visibility.flags import encode_flags
from astrocodec.visibility.noise import estimate_noise

__all__ = ["encode", "encode_flags", "estimate_noise", "noise_growth"]
