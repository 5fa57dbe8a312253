"""ASTROCODEC_1 tiles in the form that astropy wants its tile codecs."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

import astrocodec
from astrocodec.errors import AstrocodecError, CorruptError, TruncatedError
from astrocodec.model import Model
from fits_tiles.hooks.options import current_options
from fits_tiles.hooks.tile_table_hdu import cards_of
from fits_tiles.layout.card_text import is_blob_card
from fits_tiles.layout.model_cards import MODEL_STEM, read_model
from fits_tiles.layout.stored import stored_integers

__all__ = ["TileCodec", "current_tile", "model_of"]

# Number, from 1, of the tile that astropy is decoding in this thread; 0 where none was told.
current_tile: ContextVar[int] = ContextVar("fits_tiles_tile", default=0)


class TileCodec:
    """
    The tile codec in the form that astropy expects.

    `model` is that of the HDU, None for the shipped ones, `stored` the NumPy type of decoded tiles, and `axes` how many
    axes the stream of a tile has at most: 3 where tiles are stacks of planes. `references` finds the images beside
    which tiles were coded.
    """

    codec_id = "FITS_ASTROCODEC1"

    def __init__(self, *, model: Model | None, stored: str, where: str, axes: int = 2, references: Any = None) -> None:
        self.model = model
        self.stored = stored
        self.where = where
        self.axes = axes
        self.references = references

    def encode(self, buf: npt.NDArray[Any]) -> bytes:
        """
        Return the stream of one tile of pixels, any byte order.

        Raises
        ------
        ValueError
            If the pixels are of another type than the header says.
        """
        while buf.ndim > self.axes and buf.shape[0] == 1:
            buf = buf[0]
        model = self.model or current_options().model
        # astropy before 8.0 hands over int8 and uint64 without the shift that it undoes on reading.
        if buf.dtype.kind == "u" or buf.dtype == np.int8:
            buf = stored_integers(buf)
        if buf.dtype.newbyteorder("=") != np.dtype(self.stored):
            raise ValueError(
                f"{self.where}: the pixels are {buf.dtype.name}, the header says {self.stored}; nothing was written"
            )
        return astrocodec.encode(buf, model=model, embed_model=False)

    def decode(self, buf: Any) -> npt.NDArray[Any]:
        """
        Return the pixels of a stream in native byte order.

        Raises
        ------
        FormatError
            If the stream is damaged or holds another type than the header says.
        """
        stream = np.ascontiguousarray(buf).view(np.uint8).tobytes()
        try:
            pixels = astrocodec.decode(stream, models=(self.model,) if self.model else (), reference=self.references)
        except TruncatedError as error:
            # The table says how many bytes it has: one that was changed asks for more.
            raise CorruptError(
                f"{self._place()}: its {len(stream)} bytes do not decode: corrupt, they ask for more"
            ) from error
        except AstrocodecError as error:
            raise type(error)(f"{self._place()}: its {len(stream)} bytes do not decode: {error}") from error
        if pixels.dtype != np.dtype(self.stored):
            pixels = stored_integers(pixels)  # tiles within a relative bound hold what BZERO makes of them
        if pixels.dtype != np.dtype(self.stored):
            raise CorruptError(f"{self._place()}: holds {pixels.dtype} pixels, the header says {self.stored}")
        return pixels

    def _place(self) -> str:
        number = current_tile.get()
        return f"{self.where}, tile {number}" if number else f"{self.where}, a tile"


@functools.lru_cache(maxsize=32)
def _cached_model(cards: tuple[bytes, ...], where: str) -> Model | None:
    return read_model(cards, where)


def model_of(header: Any, where: str) -> Model | None:
    """Return the model in the header of a table, None where there is none."""
    if f"{MODEL_STEM}001" not in header:
        return None
    return _cached_model(tuple(card for card in cards_of(header) if is_blob_card(card, MODEL_STEM)), where)
