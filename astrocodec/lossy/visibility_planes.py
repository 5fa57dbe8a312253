"""The codecs "elic_visibility" and "qhvae_visibility": learned codecs of images on planes of visibilities.

Every plane (time, baseline) of a channel and polarisation is part of a picture of two channels, real and imaginary
(Chen et al. 2026). What is left out, flagged samples and exact zeros, is filled and comes back as 0. docs/format.md
section "Planes of visibilities".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astrocodec.codec import decode, encode
from astrocodec.errors import CodecNotFoundError, CorruptError, ModelNotFoundError, TruncatedError
from astrocodec.inspection import inspect
from astrocodec.lossy.elic_tiles import ElicTiles
from astrocodec.lossy.picture_codec import Tiles
from astrocodec.lossy.pictures import fit_kind
from astrocodec.lossy.plane_filling import filled
from astrocodec.lossy.plane_mosaic import Mosaic
from astrocodec.lossy.plane_scales import MOST, MOST_BASE, Scales, of_rms
from astrocodec.lossy.qhvae_tiles import QhvaeTiles
from astrocodec.lossy.transforms import LEVELS
from astrocodec.lossy.weights import FINGERPRINT_SIZE, Weights, find_weights, kept_by_weights
from astrocodec.stages import varint
from astrocodec.stages.stream import MAX_ELEMENTS
from astrocodec.visibility import encode_flags
from astrocodec.visibility.beside import flags_beside, noise_beside
from astrocodec.visibility.noise import noise_to_code

SPAN = 8.0  # scales that a picture's 0 to 1 spans
SCALES = ("noise", "rms")
_FORM = struct.Struct(f"<{FINGERPRINT_SIZE}sBdfI")
_FAR = 2.0**16  # scales beyond which samples are kept as they are


@dataclass(frozen=True)
class _Said:
    """The parameters of a stream."""

    fingerprint: bytes
    level: int
    base: float  # of the scales
    added: float  # D that the encoder measured; NaN where no noise is known
    crc: int  # CRC-32C of all symbols

    def to_bytes(self) -> bytes:
        return _FORM.pack(self.fingerprint, self.level, self.base, self.added, self.crc)


class VisibilityPlanes:
    """A codec of visibilities by way of pictures.

    Parameters
    ----------
    codec_id : int
    name : str
        Also of the weights.
    tiles : callable
        Makes `Tiles` of weights and a device.
    """

    exact = False
    install = "pip install 'astrocodec[torch]'"

    def __init__(self, codec_id: int, name: str, tiles: Callable[[Weights, str], Tiles]) -> None:
        self.id, self.name, self._tiles = codec_id, name, kept_by_weights(tiles)

    def encode(
        self,
        values: NDArray[Any],
        *,
        quality: int = 4,
        flags: ArrayLike | None = None,
        scale: str = "noise",
        sigma: ArrayLike | None = None,
        weights: Any = None,
        device: str = "cpu",
    ) -> tuple[bytes, bytes]:
        """Parameters and data of visibilities.

        Parameters
        ----------
        values : ndarray
            Shape ``[time, baseline, freq, pol]`` of complex64 or complex128. What is not finite is kept as it is.
        quality : int, optional
            0, few bits, to 7: each step has half the error's variance of the one before.
        flags : array_like of bool, optional
            Of the shape of `values`: samples that are not kept, and come back as 0.
        scale : str, optional
            What steps follow: ``"noise"`` of each baseline, channel and polarisation, where it can be known, or
            ``"rms"`` of each plane.
        sigma : array_like of float, optional
            Standard deviation of a real part, of ``[baseline, freq, pol]`` or what broadcasts to it; by default as
            `astrocodec.visibility.estimate_noise` finds it.
        weights : str, Path or bytes, optional
            As `astrocodec.lossy.weights.find_weights` takes them.
        device : str, optional
            Where the transforms run.

        Raises
        ------
        TypeError, ValueError
            The array is none of these, or an option is outside of its range.
        """
        _see(values, quality, scale)
        flags = flags_beside(flags, values.shape)
        found = find_weights(weights or self.name)
        said = _Said(found.fingerprint, quality, 1.0, math.nan, 0)
        if not values.size:
            return said.to_bytes(), b""
        tiles = self._tiles(found, device)
        flagged = np.zeros(values.shape, bool) if flags is None else flags
        absent = flagged | (values == 0)
        finite = ~absent & np.isfinite(values)
        if sigma is None:
            spread = noise_to_code(np.where(finite, values, 0), flagged)
        else:
            spread = noise_beside(sigma, values.shape[1:], "sigma")
        wanted = of_rms(values, finite, (0, 1)) if scale == "rms" else spread
        # Of what has no noise that is known, errors are to be small beside what there is.
        scales = Scales.fitted(np.where(wanted > 0, wanted, of_rms(values, finite, (0,))))
        each = scales.of()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            near = finite & (np.abs(values.real) < _FAR * each) & (np.abs(values.imag) < _FAR * each)
        kept = ~absent & ~near
        data = bytearray(_mask(absent) + _mask(kept))
        data += np.ascontiguousarray(values[kept]).astype(values.dtype.newbyteorder("<")).tobytes()
        data += b"".join(map(_nested, (scales.of_baselines, scales.of_channels)))
        mosaic, crc = Mosaic.of(values.shape), 0
        unit = filled(np.where(near, values, 0) / np.where(each > 0, each, 1), near)
        made = np.zeros(values.shape, values.dtype)
        for number in range(mosaic.pictures):
            has = mosaic.picture(near, number)
            picture = _channels(mosaic.picture(unit, number))
            decoded = np.full(picture.shape, 0.5)
            before = crc
            for place in mosaic.tiles(number):
                if not has[place].any():
                    data += varint.put(0)
                    continue
                part = _padded(picture[:, *place], tiles.multiple)
                coded, crc = tiles.encode(part, quality, tiles.kinds[-1], crc)
                data += varint.put(len(coded)) + coded
                # What comes back tells the error, and that it comes back.
                back, before = tiles.decode(memoryview(coded), _three(part.shape), quality, tiles.kinds[-1], before)
                decoded[:, *place] = back[:, : has[place].shape[0], : has[place].shape[1]]
            mosaic.put(_complex(decoded, values.dtype), number, made)
        made = _scaled(made, each)
        said = _Said(found.fingerprint, quality, scales.base, _added(made, values, near, spread), crc)
        return said.to_bytes(), bytes(data)

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The visibilities."""
        said = self._read(parameters)
        if len(shape) != 4 or dtype.str[1:] not in ("c8", "c16"):
            raise CorruptError(f"codec {self.name}: {dtype} of shape {shape} is no visibilities")
        if not math.prod(shape):
            if len(data):
                raise CorruptError(f"codec {self.name}: {len(data)} bytes found for an array without elements")
            return np.empty(shape, dtype)
        mosaic = Mosaic.of(shape)
        if mosaic.tile_count() > len(data):
            raise TruncatedError(f"codec {self.name}: {len(data)} bytes found, of {mosaic.tile_count()} tiles: cut")
        tiles = self._tiles(find_weights(said.fingerprint), device)
        reader = varint.Reader(data)
        absent = self._read_nested(reader, "mask of what is left out", np.dtype(bool), shape)
        kept = self._read_nested(reader, "mask of what is kept", np.dtype(bool), shape)
        little = dtype.newbyteorder("<")
        count = 0 if kept is None else int(kept.sum())
        exact = np.frombuffer(reader.take(count * dtype.itemsize, "values that are kept"), little)
        scales = self._read_scales(reader, said.base, shape)
        made, crc = np.zeros(shape, dtype), 0
        for number in range(mosaic.pictures):
            decoded = np.full((2, *mosaic.sides(number)), 0.5)
            for place in mosaic.tiles(number):
                coded = reader.take(reader.number("length of a tile", MAX_ELEMENTS), f"tile of picture {number}")
                if not coded:
                    continue
                height, width = decoded[0][place].shape
                sides = (-(-side // tiles.multiple) * tiles.multiple for side in (height, width))
                back, crc = tiles.decode(coded, (2, *sides), said.level, tiles.kinds[-1], crc)
                decoded[:, *place] = back[:, :height, :width]
            mosaic.put(_complex(decoded, dtype), number, made)
        if reader.at != len(data):
            raise CorruptError(f"codec {self.name}: {len(data) - reader.at} bytes are left behind the last tile")
        if crc != said.crc:
            raise CorruptError(
                f"codec {self.name}: the checksum of the symbols differs: the stream is damaged, or this machine's "
                "arithmetic is not exact"
            )
        made = _scaled(made, scales.of())
        if kept is not None:
            made[kept] = exact
        if absent is not None:
            made[absent] = 0
        return made

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say."""
        said = self._read(parameters)
        return {"weights": said.fingerprint.hex(), "quality": said.level, "added_variance": said.added}

    def _read(self, parameters: bytes) -> _Said:
        if len(parameters) != _FORM.size:
            raise CorruptError(f"codec {self.name}: parameters of {len(parameters)} bytes found, {_FORM.size} needed")
        said = _Said(*_FORM.unpack(parameters))
        if said.level >= LEVELS or not 0 <= said.base <= MOST_BASE:
            raise CorruptError(f"codec {self.name}: quality {said.level} and scale {said.base}, which nobody writes")
        return said

    def _read_nested(
        self, reader: varint.Reader, what: str, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> NDArray[Any] | None:
        """An array of a stream inside; None where there is none."""
        stream = bytes(reader.take(reader.number(what, MAX_ELEMENTS), what))
        if not stream:
            return None
        try:
            header = inspect(stream)
            if (header.dtype, header.shape) == (dtype, shape):
                return np.asarray(decode(stream))
        except (CodecNotFoundError, ModelNotFoundError) as error:  # no encoder writes other codecs
            raise CorruptError(f"codec {self.name}: {what}: {error}") from error
        raise CorruptError(
            f"codec {self.name}: {what} is {header.dtype} of shape {header.shape}, needed are {dtype} of {shape}"
        )

    def _read_scales(self, reader: varint.Reader, base: float, shape: tuple[int, ...]) -> Scales:
        found = []
        for what, length in (("scales of baselines", shape[1]), ("scales of channels", shape[2])):
            sides = (length, shape[3])
            exponents = self._read_nested(reader, what, np.dtype(np.int16), sides)
            exponents = np.zeros(sides, np.int16) if exponents is None else exponents
            if np.abs(exponents.astype(int)).max() > MOST:
                raise CorruptError(f"codec {self.name}: {what} beyond {MOST} eighths of an octave")
            found.append(exponents)
        return Scales(base, *found)


def _see(values: NDArray[Any], quality: int, scale: str) -> None:
    """Refuse what is not allowed."""
    if values.dtype.str[1:] not in ("c8", "c16"):
        raise TypeError(f"dtype {values.dtype} found, allowed are complex64 and complex128: convert the visibilities")
    if values.ndim != 4:
        raise ValueError(f"shape {values.shape} found, needed is [time, baseline, freq, pol]")
    if not (isinstance(quality, int) and 0 <= quality < LEVELS):
        raise ValueError(f"quality is {quality}, allowed are whole numbers of 0 to {LEVELS - 1}")
    if scale not in SCALES:
        raise ValueError(f"scale is {scale!r}, allowed are {', '.join(SCALES)}")


def _nested(values: NDArray[Any]) -> bytes:
    """A stream with its length before it; nothing but a length of 0 where all are 0."""
    if not values.any():
        return varint.put(0)
    stream = encode_flags(values) if values.dtype == bool else encode(values)
    return varint.put(len(stream)) + stream


def _mask(values: NDArray[np.bool_]) -> bytes:
    return _nested(values)


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return shape[0], shape[1], shape[2]


def _channels(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Real and imaginary part of a picture in scales, as values around 0.5."""
    return 0.5 + np.stack([picture.real, picture.imag]).astype(np.float64) / SPAN


def _complex(picture: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Undo `_channels`."""
    whole = np.empty(picture.shape[1:], dtype)
    whole.real, whole.imag = (fit_kind(SPAN * (part - 0.5), whole.real.dtype) for part in picture)
    return whole


def _scaled(values: NDArray[Any], scales: NDArray[np.float64]) -> NDArray[Any]:
    """Values in scales as visibilities, within what their type holds."""
    made = np.empty_like(values)
    with np.errstate(over="ignore"):
        made.real, made.imag = (
            fit_kind(part.astype(np.float64) * scales, part.dtype) for part in (values.real, values.imag)
        )
    return made


def _padded(part: NDArray[np.float64], multiple: int) -> NDArray[np.float64]:
    """A part of a picture with nothing beyond it, up to sides that are multiples: reflected noise would cost bits."""
    return np.pad(part, [(0, 0), *((0, -side % multiple) for side in part.shape[1:])], constant_values=0.5)


def _added(made: NDArray[Any], values: NDArray[Any], counted: NDArray[np.bool_], sigma: NDArray[Any]) -> float:
    """D: mean of the error's square over that of the noise, of real and imaginary parts."""
    known = counted & np.isfinite(sigma) & (sigma > 0)
    if not known.any():
        return math.nan
    noise = np.broadcast_to(sigma, values.shape)[known].astype(np.float64)
    error = np.abs((made[known].astype(complex) - values[known]) / noise)
    return float(0.5 * np.mean(np.minimum(error, 1e15) ** 2))


def elic_visibility() -> VisibilityPlanes:
    """Make the codec of ELIC."""
    return VisibilityPlanes(98, "elic_visibility", ElicTiles)


def qhvae_visibility() -> VisibilityPlanes:
    """Make the codec of QH-VAE."""
    return VisibilityPlanes(99, "qhvae_visibility", QhvaeTiles)
