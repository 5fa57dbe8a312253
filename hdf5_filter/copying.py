"""A file copied object by object: groups, links, types, attributes, references; datasets as the caller wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from hdf5_filter.attributes import copy_attributes
from hdf5_filter.references import Addresses, holds_references

__all__ = ["Place", "copy_dataset", "copy_file", "link_names"]

_TYPES = b".astrocodec types"


@dataclass(frozen=True)
class Place:
    """
    Where a copied object is to stand.

    Attributes
    ----------
    group : h5py.h5g.GroupID
        Group of the copy.
    name : bytes
        Name in it.
    path : bytes
        Whole path.
    links : h5py.h5p.PropLCID
        How the link is made.
    """

    group: Any
    name: bytes
    path: bytes
    links: Any

    def put(self, obj: Any) -> None:
        """Give an object that has no name yet this one."""
        h5py.h5o.link(obj, self.group, self.name, self.links)


CopyDataset = Callable[[h5py.Dataset, Place, Callable[[Any], Any]], None]


def link_names(group: Any) -> list[bytes]:
    """Return the names of a group's links, by creation where the file knows it."""
    tracked = group.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    names: list[bytes] = []
    order = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
    group.links.iterate(names.append, idx_type=order, order=h5py.h5.ITER_INC)
    return names


def copy_file(source: h5py.File, target: h5py.File, copy: CopyDataset) -> None:
    """
    Copy everything in a file.

    Parameters
    ----------
    source, target : h5py.File
        An open file, and an empty one made with the same creation properties.
    copy : callable
        Copies a dataset, given its place and a function that gives a type of the file as one of the copy; attributes
        come later.

    Raises
    ------
    NotImplementedError
        For a link of a kind that only the program knows that made it.
    """
    _Copier(source, target, copy).run()


class _Copier:
    def __init__(self, source: h5py.File, target: h5py.File, copy: CopyDataset) -> None:
        self._source = source
        self._target = target
        self._copy = copy
        self._addresses = Addresses(source, target)
        self._types: dict[int, bytes] = {}
        self._done: list[tuple[Any, bytes]] = []

    def run(self) -> None:
        """Copy the objects, then what may point to any of them."""
        self._copy_types()
        root = h5py.h5o.open(self._source.id, b"/")
        self._addresses.add(root, b"/")
        self._done.append((root, b"/"))
        self._copy_group(root, h5py.h5o.open(self._target.id, b"/"), b"")
        for obj, path in self._done:
            copy = h5py.h5o.open(self._target.id, path)
            if isinstance(obj, h5py.h5d.DatasetID):
                _translate_elements(obj, copy, self._addresses)
            copy_attributes(obj, copy, self._addresses, self._map_type)
        if self._types:
            h5py.h5g.open(self._target.id, b"/").unlink(_TYPES)

    def _copy_types(self) -> None:
        """Copy the named types first, under names that they lose again: datasets and attributes need them."""
        found: list[bytes] = []

        def note(name: bytes, info: Any) -> None:
            if info.type == h5py.h5o.TYPE_NAMED_DATATYPE:
                found.append(name)

        h5py.h5o.visit(self._source.id, note, info=True)
        if not found:
            return
        shelf = h5py.h5g.create(self._target.id, _TYPES)
        for number, name in enumerate(found):
            kind = h5py.h5o.open(self._source.id, name)
            path = _TYPES + b"/%d" % number
            h5py.h5o.copy(self._source.id, name, shelf, b"%d" % number, copypl=_without_attributes())
            self._types[Addresses.address(kind)] = b"/" + path

    def _map_type(self, kind: Any) -> Any:
        """Give a type of the file as one of the copy."""
        if kind.committed() and (path := self._types.get(Addresses.address(kind))):
            found = self._addresses.path(kind) or path
            return h5py.h5t.open(self._target.id, found)
        return kind.copy()

    def _copy_group(self, source: Any, target: Any, path: bytes) -> None:
        for name in link_names(source):
            info = source.links.get_info(name)
            links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
            links.set_char_encoding(info.cset)
            if info.type == h5py.h5l.TYPE_SOFT:
                target.links.create_soft(name, source.links.get_val(name), links)
            elif info.type == h5py.h5l.TYPE_EXTERNAL:
                target.links.create_external(name, *source.links.get_val(name), links)
            elif info.type == h5py.h5l.TYPE_HARD:
                self._copy_object(source, Place(target, name, path + b"/" + name, links))
            else:
                raise NotImplementedError(
                    f"link {_text(path + b'/' + name)}: links of kind {info.type} cannot be copied"
                )

    def _copy_object(self, group: Any, place: Place) -> None:
        obj = h5py.h5o.open(group, place.name)
        known = self._addresses.path(obj)
        if known is not None:
            place.group.links.create_hard(place.name, h5py.h5o.open(self._target.id, b"/"), known, place.links)
            return
        self._addresses.add(obj, place.path)
        self._done.append((obj, place.path))
        if isinstance(obj, h5py.h5g.GroupID):
            made = h5py.h5g.create(place.group, place.name, place.links, obj.get_create_plist())
            self._copy_group(obj, made, place.path)
        elif isinstance(obj, h5py.h5d.DatasetID):
            self._copy(h5py.Dataset(obj), place, self._map_type)
        else:
            shelf = self._types[Addresses.address(obj)]
            place.group.links.create_hard(place.name, h5py.h5o.open(self._target.id, b"/"), shelf, place.links)


def copy_dataset(source: h5py.Dataset, place: Place, map_type: Callable[[Any], Any]) -> None:
    """Copy a dataset with its storage as it is; attributes and references come later."""
    kind = source.id.get_type()
    if not kind.committed():
        parent = h5py.h5o.open(source.file.id, b"/")
        h5py.h5o.copy(parent, source.name.encode(), place.group, place.name, _without_attributes(), place.links)
        return
    made = h5py.h5d.create(
        place.group, place.name, map_type(kind), source.id.get_space(), source.id.get_create_plist(), place.links
    )
    if source.id.get_space().get_simple_extent_type() == h5py.h5s.NULL or not source.id.get_storage_size():
        return
    values = np.empty(source.shape, source.dtype)
    source.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, values)


def _translate_elements(source: Any, target: Any, addresses: Addresses) -> None:
    """Write the elements of a dataset of references anew."""
    try:
        dtype = source.dtype
    except TypeError:
        return  # of a type that h5py does not know, and so without references that it could read
    if not holds_references(dtype) or not source.get_storage_size():
        return
    values = np.empty(source.shape, dtype)
    source.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    target.write(h5py.h5s.ALL, h5py.h5s.ALL, addresses.translate(values))


def _without_attributes() -> Any:
    plist = h5py.h5p.create(h5py.h5p.OBJECT_COPY)
    plist.set_copy_object(h5py.h5o.COPY_WITHOUT_ATTR_FLAG)
    return plist


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
