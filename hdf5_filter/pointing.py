"""Names of the files that a file leads to: by links, references, virtual datasets and elements stored elsewhere."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import h5py

from hdf5_filter.attributes import attribute_names
from hdf5_filter.copying import link_names
from hdf5_filter.elements import attribute_elements, block_elements, blocks_in
from hdf5_filter.files import objects_of, open_file
from hdf5_filter.layout import layout_of, references_in
from hdf5_filter.references import follow
from hdf5_filter.sparse import stored_boxes
from hdf5_filter.virtual_names import name_pattern

__all__ = ["files_named_in"]


def files_named_in(path: str | os.PathLike[str], before_object: Callable[[], object]) -> set[str | re.Pattern[str]]:
    """
    Find the files that programs need beside this one, which is not searched for endless heaps first.

    Names are without directories, since HDF5 looks in several and takes the first; those that virtual datasets number
    are patterns. Where a name is that of a symbolic link, what it leads to is there too. `before_object` is called
    before HDF5 opens the file and each of its objects.

    Raises
    ------
    FormatError
        It is not HDF5, or damaged.
    """
    prefixes = [os.environ.get(f"HDF5_{kind}_PREFIX", "").split(":") for kind in ("EXT", "VDS", "EXTFILE")]
    folders = [os.path.dirname(os.path.realpath(path)), os.getcwd(), *filter(None, itertools.chain(*prefixes))]
    found: set[str | re.Pattern[str]] = set()
    before_object()
    with open_file(path, searched=0) as file:
        names: set[tuple[str, bool]] = set()
        for obj in objects_of(file):
            names.update(_names(obj))
            names.update((name, False) for name in _referred_files(file, obj))
            before_object()
        for name, numbered in names - {(".", True)}:
            found.update(os.path.basename(os.path.realpath(os.path.join(place, name))) for place in folders)
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


def _referred_files(file: h5py.File, obj: Any) -> Iterator[str]:
    """Yield names of files that elements and attributes refer to."""
    owners = [h5py.h5a.open(obj, name) for name in attribute_names(obj)]
    parts = [attribute_elements(owner) for owner in owners if layout_of(owner.get_type()).may_lead_to_files]
    if isinstance(obj, h5py.h5d.DatasetID) and layout_of(obj.get_type()).may_lead_to_files:
        virtual = obj.get_create_plist().get_layout() == h5py.h5d.VIRTUAL
        boxes = [] if virtual or not obj.get_storage_size() else stored_boxes(h5py.Dataset(obj))
        parts += [block_elements(obj, box) for box in (blocks_in(obj) if boxes is None else boxes)]
    for part in parts:
        with part as elements:
            if elements is not None:
                for layout, at in references_in(elements.layout, elements.address, elements.count):
                    found = follow(file, layout, at)
                    if found is not None and found.elsewhere:
                        yield os.fsdecode(found.elsewhere)
