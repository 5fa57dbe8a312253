"""What learned lossless codecs share: parameters, patches, groups. docs/format.md section "Patches"."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from astrocodec.codec import decode, encode
from astrocodec.errors import CorruptError, TruncatedError
from astrocodec.inspection import inspect
from astrocodec.lossless.patches import (
    SIDE,
    Words,
    cut,
    differences,
    from_words,
    grid,
    join,
    lowest,
    patch_count,
    sums,
    to_words,
)
from astrocodec.lossless.pixel_format import PixelFormat, centred, centres_of, uncentred
from astrocodec.lossy.torch_device import check_device
from astrocodec.lossy.weights import FINGERPRINT_SIZE, Weights, kept_by_weights, weights_of
from astrocodec.stages import varint
from astrocodec.stages.stream import MAX_ELEMENTS

GROUP = 1024  # patches that are coded together
_FORM = struct.Struct(f"<{FINGERPRINT_SIZE}sBBQ")
_CAUSAL, _NETWORK = 0, 1
_MOST_PADDING = 16  # an array has at least so many of all pixels of its patches


class PatchSystem(Protocol):
    """What a system makes of patches of symbols."""

    format: PixelFormat

    def encode_patches(self, x: NDArray[np.int64]) -> bytes:
        """Bytes of patches (n, channels, 32, 32), at most `GROUP`; the same on every device and machine."""

    def decode_patches(self, data: memoryview, count: int) -> NDArray[np.int64]:
        """The patches; a `FormatError` for bytes that are not those of so many."""

    def bits(self, x: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the model says that each patch takes."""


class PatchCodec:
    """A learned lossless codec of the registry.

    Parameters
    ----------
    codec_id : int
    name : str
        Also of the weights.
    make : callable
        Makes a system of weights, a device, and how many patches a network is given at a time.
    research : bool, optional
        Whether it shows that something can be done, and is not for data.
    """

    exact = True
    install = "pip install 'astrocodec[torch]'"

    def __init__(
        self, codec_id: int, name: str, make: Callable[[Weights, str, int], PatchSystem], research: bool = False
    ) -> None:
        self.id, self.name, self._system = codec_id, name, kept_by_weights(make)
        self._research = {"status": "research"} if research else {}

    def system(self, weights: str | Path | bytes | None = None, device: str = "cpu", batch: int = 64) -> PatchSystem:
        """The system of weights, which is kept."""
        return self._made(weights_of(self.name, self.name if weights is None else weights), device, batch)

    def _made(self, found: Weights, device: str, batch: int) -> PatchSystem:
        check_device(device)
        try:
            return self._system(found, device, batch)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CorruptError(f"weights {found.name}: not those of a network of {self.name} ({error})") from error

    def encode(
        self,
        values: NDArray[Any],
        *,
        weights: str | Path | bytes | None = None,
        planes: str = "auto",
        device: str = "cpu",
        batch: int = 64,
    ) -> tuple[bytes, bytes]:
        """Parameters and data of an array.

        What the network does not take is coded by the causal codec inside, and `astrocodec.inspect` says so: floats,
        integers whose range needs more than 16 bits, arrays of one axis, of next to no pixels or of one value, and what
        the network would make larger than it is.

        Parameters
        ----------
        values : ndarray
            Pictures ``(..., y, x)``.
        weights : str, Path or bytes, optional
            A name, a file or a fingerprint; by default the package's own.
        planes : str, optional
            ``"residuals"``: of each plane but the first its difference to the one before is coded, modulo 65536.
        device : str, optional
            Where the network runs; bytes are the same on all.
        batch : int, optional
            Patches that the network is given at a time; bytes do not depend on it.

        Raises
        ------
        ValueError
            An option is outside of its range, or the weights are another system's.
        """
        if planes not in ("auto", "residuals"):
            raise ValueError(f"planes is {planes!r}, allowed are 'auto', 'residuals'")
        if batch < 1:
            raise ValueError(f"batch is {batch}, at least 1 is needed")
        found = weights_of(self.name, self.name if weights is None else weights)
        system = self._made(found, device, batch)
        low = _taken_off(values, system.format.frames)
        if low is not None:
            is_residual = planes == "residuals"
            data = _encode_patches(system, to_words(values, low), is_residual)
            if len(data) < values.nbytes:
                return _FORM.pack(found.fingerprint, _NETWORK, is_residual, low % (1 << 64)), data
        return _FORM.pack(found.fingerprint, _CAUSAL, 0, 0), encode(values)

    def decode(
        self, parameters: bytes, data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], *, device: str
    ) -> NDArray[Any]:
        """The array."""
        said = self._read(parameters)
        if not said.is_network:
            info = inspect(data)
            if info.codec not in ("stored", "causal") or info.loss or (info.dtype, info.shape) != (dtype, shape):
                raise CorruptError(
                    f"codec {self.name}: a stream of {info.codec}, {info.dtype} and shape {info.shape} found inside, "
                    f"needed is one of {dtype} and shape {shape}"
                )
            return decode(data)
        system = self._made(weights_of(self.name, said.fingerprint), device, 64)
        if not _is_taken(dtype, shape, system.format.frames):
            raise CorruptError(f"codec {self.name}: patches of {dtype} {shape} found, which no encoder writes")
        words = _decode_patches(self.name, system, data, shape, said.is_residual)
        return from_words(words, said.low, dtype, shape)

    def inspect(self, parameters: bytes) -> Mapping[str, object]:
        """What the parameters say."""
        said = self._read(parameters)
        if not said.is_network:
            return {"coded by": "causal"}
        planes = "residuals" if said.is_residual else "auto"
        return {"coded by": self.name, "weights": said.fingerprint.hex(), "planes": planes, **self._research}

    def _read(self, parameters: bytes) -> Said:
        if len(parameters) != _FORM.size:
            raise CorruptError(f"codec {self.name}: parameters of {len(parameters)} bytes found, {_FORM.size} needed")
        fingerprint, mode, residual, low = _FORM.unpack(parameters)
        if mode > _NETWORK or residual > 1 or (mode == _CAUSAL and (residual or low)):
            raise CorruptError(f"codec {self.name}: mode {mode}, residuals {residual} found, which no encoder writes")
        return Said(fingerprint, mode == _NETWORK, bool(residual), low)


@dataclass(frozen=True)
class Said:
    """The parameters of a stream."""

    fingerprint: bytes
    is_network: bool
    is_residual: bool
    low: int


def _is_taken(dtype: np.dtype[Any], shape: tuple[int, ...], frames: int) -> bool:
    """Whether patches of an array make sense."""
    if dtype.kind not in "iu" or len(shape) < 2 or 0 in shape:
        return False
    return patch_count(shape, frames) * frames * SIDE**2 <= _MOST_PADDING * math.prod(shape)


def _taken_off(values: NDArray[Any], frames: int) -> int | None:
    """What is taken off an array that a network takes; None of others."""
    if not _is_taken(values.dtype, values.shape, frames) or values.min() == values.max():
        return None
    return lowest(values)


def symbol_groups(words: Words, form: PixelFormat) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint16] | None]]:
    """Symbols of groups of patches (n, frames, 32, 32), and the centres that were taken off."""
    for first in range(0, len(words), GROUP):
        group = words[first : first + GROUP]
        centres = centres_of(group) if form.centred else None
        yield form.to_symbols(group if centres is None else centred(group, centres)), centres


def _encode_patches(system: PatchSystem, planes: Words, is_residual: bool) -> bytes:
    form, out = system.format, bytearray()
    words = cut(differences(planes) if is_residual else planes, form.frames)
    for symbols, centres in symbol_groups(words, form):
        if centres is not None:
            packed = _packed_centres(centres)
            out += varint.put(len(packed)) + packed
        coded = system.encode_patches(symbols)
        out += varint.put(len(coded)) + coded
    return bytes(out)


def _decode_patches(
    name: str, system: PatchSystem, data: memoryview, shape: tuple[int, ...], is_residual: bool
) -> Words:
    form, reader = system.format, varint.Reader(data)
    stacks, rows, columns = grid(shape, form.frames)
    count = stacks * rows * columns
    if count // GROUP > len(data):
        raise TruncatedError(f"codec {name}: {len(data)} bytes found for {count} patches: the stream is cut")
    words = []
    for first in range(0, count, GROUP):
        n = min(GROUP, count - first)
        centres = None
        if form.centred:
            size = reader.number("length of centres", MAX_ELEMENTS)
            centres = _unpacked_centres(name, reader.take(size, f"centres of patch {first}"), (n, form.frames))
        size = reader.number("length of a group", MAX_ELEMENTS)
        symbols = system.decode_patches(reader.take(size, f"patches from {first} on"), n)
        group = form.to_words(symbols)
        words.append(group if centres is None else uncentred(group, centres))
    if reader.at != len(data):
        raise CorruptError(f"codec {name}: {len(data) - reader.at} bytes are left behind the last patch")
    planes = join(np.concatenate(words), (math.prod(shape[:-2]), shape[-2], shape[-1]))
    return sums(planes) if is_residual else planes


def _packed_centres(centres: NDArray[np.uint16]) -> bytes:
    """As they are, or the causal codec's stream of them where that is smaller; their lengths differ."""
    bare, stream = centres.astype("<u2").tobytes(), encode(centres)
    return stream if len(stream) < len(bare) else bare


def _unpacked_centres(name: str, data: memoryview, shape: tuple[int, int]) -> NDArray[np.uint16]:
    if len(data) == 2 * shape[0] * shape[1]:
        return np.frombuffer(data, "<u2").astype(np.uint16).reshape(shape)
    info = inspect(data)
    if info.codec not in ("stored", "causal") or info.loss or (info.dtype, info.shape) != (np.dtype("u2"), shape):
        raise CorruptError(
            f"codec {name}: centres of {info.codec}, {info.dtype} and shape {info.shape} found, needed are uint16 of "
            f"shape {shape}"
        )
    return decode(data)
