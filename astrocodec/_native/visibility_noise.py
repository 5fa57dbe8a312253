"""Differences of complex64 visibilities by the native library."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import _address, _library
from astrocodec._native.stream import _Array, _Threads

_pointer, _float, _u32 = ctypes.c_void_p, ctypes.c_float, ctypes.c_uint32
_library.ac_visibility_differences.argtypes = [*[_pointer] * 5, _float, _u32, *[_pointer] * 6]
_library.ac_visibility_profile.argtypes = [*[_pointer] * 5, _float, _u32, *[_pointer] * 4]
_OPERATORS = 7


class Looked(NamedTuple):
    """What of contiguous visibilities is looked at, and a power of two that brings them near 1."""

    values: NDArray[np.complex64]
    flags: NDArray[np.bool_] | None
    times: NDArray[np.uint64]
    baselines: NDArray[np.uint64]
    scale: float

    def arguments(self) -> tuple[Any, ...]:
        """As both functions take it."""
        return (
            *(ctypes.byref(_Array.of(self.values)), _address(self.values)),
            None if self.flags is None else _address(self.flags),
            np.concatenate([self.times, self.baselines]).ctypes.data_as(_pointer),
            (ctypes.c_size_t * 2)(len(self.times), len(self.baselines)),
            self.scale,
        )


def medians(
    looked: Looked, which: int, workers: int, of_all: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.uint64], NDArray[np.bool_], NDArray[np.bool_], float]:
    """Medians and counts ``[operator, baseline, pol]``, which are known, which noiseless, and the median of all."""
    sides = len(looked.baselines), looked.values.shape[3]
    known, noiseless = np.zeros(sides, bool), np.zeros(sides, bool)
    found, counts = np.full((_OPERATORS, *sides), np.nan, np.float32), np.zeros((_OPERATORS, *sides), np.uint64)
    pooled, threads = _float(), _Threads(workers)
    status = _library.ac_visibility_differences(
        *looked.arguments(),
        *(which, _address(noiseless), _address(known), _address(found), _address(counts)),
        *(ctypes.byref(pooled) if of_all else None, threads.argument),
    )
    threads.finish(status, "visibilities")
    return found, counts, known, noiseless, pooled.value


def profile(
    looked: Looked, which: int, length: int, noise: NDArray[np.float32], workers: int
) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """Medians over the noise of baselines, by channel and polarisation, and counts; `length` channels are told of."""
    sides = length, looked.values.shape[3]
    found, counts, threads = np.empty(sides, np.float32), np.empty(sides, np.uint64), _Threads(workers)
    status = _library.ac_visibility_profile(
        *looked.arguments(), *(which, _address(noise), _address(found), _address(counts), threads.argument)
    )
    threads.finish(status, "visibilities")
    return found, counts
