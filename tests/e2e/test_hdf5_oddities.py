"""Whatever is in an HDF5 file comes through compression and back, and what does not is found by the comparison."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cli_process import run_here, succeed_here
from h5py import h5a, h5d, h5p, h5s, h5t
from hdf5_contents import contents
from hdf5_oddities import odd_types, raw_bytes, read_raw, string, write_oddities, write_raw

import hdf5_filter
import hdf5_filter.chunked
from astrocodec._native.hdf5 import library_of
from astrocodec.errors import CorruptError, DifferenceError, FormatError
from hdf5_filter.layout import references_in
from hdf5_filter.references import follow

FORMATS: list[dict[str, Any]] = [
    {},
    {"libver": "latest"},
    {"libver": ("v108", "v110")},
    {"track_order": True},
    {"userblock_size": 512},
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, and its compressed copy."""
    path = tmp_path_factory.mktemp("odd") / "a.h5"
    write_oddities(path)
    assert hdf5_filter.compress(path, path.with_name("a.ac.h5"), tune=False).verified
    return path


def there_and_back(source: Path, **options: Any) -> dict[bytes, Any]:
    """Compress and decompress through the command line; everything is as it was, by means that are not ours."""
    packed, back = source.with_name("packed.h5"), source.with_name("back.h5")
    expected = contents(source)
    succeed_here("h5-compress", "--no-tune", source, packed)
    assert contents(packed) == expected
    succeed_here("h5-decompress", packed, back)
    assert contents(back) == expected
    succeed_here("verify", back, "--against", source)
    return expected


@pytest.mark.parametrize("options", FORMATS, ids=str)
def test_nothing_is_lost(tmp_path: Path, options: dict[str, Any]) -> None:
    source = tmp_path / "a.h5"
    write_oddities(source, **options)
    if "userblock_size" in options:
        with source.open("r+b") as file:
            file.write(bytes(range(256)) * 2)
    found = there_and_back(source)
    assert len(found) > 250
    if "userblock_size" in options:
        for name in ("packed.h5", "back.h5"):
            assert (tmp_path / name).read_bytes()[:512] == bytes(range(256)) * 2


def test_what_is_not_coded_keeps_its_storage(odd: Path) -> None:
    """Layout, chunks and filters; the plain datasets among the coded ones apart."""
    packed = odd.with_name("a.ac.h5")
    coded = {entry.name.encode() + b"/" for entry in hdf5_filter.info(packed).datasets if entry.kind == "compressed"}
    first, second = (contents(path, storage=True) for path in (odd, packed))
    differing = {name for name in first if first[name] != second[name]}
    assert differing == coded
    assert b"/image/" in coded


def test_strings_that_fill_their_size(odd: Path) -> None:
    """The last character, in attributes and elements."""
    for path in (odd, odd.with_name("a.ac.h5")):
        with h5py.File(path) as file:
            expected = raw_bytes(string(4), 6, 0).tobytes()
            assert read_raw(file["types/null_terminated"].id) == expected
            kind = file["types/null_terminated"].id.get_type()
            assert (kind.get_strpad(), kind.get_size()) == (h5t.STR_NULLTERM, 4)
            assert read_raw(h5a.open(file["image"].id, b"null_terminated")) == raw_bytes(string(4), 1, 0).tobytes()


@pytest.mark.parametrize("libver", ["latest", "earliest"])
def test_groups_of_many_links_and_attributes(tmp_path: Path, libver: str) -> None:
    """More than eight are kept in heaps, of which HDF5 tells in the properties of a group."""
    with h5py.File(tmp_path / "a.h5", "w", libver=(libver, "latest")) as file:
        file["image"] = np.zeros((100, 200), "u2")
        for order in (False, True):
            group = file.create_group(f"many{order}", track_order=order)
            for number in range(40):
                group[f"x{39 - number}"] = number
                group.attrs[f"y{39 - number}"] = number
    there_and_back(tmp_path / "a.h5")


def test_groups_deeper_than_the_stack_of_python(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group: Any = file
        for _ in range(1200):
            group = group.create_group("d")
        group["image"] = np.zeros((100, 200), "u2")
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert report.verified
    assert report.datasets[0].name == "/d" * 1200 + "/image"
    assert hdf5_filter.verify(tmp_path / "b.h5").datasets[0].checked == "decoded"


def test_two_datasets_are_not_one_under_two_names(tmp_path: Path) -> None:
    """Nor the other way round: who writes to one would change both."""
    for name, second in (("one.h5", False), ("two.h5", True)):
        with h5py.File(tmp_path / name, "w") as file:
            file["a"] = np.arange(3)
            file["b"] = np.arange(3) if second else file["a"]
    for pair in (("one.h5", "two.h5"), ("two.h5", "one.h5")):
        with pytest.raises(DifferenceError, match="/b: the link leads to another object"):
            hdf5_filter.verify(*(tmp_path / name for name in pair))


def test_attributes_of_more_than_64_kb(tmp_path: Path) -> None:
    """Also in a file that was begun in the oldest format."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
    with h5py.File(tmp_path / "a.h5", "a", libver="latest") as file:
        file.create_group("new").attrs["long"] = np.arange(20000)
    there_and_back(tmp_path / "a.h5")


@pytest.mark.parametrize("libver", ["latest", "earliest"])
def test_references_of_the_new_type_and_complex_numbers(tmp_path: Path, libver: str) -> None:
    """HDF5 1.12 and 2.0 made them; h5py writes neither."""
    hdf5 = library_of(h5py.h5p.__file__)
    raw = ctypes.CDLL(h5py.h5p.__file__)
    raw.H5Tcomplex_create.restype = ctypes.c_int64
    reference = h5t.TypeID(ctypes.c_int64.in_dll(raw, "H5T_STD_REF_g").value).copy()
    buffer = np.zeros((4, 64), "u1")
    at = [int(buffer[row].ctypes.data) for row in range(4)]
    with h5py.File(tmp_path / "a.h5", "w", libver=(libver, "latest")) as file:
        file["image"] = np.zeros((100, 200), "u2")
        file["image"].attrs["u"] = 3
        part = h5s.create_simple((100, 200))
        part.select_hyperslab((3, 4), (2, 2))
        hdf5.create_new_reference(file.id.id, b"/image", at[0])
        hdf5.create_new_reference(file.id.id, b"/image", at[1], part.id)
        hdf5.create_new_reference(file.id.id, b"/image", at[2], None, b"u")
        attribute = h5a.create(file.id, b"refs", reference, h5s.create_simple((4,)))
        hdf5.call("H5Awrite", attribute.id, reference.id, at[0])
        dataset = h5d.create(file.id, b"refs", reference, h5s.create_simple((4,)))
        hdf5.call("H5Dwrite", dataset.id, reference.id, 0, 0, 0, at[0])
        pair = h5t.TypeID(raw.H5Tcomplex_create(ctypes.c_int64(h5t.IEEE_F32BE.id)))
        numbers = h5d.create(file.id, b"complex", pair, h5s.create_simple((4,)))
        write_raw(numbers, pair, raw_bytes(pair, 4))
        del attribute, dataset, numbers
    hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    hdf5_filter.decompress(tmp_path / "b.h5", tmp_path / "c.h5")
    for name in ("a.h5", "b.h5", "c.h5"):
        with h5py.File(tmp_path / name) as file:
            assert read_raw(file.id and h5d.open(file.id, b"complex")) == raw_bytes(pair, 4).tobytes()
            from hdf5_filter.elements import attribute_elements

            with attribute_elements(h5a.open(file.id, b"refs")) as elements:
                assert elements is not None
                found = [follow(file, *each) for each in references_in(elements.layout, elements.address, 4)]
            image = h5py.h5o.get_info(file["image"].id).addr
            assert [each and each.address for each in found] == [image, image, image, None]
            assert found[1] is not None
            assert found[1].region[1:3] == ((3, 4), (1, 1))
            assert found[2] is not None
            assert found[2].attribute == b"u"


def test_netcdf4(tmp_path: Path) -> None:
    """Dimensions, scales, many variables, compounds, sequences, enums, strings, groups."""
    netcdf4 = pytest.importorskip("netCDF4")
    with netcdf4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", 240)
        file.createDimension("x", None)
        file.title, file.missing = "null-terminated", np.array([1.5, np.nan], "f4")
        for number in range(12):
            made = file.createVariable(f"v{number}", "u2", ("x", "y"), zlib=number % 2 == 1, fill_value=7)
            made[:] = np.random.default_rng(number).poisson(300, (100, 240))
            made.units = "adu"
        file.createVariable("text", str, ("y",))[:3] = np.array(["a", "bß", ""], object)
        file.createVariable("letters", "S1", ("y",))[:] = np.full(240, b"z")
        group = file.createGroup("deep/er")
        record = group.createCompoundType(np.dtype([("a", "f4"), ("b", "i2", (3,))]), "record")
        group.createVariable("records", record, ("y",))[:] = np.zeros(240, record.dtype)
        ragged = group.createVLType(np.int32, "ragged")
        group.createVariable("lists", ragged, ("y",))[0] = np.arange(5, dtype="i4")
        states = group.createEnumType(np.uint8, "states", {"clear": 0, "cloudy": 1})
        group.createVariable("sky", states, ("y",), fill_value=0)[:] = np.ones(240, "u1")
    there_and_back(tmp_path / "a.nc")


def test_pytables(tmp_path: Path) -> None:
    """Its class names are null-terminated strings without room for the null."""
    tables = pytest.importorskip("tables")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tables.open_file(tmp_path / "a.h5", "w", title="night") as file:
            image = np.random.default_rng(0).poisson(300, (240, 260)).astype("u2")
            file.create_carray("/", "img", obj=image, filters=tables.Filters(5, "zlib", shuffle=True))
            file.create_earray("/", "grows", obj=image)
            made = file.create_table(
                "/deep", "t", {"a": tables.Int32Col(), "b": tables.StringCol(5)}, createparents=True
            )
            made.append([(1, b"12345"), (2, b"x")])
            made.attrs.kind = {"pickled": 1}
            made.cols.a.create_index()
            file.create_vlarray("/", "v", tables.Int32Atom()).append([1, 2, 3])
            file.create_soft_link("/", "soft", "/deep/t")
    there_and_back(tmp_path / "a.h5")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """They are copied as they are, listed so that they can be given back, and shown without harm."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in (b"caf\xe9", b"new\nline"):
            made = h5d.create(file.id, name, h5t.STD_U16LE, h5s.create_simple((240, 260)))
            made.write(h5s.ALL, h5s.ALL, np.ones((240, 260), "u2"))
    there_and_back(tmp_path / "a.h5")
    names = [entry.name for entry in hdf5_filter.info(tmp_path / "a.h5").datasets]
    assert names == ["/caf\udce9", "/new\nline"]
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "one.h5", datasets=names[:1], tune=False)
    assert [entry.kind for entry in report.datasets] == ["compressed", "copied"]
    listed = succeed_here("info", tmp_path / "a.h5")
    assert b"/caf\\xe9 " in listed
    assert b"/new\\nline " in listed
    assert b"/caf\\udce9" in succeed_here("info", "--json", tmp_path / "a.h5")
    with h5py.File(tmp_path / "packed.h5", "r+") as file:
        file[b"caf\xe9"][3, 4] = 9
    result = run_here("verify", tmp_path / "packed.h5", "--against", tmp_path / "a.h5")
    assert result.returncode == 7
    assert b"differs at (3, 4)" in result.stderr


def recreate(owner: Any, name: bytes, kind: Any, values: np.ndarray | None = None) -> None:
    """Replace an attribute."""
    space = h5a.open(owner, name).get_space()
    h5a.delete(owner, name)
    made = h5a.create(owner, name, kind, space)
    if values is not None:
        write_raw(made, kind, values)


def bump(file: h5py.File, name: str, byte: int) -> None:
    """Change one byte of a dataset of plain elements."""
    made = file[name].id
    kind = made.get_type()
    raw = bytearray(read_raw(made))
    raw[byte] ^= 1
    write_raw(made, kind, np.frombuffer(raw, f"V{kind.get_size()}").copy())


def relink(file: h5py.File) -> None:
    group = file["names"].id
    group.unlink(b"plain soft")
    group.links.create_soft(b"plain soft", b"/names/plain")


def refill(file: h5py.File) -> None:
    values = file["names/filled"][...]
    del file["names/filled"]
    file["names"].create_dataset("filled", data=values, dtype="<i4", fillvalue=1)


def remake(file: h5py.File, change: Callable[[Any], object]) -> None:
    old = file["names/filled"]
    plist, values = old.id.get_create_plist().copy(), old[...]
    change(plist)
    del file["names/filled"]
    made = h5d.create(file["names"].id, b"filled", h5t.STD_I32LE, h5s.create_simple(values.shape), plist)
    made.write(h5s.ALL, h5s.ALL, values)


def reorder(file: h5py.File) -> None:
    many = file["properties/many"]
    value = many.attrs["29"]
    del many.attrs["29"]
    many.attrs["29"] = value


def other_reference(file: h5py.File) -> None:
    rows = file["pointers/rows"][...]
    rows[1]["pair"] = [file["image"].ref, h5py.Reference()]
    file["pointers/rows"][...] = rows


LOSSES: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "last character of an attribute": (
        lambda f: recreate(f["image"].id, b"null_terminated", string(4), np.array([b"abc\0"], "V4")),
        "attribute 'null_terminated' differs",
    ),
    "padding of an attribute's string": (
        lambda f: recreate(f["image"].id, b"null_terminated", string(4, h5t.STR_NULLPAD), raw_bytes(string(4), 1, 0)),
        "attribute 'null_terminated' is of another type",
    ),
    "character set of an attribute's string": (
        lambda f: recreate(
            f["image"].id, b"null_terminated", string(4, cset=h5t.CSET_UTF8), raw_bytes(string(4), 1, 0)
        ),
        "attribute 'null_terminated' is of another type",
    ),
    "character set of an attribute's name": (
        lambda f: recreate(f["names"].id, "name é".encode(), h5t.STD_U8LE),
        "the name of attribute 'name é' has another character set",
    ),
    "shape of an attribute": (
        lambda f: [f["names"].attrs.pop("name é"), f["names"].attrs.create("name é", [0], dtype="u1")],
        "attribute 'name é' has another shape",
    ),
    "type of an empty attribute": (
        lambda f: recreate(f["types/opaque"].id, b"nothing", h5t.STD_U8LE),
        "attribute 'nothing' is of another type",
    ),
    "an attribute": (lambda f: h5a.delete(f["types"].id, b"opaque"), "attributes have other names"),
    "order of attributes": (reorder, "attributes have another order"),
    "named type of an attribute": (
        lambda f: recreate(f["names"].id, b"of first", h5t.open(f.id, b"second"), np.array([b"\3\0\0\0"], "V4")),
        "the type of attribute 'of first' is another named type",
    ),
    "name of a type": (
        lambda f: recreate(f["names"].id, b"of first", h5t.STD_I32LE, np.array([b"\3\0\0\0"], "V4")),
        "has a name in one file only",
    ),
    "attribute of a named type": (lambda f: f["second"].attrs.pop("unit"), "/second: the attributes have other names"),
    "last character of an element": (lambda f: bump(f, "types/null_terminated", 3), r"differs at \(0,\)"),
    "byte between members": (lambda f: bump(f, "types/gaps", 2 * 24 + 20), r"'/types/gaps' differs at \(2,\)"),
    "payload of a NaN": (lambda f: bump(f, "types/long_double", 33), r"differs at \(2,\)"),
    "pad bit of an integer": (lambda f: bump(f, "types/twelve_bits", 1), r"differs at \(0,\)"),
    "element of an array": (lambda f: bump(f, "types/array_of_arrays", 47), r"differs at \(0,\)"),
    "string": (lambda f: f["pointers/utf8"].__setitem__(1, "x"), r"'/pointers/utf8' differs at \(1,\)"),
    "sequence": (lambda f: f["pointers/ragged"].__setitem__(2, [0, 1, 2, 3]), r"differs at \(2,\)"),
    "string of a sequence": (
        lambda f: f["pointers/deep"].__setitem__(1, np.array(["1", "e"], object)),
        r"'/pointers/deep' differs at \(1,\)",
    ),
    "reference of a record": (other_reference, r"'/pointers/rows' differs at \(1,\)"),
    "region": (
        lambda f: f["pointers"].attrs.__setitem__("region", f["image"].regionref[3:5, 2:11]),
        "attribute 'region' differs",
    ),
    "points of a region": (
        lambda f: f["pointers/regions"].__setitem__(0, f["image"].regionref[3:6, 4:101]),
        r"'/pointers/regions' differs at \(0,\)",
    ),
    "comment": (lambda f: h5py.h5o.set_comment(f["names"].id, b""), "/names: the comment is another"),
    "character set of a link": (relink, "the link's name has another character set"),
    "fill value": (refill, "the fill value differs"),
    "fill time": (lambda f: remake(f, lambda p: p.set_fill_time(h5d.FILL_TIME_NEVER)), "the fill value differs"),
    "order of later attributes": (
        lambda f: remake(f, lambda p: p.set_attr_creation_order(h5p.CRT_ORDER_TRACKED)),
        "the order of its attributes is tracked otherwise",
    ),
    "largest shape": (
        lambda f: [f.__delitem__("types/opaque_gzip"), f["types"].create_dataset("opaque_gzip", (6,), "V5")],
        r"shape \(6,\) \(up to \(6,\)\) found, the original has \(6,\) \(up to \(None,\)\)",
    ),
}


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_loss_is_found(odd: Path, tmp_path: Path, loss: str) -> None:
    change, text = LOSSES[loss]
    hurt = tmp_path / "hurt.h5"
    hurt.write_bytes(odd.with_name("a.ac.h5").read_bytes())
    assert hdf5_filter.verify(hurt, odd).verified
    with h5py.File(hurt, "r+") as file:
        change(file)
    with pytest.raises(DifferenceError, match=text):
        hdf5_filter.verify(hurt, odd)


def test_whether_times_are_tracked_is_compared(tmp_path: Path) -> None:
    """The newer format knows it."""
    for name, tracked in (("a.h5", False), ("b.h5", True)):
        with h5py.File(tmp_path / name, "w", libver="latest") as file:
            file.create_dataset("x", data=1, track_times=tracked)
    with pytest.raises(DifferenceError, match="times are tracked otherwise"):
        hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5")


def test_a_user_block_is_compared(tmp_path: Path) -> None:
    for name, text in (("a.h5", b"first"), ("b.h5", b"second")):
        with h5py.File(tmp_path / name, "w", userblock_size=512) as file:
            file["x"] = 1
        with (tmp_path / name).open("r+b") as raw:
            raw.write(text)
    with pytest.raises(DifferenceError, match="user block differs"):
        hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5")


def test_references_to_what_was_deleted_are_null(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        file["doomed"] = np.zeros(3)
        file.attrs["dangling"] = file["doomed"].ref
        file.attrs["region"] = file["doomed"].regionref[1:2]
        del file["doomed"]
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert report.checked == "verified"
    assert report.notes == [
        f"/: attribute {name!r}: references to deleted objects are null in the copy" for name in ("dangling", "region")
    ]
    with h5py.File(tmp_path / "b.h5") as file:
        assert not file.attrs["dangling"]
        assert not file.attrs["region"]


def write_unlinked(path: Path, owner: str, value: int = 0) -> None:
    """Write a file in which only references lead to a group that links to itself, and to what is in it."""
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        group = file.create_group("group")
        group["self"] = group
        group["x"] = np.full(5, value)
        refs = np.array([group.ref, group["x"].ref], h5py.ref_dtype)
        del file["group"]
        if owner == "attribute":
            file["image"].attrs["seen from"] = refs
        else:
            file["deep/refs"] = refs


@pytest.mark.parametrize(
    ("owner", "place"), [("attribute", "/image: attribute 'seen from'"), ("dataset", "/deep/refs")], ids=str
)
def test_an_object_without_a_name_is_not_lost(tmp_path: Path, owner: str, place: str) -> None:
    """The file is refused, and a copy that lacks the object, or has another in its place, is none."""
    source, copy = tmp_path / "a.h5", tmp_path / "b.h5"
    write_unlinked(source, owner)
    with pytest.raises(FormatError, match=f"{place}: a reference leads to the object at byte"):
        hdf5_filter.compress(source, copy, tune=False)
    assert not copy.exists()
    copy.write_bytes(source.read_bytes())
    assert hdf5_filter.verify(copy, source).checked == "verified"
    write_unlinked(copy, owner, 1)
    with pytest.raises(DifferenceError, match="differs"):
        hdf5_filter.verify(copy, source)
    with h5py.File(copy, "r+") as file:
        if owner == "attribute":
            file["image"].attrs["seen from"] = np.full(2, h5py.Reference(), h5py.ref_dtype)
        else:
            file["deep/refs"][...] = np.full(2, h5py.Reference(), h5py.ref_dtype)
    with pytest.raises(DifferenceError, match="differs"):
        hdf5_filter.verify(copy, source)


def write_elsewhere(path: Path, kind: str) -> None:
    """Write a file that shows elements of another one, or links to it."""
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        if kind == "link":
            file["link"] = h5py.ExternalLink("other.h5", "/x")
        elif kind == "external":
            file.create_dataset("raw", (4,), "<i4", external=[("other.bin", 0, 16)])
        else:
            layout = h5py.VirtualLayout((100, 200), "u2")
            layout[...] = h5py.VirtualSource("other.h5" if kind == "virtual" else ".", "image", (100, 200))
            file.create_virtual_dataset("shown", layout)


@pytest.mark.parametrize(
    ("kind", "name", "note"),
    [
        ("virtual", "/shown", "its elements lie in other files, such as other.h5"),
        ("external", "/raw", "its elements lie in other files, such as other.bin"),
    ],
)
def test_elements_in_other_files_are_not_checked(tmp_path: Path, kind: str, name: str, note: str) -> None:
    source, packed = tmp_path / "a.h5", tmp_path / "a.ac.h5"
    write_elsewhere(source, kind)
    for report in (hdf5_filter.compress(source, packed, tune=False), hdf5_filter.verify(packed, source)):
        assert report.checked == "not checked"
        assert (report.elsewhere, report.notes) == ([name], [f"{name}: {note}, not checked"])
        found = {entry.name: (entry.checked, entry.note) for entry in report.datasets}
        assert found == {"/image": ("verified", ""), name: ("not checked", note)}
    said = f"{source}: kept, since elements of {name} lie in other files, which were not checked; {name}: {note}"
    packed.unlink()
    assert said in run_here("h5-compress", "--no-tune", "-D", "-Y", source).stderr.decode()
    again = run_here("h5-compress", "--no-tune", "-D", "-Y", "--skip-existing", source)
    assert "was compared with it; kept, since elements of" in again.stderr.decode()
    assert again.returncode == 0
    assert f"{name}: {note}" in run_here("verify", packed, "--against", source).stderr.decode()
    assert source.exists()


@pytest.mark.parametrize("kind", [h5t.STD_REF_OBJ, h5t.STD_REF_DSETREG], ids=["object", "region"])
def test_references_in_another_file_are_refused_by_name(tmp_path: Path, kind: Any) -> None:
    """A copy has the same external file: new references written there would be the end of the original's."""
    raw = tmp_path / "refs.raw"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_external(os.fsencode(raw), 0, 64)
        made = h5py.Dataset(h5d.create(file.id, b"refs", kind, h5s.create_simple((1,)), plist))
        one = file["image"].ref if kind == h5t.STD_REF_OBJ else file["image"].regionref[:2]
        made[...] = np.array([one], made.dtype)
    before = raw.read_bytes()
    assert any(before)
    for command in ("h5-compress", "h5-decompress"):
        result = run_here(command, tmp_path / "a.h5", "-O", tmp_path / "b.ac.h5")
        assert result.returncode == 3
        assert command == "h5-decompress" or b"/refs: its elements refer to other objects" in result.stderr
    assert raw.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "refs.raw"]


@pytest.mark.parametrize("owner", ["dataset", "attribute"])
def test_references_to_other_files(tmp_path: Path, owner: str) -> None:
    """HDF5 reads those of its new type and cannot write them; what they lead to is not deleted."""
    hdf5, raw = library_of(h5py.h5p.__file__), ctypes.CDLL(h5py.h5p.__file__)
    kind = h5t.TypeID(ctypes.c_int64.in_dll(raw, "H5T_STD_REF_g").value).copy()
    buffer = np.zeros(64, "u1")
    at, names = int(buffer.ctypes.data), [tmp_path / "needed.h5", tmp_path / "reader.h5"]
    with h5py.File(names[0], "w") as file, h5py.File(names[1], "w", libver=("v112", "latest")) as reader:
        for each in (file, reader):
            each["image"] = np.zeros((100, 200), "u2")
        hdf5.create_new_reference(file.id.id, b"/image", at)
        if owner == "dataset":
            made = h5d.create(reader.id, b"ref", kind, h5s.create_simple((1,)))
            hdf5.call("H5Dwrite", made.id, kind.id, 0, 0, 0, at)
        else:
            attribute = h5a.create(reader["image"].id, b"ref", kind, h5s.create_simple((1,)))
            hdf5.call("H5Awrite", attribute.id, kind.id, at)
            del attribute
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", *names)
    place = "/ref" if owner == "dataset" else "/image: attribute 'ref'"
    assert f"{names[1]}: {place}: a reference leads to {names[0]}, and HDF5 cannot copy those" in result.stderr.decode()
    assert f"{names[0]}: kept, since {names[1]} leads to it" in result.stderr.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["needed.ac.h5", "needed.h5", "reader.h5"]


def write_filled(path: Path, leads_to: str, track_order: bool) -> None:
    """Write datasets of references which nobody wrote, and what they lead to."""
    raw = ctypes.CDLL(h5py.h5p.__file__)
    with h5py.File(path, "w", track_order=track_order) as file:
        file["pad"] = np.zeros(5000)
        reference = np.zeros(1, "u8")
        place = ctypes.c_void_p(reference.ctypes.data)
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((2,))
        file["z/image"] = np.zeros((100, 200), "u2")
        for name in (b"null", b"leads"):
            assert raw.H5Pset_fill_value(ctypes.c_int64(plist.id), ctypes.c_int64(h5t.STD_REF_OBJ.id), place) >= 0
            h5d.create(file.id, name, h5t.STD_REF_OBJ, h5s.create_simple((5,)), plist)
            reference[0] = h5py.h5o.get_info(file[leads_to].id).addr
        file["leads"][0] = file["pad"].ref
        file.move("leads", "a")
        file.move("z/image", "z/moved")


@pytest.mark.parametrize("track_order", [True, False])
def test_a_fill_value_that_is_a_reference(tmp_path: Path, track_order: bool) -> None:
    """MATLAB writes them; what they lead to is copied before the dataset."""
    write_filled(tmp_path / "a.h5", "z/image", track_order)
    there_and_back(tmp_path / "a.h5")
    for name in ("a.h5", "packed.h5", "back.h5"):
        with h5py.File(tmp_path / name) as file:
            assert [file[each].name for each in file["a"][...]] == ["/pad"] + ["/z/moved"] * 4
            assert not file["null"][0]
            assert list(file) == (["pad", "z", "null", "a"] if track_order else ["a", "null", "pad", "z"])


def test_a_fill_value_that_cannot_be_copied_is_refused_by_name(tmp_path: Path) -> None:
    """The group comes later than the dataset."""
    write_filled(tmp_path / "a.h5", "z", track_order=False)
    with pytest.raises(FormatError, match="/a: its fill value leads to what is no dataset"):
        hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize("kind", [h5py.string_dtype(), h5py.vlen_dtype("i4")], ids=["text", "sequence"])
def test_a_fill_value_of_varying_length_where_nothing_was_written(tmp_path: Path, kind: Any) -> None:
    """HDF5 2.0 cannot read it where it may not write; nobody need read it."""
    fill, value = ("nothing", "q") if h5py.check_string_dtype(kind) else (None, np.arange(3))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        file.create_dataset("x", (10,), kind, fillvalue=fill, chunks=(3,), maxshape=(None,))[0] = value
    assert hdf5_filter.verify(tmp_path / "a.h5").sound
    assert hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "packed.h5", tune=False).verified
    assert hdf5_filter.decompress(tmp_path / "packed.h5", tmp_path / "back.h5").verified
    found = []
    for name in ("a.h5", "packed.h5", "back.h5"):
        with h5py.File(tmp_path / name, "a") as file:
            assert file["x"].id.get_num_chunks() == 1
            found.append([list(each) for each in file["x"][...]])
    assert found[0] == found[1] == found[2]
    with h5py.File(tmp_path / "packed.h5", "a") as file:
        file["x"][1] = value
    with pytest.raises(DifferenceError, match=r"differs at \(1,\)"):
        hdf5_filter.verify(tmp_path / "packed.h5", tmp_path / "a.h5")
    if fill is None:
        return
    with h5py.File(tmp_path / "back.h5", "a") as file:
        file["x"][:] = "q"
    with pytest.raises(FormatError, match="/x: HDF5 cannot read elements that were never written"):
        hdf5_filter.verify(tmp_path / "back.h5", tmp_path / "a.h5")


def test_a_link_to_another_file_is_told(tmp_path: Path) -> None:
    """What it says was compared; where it leads was not looked at."""
    source = tmp_path / "a.h5"
    write_elsewhere(source, "link")
    result = run_here("h5-compress", "--no-tune", source)
    assert f"astrocodec: {source}: the link /link leads to other.h5" in result.stderr.decode()
    assert hdf5_filter.verify(tmp_path / "a.ac.h5", source).checked == "verified"


@pytest.mark.parametrize("path", ["/way", "/soft", "/deep/more/x", "/deep/soft/x", "/way%%0"])
def test_a_virtual_dataset_through_a_link_to_another_file_is_not_checked(tmp_path: Path, path: str) -> None:
    """Its source is said to lie in its own file, and a link there leads out of it."""
    source = tmp_path / "a.h5"
    with h5py.File(source, "w") as file:
        file["image"] = np.zeros((100, 200), "u2")
        file["way"] = file["way%0"] = h5py.ExternalLink("other.h5", "/x")
        file["soft"] = h5py.SoftLink("/way")
        file["deep/more"] = h5py.ExternalLink("other.h5", "/")
        file["deep/soft"] = h5py.SoftLink("more")
        file["circle"] = h5py.SoftLink("circle")
        for name, shows in (("shown", path), ("nothing", "/circle")):
            layout = h5py.VirtualLayout((100, 200), "u2")
            layout[...] = h5py.VirtualSource(".", shows, (100, 200))
            file.create_virtual_dataset(name, layout)
    report = hdf5_filter.compress(source, tmp_path / "b.h5", tune=False)
    assert report.checked == "not checked"
    assert report.elsewhere == ["/shown"]


def test_a_virtual_dataset_without_its_sources_is_not_checked(tmp_path: Path) -> None:
    """It has no elements then, and has them when the sources are back."""
    source = tmp_path / "a.h5"
    with h5py.File(source, "w", libver="latest") as file:
        file["image"] = np.zeros((100, 200), "u2")
        plist = h5p.create(h5p.DATASET_CREATE)
        shown, shows = h5s.create_simple((0, 4), (h5s.UNLIMITED, 4)), h5s.create_simple((1, 4))
        shown.select_hyperslab((0, 0), (h5s.UNLIMITED, 1), (1, 1), (1, 4))
        shows.select_all()
        plist.set_virtual(shown, b"night_%b.h5", b"d", shows)
        h5d.create(file.id, b"all", h5t.NATIVE_UINT16, shown, plist)
    report = hdf5_filter.compress(source, tmp_path / "b.h5", tune=False)
    assert (report.checked, report.elsewhere) == ("not checked", ["/all"])


def test_a_virtual_dataset_of_its_own_file_is_verified(tmp_path: Path) -> None:
    source = tmp_path / "a.h5"
    write_elsewhere(source, "own")
    assert hdf5_filter.compress(source, tmp_path / "b.h5", tune=False).checked == "verified"


@pytest.mark.parametrize("to", ["plain", "gzip"])
def test_our_filter_on_what_varies_in_length(tmp_path: Path, to: Any) -> None:
    """HDF5 does not ask the filter; what it coded comes back, references too."""
    source, packed, back = (tmp_path / name for name in ("a.h5", "b.h5", "c.h5"))
    ours = {"chunks": (10,), "compression": hdf5_filter.AstroCodec()}
    with h5py.File(source, "w") as file:
        file.create_dataset("text", data=["a", "bb"] * 20, **ours)
        made = file.create_dataset("grows", (20,), h5py.vlen_dtype("i4"), maxshape=(None,), **ours)
        made[3] = [1, 2, 3]
        file.create_dataset("refs", (3000,), h5py.vlen_dtype(h5py.ref_dtype), **ours)[2999] = np.array(
            [made.ref], h5py.ref_dtype
        )
        assert hdf5_filter.read_dataset(file["text"], slice(1, 3)).tolist() == [b"bb", b"a"]
        assert hdf5_filter.read_dataset(file["grows"], 3).tolist() == [1, 2, 3]
    expected = contents(source)
    assert hdf5_filter.compress(source, packed, tune=False).checked == "verified"
    for path in (source, packed):
        report = hdf5_filter.decompress(path, back, to=to, overwrite=True)
        assert report.checked == "verified"
        assert [entry.kind for entry in report.datasets] == ["decompressed"] * 3
        assert contents(back) == expected
        with h5py.File(back) as file:
            assert not any(44045 in hdf5_filter.chunked.filter_ids(file[name]) for name in file)
            assert file[file["refs"][2999][0]].name == "/grows"


@pytest.mark.parametrize("shape", [(120, 170), (20000, 20000)], ids=["dense", "sparse"])
def test_our_filter_on_types_that_numpy_has_not(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Other programs code bits, 12-bit integers, odd floats and names that are not UTF-8; every bit comes back."""
    kinds = odd_types()
    two = h5t.create(h5t.COMPOUND, 8)
    for number, name in enumerate((b"caf\xe9", b"b")):
        two.insert(name, 4 * number, h5t.STD_I32LE)
    chosen = {name: kinds[name] for name in ("bits", "twelve_bits", "bfloat16", "enum", "half")} | {"two": two}
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((64, 64))
    plist.set_filter(hdf5_filter.FILTER_ID, h5py.h5z.FLAG_MANDATORY, ())
    space, part = h5s.create_simple(shape), h5s.create_simple((120, 170))
    space.select_hyperslab((0, 0), (120, 170))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, (name, kind) in enumerate(chosen.items()):
            made = h5d.create(file.id, name.encode(), kind, space, plist)
            made.write(part, space, raw_bytes(kind, 120 * 170, number), mtype=kind)
    for to in ("plain", "gzip"):
        back = tmp_path / f"{to}.h5"
        report = hdf5_filter.decompress(tmp_path / "a.h5", back, to=to)
        assert report.checked == "verified"
        assert {entry.kind for entry in report.datasets} == {"decompressed"}
        with h5py.File(back) as file:
            for number, (name, kind) in enumerate(chosen.items()):
                found = np.zeros(120 * 170, f"V{kind.get_size()}")
                made = h5d.open(file.id, name.encode())
                made.read(part, space, found, mtype=made.get_type())
                assert found.tobytes() == raw_bytes(kind, 120 * 170, number).tobytes(), name


def test_what_the_filter_refuses_is_copied(tmp_path: Path) -> None:
    """Two equal members, the second of which lies first."""
    record = h5t.create(h5t.COMPOUND, 8)
    record.insert(b"i", 4, h5t.STD_I32LE)
    record.insert(b"r", 0, h5t.STD_I32LE)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        h5d.create(file.id, b"image", record, h5s.create_simple((100, 200)))
        file["image"][3] = np.ones(200, file["image"].dtype)
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert (report.checked, report.datasets[0].kind) == ("verified", "copied")
    assert report.datasets[0].note.startswith("a compound type cannot be coded unless")
    assert contents(tmp_path / "b.h5") == contents(tmp_path / "a.h5")


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_what_follows_the_end_of_the_file_is_kept(tmp_path: Path, libver: str, userblock: int) -> None:
    """HDF5 does not look at it; programs append logs."""
    source, packed, back = (tmp_path / name for name in ("a.h5", "b.h5", "c.h5"))
    with h5py.File(source, "w", libver=libver, userblock_size=userblock) as file:
        file.create_dataset("image", data=np.zeros((100, 200), "u2"), **OURS)
    assert userblock or hdf5_filter.verify(source).checked != "not checked"
    with source.open("ab") as raw:
        raw.write(b"a log of the night\n")
    assert hdf5_filter.compress(source, packed, tune=False).checked == "verified"
    assert hdf5_filter.verify(packed).checked == "not checked"
    hdf5_filter.decompress(packed, back)
    for path in (packed, back):
        assert path.read_bytes().endswith(b"a log of the night\n")
        for change in (b"a log of the nighT\n", b"a log of the night\n\n", b""):
            hurt = tmp_path / "hurt.h5"
            hurt.write_bytes(path.read_bytes()[: -len(b"a log of the night\n")] + change)
            with pytest.raises(DifferenceError, match="what follows the end"):
                hdf5_filter.verify(hurt, source)


@pytest.mark.parametrize("form", ["attribute", "dataset", "sequence", "member", "array"])
@pytest.mark.parametrize("what", ["cset", "strpad"])
def test_strings_of_varying_length_have_a_character_set(tmp_path: Path, form: str, what: str) -> None:
    """HDF5's own comparison of types passes over it."""
    for name, changed in (("a.h5", False), ("b.h5", True)):
        text = h5t.C_S1.copy()
        text.set_size(h5t.VARIABLE)
        if changed and what == "cset":
            text.set_cset(h5t.CSET_UTF8)
        elif changed:
            text.set_strpad(h5t.STR_SPACEPAD)
        record = h5t.create(h5t.COMPOUND, 32)
        record.insert(b"number", 0, h5t.STD_I32LE)
        record.insert(b"text", 8, text)
        kinds = {"sequence": h5t.vlen_create(text), "member": record, "array": h5t.array_create(text, (2,))}
        with h5py.File(tmp_path / name, "w") as file:
            create = h5a.create if form == "attribute" else h5d.create
            create(file.id, b"x", kinds.get(form, text), h5s.create_simple((2,)))
    assert hdf5_filter.verify(tmp_path / "a.h5", tmp_path / "a.h5").checked == "verified"
    with pytest.raises(DifferenceError, match="is of another type"):
        hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5")


@pytest.mark.parametrize("form", ["compound", "enum", "attribute", "array"])
def test_the_order_of_members_is_compared(tmp_path: Path, form: str) -> None:
    """HDF5 calls such types equal; columns of tables are in this order."""
    for name, order in (("a.h5", [b"a", b"b"]), ("b.h5", [b"b", b"a"])):
        kind = h5t.enum_create(h5t.STD_I32LE) if form == "enum" else h5t.create(h5t.COMPOUND, 8)
        for member in order:
            if form == "enum":
                kind.enum_insert(member, member[0])
            else:
                kind.insert(member, 4 * (member[0] - ord("a")), h5t.STD_I32LE)
        kind = h5t.array_create(kind, (2,)) if form == "array" else kind
        with h5py.File(tmp_path / name, "w") as file:
            create = h5a.create if form == "attribute" else h5d.create
            create(file.id, b"x", kind, h5s.create_simple((2,)))
    assert hdf5_filter.verify(tmp_path / "a.h5", tmp_path / "a.h5").checked == "verified"
    with pytest.raises(DifferenceError, match="is of another type"):
        hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5")


@pytest.mark.parametrize("kind", [65, 200])
def test_links_of_a_kind_of_their_own_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    """Only the program that made them knows what they hold; a copy without them would lack something."""

    class LinkClass(ctypes.Structure):
        _fields_ = [
            ("version", ctypes.c_int),
            ("id", ctypes.c_int),
            ("comment", ctypes.c_char_p),
            *[(name, ctypes.c_void_p) for name in ("create", "move", "copy")],
            ("traverse", ctypes.CFUNCTYPE(ctypes.c_int64)),
            *[(name, ctypes.c_void_p) for name in ("delete", "query")],
        ]

    hdf5 = ctypes.CDLL(h5py.h5p.__file__)
    traverse = ctypes.CFUNCTYPE(ctypes.c_int64)(lambda: -1)
    mine = LinkClass(1, kind, b"mine", None, None, None, traverse, None, None)
    assert hdf5.H5Lregister(ctypes.byref(mine)) >= 0
    zero = ctypes.c_int64(0)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/image"] = np.zeros((100, 200), "u2")
        opened = file["group"].id
        group = ctypes.c_int64(opened.id)
        assert hdf5.H5Lcreate_ud(group, b"mine", ctypes.c_int(kind), b"xyz", ctypes.c_size_t(3), zero, zero) >= 0
    hdf5.H5Lunregister(ctypes.c_int(kind))
    result = run_here("h5-compress", "--no-tune", tmp_path / "a.h5", tmp_path / "b.h5")
    assert result.returncode == 3
    assert f"/group/mine: only the program that made links of kind {kind} can copy them" in result.stderr.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    """Strings in chunks whose filter is missing: HDF5 must decode these chunks to copy them."""
    code = (
        "import h5py, hdf5plugin, numpy as np\n"
        "with h5py.File('a.h5', 'w') as file:\n"
        "    file['image'] = np.zeros((100, 200), 'u2')\n"
        "    file.create_dataset('deep/text', data=['a'] * 9, chunks=(3,), **hdf5plugin.LZ4())\n"
        "    file.create_dataset('deep/numbers', data=np.arange(9000), chunks=(3000,), **hdf5plugin.LZ4())\n"
    )
    pytest.importorskip("hdf5plugin")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    if h5py.h5z.filter_avail(32004):
        pytest.skip("the filter is installed")
    result = run_here("h5-compress", "--no-tune", tmp_path / "a.h5", tmp_path / "b.h5")
    assert result.returncode == 3
    assert b"/deep/text: cannot be copied, so nothing was written" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["deep/text"]
    report = hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5", tune=False)
    assert report.verified
    entry = hdf5_filter.verify(tmp_path / "b.h5").datasets[0]
    assert (entry.name, entry.checked, entry.note) == (
        "/deep/numbers",
        "not checked",
        "its filter 32004 is not installed",
    )
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        mask, chunk = file["deep/numbers"].id.read_direct_chunk((3000,))
        file["deep/numbers"].id.write_direct_chunk((3000,), chunk[:-1] + bytes([chunk[-1] ^ 1]), mask)
    with pytest.raises(DifferenceError, match=r"differs at \(3000,\)"):
        hdf5_filter.verify(tmp_path / "b.h5", tmp_path / "a.h5")


def one(path: Path, libver: str, **options: Any) -> Any:
    """Verify a file of one dataset."""
    data = np.random.default_rng(0).poisson(300, (200, 300)).astype("u2")
    with h5py.File(path, "w", libver=libver) as file:
        file.create_dataset("x", data=options.pop("data", data), **options)
    report = hdf5_filter.verify(path)
    assert report.checked == report.datasets[0].checked
    assert hdf5_filter.verify(path, path).datasets[0].checked == "verified"
    return report.checked


OURS = {"chunks": (100, 100), "compression": hdf5_filter.AstroCodec()}


@pytest.mark.parametrize(
    ("options", "new", "old"),
    [
        (OURS, "checksum ok", "decoded"),
        ({"chunks": (100, 100), "compression": "gzip", "shuffle": True}, "checksum ok", "decoded"),
        ({"chunks": (100, 100), "fletcher32": True}, "checksum ok", "decoded"),
        ({"chunks": (100, 100), "compression": "lzf"}, "decoded", "decoded"),
        ({"chunks": (100, 100), "shuffle": True}, "not checked", "not checked"),
        ({"chunks": (100, 100)}, "not checked", "not checked"),
        ({}, "not checked", "not checked"),
        ({"data": ["a", "b"], "dtype": h5py.string_dtype()}, "decoded", "decoded"),
    ],
    ids=str,
)
def test_nothing_is_called_verified_that_was_not_compared(
    tmp_path: Path, options: dict[str, Any], new: str, old: str
) -> None:
    assert one(tmp_path / "new.h5", "v110", **options) == new
    assert one(tmp_path / "old.h5", "earliest", **options) == old


def test_chunks_that_passed_no_filter_are_not_checked(tmp_path: Path) -> None:
    """An optional filter that fails leaves its chunk as it was, and notes that in the chunk's mask."""
    with h5py.File(tmp_path / "a.h5", "w", libver="v110") as file:
        made = file.create_dataset("x", (100, 200), "u2", chunks=(100, 100), compression="gzip")
        made.id.write_direct_chunk((0, 0), bytes(20000), 1)
    assert hdf5_filter.verify(tmp_path / "a.h5").checked == "not checked"


def long_attribute(file: h5py.File) -> None:
    """Too long for the heap's blocks, and with more than 8 attributes none is in the header."""
    for number in range(12):
        file["x"].attrs[f"k{number}"] = number
    file["x"].attrs["long"] = b"of the night".ljust(5000)


def very_long_attribute(file: h5py.File) -> None:
    """Too long for the header."""
    file["x"].attrs["long"] = np.frombuffer(b"of the night".ljust(80000), "u1")


def long_links(file: h5py.File) -> None:
    """More than 8 links are not in the header."""
    for number in range(12):
        file[f"group/link{number}"] = h5py.SoftLink("of the night" * 500)


def fill_value(file: h5py.File) -> None:
    """No element was written."""
    file.create_dataset("text", (10,), h5py.string_dtype(), chunks=(5,), maxshape=(None,), fillvalue="of the night")


@pytest.mark.parametrize("write", [long_attribute, very_long_attribute, long_links, fill_value])
def test_what_lies_in_heaps_without_checksums_is_only_decoded(
    tmp_path: Path, write: Callable[[h5py.File], None]
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("x", data=np.zeros((100, 200), "u2"), **OURS)
    assert hdf5_filter.verify(path).checked == "checksum ok"
    with h5py.File(path, "a", libver="latest") as file:
        write(file)
    assert hdf5_filter.verify(path).checked == "decoded"
    raw = path.read_bytes()
    assert raw.count(b"of the night") >= 1
    path.write_bytes(raw.replace(b"of the night", b"OF the night"))
    assert hdf5_filter.verify(path).checked == "decoded"


def test_objects_that_share_parts_of_their_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 takes the places of these parts along where it copies types and spaces to another file."""
    hdf5, plist = ctypes.CDLL(h5py.h5p.__file__), h5p.create(h5p.FILE_CREATE)
    one, zero = ctypes.c_uint(1), ctypes.c_uint(0)
    assert hdf5.H5Pset_shared_mesg_nindexes(ctypes.c_int64(plist.id), one) >= 0
    assert hdf5.H5Pset_shared_mesg_index(ctypes.c_int64(plist.id), zero, ctypes.c_uint(31), one) >= 0
    access, opened = h5p.create(h5p.FILE_ACCESS), h5py.File
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    with monkeypatch.context() as patch:
        create = h5py.h5f.create
        patch.setattr(h5py, "File", lambda path, _: opened(create(os.fsencode(path), fcpl=plist, fapl=access)))
        write_oddities(tmp_path / "a.h5")
        with h5py.File(tmp_path / "b.h5", "w") as file:
            file.create_dataset("x", data=np.zeros((100, 200), "u2"), **OURS)
    there_and_back(tmp_path / "a.h5")
    assert hdf5_filter.verify(tmp_path / "b.h5").checked == "decoded"


def test_verify_tells_the_command_line_what_it_checked(tmp_path: Path) -> None:
    for name, libver in (("new.h5", "v110"), ("old.h5", "earliest")):
        one(tmp_path / name, libver, **OURS)
    document = json.loads(succeed_here("verify", "--json", tmp_path / "new.h5", tmp_path / "old.h5"))
    words = {Path(entry["file"]).name: entry["report"]["datasets"][0]["checked"] for entry in document["files"]}
    assert words == {"new.h5": "checksum ok", "old.h5": "decoded"}


def test_flipped_bytes(tmp_path: Path) -> None:
    """An error of ours, or the same contents; in a process of its own, since HDF5 itself reads what is damaged."""
    program = Path(__file__).parents[1] / "hdf5_flips.py"
    result = subprocess.run(
        [sys.executable, program, "30", "1"], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]


def test_damage_around_the_datasets_is_named(tmp_path: Path) -> None:
    """It is the file's, not ours: no internal error."""
    write_oddities(tmp_path / "a.h5", libver="latest")
    with h5py.File(tmp_path / "a.h5") as file:
        at = h5py.h5o.get_info(file["types"].id).addr
    raw = bytearray((tmp_path / "a.h5").read_bytes())
    raw[at + 20] ^= 1
    (tmp_path / "a.h5").write_bytes(raw)
    for call in (
        lambda: hdf5_filter.verify(tmp_path / "a.h5"),
        lambda: hdf5_filter.info(tmp_path / "a.h5"),
        lambda: hdf5_filter.compress(tmp_path / "a.h5", tmp_path / "b.h5"),
    ):
        with pytest.raises((CorruptError, FormatError), match=r"a\.h5: .*checksum"):
            call()
    assert not (tmp_path / "b.h5").exists()


def test_every_odd_type_is_plain_or_coded() -> None:
    """None of them is left out of the files above."""
    assert len(odd_types()) == 20


def test_a_sound_file_is_not_called_verified(tmp_path: Path) -> None:
    """`verified` of a report from Python means that nothing wrong was found; `checked` says how much that is."""
    source, output = tmp_path / "a.h5", tmp_path / "a.ac.h5"
    with h5py.File(source, "w") as file:
        file["x"] = np.random.default_rng(0).poisson(300, (240, 260)).astype("u2")
    assert not hdf5_filter.info(source).verified
    report = hdf5_filter.verify(source)
    assert (report.verified, report.sound, report.checked) == (True, True, "not checked")
    assert report.to_dict()["sound"] is True
    report = hdf5_filter.compress(source, output, tune=False, verify=False)
    assert (report.verified, report.checked) == (False, "not checked")
    assert hdf5_filter.compress(source, output, tune=False, overwrite=True).checked == "verified"


def test_a_dataset_that_cannot_be_read_is_not_sound(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4,))
        plist.set_filter(31999, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(file.id, b"x", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((8,)), plist)
    report = hdf5_filter.verify(tmp_path / "a.h5")
    assert (report.verified, report.sound, report.checked) == (False, False, "not checked")


@pytest.mark.parametrize("codec", ["Zstd()", "SZ3(absolute=0.1)"])
def test_chunks_of_plugins_that_were_read_are_copied(tmp_path: Path, codec: str) -> None:
    """HDF5 broke its memory where it copied a dataset with chunks in its cache: when coding had not made it smaller."""
    pytest.importorskip("hdf5plugin")
    program = (
        "import h5py, hdf5plugin, numpy as np, hdf5_filter\n"
        "with h5py.File('a.h5', 'w') as file:\n"
        "    values = np.random.default_rng(1).normal(300, 10, (128, 128)).astype('f4').round(1)\n"
        f"    file.create_dataset('d', data=values, chunks=(64, 64), **hdf5plugin.{codec})\n"
        "for _ in range(5):\n"
        "    hdf5_filter.compress('a.h5', 'b.h5', tune=False, overwrite=True)\n"
        "    hdf5_filter.decompress('b.h5', 'c.h5', overwrite=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
