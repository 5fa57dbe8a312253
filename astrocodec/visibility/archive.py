"""A Measurement Set as one HDF5 file: array columns in datasets, all else as the files that it is.

The set's own files are kept byte for byte; where all columns of a tiled storage manager are in datasets, its data files
are kept as lengths alone. What is restored is these files, and the columns written into them: keywords, subtables,
storage managers and cells that have nothing in them are as they were.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.errors import DifferenceError, FormatError
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import Target, scratch_folder, sync_folder
from astrocodec.stages.flags import FLAGS
from astrocodec.visibility.chunks import chunk_sides, filter_of, write_chunks
from astrocodec.visibility.coding import VISIBILITY, BaselineGrowth, Lossy, encode_visibilities
from astrocodec.visibility.data.grid import grid_rows
from astrocodec.visibility.data.measurement_set import open_table, put_rows, rows_of
from astrocodec.visibility.flags import encode_flags
from hdf5_filter.boxes import Box
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.filter_options import AstroCodec
from hdf5_filter.loss_attributes import add_loss
from hdf5_filter.reading import available_cores
from hdf5_filter.report import FileReport
from hdf5_filter.storage import describe_with_loss
from hdf5_filter.within import Within
from hdf5_filter.writing import create_dataset

__all__ = ["archive_measurement_set", "is_archive", "restore_measurement_set"]

_KIND, _VERSION = "measurement set", 1
_TYPES = {"complex": "c8", "dcomplex": "c16", "float": "f4", "double": "f8", "boolean": "b1"}
_TILED = ("TiledColumnStMan", "TiledShapeStMan", "TiledCellStMan", "TiledDataStMan")
_PLAIN = ("StandardStMan",)
_NOISY = ("DATA", "CORRECTED_DATA")  # what a loss is for unless columns are named
_PACK_CHUNK, _BLOCK = 1 << 20, 64 << 20

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells of a column that have one shape, and their rows as [time, baseline], -1 where there is none."""

    column: str
    rows: Rows
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an HDF5 file that holds a Measurement Set."""
    if not os.path.isfile(path) or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return bool(file.attrs.get("astrocodec") == _KIND)


# ---- What there is ----


def _coded_columns(table: Any) -> dict[str, str]:
    """Columns that get datasets, with the type of their storage manager."""
    managers = {c: info["TYPE"] for info in table.getdminfo().values() for c in info["COLUMNS"]}
    found = {}
    for column in table.colnames():
        described = table.getcoldesc(column)
        if table.isscalarcol(column) or described["valueType"] not in _TYPES:
            continue
        is_large = described.get("ndim", -1) != 1
        if managers[column] in _TILED or (managers[column] in _PLAIN and is_large):
            found[column] = managers[column]
    return found


def _hollow_files(table: Any, folder: Path, coded: dict[str, str]) -> set[Path]:
    """Data files of tiled storage managers all of whose columns get datasets."""
    found: set[Path] = set()
    for info in table.getdminfo().values():
        if info["TYPE"] in _TILED and set(info["COLUMNS"]) <= coded.keys():
            found |= set(folder.glob(f"table.f{info['SEQNR']}_TSM*"))
    return found


def _shapes(table: Any, column: str) -> list[str]:
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


def _cells_of(table: Any, column: str, groups: Sequence[Rows]) -> Iterator[_Cells]:
    """The cells of a column, by rows that belong together and by shape."""
    kind = np.dtype(_TYPES[table.getcoldesc(column)["valueType"]])
    shapes = np.array(_shapes(table, column))
    times, first, second = (table.getcol(name) for name in ("TIME", "ANTENNA1", "ANTENNA2"))
    for group in groups:
        for text in sorted(set(shapes[group].tolist()) - {""}):
            rows = group[shapes[group] == text]
            cell = tuple(np.shape(table.getcell(column, int(rows[0]))))
            if not math.prod(cell):
                continue
            grid = grid_rows(times[rows], first[rows], second[rows])
            yield _Cells(column, np.where(grid.rows < 0, -1, rows[grid.rows]), cell, kind)


def _groups(table: Any, name: str) -> list[Rows]:
    """Rows of each data description."""
    missing = {"TIME", "ANTENNA1", "ANTENNA2", "DATA_DESC_ID"} - set(table.colnames())
    if missing:
        raise FormatError(f"{name}: no Measurement Set: it has no column {', '.join(sorted(missing))}")
    described = np.asarray(table.getcol("DATA_DESC_ID"), np.int64)
    return [np.flatnonzero(described == number) for number in np.unique(described)]


def _open_whole(source: str | os.PathLike[str]) -> Any:
    """The table, which must have its own rows."""
    table = open_table(source)
    parts = [os.path.realpath(part) for part in table.partnames()]
    if parts != [os.path.realpath(source)]:
        table.close()
        raise FormatError(
            f"{os.fspath(source)}: its rows are those of {', '.join(parts[:3])}; name these sets, or make a copy with "
            "rows of its own"
        )
    return table


# ---- Columns ----


class _Reader:
    """Cells by blocks of times; casacore is used by one thread at a time."""

    def __init__(self, table: Any, cells: _Cells) -> None:
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
        found = rows_of(self._table, rows[present], cells.column).astype(cells.dtype, copy=False)
        if present.all():
            return found.reshape(*rows.shape, *cells.shape)
        block = np.full((*rows.shape, *cells.shape), cells.dtype == np.dtype(bool), cells.dtype)
        block[present] = found.reshape(-1, *cells.shape)
        return block


def _chunks_of(cells: _Cells) -> tuple[int, ...]:
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
    cells: _Cells,
    flags: _Cells | None,
    lossy: Lossy | None,
    workers: int,
    advance: Callable[[int], None],
) -> h5py.Dataset:
    """A dataset of a column's cells."""
    is_block, kind = len(cells.shape) == 2, cells.dtype.kind
    codec = FLAGS if kind == "b" else VISIBILITY if kind == "c" and is_block else None
    made = create_dataset(
        *(file, name, (*cells.rows.shape, *cells.shape), cells.dtype),
        chunks=_chunks_of(cells),
        codec=AstroCodec() if codec is None else filter_of(codec),
    )
    growth = BaselineGrowth(cells.rows.shape[1])
    flagged = _Reader(table, flags) if flags is not None and lossy is not None else None

    def encode(part: npt.NDArray[Any], box: Box) -> bytes | None:
        if codec == FLAGS:
            return encode_flags(part.reshape(*part.shape[:2], -1, part.shape[-1]) if not is_block else part)
        if codec is None:
            return None
        beside = None
        if flagged is not None:
            beside = np.ones(part.shape, bool)
            found = flagged.read(box)
            beside[tuple(map(slice, found.shape))] = found
        within = box[0].stop - box[0].start, box[2].stop - box[2].start
        return encode_visibilities(part, lossy, beside, growth, within)

    write_chunks(made, _Reader(table, cells).read, encode, workers, advance)
    if lossy is not None and (lost := coded_loss(made)) is not None:
        add_loss(made, lost)
        growth.note(made)
    return made


def _put_cells(table: Any, dataset: h5py.Dataset, rows: Rows, advance: Callable[[int], None]) -> None:
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


# ---- Files ----


def _files_in(folder: Path) -> Iterator[Path]:
    for below, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names) + [name for name in folders if os.path.islink(os.path.join(below, name))]:
            yield Path(below, name)


def _pack_files(group: h5py.Group, folder: Path, is_hollow: Callable[[Path], bool]) -> None:
    """One dataset of all files' bytes, one after the other, of hollow ones none; and an index of them."""
    kind = {"chunks": (_PACK_CHUNK,), "compression": "gzip", "compression_opts": 4, "fletcher32": True}
    data = group.create_dataset("data", (0,), np.uint8, maxshape=(None,), **kind)
    index: list[tuple[str, int, int, int]] = []
    at = 0
    for path in _files_in(folder):
        size, mode, is_empty = path.stat().st_size, stat.S_IMODE(path.stat().st_mode), is_hollow(path)
        index.append((os.fspath(path.relative_to(folder)), mode, size, 0 if is_empty else size))
        with path.open("rb") as file:
            while not is_empty and (part := file.read(_BLOCK)):
                data.resize((at + len(part),))
                data[at:] = np.frombuffer(part, np.uint8)
                at += len(part)
        if at != sum(entry[3] for entry in index):
            raise DifferenceError(f"{path}: changed while it was read; nothing was written")
    below = sorted(os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())
    text = json.dumps({"folders": below, "files": index}).encode()
    group.create_dataset("index", data=np.frombuffer(text, np.uint8), **kind | {"chunks": (len(text),)})


def _index_of(group: h5py.Group, name: str) -> tuple[list[str], list[tuple[str, int, int, int]]]:
    """Folders, and files with mode, size and bytes that are kept."""
    try:
        found = json.loads(group["index"][...].tobytes())
        files = [(str(path), int(mode), int(size), int(kept)) for path, mode, size, kept in found["files"]]
        folders = [str(path) for path in found["folders"]]
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{name}: its index of files is damaged: {error}") from error
    for path in (*folders, *(entry[0] for entry in files)):
        if os.path.isabs(path) or ".." in Path(path).parts:
            raise FormatError(f"{name}: it holds a file {path!r}, which lies outside of a set: it is damaged")
    if sum(entry[3] for entry in files) != group["data"].shape[0]:
        raise FormatError(f"{name}: its files have another number of bytes than its index says: it is damaged")
    return folders, files


def _unpack_files(group: h5py.Group, made: Path, name: str, only: str = "") -> None:
    """Write the files, or one of them, which is there, again."""
    folders, files = _index_of(group, name)
    at, data = 0, group["data"]
    for below in folders if not only else []:
        (made / below).mkdir(parents=True, exist_ok=True)
    for path, mode, size, kept in files:
        if not only or path == only:
            with (made / path).open("wb") as file:
                for start in range(at, at + kept, _BLOCK):
                    file.write(data[start : min(start + _BLOCK, at + kept)].tobytes())
                file.truncate(size)
            (made / path).chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
        at += kept


def _emptied_copy(folder: Path, copy: Path, cells: Sequence[_Cells], plain: set[str], hollow: set[Path]) -> None:
    """A copy of a set whose columns of other than tiled storage managers are zeros, so that their files pack well."""
    shutil.copytree(folder, copy, ignore=lambda below, names: [n for n in names if Path(below, n) in hollow])
    for path in hollow:
        with (copy / path.relative_to(folder)).open("xb") as file:
            file.truncate(path.stat().st_size)
    for path in _files_in(copy):
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IRUSR | stat.S_IWUSR)
    with open_table(copy, writable=True) as table:
        for part in cells:
            if part.column not in plain:
                continue
            rows = np.sort(part.rows[part.rows >= 0])
            step = max(1, _BLOCK // (math.prod(part.shape) * part.dtype.itemsize))
            for at in range(0, len(rows), step):
                some = rows[at : at + step]
                put_rows(table, some, part.column, np.zeros((len(some), *part.shape), part.dtype))


# ---- Whole sets ----


def archive_measurement_set(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    lossy: Lossy | None = None,
    columns: Sequence[str] | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> FileReport:
    """
    Write a Measurement Set as one HDF5 file, from which `restore_measurement_set` gives it back.

    Parameters
    ----------
    source, target : path
        The set's directory, and the file to write. It gets its name when it is whole and verified.
    lossy : Lossy, optional
        What visibilities may lose; by default nothing.
    columns : sequence of str, optional
        Which may; by default ``DATA`` and ``CORRECTED_DATA``. All other columns come back bit for bit in any case.
    workers : int, optional
        Threads; by default one for each core.
    overwrite : bool, optional
        Whether `target` may exist.
    verify : bool, optional
        Restore the set into a hidden folder beside the target, and compare every cell and file, before the target gets
        its name. That takes the space of the set.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Returns
    -------
    hdf5_filter.FileReport

    Raises
    ------
    FormatError
        It is no Measurement Set, or one whose rows lie in other sets.
    ValueError
        There is no such column, or it holds no visibilities.
    DifferenceError
        What is restored is not what was given; nothing is written.
    """
    start, folder = time.perf_counter(), Path(source)
    cores = available_cores() if workers is None else workers
    with _open_whole(source) as table:
        coded = _coded_columns(table)
        groups = _groups(table, os.fspath(source))
        if columns is not None:
            _check_columns(table, coded, columns, os.fspath(source))
        noisy = set(_NOISY if columns is None else columns) if lossy is not None else set()
        cells = [part for column in coded for part in _cells_of(table, column, groups)]
        hollow = _hollow_files(table, folder, coded)
        plain = {column for column, manager in coded.items() if manager not in _TILED}
        report = FileReport(os.fspath(source), os.fspath(target), sum(p.stat().st_size for p in _files_in(folder)))
        total = sum(part.rows.size * math.prod(part.shape) * part.dtype.itemsize for part in cells)
        meter = Meter(progress, total * (2 if verify else 1))
        with Target(target, overwrite=overwrite) as out, scratch_folder(target) as scratch:
            with h5py.File(out.temporary, "w") as file:
                file.attrs["astrocodec"], file.attrs["version"] = _KIND, _VERSION
                file.attrs["name"] = np.bytes_(os.fsencode(folder.resolve().name))
                _write_columns(file, table, cells, noisy, lossy, cores, meter.advance)
                of_files = folder
                if plain & {part.column for part in cells}:
                    of_files = scratch / "emptied"
                    _emptied_copy(folder, of_files, cells, plain, hollow)
                empty = {path.relative_to(folder) for path in hollow}
                _pack_files(file.create_group("files"), of_files, lambda path: path.relative_to(of_files) in empty)
                for name in file["columns"]:
                    found = describe_with_loss(file["columns"][name], "compressed")
                    found.name = name
                    report.datasets.append(found)
            shutil.rmtree(scratch / "emptied", ignore_errors=True)
            report.compressed_bytes = out.temporary.stat().st_size
            if verify:
                _compare(folder, out.temporary, scratch / "restored", table, cells, plain, meter.advance)
                report.compared({}, [])
            report.written = out.commit()
    report.seconds = time.perf_counter() - start
    return report


def _check_columns(table: Any, coded: dict[str, str], columns: Sequence[str], name: str) -> None:
    for column in columns:
        if column not in table.colnames():
            raise ValueError(f"{name}: no column {column!r}; its columns are {', '.join(table.colnames())}")
        if column not in coded or table.getcoldesc(column)["valueType"] not in ("complex", "dcomplex"):
            raise ValueError(f"{name}: column {column!r} holds no complex arrays in a storage manager that is coded")


def _write_columns(
    file: h5py.File,
    table: Any,
    cells: Sequence[_Cells],
    noisy: set[str],
    lossy: Lossy | None,
    workers: int,
    advance: Callable[[int], None],
) -> None:
    """All cells as datasets, and the rows that they are of, each once."""
    numbers: dict[tuple[Any, ...], int] = {}
    rows, columns, names = file.create_group("rows"), file.create_group("columns"), dict[str, int]()
    for part in cells:
        key = part.rows.shape, part.rows.tobytes()
        if key not in numbers:
            numbers[key] = len(numbers)
            options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
            rows.create_dataset(str(numbers[key]), data=part.rows, chunks=True, **options)
        same = [other for other in cells if other.column == "FLAG" and other.shape == part.shape]
        flags = next((other for other in same if np.array_equal(other.rows, part.rows)), None)
        count = names[part.column] = names.get(part.column, 0) + 1
        name = part.column if count == 1 else f"{part.column}.{count}"
        made = _write_cells(
            *(columns, name, table, part, flags, lossy if part.column in noisy else None, workers, advance)
        )
        made.attrs["column"], made.attrs["rows"] = part.column, numbers[key]


def restore_measurement_set(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    progress: ProgressCall | None = None,
) -> None:
    """
    Make the Measurement Set again that `archive_measurement_set` wrote as a file.

    Parameters
    ----------
    source, target : path
        The file, and the directory to make, which gets its name when it is whole.
    progress : callable, optional
        Called with bytes done and bytes in total.

    Raises
    ------
    FormatError
        The file is none of those, or damaged.
    FileExistsError
        `target` exists.
    """
    path = Path(target)
    if os.path.lexists(path):
        raise FileExistsError(f"{path}: exists; choose another name")
    if not is_archive(source):
        raise FormatError(f"{os.fspath(source)}: holds no Measurement Set; `astrocodec vis-compress` makes such files")
    with h5py.File(source, "r") as file, scratch_folder(path) as scratch:
        meter = Meter(progress, sum(dataset.nbytes for dataset in file["columns"].values()))
        made = scratch / "restored"
        _restore(file, made, meter.advance)
        for below in _files_in(made):
            with below.open("rb") as written:
                os.fsync(written.fileno())
        if os.path.lexists(path):
            raise FileExistsError(f"{path}: exists, it appeared meanwhile and was kept")
        made.rename(path)
        sync_folder(path.parent)


def _restore(file: h5py.File, made: Path, advance: Callable[[int], None]) -> None:
    """The set in an archive, into a folder that is made."""
    if file.attrs.get("version") != _VERSION:
        raise FormatError(
            f"{file.filename}: archive version {file.attrs.get('version')} found, this astrocodec reads {_VERSION}: "
            "upgrade astrocodec"
        )
    made.mkdir(parents=True)
    _unpack_files(file["files"], made, file.filename)
    with open_table(made, writable=True) as table:
        for dataset in list(file["columns"].values()):  # whose iterator keeps h5py's lock from other threads
            rows = file["rows"][str(int(dataset.attrs["rows"]))][...]
            _put_cells(table, dataset, rows, advance)
    _unpack_files(file["files"], made, file.filename, only="table.lock")  # which casacore wrote to


def _compare(
    folder: Path,
    archive: Path,
    made: Path,
    table: Any,
    cells: Sequence[_Cells],
    plain: set[str],
    advance: Callable[[int], None],
) -> None:
    """Restore a set, and compare it with the one that it was made from."""
    with h5py.File(archive, "r") as file:
        _restore(file, made, lambda _: None)
        packed = {path: size == kept for path, _, size, kept in _index_of(file["files"], str(archive))[1]}
        found = {os.fspath(path.relative_to(folder)) for path in _files_in(folder)}
        if found != packed.keys():
            raise DifferenceError(
                f"{folder}: {sorted(found ^ packed.keys())[0]} came or went meanwhile; nothing was written"
            )
        managers = {c: info["SEQNR"] for info in table.getdminfo().values() for c in info["COLUMNS"]}
        emptied = tuple(f"table.f{managers[column]}" for column in plain)
        for name, is_whole in packed.items():
            is_other = name == "table.lock" or any(name == stem or name == stem + "i" for stem in emptied)
            if is_whole and not is_other and not _same_bytes(folder / name, made / name):
                raise DifferenceError(f"{folder}: {name} differs in the copy; nothing was written; please report this")
        with open_table(made) as copy:
            _compare_tables(folder, table, copy, cells, file["columns"], advance)


def _compare_tables(
    folder: Path, table: Any, copy: Any, cells: Sequence[_Cells], datasets: h5py.Group, advance: Callable[[int], None]
) -> None:
    coded = {part.column for part in cells}
    for column in table.colnames():
        if column in coded or not table.nrows():
            continue
        if table.isscalarcol(column) and not np.array_equal(table.getcol(column), copy.getcol(column)):
            raise DifferenceError(f"{folder}: column {column} differs in the copy; nothing was written")
    for part, dataset in zip(cells, _in_order(datasets, cells), strict=True):
        lost = hdf5_filter.loss_of(dataset)
        within = Within(dataset) if lost is not None else None
        side = dataset.chunks[0]
        for start in range(0, len(part.rows), side):
            box = (slice(start, min(start + side, len(part.rows))), *(slice(0, n) for n in dataset.shape[1:]))
            before, now = (_Reader(which, part).times(box[0].start, box[0].stop) for which in (table, copy))
            differs = _different(before, now)
            if within is not None:
                differs &= ~within.hold(box, before, now)
            if differs.any():
                raise DifferenceError(f"{folder}: column {part.column} differs in the copy; nothing was written")
            advance(before.nbytes)


def _in_order(datasets: h5py.Group, cells: Sequence[_Cells]) -> Iterator[h5py.Dataset]:
    count: dict[str, int] = {}
    for part in cells:
        number = count[part.column] = count.get(part.column, 0) + 1
        yield datasets[part.column if number == 1 else f"{part.column}.{number}"]


def _different(before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which elements differ in any bit."""
    raw = [np.ascontiguousarray(part).view(np.uint8).reshape(*part.shape, part.itemsize) for part in (before, now)]
    found: npt.NDArray[np.bool_] = (raw[0] != raw[1]).any(axis=-1)
    return found


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            parts = first.read(_PACK_CHUNK), second.read(_PACK_CHUNK)
            if parts[0] != parts[1]:
                return False
            if not parts[0]:
                return True
