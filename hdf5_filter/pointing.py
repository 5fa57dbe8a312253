"""Names of the files that a file leads to: by external links, virtual datasets and elements stored elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

import h5py

from hdf5_filter.copying import link_names
from hdf5_filter.files import objects_of, open_file

__all__ = ["files_named_in"]


def files_named_in(path: str | os.PathLike[str]) -> set[str]:
    """
    Find the files that programs need beside this one.

    Parameters
    ----------
    path : path
        An HDF5 file.

    Returns
    -------
    set of str
        Real paths, whether there is such a file or not; names without a directory are looked for beside `path`.

    Raises
    ------
    FormatError
        It is not HDF5, or damaged.
    """
    folder = os.path.dirname(os.path.realpath(path))
    with open_file(path) as file:
        names = {os.fsdecode(name) for obj in objects_of(file) for name in _names(obj)}
    return {os.path.realpath(os.path.join(folder, name)) for name in names - {"."}}


def _names(obj: h5py.h5g.GroupID | h5py.h5d.DatasetID | h5py.h5t.TypeID) -> Iterator[bytes | str]:
    if isinstance(obj, h5py.h5g.GroupID):
        for name in link_names(obj):
            if obj.links.get_info(name).type == h5py.h5l.TYPE_EXTERNAL:
                yield obj.links.get_val(name)[0]
    elif isinstance(obj, h5py.h5d.DatasetID):
        plist = obj.get_create_plist()
        for number in range(plist.get_external_count()):
            yield plist.get_external(number)[0]
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            for number in range(plist.get_virtual_count()):
                yield plist.get_virtual_filename(number)
