"""uvh5 files whose visibilities and flags are stored with the filter; everything else is as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from astrocodec.bounds import Bound
from astrocodec.files.meter import ProgressCall
from astrocodec.stages.flags import FLAGS
from astrocodec.visibility.chunks import chunk_sides, filter_of, write_chunks
from astrocodec.visibility.coding import VISIBILITY, BaselineGrowth, Lossy, encode_visibilities, is_of_visibilities
from astrocodec.visibility.data.uvh5 import grid_of, parts_of
from astrocodec.visibility.flags import encode_flags
from hdf5_filter.boxes import Box
from hdf5_filter.compress import rewrite
from hdf5_filter.copying import Place, copy_dataset
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.loss_attributes import add_loss
from hdf5_filter.reading import available_cores
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.storage import describe, describe_with_loss, reason_to_keep
from hdf5_filter.transfer import compress_dataset, fitted_chunks, plain_properties
from hdf5_filter.writing import NotCodedError, create_dataset

__all__ = ["compress_uvh5"]

_LEAST_CHANNELS = 16  # that tell the noise of one time
_LEAST_OF_BASELINE = 512  # samples of a polarisation that are worth a chunk

_VISIBILITIES, _FLAGS, _WEIGHTS = b"/Data/visdata", b"/Data/flags", b"/Data/nsamples"


@dataclass(frozen=True)
class _Order:
    """How rows follow each other: by time, by baseline, or anyhow.

    Chunks have a multiple of `unit` rows. In a chunk `baselines` are one time; 0: all rows are, since their noise may
    differ from row to row.
    """

    unit: int
    baselines: int

    @classmethod
    def of(cls, file: h5py.File) -> _Order:
        """That of a file."""
        grid = grid_of(file)
        times, baselines = grid.rows.shape
        channels = file["Data/visdata"].shape[-2]
        if grid.is_table and grid.antenna1.ndim == 1:
            return cls(baselines, baselines)
        if times * channels >= _LEAST_OF_BASELINE and np.array_equal(grid.rows.T.ravel(), np.arange(grid.rows.size)):
            return cls(times, 1)
        return cls(1, 0 if channels >= _LEAST_CHANNELS else 1)


class _Writer:
    """Stores the visibilities and flags of one file."""

    def __init__(self, file: h5py.File, lossy: Lossy | None, workers: int) -> None:
        self._file, self._lossy, self._workers = file, lossy, workers
        self._order = _Order.of(file)
        self._growth = BaselineGrowth(self._order.baselines)

    def _chunks(self, dataset: h5py.Dataset) -> tuple[int, ...]:
        rows, *rest = dataset.shape
        channels, pols = rest[-2:]
        itemsize = self._file["Data/visdata"].dtype.itemsize  # the same for flags
        unit, baselines = self._order.unit, self._order.baselines
        times, cut = chunk_sides(rows // unit, unit, channels, pols, itemsize)
        if baselines == 1 and unit > 1:  # the next baseline is not a later time
            times = 1
        return (times * unit, *[1] * (len(rest) - 2), cut, pols)

    def _grid(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A chunk as [time, baseline, freq, pol], integers with their parts behind."""
        baselines = self._order.baselines or len(part)
        return parts_of(part).reshape(-1, baselines, *part.shape[-2:], *[2] * (part.dtype.names is not None))

    def store(
        self, source: h5py.Dataset, place: Place, kind: Any, advance: Callable[[int], None]
    ) -> h5py.Dataset | None:
        """Store a dataset, without a name yet; None where that would not make it smaller."""
        is_flags = place.path == _FLAGS
        made = create_dataset(
            *(h5py.Group(place.group), None, source.shape, kind),
            chunks=self._chunks(source),
            codec=filter_of(FLAGS if is_flags else VISIBILITY),
            maxshape=source.maxshape,
            plist=plain_properties(source),
        )
        encode = self._encode_flags if is_flags else self._encode_visibilities
        write_chunks(made, lambda box: np.asarray(source[box]), encode, self._workers, advance)
        if made.id.get_storage_size() >= source.id.get_storage_size():
            return None
        if not is_flags and (lost := coded_loss(made)) is not None:
            add_loss(made, lost)
            self._growth.note(made)
        return made

    def _encode_flags(self, part: npt.NDArray[Any], box: Box) -> bytes:
        return encode_flags(self._grid(part))

    def _encode_visibilities(self, part: npt.NDArray[Any], box: Box) -> bytes | None:
        flags, channels = None, box[-2].stop - box[-2].start
        if self._lossy is not None:
            found = np.asarray(self._file["Data/flags"][box])
            flags = np.ones(part.shape, bool)
            flags[tuple(map(slice, found.shape))] = found
            flags = self._grid(flags)
        rows, baselines = box[0].stop - box[0].start, self._order.baselines
        within = (rows // baselines if baselines else 1), channels
        stream = encode_visibilities(self._grid(part), self._lossy, flags, self._growth, within)
        # Of other codecs streams have the shape of the chunk.
        is_other = not is_of_visibilities(stream) and (part.ndim != 3 or part.dtype.names is not None)
        return None if is_other else stream


def _is_coded(dataset: h5py.Dataset, file: h5py.File, path: bytes) -> bool:
    """Whether a dataset is one of the two that have codecs of their own."""
    if path not in (_VISIBILITIES, _FLAGS) or dataset.ndim not in (3, 4) or dataset.shape != file["Data/visdata"].shape:
        return False
    if dataset.ndim == 4 and dataset.shape[1] != 1:
        return False
    kind = dataset.dtype
    if path == _FLAGS:
        return bool(kind == np.dtype(bool))
    part = kind[0] if kind.names else kind
    return part.kind == "c" if not kind.names else part.kind == "i" and part.itemsize in (2, 4)


def compress_uvh5(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    lossy: Lossy | None = None,
    weights: Bound | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    only_smaller: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Copy a uvh5 file, its visibilities, flags and numbers of samples stored with the astrocodec filter.

    The copy is a uvh5 file that pyuvdata and h5py read with the filter's plugin; `hdf5_filter.decompress` makes one
    that needs none.

    Parameters
    ----------
    source, target : path
        The file, and the one to write. It gets its name when it is whole and verified.
    lossy : Lossy, optional
        What visibilities may lose; by default nothing.
    weights : Bound, optional
        By how much `nsamples` may differ; by default by nothing.
    workers, overwrite, only_smaller, verify, progress
        As of `hdf5_filter.compress`.

    Returns
    -------
    hdf5_filter.FileReport

    Raises
    ------
    FormatError
        It is no uvh5 file, or damaged.
    """
    cores = available_cores() if workers is None else workers
    writers: list[_Writer] = []

    def prepare(file: h5py.File) -> None:
        writers.append(_Writer(file, lossy, cores))

    def transfer(dataset: h5py.Dataset, place: Place, kind: Any, advance: Callable[[int], None]) -> DatasetReport:
        reason, why = reason_to_keep(dataset), "would not become smaller"
        if not reason:
            if _is_coded(dataset, dataset.file, place.path):
                try:
                    made = writers[0].store(dataset, place, kind, advance)
                except NotCodedError as error:
                    made, why = None, str(error)
            else:
                chunks = fitted_chunks(dataset, None)
                bound = weights if place.path == _WEIGHTS and dataset.dtype.kind == "f" else None
                options: dict[str, Any] = {"chunks": chunks, "workers": cores, "advance": advance, "bound": bound}
                made = compress_dataset(dataset, place, kind, AstroCodec(), **options)
                if made is not None and bound is not None and (lost := coded_loss(made)) is not None:
                    add_loss(made, lost)
            if made is not None:
                place.put(made.id)
                return describe_with_loss(made, "compressed")
            reason = why
        copy_dataset(dataset, place, kind)
        return describe(dataset, "copied", reason)

    return rewrite(
        *(source, target, transfer, prepare),
        workers=cores,
        overwrite=overwrite,
        only_smaller=only_smaller,
        verify=verify,
        progress=progress,
    )
