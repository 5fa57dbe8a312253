"""Codecs that the C library does not have, for its HDF5 filter: it asks Python, where there is one."""

from __future__ import annotations

import _thread
import atexit
import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import _ERRORS, _library
from astrocodec.errors import CodecNotFoundError

_pointer, _size = ctypes.c_void_p, ctypes.c_size_t
_decoder_type = ctypes.CFUNCTYPE(ctypes.c_int, _pointer, _size, _pointer, _size, _pointer, _size)
_library.ac_set_decoder.argtypes = [_pointer]
_library.ac_set_decoder.restype = None
_CORRUPT = 21
_RETURN_SECONDS = 0.05

Decode = Callable[[NDArray[np.uint8]], NDArray[Any]]


def _status_of(error: BaseException) -> int:
    """The number that stands for an exception."""
    return next((status for status, kind in _ERRORS.items() if type(error) is kind), _CORRUPT)


def serve(decode: Decode) -> None:
    """Let the C library decode streams of other codecs by a function, until this process ends.

    It is called in any thread, with h5py's lock held, so it must not use h5py.
    """

    def call(stream: int, length: int, out: int, capacity: int, message: int, room: int) -> int:
        try:
            view = np.ctypeslib.as_array((ctypes.c_uint8 * length).from_address(stream))
            values = np.ascontiguousarray(decode(view))
            if values.nbytes != capacity:
                raise ValueError(f"{values.nbytes} bytes decoded, {capacity} expected")
            ctypes.memmove(out, values.ctypes.data, capacity)
        except BaseException as error:  # none may reach C
            if not isinstance(error, Exception):
                # Ctrl-C, which would be lost in here: it comes again when C has returned, and is no damage.
                threading.Timer(_RETURN_SECONDS, _thread.interrupt_main).start()
                error = CodecNotFoundError("interrupted")
            text = " ".join(str(error).split()).encode("utf-8", "replace")[: max(0, room - 1)] + b"\0"
            ctypes.memmove(message, text, min(len(text), room))
            return _status_of(error)
        return 0

    # C has only the address, and another thread may be inside the one before: none is ever freed.
    _served.append(_decoder_type(call))
    _library.ac_set_decoder(_served[-1])


_served: list[Any] = []
# Chunks may be read after Python has gone, in a program that embeds it.
atexit.register(_library.ac_set_decoder, None)
