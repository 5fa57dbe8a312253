"""What codecs of pictures share: parameters, ranges, tiles. docs/format.md section "Pictures"."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.lossy.pictures import (
    STRETCHES,
    Range,
    as_pictures,
    fit_kind,
    from_pictures,
    normalise,
    picture_shape,
    range_size,
    real_kind,
)
from astrocodec.lossy.torch_device import check_device
from astrocodec.lossy.transforms import LEVELS
from astrocodec.lossy.weights import FINGERPRINT_SIZE, Weights, find_weights, kept_by_weights
from astrocodec.stages import varint
from astrocodec.stages.stream import MAX_ELEMENTS

_FORM = struct.Struct(f"<{FINGERPRINT_SIZE}sBBBBBI")
_TILE_UNIT, _MOST_TILES = 64, 16  # sides of tiles, in pixels and in units


class Tiles(Protocol):
    """What a system makes of tiles of pictures of 0 to 1."""

    kinds: tuple[str, ...]
    heads: tuple[int, ...]
    multiple: int  # of which sides of tiles are multiples

    def encode(self, x: NDArray[np.float64], level: int, kind: str, crc: int) -> tuple[bytes, int]:
        """Bytes, and the checksum of the symbols."""

    def decode(
        self, data: memoryview, shape: tuple[int, int, int], level: int, kind: str, crc: int
    ) -> tuple[NDArray[np.float64], int]:
        """The tile, and the checksum of its symbols."""


class PictureCodec:
    """A codec of pictures.

    Parameters
    ----------
    codec_id : int
    name : str
        Also of the weights.
    kinds : tuple of str
        Ways to code that streams may name, by number.
    tiles : callable
        Makes `Tiles` of weights and a device.
    """

    exact = False
    install = "pip install 'astrocodec[torch]'"

    def __init__(
        self, codec_id: int, name: str, kinds: tuple[str, ...], tiles: Callable[[Weights, str], Tiles]
    ) -> None:
        self.id, self.name, self._kinds = codec_id, name, kinds
        self._tiles = kept_by_weights(tiles)

    def encode(
        self,
        values: NDArray[Any],
        *,
        quality: int = 4,
        kind: str | None = None,
        stretch: str = "linear",
        channels: int | None = None,
        tile: int = 512,
        weights: Any = None,
        device: str = "cpu",
    ) -> tuple[bytes, bytes]:
        """Parameters and data of an array.

        Parameters
        ----------
        values : ndarray
            Pictures ``(..., y, x)`` of finite floats, integers of up to 32 bits or complex numbers.
        quality : int, optional
            0, few bits, to 7.
        kind : str, optional
            How latents are coded; by default the last of the codec's kinds that the weights have.
        stretch : str, optional
            ``"linear"`` or, for skies, where sources are much brighter than noise, ``"asinh"``: the error that is kept
            small is then that of the stretched picture.
        channels : int, optional
            2 where the third axis from behind has two channels of one picture; complex numbers always have two.
        tile : int, optional
            Side of tiles in pixels, a multiple of 64 up to 1024.
        weights : str, Path or bytes, optional
            As `astrocodec.lossy.weights.find_weights` takes them.
        device : str, optional
            Where the transforms run.

        Raises
        ------
        TypeError, ValueError
            The array is none of these, or an option is outside of its range.
        """
        channels = channels or (2 if values.dtype.kind == "c" else 1)
        if not (isinstance(quality, int) and 0 <= quality < LEVELS):
            raise ValueError(f"quality is {quality}, allowed are whole numbers of 0 to {LEVELS - 1}")
        if stretch not in STRETCHES:
            raise ValueError(f"stretch is {stretch!r}, allowed are {', '.join(STRETCHES)}")
        if tile % _TILE_UNIT or not 0 < tile <= _TILE_UNIT * _MOST_TILES:
            raise ValueError(f"tile is {tile}, allowed are multiples of {_TILE_UNIT} to {_TILE_UNIT * _MOST_TILES}")
        pictures = as_pictures(values, channels)
        found = find_weights(weights or self.name)
        check_device(device)
        tiles = self._tiles(found, device)
        kind = kind or tiles.kinds[-1]
        if kind not in tiles.kinds or channels not in tiles.heads:
            raise ValueError(
                f"weights {found.name}: kind {kind!r} with {channels} channels asked for, allowed are "
                f"{', '.join(tiles.kinds)} with {' or '.join(map(str, tiles.heads))}"
            )
        crc, data = 0, bytearray()
        for picture in pictures if pictures.size else ():
            unit, span = normalise(picture, stretch)
            data += span.to_bytes(stretch)
            for y, x in _grid(picture.shape[1], picture.shape[2], tile) if span.low < span.high else ():
                part = unit[:, y : y + tile, x : x + tile]
                sides = _padded(part.shape[1:], tiles.multiple)
                padding = [(0, 0), *((0, whole - side) for whole, side in zip(sides, part.shape[1:], strict=True))]
                coded, crc = tiles.encode(np.pad(part, padding, "symmetric"), quality, kind, crc)
                data += varint.put(len(coded)) + coded
        parameters = _FORM.pack(
            *(found.fingerprint, self._kinds.index(kind), quality, STRETCHES.index(stretch), channels),
            *(tile // _TILE_UNIT, crc),
        )
        return parameters, bytes(data)

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The array, one tile at a time."""
        said = self._read(parameters)
        try:
            pictures = picture_shape(dtype, shape, said.channels)
        except ValueError as error:
            raise CorruptError(f"codec {self.name}: {error}") from error
        count = pictures[0] if math.prod(shape) else 0
        if count * range_size(said.stretch) > len(data):
            raise TruncatedError(f"codec {self.name}: {len(data)} bytes found for {count} pictures: the stream is cut")
        check_device(device)
        tiles = self._tiles(find_weights(said.fingerprint), device)
        if said.kind not in tiles.kinds or said.channels not in tiles.heads:
            raise CorruptError(f"codec {self.name}: its weights have no {said.kind} with {said.channels} channels")
        reader, crc = varint.Reader(data), 0
        out: NDArray[Any] | None = None
        for number in range(count):
            span = Range.from_bytes(reader.take(range_size(said.stretch), f"range of picture {number}"), said.stretch)
            if span.low < span.high and tile_count(*pictures[2:], said.tile) > len(data) - reader.at:
                raise TruncatedError(f"codec {self.name}: not all tiles of picture {number} are there")
            # No sooner: a short stream may claim a large shape.
            out = np.empty(pictures, real_kind(dtype)) if out is None else out
            crc = _decode_picture(tiles, reader, span, said, out[number], crc)
        if reader.at != len(data):
            raise CorruptError(f"codec {self.name}: {len(data) - reader.at} bytes are left behind the last tile")
        if crc != said.crc:
            raise CorruptError(
                f"codec {self.name}: the checksum of the symbols differs: the stream is damaged, or this machine's "
                "arithmetic is not exact"
            )
        return from_pictures(np.empty(0, real_kind(dtype)) if out is None else out, dtype, shape)

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say."""
        said = self._read(parameters)
        return {
            "weights": said.fingerprint.hex(),
            "kind": said.kind,
            "quality": said.level,
            "stretch": said.stretch,
            "channels": said.channels,
            "tile": said.tile,
        }

    def _read(self, parameters: bytes) -> Said:
        if len(parameters) != _FORM.size:
            raise CorruptError(f"codec {self.name}: parameters of {len(parameters)} bytes found, {_FORM.size} needed")
        fingerprint, kind, level, stretch, channels, units, crc = _FORM.unpack(parameters)
        allowed = (len(self._kinds), LEVELS, len(STRETCHES))
        is_known = all(value < most for value, most in zip((kind, level, stretch), allowed, strict=True))
        if not is_known or channels not in (1, 2) or not 1 <= units <= _MOST_TILES:
            raise CorruptError(
                f"codec {self.name}: kind {kind}, quality {level}, stretch {stretch}, {channels} channels and tiles of "
                f"{units} x {_TILE_UNIT} pixels found, which no encoder writes"
            )
        return Said(fingerprint, self._kinds[kind], level, STRETCHES[stretch], channels, units * _TILE_UNIT, crc)


@dataclass(frozen=True)
class Said:
    """The parameters of a stream."""

    fingerprint: bytes
    kind: str
    level: int
    stretch: str
    channels: int
    tile: int
    crc: int  # CRC-32C of all symbols


def _grid(height: int, width: int, tile: int) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(0, height, tile) for x in range(0, width, tile))


def tile_count(height: int, width: int, tile: int) -> int:
    """How many tiles a picture has."""
    return -(-height // tile) * -(-width // tile)


def _padded(sides: Sequence[int], multiple: int) -> tuple[int, int]:
    return (-(-sides[0] // multiple) * multiple, -(-sides[1] // multiple) * multiple)


def _decode_picture(tiles: Tiles, reader: varint.Reader, span: Range, said: Said, out: NDArray[Any], crc: int) -> int:
    """Fill a picture (channels, y, x), tile by tile; the checksum of the symbols so far."""
    channels, height, width = out.shape
    if span.low == span.high:
        out[:] = fit_kind(span.restore(np.zeros(1)), out.dtype)
        return crc
    for y, x in _grid(height, width, said.tile):
        coded = reader.take(reader.number("length of a tile", MAX_ELEMENTS), f"tile at {y}, {x}")
        part = out[:, y : y + said.tile, x : x + said.tile]
        sides = _padded(part.shape[1:], tiles.multiple)
        unit, crc = tiles.decode(coded, (channels, *sides), said.level, said.kind, crc)
        part[:] = fit_kind(span.restore(unit[:, : part.shape[1], : part.shape[2]]), out.dtype)
    return crc
