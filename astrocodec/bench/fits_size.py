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
        return _data_bytes(header) + _CARD_BYTES * (len(header) - plain_cards)


def charged_bytes_of_file(compressed: bytes, original: bytes) -> int:
    """Count everything that a file holds for its images: `charged_bytes` for files of any HDUs.

    That is all cards and data of the compressed file, less the cards, and the data other than images, of the original.
    """
    return _contents(compressed, images=True) - _contents(original, images=False)


def _contents(file: bytes, images: bool) -> int:
    """Add up cards and data without padding."""
    with fits.open(io.BytesIO(file), disable_image_compression=True, do_not_scale_image_data=True) as hdus:
        cards = sum(len(hdu.header) for hdu in hdus)
        data = sum(_data_bytes(hdu.header) for hdu in hdus if images or not hdu.is_image)
        return _CARD_BYTES * cards + data


def _data_bytes(header: fits.Header) -> int:
    """Size of a data unit without its padding."""
    if not header.get("NAXIS", 0):
        return 0
    pixels = 1
    for axis in range(1, int(header["NAXIS"]) + 1):
        pixels *= int(header[f"NAXIS{axis}"])
    groups = int(header.get("GCOUNT", 1)) * (pixels + int(header.get("PCOUNT", 0)))
    return abs(int(header["BITPIX"])) // 8 * groups
