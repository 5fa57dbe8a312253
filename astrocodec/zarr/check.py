"""`info` and `verify`: what the arrays of a folder hold, and whether they can be read."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec.errors import AstrocodecError, CorruptError, DifferenceError
from astrocodec.files.file_report import FileRun, PartReport, weakest
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.stages.loss import Loss
from astrocodec.zarr.loss import chain_of, chunk_losses, is_ours, loss_of
from astrocodec.zarr.opening import open_arrays

__all__ = ["ArrayReport", "FileReport", "info", "verify"]


@dataclass(kw_only=True)
class ArrayReport(PartReport):
    """
    One array; most is told by `astrocodec.files.file_report.PartReport`.

    Attributes
    ----------
    chunks : tuple of int
    filters : list of str
        The codecs that chunks pass, in their order; those within shards.
    """

    chunks: tuple[int, ...] = ()
    filters: list[str] = field(default_factory=list)


@dataclass
class FileReport(FileRun):
    """
    The folder of an array or a group.

    Attributes
    ----------
    arrays : list of ArrayReport
        By their paths.
    """

    arrays: list[ArrayReport] = field(default_factory=list)

    @property
    def parts(self) -> list[ArrayReport]:
        """The arrays."""
        return self.arrays


def info(source: str | os.PathLike[str]) -> FileReport:
    """
    List the arrays of a folder and what they have lost; nothing is decoded.

    Raises
    ------
    FormatError
        It is no Zarr, or damaged.

    Examples
    --------
    >>> import tempfile, zarr
    >>> from astrocodec.zarr import v3
    >>> folder = tempfile.mkdtemp()
    >>> array = zarr.create_array(folder, shape=(64, 64), dtype="u2", serializer=v3.AstroCodec(max_error=3))
    >>> array[:] = np.random.default_rng(1).normal(1000, 20, (64, 64))
    >>> info(folder).arrays[0].note.partition(",")[0]
    'lossy: max_error 3'
    """
    start = time.perf_counter()
    arrays = open_arrays(source)[1]
    size = sum(path.stat().st_size for path in Path(source).rglob("*") if path.is_file())
    found = [_described(name, array) for name, array in arrays]
    original = size + sum(part.original_bytes - part.compressed_bytes for part in found)
    return FileReport(os.fspath(source), "", original, size, time.perf_counter() - start, arrays=found)


def _described(name: str, array: Any) -> ArrayReport:
    names = ["astrocodec" if is_ours(codec) else _name_of(codec) for codec in chain_of(array)]
    found = ArrayReport(
        f"/{name}",
        kind="compressed" if "astrocodec" in names else "dataset",
        dtype=str(array.dtype),
        shape=tuple(array.shape),
        pixels=math.prod(array.shape),
        original_bytes=array.nbytes,
        compressed_bytes=int(array.nbytes_stored()),
        chunks=tuple(array.chunks),
        filters=names,
    )
    found.work_out_bits()
    if lost := loss_of(array):
        found.tell_loss(lost)
    return found


def _name_of(codec: Any) -> str:
    return str(getattr(codec, "codec_id", "") or type(codec).__name__.removesuffix("Codec").lower())


def verify(
    source: str | os.PathLike[str],
    original: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Decode every chunk of the arrays of a folder; compare them with those of an original where it is given.

    Elements and attributes must be equal; of a lossy array elements must be within the bound of their chunk. Without an
    original arrays are ``'decoded'``, since nothing tells that metadata are right, those without our codec
    ``'not checked'``.

    Parameters
    ----------
    source, original : path
        Folders.
    workers : int, optional
        Zarr has threads of its own.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Raises
    ------
    FormatError
        A chunk is damaged; the message names array and place.
    DifferenceError
        The arrays differ.
    """
    start = time.perf_counter()
    report = info(source)
    top, arrays = open_arrays(source)
    meter = Meter(progress, sum(part.original_bytes for part in report.arrays))
    others = _others(source, top, original)
    for (name, array), part in zip(arrays, report.arrays, strict=True):
        where = f"{os.fspath(source)}: array {part.name!r}"
        losses = dict(chunk_losses(array)) if part.loss is not None else {}
        for box in _boxes(array):
            block = _read(array, box, where)
            if others is not None:
                _compare(_read(others[name], box, where), block, box, array, losses, where)
            meter.advance(block.nbytes)
        ours = "decoded" if part.kind == "compressed" else "not checked"
        part.checked = "verified" if others is not None else ours  # type: ignore[assignment]
    report.checked = weakest(part.checked for part in report.arrays)
    report.seconds = time.perf_counter() - start
    return report


def _others(source: Any, top: Any, original: Any) -> dict[str, Any] | None:
    """Return the arrays of the original by their paths, once all but their elements is compared."""
    if original is None:
        return None
    first, others = open_arrays(original)
    nodes, found = _nodes(first), _nodes(top)
    if nodes.keys() != found.keys():
        alone = sorted(nodes.keys() ^ found.keys())[0]
        raise DifferenceError(f"{os.fspath(source)}: {'/' + alone!r} is in one of the two only")
    for name, other in nodes.items():
        where, node = f"{os.fspath(source)}: {'/' + name!r}", found[name]
        if node.attrs.asdict() != other.attrs.asdict():
            raise DifferenceError(f"{where}: attributes differ from the original's")
        sides = [
            tuple(str(getattr(one, what, "")) for what in ("shape", "dtype", "fill_value")) for one in (node, other)
        ]
        if sides[0] != sides[1]:
            raise DifferenceError(f"{where}: shape, type and fill value {sides[0]} found, the original has {sides[1]}")
    return dict(others)


def _nodes(top: Any) -> dict[str, Any]:
    """Groups and arrays by their paths."""
    return {"": top, **(dict(top.members(max_depth=None)) if hasattr(top, "members") else {})}


def _boxes(array: Any) -> Iterator[tuple[slice, ...]]:
    """Whole chunks or shards within the shape."""
    outer = array.shards or array.chunks
    starts = (range(0, length, side) for length, side in zip(array.shape, outer, strict=True))
    for place in itertools.product(*starts):
        yield tuple(slice(at, at + side) for at, side in zip(place, outer, strict=True))


def _read(array: Any, box: tuple[slice, ...], where: str) -> NDArray[Any]:
    try:
        return np.asarray(array[box])
    except (RuntimeError, ValueError) as error:
        kind = type(error) if isinstance(error, AstrocodecError) else CorruptError
        raise kind(f"{where}, from {tuple(cut.start for cut in box)}: {error}") from error


def _compare(
    before: NDArray[Any],
    now: NDArray[Any],
    box: tuple[slice, ...],
    array: Any,
    losses: dict[tuple[int, ...], Loss | None],
    where: str,
) -> None:
    if before.dtype.hasobject:
        good = np.asarray(before == now)
    else:
        raw = [np.ascontiguousarray(part).reshape(-1).view(np.uint8).reshape(part.size, -1) for part in (before, now)]
        good = (raw[0] == raw[1]).all(axis=1).reshape(before.shape)
    if losses and not good.all():
        good |= _near(before, now, box, array, losses)
    if not good.all():
        at = np.unravel_index(int(np.flatnonzero(~good)[0]), good.shape)
        place = tuple(int(number) + cut.start for number, cut in zip(at, box, strict=True))
        more = " by more than it says" if losses else ""
        raise DifferenceError(f"{where} differs at {place} from the original{more}")


def _near(
    before: NDArray[Any],
    now: NDArray[Any],
    box: tuple[slice, ...],
    array: Any,
    losses: dict[tuple[int, ...], Loss | None],
) -> NDArray[np.bool_]:
    """Whether elements are within the bounds of their chunks, and none stands for none or did."""
    was, found = before.astype(np.float64), now.astype(np.float64)
    most = np.zeros(before.shape)
    for offset, loss in losses.items():
        if loss is None or not all(cut.start <= at < cut.stop for cut, at in zip(box, offset, strict=True)):
            continue
        ends = zip(offset, array.chunks, box, strict=True)
        place = tuple(slice(at - cut.start, at - cut.start + side) for at, side, cut in ends)
        most[place] = loss.max_error * (np.abs(was[place]) if loss.kind == "relative" else 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        near: NDArray[np.bool_] = np.isfinite(was) & (np.abs(found - was) <= most)
    if array.fill_value:
        near &= (before != array.fill_value) & (now != array.fill_value)
    return near
