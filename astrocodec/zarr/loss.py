"""`loss_of`: what an array has lost within a bound, of what its chunks say, in shards too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from astrocodec.bounds import Bound
from astrocodec.errors import FormatError
from astrocodec.files.file_report import ImageLoss
from astrocodec.files.image_loss import asked_words, image_loss
from astrocodec.inspection import stated_loss
from astrocodec.stages.loss import Loss
from astrocodec.zarr.chunk_stream import ChunkStream

__all__ = ["chain_of", "chunk_losses", "chunk_streams", "is_ours", "loss_of"]

_HEAD_BYTES = 4096
_MAGIC = b"\xac\x0d"
_NOWHERE = 2**64 - 1
_CHECKSUM = 4
Place = tuple[slice, ...]
Read = Callable[[int | None], bytes]


def loss_of(array: zarr.Array[Any]) -> ImageLoss | None:
    """
    Return what an array has lost within a bound; None for one that is as it was given. Nothing is decoded.

    Where a bound stands in its metadata but no chunk has lost anything, errors are 0.

    Parameters
    ----------
    array : zarr.Array
        Of either format.

    Returns
    -------
    ImageLoss or None
        ``asked``, ``max_error``, ``largest_error``, ``variance``, ``noise_increase``, in the unit of the elements.

    Examples
    --------
    >>> from astrocodec.zarr import v3
    >>> codec = v3.AstroCodec(max_error=2)
    >>> array = zarr.create_array({}, shape=(64, 64), chunks=(64, 64), dtype="f4", serializer=codec, compressors=None)
    >>> array[:] = np.random.default_rng(1).normal(1000, 20, (64, 64))
    >>> found = loss_of(array)
    >>> found.asked, 1.9 < found.largest_error <= found.max_error <= 2
    ('max_error 2', True)
    """
    parts = []
    for offset, loss in chunk_losses(array):
        ends = zip(offset, array.chunks, array.shape, strict=True)
        parts.append((loss, math.prod(min(side, length - at) for at, side, length in ends)))
    bound = _bound_of(array)
    found = image_loss(parts, 1.0)
    if found is None and bound is not None:
        return ImageLoss(asked_words(bound.kind, bound.value), bound.kind == "relative", 0.0, 0.0, 0.0, None)
    return found


def chunk_losses(array: zarr.Array[Any]) -> Iterator[tuple[tuple[int, ...], Loss | None]]:
    """Yield where each stored chunk lies, and what it says that it lost; damage is for those who decode."""
    for place, read in chunk_streams(array):
        for count in (_HEAD_BYTES, None):
            with suppress(FormatError):  # the head may not hold it
                yield tuple(cut.start for cut in place), stated_loss(read(count))
                break


def is_ours(codec: Any) -> bool:
    """Tell whether a codec of an array is one of the two here."""
    return isinstance(getattr(codec, "stream", None), ChunkStream)


def chain_of(array: Any) -> list[Any]:
    """The codecs that chunks pass one after another, within shards where there are any."""
    metadata = array.metadata
    if metadata.zarr_format == 2:
        return [codec for codec in (*(metadata.filters or ()), metadata.compressor) if codec is not None]
    (inner,) = [one.codecs for one in metadata.codecs if hasattr(one, "index_codecs")] or [metadata.codecs]
    return list(inner)


def _bound_of(array: Any) -> Bound | None:
    """The bound in an array's metadata."""
    return next((codec.stream.bound for codec in chain_of(array) if is_ours(codec)), None)


def _codecs_behind(array: Any) -> list[Any]:
    """The codecs that pack streams of ours once more, the last one first."""
    chain = chain_of(array)
    ours = [is_ours(codec) for codec in chain]
    return chain[: ours.index(True) : -1] if any(ours) else []


def _unpacked(array: Any, codecs: list[Any], raw: bytes) -> bytes:
    """Take away what packs a stream once more; nothing is left of what cannot be."""
    try:
        for codec in codecs:
            if array.metadata.zarr_format == 2:
                raw = bytes(codec.decode(raw))
            else:
                prototype = default_buffer_prototype()
                kind = array.metadata.data_type
                spec = ArraySpec(array.chunks, kind, array.fill_value, array.async_array.config, prototype)
                (found,) = sync(codec.decode([(prototype.buffer.from_bytes(raw), spec)]))
                raw = found.to_bytes()
    except (RuntimeError, ValueError, TypeError):
        return b""
    return raw


def chunk_streams(array: zarr.Array[Any], ranges: Iterable[range] | None = None) -> Iterator[tuple[Place, Read]]:
    """
    Yield where each chunk that is stored lies, and what reads its first bytes, all of them of None.

    Parameters
    ----------
    array : zarr.Array
    ranges : iterable of range, optional
        Indices along each axis that chunks must touch; by default all.
    """
    behind = _codecs_behind(array)
    wanted = list(ranges) if ranges is not None else [range(length) for length in array.shape]
    outer = array.shards or array.chunks
    for place in itertools.product(*map(_numbers, wanted, outer)):
        path = array.store_path / array.metadata.encode_chunk_key(place)
        start = [number * side for number, side in zip(place, outer, strict=True)]
        for at, read in _in_shard(array, path, start) if array.shards else [(start, _reader(path, 0, None))]:
            cuts = tuple(slice(begin, begin + side) for begin, side in zip(at, array.chunks, strict=True))
            if not all(cut.start < one.stop and one.start < cut.stop for cut, one in zip(cuts, wanted, strict=True)):
                continue
            if behind:
                read = _of(_unpacked(array, behind, read(None)))
            if read(2) == _MAGIC:
                yield cuts, read


def _numbers(indices: range, side: int) -> range:
    return range(indices.start // side, -(-indices.stop // side))


def _of(stream: bytes) -> Read:
    return lambda count: stream[:count]


def _reader(path: Any, start: int, length: int | None) -> Read:
    def read(count: int | None) -> bytes:
        known = [size for size in (count, length) if size is not None]
        return _bytes(path, RangeByteRequest(start, start + min(known)) if known else None)

    return read


def _bytes(path: Any, wanted: Any) -> bytes:
    found = sync(path.get(byte_range=wanted))
    return b"" if found is None else bytes(found.to_bytes())


def _in_shard(array: Any, path: Any, start: list[int]) -> Iterator[tuple[list[int], Read]]:
    """Chunks of a shard, by an index as Zarr writes it unless told otherwise; none where it was told."""
    (codec,) = (codec for codec in array.metadata.codecs if hasattr(codec, "index_codecs"))
    names = [type(one).__name__ for one in codec.index_codecs]
    if names not in (["BytesCodec"], ["BytesCodec", "Crc32cCodec"]):
        return
    counts = [side // inner for side, inner in zip(array.shards, array.chunks, strict=True)]
    size = 16 * math.prod(counts)
    whole = size + _CHECKSUM * (len(names) - 1)
    at_end = codec.index_location.value == "end"
    raw = _bytes(path, SuffixByteRequest(whole) if at_end else RangeByteRequest(0, whole))
    if len(raw) != whole:
        return
    places = np.frombuffer(raw[:size], "<u8").reshape(-1, 2).tolist()
    for number, (offset, length) in zip(itertools.product(*map(range, counts)), places, strict=True):
        if offset != _NOWHERE:
            at = [begin + one * side for begin, one, side in zip(start, number, array.chunks, strict=True)]
            yield at, _reader(path, offset, length)
