"""Codec: arrays <-> streams, by the native library; `astrocodec.stages.reference` is the same to be read."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec import _native
from astrocodec._native import stream as native_stream
from astrocodec.arrays import as_array
from astrocodec.errors import AstrocodecError, CorruptError, ModelNotFoundError
from astrocodec.model import Model, load_model, shipped_by_fingerprint
from astrocodec.stages import reference
from astrocodec.stages.pixels import DTYPES
from astrocodec.stages.planes import MAX_PIXELS
from astrocodec.stages.stream import MAX_DIMENSIONS, read_header

Buffer: TypeAlias = "bytes | bytearray | memoryview[int] | NDArray[np.uint8]"


@dataclass(frozen=True)
class StreamInfo:
    """What a stream says of itself.

    Attributes
    ----------
    version : int
    mode : str
        ``"stored"`` or ``"modelled"``.
    dtype : numpy.dtype
    shape : tuple of int
    tile_shape : tuple of int
        ``(y, x)``; ``(0, 0)`` when stored.
    model_fingerprint : str
        16 hex digits; empty when stored.
    embedded_model : bool
        Whether the stream carries its tuned model.
    low_bits : int
        Bits per pixel kept aside unmodelled.
    n_bytes : int
    bits_per_pixel : float
    """

    version: int
    mode: str
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    tile_shape: tuple[int, int]
    model_fingerprint: str
    embedded_model: bool
    low_bits: int
    n_bytes: int
    bits_per_pixel: float


def _as_values(array: ArrayLike) -> NDArray[np.generic]:
    values = as_array(array)
    if values.dtype.str[1:] not in DTYPES:
        raise TypeError(
            f"dtype {values.dtype} found, allowed are {', '.join(DTYPES)}: convert the array or store it otherwise"
        )
    if values.ndim > MAX_DIMENSIONS:
        raise ValueError(f"{values.ndim} axes found, at most {MAX_DIMENSIONS} allowed: reshape the array")
    return np.require(values, values.dtype.newbyteorder("="), ["C", "A"])


def encode(
    array: ArrayLike,
    model: str | Path | Model | Sequence[Model] = "default",
    *,
    tile_shape: tuple[int, int] | None = None,
    workers: int = 1,
    embed_model: bool = True,
    thorough: bool = False,
    verify: bool = False,
) -> bytes:
    """Encode an array losslessly.

    Parameters
    ----------
    array : array_like
        Integers of 8 to 64 bits or floats of 32 or 64 bits, any byte order and strides, up to 32 axes. Leading axes are
        stacked along y.
    model : str, Path, Model or sequence of Model, optional
        A shipped model's name, an ``.acm`` file, or a model from `astrocodec.tune`; of several models the one that
        gives the smallest stream is used.
    tile_shape : tuple of int, optional
        Tile height and width in pixels; by default tiles of about 512 x 512.
    workers : int, optional
        Threads over tiles.
    embed_model : bool, optional
        Put a tuned model into the stream. Without it the reader must be given the model.
    thorough : bool, optional
        Try every way to code a tile, not only those that look promising: up to twice the time.
    verify : bool, optional
        Decode the result and compare before returning it.

    Returns
    -------
    bytes
        A stream; never larger than the array by more than 64 bytes.

    Raises
    ------
    TypeError
        The dtype is not supported.
    ValueError
        The array has more than 32 axes, or an option is outside its range.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> frame = np.random.default_rng(1).poisson(300, (256, 256)).astype(np.uint16)
    >>> stream = astrocodec.encode(frame)
    >>> bool((astrocodec.decode(stream) == frame).all()), len(stream) < frame.nbytes / 2
    (True, True)
    """
    values = _as_values(array)
    if tile_shape is not None and (len(tile_shape) != 2 or min(tile_shape) < 1 or math.prod(tile_shape) > MAX_PIXELS):
        raise ValueError(
            f"tile_shape {tile_shape} found, two sides of at least 1 and at most {MAX_PIXELS} pixels allowed"
        )
    if workers < 1:
        raise ValueError(f"workers is {workers}, at least 1 is needed")
    models = [load_model(model)] if isinstance(model, str | Path | Model) else list(model)
    if not models:
        raise ValueError("no model given")
    choices = [(m.native, m.to_bytes() if embed_model and not m.is_shipped else b"") for m in models]
    stream = native_stream.encode_stream(choices, values, tile_shape, thorough, workers)
    if verify and not same_bits(decode(stream, models=models, workers=workers), values):
        raise CorruptError(
            "the stream does not decode to the array it was made from: please report this; nothing was written"
        )
    return stream


def _view(stream: Buffer) -> memoryview:
    whole = memoryview(stream)  # type: ignore[arg-type]
    return whole.cast("B") if whole.nbytes else memoryview(b"")


def same_bits(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    """Whether two arrays are equal in dtype, shape and every bit, NaN payloads and signs of zero included."""
    if a.dtype.newbyteorder("=") != b.dtype.newbyteorder("=") or a.shape != b.shape:
        return False
    first, second = (np.atleast_1d(np.ascontiguousarray(x, x.dtype.newbyteorder("="))) for x in (a, b))
    kind = f"u{a.dtype.itemsize}"
    return bool(np.array_equal(first.view(kind), second.view(kind)))


def _explain(stream: memoryview, models: Sequence[Model]) -> AstrocodecError:
    """What is wrong with a stream that the native library refuses: the reference tells where and what."""

    def decode_one(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
        _native.decode_tile(model.native, data, out)

    try:
        reference.decode_stream(stream, models, decode_one)
    except AstrocodecError as error:
        return error
    return CorruptError("the native library refuses a stream that the reference decodes: please report this")


def _decode_into(
    stream: memoryview, fingerprint: str, models: Sequence[Model], out: NDArray[np.generic], workers: int
) -> None:
    """Decode with the model that the stream names, wherever it is."""
    shipped = shipped_by_fingerprint(fingerprint)
    known = [m for m in (*models, *([shipped] if shipped else [])) if m.fingerprint == fingerprint]
    decode_with = functools.partial(native_stream.decode_stream, stream, out=out, workers=workers)
    try:
        decode_with(models=[m.native for m in known[:1]])
    except ModelNotFoundError:
        # A general model inside the stream, or a tuned one made from a model that only this package has.
        decode_with(models=[reference.find_model(read_header(stream)[0], models).native])


def decode(
    stream: Buffer, *, models: Iterable[Model] = (), workers: int = 1, out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Decode a stream.

    Parameters
    ----------
    stream : bytes-like
        What `encode` returned, no byte more or less.
    models : iterable of Model, optional
        Tuned models that the stream may name.
    workers : int, optional
        Threads over tiles.
    out : ndarray, optional
        Where to put the pixels; dtype and shape must be the array's. What it holds after an error is not defined.

    Returns
    -------
    ndarray
        dtype (native byte order), shape and every bit of the original.

    Raises
    ------
    TruncatedError, CorruptError, VersionError, FormatError
        The stream is not whole, or not one.
    ModelNotFoundError
        It names a model that is not here.
    ValueError
        `out` does not fit.
    """
    view, models = _view(stream), list(models)
    try:
        header = native_stream.inspect_stream(view)
    except AstrocodecError:
        raise _explain(view, models) from None
    if not header.is_whole:
        raise _explain(view, models)
    if out is not None and (out.dtype.newbyteorder("=") != header.dtype or out.shape != header.shape):
        raise ValueError(
            f"out has dtype {out.dtype} and shape {out.shape}, the stream holds {header.dtype} and {header.shape}"
        )
    is_direct = out is not None and out.dtype.isnative and out.flags.carray
    values = out if out is not None and is_direct else np.empty(header.shape, header.dtype)
    try:
        _decode_into(view, header.fingerprint, models, values, workers)
    except AstrocodecError:
        raise _explain(view, models) from None
    if out is None or is_direct:
        return values
    out[...] = values
    return out


def inspect(stream: Buffer) -> StreamInfo:
    """What a stream holds, without decoding it.

    Raises
    ------
    FormatError
        It is not a stream, or its header is damaged.

    Examples
    --------
    >>> import numpy as np, astrocodec
    >>> info = astrocodec.inspect(astrocodec.encode(np.zeros((64, 64), np.int16)))
    >>> info.mode, info.shape, str(info.dtype)
    ('modelled', (64, 64), 'int16')
    """
    view = _view(stream)
    try:
        header = native_stream.inspect_stream(view)
    except AstrocodecError:
        raise _explain(view, ()) from None
    return StreamInfo(
        version=header.version,
        mode="modelled" if header.is_modelled else "stored",
        dtype=header.dtype,
        shape=header.shape,
        tile_shape=header.tile_shape,
        model_fingerprint=header.fingerprint,
        embedded_model=header.has_model,
        low_bits=header.low_bits,
        n_bytes=len(view),
        bits_per_pixel=8 * len(view) / max(1, math.prod(header.shape)),
    )
