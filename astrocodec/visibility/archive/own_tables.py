"""A Measurement Set that is all its own: what leads out of its directory would not be in an archive of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from astrocodec.errors import FormatError
from astrocodec.visibility.archive.packed_files import files_in, links_in
from astrocodec.visibility.data.tables import open_table

__all__ = ["open_whole"]

_FORWARD = "ForwardColumn"  # how the types of managers begin that have another table's cells
_IS_TABLE = "Table: "  # how a keyword begins that is a subtable


@contextmanager
def open_whole(source: str | os.PathLike[str]) -> Iterator[Any]:
    """
    Open a table with all of its subtables, to which no program writes until it is closed.

    Raises
    ------
    FormatError
        Its rows, a subtable or a file lie outside of its directory.
    TimeoutError
        Another program keeps one of them locked.
    """
    folder = Path(os.path.realpath(source))
    name = os.fspath(source)
    with ExitStack() as stack:
        table = stack.enter_context(open_table(source, keeps_lock=True))
        if [os.path.realpath(part) for part in table.partnames()] != [str(folder)]:
            raise FormatError(
                f"{name}: its rows are those of {', '.join(table.partnames()[:3])}; name these sets, or make a copy "
                "with rows of its own"
            )
        for manager in table.getdminfo().values():
            if manager["TYPE"].startswith(_FORWARD):
                raise FormatError(
                    f"{name}: its columns {', '.join(manager['COLUMNS'][:3])} are those of another table; make a copy "
                    "that has its own, such as table(...).copy(name, deep=True, valuecopy=True) of python-casacore does"
                )
        _check_links(folder, name)
        seen, left = {str(folder)}, [table]
        while left:
            above = left.pop()
            for path in _subtables(above):
                place = os.path.realpath(path)
                if not place.startswith(str(folder) + os.sep):
                    if not _is_link(above, path):
                        continue
                    raise FormatError(f"{name}: {_asked(above, folder)}its subtable {path} {_what_to_do(path)}")
                if place not in seen and os.path.isfile(os.path.join(place, "table.dat")):
                    seen.add(place)
                    left.append(stack.enter_context(open_table(place, keeps_lock=True)))
        for file in files_in(folder):
            if not file.is_file():
                raise FormatError(f"{name}: {file.relative_to(folder)} is neither a file nor a folder; remove it")
        yield table


def _check_links(folder: Path, name: str) -> None:
    for path in links_in(folder):
        target = os.readlink(path)
        if os.path.isabs(target) or not os.path.realpath(path).startswith(str(folder) + os.sep):
            raise FormatError(
                f"{name}: {path.relative_to(folder)} is a link to {target}, which an archive would not hold; put what "
                "it leads to in its place (cp -rL makes such a copy of a set)"
            )


def _asked(table: Any, folder: Path) -> str:
    """Which subtable of the set is spoken of; empty for the set itself."""
    found = Path(os.path.realpath(table.name()))
    return "" if found == folder else f"of {found.relative_to(folder)} "


def _what_to_do(path: str) -> str:
    if os.path.exists(path):
        return (
            "lies elsewhere; make a copy that has its own, such as table(...).copy(name, deep=True) of python-casacore "
            "does, and give that"
        )
    return "is not there; put it back and make a copy of the set that has its own, or remove the keyword"


def _is_link(table: Any, path: str) -> bool:
    """Whether a keyword is a subtable, not a text that begins as python-casacore shows one; only TaQL tells."""
    if not os.path.isabs(path):  # as those of subtables are shown
        return False
    from casacore import tables

    try:
        return any(f": Table {path}\n" in shown for shown in tables.taql("show table $1 nocol key", tables=[table]))
    except RuntimeError:  # a subtable is not there
        return True


def _subtables(table: Any) -> Iterator[str]:
    """Paths of the tables that keywords of a table and its columns lead to."""
    yield from _in_keywords(table.getkeywords())
    for column in table.colnames():
        yield from _in_keywords(table.getcolkeywords(column))


def _in_keywords(keywords: Mapping[str, Any]) -> Iterator[str]:
    for value in keywords.values():
        if isinstance(value, Mapping):
            yield from _in_keywords(value)
        elif isinstance(value, str) and value.startswith(_IS_TABLE):
            yield value.removeprefix(_IS_TABLE)
