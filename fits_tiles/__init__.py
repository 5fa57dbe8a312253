"""
FITS door of astrocodec: ASTROCODEC_1 tiles in FITS files, and the astropy hook that reads and writes them.

Importing this package registers ``ASTROCODEC_1`` with astropy.
"""

import warnings

from astrocodec.errors import DifferenceError
from fits_tiles.files.check import info, verify
from fits_tiles.files.compress import compress
from fits_tiles.files.decompress import decompress
from fits_tiles.files.report import FileReport, HduReport
from fits_tiles.hooks.astropy_hook import AstropyHookError, register, unregister
from fits_tiles.hooks.hdu import CompImageHDU
from fits_tiles.hooks.options import options

__all__ = [
    "AstropyHookError",
    "CompImageHDU",
    "DifferenceError",
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
