"""Uncompressed images: which HDU is one, and whether a header is that of one with given pixels."""

from __future__ import annotations

from math import prod

from astrocodec.errors import FormatError
from fits_tiles.layout.blocks import Hdu, card_value, data_length, find_card, int_card, split_cards
from fits_tiles.layout.headers import TileLayout

__all__ = ["image_shape", "is_plain_image", "plain_layout", "refuse_what_is_no_image"]


def is_plain_image(hdu: Hdu) -> bool:
    """
    Tell whether an HDU is an uncompressed image with pixels.

    Random groups, tables, empty images and images with group parameters are not.
    """
    kind = card_value(find_card(hdu.cards, "XTENSION"))
    if hdu.index and kind != "IMAGE":
        return False
    shape = image_shape(hdu)
    bitpix = int_card(hdu.cards, "BITPIX", hdu.label)
    return bool(shape) and prod(shape) > 0 and hdu.data_bytes == prod(shape) * abs(bitpix) // 8


def image_shape(hdu: Hdu) -> tuple[int, ...]:
    """Return the shape of an uncompressed image in NumPy order."""
    naxis = int_card(hdu.cards, "NAXIS", hdu.label)
    return tuple(int_card(hdu.cards, f"NAXIS{n}", hdu.label) for n in range(naxis, 0, -1))


def plain_layout(hdu: Hdu, where: str) -> TileLayout:
    """Return type and shape of an uncompressed image as those of a single tile."""
    shape = image_shape(hdu)
    return TileLayout("zimage", "", int_card(hdu.cards, "BITPIX", where), shape, shape, wide=False)


def refuse_what_is_no_image(header: bytes, layout: TileLayout, where: str, *, primary: bool) -> None:
    """
    Raise an error where a header is not that of an image HDU with these pixels: no file may end up with it.

    Raises
    ------
    FormatError
    """
    cards = split_cards(header)
    hdu = Hdu(0 if primary else 1, 0, header, len(header), data_length(cards, where, primary=primary), 0)
    kind = find_card(cards, "SIMPLE" if primary else "XTENSION")
    found = (int_card(cards, "BITPIX", where), image_shape(hdu))
    if not cards or kind != cards[0] or not is_plain_image(hdu) or found != (layout.bitpix, layout.shape):
        raise FormatError(
            f"{where}: the cards of the image give no FITS image of {layout.shape} pixels with BITPIX {layout.bitpix}: "
            f"they begin with {bytes(cards[0][:30]) if cards else b''!r}, say BITPIX {found[0]} and shape {found[1]}"
        )
