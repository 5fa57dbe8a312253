"""Blocks of visibilities by the native library, which decodes them as it does all streams."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import Output, _address, _check, _library
from astrocodec._native.stream import _Array, _Threads

_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_NO_ROOM = 12
_library.ac_visibility_encode.argtypes = [
    *(ctypes.c_char_p, _size, _pointer, _pointer, _pointer, _pointer, _pointer, _int, _pointer, _pointer, _pointer),
]
_library.ac_visibility_classify.argtypes = [_pointer] * 7
_library.ac_visibility_measure.argtypes = [_pointer] * 8


def classify(
    values: NDArray[Any], limits: NDArray[np.float64], flags: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint64], int]:
    """Classes of complex samples, how many are coded and not flagged, ``[baseline, freq, pol]``, and how many are not.

    A sample is coded if both parts are below its limit; that of 0 codes none.
    """
    classes, counts, others = np.empty(values.shape, np.uint8), np.zeros(limits.shape, np.uint64), ctypes.c_uint64()
    status = _library.ac_visibility_classify(
        *(ctypes.byref(_Array.of(values)), _address(values), _address(limits)),
        *(None if flags is None else _address(flags), _address(classes), _address(counts), ctypes.byref(others)),
    )
    _check(status, "visibilities")
    return classes, counts, others.value


def measure(
    values: NDArray[Any],
    decoded: NDArray[Any],
    classes: NDArray[np.uint8],
    flags: NDArray[np.bool_] | None,
    noise: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Sums of half the squared errors of each baseline, plain and over the squared noise, and the largest error."""
    sums, largest = np.zeros((values.shape[1], 2)), ctypes.c_double()
    status = _library.ac_visibility_measure(
        *(ctypes.byref(_Array.of(values)), _address(values), _address(decoded), _address(classes)),
        *(None if flags is None else _address(flags), _address(noise), _address(sums), ctypes.byref(largest)),
    )
    _check(status, "visibilities")
    return sums, largest.value


def encode_block(
    parameters: bytes,
    values: NDArray[Any],
    classes: NDArray[np.uint8] | None,
    exponents: tuple[NDArray[np.int16], NDArray[np.int16]] | None,
    how: int,
    workers: int = 1,
) -> tuple[bytes, NDArray[Any]] | None:
    """Data of a block and what they decode to; None where they would be smaller than a stream may be.

    `classes` are of each sample, the `exponents` of baseline and polarisation, and of channels.
    """
    decoded = np.empty_like(values)
    output, threads = Output(), _Threads(workers)
    of_baselines, of_channels = (None, None) if exponents is None else map(_address, exponents)
    status = _library.ac_visibility_encode(
        *(parameters, len(parameters), ctypes.byref(_Array.of(values)), _address(values)),
        *(None if classes is None else _address(classes), of_baselines, of_channels, how, _address(decoded)),
        threads.argument,
        ctypes.byref(output),
    )
    if status == _NO_ROOM:
        return None
    threads.finish(status, "visibilities")
    return output.to_bytes(), decoded
