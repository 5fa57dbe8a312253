"""The codec of numcodecs: for Zarr format 2, as compressor or filter, and for kerchunk's references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray, ndarray_copy

from astrocodec.arrays import as_array
from astrocodec.bound_words import BoundWords, asked_bound
from astrocodec.model import Model
from astrocodec.zarr.chunk_stream import ChunkStream, check_type, model_text

__all__ = ["AstroCodec"]


class AstroCodec(Codec):  # type: ignore[misc]
    """
    Compression of images and cubes, lossless unless a bound is given.

    Parameters
    ----------
    model : str or Model, optional
        ``'default'``, or a model from `astrocodec.tune`, which stands in the array's metadata then.
    thorough : bool, optional
        Try every way to code a piece.
    dtype : str, optional
        The array's type, needed for big-endian numbers: the stream does not tell their order.
    delta : str, optional
        The tuned model as the metadata have it.
    codec : str, optional
        Another codec that is installed; `options` are its own.
    options : mapping, optional
    planes : str, optional
        ``"residuals"``: planes of a chunk are coded as differences to the one before, as `astrocodec.encode` has it.
    max_error, noise_increase, gain, read_noise, dither, protect_sources, saturation : optional
        LOSSY, within a bound: `astrocodec.Bound` says what they are. It needs `dtype`, and no filter may stand before.

    Examples
    --------
    >>> codec = AstroCodec()
    >>> codec.decode(codec.encode(np.arange(5, dtype="u2"))).tolist()
    [0, 1, 2, 3, 4]
    """

    codec_id = "astrocodec"

    def __init__(
        self,
        model: str | Model | None = None,
        thorough: bool = False,
        dtype: str | None = None,
        delta: str = "",
        codec: str = "causal",
        options: Mapping[str, Any] | None = None,
        planes: str = "auto",
        **words: Unpack[BoundWords],
    ) -> None:
        bound = asked_bound(**words)
        self.stream = ChunkStream(delta or model_text(model), thorough, codec, options or {}, planes, bound)
        self._dtype = None if dtype is None else np.dtype(dtype)
        if self._dtype is not None:
            check_type(self._dtype, bound)
        elif bound is not None:
            raise TypeError("a bound is one of elements, and numcodecs does not tell their type: give dtype")

    def encode(self, buf: Any) -> bytes:
        """Code a chunk; one that is masked is refused."""
        chunk = as_array(buf) if hasattr(buf, "dtype") else ensure_contiguous_ndarray(buf)
        if self.stream.bound is not None and chunk.dtype != self._dtype:
            raise TypeError(f"chunks of {chunk.dtype} found, dtype is {self._dtype}: no filter goes before a bound")
        # The bytes of the chunk in their order in memory are what has to come back.
        chunk = chunk.T if chunk.flags.f_contiguous and not chunk.flags.c_contiguous else chunk
        if self._dtype is not None and chunk.dtype != self._dtype:
            chunk = np.ascontiguousarray(chunk).view(self._dtype)
        if self._dtype is None and not chunk.dtype.isnative:
            raise TypeError(f"chunks of {chunk.dtype} need AstroCodec(dtype={chunk.dtype.str!r})")
        return self.stream.encode(chunk)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk."""
        return ndarray_copy(self.stream.decode(bytes(ensure_contiguous_ndarray(buf)), self._dtype), out)

    def get_config(self) -> dict[str, Any]:
        """Return what the array's metadata hold."""
        config = {"id": self.codec_id, **self.stream.configuration()}
        if self._dtype is not None:
            config["dtype"] = self._dtype.str
        return config
