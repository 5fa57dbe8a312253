"""Chunks of a Zarr array <-> streams: the same that HDF5 chunks and FITS tiles hold."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.bound_words import words_of
from astrocodec.bounds import Bound
from astrocodec.bounds import check_type as check_bounded_type
from astrocodec.codec import are_residuals, decode, encode
from astrocodec.errors import CorruptError, OptionError
from astrocodec.model import Model, configured_delta, load_model
from astrocodec.stages.pixels import DTYPES
from astrocodec.zarr.chunk_fill import blank_of

__all__ = ["ChunkStream", "check_type", "model_text"]


def check_type(dtype: np.dtype[Any], bound: Bound | None = None) -> None:
    """
    Refuse an array whose chunks could not be coded, or not within a bound.

    Examples
    --------
    >>> check_type(np.dtype(">c8"))
    >>> check_type(np.dtype("M8[s]"))
    Traceback (most recent call last):
    TypeError: arrays of datetime64[s] are not coded: only integers, floats, complex numbers and booleans
    """
    if dtype.str[1:] not in DTYPES:
        raise TypeError(f"arrays of {dtype} are not coded: only integers, floats, complex numbers and booleans")
    if bound is not None:
        check_bounded_type(dtype)


def model_text(model: str | Model | None) -> str:
    """
    Return a model as a codec's configuration has it: empty for the general one, else the tuned difference in base64.

    Examples
    --------
    >>> model_text("default")
    ''
    """
    return base64.b64encode(configured_delta(load_model("default" if model is None else model))).decode("ascii")


@functools.lru_cache(16)
def _model_of(text: str) -> Model:
    try:
        return Model.from_delta(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise CorruptError(f"the model in the configuration of the codec astrocodec is damaged: {error}") from error


@dataclass(frozen=True)
class ChunkStream:
    """
    Options of one array.

    Examples
    --------
    >>> stream = ChunkStream()
    >>> stream.decode(stream.encode(np.array([1 + 2j])), np.dtype("c16")).tolist()
    [(1+2j)]
    """

    delta: str = ""  # tuned model, see `model_text`
    thorough: bool = False  # try every way to code a piece
    codec: str = "causal"  # another codec that is installed; the causal codec's options are not its own
    options: Mapping[str, Any] = field(default_factory=dict)  # of that codec
    planes: str = "auto"  # as `astrocodec.encode` has it
    bound: Bound | None = None  # within which elements are kept

    def __post_init__(self) -> None:
        """Refuse options of a codec that is not the one chosen, and planes that are coded in no way."""
        are_residuals(self.planes)
        if self.codec == "causal" and self.options:
            raise TypeError(f"the causal codec has no option {', '.join(self.options)}")
        if self.codec != "causal" and (self.delta or self.thorough or self.planes != "auto" or self.bound):
            raise OptionError(
                f"codec {self.codec!r} has no model, thorough, planes and bound, which the causal codec has: choose one"
            )
        if self.bound and self.planes != "auto":
            raise OptionError(f"planes={self.planes!r} goes with no bound: leave one away")

    def configuration(self) -> dict[str, Any]:
        """Return what an array's metadata hold."""
        found: dict[str, Any] = {"thorough": self.thorough}
        if self.delta:
            found["delta"] = self.delta
        if self.planes != "auto":
            found["planes"] = self.planes
        if self.codec != "causal":
            found |= {"codec": self.codec, "options": dict(self.options)}
        return found | words_of(self.bound)

    def _models(self) -> tuple[Model, ...]:
        return (_model_of(self.delta),) if self.delta else ()

    def encode(self, chunk: NDArray[Any], fill: Any = None) -> bytes:
        """Code a chunk; `fill` is the array's fill value, where that is known."""
        if self.codec != "causal":
            return encode(chunk, codec=self.codec, **self.options)
        models = (*self._models(), load_model("default"))
        bound = self.bound and replace(self.bound, blank=blank_of(chunk, fill))
        return encode(chunk, models, embed_model=False, thorough=self.thorough, planes=self.planes, bound=bound)

    def decode(self, stream: bytes, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
        """
        Decode a chunk.

        Parameters
        ----------
        stream : bytes
            As it is stored.
        dtype : numpy.dtype, optional
            Of the array, byte order included; without it that of the stream, whose byte order is this machine's.
        """
        chunk = decode(stream, models=self._models())
        if dtype is None:
            return chunk
        if chunk.dtype != dtype.newbyteorder("="):
            raise CorruptError(f"the chunk holds {chunk.dtype} of shape {chunk.shape}, the array has {dtype}")
        return chunk.astype(dtype, copy=False)
