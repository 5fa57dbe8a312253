"""What images cost inside a FITS file because they are compressed."""

import io

from astropy.io import fits

_CARD_BYTES = 80
# SIMPLE or XTENSION, BITPIX and NAXIS stand in every image header, and PCOUNT and GCOUNT in every extension.
_PLAIN_CARDS = 5


def charged_bytes(file: bytes) -> int:
    """Count everything that stands in a compressed image HDU because it is compressed.

    `file` has an empty primary HDU and one tile-compressed image without further cards. Counted are descriptors and
    heap, and 80 bytes for every header card beyond those of the plain image; not the padding to 2880 bytes, which a
    plain file has too.
    """
    with fits.open(io.BytesIO(file), disable_image_compression=True, do_not_scale_image_data=True) as hdus:
        header = hdus[1].header
        plain_cards = _PLAIN_CARDS + int(header["ZNAXIS"]) + sum(key in header for key in ("BSCALE", "BZERO"))
        return int(header.data_size) + _CARD_BYTES * (len(header) - plain_cards)


def charged_bytes_of_file(compressed: bytes, original: bytes) -> int:
    """Count everything that a file holds for its images: `charged_bytes` for files of any HDUs.

    That is all cards and data of the compressed file, less the cards, and the data other than images, of the original.
    """
    return _contents(compressed, images=True) - _contents(original, images=False)


def _contents(file: bytes, images: bool) -> int:
    """Add up cards and data without padding."""
    with fits.open(io.BytesIO(file), disable_image_compression=True, do_not_scale_image_data=True) as hdus:
        cards = sum(len(hdu.header) for hdu in hdus)
        data = sum(hdu.header.data_size for hdu in hdus if images or not hdu.is_image)
        return int(_CARD_BYTES * cards + data)
