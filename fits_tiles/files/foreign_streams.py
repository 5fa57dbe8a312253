"""
Tiles of RICE_1, PLIO_1 and HCOMPRESS_1 through astropy's decoders in C, which believe whatever a stream says.

They write as many pixels as the stream of HCOMPRESS announces, begin where that of PLIO points, and read on behind the
end of any. So what a stream announces is compared with the tile first, and room is left behind its end. `decode` is
astropy's function, and a tile has at most `MOST_PIXELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import CorruptError, FormatError

__all__ = ["MOST_PIXELS", "hcompress_pixels", "plio_pixels", "rice_pixels"]

Decoder = Callable[..., bytes]
Pixels = npt.NDArray[Any]
# The decoders count the bytes of a tile of 8-byte pixels in 32 bits.
MOST_PIXELS = (1 << 28) - 1
_RICE_BITS = {1: 3, 2: 4, 4: 5}
_PLIO_RUN = 4095
_HCOMPRESS_HEAD = 25
_MOST_PLANES = 64


def _with_room(stream: bytes, room: int, fill: bytes) -> npt.NDArray[np.uint8]:
    """The stream, in memory that goes on behind its end."""
    return np.frombuffer(stream + fill * room, np.uint8)[: len(stream)]


def rice_pixels(decode: Decoder, stream: bytes, size: int, blocksize: int, bytepix: int) -> Pixels:
    """
    Decode a tile of RICE_1 to int8, int16 or int32.

    Raises
    ------
    CorruptError
        If the stream is too short for its pixels.
    FormatError
        If a parameter is none of RICE_1.
    """
    if bytepix not in _RICE_BITS:
        raise FormatError(f"BYTEPIX is {bytepix}, allowed are 1, 2, 4")
    if blocksize < 1:
        raise FormatError(f"BLOCKSIZE is {blocksize}, at least 1 is needed")
    block = min(blocksize, size)
    least = bytepix + -(-_RICE_BITS[bytepix] * -(-size // block) // 8)
    if len(stream) < least:
        raise CorruptError(f"the RICE_1 stream has {len(stream)} bytes, {size} pixels need at least {least}")
    # The decoder looks for the end after each block. Ones end every code that it may be in.
    raw = decode(_with_room(stream, 5 * block + 16, b"\xff"), block, bytepix, size)
    return np.frombuffer(raw, f"i{bytepix}")


def plio_pixels(decode: Decoder, stream: bytes, size: int) -> Pixels:
    """
    Decode a tile of PLIO_1, a line list of big-endian 16-bit words, to int32.

    Raises
    ------
    CorruptError
        If the list says that it begins or ends elsewhere than it does, or is too short for its pixels.
    """
    words = np.frombuffer(stream[: len(stream) // 2 * 2], ">i2")
    if len(words) < 5:
        raise CorruptError(f"the PLIO_1 line list has {len(words)} words, its header alone 5")
    length, first = int(words[2]), 4
    if length <= 0:
        length, first = (int(words[4]) << 15) + int(words[3]), int(words[1]) + 1
    if not 4 <= first <= length + 1 <= len(words) + 1:
        raise CorruptError(f"the PLIO_1 line list says that it has words {first} to {length}, it has {len(words)}")
    if size > _PLIO_RUN * (length + 1 - first):
        raise CorruptError(f"the PLIO_1 line list has {length + 1 - first} words of pixels, too few for {size}")
    raw = decode(_with_room(words.astype("i2").tobytes(), 2, b"\0"), size)
    return np.frombuffer(raw, "i4")


def hcompress_pixels(decode: Decoder, stream: bytes, rows: int, columns: int, scale: int, smooth: int) -> Pixels:
    """
    Decode a tile of HCOMPRESS_1 to int32.

    Raises
    ------
    CorruptError
        If the stream announces another tile, or ends before its pixels do.
    """
    if len(stream) < _HCOMPRESS_HEAD:
        raise CorruptError(f"the HCOMPRESS_1 stream has {len(stream)} bytes, its header alone {_HCOMPRESS_HEAD}")
    found = tuple(int(n) for n in np.frombuffer(stream, ">i4", 2, 2))
    if found != (rows, columns):
        raise CorruptError(f"the HCOMPRESS_1 stream is one of {found} pixels, the tile has {(rows, columns)}")
    planes = max(stream[22:_HCOMPRESS_HEAD])
    if planes > _MOST_PLANES:
        raise CorruptError(f"the HCOMPRESS_1 stream has {planes} bit planes, at most {_MOST_PLANES} are possible")
    # A plane takes at most 6 bits for each knot of its tree, of which there are a third as many as pixels.
    area = (rows + 1) * (columns + 1)
    room = (planes + 1) * (area // 3 + 64)
    # The decoder never looks for the end; only a stream that is too short depends on what follows it.
    first, second = (
        decode(_with_room(stream, room, fill), rows, columns, scale, smooth, 8) for fill in (b"\0", b"\xff")
    )
    if first != second:
        raise CorruptError(f"the HCOMPRESS_1 stream of {len(stream)} bytes ends before its pixels do")
    return np.frombuffer(first, "i4")
