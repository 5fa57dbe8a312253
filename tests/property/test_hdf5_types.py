"""Types of whatever make hypothesis thinks of: their elements and attributes are copied and compared as bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5d, h5p, h5s, h5t
from hdf5_oddities import SCALAR, odd_types, raw_bytes, read_raw, string, write_raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hdf5_filter

PADS = (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD)
SIMPLE = ("STD_U8LE", "STD_I16BE", "STD_U32BE", "STD_I64LE", "IEEE_F32BE", "IEEE_F64LE", "STD_B32LE")


@st.composite
def simple_types(draw: st.DrawFn) -> Any:
    """Strings, numbers, bits, opaque bytes, and the odd ones."""
    kind = draw(st.sampled_from(["string", "number", "opaque", "odd"]))
    if kind == "string":
        cset = draw(st.sampled_from([h5t.CSET_ASCII, h5t.CSET_UTF8]))
        return string(draw(st.integers(1, 9)), draw(st.sampled_from(PADS)), cset)
    if kind == "number":
        return getattr(h5t, draw(st.sampled_from(SIMPLE)))
    if kind == "odd":
        return draw(st.sampled_from(list(odd_types().values())))
    made = h5t.create(h5t.OPAQUE, draw(st.integers(1, 9)))
    made.set_tag(draw(st.binary(max_size=20).filter(lambda tag: b"\0" not in tag)))
    return made


def arrays_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    shapes = st.lists(st.integers(1, 3), min_size=1, max_size=2).map(tuple)
    return st.builds(h5t.array_create, inner, shapes)


@st.composite
def records_of(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """Members with gaps between them."""
    at, members = 0, []
    for number, kind in enumerate(draw(st.lists(inner, min_size=1, max_size=4))):
        at += draw(st.integers(0, 3))
        members.append((f"m{number}".encode(), at, kind))
        at += kind.get_size()
    made = h5t.create(h5t.COMPOUND, at + draw(st.integers(0, 3)))
    for member in members:
        made.insert(*member)
    return made


TYPES = st.recursive(simple_types(), lambda inner: arrays_of(inner) | records_of(inner), max_leaves=5)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(kind=TYPES, seed=st.integers(0, 1000), gzip=st.booleans(), libver=st.sampled_from(["earliest", "latest"]))
def test_bytes_stay(kind: Any, seed: int, gzip: bool, libver: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values = raw_bytes(kind, 7, seed)
        with h5py.File(folder / "a.h5", "w", libver=libver) as file:
            plist = h5p.create(h5p.DATASET_CREATE)
            if gzip:
                plist.set_chunk((3,))
                plist.set_deflate(1)
            made = h5d.create(file.id, b"x", kind, h5s.create_simple((7,)), plist)
            write_raw(made, kind, values)
            write_raw(h5a.create(made, b"one", kind, SCALAR), kind, values[:1])
            write_raw(h5a.create(file.id, b"all", kind, h5s.create_simple((7,))), kind, values)
            del made
        assert hdf5_filter.compress(folder / "a.h5", folder / "b.h5", tune=False).verified
        with h5py.File(folder / "b.h5") as file:
            made = h5d.open(file.id, b"x")
            assert read_raw(made) == read_raw(h5a.open(file.id, b"all")) == values.tobytes()
            assert read_raw(h5a.open(made, b"one")) == values[:1].tobytes()
            assert made.get_type().equal(kind)
            assert h5a.open(file.id, b"all").get_type().equal(kind)
            del made
        place = int(np.random.default_rng(seed).integers(values.nbytes))
        raw = bytearray(values.tobytes())
        raw[place] ^= 1
        with h5py.File(folder / "b.h5", "r+") as file:
            write_raw(h5a.open(file.id, b"all"), kind, np.frombuffer(raw, values.dtype).copy())
        with pytest.raises(hdf5_filter.DifferenceError, match="attribute 'all' differs"):
            hdf5_filter.verify(folder / "b.h5", folder / "a.h5")
