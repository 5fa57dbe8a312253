"""Where a compressed image goes: the tile convention (``zimage``), or a plain table that every reader steps over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy.typing as npt

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.model import Model
from astrocodec.references import ReferenceInfo
from astrocodec.stages.cuts import NO_CUTS, Cuts
from fits_tiles.files.beside import tile_places
from fits_tiles.files.bounded_image import ImageBound
from fits_tiles.files.coders import (
    BoundedCoder,
    LosslessCoder,
    QuantizedCoder,
    StepsCoder,
    TileCoder,
    TileReferences,
    TileSteps,
)
from fits_tiles.layout.blocks import Hdu, find_card, read_at, was_primary
from fits_tiles.layout.card_format import assemble, int_card_of, logical_card
from fits_tiles.layout.card_text import read_blob
from fits_tiles.layout.checksums import fits_checksums
from fits_tiles.layout.grid import TileGrid
from fits_tiles.layout.headers import PADDING_STEM, TileLayout, holds_tiles, inflate, read_layout
from fits_tiles.layout.image_header import ImageHeader, restore_header
from fits_tiles.layout.model_cards import read_model
from fits_tiles.layout.plain_image import refuse_what_is_no_image
from fits_tiles.layout.sections import borders_in_tile
from fits_tiles.layout.tiles_card import fingerprint_in
from fits_tiles.layout.z_keywords import as_extension, as_primary, keyword_of

__all__ = [
    "CONTAINERS",
    "EMPTY_PRIMARY",
    "ReferenceFiles",
    "begins_with_primary_image",
    "coder_for",
    "decoder_of",
    "is_empty_primary",
    "odd_padding",
    "padding_of",
    "refuse_lone_empty_primary",
    "restored_header",
    "stored_model",
]

CONTAINERS = ("zimage", "table")
EMPTY_PRIMARY = assemble(
    [
        logical_card("SIMPLE", True, "the primary image is compressed in the"),
        int_card_of("BITPIX", 8, "first extension. To read it:"),
        int_card_of("NAXIS", 0, "pip install astrocodec"),
        logical_card("EXTEND", True, "astrocodec fits-decompress FILE"),
    ]
)


def is_empty_primary(hdu: Hdu) -> bool:
    """
    Tell whether a primary HDU is the empty one that stands before a compressed primary image.

    Programs may have added checksums to it or changed comments; with anything else in it, it is not ours to drop.
    """
    if hdu.index or hdu.data_bytes or find_card(hdu.cards, "SIMPLE") is None:
        return False
    keywords = {keyword_of(card) for card in hdu.cards if card.strip()} - {"CHECKSUM", "DATASUM"}
    return keywords == {"SIMPLE", "BITPIX", "NAXIS", "EXTEND"} and b"pip install" in hdu.header


def refuse_lone_empty_primary(hdus: list[Hdu], name: str) -> None:
    """
    Raise an error where the file ends before the primary image that it announces.

    Raises
    ------
    TruncatedError
    """
    if len(hdus) == 1 and is_empty_primary(hdus[0]):
        raise TruncatedError(f"{name}: HDU 1, which holds the primary image, is missing; the file was cut short")


def odd_padding(fd: int, hdu: Hdu) -> bytes | None:
    """Return the bytes behind the data where they are not the zeros that should stand there, None where they are."""
    start = hdu.data_start + hdu.data_bytes
    found = bytes(read_at(fd, start, hdu.stop - start, hdu.label))
    return None if found == bytes(-hdu.data_bytes % 2880) else found


def padding_of(hdu: Hdu, where: str) -> bytes | None:
    """Return the unusual padding that a table header keeps, None where it keeps none."""
    blob = read_blob(hdu.cards, PADDING_STEM, where)
    return None if blob is None else inflate(blob, where)


def coder_for(
    layout: TileLayout,
    model: Model | None,
    base: Model | str | None = None,
    *,
    thorough: bool = False,
    codec: str = "causal",
    listed: str = "",
    embeds: bool = False,
    borders: Cuts = NO_CUTS,
    beside: TileReferences | None = None,
    references: Callable[[ReferenceInfo], npt.NDArray[Any]] | None = None,
    steps: TileSteps | None = None,
    bound: ImageBound | None = None,
) -> TileCoder:
    """Return what codes the tiles of an HDU; arguments as of `LosslessCoder`, `borders` of the image."""
    in_tile = partial(borders_in_tile, borders, layout.shape, layout.tile_shape)
    how = (model, base, thorough, codec, listed, embeds, in_tile, beside, references)
    if bound is not None:
        return BoundedCoder(layout.pixel_type, *how, bound=bound)
    if steps is not None:
        return StepsCoder(layout.pixel_type, *how, steps=steps, places=tile_places(layout.grid))
    if layout.quantization is None:
        return LosslessCoder(layout.pixel_type, *how)
    inner = LosslessCoder(">i4", *how)
    return QuantizedCoder(inner, layout.quantization, layout.bitpix)


class ReferenceFiles(Protocol):
    """Where images are looked for beside which others were coded."""

    def of_grid(self, grid: TileGrid) -> Callable[[ReferenceInfo], npt.NDArray[Any]]:
        """Return what finds the reference of any tile of an image."""


def decoder_of(hdu: Hdu, layout: TileLayout, where: str, references: ReferenceFiles) -> TileCoder:
    """Return what decodes the tiles of a compressed HDU."""
    find = references.of_grid(layout.grid)
    return coder_for(layout, stored_model(hdu, where), listed=fingerprint_in(hdu.cards), references=find)


def stored_model(hdu: Hdu, where: str) -> Model | None:
    """Return the model in the header of a compressed HDU, None where there is none."""
    return read_model(hdu.cards, where, fingerprint_in(hdu.cards))


def restored_header(fd: int, hdu: Hdu, where: str, *, primary: bool, edited: bool = False) -> ImageHeader:
    """
    Return the header of the image in a table, as the header of a primary HDU or of an extension.

    With `edited`, cards that were changed or removed count as they are now, even where no ``CHECKSUM`` says that it was
    meant.

    Raises
    ------
    CorruptError
        If cards of the image are damaged or edited.
    FormatError
        If what comes out is not the header of the image in the tiles.
    """
    found = restore_header(hdu.cards, where)
    if found.changed and not edited and not fits_checksums(fd, hdu).whole:
        raise CorruptError(
            f"{where}: {'; '.join(found.changed[:4])}: the header is damaged, or a program that does not know "
            "astrocodec edited it and wrote no CHECKSUM, then `fits-decompress --edited` takes it as it is now"
        )
    header = found.header
    if not primary and header.startswith(b"SIMPLE  ="):
        header = as_extension(header)
    elif primary and not header.startswith(b"SIMPLE  ="):
        header = as_primary(header)
    refuse_what_is_no_image(header, read_layout(hdu.cards, where), where, primary=primary)
    return replace(found, header=header)


def begins_with_primary_image(hdus: list[Hdu]) -> bool:
    """Tell whether the primary image of a file is compressed in its first extension."""
    return len(hdus) > 1 and is_empty_primary(hdus[0]) and holds_tiles(hdus[1].cards) and was_primary(hdus[1].cards)
