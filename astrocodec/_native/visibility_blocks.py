"""Blocks of visibilities by the native library, which decodes them as it does all streams."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import Output, _address, _check, _library
from astrocodec._native.stream import _Array

_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_NO_ROOM = 12
_library.ac_visibility_encode.argtypes = [
    *(ctypes.c_char_p, _size, _pointer, _pointer, _pointer, _pointer, _pointer, _int, _pointer, _pointer, _pointer),
]


def encode_block(
    parameters: bytes,
    values: NDArray[Any],
    classes: NDArray[np.uint8] | None,
    exponents: tuple[NDArray[np.int16], NDArray[np.int16]] | None,
    how: int,
) -> tuple[bytes, NDArray[Any]] | None:
    """Data of a block and what they decode to; None where they would be smaller than a stream may be.

    `classes` are of each sample, the `exponents` of baseline and polarisation, and of channels.
    """
    decoded = np.empty_like(values)
    output = Output()
    of_baselines, of_channels = (None, None) if exponents is None else map(_address, exponents)
    status = _library.ac_visibility_encode(
        *(parameters, len(parameters), ctypes.byref(_Array.of(values)), _address(values)),
        *(None if classes is None else _address(classes), of_baselines, of_channels, how, _address(decoded), None),
        ctypes.byref(output),
    )
    if status == _NO_ROOM:
        return None
    _check(status, "visibilities")
    return output.to_bytes(), decoded
