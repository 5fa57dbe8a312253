"""Ordered work on a stream of items; it lives with the codec, since HDF5 files need it too."""

from astrocodec.parallel import ordered_map

__all__ = ["ordered_map"]
