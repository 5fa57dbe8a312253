"""Stream: the self-describing bytes of one array; the only place that knows the header.

docs/format.md section "Stream".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from astrocodec.errors import CorruptError, FormatError, TruncatedError, VersionError
from astrocodec.stages import varint
from astrocodec.stages.pixels import DTYPES, PixelMap
from astrocodec.stages.planes import MAX_PIXELS, MAX_SIDE, sheet_shape
from astrocodec.stages.split import MAX_LOW_BITS

MAGIC = b"\xac\x0d"
VERSION = 1
STORED, MODELLED = 0, 1
EMBEDDED = 0x10
MAX_DIMENSIONS = 32
MAX_ELEMENTS = 1 << 40
MAX_MODEL = 1 << 16
CHECKSUM_SIZE = 4


@dataclass(frozen=True)
class Header:
    """What precedes the tiles of a stream.

    Attributes
    ----------
    mode : int
        ``STORED`` or ``MODELLED``.
    dtype : numpy.dtype
        Of the array, native byte order.
    shape : tuple of int
    fingerprint : str
        Of the model, 16 hex digits; empty when stored.
    embedded : bytes
        Tuned model inside the stream, or empty.
    pixel_map : PixelMap or None
    low_bits : int
        Bits split off below the modelled samples.
    tile_shape : tuple of int
    """

    mode: int
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fingerprint: str = ""
    embedded: bytes = b""
    pixel_map: PixelMap | None = None
    low_bits: int = 0
    tile_shape: tuple[int, int] = (0, 0)

    @property
    def sheet(self) -> tuple[int, int]:
        """Rows and columns of the sheet that is cut into tiles."""
        return sheet_shape(self.shape)

    @property
    def tile_count(self) -> int:
        """Number of tiles."""
        rows, columns = self.sheet
        return math.ceil(rows / self.tile_shape[0]) * math.ceil(columns / self.tile_shape[1])

    def to_bytes(self) -> bytes:
        """The header's bytes."""
        dtype_code = DTYPES.index(self.dtype.str[1:])
        out = MAGIC + bytes([VERSION, self.mode | (EMBEDDED if self.embedded else 0), dtype_code, len(self.shape)])
        out += b"".join(varint.put(n) for n in self.shape)
        if self.mode == STORED:
            return out
        assert self.pixel_map is not None
        out += bytes.fromhex(self.fingerprint)
        if self.embedded:
            out += varint.put(len(self.embedded)) + self.embedded
        return (
            out
            + self.pixel_map.to_bytes()
            + bytes([self.low_bits])
            + varint.put(self.tile_shape[0])
            + varint.put(self.tile_shape[1])
        )


def read_header(stream: memoryview) -> tuple[Header, int]:
    """The header of a stream and its length in bytes.

    Raises
    ------
    FormatError, VersionError, TruncatedError, CorruptError
        With the byte, what was found and what is allowed.
    """
    reader = varint.Reader(stream)
    if bytes(reader.take(2, "magic")) != MAGIC:
        raise FormatError(f"begins with {bytes(stream[:2]).hex()}, an astrocodec stream begins with {MAGIC.hex()}")
    version, flags, dtype_code, ndim = reader.take(4, "header")
    if version != VERSION:
        raise VersionError(f"stream version {version} found, this package reads {VERSION}: upgrade astrocodec")
    if flags & ~(EMBEDDED | MODELLED) or flags == EMBEDDED:
        raise VersionError(
            f"byte 3: flags {flags:#x} are unknown to this package: upgrade astrocodec, or the stream is corrupt"
        )
    if dtype_code >= len(DTYPES) or ndim > MAX_DIMENSIONS:
        raise CorruptError(
            f"bytes 4-5: dtype code {dtype_code} (allowed 0..{len(DTYPES) - 1}), "
            f"{ndim} axes (allowed 0..{MAX_DIMENSIONS})"
        )
    dtype = np.dtype("=" + DTYPES[dtype_code])
    shape = tuple(reader.number("axis length", MAX_ELEMENTS) for _ in range(ndim))
    if math.prod(shape) > MAX_ELEMENTS:
        raise CorruptError(f"shape {shape} has more than {MAX_ELEMENTS} elements")
    if not flags & MODELLED:
        return Header(STORED, dtype, shape), reader.at
    fingerprint = bytes(reader.take(8, "model fingerprint")).hex()
    embedded = (
        bytes(reader.take(reader.number("size of the embedded model", MAX_MODEL), "embedded model"))
        if flags & EMBEDDED
        else b""
    )
    if flags & EMBEDDED and not embedded:
        raise TruncatedError(f"byte {reader.at}: an embedded model of 0 bytes")
    pixel_map = PixelMap.read(reader)
    if not pixel_map.fits(dtype):
        raise CorruptError(f"byte {reader.at}: {dtype} elements with pixel map of kind {pixel_map.kind}")
    low_bits = reader.take(1, "low bits")[0]
    tile_shape = reader.number("tile height", MAX_SIDE), reader.number("tile width", MAX_SIDE)
    if low_bits > MAX_LOW_BITS or not all(tile_shape) or math.prod(tile_shape) > MAX_PIXELS or not math.prod(shape):
        raise CorruptError(
            f"byte {reader.at}: {low_bits} low bits (at most {MAX_LOW_BITS}), tiles of {tile_shape}, shape {shape}"
        )
    return Header(MODELLED, dtype, shape, fingerprint, embedded, pixel_map, low_bits, tile_shape), reader.at


def split_tiles(stream: memoryview, at: int, count: int) -> tuple[list[memoryview], int]:
    """Cut `count` tiles, each behind its length, from the stream; also where they end.

    Raises
    ------
    TruncatedError
        A tile reaches past the end.
    """
    if count > len(stream) - at:
        raise TruncatedError(f"{count} tiles announced, {len(stream) - at} bytes are left: the stream is cut")
    reader, tiles = varint.Reader(stream, at), []
    for i in range(count):
        length = reader.number(f"length of tile {i}")
        tiles.append(reader.take(length, f"tile {i}"))
    return tiles, reader.at
