"""Cards that tell of a loss: they stand in the header of a lossy image, compressed and restored."""

from __future__ import annotations

from astrocodec.files.file_report import ImageLoss
from fits_tiles.layout.blocks import CARD, card_value, find_card, split_cards
from fits_tiles.layout.card_format import assemble, text_card
from fits_tiles.layout.detector_cards import number_in
from fits_tiles.layout.z_keywords import keyword_of

__all__ = ["LOSSY", "label_of", "loss_cards", "says_lossy", "stated_loss", "without_loss_cards"]

LOSSY = "ACLOSSY"
_KEYWORDS = (LOSSY, "ACMAXERR", "ACLARGST", "ACADDVAR", "ACNOISUP")


def _number(keyword: str, value: float | None, comment: str) -> bytes:
    """A card with every digit of a number, so that what is said is not less than it was."""
    text = "" if value is None else repr(float(value)).upper()
    return f"{keyword:8s}= {text:>20s} / {comment}"[:CARD].ljust(CARD).encode("ascii")


def loss_cards(found: ImageLoss | None) -> list[bytes]:
    """
    Return the cards that tell of a loss; None of one that is not known yet, as many.

    Examples
    --------
    >>> for card in loss_cards(ImageLoss("max_error 2", False, 2.0, 2.0, 1.3, None))[:3]:
    ...     print(card.decode().rstrip())
    ACLOSSY = 'max_error 2'        / LOSSY: asked of astrocodec
    ACMAXERR=                  2.0 / no pixel differs by more from the original
    ACLARGST=                  2.0 / the largest difference
    """
    found = found or ImageLoss("", False, 0.0, 0.0, 0.0, None)
    more = "by a larger share" if found.is_relative else "by more from the original"
    return [
        text_card(LOSSY, found.asked, "LOSSY: asked of astrocodec"),
        _number("ACMAXERR", found.max_error, f"no pixel differs {more}"),
        _number("ACLARGST", found.largest_error, f"the largest {'share' if found.is_relative else 'difference'}"),
        _number("ACADDVAR", found.variance, "added to the variance, mean of all pixels"),
        _number("ACNOISUP", found.noise_increase, "by this share the noise has grown"),
    ]


def says_lossy(cards: tuple[bytes, ...]) -> str:
    """Return what was asked of an image by its cards, ``''`` where they tell of no loss."""
    return str(card_value(find_card(cards, LOSSY)) or "")


def label_of(cards: tuple[bytes, ...]) -> str:
    """
    Return what an image that a network made is called by its cards, ``''`` of others.

    Examples
    --------
    >>> label_of((text_card("ACLABEL", "denoised, not for photometry"),)), label_of(())
    ('denoised, not for photometry', '')
    """
    return str(card_value(find_card(cards, "ACLABEL")) or "")


def stated_loss(cards: tuple[bytes, ...]) -> ImageLoss | None:
    """
    Return what an image has lost by its cards, None where they tell of no loss.

    Examples
    --------
    >>> found = ImageLoss("max_error 1%", True, 0.01, 0.009, 1.3, None)
    >>> stated_loss(tuple(loss_cards(found))) == found, stated_loss(()) is None
    (True, True)
    """
    asked = says_lossy(cards)
    if not asked:
        return None
    most, largest, variance, grown = (number_in(find_card(cards, keyword)) for keyword in _KEYWORDS[1:])
    is_relative = asked.startswith("max_error") and asked.endswith("%")
    return ImageLoss(asked, is_relative, most or 0.0, largest or 0.0, variance or 0.0, grown)


def without_loss_cards(header: bytes) -> bytes:
    """
    Return the header that an image had before it was lossy.

    Examples
    --------
    >>> plain = assemble([b"GAIN    = 2".ljust(80)])
    >>> without_loss_cards(assemble([b"GAIN    = 2".ljust(80), *loss_cards(None)])) == plain
    True
    """
    return assemble([card for card in split_cards(header) if keyword_of(card) not in _KEYWORDS])
