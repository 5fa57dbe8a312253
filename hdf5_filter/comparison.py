"""Whether a file is a copy of another: every element, attribute, link and type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from astrocodec.errors import DifferenceError
from hdf5_filter.attributes import attribute_names, read_attribute
from hdf5_filter.copying import link_names
from hdf5_filter.references import Addresses, holds_references
from hdf5_filter.transfer import blocks_of

__all__ = ["compare_files", "same_blocks"]


def compare_files(first: h5py.File, second: h5py.File, workers: int, advance: Callable[[int], None]) -> None:
    """
    Compare two files; how datasets are stored, and when, does not count.

    Raises
    ------
    DifferenceError
        Naming the first object that differs, and how.
    """
    _Comparison(first, second, workers, advance).run()


def same_blocks(first: h5py.Dataset, second: h5py.Dataset, workers: int, advance: Callable[[int], None]) -> None:
    """Compare the elements of two datasets of equal type and shape, bit by bit."""
    at = 0
    for block in blocks_of(first, workers):
        other = second[at : at + len(block)]
        if not _same(block, other):
            differing = np.argwhere(_different(block, other))
            place = (int(differing[0][0]) + at, *map(int, differing[0][1:])) if len(differing) else at
            raise DifferenceError(
                f"{second.file.filename}: dataset {second.name!r} differs at {place} from the original"
            )
        at += len(block)
        advance(block.nbytes)


def _different(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if a.shape != b.shape or a.dtype.hasobject:
        return np.zeros(0, bool)
    raw = [np.ascontiguousarray(x).view(np.uint8).reshape((*x.shape, -1)) for x in (a, b)]
    return np.asarray((raw[0] != raw[1]).any(axis=-1))


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same, NaN payloads and nested arrays included."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return bool(a == b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.dtype.hasobject:
        return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
    if a.dtype.names:
        return all(_same(a[name], b[name]) for name in a.dtype.names)
    return all(map(_same, a.ravel().tolist(), b.ravel().tolist())) if a.dtype == object else bool((a == b).all())


class _Comparison:
    def __init__(self, first: h5py.File, second: h5py.File, workers: int, advance: Callable[[int], None]) -> None:
        self._files = first, second
        self._workers = workers
        self._advance = advance
        self._pairs: dict[int, int] = {}

    def run(self) -> None:
        """Walk both files at once, then follow references, which need to know all objects."""
        roots = [h5py.h5o.open(file.id, b"/") for file in self._files]
        for path, first, second in list(self._walk("", *roots)):
            if isinstance(first, h5py.h5d.DatasetID):
                self._compare_datasets(path, h5py.Dataset(first), h5py.Dataset(second))
            elif isinstance(first, h5py.h5t.TypeID) and not first.equal(second):
                raise self._difference(path, "the named type is another one")
            self._compare_attributes(path, first, second)

    def _difference(self, path: str, what: str) -> DifferenceError:
        return DifferenceError(f"{self._files[1].filename}: {path or '/'}: {what}")

    def _walk(self, path: str, first: Any, second: Any) -> Iterator[tuple[str, Any, Any]]:
        addresses = [Addresses.address(obj) for obj in (first, second)]
        if self._pairs.setdefault(addresses[0], addresses[1]) != addresses[1]:
            raise self._difference(path, "the link leads to another object than in the original")
        if type(first) is not type(second) and not (
            isinstance(first, h5py.h5t.TypeID) and isinstance(second, h5py.h5t.TypeID)
        ):
            raise self._difference(path, "the object is of another kind than in the original")
        yield path, first, second
        if not isinstance(first, h5py.h5g.GroupID):
            return
        names = [link_names(group) for group in (first, second)]
        if names[0] != names[1]:
            raise self._difference(path, "the group has other links than in the original")
        for name in names[0]:
            below = f"{path}/{name.decode('utf-8', 'surrogateescape')}"
            kinds = [group.links.get_info(name).type for group in (first, second)]
            if kinds[0] != kinds[1]:
                raise self._difference(below, "the link is of another kind than in the original")
            if kinds[0] != h5py.h5l.TYPE_HARD:
                if first.links.get_val(name) != second.links.get_val(name):
                    raise self._difference(below, "the link leads elsewhere than in the original")
                continue
            objects = h5py.h5o.open(first, name), h5py.h5o.open(second, name)
            if Addresses.address(objects[0]) in self._pairs:
                if self._pairs[Addresses.address(objects[0])] != Addresses.address(objects[1]):
                    raise self._difference(below, "the link leads to another object than in the original")
                continue
            yield from self._walk(below, *objects)

    def _compare_datasets(self, path: str, first: h5py.Dataset, second: h5py.Dataset) -> None:
        if first.shape != second.shape or (first.shape is not None and first.maxshape != second.maxshape):
            raise self._difference(path, f"shape {second.shape} found, the original has {first.shape}")
        if not first.id.get_type().equal(second.id.get_type()):
            raise self._difference(path, "the type of the elements is another one than in the original")
        if not first.size or first.id.get_create_plist().get_layout() == h5py.h5d.VIRTUAL:
            return  # a virtual dataset shows what is elsewhere
        try:
            dtype = first.dtype
        except TypeError:
            return  # a type that h5py cannot read: HDF5 copied it
        if holds_references(dtype):
            pair = [np.empty(dset.shape, dtype) for dset in (first, second)]
            for dset, values in zip((first, second), pair, strict=True):
                dset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
            if not self._same_references(*pair):
                raise self._difference(path, "references lead elsewhere than in the original")
        elif first.ndim == 0:
            if not _same(np.asarray(first[()]), np.asarray(second[()])):
                raise self._difference(path, "the value differs from the original's")
        elif not dtype.hasobject and first.fillvalue != second.fillvalue and not _is_nan(first.fillvalue):
            raise self._difference(path, "the fill value differs from the original's")
        else:
            same_blocks(first, second, self._workers, self._advance)

    def _compare_attributes(self, path: str, first: Any, second: Any) -> None:
        names = [attribute_names(obj) for obj in (first, second)]
        if sorted(names[0]) != sorted(names[1]):
            raise self._difference(path, "the attributes have other names than in the original")
        for name in names[0]:
            pair = [h5py.h5a.open(obj, name) for obj in (first, second)]
            values = [read_attribute(attribute) for attribute in pair]
            label = name.decode("utf-8", "surrogateescape")
            if not pair[0].get_type().equal(pair[1].get_type()) or (values[0] is None) != (values[1] is None):
                raise self._difference(path, f"attribute {label!r} is of another type than in the original")
            if values[0] is None or values[1] is None:
                continue
            references = holds_references(values[0].dtype)
            if not (self._same_references if references else _same)(values[0], values[1]):
                raise self._difference(path, f"attribute {label!r} differs from the original's")

    def _same_references(self, first: Any, second: Any) -> bool:
        """Whether references lead to objects of the same path."""
        if isinstance(first, h5py.h5r.Reference):
            if bool(first) != bool(second):
                return False
            if not first:
                return True
            names = [h5py.h5r.get_name(ref, file.id) for ref, file in zip((first, second), self._files, strict=True)]
            if isinstance(first, h5py.h5r.RegionReference):
                spaces = [h5py.h5r.get_region(r, f.id) for r, f in zip((first, second), self._files, strict=True)]
                if spaces[0].get_select_bounds() != spaces[1].get_select_bounds():
                    return False
            objects = [h5py.h5o.open(f.id, n) if n else None for f, n in zip(self._files, names, strict=True)]
            if objects[0] is None or objects[1] is None:
                return objects[0] is objects[1]
            return self._pairs.get(Addresses.address(objects[0]), -1) in (-1, Addresses.address(objects[1]))
        if not isinstance(first, np.ndarray):
            return _same(first, second)
        if first.shape != second.shape:
            return False
        if first.dtype.names:
            return all(self._same_references(first[name], second[name]) for name in first.dtype.names)
        return all(map(self._same_references, first.ravel(), second.ravel()))


def _is_nan(value: Any) -> bool:
    return bool(np.any(value != value))
