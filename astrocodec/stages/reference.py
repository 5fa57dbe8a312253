"""The reference codec: the native library's functions in readable Python, bit for bit the same.

docs/format.md is the specification. Tiles are composed of their stages by `astrocodec.stages.piece`, streams here:
pixels -> split -> tiles -> stream. It codes about 100,000 pixels a second; with the native library's tile functions put
in, it tells what is wrong with a damaged stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec import _native
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, TruncatedError
from astrocodec.model import Model, shipped_by_fingerprint
from astrocodec.stages import piece, varint
from astrocodec.stages.distribution import Tables, build_tables
from astrocodec.stages.pixels import map_pixels, unmap_pixels
from astrocodec.stages.planes import MAX_PIXELS, MAX_SIDE, balanced_tile, sheet_shape, tile_slices
from astrocodec.stages.predict import check_weights
from astrocodec.stages.split import MAX_LOW_BITS, choose_low_bits, pack_low, unpack_low
from astrocodec.stages.stream import CHECKSUM_SIZE, MODELLED, STORED, Header, read_header, split_tiles
from astrocodec.stages.weights import Weights


class ReferenceModel:
    """A model ready for the reference codec; counterpart of `_native.NativeModel`.

    Parameters
    ----------
    weights : bytes
        A weight block.
    shapes : bytes or ReferenceModel
        A shape block, or a model whose tables to share.

    Raises
    ------
    FormatError
        A block breaks its format.
    """

    def __init__(self, weights: bytes, shapes: bytes | ReferenceModel) -> None:
        self.weights = Weights.from_bytes(weights)
        check_weights(self.weights)
        self.shapes: Tables = shapes.shapes if isinstance(shapes, ReferenceModel) else build_tables(shapes)

    def tables(self) -> NDArray[np.uint16]:
        """Cumulative frequencies, shape ``(tables, 64)``; a copy."""
        return self.shapes.cumulative.copy()


def encode_tile(model: ReferenceModel, samples: NDArray[np.uint16], thorough: bool = False) -> bytes:
    """Encode one plane of uint16 samples ``(y, x)``; `thorough` tries every tile mode."""
    return piece.encode_tile(model.weights, model.shapes, samples, thorough)


def decode_tile(model: ReferenceModel, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Decode one tile into `out` ``(y, x)``.

    Raises
    ------
    TruncatedError, CorruptError
        The bytes break the format; `out` is then as it was.
    """
    out[...] = piece.decode_tile(model.weights, model.shapes, data.tobytes(), *out.shape)


# Tile functions that streams are composed with: of this module, or of the native library.
TileEncoder = Callable[[Model, NDArray[np.uint16], bool], bytes]
TileDecoder = Callable[[Model, NDArray[np.uint8], NDArray[np.uint16]], None]


def encode_tile_with(model: Model, samples: NDArray[np.uint16], thorough: bool) -> bytes:
    """`encode_tile` for a `Model`."""
    return encode_tile(ReferenceModel(model.weights, model.shapes), samples, thorough)


def decode_tile_with(model: Model, data: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """`decode_tile` for a `Model`."""
    decode_tile(ReferenceModel(model.weights, model.shapes), data, out)


def _checksum(header: bytes, values: NDArray[np.generic]) -> bytes:
    canonical = values.astype(values.dtype.newbyteorder("<"), copy=False)
    start = _native.crc32c(np.frombuffer(header, np.uint8))
    return _native.crc32c(canonical, start).to_bytes(CHECKSUM_SIZE, "little")


def _stored(values: NDArray[np.generic]) -> bytes:
    header = Header(STORED, values.dtype, values.shape).to_bytes()
    elements = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return header + elements + _checksum(header, values)


def _modelled(
    values: NDArray[np.generic],
    models: Sequence[Model],
    tile_shape: tuple[int, int] | None,
    embed: bool,
    thorough: bool,
    encode_one: TileEncoder,
) -> bytes | None:
    mapped = map_pixels(values.reshape(sheet_shape(values.shape)))
    if mapped is None:
        return None
    sheet, pixel_map, largest = mapped
    low = choose_low_bits(sheet, largest)
    if low > MAX_LOW_BITS:
        return None
    samples = np.ascontiguousarray((sheet >> sheet.dtype.type(low)).astype(np.uint16))
    tile_shape = tile_shape or balanced_tile(samples.shape)
    tile_shape = min(tile_shape[0], samples.shape[0], MAX_SIDE), min(tile_shape[1], samples.shape[1], MAX_SIDE)
    best: tuple[bytes, list[bytes]] | None = None
    for model in models:
        embedded = model.to_bytes() if embed and not model.is_shipped else b""
        fields = (values.dtype, values.shape, model.fingerprint, embedded, pixel_map, low, tile_shape)
        header = Header(MODELLED, *fields).to_bytes()
        tiles = [encode_one(model, samples[where], thorough) for where in tile_slices(samples.shape, tile_shape)]
        if best is None or len(header) + sum(map(len, tiles)) < len(best[0]) + sum(map(len, best[1])):
            best = header, tiles
    if best is None:
        raise ValueError("no model given")
    header, tiles = best
    framed = [part for tile in tiles for part in (varint.put(len(tile)), tile)]
    return b"".join((header, *framed, pack_low(sheet, low), _checksum(header, values)))


def encode_stream(
    values: NDArray[np.generic],
    models: Sequence[Model],
    *,
    tile_shape: tuple[int, int] | None = None,
    embed: bool = True,
    thorough: bool = False,
    encode_one: TileEncoder = encode_tile_with,
) -> bytes:
    """Encode an array of native byte order; see `astrocodec.encode`."""
    stored = 7 + 10 * values.ndim + values.nbytes
    stream = _modelled(values, models, tile_shape, embed, thorough, encode_one) if values.size else None
    return _stored(values) if stream is None or len(stream) > stored else stream


def find_model(header: Header, models: Iterable[Model]) -> Model:
    """The model that a stream names: one of those given, the one inside, or a shipped one.

    Raises
    ------
    ModelNotFoundError
        It is none of them.
    FormatError
        The model inside is damaged, or another one.
    """
    for model in models:
        if model.fingerprint == header.fingerprint:
            return model
    if header.embedded:
        model = Model.from_bytes(header.embedded, "embedded")
        if model.fingerprint != header.fingerprint:
            raise CorruptError(f"embedded model is {model.fingerprint}, the stream names {header.fingerprint}")
        return model
    found = shipped_by_fingerprint(header.fingerprint)
    if found is None:
        raise ModelNotFoundError(
            f"the stream needs model {header.fingerprint}, which is neither installed nor given: upgrade astrocodec, "
            "or pass the tuned model that was stored beside the stream as models=[...]"
        )
    return found


def _decode_tiles(
    header: Header, tiles: Sequence[memoryview], model: Model, decode_one: TileDecoder
) -> NDArray[np.uint16]:
    samples = np.empty(header.sheet, np.uint16)
    for index, where in enumerate(tile_slices(header.sheet, header.tile_shape)):
        try:
            decode_one(model, np.frombuffer(tiles[index], np.uint8), samples[where])
        except FormatError as error:
            raise type(error)(f"tile {index} at row {where[0].start}, column {where[1].start}: {error}") from None
    return samples


def _decode_modelled(
    stream: memoryview, header: Header, at: int, models: Iterable[Model], decode_one: TileDecoder
) -> NDArray[np.generic]:
    assert header.pixel_map is not None
    # Four bytes bound what the largest run of constant tiles can claim, before memory is taken.
    if math.prod(header.shape) > (len(stream) + CHECKSUM_SIZE - at) * (MAX_PIXELS // 4):
        raise CorruptError(f"shape {header.shape} is more than {len(stream) + CHECKSUM_SIZE} bytes can hold")
    tiles, end = split_tiles(stream, at, header.tile_count)
    samples = _decode_tiles(header, tiles, find_model(header, models), decode_one)
    rest = stream[end:]
    if not header.low_bits:
        if len(rest):
            raise CorruptError(f"byte {end}: {len(rest)} bytes follow the last tile")
        return unmap_pixels(samples, header.pixel_map, header.dtype)
    low, used = unpack_low(rest, samples.size, header.low_bits)
    if used != len(rest):
        raise CorruptError(f"byte {end + used}: {len(rest) - used} bytes follow the low bits")
    whole = (samples.astype(np.uint64) << np.uint64(header.low_bits)) | low.reshape(samples.shape)
    return unmap_pixels(whole, header.pixel_map, header.dtype)


def _decode_stored(elements: memoryview, header: Header) -> NDArray[np.generic]:
    expected, found = math.prod(header.shape) * header.dtype.itemsize, len(elements)
    if found != expected:
        kind = TruncatedError if found < expected else CorruptError
        raise kind(f"stored {header.dtype} array of shape {header.shape}: {found} bytes found, {expected} expected")
    return np.frombuffer(elements, header.dtype.newbyteorder("<")).astype(header.dtype)


def decode_stream(
    stream: memoryview, models: Iterable[Model] = (), decode_one: TileDecoder = decode_tile_with
) -> NDArray[Any]:
    """Decode a stream; see `astrocodec.decode`.

    Raises
    ------
    FormatError, ModelNotFoundError
        With the place, what was found and what is allowed.
    """
    header, at = read_header(stream)
    if len(stream) - at < CHECKSUM_SIZE:
        raise TruncatedError(f"{len(stream)} bytes found, at least {at + CHECKSUM_SIZE} needed: the stream is cut")
    body = stream[: len(stream) - CHECKSUM_SIZE]
    if header.mode == STORED:
        values = _decode_stored(body[at:], header)
    else:
        values = _decode_modelled(body, header, at, models, decode_one)
    if _checksum(bytes(stream[:at]), values) != bytes(stream[-CHECKSUM_SIZE:]):
        raise CorruptError("the checksum of the decoded pixels differs: the stream is damaged")
    return values.reshape(header.shape)
