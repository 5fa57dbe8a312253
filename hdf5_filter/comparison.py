"""Whether a file is a copy of another: elements, attributes, links and types, in the bytes of the file's own types."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py._objects import phil

from astrocodec.errors import DifferenceError
from hdf5_filter.attributes import attribute_names
from hdf5_filter.boxes import Box
from hdf5_filter.chunked import filter_ids, stored_chunks
from hdf5_filter.copying import link_names
from hdf5_filter.dataset_loss import coded_loss
from hdf5_filter.elements import Elements, attribute_elements, block_elements, blocks_in, fill_elements, library
from hdf5_filter.identity import FILTER_ID
from hdf5_filter.layout import Layout, first_difference
from hdf5_filter.loss_attributes import LOSS_ATTRIBUTES, stated_loss
from hdf5_filter.model_attribute import MODEL_ATTRIBUTE, check_model, holds_model
from hdf5_filter.names import shown, text_of
from hdf5_filter.reading import naming_damage
from hdf5_filter.references import Addresses, follow, referred_object
from hdf5_filter.spaces import extent_of, selection_of
from hdf5_filter.sparse import box_arrays, stored_boxes
from hdf5_filter.storage import is_codable, missing_filters
from hdf5_filter.type_equality import same_type
from hdf5_filter.userblock import same_beginning, same_end
from hdf5_filter.virtual_names import file_beyond
from hdf5_filter.within import Within, tolerance_of

__all__ = ["Elsewhere", "compare_files"]


@dataclass
class Elsewhere:
    """What was not compared, since a file only tells the place of it, and what need not be equal."""

    datasets: dict[str, str] = field(default_factory=dict)  # paths of those whose elements lie elsewhere, and where
    links: list[str] = field(default_factory=list)  # to objects of other files
    lossy: list[str] = field(default_factory=list)  # paths of datasets that are within their bound of the original's


def compare_files(first: h5py.File, second: h5py.File, workers: int, advance: Callable[[int], None]) -> Elsewhere:
    """
    Compare two files; how datasets are stored, and when, does not count.

    Raises
    ------
    DifferenceError
        Naming the first object that differs, and how.
    ImportError
        Chunks cannot be compared because their filter is not installed.
    """
    return _Comparison(first, second, workers, advance).run()


def _same_numbers(
    first: h5py.Dataset,
    second: h5py.Dataset,
    boxes: list[Box] | None,
    within: Within | None,
    workers: int,
    advance: Callable[[int], None],
) -> int | None:
    """Compare two datasets of numbers of equal type and shape, or boxes of them; return the first that differs."""
    cuts = list(blocks_in((first if first.chunks else second).id)) if boxes is None else boxes
    arrays = [box_arrays(dataset, cuts, workers, small=boxes is not None) for dataset in (first, second)]
    for box, *pair in zip(cuts, *arrays, strict=True):
        raw = [np.ascontiguousarray(part).view(np.uint8).reshape(pair[0].size, -1) for part in pair]
        differs = (raw[0] != raw[1]).any(axis=1)
        if within is not None and differs.any():
            differs &= ~within.hold(box, *pair).ravel()
        if differs.any():
            return _place(int(differs.argmax()), box, first.shape)
        advance(pair[0].nbytes)
    return None


def _boxes_of_both(first: h5py.Dataset, second: h5py.Dataset) -> list[Box] | None:
    """Return boxes that cover what either stores, None where that is not little; elsewhere both have the fill value."""
    boxes = [stored_boxes(dataset) for dataset in (first, second)]
    if boxes[0] is None or boxes[1] is None:
        return None
    known = {_limits(box) for box in boxes[0]}
    return boxes[0] + [box for box in boxes[1] if _limits(box) not in known]


def _limits(box: Box) -> tuple[tuple[int, int], ...]:
    return tuple((cut.start, cut.stop) for cut in box)  # slices cannot be hashed in Python 3.11


def _place(number: int, box: Box, shape: tuple[int, ...]) -> int:
    """Number within a shape, which may be larger than NumPy counts, of an element of a box."""
    place = 0
    for at, cut, length in zip(_index(number, tuple(cut.stop - cut.start for cut in box)), box, shape, strict=True):
        place = place * length + cut.start + at
    return place


def _index(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Index of an element by its number."""
    at: list[int] = []
    for length in reversed(shape):
        place, rest = divmod(place, length)
        at.insert(0, rest)
    return tuple(at)


class _Comparison:
    def __init__(self, first: h5py.File, second: h5py.File, workers: int, advance: Callable[[int], None]) -> None:
        self._files = first, second
        self._workers = workers
        self._advance = advance
        self._pairs: dict[int, int] = {}
        self._taken: set[int] = set()
        self._elsewhere = Elsewhere()

    def run(self) -> Elsewhere:
        """Walk both files at once, then compare what may refer to any object; return what lies in other files."""
        if not same_beginning(*self._files):
            raise DifferenceError(f"{self._files[1].filename}: the user block differs from the original's")
        if not same_end(*self._files):
            raise DifferenceError(f"{self._files[1].filename}: what follows the end of the HDF5 part differs")
        roots = [h5py.h5o.open(file.id, b"/") for file in self._files]
        self._found = list(self._walk(b"", *roots))
        for path, first, second in self._found:  # which grows where a named type has no name of its own
            with phil:
                comments = [library().comment_of(obj.id) for obj in (first, second)]
            self._require(path, comments, "the comment is another one than in the original")
            if isinstance(first, h5py.h5d.DatasetID):
                self._compare_datasets(path, h5py.Dataset(first), h5py.Dataset(second))
            elif isinstance(first, h5py.h5t.TypeID) and not same_type(first, second):
                raise self._difference(path, "the named type is another one")
            self._compare_creation(path, first, second)
            self._compare_attributes(path, first, second)
        return self._elsewhere

    def _difference(self, path: bytes, what: str) -> DifferenceError:
        return DifferenceError(f"{self._files[1].filename}: {shown(path)}: {what}")

    def _require(self, path: bytes, pair: list[Any], otherwise: str) -> None:
        """Raise an error where what two objects have is not the same."""
        if pair[0] != pair[1]:
            raise self._difference(path, otherwise)

    def _walk(self, path: bytes, first: Any, second: Any) -> Iterator[tuple[bytes, Any, Any]]:
        """Yield each object from these on once, with its counterpart."""
        levels: list[Iterator[tuple[bytes, Any, Any]]] = [iter([(path, first, second)])]
        while levels:  # groups may lie deeper than Python's stack
            found = next(levels[-1], None)
            if found is None:
                levels.pop()
                continue
            path, first, second = found
            if not self._pair(path, first, second, "the link leads to another object than in the original"):
                continue
            if type(first) is not type(second) and not (
                isinstance(first, h5py.h5t.TypeID) and isinstance(second, h5py.h5t.TypeID)
            ):
                raise self._difference(path, "the object is of another kind than in the original")
            yield found
            if isinstance(first, h5py.h5g.GroupID):
                levels.append(self._members(path, first, second))

    def _pair(self, path: bytes, first: Any, second: Any, otherwise: str) -> bool:
        """Note that two objects correspond, or make sure that they do; return whether they are new."""
        addresses = Addresses.address(first), Addresses.address(second)
        new = addresses[0] not in self._pairs and addresses[1] not in self._taken
        if new:
            self._pairs[addresses[0]] = addresses[1]
            self._taken.add(addresses[1])
        if self._pairs.get(addresses[0]) != addresses[1]:
            raise self._difference(path, otherwise)
        return new

    def _members(self, path: bytes, first: Any, second: Any) -> Iterator[tuple[bytes, Any, Any]]:
        """Compare the links of two groups, and yield what hard ones lead to."""
        names = [link_names(group) for group in (first, second)]
        self._require(path, names, "the group has other links than in the original")
        for name in names[0]:
            below = path + b"/" + name
            infos = [group.links.get_info(name) for group in (first, second)]
            kinds, sets = [info.type for info in infos], [info.cset for info in infos]
            self._require(below, kinds, "the link is of another kind than in the original")
            self._require(below, sets, "the link's name has another character set than in the original")
            if infos[0].type == h5py.h5l.TYPE_HARD:
                yield below, h5py.h5o.open(first, name), h5py.h5o.open(second, name)
            elif infos[0].type not in (h5py.h5l.TYPE_SOFT, h5py.h5l.TYPE_EXTERNAL):
                raise self._difference(below, f"links of kind {infos[0].type} cannot be compared")
            elif first.links.get_val(name) != second.links.get_val(name):
                raise self._difference(below, "the link leads elsewhere than in the original")
            elif infos[0].type == h5py.h5l.TYPE_EXTERNAL:
                self._elsewhere.links.append(f"{shown(below)} leads to {shown(first.links.get_val(name)[0])}")

    def _compare_creation(self, path: bytes, first: Any, second: Any) -> None:
        """Compare what was said when objects were created and does not only concern their storage."""
        plists = [obj.get_create_plist() for obj in (first, second)]
        if isinstance(first, h5py.h5g.GroupID):
            orders = [plist.get_link_creation_order() for plist in plists]
            self._require(path, orders, "the order of its links is tracked otherwise than in the original")
        if isinstance(first, h5py.h5t.TypeID):
            return  # HDF5 copied it
        orders = [plist.get_attr_creation_order() for plist in plists]
        self._require(path, orders, "the order of its attributes is tracked otherwise than in the original")
        if path:
            times = [plist.get_obj_track_times() for plist in plists]
            self._require(path, times, "its times are tracked otherwise than in the original")

    def _compare_types(self, path: bytes, of: str, first: Any, second: Any) -> None:
        """Compare types of elements; of two named ones both must be the same object of their files."""
        if not same_type(first, second):
            raise self._difference(path, f"{of} is of another type than in the original")
        if first.committed() != second.committed():
            raise self._difference(path, f"the type of {of} has a name in one file only")
        if first.committed() and self._pair(path, first, second, f"the type of {of} is another named type"):
            self._found.append((path + b" (type)", first, second))

    def _compare_datasets(self, path: bytes, first: h5py.Dataset, second: h5py.Dataset) -> None:
        if extent_of(first.id.get_space()) != extent_of(second.id.get_space()):
            raise self._difference(path, f"shape {_extent(second)} found, the original has {_extent(first)}")
        kind = first.id.get_type()
        self._compare_types(path, "the dataset", kind, second.id.get_type())
        plists = [dataset.id.get_create_plist() for dataset in (first, second)]
        self._compare_fill(path, kind, *plists)
        external, virtual = [_external(plist) for plist in plists], [_virtual(plist) for plist in plists]
        self._require(path, external, "it lies in other files than the original")
        self._require(path, virtual, "it shows something else than the original")
        if virtual[0] is not None or (first.size and external[0]):  # without its sources one has no elements
            if files := _other_files(first.file, virtual[0] or [], external[0]):
                self._elsewhere.datasets[text_of(path)] = f"its elements lie in other files, such as {shown(files[0])}"
            return
        if not first.size or not any(dataset.id.get_storage_size() for dataset in (first, second)):
            return
        place = self._differing_element(path, first, second)
        if place is not None:
            at = _index(place, first.shape)
            more = " by more than it says" if tolerance_of(first, second) else ""
            raise DifferenceError(
                f"{second.file.filename}: dataset {second.name!r} differs at {at} from the original{more}"
                if at
                else f"{second.file.filename}: {shown(path)}: the value differs from the original's"
            )

    def _differing_element(self, path: bytes, first: h5py.Dataset, second: h5py.Dataset) -> int | None:
        """Number of the first element that differs, None where none does."""
        missing = missing_filters(first) + missing_filters(second)
        if missing:
            return self._differing_chunk(path, first, second, missing[0])
        boxes = _boxes_of_both(first, second)
        within = tolerance_of(first, second)
        if within is not None:
            self._elsewhere.lossy.append(text_of(path))
        if (within or any(FILTER_ID in filter_ids(dataset) for dataset in (first, second))) and is_codable(first):
            return _same_numbers(first, second, boxes, within, self._workers, self._advance)
        for box in blocks_in(first.id) if boxes is None else boxes:
            with (
                naming_damage(first),
                block_elements(first.id, box) as one,
                naming_damage(second),
                block_elements(second.id, box) as other,
            ):
                place = self._first_difference(one, other)
            if place is not None:
                return _place(place, box, first.shape)
            self._advance(one.count * one.layout.size)
        return None

    def _differing_chunk(self, path: bytes, first: h5py.Dataset, second: h5py.Dataset, missing: int) -> int | None:
        """Compare chunks as they are stored, since they cannot be decoded; number of an element in one that differs."""
        pipelines = [_pipeline(dataset) for dataset in (first, second)]
        if pipelines[0] != pipelines[1] or first.chunks != second.chunks:
            raise ImportError(
                f"{self._files[1].filename}: {shown(path)}: cannot be compared, since its filter {missing} is not "
                "installed; add the folder of its plugin to HDF5_PLUGIN_PATH"
            )
        chunks = [stored_chunks(dataset) for dataset in (first, second)]
        self._require(path, chunks, "other chunks are stored than in the original")
        for offset in chunks[0]:
            pair = [bytes(dataset.id.read_direct_chunk(offset)[1]) for dataset in (first, second)]
            if pair[0] != pair[1]:
                return int(np.ravel_multi_index(offset, first.shape))
            self._advance(int(np.prod(first.chunks)) * first.id.get_type().get_size())
        return None

    def _compare_fill(self, path: bytes, kind: Any, first: Any, second: Any) -> None:
        told = [(plist.fill_value_defined(), plist.get_fill_time()) for plist in (first, second)]
        self._require(path, told, "the fill value differs from the original's")
        if not self._same_values(fill_elements(first, kind), fill_elements(second, kind)):
            raise self._difference(path, "the fill value differs from the original's")

    def _compare_attributes(self, path: bytes, first: Any, second: Any) -> None:
        names = [attribute_names(obj) for obj in (first, second)]
        for obj, found in zip((first, second), names, strict=True):
            if MODEL_ATTRIBUTE in found and holds_model(obj):  # belongs to how the dataset is stored
                check_model(obj)
                found.remove(MODEL_ATTRIBUTE)
        if isinstance(first, h5py.h5d.DatasetID):
            _leave_out_loss(names, h5py.Dataset(first), h5py.Dataset(second))
        self._require(path, [*map(sorted, names)], "the attributes have other names than in the original")
        if names[0] != names[1] and first.get_create_plist().get_attr_creation_order():
            raise self._difference(path, "the attributes have another order than in the original")
        for name in names[0]:
            pair = [h5py.h5a.open(obj, name) for obj in (first, second)]
            label = f"attribute {shown(name)!r}"
            self._compare_types(path, label, *(attribute.get_type() for attribute in pair))
            extents = [extent_of(attribute.get_space()) for attribute in pair]
            self._require(path, extents, f"{label} has another shape than in the original")
            with phil:
                sets = [library().attribute_character_set(attribute.id) for attribute in pair]
            self._require(path, sets, f"the name of {label} has another character set than in the original")
            if not self._same_values(*map(attribute_elements, pair)):
                raise self._difference(path, f"{label} differs from the original's")

    def _same_values(
        self, first: AbstractContextManager[Elements | None], second: AbstractContextManager[Elements | None]
    ) -> bool:
        with first as one, second as other:
            if one is None or other is None:
                return one is other
            return self._first_difference(one, other) is None

    def _first_difference(self, first: Elements, second: Elements) -> int | None:
        return first_difference(first.layout, first.address, second.address, first.count, self._same_reference)

    def _same_reference(self, layout: Layout, first: int, second: int) -> bool:
        """Whether references lead to the same object; one whose object is gone is as good as null."""
        found = [follow(file, layout, at) for file, at in zip(self._files, (first, second), strict=True)]
        ends = [
            None if to is None or (to.address is None and not to.elsewhere) else (to.region, to.attribute, to.elsewhere)
            for to in found
        ]
        addresses = [to.address if to is not None else None for to in found]
        if ends[0] != ends[1] or (addresses[0] is None) != (addresses[1] is None):
            return False
        if addresses[0] is not None and addresses[0] not in self._pairs:  # no link leads to it
            objects = (referred_object(file, layout, at) for file, at in zip(self._files, (first, second), strict=True))
            path = b"(at byte %d of the original, without a name)" % addresses[0]
            self._found += self._walk(path, *objects)
        return addresses[0] is None or self._pairs[addresses[0]] == addresses[1]


def _leave_out_loss(names: list[list[bytes]], first: h5py.Dataset, second: h5py.Dataset) -> None:
    """Leave attributes out that tell of a loss which is new, or which the chunks of the second tell themselves."""
    stated = [stated_loss(dataset) for dataset in (first, second)]
    for number, other, is_known in ((1, 0, True), (0, 1, coded_loss(second) is not None)):
        if stated[number] is not None and stated[other] is None and is_known:
            names[number][:] = [name for name in names[number] if name not in LOSS_ATTRIBUTES]


def _extent(dataset: h5py.Dataset) -> str:
    return "none" if dataset.shape is None else f"{dataset.shape} (up to {dataset.maxshape})"


def _external(plist: Any) -> list[Any]:
    return [plist.get_external(number) for number in range(plist.get_external_count())]


def _other_files(file: h5py.File, shows: list[Any], lies_in: list[Any]) -> list[bytes]:
    """Names of files that a virtual dataset shows, or in which one lies; parts of the same file do not count."""
    names = [os.fsencode(part[0]) for part in shows] + [os.fsencode(part[0]) for part in lies_in]
    beyond = [file_beyond(file, part[1]) for part in shows if os.fsencode(part[0]) == b"."]
    return [name for name in names if name != b"."] + [name for name in beyond if name is not None]


def _virtual(plist: Any) -> list[Any] | None:
    """What a virtual dataset shows, None for others."""
    if plist.get_layout() != h5py.h5d.VIRTUAL:
        return None
    return [
        (
            plist.get_virtual_filename(number),
            plist.get_virtual_dsetname(number),
            selection_of(plist.get_virtual_vspace(number)),
            selection_of(plist.get_virtual_srcspace(number)),
        )
        for number in range(plist.get_virtual_count())
    ]


def _pipeline(dataset: h5py.Dataset) -> list[Any]:
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(number)[:3] for number in range(plist.get_nfilters())]
