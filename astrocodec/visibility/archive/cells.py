"""Cells of a Measurement Set's array columns: which get datasets, and how these are written and put back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.bounds import Bound
from astrocodec.errors import FormatError
from astrocodec.stages.flags import FLAGS
from astrocodec.visibility.chunks import chunk_sides, filter_of, write_chunks
from astrocodec.visibility.coding import (
    VISIBILITY,
    BaselineGrowth,
    Lossy,
    encode_visibilities,
    encode_weights,
    is_of_visibilities,
)
from astrocodec.visibility.data.grid import grid_rows
from astrocodec.visibility.data.tables import naming_damaged_set, put_rows, rows_of
from astrocodec.visibility.flags import encode_flags
from hdf5_filter.boxes import Box
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.loss_attributes import add_loss
from hdf5_filter.writing import create_dataset

__all__ = [
    *("PLAIN", "TILED", "Cells", "Reader", "cells_of", "coded_columns", "groups_of", "hollow_files", "managers_of"),
    *("named_cells", "put_cells", "shapes_of", "write_columns"),
]

_TYPES = {"complex": "c8", "dcomplex": "c16", "float": "f4", "double": "f8", "boolean": "b1"}
TILED = ("TiledColumnStMan", "TiledShapeStMan", "TiledCellStMan", "TiledDataStMan")
PLAIN = ("StandardStMan",)
_WEIGHTS = ("WEIGHT", "SIGMA", "WEIGHT_SPECTRUM", "SIGMA_SPECTRUM")
_LEAST_CHANNELS = 16  # that tell the noise of one time

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a column that have one shape, and their rows as [time, baseline], -1 where there is none."""

    column: str
    rows: Rows
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_grid: bool = True  # else rows are of any baseline, and ``[row, 1]``

    @property
    def nbytes(self) -> int:
        """Bytes of all."""
        return self.rows.size * math.prod(self.shape) * self.dtype.itemsize


def managers_of(table: Any) -> dict[str, str]:
    """Columns, and the types of their storage managers."""
    return {column: info["TYPE"] for info in table.getdminfo().values() for column in info["COLUMNS"]}


def coded_columns(table: Any) -> dict[str, str]:
    """Columns that get datasets, with the type of their storage manager."""
    managers, found = managers_of(table), {}
    for column in table.colnames():
        described = table.getcoldesc(column)
        if table.isscalarcol(column) or described["valueType"] not in _TYPES:
            continue
        is_large = described.get("ndim", -1) != 1
        if managers[column] in TILED or (managers[column] in PLAIN and is_large):
            found[column] = managers[column]
    return found


def hollow_files(table: Any, folder: Path, coded: dict[str, str]) -> set[Path]:
    """Data files of tiled storage managers all of whose columns get datasets."""
    found: set[Path] = set()
    for info in table.getdminfo().values():
        if info["TYPE"] in TILED and set(info["COLUMNS"]) <= coded.keys():
            found |= set(folder.glob(f"table.f{info['SEQNR']}_TSM*"))
    return found


def shapes_of(table: Any, column: str) -> list[str]:
    """Shape of each row's cell as a text; empty where it has none."""
    rows = table.nrows()
    if not rows:
        return []
    described = table.getcoldesc(column)
    if described.get("shape") is not None and len(described["shape"]) and described["option"] & 4:
        return [str(list(described["shape"]))] * rows
    try:
        return list(table.getcolshapestring(column))
    except RuntimeError:  # some are not defined
        return [
            table.getcolshapestring(column, row, 1)[0] if table.iscelldefined(column, row) else ""
            for row in range(rows)
        ]


def cells_of(table: Any, column: str, groups: Sequence[Rows]) -> Iterator[Cells]:
    """The cells of a column, by rows that belong together and by shape."""
    kind = np.dtype(_TYPES[table.getcoldesc(column)["valueType"]])
    with naming_damaged_set(table.name()):
        shapes = np.array(shapes_of(table, column))
        times, first, second = (table.getcol(name) for name in ("TIME", "ANTENNA1", "ANTENNA2"))
    for group in groups:
        for text in sorted(set(shapes[group].tolist()) - {""}):
            rows = group[shapes[group] == text]
            with naming_damaged_set(table.name()):
                cell = tuple(np.shape(table.getcell(column, int(rows[0]))))
            if not math.prod(cell):
                continue
            grid = grid_rows(times[rows], first[rows], second[rows])
            placed = np.where(grid.rows < 0, -1, rows[grid.rows])
            yield Cells(column, placed, cell, kind, grid.antenna1.ndim == 1)


def groups_of(table: Any, name: str) -> list[Rows]:
    """Rows of each data description."""
    missing = {"TIME", "ANTENNA1", "ANTENNA2", "DATA_DESC_ID"} - set(table.colnames())
    if missing:
        raise FormatError(f"{name}: no Measurement Set: it has no column {', '.join(sorted(missing))}")
    with naming_damaged_set(name):
        described = np.asarray(table.getcol("DATA_DESC_ID"), np.int64)
    return [np.flatnonzero(described == number) for number in np.unique(described)]


class Reader:
    """Cells by blocks of times; casacore is used by one thread at a time."""

    def __init__(self, table: Any, cells: Cells) -> None:
        self._table, self._cells = table, cells
        self._lock = threading.Lock()
        self._at: tuple[int, int] | None = None
        self._block: npt.NDArray[Any] = np.empty(0)

    def read(self, box: Box) -> npt.NDArray[Any]:
        """A box of [time, baseline, cell]; False or zero where there is no row, but flags are True."""
        with self._lock:
            if self._at != (box[0].start, box[0].stop):
                self._block, self._at = self.times(box[0].start, box[0].stop), (box[0].start, box[0].stop)
            return self._block[(slice(None), *box[1:])]

    def times(self, start: int, stop: int) -> npt.NDArray[Any]:
        """All of some times."""
        cells = self._cells
        rows = cells.rows[start:stop]
        present = rows >= 0
        with naming_damaged_set(self._table.name()):
            found = rows_of(self._table, rows[present], cells.column).astype(cells.dtype, copy=False)
        if present.all():
            return found.reshape(*rows.shape, *cells.shape)
        block = np.full((*rows.shape, *cells.shape), cells.dtype == np.dtype(bool), cells.dtype)
        block[present] = found.reshape(-1, *cells.shape)
        return block


def _chunks_of(cells: Cells) -> tuple[int, ...]:
    times, baselines = cells.rows.shape
    *channels, pols = (1, *cells.shape)
    itemsize = 8 if cells.dtype == np.dtype(bool) else cells.dtype.itemsize
    many, cut = chunk_sides(times, baselines, math.prod(channels), pols, itemsize)
    if len(cells.shape) != 2:
        return (many, baselines, *cells.shape)
    return (many, baselines, cut, pols)


def _write_cells(
    file: h5py.File,
    name: str,
    table: Any,
    cells: Cells,
    flagged: Callable[[Box], npt.NDArray[np.bool_]] | None,
    lossy: Lossy | None,
    bound: Bound | None,
    workers: int,
    advance: Callable[[int], None],
) -> h5py.Dataset:
    """A dataset of a column's cells; flags are for what may lose something, a bound is that of weights."""
    is_block, kind = len(cells.shape) == 2, cells.dtype.kind
    codec = FLAGS if kind == "b" else VISIBILITY if kind == "c" and is_block else None
    made = create_dataset(
        *(file, name, (*cells.rows.shape, *cells.shape), cells.dtype),
        chunks=_chunks_of(cells),
        codec=AstroCodec() if codec is None else filter_of(codec),
    )
    growth = BaselineGrowth(cells.rows.shape[1])

    def encode(part: npt.NDArray[Any], box: Box) -> bytes | None:
        if codec == FLAGS:
            return encode_flags(part.reshape(*part.shape[:2], -1, part.shape[-1]) if not is_block else part)
        if codec is None:
            return None if bound is None else encode_weights(part, bound)
        beside = None
        if flagged is not None:
            beside = np.ones(part.shape, bool)
            found = flagged(box)
            beside[tuple(map(slice, found.shape))] = found
        within = box[0].stop - box[0].start, box[2].stop - box[2].start
        if cells.is_grid or part.shape[2] < _LEAST_CHANNELS:
            return encode_visibilities(part, lossy, beside, growth, within)
        # Each row has a noise of its own, as if it were another baseline of one time.
        shape = (1, len(part), *part.shape[2:])
        beside = None if beside is None else beside.reshape(shape)
        stream = encode_visibilities(part.reshape(shape), lossy, beside, None, (1, within[1]))
        return stream if is_of_visibilities(stream) else None

    write_chunks(made, Reader(table, cells).read, encode, workers, advance)
    if (lossy or bound) and (lost := coded_loss(made)) is not None:
        add_loss(made, lost)
        growth.note(made)
    return made


def put_cells(table: Any, dataset: h5py.Dataset, rows: Rows, advance: Callable[[int], None]) -> None:
    """Write a dataset back into the cells of a table."""
    column, side = str(dataset.attrs["column"]), dataset.chunks[0]
    for start in range(0, len(rows), side):
        part = rows[start : start + side]
        present = part >= 0
        block = np.asarray(hdf5_filter.read_dataset(dataset, slice(start, start + side)))
        wanted = part[present]
        values = block[present]
        if not len(wanted):
            continue
        put_rows(table, wanted, column, values)
        advance(values.nbytes)


def named_cells(cells: Sequence[Cells]) -> Iterator[tuple[str, Cells]]:
    """Cells and the names of their datasets: ``DATA``, ``DATA.2`` and so on of one column.

    Names of columns that HDF5 would take for paths are quoted; one that is called ``DATA.2`` keeps its name.
    """
    taken = {_quoted(part.column) for part in cells}
    count: dict[str, int] = {}
    for part in cells:
        first = name = _quoted(part.column)
        number = count.get(first, 0) + 1
        while number > 1 and (name := f"{first}.{number}") in taken:
            number += 1
        count[first] = number
        taken.add(name)
        yield name, part


def _quoted(column: str) -> str:
    """The name of a column, in which a slash is %2F.

    >>> [_quoted(name) for name in ("DATA", "A/B", "5%", ".")]
    ['DATA', 'A%2FB', '5%25', '%2E']
    """
    return "%2E" if column == "." else column.replace("%", "%25").replace("/", "%2F")


def write_columns(
    file: h5py.File,
    table: Any,
    cells: Sequence[Cells],
    flags_of: Callable[[Cells], Callable[[Box], npt.NDArray[np.bool_]]] | None,
    noisy: set[str],
    lossy: Lossy | None,
    weights: Bound | None,
    workers: int,
    advance: Callable[[int], None],
) -> None:
    """All cells as datasets, and the rows that they are of, each once; `flags_of` is for `lossy`."""
    numbers: dict[tuple[Any, ...], int] = {}
    rows, columns = file.create_group("rows"), file.create_group("columns")
    for name, part in named_cells(cells):
        key = part.rows.shape, part.rows.tobytes()
        if key not in numbers:
            numbers[key] = len(numbers)
            options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
            rows.create_dataset(str(numbers[key]), data=part.rows, chunks=True, **options).flush()
        is_lossy = part.column in noisy
        flags = flags_of(part) if is_lossy and flags_of is not None else None
        bound = weights if part.column in _WEIGHTS and part.dtype.kind == "f" else None
        made = _write_cells(*(columns, name, table, part, flags, lossy if is_lossy else None, bound, workers, advance))
        made.attrs["column"], made.attrs["rows"] = part.column, numbers[key]
