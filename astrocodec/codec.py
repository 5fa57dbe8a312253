"""Codec: arrays <-> streams, composed of the stages in their order.

pixels -> split -> tiles -> (predict, distribution, rANS: native or reference) -> stream
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec import _native, varint
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, TruncatedError
from astrocodec.model import Model, load_model, shipped_by_fingerprint
from astrocodec.pixels import DTYPES, map_pixels, unmap_pixels
from astrocodec.split import MAX_LOW_BITS, choose_low_bits, pack_low, unpack_low
from astrocodec.stream import CHECKSUM_SIZE, MODELLED, STORED, Header, read_header, split_tiles
from astrocodec.tiles import MAX_PIXELS, MAX_SIDE, balanced_tile, sheet_shape, tile_slices

_T = TypeVar("_T")
_R = TypeVar("_R")
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


def _in_threads(function: Callable[[_T], _R], items: Sequence[_T], workers: int) -> list[_R]:
    if workers <= 1 or len(items) <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(workers, len(items))) as pool:
        return list(pool.map(function, items))


def _as_values(array: ArrayLike) -> NDArray[np.generic]:
    values = np.asarray(array)
    if values.dtype.str[1:] not in DTYPES:
        raise TypeError(
            f"dtype {values.dtype} found, allowed are {', '.join(DTYPES)}: convert the array or store it otherwise"
        )
    return np.ascontiguousarray(values, values.dtype.newbyteorder("=")).reshape(values.shape)


def _checksum(header: bytes, values: NDArray[np.generic]) -> bytes:
    canonical = values.astype(values.dtype.newbyteorder("<"), copy=False)
    start = _native.crc32c(np.frombuffer(header, np.uint8))
    return _native.crc32c(canonical, start).to_bytes(CHECKSUM_SIZE, "little")


def _stored(values: NDArray[np.generic]) -> bytes:
    header = Header(STORED, values.dtype, values.shape).to_bytes()
    return b"".join(
        (header, values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes(), _checksum(header, values))
    )


def _encode_one(
    native: _native.NativeModel, samples: NDArray[np.uint16], thorough: bool, where: tuple[slice, slice]
) -> bytes:
    return _native.encode_tile(native, samples[where], thorough)


def _modelled(
    values: NDArray[np.generic],
    models: Sequence[Model],
    tile_shape: tuple[int, int] | None,
    workers: int,
    embed: bool,
    thorough: bool,
) -> bytes | None:
    mapped = map_pixels(values.reshape(sheet_shape(values.shape)))
    if mapped is None:
        return None
    sheet, pixel_map, largest = mapped
    low = choose_low_bits(sheet, largest)
    if low > MAX_LOW_BITS:
        return None
    samples = (
        (sheet >> sheet.dtype.type(low)).astype(np.uint16, copy=False) if low else sheet.astype(np.uint16, copy=False)
    )
    tile_shape = tile_shape or balanced_tile(samples.shape)
    tile_shape = min(tile_shape[0], samples.shape[0], MAX_SIDE), min(tile_shape[1], samples.shape[1], MAX_SIDE)
    slices = list(tile_slices(samples.shape, tile_shape))
    best: tuple[bytes, list[bytes]] | None = None
    for model in models:
        embedded = model.to_bytes() if embed and not model.is_shipped else b""
        header = Header(
            MODELLED, values.dtype, values.shape, model.fingerprint, embedded, pixel_map, low, tile_shape
        ).to_bytes()
        tiles = _in_threads(partial(_encode_one, model.native, samples, thorough), slices, workers)
        if best is None or len(header) + sum(map(len, tiles)) < len(best[0]) + sum(map(len, best[1])):
            best = header, tiles
    if best is None:
        raise ValueError("no model given")
    header, tiles = best
    framed = [part for tile in tiles for part in (varint.put(len(tile)), tile)]
    return b"".join((header, *framed, pack_low(sheet, low) if low else b"", _checksum(header, values)))


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
        An option is outside its range.

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
    stored = 7 + 10 * values.ndim + values.nbytes
    models = [load_model(model)] if isinstance(model, str | Path | Model) else list(model)
    stream = _modelled(values, models, tile_shape, workers, embed_model, thorough) if values.size else None
    if stream is None or len(stream) > stored:
        stream = _stored(values)
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


def _find_model(header: Header, models: Iterable[Model]) -> Model:
    if header.embedded:
        model = Model.from_bytes(header.embedded, "embedded")
        if model.fingerprint != header.fingerprint:
            raise CorruptError(f"embedded model is {model.fingerprint}, the stream names {header.fingerprint}")
        return model
    for model in models:
        if model.fingerprint == header.fingerprint:
            return model
    found = shipped_by_fingerprint(header.fingerprint)
    if found is None:
        raise ModelNotFoundError(
            f"the stream needs model {header.fingerprint}, which is neither installed nor given: upgrade astrocodec, "
            "or pass the tuned model that was stored beside the stream as models=[...]"
        )
    return found


def _decode_tiles(header: Header, tiles: Sequence[memoryview], model: Model, workers: int) -> NDArray[np.uint16]:
    samples = np.empty(header.sheet, np.uint16)
    native = model.native

    def one(job: tuple[int, tuple[slice, slice]]) -> None:
        index, where = job
        try:
            _native.decode_tile(native, np.frombuffer(tiles[index], np.uint8), samples[where])
        except FormatError as error:
            raise type(error)(f"tile {index} at row {where[0].start}, column {where[1].start}: {error}") from None

    _in_threads(one, list(enumerate(tile_slices(header.sheet, header.tile_shape))), workers)
    return samples


def _decode_modelled(
    stream: memoryview, header: Header, at: int, models: Iterable[Model], workers: int
) -> NDArray[np.generic]:
    assert header.pixel_map is not None
    # Four bytes bound what the largest run of constant tiles can claim, before memory is taken.
    if math.prod(header.shape) > (len(stream) - at) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(stream)} bytes can hold")
    tiles, end = split_tiles(stream, at, header.tile_count)
    samples = _decode_tiles(header, tiles, _find_model(header, models), workers)
    rest = stream[end : len(stream) - CHECKSUM_SIZE]
    if not header.low_bits:
        if len(rest):
            raise CorruptError(f"byte {end}: {len(rest)} bytes follow the last tile")
        return unmap_pixels(samples, header.pixel_map, header.dtype)
    low, used = unpack_low(rest, samples.size, header.low_bits)
    if used != len(rest):
        raise CorruptError(f"byte {end + used}: {len(rest) - used} bytes follow the low bits")
    whole = (samples.astype(np.uint64) << np.uint64(header.low_bits)) | low.reshape(samples.shape)
    return unmap_pixels(whole, header.pixel_map, header.dtype)


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
        Where to put the pixels; dtype and shape must be the array's.

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
    view = _view(stream)
    header, at = read_header(view)
    if len(view) - at < CHECKSUM_SIZE:
        raise TruncatedError(f"{len(view)} bytes found, at least {at + CHECKSUM_SIZE} needed: the stream is cut")
    if header.mode == STORED:
        values = _decode_stored(view, header, at)
    else:
        values = _decode_modelled(view, header, at, models, workers).reshape(header.shape)
    if _checksum(bytes(view[:at]), values) != bytes(view[-CHECKSUM_SIZE:]):
        raise CorruptError("the checksum of the decoded pixels differs: the stream is damaged")
    if out is None:
        return values
    if out.dtype.newbyteorder("=") != values.dtype or out.shape != values.shape:
        raise ValueError(
            f"out has dtype {out.dtype} and shape {out.shape}, the stream holds {values.dtype} and {values.shape}"
        )
    out[...] = values
    return out


def _decode_stored(view: memoryview, header: Header, at: int) -> NDArray[np.generic]:
    expected = math.prod(header.shape) * header.dtype.itemsize
    found = len(view) - at - CHECKSUM_SIZE
    if found != expected:
        kind = TruncatedError if found < expected else CorruptError
        raise kind(f"stored {header.dtype} array of shape {header.shape}: {found} bytes found, {expected} expected")
    raw = np.frombuffer(view[at : at + expected], header.dtype.newbyteorder("<"))
    return raw.astype(header.dtype).reshape(header.shape)


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
    header, _ = read_header(view)
    return StreamInfo(
        version=view[2],
        mode="stored" if header.mode == STORED else "modelled",
        dtype=header.dtype,
        shape=header.shape,
        tile_shape=header.tile_shape,
        model_fingerprint=header.fingerprint,
        embedded_model=bool(header.embedded),
        low_bits=header.low_bits,
        n_bytes=len(view),
        bits_per_pixel=8 * len(view) / max(1, math.prod(header.shape)),
    )
