"""An HDF5 file of what is easily lost: types, spaces, names and properties that h5py's own calls seldom write."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t

SCALAR = h5s.create(h5s.SCALAR)


def string(size: int, pad: int = h5t.STR_NULLTERM, cset: int = h5t.CSET_ASCII) -> Any:
    """A string type of fixed size."""
    kind = h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_strpad(pad)
    kind.set_cset(cset)
    return kind


def utf8_attribute(obj: Any, name: bytes) -> None:
    """An attribute whose name is said to be UTF-8, which h5py never says."""
    hdf5 = ctypes.CDLL(h5py.h5p.__file__)
    for function in ("H5Pcreate", "H5Acreate2"):
        getattr(hdf5, function).restype = ctypes.c_int64
    plist = ctypes.c_int64(hdf5.H5Pcreate(ctypes.c_int64.in_dll(hdf5, "H5P_CLS_ATTRIBUTE_CREATE_ID_g")))
    hdf5.H5Pset_char_encoding(plist, 1)
    ids = [ctypes.c_int64(each) for each in (h5t.STD_U8LE.id, SCALAR.id)]
    made = hdf5.H5Acreate2(ctypes.c_int64(obj.id), name, *ids, plist, ctypes.c_int64(0))
    assert made > 0
    hdf5.H5Aclose(ctypes.c_int64(made))
    hdf5.H5Pclose(plist)


def without_fill_value(plist: Any) -> None:
    """Let a dataset have an undefined fill value."""
    hdf5 = ctypes.CDLL(h5py.h5p.__file__)
    assert hdf5.H5Pset_fill_value(ctypes.c_int64(plist.id), ctypes.c_int64(-1), None) >= 0


def odd_types() -> dict[str, Any]:
    """Types whose elements hold no pointers, by name."""
    packed = h5t.STD_I16BE.copy()  # 12 bits at an offset, the rest padded with ones
    packed.set_precision(12)
    packed.set_offset(3)
    packed.set_pad(h5t.PAD_ONE, h5t.PAD_ONE)
    short = h5t.IEEE_F32LE.copy()  # bfloat16
    short.set_fields(15, 7, 8, 0, 7)
    short.set_size(2)
    opaque = h5t.create(h5t.OPAQUE, 5)
    opaque.set_tag(b"astronomy/raw")
    gaps = h5t.create(h5t.COMPOUND, 24)
    gaps.insert(b"n", 1, h5t.STD_U8LE)
    gaps.insert(b"text", 4, string(3))
    gaps.insert(b"xyz", 8, h5t.array_create(h5t.IEEE_F32BE, (3,)))
    enum = h5t.enum_create(h5t.STD_I16BE)
    enum.enum_insert(b"caf\xe9", 3)
    enum.enum_insert(b"B", -1)
    return {
        "null_terminated": string(4),
        "null_padded": string(4, h5t.STR_NULLPAD),
        "space_padded": string(4, h5t.STR_SPACEPAD),
        "utf8": string(4, h5t.STR_NULLTERM, h5t.CSET_UTF8),
        "utf8_padded": string(4, h5t.STR_SPACEPAD, h5t.CSET_UTF8),
        "array": h5t.array_create(h5t.STD_I16BE, (2, 3)),
        "array_of_strings": h5t.array_create(string(3), (2,)),
        "array_of_arrays": h5t.array_create(h5t.array_create(h5t.IEEE_F64LE, (2,)), (3,)),
        "gaps": gaps,
        "opaque": opaque,
        "enum": enum,
        "bool": h5t.py_create(np.dtype("?"), logical=True),
        "bits": h5t.STD_B16BE,
        "time": h5t.UNIX_D32LE,
        "twelve_bits": packed,
        "bfloat16": short,
        "long_double": h5t.NATIVE_LDOUBLE,
        "big_float": h5t.IEEE_F64BE,
        "half": h5t.IEEE_F16BE,
        "complex": h5t.py_create(np.dtype(">c8"), logical=True),
    }


def raw_bytes(kind: Any, count: int, seed: int = 0) -> np.ndarray:
    """Elements of random bytes; strings fill their size."""
    size = kind.get_size()
    raw = np.random.default_rng(seed).integers(0x21, 0x7F, (count, size), dtype=np.uint8)
    return raw.view(f"V{size}").reshape(count)


def write_raw(made: Any, kind: Any, values: np.ndarray) -> None:
    """Write bytes as elements of this type to a dataset or an attribute."""
    if isinstance(made, h5d.DatasetID):
        made.write(h5s.ALL, h5s.ALL, values, mtype=kind)
    else:
        made.write(values, mtype=kind)


def read_raw(made: Any) -> bytes:
    """Elements of a type without pointers, as they are."""
    kind = made.get_type()
    values = np.zeros(made.get_space().get_simple_extent_npoints(), f"V{kind.get_size()}")
    if isinstance(made, h5d.DatasetID):
        made.read(h5s.ALL, h5s.ALL, values, mtype=kind)
    else:
        made.read(values, mtype=kind)
    return values.tobytes()


def write_oddities(path: Path, **options: Any) -> None:
    """Write the file."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w", **options) as file:
        image = file.create_dataset("image", data=rng.poisson(300, (150, 200)).astype("u2"), fillvalue=7)
        types = file.create_group("types")
        for number, (name, kind) in enumerate(odd_types().items()):
            made = h5d.create(types.id, name.encode(), kind, h5s.create_simple((6,)))
            write_raw(made, kind, raw_bytes(kind, 6, number))
            for owner, space, count in ((image.id, SCALAR, 1), (types.id, h5s.create_simple((2, 2)), 4)):
                write_raw(h5a.create(owner, name.encode(), kind, space), kind, raw_bytes(kind, count, number))
            h5a.create(made, b"nothing", kind, h5s.create(h5s.NULL))
            h5a.create(made, b"none", kind, h5s.create_simple((0, 3)))
            chunked = h5p.create(h5p.DATASET_CREATE)
            chunked.set_chunk((2,))
            chunked.set_deflate(1)
            made = h5d.create(
                types.id, name.encode() + b"_gzip", kind, h5s.create_simple((6,), (h5s.UNLIMITED,)), chunked
            )
            write_raw(made, kind, raw_bytes(kind, 6, number))
            kind.copy().commit(types.id, name.encode() + b"_type")

        _write_pointers(file, image)
        _write_names(file)
        _write_properties(file)


def _write_pointers(file: h5py.File, image: h5py.Dataset) -> None:
    """Variable lengths and references, in one another too."""
    group = file.create_group("pointers")
    text = h5py.string_dtype()
    group["ascii"] = np.array([b"ab", b"", b"c" * 300], h5py.string_dtype("ascii"))
    group["utf8"] = np.array(["ä", "", "b"], text)
    group.create_dataset("strings_gzip", data=np.array(["x"] * 50, text), chunks=(7,), compression="gzip")
    ragged = np.array([np.arange(3), np.arange(0), np.arange(5)], object)
    group.create_dataset("ragged", data=ragged, dtype=h5py.vlen_dtype(">i4"))
    group.attrs.create("ragged", ragged, dtype=h5py.vlen_dtype(">i4"))
    deep = np.empty(2, object)
    for number in range(2):
        deep[number] = np.array([f"{number}", "é"], object)
    group.create_dataset("deep", data=deep, dtype=h5py.vlen_dtype(text))
    record = np.dtype([("id", "u1"), ("ref", h5py.ref_dtype), ("name", text), ("pair", h5py.ref_dtype, (2,))])
    rows = np.zeros(3, record)
    for row in rows:
        row["id"], row["name"] = 5, "row"
        row["ref"] = image.ref
        row["pair"] = [file.ref, h5py.Reference()]
    group.create_dataset("rows", data=rows)
    group.create_dataset("rows_gzip", data=rows, chunks=(2,), compression="gzip", maxshape=(None,))
    group.attrs.create("rows", rows)
    group.attrs["region"] = image.regionref[3:5, 2:10]
    points = np.zeros((150, 200), bool)
    points[[3, 5], [4, 100]] = True
    group.create_dataset("regions", data=np.array([image.regionref[points], None], object), dtype=h5py.regionref_dtype)
    lists = np.empty(2, object)
    lists[0], lists[1] = np.array([image.ref, group.ref], object), np.array([], object)
    group.create_dataset("lists", data=lists, dtype=h5py.vlen_dtype(h5py.ref_dtype))
    group.attrs.create("lists", lists, dtype=h5py.vlen_dtype(h5py.ref_dtype))


def _write_names(file: h5py.File) -> None:
    """Names in other character sets, comments, links, named types."""
    group = file.create_group("names")
    for cset, name in ((h5t.CSET_ASCII, b"caf\xe9"), (h5t.CSET_UTF8, "é".encode()), (h5t.CSET_UTF8, b"plain")):
        links = h5p.create(h5p.LINK_CREATE)
        links.set_char_encoding(cset)
        made = h5d.create(group.id, None, h5t.STD_U8LE, h5s.create_simple((3,)))
        h5py.h5o.link(made, group.id, name, links)
        group.id.links.create_soft(name + b" soft", b"/names/" + name, links)
        group.id.links.create_external(name + b" external", b"other\xe9.h5", b"/" + name, links)
        h5a.create(made, name, h5t.STD_U8LE, SCALAR).write(np.array(9, "uint8"))
    utf8_attribute(group.id, "name é".encode())
    group.create_dataset("filled", data=np.arange(9), dtype="i4", fillvalue=0)
    h5py.h5o.set_comment(file.id, b"of the file", obj_name=b"/")
    h5py.h5o.set_comment(group.id, b"of a group")
    h5py.h5o.set_comment(file["image"].id, b"of a dataset")
    first, second = (h5t.STD_I32LE.copy() for _ in range(2))
    first.commit(file.id, b"first")
    second.commit(file.id, b"second")
    file["second"].attrs["unit"] = "adu"
    space = h5s.create_simple((40, 50))
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((10, 50))
    h5d.create(file.id, b"of_second", second, space, plist).write(h5s.ALL, h5s.ALL, np.arange(2000, dtype="i4"))
    h5d.create(file.id, b"also_of_second", second, SCALAR)
    h5a.create(group.id, b"of first", first, SCALAR).write(np.array(3, "int32"))
    nameless = h5t.STD_I64BE.copy()
    nameless.commit(file.id, b"lost")
    h5a.create(nameless, b"note", h5t.STD_U8LE, SCALAR).write(np.array(1, "uint8"))
    h5d.create(file.id, b"of_lost", nameless, h5s.create_simple((4,)))
    h5a.create(group.id, b"of lost", nameless, SCALAR).write(np.array(4, "int64"))
    file.id.unlink(b"lost")


def _write_properties(file: h5py.File) -> None:
    """Fill values, times, order, layouts, many and long attributes."""
    group = file.create_group("properties", track_order=True)
    rng = np.random.default_rng(1)
    for name, change in {
        "undefined": without_fill_value,
        "never": lambda p: p.set_fill_time(h5d.FILL_TIME_NEVER),
        "early": lambda p: p.set_alloc_time(h5d.ALLOC_TIME_EARLY),
        "times": lambda p: p.set_obj_track_times(True),
        "no_times": lambda p: p.set_obj_track_times(False),
        "ordered": lambda p: p.set_attr_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED),
        "compact": lambda p: p.set_layout(h5d.COMPACT),
        "outside": lambda p: p.set_external(b"absent\xe9.raw", 3, 4000),
    }.items():
        plist = h5p.create(h5p.DATASET_CREATE)
        change(plist)
        small = name in ("compact", "outside")
        made = h5d.create(
            group.id, name.encode(), h5t.STD_I32LE, h5s.create_simple((1000,) if small else (100, 120)), plist
        )
        if name != "outside":
            made.write(h5s.ALL, h5s.ALL, rng.poisson(50, made.shape).astype("i4"))
        for each in ("z", "a"):
            h5a.create(made, each.encode(), h5t.STD_U8LE, SCALAR).write(np.array(2, "uint8"))
    many = group.create_group("many", track_order=True)
    for number in range(30):
        many.attrs[f"{29 - number:02}"] = number
    many.attrs["long"] = np.arange(20000)
    layout = h5py.VirtualLayout((10, 200), "u2")
    layout[:5] = h5py.VirtualSource(file["image"])[:5]
    layout[7:] = h5py.VirtualSource("elsewhere.h5", "x", (3, 200))[:]
    group.create_virtual_dataset("virtual", layout, fillvalue=3)
    parent = group
    for _ in range(50):
        parent = parent.create_group("deep")
    parent["back"] = group
