"""Tables of casacore, opened when no other program writes to them."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from astrocodec.errors import FormatError
from hdf5_filter.names import disk_error

__all__ = ["naming_damaged_set", "open_table", "put_rows", "rows_of"]

_SECONDS, _PAUSE = 10.0, 0.2  # that a lock of another program is waited for; between two looks
_FLOCK = "hhqqi4x"
_IS_LOCKED = "Permanent lock on table"  # how casacore begins to say that another program writes to it


def open_table(path: str | os.PathLike[str], *, writable: bool = False, keeps_lock: bool = False) -> Any:
    """
    Open a table of casacore.

    Parameters
    ----------
    path : path
        The directory.
    writable : bool, optional
        Of tables that only this process knows.
    keeps_lock : bool, optional
        Whether no other program can write to it until it is closed.

    Raises
    ------
    ImportError
        python-casacore is not installed.
    FormatError
        It is no table, or a damaged one.
    TimeoutError
        Another program has kept its lock for ten seconds.
    """
    try:
        from casacore import tables
    except ImportError as error:
        message = "Measurement Sets need python-casacore, which is not installed: run `pip install 'astrocodec[vis]'`"
        raise ImportError(message, name=error.name) from error
    name = os.fspath(path)
    if writable:
        return _opened(tables, name, readonly=False)
    # Without a word of locks casacore waits for ever; this kind fails at once.
    until = time.monotonic() + _SECONDS
    while True:
        try:
            table = _opened(tables, name, lockoptions={"option": "permanent"})
            break
        except FormatError as error:
            if not str(error.__cause__).startswith(_IS_LOCKED):
                raise
            if time.monotonic() > until:
                raise TimeoutError(_who_locks(name)) from error
        time.sleep(_PAUSE)
    if keeps_lock:
        return table
    table.close()
    return _opened(tables, name)


def _opened(tables: Any, name: str, **options: Any) -> Any:
    try:
        return tables.table(name, ack=False, **options)
    except RuntimeError as error:
        raise FormatError(f"{name}: cannot be opened as a table of casacore: {error}") from error


def _who_locks(name: str) -> str:
    """Say which program keeps a table locked."""
    who = "another program"
    try:
        with open(os.path.join(name, "table.lock"), "rb") as file:
            asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 1, 0)
            kind, *_, process = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        if kind != fcntl.F_UNLCK and process > 0:
            who = f"process {process}"
    except (OSError, struct.error):
        pass
    return (
        f"{name}: is locked by {who}, which writes to it; waited {_SECONDS:.0f} s: end that program or have it close "
        "the table, then start again"
    )


@contextmanager
def naming_damaged_set(name: str) -> Iterator[None]:
    """Turn what casacore says of a table that it opened and cannot read into an error that names the set."""
    try:
        yield
    except RuntimeError as error:
        if disk_error(error) is not None or "start new thread" in str(error):
            raise
        raise FormatError(f"{name}: it is damaged: casacore cannot read it: {error}") from error


def rows_of(table: Any, rows: npt.NDArray[np.int64], column: str) -> npt.NDArray[Any]:
    """Cells of rows in any order, which all have one shape."""
    if not len(rows):
        return np.asarray(table.getcol(column, 0, 0))
    try:
        if (np.diff(rows) == 1).all():
            return np.asarray(table.getcol(column, int(rows[0]), len(rows)))
        return np.asarray(table.selectrows(rows.tolist()).getcol(column))
    except RuntimeError:  # TiledCellStMan has each cell by itself
        return np.stack([np.asarray(table.getcell(column, row)) for row in rows.tolist()])


def put_rows(table: Any, rows: npt.NDArray[np.int64], column: str, values: npt.NDArray[Any]) -> None:
    """Write cells of rows in any order."""
    try:
        if (np.diff(rows) == 1).all():
            table.putcol(column, values, int(rows[0]), len(rows))
        else:
            table.selectrows(rows.tolist()).putcol(column, values)
    except RuntimeError:
        for row, value in zip(rows.tolist(), values, strict=True):
            table.putcell(column, row, value)
