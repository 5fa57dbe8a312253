"""References to objects and regions of one file, made to point to the same objects of its copy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import h5py
from h5py._objects import phil

from astrocodec._native.memory import bytes_at, clear
from astrocodec.errors import FormatError
from hdf5_filter.elements import Elements, library
from hdf5_filter.layout import Layout, references_in
from hdf5_filter.names import shown
from hdf5_filter.spaces import selection_of

__all__ = ["Addresses", "Referred", "follow", "references_to_objects", "referred_object"]


@dataclass(frozen=True)
class Referred:
    """What a reference leads to."""

    address: int | None = None  # of the object; None where there is none any more, or where it is in another file
    region: tuple[Any, ...] = ()  # what a reference to a region selects, as `selection_of` gives it
    attribute: bytes = b""  # name of one
    elsewhere: bytes = b""  # name of another file


def follow(file: h5py.File, layout: Layout, at: int) -> Referred | None:
    """Say what the reference at an address of memory leads to; None for one that is null."""
    if not any(bytes_at(at, layout.size)):
        return None
    with phil:
        attribute = b""
        if layout.form == "reference":
            name, attribute = library().new_reference_texts(at)
            if name and name != os.fsencode(file.filename):
                return Referred(None, (), attribute, name)
        obj = _open(file, layout, at)
        if obj is None:
            return Referred()
        try:
            address = library().address_of(obj)
        finally:
            library().call("H5Oclose", obj)
    region = _region(file, layout, at)
    return Referred(address, () if region is None else selection_of(region), attribute)


def references_to_objects(elements: Elements) -> list[tuple[Layout, int]]:
    """Return types and addresses of the references in elements that are not null."""
    places = references_in(elements.layout, elements.address, elements.count)
    return [(layout, at) for layout, at in places if any(bytes_at(at, layout.size))]


def referred_object(file: h5py.File, layout: Layout, at: int) -> Any:
    """Open the object that a reference leads to, which is there."""
    with phil:
        found = _open(file, layout, at)
        assert found is not None
        kinds: dict[int, Any] = {h5py.h5i.GROUP: h5py.h5g.GroupID, h5py.h5i.DATASET: h5py.h5d.DatasetID}
        kind: Any = kinds.get(library().call("H5Iget_type", found), h5py.h5t.TypeID)
        return kind(found)


def _open(file: h5py.File, layout: Layout, at: int) -> int | None:
    if layout.form == "reference":
        return library().open_newly_referred(at)
    return library().open_referred(file.id.id, at, region=layout.form == "region")


def _region(file: h5py.File, layout: Layout, at: int) -> Any:
    """Space of a reference to a region, None for other references."""
    with phil:
        if layout.form == "region":
            return h5py.h5s.SpaceID(library().region_of(file.id.id, at))
        if layout.form == "reference" and library().refers_to_region(at):
            return h5py.h5s.SpaceID(library().call("H5Ropen_region", at, 0, 0))
    return None


class Addresses:
    """Where each object of a file stands in its copy; `notes` tell what became of references to deleted ones."""

    def __init__(self, source: h5py.File, target: h5py.File) -> None:
        self._source = source
        self._target = target
        self.notes: list[str] = []
        self._paths: dict[int, bytes] = {}

    @staticmethod
    def address(obj: Any) -> int:
        """Address of an object in its file."""
        return int(h5py.h5o.get_info(obj).addr)

    def add(self, obj: Any, path: bytes) -> None:
        """Note the path of an object's copy."""
        self._paths[self.address(obj)] = path

    def has(self, address: int) -> bool:
        """Whether the object at an address of the file has a copy."""
        return address in self._paths

    def path(self, obj: Any) -> bytes | None:
        """Path of an object's copy, None where there is none yet."""
        return self._paths.get(self.address(obj))

    def translate(self, elements: Elements, owner: str) -> None:
        """
        Let every reference in elements of the file lead to the same object of the copy.

        Raises
        ------
        FormatError
            It leads to another file; or the object can still be read, but no link leads to it, so that it has no copy.
            The message names the owner.
        """
        for layout, at in references_in(elements.layout, elements.address, elements.count):
            found = follow(self._source, layout, at)
            if found is None:
                continue
            if found.elsewhere:
                raise FormatError(
                    f"{self._source.filename}: {owner}: a reference leads to {shown(found.elsewhere)}, and HDF5 cannot "
                    "copy those that lead to other files; nothing was written"
                )
            if found.address is None:
                note = f"{owner}: references to deleted objects are null in the copy"
                self.notes += [note] if note not in self.notes else []
            elif found.address not in self._paths:
                raise FormatError(
                    f"{self._source.filename}: {owner}: a reference leads to the object at byte {found.address}, which "
                    "has no name any more and would be lost, so nothing was written: link it, or delete the reference"
                )
            self._translate_one(layout, at, found)

    def _translate_one(self, layout: Layout, at: int, found: Referred) -> None:
        path = None if found.address is None else self._paths[found.address]
        region = None if path is None else _region(self._source, layout, at)
        with phil:
            if layout.form == "reference":
                library().call("H5Rdestroy", at)
            clear(at, layout.size)
            if path is None:
                return
            number = None if region is None else region.id
            if layout.form == "reference":
                library().create_new_reference(self._target.id.id, path, at, number, found.attribute)
            else:
                library().create_reference(self._target.id.id, path, at, number)
