"""How the elements of an HDF5 type lie in memory: which bytes say everything, and which point or refer elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import h5py

from astrocodec._native.memory import sequence_at, text_at, view_of

__all__ = ["Layout", "SameReference", "first_difference", "layout_of", "references_in"]

Form = Literal["plain", "text", "sequence", "array", "record", "object", "region", "reference"]
SameReference = Callable[["Layout", int, int], bool]


@dataclass(frozen=True)
class Layout:
    """
    One type.

    Its form is ``'plain'``: the bytes say everything; ``'text'``: a pointer to a string that ends with a null;
    ``'sequence'``: a length and a pointer; ``'array'``, ``'record'``: parts of which some are not plain; ``'object'``,
    ``'region'``: references of the old types; ``'reference'``: of the new one.
    """

    size: int  # bytes of an element
    form: Form
    parts: tuple[tuple[int, Layout], ...] = ()  # offset and type of each member; of what an array consists of, once
    length: int = 1  # of an array

    @property
    def is_plain(self) -> bool:
        """Whether the bytes say everything."""
        return self.form == "plain"

    @property
    def lies_in_place(self) -> bool:
        """Whether elements hold all of their bytes, references to objects included."""
        return self.form not in ("text", "sequence", "region", "reference") and all(
            part.lies_in_place for _, part in self.parts
        )

    @property
    def holds_references(self) -> bool:
        """Whether references are anywhere in the type."""
        return self.form in ("object", "region", "reference") or any(part.holds_references for _, part in self.parts)

    @property
    def may_lead_to_files(self) -> bool:
        """Whether references of the new type, which may lead to other files, are anywhere in the type."""
        return self.form == "reference" or any(part.may_lead_to_files for _, part in self.parts)


def layout_of(kind: Any) -> Layout:
    """
    Read a type.

    Examples
    --------
    >>> layout_of(h5py.h5t.NATIVE_INT32)
    Layout(size=4, form='plain', parts=(), length=1)
    """
    size, found = int(kind.get_size()), kind.get_class()
    if found == h5py.h5t.STRING and kind.is_variable_str():
        return Layout(size, "text")
    if found == h5py.h5t.VLEN:
        return Layout(size, "sequence", ((0, layout_of(kind.get_super())),))
    if found == h5py.h5t.REFERENCE:
        old: dict[Any, Form] = {h5py.h5t.STD_REF_OBJ: "object", h5py.h5t.STD_REF_DSETREG: "region"}
        return Layout(size, next((form for known, form in old.items() if kind.equal(known)), "reference"))
    parts: tuple[tuple[int, Layout], ...] = ()
    form: Form = "plain"
    length = 1
    if found == h5py.h5t.ARRAY:
        form, length = "array", math.prod(kind.get_array_dims())
        parts = ((0, layout_of(kind.get_super())),)
    elif found == h5py.h5t.COMPOUND:
        form = "record"
        members = range(kind.get_nmembers())
        parts = tuple((int(kind.get_member_offset(i)), layout_of(kind.get_member_type(i))) for i in members)
    if all(part.is_plain for _, part in parts):
        return Layout(size, "plain")  # bytes between members included
    return Layout(size, form, parts, length)


def references_in(layout: Layout, address: int, count: int, stride: int | None = None) -> Iterator[tuple[Layout, int]]:
    """Yield type and address of each reference in so many elements."""
    if not layout.holds_references:
        return
    step = layout.size if stride is None else stride
    for at in range(address, address + count * step, step):
        if layout.form == "sequence":
            yield from references_in(layout.parts[0][1], *sequence_at(at)[::-1])
        elif layout.form == "array":
            yield from references_in(layout.parts[0][1], at, layout.length)
        elif layout.form == "record":
            for offset, part in layout.parts:
                yield from references_in(part, at + offset, 1)
        else:
            yield layout, at


def first_difference(
    layout: Layout, first: int, second: int, count: int, same: SameReference, stride: int | None = None
) -> int | None:
    """
    Return the number of the first element that differs at two addresses, None where none does.

    `same` compares references.
    """
    step = layout.size if stride is None else stride
    if not count:
        return None
    if layout.is_plain:
        differs = (view_of(first, count, step, layout.size) != view_of(second, count, step, layout.size)).any(axis=1)
        return int(differs.argmax()) if differs.any() else None
    if layout.form == "record":
        found = [
            first_difference(part, first + offset, second + offset, count, same, step) for offset, part in layout.parts
        ]
        return min((place for place in found if place is not None), default=None)
    for number in range(count):
        if not _is_same(layout, first + number * step, second + number * step, same):
            return number
    return None


def _is_same(layout: Layout, first: int, second: int, same: SameReference) -> bool:
    if layout.form == "text":
        return text_at(first) == text_at(second)
    if layout.form == "array":
        return first_difference(layout.parts[0][1], first, second, layout.length, same) is None
    if layout.form == "sequence":
        (count, start), (other_count, other) = sequence_at(first), sequence_at(second)
        return count == other_count and first_difference(layout.parts[0][1], start, other, count, same) is None
    return same(layout, first, second)
