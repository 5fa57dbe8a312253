"""Gain, read noise and saturation of a detector as the cards of observatories tell them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from fits_tiles.layout.blocks import card_value
from fits_tiles.layout.z_keywords import keyword_of

__all__ = ["Detector", "detector_of", "number_in"]

# The first that a header has counts: cameras note in EGAIN what they reach, in GAIN often what they are set to. One
# letter or number behind it is an amplifier's.
_GAINS = tuple(re.compile(rf"{name}([A-Z]|\d\d?)?$") for name in ("EGAIN", "ATODGAIN", "CCDGAIN", "GAIN"))
_READ_NOISES = tuple(
    re.compile(rf"{name}([A-Z]|\d\d?)?$") for name in ("RDNOISE", "READNOIS", "READNSE", "RDNOIS", "RON", "ENOISE")
)
_SATURATIONS = tuple(re.compile(rf"{name}([A-Z]|\d\d?)?$") for name in ("SATURATE", "SATURAT", "SATLEVEL", "SATLEV"))
_INVERSE = re.compile(rb"/.*\b(adu|dn|counts?)\s*(/|per)\s*(e\b|e-|electron|photon)", re.IGNORECASE)


@dataclass(frozen=True)
class Detector:
    """Electrons for a unit, read noise in electrons, the value from which on pixels are saturated; None: unknown."""

    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None


def number_in(card: bytes | None) -> float | None:
    """
    Return the number in a card, of a text too; None where there is none.

    Examples
    --------
    >>> number_in(b"GAIN    = 1.5D0 / e-/ADU".ljust(80)), number_in(b"GAIN    = ' 2.5 '".ljust(80))
    (1.5, 2.5)
    """
    value = card_value(card)
    if value is None or isinstance(value, bool):
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    try:
        found = float(text.upper().replace("D", "E"))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def detector_of(cards: tuple[bytes, ...]) -> Detector:
    """
    Read a header. Of several amplifiers that count which promises the least noise, and the lowest saturation.

    A gain whose comment says ADU for an electron is turned round.

    Examples
    --------
    >>> cards = (b"GAINA   = 4.2", b"GAINB   = 4.0", b"RDNOISEA= 7.5", b"RDNOISEB= 6.5", b"SATURATE= 41000")
    >>> detector_of(tuple(card.ljust(80) for card in cards))
    Detector(gain=4.2, read_noise=6.5, saturation=41000.0)
    >>> detector_of((b"GAIN    = 0.5 / [adu/e-]".ljust(80),)).gain
    2.0
    """
    gains = _values(cards, _GAINS, is_gain=True)
    return Detector(
        max(gains, default=None),
        min(_values(cards, _READ_NOISES), default=None),
        min(_values(cards, _SATURATIONS), default=None),
    )


def _values(cards: tuple[bytes, ...], names: tuple[re.Pattern[str], ...], *, is_gain: bool = False) -> list[float]:
    """Positive numbers of the first of these keywords that has one."""
    for name in names:
        found = []
        for card in cards:
            if name.match(keyword_of(card)) and (value := number_in(card)) is not None and value > 0:
                found.append(1 / value if is_gain and _INVERSE.search(card) else value)
        if found:
            return found
    return []
