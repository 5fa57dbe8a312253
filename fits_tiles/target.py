"""Outputs that appear whole or not at all; they live with the codec, since HDF5 files need them too."""

from astrocodec.target import FileLike, Target, target_name

__all__ = ["FileLike", "Target", "target_name"]
