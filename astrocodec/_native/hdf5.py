"""What h5py's HDF5 library can do and h5py does not ask of it: values in the file's own types, above all."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

__all__ = ["Library", "filters_partial_chunks", "library_of"]

_DONT_FILTER_PARTIAL_CHUNKS = 2  # H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS
_OBJECT, _REGION = 0, 1  # H5R_type_t
_NEW_REGION, _NEW_ATTRIBUTE = 3, 4
_hid, _int, _text, _address = ctypes.c_int64, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
_TOKEN_AT, _INFO_BYTES, _BASIC = 8, 512, 1  # of H5O_info2_t, which begins with a file number and a token


class _GroupInfo(ctypes.Structure):
    """``H5G_info_t``."""

    _fields_ = (
        ("storage", _int),
        ("links", ctypes.c_uint64),
        ("greatest_order", ctypes.c_int64),
        ("mounted", ctypes.c_bool),
    )


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "H5Pget_chunk_opts": (_int, (_hid, ctypes.POINTER(ctypes.c_uint))),
    "H5Pget_shared_mesg_nindexes": (_int, (_hid, ctypes.POINTER(ctypes.c_uint))),
    "H5Pset_shared_mesg_nindexes": (_int, (_hid, ctypes.c_uint)),
    "H5Pget_fill_value": (_int, (_hid, _hid, _address)),
    "H5Pset_fill_value": (_int, (_hid, _hid, _address)),
    "H5Padd_merge_committed_dtype_path": (_int, (_hid, _text)),
    "H5Pget_char_encoding": (_int, (_hid, ctypes.POINTER(_int))),
    "H5Pclose": (_int, (_hid,)),
    "H5Oclose": (_int, (_hid,)),
    "H5Iget_type": (_int, (_hid,)),
    "H5Fget_eoa": (_int, (_hid, ctypes.POINTER(ctypes.c_uint64))),
    "H5Oget_info3": (_int, (_hid, _address, ctypes.c_uint)),
    "H5Oget_comment": (ctypes.c_ssize_t, (_hid, _address, ctypes.c_size_t)),
    "H5Oset_comment": (_int, (_hid, _text)),
    "H5Fset_libver_bounds": (_int, (_hid, _int, _int)),
    "H5Dget_chunk_index_type": (_int, (_hid, ctypes.POINTER(_int))),
    "H5Gget_info": (_int, (_hid, ctypes.POINTER(_GroupInfo))),
    "H5Dread": (_int, (_hid, _hid, _hid, _hid, _hid, _address)),
    "H5Dwrite": (_int, (_hid, _hid, _hid, _hid, _hid, _address)),
    "H5Aread": (_int, (_hid, _hid, _address)),
    "H5Awrite": (_int, (_hid, _hid, _address)),
    "H5Aclose": (_int, (_hid,)),
    "H5Acreate2": (_hid, (_hid, _text, _hid, _hid, _hid, _hid)),
    "H5Aget_create_plist": (_hid, (_hid,)),
    "H5Treclaim": (_int, (_hid, _hid, _hid, _address)),
    "H5Rdereference2": (_hid, (_hid, _hid, _int, _address)),
    "H5Rget_region": (_hid, (_hid, _int, _address)),
    "H5Rcreate": (_int, (_address, _hid, _text, _int, _hid)),
    "H5Rget_type": (_int, (_address,)),
    "H5Rget_file_name": (ctypes.c_ssize_t, (_address, _address, ctypes.c_size_t)),
    "H5Rget_attr_name": (ctypes.c_ssize_t, (_address, _address, ctypes.c_size_t)),
    "H5Ropen_object": (_hid, (_address, _hid, _hid)),
    "H5Ropen_region": (_hid, (_address, _hid, _hid)),
    "H5Rcreate_object": (_int, (_hid, _text, _hid, _address)),
    "H5Rcreate_region": (_int, (_hid, _text, _hid, _hid, _address)),
    "H5Rcreate_attr": (_int, (_hid, _text, _text, _hid, _address)),
    "H5Rdestroy": (_int, (_address,)),
}
_Walk = ctypes.CFUNCTYPE(_int, ctypes.c_uint, _address, _address)


class _Error(ctypes.Structure):
    """``H5E_error2_t``."""

    _fields_ = (
        ("class_id", _hid),
        ("major", _hid),
        ("minor", _hid),
        ("line", ctypes.c_uint),
        ("function", _text),
        ("file", _text),
        ("text", _text),
    )


@functools.cache
def library_of(extension: str) -> Library:
    """Return the HDF5 library that an extension module of h5py, a file, was linked with."""
    return Library(extension)


def filters_partial_chunks(extension: str, plist: int) -> bool:
    """Tell whether chunks beyond the edge of a dataset pass its filters as others do; False where HDF5 does not say."""
    try:
        options = library_of(extension)._number(ctypes.c_uint, "H5Pget_chunk_opts", plist)
    except (OSError, AttributeError):
        return False
    return not options & _DONT_FILTER_PARTIAL_CHUNKS


class Library:
    """
    Functions of one HDF5 library; identifiers are those of h5py's objects, and the caller holds h5py's lock.

    What takes and gives back plain numbers and addresses goes by `call` and the names of HDF5's reference manual.
    """

    def __init__(self, extension: str) -> None:
        self._library = ctypes.CDLL(extension)

    def call(self, function: str, *arguments: Any) -> int:
        """Call a function by its name; where it fails, an OSError has the library's words."""
        entry = getattr(self._library, function)
        entry.restype, entry.argtypes = _FUNCTIONS[function]
        found = int(entry(*arguments))
        if found < 0:
            raise OSError(f"{function} failed: {self._reason()}")
        return found

    def _reason(self) -> str:
        """Return what the library noted of its last failure, the innermost first."""
        texts: list[str] = []

        def note(_number: int, error: int, _data: int) -> int:
            texts.append((_Error.from_address(error).text or b"").decode("utf-8", "replace"))
            return 0

        walk = self._library.H5Ewalk2
        walk.restype, walk.argtypes = _int, (_hid, _int, _Walk, _address)
        walk(0, 0, _Walk(note), None)
        return texts[0] if texts else "no reason given"

    def _number(self, kind: Any, function: str, obj: int) -> int:
        """Return what a function leaves at the address that it is given."""
        found = kind()
        self.call(function, obj, ctypes.byref(found))
        return int(found.value)

    def _text(self, function: str, obj: int) -> bytes:
        """Return a text of a function that gives its length first."""
        buffer = ctypes.create_string_buffer(self.call(function, obj, None, 0) + 1)
        self.call(function, obj, buffer, len(buffer))
        return buffer.value

    def chunk_index(self, dataset: int) -> int:
        """Return the kind of index that a dataset has of its chunks, as ``H5D_chunk_index_t``."""
        return self._number(_int, "H5Dget_chunk_index_type", dataset)

    def group_storage(self, group: int) -> int:
        """Return how a group holds its links, as ``H5G_storage_type_t``."""
        info = _GroupInfo()
        self.call("H5Gget_info", group, ctypes.byref(info))
        return int(info.storage)

    def shares_messages(self, file_plist: int) -> bool:
        """Tell whether objects of a file share parts of their headers."""
        return self._number(ctypes.c_uint, "H5Pget_shared_mesg_nindexes", file_plist) > 0

    def create_attribute_like(self, attribute: int, owner: int, name: bytes, kind: int, space: int) -> None:
        """Create an attribute with the creation properties of another: the character set of its name."""
        plist = self.call("H5Aget_create_plist", attribute)
        try:
            self.call("H5Aclose", self.call("H5Acreate2", owner, name, kind, space, plist, 0))
        finally:
            self.call("H5Pclose", plist)

    def attribute_character_set(self, attribute: int) -> int:
        """Return the character set of an attribute's name, as ``H5T_cset_t``."""
        plist = self.call("H5Aget_create_plist", attribute)
        try:
            return self._number(_int, "H5Pget_char_encoding", plist)
        finally:
            self.call("H5Pclose", plist)

    def address_of(self, obj: int) -> int:
        """Return the address of an object in its file."""
        info = ctypes.create_string_buffer(_INFO_BYTES)
        self.call("H5Oget_info3", obj, info, _BASIC)
        return int.from_bytes(info.raw[_TOKEN_AT : _TOKEN_AT + 8], "little")

    def comment_of(self, obj: int) -> bytes:
        """Return the comment of an object, empty where it has none."""
        return self._text("H5Oget_comment", obj)

    def end_of(self, file: int) -> int:
        """Return the byte at which the part of a file ends that HDF5 uses."""
        return self._number(ctypes.c_uint64, "H5Fget_eoa", file)

    # References of the two old types: an address in the file, or a place in its heap.

    def open_referred(self, file: int, reference: int, *, region: bool) -> int | None:
        """Open the object that the reference at an address leads to, None where there is none any more."""
        try:
            return self.call("H5Rdereference2", file, 0, _REGION if region else _OBJECT, reference)
        except OSError:
            return None

    def region_of(self, file: int, reference: int) -> int:
        """Return the space of a region reference."""
        return self.call("H5Rget_region", file, _REGION, reference)

    def create_reference(self, file: int, path: bytes, reference: int, region: int | None = None) -> None:
        """Let the bytes at an address refer to an object, or to a region of it."""
        kind = _OBJECT if region is None else _REGION
        self.call("H5Rcreate", reference, file, path, kind, -1 if region is None else region)

    # References of the type of HDF5 1.12.

    def refers_to_region(self, reference: int) -> bool:
        """Tell whether a reference leads to a region."""
        return self.call("H5Rget_type", reference) == _NEW_REGION

    def new_reference_texts(self, reference: int) -> tuple[bytes, bytes]:
        """Return the names of file and attribute in a reference, the second empty where there is none."""
        of_attribute = self.call("H5Rget_type", reference) == _NEW_ATTRIBUTE
        attribute = self._text("H5Rget_attr_name", reference) if of_attribute else b""
        return self._text("H5Rget_file_name", reference), attribute

    def open_newly_referred(self, reference: int) -> int | None:
        """Open the object that a reference leads to, None where there is none any more."""
        try:
            return self.call("H5Ropen_object", reference, 0, 0)
        except OSError:
            return None

    def create_new_reference(
        self, file: int, path: bytes, reference: int, region: int | None = None, attribute: bytes = b""
    ) -> None:
        """Let the bytes at an address refer to an object, a region or an attribute of it."""
        if region is not None:
            self.call("H5Rcreate_region", file, path, region, 0, reference)
        elif attribute:
            self.call("H5Rcreate_attr", file, path, attribute, 0, reference)
        else:
            self.call("H5Rcreate_object", file, path, 0, reference)
