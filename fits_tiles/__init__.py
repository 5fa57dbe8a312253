"""
FITS door of astrocodec: ASTROCODEC_1 tiles in FITS files, and the astropy hook that reads and writes them.

Importing this package registers ``ASTROCODEC_1`` with astropy.
"""

import warnings

from fits_tiles.astropy_hook import AstropyHookError, register, unregister
from fits_tiles.check import info, verify
from fits_tiles.compress import compress
from fits_tiles.context import options
from fits_tiles.decompress import decompress
from fits_tiles.hdu import CompImageHDU
from fits_tiles.report import FileReport, HduReport

__all__ = [
    "AstropyHookError",
    "CompImageHDU",
    "FileReport",
    "HduReport",
    "compress",
    "decompress",
    "info",
    "options",
    "register",
    "unregister",
    "verify",
]

try:
    register()
except AstropyHookError as error:
    # compress and decompress do not need the hook, so they stay usable.
    warnings.warn(str(error), RuntimeWarning, stacklevel=2)
