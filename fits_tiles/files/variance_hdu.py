"""An image of the variance that a loss added to each pixel of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fits_tiles.files.bounded_image import scaling_of
from fits_tiles.files.coders import LosslessCoder, TileCoder
from fits_tiles.files.tiles_io import decoded_bands
from fits_tiles.layout.blocks import Hdu, card_value, find_card, split_cards
from fits_tiles.layout.card_format import assemble, int_card_of, text_card
from fits_tiles.layout.grid import Band
from fits_tiles.layout.headers import TileLayout
from fits_tiles.layout.table import CodedTile

__all__ = ["VARIANCE_OF", "variance_bands", "variance_header", "variance_layout"]

VARIANCE_OF = "ACADDOF"


@dataclass(frozen=True)
class _VarianceDecoder:
    """Tiles of ours to the variance that was added to each of their pixels."""

    inner: LosslessCoder
    scale: float

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Decode a tile."""
        return self.inner.added_variance(coded).reshape(shape) * np.float32(self.scale**2)

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Compare the head of a stream with the header."""
        self.inner.expect(coded, shape)


def variance_layout(layout: TileLayout) -> TileLayout:
    """Return how the variances of an image lie: float32 in the same tiles."""
    return replace(layout, bitpix=-32)


def variance_bands(
    fd: int, hdu: Hdu, layout: TileLayout, coder: TileCoder, image: bytes, *, where: str, workers: int
) -> Iterator[tuple[Band, npt.NDArray[np.float32]]]:
    """Yield the variances of the pixels of a table of ours, whose image has the header `image`, in its unit squared."""
    assert isinstance(coder, LosslessCoder)
    decoder = _VarianceDecoder(coder, scaling_of(split_cards(image))[0])
    yield from decoded_bands(fd, hdu, variance_layout(layout), decoder, where=where, workers=workers)


def variance_header(image: bytes, layout: TileLayout, number: int) -> bytes:
    """
    Return the header of the variances of an image that has the header `image` and stands in HDU `number`.

    Examples
    --------
    >>> layout = TileLayout("zimage", "", 16, (4, 5), (4, 5), wide=False)
    >>> image = assemble([text_card("EXTNAME", "SCI"), text_card("BUNIT", "adu")])
    >>> cards = split_cards(variance_header(image, layout, 1))
    >>> card_value(find_card(cards, "EXTNAME")), card_value(find_card(cards, "BUNIT"))
    ('SCI_ADDVAR', 'adu**2')
    """
    cards = split_cards(image)
    name, unit = (str(card_value(find_card(cards, keyword)) or "") for keyword in ("EXTNAME", "BUNIT"))
    version = card_value(find_card(cards, "EXTVER"))
    found = [
        text_card("XTENSION", "IMAGE", "image extension"),
        int_card_of("BITPIX", -32, "float32"),
        int_card_of("NAXIS", len(layout.shape)),
        *(int_card_of(f"NAXIS{n}", length) for n, length in enumerate(reversed(layout.shape), 1)),
        int_card_of("PCOUNT", 0),
        int_card_of("GCOUNT", 1),
        text_card("EXTNAME", f"{name[:50]}_ADDVAR" if name else "ADDVAR", "variance that a loss added"),
        int_card_of(VARIANCE_OF, number, "number of the HDU whose pixels these are of"),
    ]
    if isinstance(version, int) and not isinstance(version, bool):
        found.append(int_card_of("EXTVER", version))
    if unit:
        found.append(text_card("BUNIT", f"{unit[:50]}**2" if unit.isalnum() else f"({unit[:50]})**2"))
    return assemble(found)
