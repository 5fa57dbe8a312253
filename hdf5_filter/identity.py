"""The filter's number and name, and where the plugin is."""

from __future__ import annotations

from typing import Final

from astrocodec._native.chunk import library_path

__all__ = ["FILTER_ID", "FILTER_NAME", "PLUGIN_PATH"]

# Of the range for private use until one is assigned: docs/registering.md. native/hdf5/plugin.c has the same number.
FILTER_ID: Final = 44045
FILTER_NAME: Final = "astrocodec"
PLUGIN_PATH: Final = str(library_path().parent)
