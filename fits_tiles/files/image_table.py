"""One image HDU to a table of ASTROCODEC_1 tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any

import numpy as np

import astrocodec
from astrocodec.codecs import find_codec
from astrocodec.files.file_report import ImageLoss
from astrocodec.files.image_loss import image_loss
from astrocodec.files.meter import Meter
from astrocodec.files.target import REFERENCES
from astrocodec.model import Model
from astrocodec.stages import varint
from fits_tiles.files.beside import Beside
from fits_tiles.files.bounded_image import ImageBound, NotLossyError, scaling_of
from fits_tiles.files.coders import BoundedCoder, LosslessCoder, TileCoder
from fits_tiles.files.compress_settings import CompressSettings
from fits_tiles.files.container import coder_for, odd_padding
from fits_tiles.files.cube_tiles import with_cube_tiles
from fits_tiles.files.report import HduReport
from fits_tiles.files.sample import tuned_model, tuned_to_steps, tuned_within
from fits_tiles.files.tile_pixels import FloatSteps
from fits_tiles.files.tiles_io import read_band, write_table
from fits_tiles.layout.blocks import Hdu, int_card, padded, split_cards
from fits_tiles.layout.card_format import assemble
from fits_tiles.layout.grid import plan_bands, plan_tile_shape
from fits_tiles.layout.headers import (
    ALGORITHM,
    HeapSize,
    Quantization,
    TileLayout,
    build_header,
    is_unusual,
    why_not_kept,
)
from fits_tiles.layout.loss_cards import loss_cards
from fits_tiles.layout.model_cards import model_cards
from fits_tiles.layout.original_card import KeptTiles
from fits_tiles.layout.plain_image import image_shape
from fits_tiles.layout.sections import named_borders
from fits_tiles.layout.table import CodedTile, TileTable, needs_wide

__all__ = ["Image", "bound_of", "write_image"]

_MIN_TUNED_BYTES = 1 << 14

Write = Callable[[IO[bytes], IO[bytes]], object]  # compresses a FITS file


@dataclass(frozen=True)
class Image:
    """An image HDU of a file, and what is known of it."""

    fd: int
    hdu: Hdu
    where: str
    room: list[bytes]  # cards of its table in which the manifest of the file will stand
    kept: KeptTiles | None  # what gives back the tiles of another program that it came from
    steps: FloatSteps | None  # that its floats were made in
    bound: ImageBound | None

    @property
    def has_sums(self) -> bool:
        """Whether its header has a checksum."""
        return any(card[:8] in (b"CHECKSUM", b"DATASUM ") for card in self.hdu.cards)

    @property
    def header(self) -> bytes:
        """What its table keeps, before anything is known of a loss."""
        return self.hdu.header if self.bound is None else _with_loss(self.hdu, None)

    def header_after(self, coder: TileCoder) -> bytes:
        """What its table keeps when all tiles are coded."""
        return self.hdu.header if self.bound is None else _with_loss(self.hdu, _loss_of(coder, self.hdu))


def write_image(
    out: IO[bytes], image: Image, settings: CompressSettings, entry: HduReport, meter: Meter, write: Write
) -> bool:
    """Write an image as a table of tiles; return whether that lost anything. `write` is for the reference's file."""
    start = out.tell()
    image, layout = _plan(image, settings)
    beside, reference = _beside(image, layout, settings, entry)
    model = _model(image, layout, settings, beside)
    keep: dict[str, Any] = {
        "padding": odd_padding(image.fd, image.hdu),
        "room": image.room,
        "source": image.kept.card if image.kept else None,
        "checksums": settings.checksums and image.has_sums,
        "renew": image.bound is not None and image.has_sums,
    }
    coder, coded = _coder(image, layout, settings, model, beside, keep)
    in_cards = settings.codec == "causal" and coded is None
    size = write_table(
        out,
        layout,
        image.header,
        coder,
        lambda band: read_band(image.fd, image.hdu.data_start, band, image.where),
        where=image.where,
        workers=settings.workers,
        advance=meter.advance,
        only=coded,
        model=model_cards(model, whole=settings.self_contained) if in_cards else [],
        kept=image.kept,
        final=lambda: image.header_after(coder),
        **{name: value for name, value in keep.items() if name != "source"},
    )
    lost = None if image.bound is None else _loss_of(coder, image.hdu)
    if image.bound is not None and lost is None:
        out.seek(start)
        out.truncate()
        entry.add_note("lossless: within its bound nothing would be gained")
        return write_image(out, replace(image, bound=None), settings, entry, meter, write)
    meter.advance(image.hdu.size - image.hdu.data_bytes)
    entry.tell_image("compressed", layout)
    entry.add_note(image.steps.how.words if image.steps else "")
    entry.add_note("--to original gives the very file back" if image.kept else "")
    if beside is not None:
        entry.add_note(_keep_reference(settings, coder, beside, reference, write))
    entry.compressed_bytes += size
    entry.work_out_bits()
    if settings.codec == "causal":
        entry.tell_model(coder.fingerprint, model if coder.fingerprint == model.fingerprint else None)
    else:
        entry.codec = f"{settings.codec} (id {find_codec(settings.codec).id})"
    if layout.quantization is not None:
        entry.add_note(f"lossy: quantised at level {layout.quantization.level:g}")
    if image.bound is not None and lost is not None:
        entry.tell_loss(lost)
        entry.add_note(image.bound.note)
    return layout.quantization is not None or lost is not None


def _plan(image: Image, settings: CompressSettings) -> tuple[Image, TileLayout]:
    """The layout of its table, and the image without what does not go with it."""
    shape, hdu = image_shape(image.hdu), image.hdu
    bitpix = int_card(hdu.cards, "BITPIX", image.where)
    layout = TileLayout(
        settings.container, ALGORITHM, bitpix, shape, plan_tile_shape(shape, settings.tile_shape), wide=False
    )
    if settings.codec != "causal" or (settings.level and image.steps):
        # Tiles are made again of the integers that floats were made of, and of no other pixels.
        image = replace(image, kept=None if image.steps else image.kept, steps=None)
    if settings.tile_shape is None:
        may_span_planes = image.bound is None and (settings.level is None or bitpix > 0)
        if image.steps:
            layout = replace(layout, tile_shape=plan_bands(shape, image.steps.how.image.tile_shape))
        elif settings.codec == "causal" and may_span_planes:
            layout = with_cube_tiles(image.fd, hdu, layout)
    quantization = _quantization(image, layout, settings)
    if quantization or image.bound:
        image = replace(image, kept=None)  # other pixels give other tiles
    size = hdu.data_bytes + (len(image.kept.data) if image.kept else 0)
    return image, replace(layout, wide=needs_wide(size, layout.grid.count), quantization=quantization)


def _quantization(image: Image, layout: TileLayout, settings: CompressSettings) -> Quantization | None:
    if settings.level is None or layout.bitpix > 0:
        return None
    seed = settings.seed
    if seed is None:
        first = read_band(image.fd, image.hdu.data_start, next(layout.grid.bands()), image.hdu.label)
        seed = int(np.frombuffer(first, np.uint8).sum(dtype=np.uint64)) % 10000 + 1
    return Quantization(float(settings.level), settings.dither, seed)


def _beside(
    image: Image, layout: TileLayout, settings: CompressSettings, entry: HduReport
) -> tuple[Beside | None, str]:
    """What lies beside its tiles, and what that is called."""
    if settings.reference is None or layout.quantization is not None or layout.bitpix < 0:
        return None, ""
    found = settings.reference.beside(layout, image.hdu.index)
    if found is None:
        entry.add_note(f"{settings.reference.path} has no image of this shape")
        return None, ""
    return found


def _keep_reference(settings: CompressSettings, coder: TileCoder, beside: Beside, reference: str, write: Write) -> str:
    """Put a reference that tiles need where readers look for it; say so."""
    if settings.reference is None or not (isinstance(coder, LosslessCoder) and coder.is_beside):
        return f"{reference} tells nothing of it"
    settings.reference.keep(beside, reference, write)
    is_stored = not beside.embed and settings.reference.folder is not None
    return f"beside {reference}" + (f", kept in {REFERENCES}" if is_stored else "")


def _model(image: Image, layout: TileLayout, settings: CompressSettings, beside: Beside | None) -> Model:
    """The model of its tiles."""
    if not settings.tune or image.hdu.data_bytes < _MIN_TUNED_BYTES:
        return settings.model
    given = image.fd, image.hdu, layout, settings.model, settings.effort
    if image.bound:
        return tuned_within(*given, image.bound)
    if image.steps:
        return tuned_to_steps(*given, image.steps)
    # One that goes along seldom pays: then the model is that of the image alone.
    return tuned_model(*given, None if beside is None or beside.embed else beside.pixels)


def _coder(
    image: Image,
    layout: TileLayout,
    settings: CompressSettings,
    model: Model,
    beside: Beside | None,
    keep: dict[str, Any],
) -> tuple[TileCoder, CodedTile | None]:
    """What codes its tiles; and a single tile that holds its model itself, in fewer bytes than cards take."""
    coder_with = partial(
        coder_for,
        layout,
        model if settings.self_contained or not model.is_shipped or model != settings.model else None,
        None if settings.self_contained else settings.model,
        thorough=settings.tune,
        codec=settings.codec,
        borders=named_borders(image.hdu.cards, (1, *layout.shape)[-2], layout.shape[-1]),
        beside=beside,
        steps=image.steps,
        bound=image.bound,
    )
    if layout.grid.count == 1 and model.kind == "T" and not settings.self_contained:
        band = next(layout.grid.bands())
        content = read_band(image.fd, image.hdu.data_start, band, image.where)
        coder = coder_with(embeds=True)
        coded = coder.encode(0, np.frombuffer(content, layout.pixel_type).reshape(band.shape))
        if not _takes_fewer_blocks_with_cards(layout, image.header, coded, model, keep):
            return coder, coded
    return coder_with(embeds=False), None


def _takes_fewer_blocks_with_cards(
    layout: TileLayout, header: bytes, tile: CodedTile, model: Model, keep: dict[str, Any]
) -> bool:
    """Tell whether a file is shorter with the model of a single tile in cards than with it in the tile's stream."""
    if tile.plain or astrocodec.inspect(tile.stream).model_fingerprint != model.fingerprint:
        return False
    file = len(model.to_bytes())
    section = 1 + len(varint.put(file)) + file
    source = keep["source"]
    data = TileTable.empty(layout, 1).rows.nbytes + len(tile.stream) + (source.size if source else 0)
    headers = [
        len(build_header(layout, header, HeapSize(1), model=cards, **keep)) for cards in (model_cards(model), [])
    ]
    return headers[0] + padded(data - section) < headers[1] + padded(data)


def bound_of(
    settings: CompressSettings, hdu: Hdu, first: Hdu, source: Hdu | None, entry: HduReport
) -> ImageBound | None:
    """What may be lost of an image; None for nothing, with a note on why where something was asked for."""
    if settings.loss is None:
        return None
    try:
        if is_unusual(hdu.header):
            raise NotLossyError("its unusual header has no place for cards that tell of a loss")
        if why := why_not_kept(_with_loss(hdu, None)):
            raise NotLossyError(why)
        bitpix = int_card(hdu.cards, "BITPIX", hdu.label)
        return settings.loss.of_image(hdu.cards, bitpix, first.cards, source.cards if source else ())
    except NotLossyError as refusal:
        entry.add_note(f"kept lossless: {refusal}")
        return None


def _loss_of(coder: TileCoder, hdu: Hdu) -> ImageLoss | None:
    """What the tiles that were coded have lost."""
    assert isinstance(coder, BoundedCoder)
    return image_loss(coder.losses.values(), abs(scaling_of(hdu.cards)[0]))


def _with_loss(hdu: Hdu, found: ImageLoss | None) -> bytes:
    """The header of an image with the cards that tell of its loss, as long whatever they say."""
    return assemble([*split_cards(hdu.header), *loss_cards(found)])
