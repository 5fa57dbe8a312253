"""
FITS door of astrocodec: ASTROCODEC_1 tiles in FITS files, and the astropy hook that reads and writes them.

Importing this package registers ``ASTROCODEC_1`` with astropy; astropy itself is imported when it is needed.
"""

from typing import TYPE_CHECKING, Any

from astrocodec.errors import DifferenceError
from fits_tiles.check import info, verify
from fits_tiles.compress import compress
from fits_tiles.context import options
from fits_tiles.decompress import decompress
from fits_tiles.report import FileReport, HduReport
from fits_tiles.when_imported import register_with_astropy

if TYPE_CHECKING:
    from fits_tiles.astropy_hook import AstropyHookError, register, unregister
    from fits_tiles.hdu import CompImageHDU

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

# Names whose modules import astropy.
_WITH_ASTROPY = {
    "AstropyHookError": "astropy_hook",
    "CompImageHDU": "hdu",
    "register": "astropy_hook",
    "unregister": "astropy_hook",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_ASTROPY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_WITH_ASTROPY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_with_astropy()
