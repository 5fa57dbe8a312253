"""Tiles of pixels to streams and back: lossless, quantised, and with the algorithms of the FITS standard."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

import astrocodec
from astrocodec import Loss, Quantised
from astrocodec.added_variance import added_variance
from astrocodec.errors import CorruptError, ModelNotFoundError
from astrocodec.model import Model, installed_by_fingerprint, load_model
from astrocodec.references import ReferenceInfo
from astrocodec.stages.cuts import NO_CUTS, Cuts
from fits_tiles.files.bounded_image import ImageBound
from fits_tiles.files.quantisation import Quantisation, StepsError
from fits_tiles.hooks.astropy_codecs import dequantize, quantize, standard_codec
from fits_tiles.layout.headers import NULL_PIXEL, Quantization
from fits_tiles.layout.stored import stored_integers, turned_integers
from fits_tiles.layout.table import CodedTile
from fits_tiles.layout.tiles_card import NO_MODEL

__all__ = [
    "BoundedCoder",
    "LosslessCoder",
    "QuantizedCoder",
    "StandardCoder",
    "StepsCoder",
    "TileCoder",
    "TileDecoder",
    "TileSteps",
    "bounded_numbers",
]

Pixels = npt.NDArray[Any]
_Found = TypeVar("_Found")


class TileDecoder(Protocol):
    """Decodes tiles of one HDU; called from several threads at once."""

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> Pixels:
        """Return the pixels of a tile, native byte order; raise `FormatError` if they are not what the header says."""

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Raise `FormatError` if the head of a stream already contradicts the header."""


class TileCoder(TileDecoder, Protocol):
    """Codes tiles of one HDU, and decodes them; called from several threads at once."""

    @property
    def fingerprint(self) -> str:
        """Of the model of the tiles that were coded, `NO_MODEL` where they have none."""

    def encode(self, tile: int, pixels: Pixels) -> CodedTile:
        """Return the stream of tile number `tile`; `pixels` are big-endian and may be strided."""


class TileReferences(Protocol):
    """An image beside which another is coded, cut into the same tiles."""

    @property
    def name(self) -> str:
        """File and HDU."""

    @property
    def embed(self) -> bool:
        """Whether its tiles go along."""

    def of_tile(self, tile: int) -> Pixels:
        """Return what lies beside a tile."""


def _no_borders(_tile: int) -> Cuts:
    return NO_CUTS


class LosslessCoder:
    """
    ASTROCODEC_1 tiles of the pixels as they are.

    Parameters
    ----------
    stored : str
        NumPy name of the pixels' type.
    model : Model or None
        Model of the HDU, None for the shipped ones.
    base : Model or str, optional
        A tile may also take the shipped model behind this one; None: it takes `model` alone.
    thorough : bool
        Try every way to code a tile.
    codec : str
        Name of the codec of new tiles; others than the causal one take no model.
    listed : str
        Fingerprint in the header of an HDU that is read: its tiles need this model or a shipped one.
    beside : TileReferences, optional
        Images beside which new tiles are coded.
    references : callable, optional
        Finds the image that a tile needs.
    embeds : bool
        Put the model into the stream of a tile that takes it; a shipped one is never put there.
    borders : callable
        Tells where the picture may break in a tile, given its number.
    """

    def __init__(
        self,
        stored: str,
        model: Model | None,
        base: Model | str | None = None,
        thorough: bool = False,
        codec: str = "causal",
        listed: str = "",
        embeds: bool = False,
        borders: Callable[[int], Cuts] = _no_borders,
        beside: TileReferences | None = None,
        references: Callable[[ReferenceInfo], Pixels] | None = None,
    ) -> None:
        self._stored = np.dtype(stored).newbyteorder("=")
        self._models = (model,) if model else ()
        self._encoding: tuple[Model, ...] = self._models or (_shipped(load_model(base or "default")),)
        if model and base:
            # A tile unlike the sample that the tuning saw may do better with the model it started from.
            self._encoding = (model, _shipped(load_model(base)))
        self._thorough = thorough
        self._codec = codec
        self._listed = listed
        self._embeds = embeds
        self._borders = borders
        self._beside = beside
        self._references = references
        self.is_beside = False  # whether a tile was coded beside another image
        # What a header says of the model of the tiles: of one that is in a stream, what that stream took.
        self.fingerprint = self._encoding[0].fingerprint if codec == "causal" else NO_MODEL

    def encode(self, tile: int, pixels: Pixels) -> CodedTile:
        """Code a tile."""
        if self._codec != "causal":
            return CodedTile(astrocodec.encode(pixels, codec=self._codec))
        beside: dict[str, Any] = {}
        if self._beside is not None:
            beside = {"reference": self._beside.of_tile(tile), "reference_name": self._beside.name}
            beside["embed_reference"] = self._beside.embed
        stream = self._stream(
            tile,
            pixels,
            model=self._encoding,
            embed_model=self._embeds,
            thorough=self._thorough,
            cut_hints=self._borders(tile),
            **beside,
        )
        if beside and astrocodec.inspect(stream).reference is not None:
            self.is_beside = True
        if self._embeds:
            self.fingerprint = astrocodec.inspect(stream).model_fingerprint or self._encoding[-1].fingerprint
        return CodedTile(stream)

    def _stream(self, tile: int, pixels: Pixels, **how: Any) -> bytes:
        return astrocodec.encode(pixels, **how)

    def steps(self, coded: CodedTile) -> tuple[npt.NDArray[np.int64], Quantised] | None:
        """Decode a tile to the integers that its floats were made of; None of one that does not have them."""
        return self._decoded(coded, partial(astrocodec.quantised, coded.stream, models=self._models))

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> Pixels:
        """Decode a tile."""
        read = partial(astrocodec.decode, coded.stream, models=self._models, reference=self._references)
        pixels = self._decoded(coded, read)
        if pixels.dtype != self._stored:
            pixels = stored_integers(pixels)  # tiles within a relative bound hold what BZERO makes of them
        if pixels.dtype != self._stored or pixels.shape != shape:
            raise CorruptError(
                f"the stream holds {pixels.dtype} pixels of shape {pixels.shape}, expected {self._stored} {shape}"
            )
        return pixels

    def added_variance(self, coded: CodedTile) -> npt.NDArray[np.float32]:
        """Decode a tile to the variance that its loss added to each stored number."""
        elements = self._decoded(coded, partial(astrocodec.decode, coded.stream, models=self._models))
        return added_variance(coded.stream, elements)

    def _decoded(self, coded: CodedTile, read: Callable[[], _Found]) -> _Found:
        try:
            return read()
        except ModelNotFoundError as error:
            known = any(model.fingerprint == self._listed for model in self._models)
            if not known and installed_by_fingerprint(self._listed) is None:
                raise
            found = astrocodec.inspect(coded.stream).model_fingerprint
            raise CorruptError(
                f"the stream names model {found}, which is neither shipped nor that of the header, {self._listed}: "
                "the tile is damaged"
            ) from error

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Compare the head of a stream with the header."""
        found = astrocodec.inspect(coded.stream)
        stored = stored_integers(np.empty(0, found.dtype)).dtype
        if self._stored not in (found.dtype, stored) or tuple(found.shape) != shape:
            raise CorruptError(
                f"the stream holds {found.dtype} pixels of shape {found.shape}, expected {self._stored} {shape}"
            )


class TileSteps(Protocol):
    """The integers of which floats were made."""

    def of_place(self, place: tuple[slice, ...], values: Pixels) -> tuple[Pixels, Quantised]:
        """Return those of a rectangle, and how its floats were made of them."""

    @property
    def how(self) -> Quantisation:
        """How all of them were made."""


class StepsCoder(LosslessCoder):
    """ASTROCODEC_1 tiles of floats, as the integers that they were made of: see `LosslessCoder`."""

    def __init__(self, *arguments: Any, steps: TileSteps, places: Sequence[tuple[slice, ...]], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._steps = steps
        self._places = places

    def _stream(self, tile: int, pixels: Pixels, **how: Any) -> bytes:
        place = self._places[tile]
        native = np.ascontiguousarray(pixels, self._stored)
        if self._steps.how.are_plain(place):
            return super()._stream(tile, pixels, **how)
        steps, told = self._steps.of_place(place, native)
        how = {name: how[name] for name in ("model", "embed_model", "thorough")}
        try:
            return astrocodec.encode_quantised(steps.reshape(pixels.shape), told, self._stored, **how)
        except ValueError as error:
            raise StepsError(str(error)) from error


def bounded_numbers(pixels: Pixels, bound: ImageBound) -> Pixels:
    """Return the numbers of which a bound tells, native byte order."""
    native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    return turned_integers(native) if bound.turned else native


class BoundedCoder(LosslessCoder):
    """
    ASTROCODEC_1 tiles of pixels within a bound: see `LosslessCoder`.

    Attributes
    ----------
    losses : dict
        What each tile that was coded has lost, and its number of pixels, by its number.
    """

    def __init__(self, *arguments: Any, bound: ImageBound, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._bound = bound
        self.losses: dict[int, tuple[Loss | None, int]] = {}

    def _stream(self, tile: int, pixels: Pixels, **how: Any) -> bytes:
        how = {name: how[name] for name in ("model", "embed_model", "thorough")}
        stream = astrocodec.encode(bounded_numbers(pixels, self._bound), bound=self._bound.bound, **how)
        self.losses[tile] = astrocodec.inspect(stream).loss, pixels.size
        return stream


def _shipped(model: Model) -> Model:
    """Return the shipped model that a model was tuned from: one that readers have without being given it."""
    while not model.is_shipped:
        model = model.base or load_model("default")
    return model


class QuantizedCoder:
    """Floats as dithered integers, coded by another coder; tiles that do not quantise are gzipped."""

    def __init__(self, inner: LosslessCoder, quantization: Quantization, bitpix: int) -> None:
        self._inner = inner
        self._how = quantization
        self._bitpix = bitpix
        self._type = np.dtype(f">f{-bitpix // 8}")

    @property
    def fingerprint(self) -> str:
        """As of the coder of its integers."""
        return self._inner.fingerprint

    def _row(self, tile: int) -> int:
        return 0 if self._how.method == -1 else tile + self._how.seed

    def integers(self, tile: int, pixels: Pixels) -> tuple[npt.NDArray[np.int32], float, float] | None:
        """Quantise a tile; None where that fails."""
        null = np.isnan(pixels)
        if null.any():
            filler = 0.0 if null.all() else np.nanmin(pixels)
            pixels = np.where(null, pixels.dtype.type(filler), pixels)
        if not np.isfinite(pixels).all():
            return None
        native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
        found = quantize(native, self._row(tile), self._how.level, self._how.method, self._bitpix)
        if found is None or not null.any():
            return found
        integers = found[0].copy()
        integers[null] = NULL_PIXEL
        return integers, found[1], found[2]

    def encode(self, tile: int, pixels: Pixels) -> CodedTile:
        """Quantise and code a tile."""
        found = self.integers(tile, pixels)
        if found is None:
            import gzip

            return CodedTile(gzip.compress(np.ascontiguousarray(pixels, self._type).tobytes(), 6, mtime=0), plain=True)
        integers, scale, zero = found
        return CodedTile(self._inner.encode(tile, integers).stream, scale=scale, zero=zero)

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> Pixels:
        """Decode a tile to floats."""
        if coded.plain:
            return self._gunzip(coded.stream, shape)
        integers = self._inner.decode(tile, coded, shape)
        pixels = dequantize(integers, self._row(tile), coded.scale, coded.zero, self._how.method, self._bitpix)
        null = integers == NULL_PIXEL
        return np.where(null, pixels.dtype.type(np.nan), pixels) if null.any() else pixels

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Compare the head of a stream with the header; gzipped floats have none."""
        if not coded.plain:
            self._inner.expect(coded, shape)

    def _gunzip(self, stream: bytes, shape: tuple[int, ...]) -> Pixels:
        size = int(np.prod(shape)) * self._type.itemsize
        inflater = zlib.decompressobj(wbits=31)
        try:
            raw = inflater.decompress(stream, size + 1)
        except zlib.error as error:
            raise CorruptError(f"the gzipped floats are damaged: {error}") from error
        if len(raw) != size or not inflater.eof:
            raise CorruptError(f"the gzipped floats have {len(raw)} bytes, expected {size}")
        return np.frombuffer(raw, self._type).reshape(shape)


class StandardCoder:
    """Tiles of ``RICE_1`` or ``GZIP_2``, which every FITS program knows, for `fits_tiles.decompress(to="rice")`."""

    fingerprint = NO_MODEL

    def __init__(self, algorithm: str, stored: str) -> None:
        self._algorithm = algorithm
        self._stored = stored
        self._itemsize = np.dtype(stored).itemsize

    def encode(self, tile: int, pixels: Pixels) -> CodedTile:
        """Code a tile."""
        stream = bytes(standard_codec(self._algorithm, self._itemsize, pixels.size).encode(pixels))
        if self._algorithm == "GZIP_2":
            stream = stream[:4] + bytes(4) + stream[8:]  # gzip's time: the same pixels give the same bytes
        return CodedTile(stream)

    def decode(self, tile: int, coded: CodedTile, shape: tuple[int, ...]) -> Pixels:
        """Decode a tile."""
        size = int(np.prod(shape))
        codec = standard_codec(self._algorithm, self._itemsize, size)
        raw = np.asarray(codec.decode(np.frombuffer(coded.stream, np.uint8)))
        if self._algorithm == "GZIP_2":
            return raw.view(self._stored).reshape(shape)
        return raw[:size].reshape(shape)

    def expect(self, coded: CodedTile, shape: tuple[int, ...]) -> None:
        """Accept any stream: standard streams have no head."""
