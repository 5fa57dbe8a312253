"""What h5py's HDF5 library knows and h5py does not ask it."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

__all__ = ["filters_partial_chunks"]

_DONT_FILTER_PARTIAL_CHUNKS = 2  # H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS


@functools.cache
def _get_chunk_opts(extension: str) -> Any:
    """``H5Pget_chunk_opts`` of the library that an extension module was linked with, None where it does not show."""
    try:
        function = ctypes.CDLL(extension).H5Pget_chunk_opts
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_uint)]
    return function


def filters_partial_chunks(extension: str, plist: int) -> bool | None:
    """
    Tell whether chunks that reach beyond the edge of a dataset pass its filters as others do.

    Parameters
    ----------
    extension : str
        File of an extension module of h5py.
    plist : int
        Identifier of the dataset's creation properties.

    Returns
    -------
    bool or None
        None where the library does not say.
    """
    function = _get_chunk_opts(extension)
    options = ctypes.c_uint()
    if function is None or function(plist, ctypes.byref(options)) < 0:
        return None
    return not options.value & _DONT_FILTER_PARTIAL_CHUNKS
