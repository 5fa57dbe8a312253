"""HDF5 chunks through the native library: what its filter does, callable outside HDF5 and its lock."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import Fault, Output, _check, _library

_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_values = ctypes.POINTER(ctypes.c_uint)

_library.ac_chunk_encode.argtypes = [_values, _size, _pointer, _size, _pointer]
_library.ac_chunk_size.argtypes = [_values, _size, _pointer, _size, ctypes.POINTER(_size), _pointer]
_library.ac_chunk_decode.argtypes = [_values, _size, _pointer, _size, _pointer, _size, _pointer]
_library.ac_last_error.restype = ctypes.c_char_p
_library.H5PLget_plugin_info.restype = _pointer


def library_path() -> Path:
    """The native library, which is the HDF5 plugin too."""
    return Path(_library._name)


def plugin_info() -> int:
    """Address of the filter's ``H5Z_class2_t``."""
    return int(_library.H5PLget_plugin_info())


def last_error() -> str:
    """Why this thread's last chunk could not be coded, empty if none failed."""
    return bytes(_library.ac_last_error()).decode("utf-8", "replace")


class ChunkCodec:
    """The filter with the values (``cd_values``) of one dataset; may be used by any number of threads at once."""

    def __init__(self, values: Sequence[int]) -> None:
        self._count = len(values)
        self._values = (ctypes.c_uint * max(1, len(values)))(*values)

    def __reduce__(self) -> tuple[type[ChunkCodec], tuple[tuple[int, ...]]]:
        """Copy and pickle the values, not the memory that C reads."""
        return type(self), (tuple(self._values[: self._count]),)

    def encode(self, data: NDArray[np.generic]) -> bytes:
        """Stream of a chunk, given as an array in the file's byte order."""
        data, output = np.require(data, requirements=["C", "A"]), Output()
        status = _library.ac_chunk_encode(
            self._values, self._count, data.ctypes.data, data.nbytes, ctypes.byref(output)
        )
        if status:
            _check(status, last_error())
        return output.to_bytes()

    def size(self, stream: bytes) -> int:
        """Bytes of the chunk that a stream holds."""
        found, fault = _size(), Fault()
        where = stream, len(stream), ctypes.byref(found), ctypes.byref(fault)
        _check(_library.ac_chunk_size(self._values, self._count, *where), "chunk", fault)
        return found.value

    def decode(self, stream: bytes, out: NDArray[np.generic]) -> None:
        """Decode a chunk into an array, in the file's byte order."""
        if not out.flags.writeable:
            raise ValueError("the array to write to is read-only")
        plain, fault = out if out.flags.carray else np.empty(out.shape, out.dtype), Fault()
        where = stream, len(stream), plain.ctypes.data, out.nbytes, ctypes.byref(fault)
        _check(_library.ac_chunk_decode(self._values, self._count, *where), "chunk", fault)
        if plain is not out:
            out[...] = plain
