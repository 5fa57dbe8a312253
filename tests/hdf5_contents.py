"""Everything that h5py reads from a file, as plain values: what a copy is compared with, by other means than ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5s, h5t
from hdf5_oddities import read_raw


def contents(path: Path, *, storage: bool = False) -> dict[bytes, Any]:
    """Return what is under each path; with `storage`, how datasets are stored too."""
    with h5py.File(path) as file:
        found: dict[bytes, Any] = {}
        names: dict[int, bytes] = {}
        for name, obj in _walk(file.id, b"/", names, found):
            found[name] = _object(file, obj, storage)
        return found


def _walk(group: Any, path: bytes, names: dict[int, bytes], found: dict[bytes, Any]) -> Any:
    top = h5py.h5o.open(group, b".")
    names[h5py.h5o.get_info(top).addr] = path
    yield path, top
    for name in group:
        below = path + name + b"/"
        info = group.links.get_info(name)
        if info.type != h5py.h5l.TYPE_HARD:
            found[below] = info.type, info.cset, group.links.get_val(name)
            continue
        obj = h5py.h5o.open(group, name)
        address = h5py.h5o.get_info(obj).addr
        found[below + b"link"] = info.cset, names.get(address, below)
        if address in names:
            continue
        names[address] = below
        if isinstance(obj, h5py.h5g.GroupID):
            yield from _walk(obj, below, names, found)
        else:
            yield below, obj


def _object(file: h5py.File, obj: Any, storage: bool) -> Any:
    attributes: list[Any] = []
    h5a.iterate(obj, lambda name, *_: attributes.append(name))
    if not (isinstance(obj, h5t.TypeID) or obj.get_create_plist().get_attr_creation_order()):
        attributes.sort()
    told: list[Any] = [[(name, _values(file, h5a.open(obj, name))) for name in attributes]]
    if isinstance(obj, h5t.TypeID):
        return [*told, _type(obj)]
    plist = obj.get_create_plist()
    told += [plist.get_attr_creation_order()]
    if isinstance(obj, h5d.DatasetID):
        maximum = None if obj.get_space().get_simple_extent_type() == h5s.NULL else h5py.Dataset(obj).maxshape
        told += [maximum, plist.fill_value_defined(), plist.get_fill_time(), plist.get_obj_track_times()]
        told += [plist.get_external(number) for number in range(plist.get_external_count())]
        if storage:
            told += [plist.get_layout(), [plist.get_filter(number) for number in range(plist.get_nfilters())]]
        if not plist.get_external_count() and plist.get_layout() != h5d.VIRTUAL:
            told += [_values(file, obj)]
    return told


def _type(kind: Any) -> Any:
    """A type as bytes, of its equal without a name."""
    return kind.get_class(), kind.get_size(), repr(_parts(kind)), kind.committed()


def _parts(kind: Any) -> Any:
    found = kind.get_class()
    if found == h5t.STRING:
        pad = None if kind.is_variable_str() else kind.get_strpad()
        return "string", kind.get_cset(), pad
    if found == h5t.OPAQUE:
        return "opaque", kind.get_tag()
    if found in (h5t.ARRAY, h5t.VLEN):
        dims = kind.get_array_dims() if found == h5t.ARRAY else None
        return "of", dims, _parts(kind.get_super())
    if found in (h5t.COMPOUND, h5t.ENUM):
        members = range(kind.get_nmembers())
        if found == h5t.ENUM:
            return [(kind.get_member_name(i), kind.get_member_value(i)) for i in members], _parts(kind.get_super())
        return [(kind.get_member_name(i), kind.get_member_offset(i), _parts(kind.get_member_type(i))) for i in members]
    if found in (h5t.INTEGER, h5t.FLOAT):
        told = [kind.get_order(), kind.get_precision(), kind.get_offset(), kind.get_pad()]
        if found == h5t.INTEGER:
            return [*told, kind.get_sign()]
        return [*told, kind.get_fields(), kind.get_ebias(), kind.get_norm(), kind.get_inpad()]
    return found, kind.get_size()


def _values(file: h5py.File, made: Any) -> Any:
    space, kind = made.get_space(), made.get_type()
    told = [space.get_simple_extent_type(), _type(kind)]
    if told[0] == h5s.NULL:
        return told
    told.append(space.get_simple_extent_dims())
    if not space.get_simple_extent_npoints():
        return told
    if kind.detect_class(h5t.VLEN) or kind.detect_class(h5t.REFERENCE) or _has_text(kind):
        values = np.zeros(made.shape, made.dtype)
        if isinstance(made, h5d.DatasetID):
            made.read(h5s.ALL, h5s.ALL, values)
        else:
            made.read(values)
        return [*told, _plain(file, values)]
    return [*told, read_raw(made)]


def _has_text(kind: Any) -> bool:
    found = kind.get_class()
    if found == h5t.STRING:
        return bool(kind.is_variable_str())
    if found == h5t.ARRAY:
        return _has_text(kind.get_super())
    return found == h5t.COMPOUND and any(_has_text(kind.get_member_type(i)) for i in range(kind.get_nmembers()))


def _plain(file: h5py.File, value: Any) -> Any:
    if isinstance(value, np.ndarray | np.void) and value.dtype.names:
        if value.shape:
            return [_plain(file, each) for each in value]
        return [_plain(file, value[name]) for name in value.dtype.names]
    if isinstance(value, np.ndarray):
        return [_plain(file, each) for each in value.ravel()] if value.ndim else _plain(file, value[()])
    if isinstance(value, h5py.h5r.Reference):
        try:
            name = h5py.h5r.get_name(value, file.id) if value else None
        except (ValueError, RuntimeError):
            name = None
        if name is None or not isinstance(value, h5py.h5r.RegionReference):
            return name
        space = h5py.h5r.get_region(value, file.id)
        return name, space.get_select_npoints(), space.get_select_bounds()
    return repr(value)
