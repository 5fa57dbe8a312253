"""How elements lie in memory: what is compared as bytes, and what is followed."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5t
from hdf5_oddities import odd_types

from hdf5_filter.layout import first_difference, layout_of, references_in

TEXT = h5t.py_create(h5py.string_dtype(), logical=True)
LIST = h5t.vlen_create(h5t.STD_I32LE)
RECORD = h5t.py_create(np.dtype([("n", "u1"), ("r", h5py.ref_dtype, (2,)), ("t", h5py.string_dtype())]), logical=True)


@pytest.mark.parametrize("kind", odd_types().values(), ids=odd_types())
def test_bytes_say_everything(kind: Any) -> None:
    layout = layout_of(kind)
    assert layout.is_plain
    assert layout.lies_in_place
    assert not layout.holds_references


@pytest.mark.parametrize(
    ("kind", "form", "in_place", "references"),
    [
        (TEXT, "text", False, False),
        (LIST, "sequence", False, False),
        (h5t.array_create(TEXT, (2, 3)), "array", False, False),
        (h5t.STD_REF_OBJ, "object", True, True),
        (h5t.STD_REF_DSETREG, "region", False, True),
        (h5t.vlen_create(h5t.STD_REF_OBJ), "sequence", False, True),
        (RECORD, "record", False, True),
    ],
)
def test_what_points_elsewhere(kind: Any, form: str, in_place: bool, references: bool) -> None:
    layout = layout_of(kind)
    assert (layout.form, layout.lies_in_place, layout.holds_references) == (form, in_place, references)
    assert layout.size == kind.get_size()


def test_differences_are_found_where_they_are() -> None:
    first = np.arange(40, dtype="u1")
    second = first.copy()
    same = lambda *_: True  # noqa: E731
    layout = layout_of(h5t.STD_U32LE)
    at = (int(first.ctypes.data), int(second.ctypes.data))
    assert first_difference(layout, *at, 10, same) is None
    assert first_difference(layout, *at, 0, same) is None
    second[[17, 30]] += 1
    assert first_difference(layout, *at, 10, same) == 4
    # Of every other number.
    assert first_difference(layout, *at, 5, same, 8) == 2


def test_references_are_listed_with_their_places() -> None:
    memory = np.zeros(3 * RECORD.get_size(), "u1")
    start = int(memory.ctypes.data)
    found = [(layout.form, at - start) for layout, at in references_in(layout_of(RECORD), start, 3)]
    offset, size = RECORD.get_member_offset(1), RECORD.get_size()
    assert found == [("object", row * size + offset + 8 * which) for row in range(3) for which in range(2)]
