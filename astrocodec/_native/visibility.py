"""Flags of visibilities by the native library."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import Output, _address, _check, _library
from astrocodec.stages.bitmap import Bitmap

_library.ac_flags_encode.argtypes = [*[ctypes.c_uint64] * 4, ctypes.c_void_p, ctypes.c_void_p]


def encode_flags(bitmap: Bitmap, flags: NDArray[np.bool_]) -> bytes:
    """The data of contiguous flags."""
    output = Output()
    _check(_library.ac_flags_encode(*bitmap, _address(flags), ctypes.byref(output)), "flags")
    return output.to_bytes()
