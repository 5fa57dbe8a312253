"""What may be lost of an image: a bound in its unit, turned into one of the stored numbers; or why nothing may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from astrocodec import Bound
from astrocodec.files.mask_names import is_mask_name
from fits_tiles.layout.blocks import card_value, find_card
from fits_tiles.layout.detector_cards import Detector, detector_of, number_in
from fits_tiles.layout.loss_cards import says_lossy

__all__ = ["HEADER", "ImageBound", "LossOptions", "NotLossyError", "scaling_of"]

HEADER = "header"
# Units that a gain in a header counts electrons of; others are those of calibrated images, to which it does not apply.
_COUNTS = {"", "ADU", "ADUS", "DN", "COUNT", "COUNTS", "CTS", "ELECTRON", "ELECTRONS", "E", "E-"}
_UNSIGNED = {8: -128.0, 16: 32768.0, 32: 2147483648.0}  # BZERO of integers of the other kind


class NotLossyError(Exception):
    """Why an image is kept as it is, though a loss is allowed."""


@dataclass(frozen=True)
class ImageBound:
    """
    A bound of the stored numbers of an image.

    Attributes
    ----------
    bound : Bound
    turned : bool
        The numbers are those that BZERO makes of the stored integers, which have their highest bit turned.
    note : str
        What to know of it.
    """

    bound: Bound
    turned: bool = False
    note: str = ""


@dataclass(frozen=True)
class LossOptions:
    """
    What `fits_tiles.compress` was asked for, in the unit of the image.

    Examples
    --------
    >>> cards = tuple(card.ljust(80) for card in (b"BSCALE  = 0.5", b"BLANK   = -1", b"GAIN    = 3"))
    >>> found = LossOptions(max_error="2 adu").of_image(cards, 16).bound
    >>> found.max_error, found.blank
    (4.0, -1)
    >>> LossOptions(noise_increase="1%", gain="header").of_image(cards, 16).bound.gain
    1.5
    """

    max_error: float | str | None = None
    noise_increase: float | str | None = None
    gain: float | str | None = None
    read_noise: float | None = None
    dither: bool | None = None
    protect_sources: bool = False
    saturation: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.gain, str) and self.gain != HEADER:
            raise ValueError(f"gain is {self.gain!r}, electrons per unit or {HEADER!r} are needed")
        self._bound(Detector(1.0 if self.gain == HEADER else self.gain, self.read_noise, self.saturation))  # type: ignore[arg-type]

    def _bound(self, detector: Detector) -> Bound:
        return Bound(
            self.max_error,
            self.noise_increase,
            detector.gain,
            detector.read_noise,
            self.dither,
            self.protect_sources,
            detector.saturation,
        )

    def _detector(self, cards: tuple[bytes, ...], primary: tuple[bytes, ...]) -> Detector:
        """What is given, and for the rest what headers say where they are to be asked."""
        given = Detector(None, self.read_noise, self.saturation)
        if self.gain != HEADER:
            return replace(given, gain=self.gain)  # type: ignore[arg-type]
        unit = str(card_value(find_card(cards, "BUNIT")) or "").strip().upper()
        if unit not in _COUNTS:
            return replace(given, read_noise=None)
        own, first = detector_of(cards), detector_of(primary)
        names = ("gain", "read_noise", "saturation")
        told = {name: getattr(given, name) or getattr(own, name) or getattr(first, name) for name in names}
        if unit.startswith("E"):
            told["gain"] = 1.0
        return Detector(**told) if told["gain"] else Detector(None, None, told["saturation"])

    def of_image(
        self,
        cards: tuple[bytes, ...],
        bitpix: int,
        primary: tuple[bytes, ...] = (),
        source: tuple[bytes, ...] = (),
    ) -> ImageBound:
        """
        Return the bound of the stored numbers of an image.

        Parameters
        ----------
        cards : tuple of bytes
            Of the image.
        bitpix : int
        primary : tuple of bytes, optional
            Of the file's primary HDU, which may tell of the detector.
        source : tuple of bytes, optional
            Of the tiles of another program that the image was in.

        Raises
        ------
        NotLossyError
        """
        if bitpix == 64:
            raise NotLossyError("integers of 64 bits have no bound")
        if asked := says_lossy(cards):
            raise NotLossyError(f"it has lost something before ({asked})")
        if _lost_before(source):
            raise NotLossyError("it has lost something in the tiles that it was in")
        if name := _mask_name(cards):
            raise NotLossyError(f"{name} is the name of a mask")
        scale, zero = scaling_of(cards)
        detector = self._detector(cards, primary)
        bound, turned = self._bound(detector), False
        if bound.kind == "relative" and zero:
            if scale != 1 or zero != _UNSIGNED.get(bitpix):
                raise NotLossyError(f"with BZERO = {zero:g} stored numbers are not in proportion to values")
            turned = True
        if scale < 0 and (bound.gain or bound.protect_sources or bound.saturation is not None):
            raise NotLossyError(f"with BSCALE = {scale:g} bright pixels are small numbers")
        size = abs(scale)
        changes: dict[str, Any] = {}
        if bound.kind == "absolute":
            changes["max_error"] = bound.value / size
        if bound.kind == "added":
            changes["noise_increase"] = f"{bound.value / size!r} adu"
        if bound.gain is not None:
            changes["gain"] = bound.gain * size
        if bound.saturation is not None:
            changes["saturation"] = (bound.saturation - (0 if turned else zero)) / scale
        blank = card_value(find_card(cards, "BLANK")) if bitpix > 0 else None
        if isinstance(blank, int) and not isinstance(blank, bool) and _holds(bitpix, blank):
            changes["blank"] = blank + int(zero) if turned else blank
        missed = "no GAIN in its header that its unit allows, so steps do not grow with the signal"
        return ImageBound(replace(bound, **changes), turned, missed if self.gain == HEADER and not bound.gain else "")


def scaling_of(cards: tuple[bytes, ...]) -> tuple[float, float]:
    """BSCALE, 1 where it is 0 or none, and BZERO of an image."""
    return number_in(find_card(cards, "BSCALE")) or 1.0, number_in(find_card(cards, "BZERO")) or 0.0


def _holds(bitpix: int, value: int) -> bool:
    return 0 <= value < 256 if bitpix == 8 else -(1 << bitpix - 1) <= value < 1 << bitpix - 1


def _mask_name(cards: tuple[bytes, ...]) -> str:
    name = str(card_value(find_card(cards, "EXTNAME")) or "")
    return name if is_mask_name(name) else ""


def _lost_before(source: tuple[bytes, ...]) -> bool:
    """Tell whether tiles of another program lost something: quantised floats, or HCOMPRESS with a scale."""
    columns = {card_value(find_card(source, f"TTYPE{n}")) for n in range(1, 10)}
    if "ZSCALE" in columns or find_card(source, "ZSCALE") is not None:
        return True
    values = (
        number_in(find_card(source, f"ZVAL{n}"))
        for n in range(1, 10)
        if card_value(find_card(source, f"ZNAME{n}")) == "SCALE"
    )
    return any(value not in (None, 0.0, 1.0) for value in values)
