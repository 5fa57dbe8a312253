"""Cards that tell of a loss: they stand in the header of a lossy image, compressed and restored."""

from __future__ import annotations

from dataclasses import dataclass

from fits_tiles.layout.blocks import CARD, card_value, find_card, split_cards
from fits_tiles.layout.card_format import assemble, text_card
from fits_tiles.layout.z_keywords import keyword_of

__all__ = ["LOSSY", "ImageLoss", "loss_cards", "says_lossy", "without_loss_cards"]

LOSSY = "ACLOSSY"
_KEYWORDS = (LOSSY, "ACMAXERR", "ACLARGST", "ACADDVAR", "ACNOISUP")


@dataclass(frozen=True)
class ImageLoss:
    """
    What the pixels of an image differ by from those of its original.

    Attributes
    ----------
    asked : str
        As the options take it.
    is_relative : bool
        Errors are shares of each pixel's value; else they are in the image's unit, BSCALE applied.
    max_error, largest_error : float
        No pixel differs by more; the largest difference there is.
    variance : float
        Mean of the squared differences, in the square of the image's unit: what was added to the variance.
    noise_increase : float or None
        By what share the noise has grown, of the tile where it did most; None where it was not measured.

    Examples
    --------
    >>> str(ImageLoss("noise_increase 1%", False, 2.5, 2.25, 1.5, 0.0098))
    'noise_increase 1%, within 2.5 (largest error 2.25), added variance 1.5, noise grown by 0.98%'
    """

    asked: str
    is_relative: bool
    max_error: float
    largest_error: float
    variance: float
    noise_increase: float | None

    def __str__(self) -> str:
        """In a few words, for people."""
        of = " of each value" if self.is_relative else ""
        words = f"{self.asked}, within {self.max_error:.6g}{of} (largest error {self.largest_error:.6g})"
        grown = "" if self.noise_increase is None else f", noise grown by {self.noise_increase:.2%}"
        return f"{words}, added variance {self.variance:.6g}{grown}"


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
