"""Two codecs for astrocodec: one exact, one that rounds.

A codec gives and takes two pieces of bytes: its *parameters*, which `astrocodec.inspect` shows, and its *data*. Magic,
dtype, shape, lengths and the checksum around them are astrocodec's.
"""

import bz2
import math
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import CorruptError

if TYPE_CHECKING:
    from astrocodec.codecs import Codec

__all__ = ["Planes", "Rounded"]


class Planes:
    """Differences along the last axis, byte by byte of their size, through bzip2: any dtype, exact."""

    id = 192  # of the range for private use
    name = "planes"
    exact = True
    install = "pip install astrocodec-planes"

    def encode(self, values: NDArray[Any], *, level: int = 9) -> tuple[bytes, bytes]:
        """Code an array in C order and native byte order."""
        columns = values.shape[-1] if values.size and values.ndim else 1
        words = values.reshape(-1, columns).view(f"u{min(8, values.itemsize)}")
        steps = np.diff(words, axis=1, prepend=words[:, :1] * 0)
        little = steps.astype(steps.dtype.newbyteorder("<"))
        planes = little.reshape(-1).view(np.uint8).reshape(-1, little.itemsize).T
        return bytes([level]), bz2.compress(planes.tobytes(), level)

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """Undo `encode`."""
        size = math.prod(shape) * dtype.itemsize
        unpacker = bz2.BZ2Decompressor()
        try:
            raw = unpacker.decompress(bytes(data), size + 1)  # no more than the header says: a bomb costs nothing
        except (OSError, ValueError) as error:
            raise CorruptError(f"codec planes: {error}") from error
        if len(raw) != size or not unpacker.eof or unpacker.unused_data:
            raise CorruptError(f"codec planes: {len(raw)} bytes found, {size} expected")
        width = min(8, dtype.itemsize)
        planes = np.frombuffer(raw, np.uint8).reshape(width, -1)
        steps = np.ascontiguousarray(planes.T).view(f"<u{width}").astype(f"u{width}")
        columns = (shape[-1] if size and shape else 1) * (dtype.itemsize // width)
        words = np.cumsum(steps.reshape(-1, columns), axis=1, dtype=steps.dtype)
        return words.view(dtype).reshape(shape)

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """Tell what the parameters say."""
        return {"level": parameters[0]} if parameters else {}


class Rounded:
    """Floats to the nearest multiple of a step: not exact, off by half a step at most."""

    id = 193
    name = "rounded"
    exact = False
    install = "pip install astrocodec-planes"

    def encode(self, values: NDArray[Any], *, step: float) -> tuple[bytes, bytes]:
        """Code finite floats of 32 or 64 bits."""
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise TypeError(f"codec rounded: finite floats are coded, found {values.dtype}")
        counts = np.rint(values.astype(np.float64) / step)
        if np.abs(counts).max(initial=0) >= 2**31:
            raise ValueError(f"codec rounded: a step of {step:g} gives numbers of more than 32 bits; take a larger one")
        return struct.pack("<d", step), zlib.compress(counts.astype("<i4").tobytes())

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """Give back the multiples."""
        size = 4 * math.prod(shape)
        unpacker = zlib.decompressobj()
        try:
            raw = unpacker.decompress(bytes(data), size + 1)
        except zlib.error as error:
            raise CorruptError(f"codec rounded: {error}") from error
        if len(raw) != size or not unpacker.eof or unpacker.unused_data or len(parameters) != 8:
            raise CorruptError(f"codec rounded: {len(raw)} bytes found, {size} expected")
        (step,) = struct.unpack("<d", parameters)
        values: NDArray[Any] = (np.frombuffer(raw, "<i4") * step).astype(dtype).reshape(shape)
        return values

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """Tell the step."""
        return {"step": struct.unpack("<d", parameters)[0]} if len(parameters) == 8 else {}


if TYPE_CHECKING:  # mypy tells what a codec lacks
    _codecs: list[Codec] = [Planes(), Rounded()]
