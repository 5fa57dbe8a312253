"""FITS door of astrocodec: ASTROCODEC_1 tiles in FITS files, and the astropy hook that reads them."""

from fits_tiles.report import FileReport, HduReport

__all__ = ["FileReport", "HduReport"]
