"""Streams by the native library: whole arrays in one call, tiles in threads."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astrocodec._native import _THOROUGH, NativeModel, _address, _check, _library, simd_level
from astrocodec.stages.pixels import DTYPES

_pointer, _size, _int = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_MAX_DIMENSIONS = 32
_task_type = ctypes.CFUNCTYPE(None, _pointer, _size)
_run_type = ctypes.CFUNCTYPE(None, _pointer, _pointer, _pointer, _size)


class _Array(ctypes.Structure):
    _fields_ = (("dtype", ctypes.c_int32), ("ndim", ctypes.c_int32), ("shape", ctypes.c_uint64 * _MAX_DIMENSIONS))


class _Parallel(ctypes.Structure):
    _fields_ = (("run", _run_type), ("pool", _pointer))


class _Choice(ctypes.Structure):
    _fields_ = (("model", _pointer), ("file", ctypes.c_char_p), ("file_length", _size))


class _StreamInfo(ctypes.Structure):
    _fields_ = (
        ("array", _Array),
        ("version", ctypes.c_int32),
        ("modelled", ctypes.c_int32),
        ("low_bits", ctypes.c_int32),
        ("is_whole", ctypes.c_int32),
        ("tile", ctypes.c_uint32 * 2),
        ("fingerprint", ctypes.c_uint8 * 8),
        ("embedded_at", _size),
        ("embedded_length", _size),
        ("header_length", _size),
    )


_library.ac_stream_bound.restype = _size
_library.ac_stream_bound.argtypes = [_pointer]
_library.ac_stream_encode_with.argtypes = [
    *(_pointer, _size, _pointer, _pointer, _pointer, _int, _pointer),
    *(_pointer, _size, _pointer),
]
_library.ac_stream_inspect.argtypes = [_pointer, _size, _pointer]
_library.ac_stream_decode_with.argtypes = [_pointer, _size, _pointer, _size, _pointer, _size, _int, _pointer]


@dataclass(frozen=True)
class StreamHeader:
    """What a header says. `is_whole`: so many bytes can hold such an array; `has_model`: one is in the stream."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    version: int
    is_modelled: bool
    low_bits: int
    is_whole: bool
    tile_shape: tuple[int, int]
    fingerprint: str
    has_model: bool


class _Threads:
    """Runs the tasks of one call of the library in threads; what is raised on the way waits for `finish`."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._raised: list[BaseException] = []
        self._parallel = _Parallel(_run_type(self._run), None) if workers > 1 else None
        self.argument = ctypes.byref(self._parallel) if self._parallel else None

    def _run(self, _: int | None, task: int, work: int, count: int) -> None:
        call = _task_type(task)
        try:
            with ThreadPoolExecutor(min(self._workers, count)) as pool:
                list(pool.map(lambda index: call(work, index), range(count)))
        except BaseException as error:
            self._raised.append(error)

    def finish(self, status: int, what: str) -> None:
        """Raise what was raised in `_run`, or what the status means."""
        self._parallel = None  # it refers to this object
        if self._raised:
            raise self._raised[0]
        _check(status, what)


def _start(data: memoryview) -> int:
    return _address(np.frombuffer(data, np.uint8))


def encode_stream(
    choices: Sequence[tuple[NativeModel, bytes]],
    values: NDArray[np.generic],
    tile_shape: tuple[int, int] | None,
    thorough: bool,
    workers: int,
) -> bytes:
    """Encode a contiguous array of native byte order with the best of several models, each with its embedded bytes."""
    array = _Array(DTYPES.index(values.dtype.str[1:]), values.ndim, values.shape)
    models = (_Choice * len(choices))(*(_Choice(model.handle, file or None, len(file)) for model, file in choices))
    out = np.empty(_library.ac_stream_bound(ctypes.byref(array)), np.uint8)
    length, threads = _size(), _Threads(workers)
    status = _library.ac_stream_encode_with(
        *(models, len(choices), ctypes.byref(array), _address(values)),
        (ctypes.c_uint32 * 2)(*tile_shape) if tile_shape else None,
        simd_level() | (_THOROUGH if thorough else 0),
        threads.argument,
        *(_address(out), out.size, ctypes.byref(length)),
    )
    threads.finish(status, "array")
    return out[: length.value].tobytes()


def inspect_stream(stream: memoryview) -> StreamHeader:
    """The header of a stream."""
    info = _StreamInfo()
    _check(_library.ac_stream_inspect(_start(stream), len(stream), ctypes.byref(info)), "stream")
    return StreamHeader(
        dtype=np.dtype(DTYPES[info.array.dtype]),
        shape=tuple(info.array.shape[: info.array.ndim]),
        version=info.version,
        is_modelled=bool(info.modelled),
        low_bits=info.low_bits,
        is_whole=bool(info.is_whole),
        tile_shape=(info.tile[0], info.tile[1]),
        fingerprint=bytes(info.fingerprint).hex() if info.modelled else "",
        has_model=info.embedded_length > 0,
    )


def decode_stream(stream: memoryview, models: Sequence[NativeModel], out: NDArray[np.generic], workers: int) -> None:
    """Decode a stream into a contiguous array of native byte order, whose size must be right."""
    handles, threads = (_pointer * len(models))(*(model.handle for model in models)), _Threads(workers)
    status = _library.ac_stream_decode_with(
        *(handles, len(models), _start(stream), len(stream)),
        *(_address(out), out.nbytes, simd_level(), threads.argument),
    )
    threads.finish(status, "stream")
