"""What a tile-compressed image costs inside a FITS file."""

import io

from astropy.io import fits

_CARD_BYTES = 80
# SIMPLE or XTENSION, BITPIX, NAXIS, PCOUNT and GCOUNT stand in a plain image extension too; so does one card per axis.
_PLAIN_CARDS = 5


def charged_bytes(file: bytes) -> int:
    """Count everything that stands in a compressed image HDU because it is compressed.

    Parameters
    ----------
    file : bytes
        A FITS file of an empty primary HDU and one tile-compressed image.

    Returns
    -------
    int
        Descriptors and heap, and 80 bytes for every header card beyond those of the plain image. The padding to 2880
        bytes is not counted: a plain file has it too.
    """
    with fits.open(io.BytesIO(file), disable_image_compression=True, do_not_scale_image_data=True) as hdus:
        header = hdus[1].header
        plain_cards = _PLAIN_CARDS + int(header["ZNAXIS"]) + sum(key in header for key in ("BSCALE", "BZERO"))
        table = int(header["NAXIS1"]) * int(header["NAXIS2"]) + int(header["PCOUNT"])
        return table + _CARD_BYTES * (len(header) - plain_cards)
