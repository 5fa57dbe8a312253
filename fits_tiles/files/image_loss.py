"""What an image has lost, of what its tiles say."""

from __future__ import annotations

from astrocodec.files.file_report import ImageLoss
from astrocodec.files.image_loss import image_loss
from fits_tiles.files.bounded_image import scaling_of
from fits_tiles.files.tiles_io import losses_in
from fits_tiles.layout.blocks import Hdu, split_cards
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.loss_cards import says_lossy

__all__ = ["loss_in"]


def loss_in(fd: int, hdu: Hdu, where: str) -> ImageLoss | None:
    """Return what an image in a table of ours has lost; None where all of its tiles are exact."""
    cards = split_cards(restore_header(hdu.cards, where).header)
    return image_loss(losses_in(fd, hdu).values(), abs(scaling_of(cards)[0]), says_lossy(cards))
