"""Visibilities: their codecs, and the sets that they come from."""

from astrocodec.visibility.flags import encode_flags

__all__ = ["encode_flags"]
