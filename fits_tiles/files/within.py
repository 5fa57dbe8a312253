"""Whether the pixels of a lossy image are within its bound of those of its original."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import DifferenceError
from astrocodec.files.file_report import ImageLoss
from fits_tiles.files.bounded_image import scaling_of
from fits_tiles.files.tiles_io import losses_in
from fits_tiles.layout.blocks import Hdu, card_value, find_card, padded, read_at, split_cards
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.checksums import fits_checksums
from fits_tiles.layout.grid import Band
from fits_tiles.layout.headers import TileLayout
from fits_tiles.layout.image_header import restore_header
from fits_tiles.layout.plain_image import plain_layout

__all__ = ["Within", "check_restored", "without_sums"]

_PIECE = 1 << 22
_ROUNDING = 1e-12  # of a bound in the image's unit, as a card has it, that is one of stored numbers again


def without_sums(header: bytes) -> bytes:
    """
    Return a header without the checksums that a lossy image cannot have of its original.

    Examples
    --------
    >>> without_sums(assemble([b"CHECKSUM= 'x'".ljust(80)])) == assemble([])
    True
    """
    return assemble([card for card in split_cards(header) if card[:9] not in (b"CHECKSUM=", b"DATASUM =")])


class _Scale:
    """Where differences of stored numbers are those of values, and what stands for none."""

    def __init__(self, cards: tuple[bytes, ...], layout: TileLayout) -> None:
        blank = card_value(find_card(cards, "BLANK")) if layout.bitpix > 0 else None
        self._blank = blank
        # Below an offset of whole numbers, differences are what they are without it.
        self._zero = scaling_of(cards)[1] if layout.bitpix > 0 else 0.0

    def near(
        self, most: float, is_relative: bool, left: npt.NDArray[Any], right: npt.NDArray[Any]
    ) -> npt.NDArray[np.bool_]:
        """Tell of each pixel whether it may be what it is, given what it was."""
        zero = self._zero if is_relative else 0.0
        before, now = left.astype(np.float64) + zero, right.astype(np.float64) + zero
        with np.errstate(invalid="ignore", over="ignore"):
            allowed = most * np.abs(before) if is_relative else most
            near: npt.NDArray[np.bool_] = np.isfinite(before) & (np.abs(now - before) <= allowed)
        if self._blank is not None:
            near &= (left != self._blank) & (right != self._blank)
        near |= left.view(f"u{left.itemsize}") == right.view(f"u{left.itemsize}")
        return near


class Within:
    """Pixels must lie within the bound that their tile states, those that are no numbers or BLANK be equal."""

    def __init__(self, fd: int, hdu: Hdu, layout: TileLayout, where: str) -> None:
        self._losses = losses_in(fd, hdu)
        self._where = where
        self._scale = _Scale(split_cards(restore_header(hdu.cards, where).header), layout)

    def check(self, band: Band, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> None:
        """
        Compare a band.

        Raises
        ------
        DifferenceError
            Naming tile and pixel.
        """
        for number, place in enumerate(band.tiles, band.first_tile):
            left, right = expected[place], found[place]
            loss = self._losses[number][0]
            most, is_relative = (loss.max_error, loss.kind == "relative") if loss else (0.0, False)
            good = self._scale.near(most, is_relative, left, right)
            if loss is None:
                good = left.view(f"u{left.itemsize}") == right.view(f"u{left.itemsize}")
            if good.all():
                continue
            at = np.unravel_index(int(np.flatnonzero(~good)[0]), good.shape)
            allowed = "its tile is exact" if loss is None else f"its tile says {loss}"
            raise DifferenceError(
                f"{self._where}, tile {number + 1}: pixel {tuple(int(n) for n in at)} of it (from 0, NumPy order) is "
                f"{right[at]}, the original's is {left[at]}, as stored: {allowed}"
            )


def check_restored(original_fd: int, original: Hdu, fd: int, hdu: Hdu, loss: ImageLoss, where: str) -> None:
    """
    Compare a plain image that says what it lost with its original: by its bound, and all cards but those of checksums.

    Raises
    ------
    DifferenceError
        Naming card or pixel; or its checksums do not fit it.
    """
    layout, scale = plain_layout(hdu, where), _Scale(hdu.cards, plain_layout(hdu, where))
    unit = 1.0 if loss.is_relative else abs(scaling_of(hdu.cards)[0])
    most = loss.max_error / unit * (1 + _ROUNDING)
    for at in range(0, hdu.data_bytes, _PIECE):
        size = min(_PIECE, hdu.data_bytes - at)
        left, right = (
            np.frombuffer(read_at(file, start + at, size, where), layout.pixel_type)
            for file, start in ((original_fd, original.data_start), (fd, hdu.data_start))
        )
        good = scale.near(most, loss.is_relative, left, right)
        if not good.all():
            first = int(np.flatnonzero(~good)[0])
            place = tuple(int(n) for n in np.unravel_index(at // layout.itemsize + first, layout.shape))
            raise DifferenceError(
                f"{where}: pixel {place} (from 0, NumPy order) is {right[first]}, the original's is {left[first]}, as "
                f"stored: its header says {loss}"
            )
    rest = padded(hdu.data_bytes) - hdu.data_bytes
    ends = [
        read_at(file, one.data_start + hdu.data_bytes, rest, where)
        for file, one in ((original_fd, original), (fd, hdu))
    ]
    if ends[0] != ends[1]:
        raise DifferenceError(f"{where}: the padding behind the pixels differs from the original's")
    if wrong := fits_checksums(fd, hdu).wrong:
        raise DifferenceError(f"{where}: its {wrong} does not fit it")
