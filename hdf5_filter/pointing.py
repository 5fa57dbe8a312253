"""Names of the files that a file leads to: by external links, virtual datasets and elements stored elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import h5py

from hdf5_filter.copying import link_names
from hdf5_filter.files import objects_of, open_file
from hdf5_filter.virtual_names import name_pattern

__all__ = ["files_named_in"]


def files_named_in(path: str | os.PathLike[str], before_object: Callable[[], object]) -> set[str | re.Pattern[str]]:
    """
    Find the files that programs need beside this one.

    Parameters
    ----------
    path : path
        An HDF5 file, which is not searched for endless heaps first.
    before_object : callable
        Called before HDF5 opens the file and each of its objects.

    Returns
    -------
    set of str or re.Pattern
        Names without directories, since HDF5 looks in several and takes the first; patterns of those that virtual
        datasets number. Where a name is that of a symbolic link beside `path`, also the name of what it leads to.

    Raises
    ------
    FormatError
        It is not HDF5, or damaged.
    """
    folder = os.path.dirname(os.path.realpath(path))
    found: set[str | re.Pattern[str]] = set()
    before_object()
    with open_file(path, searched=0) as file:
        names: set[tuple[str, bool]] = set()
        for obj in objects_of(file):
            names.update(_names(obj))
            before_object()
        for name, numbered in names - {(".", True)}:
            found.add(os.path.basename(os.path.realpath(os.path.join(folder, name))))
            last = os.path.basename(name)
            found.add(name_pattern(last) if numbered and "%" in last else last)
    return found


def _names(obj: h5py.h5g.GroupID | h5py.h5d.DatasetID | h5py.h5t.TypeID) -> Iterator[tuple[str, bool]]:
    """Yield names, and whether per cent signs in them stand for something."""
    if isinstance(obj, h5py.h5g.GroupID):
        for name in link_names(obj):
            if obj.links.get_info(name).type == h5py.h5l.TYPE_EXTERNAL:
                yield os.fsdecode(obj.links.get_val(name)[0]), False
    elif isinstance(obj, h5py.h5d.DatasetID):
        plist = obj.get_create_plist()
        for number in range(plist.get_external_count()):
            yield os.fsdecode(plist.get_external(number)[0]), False
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            for number in range(plist.get_virtual_count()):
                yield os.fsdecode(plist.get_virtual_filename(number)), True
