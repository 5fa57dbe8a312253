"""A file copied object by object: groups, links, types, attributes, references; datasets as the caller wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
from h5py._objects import phil

from astrocodec.errors import CorruptError, FormatError
from hdf5_filter.attributes import copy_attributes
from hdf5_filter.elements import block_elements, blocks_in, fill_elements, library, write_block
from hdf5_filter.layout import layout_of
from hdf5_filter.names import naming, shown
from hdf5_filter.references import Addresses, follow, references_to_objects, referred_object
from hdf5_filter.spaces import unshared_space
from hdf5_filter.sparse import stored_boxes

__all__ = ["Place", "copy_dataset", "copy_file", "link_names"]

_SHELF = b".astrocodec shelf"
_MERGE_TYPES = 0x40  # H5O_COPY_MERGE_COMMITTED_DTYPE_FLAG


@dataclass(frozen=True)
class Place:
    """Where a copied object is to stand."""

    group: Any  # h5py.h5g.GroupID of the copy
    name: bytes
    path: bytes
    links: Any  # h5py.h5p.PropLCID: how the link is made
    addresses: Addresses

    def put(self, obj: Any) -> None:
        """Give an object that has no name yet this one; of a dataset all is written that it holds."""
        h5py.h5o.link(obj, self.group, self.name, self.links)
        if isinstance(obj, h5py.h5d.DatasetID):
            h5py.Dataset(obj).flush()  # errors of closing it would go unheard


CopyDataset = Callable[[h5py.Dataset, Place, Any], None]


def link_names(group: Any) -> list[bytes]:
    """
    Return the names of a group's links, by creation where the file knows it.

    Raises
    ------
    CorruptError
        They are not as many as the group has.
    """
    tracked = group.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
    names: list[bytes] = []
    order = h5py.h5.INDEX_CRT_ORDER if tracked else h5py.h5.INDEX_NAME
    group.links.iterate(names.append, idx_type=order, order=h5py.h5.ITER_INC)
    if len(names) != group.get_num_objs():
        raise CorruptError(f"{len(names)} links of a group can be listed, it has {group.get_num_objs()}")
    return names


def copy_file(source: h5py.File, target: h5py.File, copy: CopyDataset) -> list[str]:
    """
    Copy everything in a file to an empty one that has its creation properties; return what is worth telling.

    `copy` copies a dataset, given its place and its type as one of the copy; attributes come later.

    Raises
    ------
    FormatError
        An object cannot be copied, and so the file cannot; the message names it.
    """
    return _Copier(source, target, copy).run()


class _Copier:
    def __init__(self, source: h5py.File, target: h5py.File, copy: CopyDataset) -> None:
        self._source = source
        self._target = target
        self._copy = copy
        self._addresses = Addresses(source, target)
        self._types: dict[int, bytes] = {}
        self._shelf: bytes = _SHELF
        self._shelved = 0
        self._early: list[bytes] = []
        self._done: list[tuple[Any, bytes]] = []
        self._low, self._high = target.id.get_access_plist().get_libver_bounds()

    def run(self) -> list[str]:
        """Copy the objects, then what may point to any of them; return what is worth telling."""
        root = h5py.h5o.open(self._source.id, b"/")
        while self._shelf in root:
            self._shelf += b"_"
        copy = h5py.h5o.open(self._target.id, b"/")
        self._addresses.add(root, b"/")
        self._done.append((root, b"/"))
        _copy_comment(root, copy)
        levels = [self._copy_links(root, copy, b"")]
        while levels:  # groups may lie deeper than Python's stack
            group = next(levels[-1], None)
            if group is None:
                levels.pop()
            else:
                levels.append(self._copy_links(*group))
        for obj, path in self._done:  # which grows where an attribute has a named type that nothing else has
            copy = h5py.h5o.open(self._target.id, path)
            with naming(self._source, path):
                if isinstance(obj, h5py.h5d.DatasetID):
                    _write_elements(obj, copy, path, self._addresses)
                copy_attributes(obj, copy, path, self._addresses, self._map_type)
        for path in self._early:
            if h5py.h5o.get_info(h5py.h5o.open(self._target.id, path)).rc < 2:
                raise FormatError(
                    f"{self._source.filename}: a fill value leads to an object that has no name any more and would be "
                    "lost, so nothing was written: link it"
                )
        if self._shelved:
            h5py.h5g.open(self._target.id, b"/").unlink(self._shelf)
        return self._addresses.notes

    def _map_type(self, kind: Any) -> Any:
        """Give a type of the file as one of the copy."""
        if not kind.committed():
            return h5py.h5t.decode(kind.encode())  # a copy notes where its file has it for several objects
        return h5py.h5t.open(self._target.id, self._addresses.path(kind) or self._shelve(kind))

    def _shelve(self, kind: Any) -> bytes:
        """Copy a named type when it is first met, under a name that it loses in the end; return the path."""
        address = Addresses.address(kind)
        if address not in self._types:
            path = self._place_on_shelf()
            self._match_version(kind)
            h5py.h5o.copy(kind, b".", self._target.id, path, _copy_properties())
            self._types[address] = path
            self._done.append((kind, path))
        return self._types[address]

    def _place_on_shelf(self) -> bytes:
        """Return a path for what the copy needs before its own place is there."""
        if not self._shelved:
            h5py.h5g.create(self._target.id, self._shelf)
        self._shelved += 1
        return b"/%s/%d" % (self._shelf, self._shelved)

    def _copy_fill_value(self, dataset: Any, owner: bytes) -> None:
        """Copy what references in a fill value lead to, since these must be there when the dataset is made."""
        with fill_elements(dataset.get_create_plist(), dataset.get_type()) as elements:
            for layout, at in [] if elements is None else references_to_objects(elements):
                found = follow(self._source, layout, at)
                if found is None or found.address is None or self._addresses.has(found.address):
                    continue
                obj = referred_object(self._source, layout, at)
                if layout.form != "object" or not isinstance(obj, h5py.h5d.DatasetID):
                    raise FormatError(
                        f"{self._source.filename}: {shown(owner)}: its fill value leads to what is no dataset, or to a "
                        "part of one, and cannot be copied; nothing was written"
                    )
                path = self._place_on_shelf()
                self._early.append(path)
                group, name = h5py.h5g.open(self._target.id, self._shelf), path.rpartition(b"/")[2]
                self._copy_new(obj, Place(group, name, path, h5py.h5p.create(h5py.h5p.LINK_CREATE), self._addresses))

    def _copy_links(self, source: Any, target: Any, path: bytes) -> Iterator[tuple[Any, Any, bytes]]:
        """Copy the links of a group and what they lead to; yield groups that are to follow, with their copies."""
        for name in link_names(source):
            below = path + b"/" + name
            info = source.links.get_info(name)
            links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
            links.set_char_encoding(info.cset)
            if info.type == h5py.h5l.TYPE_SOFT:
                target.links.create_soft(name, source.links.get_val(name), links)
            elif info.type == h5py.h5l.TYPE_EXTERNAL:
                target.links.create_external(name, *source.links.get_val(name), links)
            elif info.type == h5py.h5l.TYPE_HARD:
                made = self._copy_object(source, Place(target, name, below, links, self._addresses))
                if isinstance(made, h5py.h5g.GroupID):
                    yield h5py.h5o.open(source, name), made, below
            else:
                raise FormatError(
                    f"{self._source.filename}: {shown(below)}: only the program that made links of kind {info.type} "
                    "can copy them; nothing was written"
                )

    def _copy_object(self, group: Any, place: Place) -> Any:
        """Copy what a link leads to, or link to its copy; return a copy that is new."""
        with naming(self._source, place.path):
            obj = h5py.h5o.open(group, place.name)
            known = self._addresses.path(obj)
            if known is not None:
                place.put(h5py.h5o.open(self._target.id, known))
                return None
            if isinstance(obj, h5py.h5t.TypeID):
                place.put(h5py.h5o.open(self._target.id, self._shelve(obj)))
                self._addresses.add(obj, place.path)
                return None
        return self._copy_new(obj, place)

    def _copy_new(self, obj: Any, place: Place) -> Any:
        """Copy an object that has no copy yet."""
        with naming(self._source, place.path):
            self._addresses.add(obj, place.path)
            self._done.append((obj, place.path))
            self._match_version(obj)
            if isinstance(obj, h5py.h5g.GroupID):
                h5py.h5g.create(place.group, place.name, place.links, _group_properties(obj))
            else:
                self._copy_fill_value(obj, place.path)
        if isinstance(obj, h5py.h5d.DatasetID):
            self._copy(h5py.Dataset(obj), place, self._map_type(obj.get_type()))
        made = h5py.h5o.open(place.group, place.name)
        _copy_comment(obj, made)
        return made

    def _match_version(self, obj: Any) -> None:
        """From the first object of HDF5 1.8 on write its kind of headers, which hold attributes over 64 kB."""
        if self._low < h5py.h5f.LIBVER_V18 and int(h5py.h5o.get_info(obj).hdr.version) > 1:
            self._low = h5py.h5f.LIBVER_V18
            with phil:
                library().call("H5Fset_libver_bounds", self._target.id.id, self._low, self._high)


def copy_dataset(source: h5py.Dataset, place: Place, new_kind: Any) -> None:
    """
    Copy a dataset with its storage as it is, its type being one of the copy; attributes come later.

    So do elements that point or refer elsewhere: HDF5 copies their fill values with addresses of the old file.
    """
    plist = _copy_properties()
    with naming(source.file, place.path):
        kind = source.id.get_type()
        if _is_written_anew(source.id):
            space, made = unshared_space(source.id.get_space()), source.id.get_create_plist()
            if made.get_external_count():  # the copy would have the same file, and write into it
                raise FormatError(
                    f"{source.file.filename}: {shown(place.path)}: its elements refer to other objects and lie in "
                    "another file, which a copy would have to change; nothing was written"
                )
            with fill_elements(made, kind) as elements:
                if elements is not None and references_to_objects(elements):
                    place.addresses.translate(elements, f"{shown(place.path)}: fill value")
                    with phil:
                        library().call("H5Pset_fill_value", made.id, kind.id, elements.address)
            h5py.h5d.create(place.group, place.name, new_kind, space, made, place.links)
            return
        if kind.committed():
            plist.set_copy_object(h5py.h5o.COPY_WITHOUT_ATTR_FLAG | _MERGE_TYPES)
            with phil:
                library().call("H5Padd_merge_committed_dtype_path", plist.id, h5py.h5i.get_name(new_kind))
        h5py.h5o.copy(source.id, b".", place.group, place.name, plist, place.links)


def _is_written_anew(dataset: Any) -> bool:
    if dataset.get_create_plist().get_layout() == h5py.h5d.VIRTUAL:
        return False
    return not layout_of(dataset.get_type()).is_plain


def _write_elements(source: Any, target: Any, path: bytes, addresses: Addresses) -> None:
    """Write the elements of a dataset that `copy_dataset` left empty."""
    if not _is_written_anew(source) or not source.get_storage_size():
        return
    boxes = stored_boxes(h5py.Dataset(source))
    for box in blocks_in(source) if boxes is None else boxes:
        with block_elements(source, box) as elements:
            addresses.translate(elements, shown(path))
            write_block(target, box, elements)
    h5py.Dataset(target).flush()


def _group_properties(source: Any) -> Any:
    """Creation properties of a group, made anew: those of one with many links hold addresses of its file."""
    found, made = source.get_create_plist(), h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    made.set_link_creation_order(found.get_link_creation_order())
    made.set_attr_creation_order(found.get_attr_creation_order())
    made.set_attr_phase_change(*found.get_attr_phase_change())
    made.set_obj_track_times(found.get_obj_track_times())
    return made


def _copy_comment(source: Any, target: Any) -> None:
    with phil:
        if comment := library().comment_of(source.id):
            library().call("H5Oset_comment", target.id, comment)


def _copy_properties() -> Any:
    plist = h5py.h5p.create(h5py.h5p.OBJECT_COPY)
    plist.set_copy_object(h5py.h5o.COPY_WITHOUT_ATTR_FLAG)
    return plist
