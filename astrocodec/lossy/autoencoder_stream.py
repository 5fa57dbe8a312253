"""What a stream of the denoising autoencoder says, and its layers: docs/format.md section "Autoencoder"."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.lossy.flux_scale import TOP
from astrocodec.lossy.weights import FINGERPRINT_SIZE
from astrocodec.stages.crc32c import crc32c

MAX_ENCODINGS, MAX_THINNED = 8, 3
_HEAD = struct.Struct(f"<{FINGERPRINT_SIZE}sBBB")
_RESIDUALS = ("", "bounded", "lossless")  # what a second layer adds
_BOUND = struct.Struct("<d")
_BASE = struct.Struct("<II")  # its length and checksum, where a residual follows
HEAD_SIZE = _BOUND.size + _BASE.size
_PLANE = struct.Struct("<fHH")


@dataclass(frozen=True)
class Parameters:
    """What a stream says before its data."""

    fingerprint: bytes
    encodings: int
    thinned: int  # latents were brought nearer to zero: 1 faint ones, 2 bright ones too, 3 more than was measured
    residual: str
    max_error: float  # 0 but of a bounded residual
    planes: tuple[tuple[float, int, int], ...]  # noise, and range of levels of dense networks

    def to_bytes(self) -> bytes:
        """As they are stored."""
        head = _HEAD.pack(self.fingerprint, self.encodings, self.thinned, _RESIDUALS.index(self.residual))
        bound = _BOUND.pack(self.max_error) if self.residual == "bounded" else b""
        return head + bound + b"".join(_PLANE.pack(*plane) for plane in self.planes)

    @classmethod
    def read(cls, data: bytes) -> Parameters:
        """Those of bytes that anybody may have written."""
        is_bounded = len(data) >= _HEAD.size and data[_HEAD.size - 1] == _RESIDUALS.index("bounded")
        start = _HEAD.size + (_BOUND.size if is_bounded else 0)
        if len(data) < start or (len(data) - start) % _PLANE.size:
            raise TruncatedError(
                f"codec autoencoder: parameters of {len(data)} bytes found, needed are {start} and {_PLANE.size} for "
                "each plane"
            )
        fingerprint, encodings, thinned, residual = _HEAD.unpack_from(data)
        max_error = _BOUND.unpack_from(data, _HEAD.size)[0] if is_bounded else 0.0
        planes = tuple(_PLANE.iter_unpack(data[start:]))
        if not 1 <= encodings <= MAX_ENCODINGS or thinned > MAX_THINNED or residual >= len(_RESIDUALS):
            raise CorruptError(
                f"codec autoencoder: {encodings} encodings, thinned {thinned} and residual {residual} found, allowed "
                f"are 1 to {MAX_ENCODINGS}, 0 to {MAX_THINNED}, and 0 to {len(_RESIDUALS) - 1}"
            )
        if is_bounded and not 0 < max_error < math.inf:
            raise CorruptError(f"codec autoencoder: a bound of {max_error} found, it must be above 0 and finite")
        for noise, low, high in planes:
            if not (0 < noise < math.inf and low < high <= TOP):
                raise CorruptError(
                    f"codec autoencoder: a plane of noise {noise} and levels {low} to {high} found, allowed are a "
                    f"noise above 0 and levels that rise to at most {TOP}"
                )
        return cls(fingerprint, encodings, thinned, _RESIDUALS[residual], max_error, planes)


def checksum(parameters: bytes, base: bytes | memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Of all that the denoised images come of, so that they are known to be right where a stream is cut behind them."""
    what = " ".join([dtype.str[1:], *map(str, shape)]).encode()
    return crc32c(base, crc32c(what, crc32c(parameters)))


def joined(parameters: bytes, base: bytes, residual: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The data of a stream with a residual."""
    return _BASE.pack(len(base), checksum(parameters, base, dtype, shape)) + base + residual


def base_and_residual(
    parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> tuple[memoryview, memoryview]:
    """Bytes of the base, which are right, and of the residual."""
    if len(data) < _BASE.size:
        raise TruncatedError(f"codec autoencoder: {len(data)} bytes found, the length of the base takes {_BASE.size}")
    length, crc = _BASE.unpack_from(data)
    end = _BASE.size + length
    if len(data) < end:
        raise TruncatedError(f"codec autoencoder: {len(data)} bytes found, the base ends at {end}")
    base = data[_BASE.size : end]
    if checksum(parameters, base, dtype, shape) != crc:
        raise CorruptError("codec autoencoder: the checksum of the base differs: the stream is damaged")
    return base, data[end:]
