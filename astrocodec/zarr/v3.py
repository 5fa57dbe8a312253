"""The serializer of Zarr format 3, alone or within shards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec

from astrocodec.bound_words import BOUND_WORDS, asked_bound
from astrocodec.errors import CorruptError
from astrocodec.model import Model
from astrocodec.zarr.chunk_stream import ChunkStream, check_type, model_text

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.dtype import ZDType

__all__ = ["AstroCodec"]

_NAME = "astrocodec"


@dataclass(frozen=True)
class AstroCodec(ArrayBytesCodec):  # type: ignore[misc]
    """
    Compression of images and cubes: ``zarr.create_array(..., serializer=AstroCodec(), compressors=None)``.

    Lossless unless a bound is given.

    Attributes
    ----------
    delta : str
        Tuned model in base64; `AstroCodec.with_model` makes it of a model.
    thorough : bool
        Try every way to code a piece.
    codec : str
        Another codec that is installed, ``options`` are its own; both stand in the array's metadata.
    options : mapping
    planes : str
        ``"residuals"``: planes of a chunk are coded as differences to the one before, as `astrocodec.encode` has it.
    max_error, noise_increase, gain, read_noise, dither, protect_sources, saturation
        LOSSY, within a bound: `astrocodec.Bound` says what they are. Fill values other than 0 are kept exactly.

    Examples
    --------
    >>> import zarr
    >>> codec = AstroCodec()
    >>> array = zarr.create_array({}, shape=(8, 9), chunks=(8, 9), dtype="u2", serializer=codec, compressors=None)
    >>> array[:] = 7
    >>> int(array[3, 4])
    7
    """

    is_fixed_size = False

    delta: str = ""
    thorough: bool = False
    codec: str = "causal"
    options: Mapping[str, Any] = field(default_factory=dict)
    planes: str = "auto"
    max_error: float | str | None = None
    noise_increase: float | str | None = None
    gain: float | None = None
    read_noise: float | None = None
    dither: bool | None = None
    protect_sources: bool = False
    saturation: float | None = None

    def __post_init__(self) -> None:
        """Refuse at once what no chunk could be coded with."""
        self.stream  # noqa: B018

    @property
    def stream(self) -> ChunkStream:
        """What makes and reads streams of chunks."""
        bound = asked_bound(**{name: getattr(self, name) for name in BOUND_WORDS})
        return ChunkStream(self.delta, self.thorough, self.codec, self.options, self.planes, bound)

    @classmethod
    def with_model(cls, model: str | Model, *, thorough: bool = False, planes: str = "auto", **bound: Any) -> Self:
        """Return a codec with a model from `astrocodec.tune`."""
        return cls(model_text(model), thorough, planes=planes, **bound)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read the array's metadata."""
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """Return what the array's metadata hold."""
        return {"name": _NAME, "configuration": self.stream.configuration()}

    def validate(self, *, shape: tuple[int, ...], dtype: ZDType[Any, Any], chunk_grid: ChunkGrid) -> None:
        """Check the type of an array that is created: a TypeError where its chunks could not be coded."""
        check_type(dtype.to_native_dtype(), self.stream.bound)

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Check as `validate` does, which Zarr does not call within shards."""
        check_type(array_spec.dtype.to_native_dtype(), self.stream.bound)
        return self

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        chunk = np.ascontiguousarray(chunk_array.as_numpy_array()).reshape(tuple(map(int, chunk_spec.shape)))
        stream = await asyncio.to_thread(self.stream.encode, chunk, chunk_spec.fill_value)
        return chunk_spec.prototype.buffer.from_bytes(stream)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        dtype = chunk_spec.dtype.to_native_dtype()
        stream = chunk_bytes.to_bytes()
        chunk = await asyncio.to_thread(self.stream.decode, stream, dtype)
        if chunk.shape != tuple(chunk_spec.shape):
            raise CorruptError(f"the chunk has shape {chunk.shape}, the array's chunks have {chunk_spec.shape}")
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(chunk)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Refuse, as Zarr's own compressors do: it asks this of codecs of fixed size only, to lay out shards."""
        raise NotImplementedError("the size of a compressed chunk is known only when it has been compressed")
