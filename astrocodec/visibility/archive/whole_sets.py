"""A Measurement Set as one HDF5 file: array columns in datasets, all else as the files that it is.

The set's own files are kept byte for byte; where all columns of a tiled storage manager are in datasets, its data files
are kept as lengths alone. What is restored is these files, and the columns written into them: keywords, subtables,
storage managers and cells that have nothing in them are as they were.
"""

from __future__ import annotations

import math
import os
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

import hdf5_filter
from astrocodec.bounds import Bound
from astrocodec.errors import AstrocodecError, CorruptError, DifferenceError, FormatError
from astrocodec.files.meter import Meter, ProgressCall
from astrocodec.files.target import Target, readable_mode, scratch_folder, sync_folder
from astrocodec.visibility.archive.cells import (
    PLAIN,
    TILED,
    Cells,
    Reader,
    cells_of,
    coded_columns,
    groups_of,
    hollow_files,
    managers_of,
    named_cells,
    put_cells,
    shapes_of,
    write_columns,
)
from astrocodec.visibility.archive.contents import KIND, VERSION, check_contents, is_archive, write_contents
from astrocodec.visibility.archive.flagged import Flagged
from astrocodec.visibility.archive.own_tables import open_whole
from astrocodec.visibility.archive.packed_files import (
    different_file,
    files_in,
    give_modes,
    pack_files,
    remove_new_locks,
    unpack_files,
)
from astrocodec.visibility.coding import Lossy
from astrocodec.visibility.data.tables import open_table, put_rows
from hdf5_filter.closing import closing
from hdf5_filter.files import naming_damaged_file, open_file, system_errors
from hdf5_filter.names import disk_error
from hdf5_filter.reading import available_cores
from hdf5_filter.report import DatasetReport, FileReport
from hdf5_filter.storage import describe_with_loss
from hdf5_filter.within import Within

__all__ = ["archive_measurement_set", "columns_of_set", "compare_with_set", "restore_measurement_set"]

_NOISY = ("DATA", "CORRECTED_DATA")  # what a loss is for unless columns are named
_BLOCK, _ROWS = 64 << 20, 1 << 16


def _emptied_copy(folder: Path, copy: Path, cells: Sequence[Cells], plain: set[str], hollow: set[Path]) -> None:
    """A copy of a set whose columns of other than tiled storage managers are zeros, so that their files pack well."""

    def ignored(below: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(below, name) in hollow]

    shutil.copytree(folder, copy, symlinks=True, ignore=ignored)
    for path in hollow:
        with (copy / path.relative_to(folder)).open("xb") as file:
            file.truncate(path.stat().st_size)
    for path in files_in(copy):
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


def archive_measurement_set(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    lossy: Lossy | None = None,
    weights: Bound | None = None,
    columns: Sequence[str] | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    only_smaller: bool = False,
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
    weights : Bound, optional
        By how much weights and sigmas may differ; by default by nothing.
    columns : sequence of str, optional
        Which may; by default ``DATA`` and ``CORRECTED_DATA``. All other columns come back bit for bit in any case.
    workers : int, optional
        Threads; by default one for each core.
    overwrite : bool, optional
        Whether `target` may exist.
    only_smaller : bool, optional
        Write nothing where the file would not be smaller; the report's target is then ``''``.
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
    FileExistsError
        `target` exists, or lies in the set.
    DifferenceError
        What is restored is not what was given; nothing is written.
    """
    start, folder = time.perf_counter(), Path(source)
    if Path(os.path.realpath(target)).is_relative_to(os.path.realpath(folder)):
        raise FileExistsError(f"{os.fspath(target)}: lies in {folder}, which would change; choose another name")
    cores = available_cores() if workers is None else workers
    with open_whole(source) as table:
        coded = coded_columns(table)
        groups = groups_of(table, os.fspath(source))
        if columns is not None:
            _check_columns(table, coded, columns, os.fspath(source))
        noisy = set(_NOISY if columns is None else columns) if lossy is not None else set()
        cells = [part for column in coded for part in cells_of(table, column, groups)]
        hollow = hollow_files(table, folder, coded)
        plain = {column for column, manager in coded.items() if manager not in TILED}
        report = FileReport(os.fspath(source), os.fspath(target), sum(p.stat().st_size for p in files_in(folder)))
        report.notes += [
            f"{column} is stored by {manager}, as it stays: it loses nothing"
            for column, manager in managers_of(table).items()
            if column in noisy and column not in coded
        ]
        total = sum(part.nbytes for part in cells)
        meter = Meter(progress, total * (2 if verify else 1))
        with (
            Target(target, overwrite=overwrite, like=source) as out,
            scratch_folder(target) as scratch,
            system_errors(os.fspath(target)),
        ):
            with closing(h5py.File(out.temporary, "w")) as file:
                file.attrs["astrocodec"], file.attrs["version"] = KIND, VERSION
                file.attrs["name"] = np.bytes_(os.fsencode(folder.resolve().name))
                flags_of = None if lossy is None else Flagged(table, groups).of
                write_columns(file, table, cells, flags_of, noisy, lossy, weights, cores, meter.advance)
                of_files = folder
                if plain & {part.column for part in cells}:
                    of_files = scratch / "emptied"
                    _emptied_copy(folder, of_files, cells, plain, hollow)
                empty = {path.relative_to(folder) for path in hollow}
                files = file.create_group("files")
                files.attrs["mode"] = stat.S_IMODE(readable_mode(folder))
                pack_files(files, of_files, lambda path: path.relative_to(of_files) in empty, folder)
                write_contents(file)
                for name in file["columns"]:
                    found = describe_with_loss(file["columns"][name], "compressed")
                    found.name = name
                    report.datasets.append(found)
            shutil.rmtree(scratch / "emptied", ignore_errors=True)
            report.compressed_bytes = out.temporary.stat().st_size
            if only_smaller and report.compressed_bytes >= report.original_bytes:
                report.target, report.seconds = "", time.perf_counter() - start
                return report
            if verify:
                _compare(folder, out.temporary, scratch / "restored", table, cells, coded, meter.advance)
                report.compared({}, [])
            report.written = out.commit()
    report.seconds = time.perf_counter() - start
    return report


def columns_of_set(source: str | os.PathLike[str]) -> FileReport:
    """List what of a Measurement Set gets datasets; all else is in files."""
    with open_table(source) as table:
        groups = groups_of(table, os.fspath(source))
        cells = [part for column in coded_columns(table) for part in cells_of(table, column, groups)]
        found = [
            DatasetReport(
                name,
                kind="dataset",
                dtype=part.dtype.name,
                shape=(*part.rows.shape, *part.shape),
                pixels=part.nbytes // part.dtype.itemsize,
                original_bytes=part.nbytes,
                compressed_bytes=part.nbytes,
                bits_per_pixel=8.0 * part.dtype.itemsize,
            )
            for name, part in named_cells(cells)
        ]
    size = sum(path.stat().st_size for path in files_in(Path(source)))
    return FileReport(os.fspath(source), "", size, size, datasets=found)


def _check_columns(table: Any, coded: dict[str, str], columns: Sequence[str], name: str) -> None:
    for column in columns:
        if column not in table.colnames():
            raise ValueError(f"{name}: no column {column!r}; its columns are {', '.join(table.colnames())}")
        if column not in coded or table.getcoldesc(column)["valueType"] not in ("complex", "dcomplex"):
            raise ValueError(
                f"{name}: column {column!r} holds no complex arrays in a storage manager that is coded "
                f"({managers_of(table)[column]} found; {', '.join((*TILED, *PLAIN))} are)"
            )


def restore_measurement_set(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    verify: bool = True,
    progress: ProgressCall | None = None,
) -> None:
    """
    Make the Measurement Set again that `archive_measurement_set` wrote as a file.

    Parameters
    ----------
    source, target : path
        The file, and the directory to make, which gets its name when it is whole.
    verify : bool, optional
        Read it again and compare it with the archive before.
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
    name = os.fspath(source)
    with (
        open_file(source) as file,
        naming_damaged_file(name),
        system_errors(os.fspath(target)),
        scratch_folder(path) as scratch,
    ):
        check_contents(file)
        meter = Meter(progress, sum(dataset.nbytes for dataset in file["columns"].values()) * (2 if verify else 1))
        made = scratch / "restored"
        _restore(file, made, meter.advance)
        if verify:
            _check_restored(file, made, scratch / "emptied", name, meter.advance)
        for below in files_in(made):
            with below.open("rb") as written:
                os.fsync(written.fileno())
        if os.path.lexists(path):
            raise FileExistsError(f"{path}: exists, it appeared meanwhile and was kept")
        mode = give_modes(file["files"], made, name, _allowed(file))
        made.rename(path)
        path.chmod(mode)
        sync_folder(path.parent)


def _allowed(file: h5py.File) -> int:
    """Bits of modes that a set may get: whom its archive no longer lets in, the set does not either."""
    had, has = int(file["files"].attrs.get("mode", 0)), os.stat(file.filename).st_mode
    gone = sum(0o7 << at for at in (0, 3) if had >> at & 4 and not has >> at & 4)
    return 0o7777 & ~gone


def _restore(file: h5py.File, made: Path, advance: Callable[[int], None]) -> None:
    """The set in an archive, into a folder that is made."""
    check_contents(file)
    made.mkdir(parents=True)
    unpack_files(file["files"], made, file.filename)
    with open_table(made, writable=True) as table:
        for dataset in list(file["columns"].values()):  # whose iterator keeps h5py's lock from other threads
            try:
                put_cells(table, dataset, file["rows"][str(int(dataset.attrs["rows"]))][...], advance)
            except (KeyError, IndexError, ValueError, RuntimeError) as error:
                if isinstance(error, AstrocodecError) or disk_error(error) is not None:
                    raise
                text = f"{file.filename}: dataset {dataset.name!r} does not fit its set: it is damaged: {error}"
                raise CorruptError(text) from error
    unpack_files(file["files"], made, file.filename, lambda path: path == "table.lock")  # which casacore wrote to
    remove_new_locks(file["files"], made, file.filename)


def _check_restored(file: h5py.File, made: Path, scratch: Path, name: str, advance: Callable[[int], None]) -> None:
    """Compare what was restored with the archive."""
    datasets = list(file["columns"].values())
    with open_table(made) as table:
        columns = {str(dataset.attrs["column"]) for dataset in datasets}
        in_datasets = {c: manager for c, manager in coded_columns(table).items() if c in columns}
        kept = _files_kept(table, in_datasets)
        for dataset in datasets:
            rows = file["rows"][str(int(dataset.attrs["rows"]))][...]
            reader = Reader(table, Cells(str(dataset.attrs["column"]), rows, dataset.shape[2:], dataset.dtype))
            for start in range(0, len(rows), dataset.chunks[0]):
                cut = slice(start, min(start + dataset.chunks[0], len(rows)))
                said, found = np.asarray(hdf5_filter.read_dataset(dataset, cut)), reader.times(cut.start, cut.stop)
                if _different(said, found)[rows[cut] >= 0].any():
                    raise DifferenceError(f"{name}: {dataset.name!r} is not restored; please report this")
                advance(found.nbytes)
        if not set(in_datasets.values()) <= set(TILED):
            scratch.mkdir()
            unpack_files(file["files"], scratch, name, lambda path: path == os.path.basename(path))
            with open_table(scratch) as emptied:
                column = _different_column(emptied, table, in_datasets)
            shutil.rmtree(scratch)
            if column is not None:
                raise DifferenceError(f"{name}: column {column} is not restored; please report this")
    remove_new_locks(file["files"], made, name)
    different = different_file(file["files"], made, name, kept)
    if different is not None:
        raise DifferenceError(f"{name}: file {different} is not restored; please report this")


def _files_kept(table: Any, coded: Mapping[str, str]) -> Callable[[str], bool]:
    """Which files of a set are in its archive as they are: not those of columns that were taken out of them."""
    managers = {c: str(info["SEQNR"]) for info in table.getdminfo().values() for c in info["COLUMNS"]}
    emptied = {managers[column] for column, manager in coded.items() if manager not in TILED}
    others = {f"table.f{number}{end}" for number in emptied for end in ("", "i")} | {"table.lock"}
    return lambda name: name not in others


def compare_with_set(
    source: str | os.PathLike[str], original: str | os.PathLike[str], *, progress: ProgressCall | None = None
) -> None:
    """
    Restore an archive into a hidden folder beside it, and compare all of it with a Measurement Set.

    Raises
    ------
    DifferenceError
        It is not the set that the archive was made from, or one that changed since.
    FormatError
        One of them is none, or damaged.
    """
    if not is_archive(source):
        raise FormatError(f"{os.fspath(source)}: holds no Measurement Set")
    with open_whole(original) as table, scratch_folder(source) as scratch:
        coded = coded_columns(table)
        cells = [part for column in coded for part in cells_of(table, column, groups_of(table, os.fspath(original)))]
        meter = Meter(progress, sum(part.nbytes for part in cells))
        _compare(Path(original), Path(source), scratch / "restored", table, cells, coded, meter.advance)


def _compare(
    folder: Path,
    archive: Path,
    made: Path,
    table: Any,
    cells: Sequence[Cells],
    coded: dict[str, str],
    advance: Callable[[int], None],
) -> None:
    """Restore a set, and compare it with the one that it was made from."""
    in_datasets = {part.column: coded[part.column] for part in cells}
    is_kept = _files_kept(table, in_datasets)
    with h5py.File(archive, "r") as file:
        name = different_file(file["files"], folder, str(archive), is_kept)
        if name is not None:
            raise DifferenceError(f"{folder}: file {name} differs from that in the archive")
        _restore(file, made, lambda _: None)
        name = different_file(file["files"], made, str(archive), is_kept)
        if name is not None:
            raise DifferenceError(f"{folder}: file {name} is not restored; please report this")
        with open_table(made) as copy:
            if (column := _different_column(table, copy, in_datasets)) is not None:
                raise DifferenceError(f"{folder}: column {column} differs in the copy")
            _compare_cells(folder, table, copy, cells, file["columns"], advance)


def _different_column(table: Any, copy: Any, in_datasets: Mapping[str, str]) -> str | None:
    """The first column with other shapes of cells, or with other cells where these lie among some that were taken out.

    Cells that are in datasets, and those in files that are kept whole, are compared by others.
    """
    managers = {c: str(info["SEQNR"]) for info in table.getdminfo().values() for c in info["COLUMNS"]}
    emptied = {managers[column] for column, manager in in_datasets.items() if manager not in TILED}
    for column in table.colnames():
        if column in in_datasets:
            same = shapes_of(table, column) == shapes_of(copy, column)
        else:
            same = managers[column] not in emptied or _same_cells(table, copy, column)
        if not same:
            return str(column)
    return None


def _same_cells(table: Any, copy: Any, column: str) -> bool:
    """Whether a column that lies in a file with others has equal cells."""
    if table.isscalarcol(column):
        for at in range(0, table.nrows(), _ROWS):
            count = min(_ROWS, table.nrows() - at)
            parts = [which.getcol(column, at, count) for which in (table, copy)]
            one, other = (part if isinstance(part, list) else part.tobytes() for part in parts)  # texts are in lists
            if one != other:
                return False
        return True
    for row in range(table.nrows()):
        defined = [which.iscelldefined(column, row) for which in (table, copy)]
        if defined[0] != defined[1]:
            return False
        if defined[0]:
            one, other = (np.asarray(which.getcell(column, row)) for which in (table, copy))
            if one.dtype != other.dtype or one.shape != other.shape or one.tobytes() != other.tobytes():
                return False
    return True


def _compare_cells(
    folder: Path, table: Any, copy: Any, cells: Sequence[Cells], datasets: h5py.Group, advance: Callable[[int], None]
) -> None:
    """Compare what is in datasets, which may be lossy within what they say."""
    found = [dataset.name.rpartition("/")[2] for dataset in list(datasets.values())]
    if sorted(found) != sorted(name for name, _ in named_cells(cells)):
        raise DifferenceError(f"{folder}: other columns or shapes of cells than in the archive")
    for name, part in named_cells(cells):
        dataset = datasets[name]
        if dataset.shape != (*part.rows.shape, *part.shape):
            raise DifferenceError(f"{folder}: column {part.column} has another shape in the archive")
        within = Within(dataset) if hdf5_filter.loss_of(dataset) is not None else None
        side = dataset.chunks[0]
        for start in range(0, len(part.rows), side):
            box = (slice(start, min(start + side, len(part.rows))), *(slice(0, n) for n in dataset.shape[1:]))
            before, now = (Reader(which, part).times(box[0].start, box[0].stop) for which in (table, copy))
            differs = _different(before, now)
            if within is not None:
                differs &= ~within.hold(box, before, now)
            if differs.any():
                raise DifferenceError(f"{folder}: column {part.column} differs in the copy")
            advance(before.nbytes)


def _different(before: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which elements differ in any bit."""
    raw = [np.ascontiguousarray(part).view(np.uint8).reshape(*part.shape, part.itemsize) for part in (before, now)]
    found: npt.NDArray[np.bool_] = (raw[0] != raw[1]).any(axis=-1)
    return found
